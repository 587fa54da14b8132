//! The native mode of resources into namespaces: every wanted namespace gets what the folder of templates makes of it, and
//! keeps it.

mod act;
mod context;
mod entry;
mod index;
mod kinds;
mod namespace;
mod pace;
mod progress;
mod prune;
mod related;
mod repairs;
mod report;
mod term;

use std::sync::Arc;

use tokio::sync::watch;

use crate::resources::{Current, Rules};
pub(super) use term::run;

/// How objects are applied.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the ResourceSet, and part of our name as the owner of fields.
    pub set: String,
    /// Requests that may be sent in a second.
    pub requests_per_second: u32,
    /// Take over what metacontroller has made.
    pub adopt: bool,
}

/// What the native mode works with.
pub struct Resources {
    /// The set in force.
    pub current: Arc<Current>,
    /// Changes whenever the set in force or the faults of the folder do.
    pub changes: watch::Receiver<()>,
    /// Which namespaces are wanted.
    pub rules: Rules,
    /// How objects are applied.
    pub options: Options,
    /// Becomes true when all namespaces are known for the first time.
    pub filled: watch::Sender<bool>,
}
