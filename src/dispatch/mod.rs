//! The domain of JobTemplates and JobExecutions: decisions only. Nothing here awaits, reads a clock or reaches outside.

mod argument;
pub mod cache;
pub mod compiled;
mod containers;
pub mod convert;
pub mod default;
pub mod execution;
mod expansion;
#[cfg(test)]
mod fixture;
pub mod job;
pub mod name;
mod path;
pub mod payload;
pub mod status;
mod subject;
pub mod transition;
pub mod validate;
mod view;
mod warnings;
pub mod withheld;

use std::collections::BTreeMap;

/// Bounds that the command line sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest payload of an execution, in bytes of text.
    pub payload_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: 256 * 1024,
        }
    }
}

/// Why nothing can be decided about a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The webhook was registered for a kind that is not ours.
    #[error(
        "stationmaster has no rules for {kind} of {api_version}, only for JobTemplate and JobExecution of \
         dispatcher.ivan.vc, v1alpha1 and v1beta1: correct the rules of the webhook configuration"
    )]
    UnknownKind {
        /// `Pod`.
        kind: String,
        /// `v1`.
        api_version: String,
    },
    /// The object is not what its kind says; a schema would have refused it before.
    #[error("the object cannot be decoded: {0}")]
    Undecodable(#[from] serde_json::Error),
}

/// What is known about JobTemplates while an execution is admitted: memory only, never a call.
pub trait Templates {
    /// The labels of a template.
    fn labels(&self, namespace: &str, name: &str) -> Lookup;
}

/// The answer about one template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The store is not filled yet, or there is none: nothing can be said.
    Unfilled,
    /// The store is filled and has no such template.
    Missing,
    /// The template is there, with these labels.
    Found(BTreeMap<String, String>),
}

/// Without an API server nothing is known about any template.
impl Templates for () {
    fn labels(&self, _: &str, _: &str) -> Lookup {
        Lookup::Unfilled
    }
}
