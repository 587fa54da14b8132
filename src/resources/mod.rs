//! The domain of resources that every wanted namespace gets: what a folder of templates makes of a namespace, and what
//! metacontroller's hooks are answered. Nothing here awaits, reads a clock or reaches outside.
//!
//! [`Set::compile`] reads a folder's files, [`Set::desired`] is what one namespace shall have: a function of the
//! namespace's name, labels and annotations, whoever asks. [`hook`] asks for metacontroller.

mod amounts;
mod cache;
pub mod current;
mod customize;
mod desired;
mod error;
mod generations;
pub mod hook;
mod manifest;
pub mod native;
mod ready;
pub mod selector;
mod set;
mod skip;
mod stored;

use std::sync::Arc;

use crate::template::folder::Pairs;

pub use current::Current;
pub use desired::{Desired, Object};
pub use error::Error;
pub use selector::Selector;
pub use set::{Fault, Options, Set};

pub use crate::template::folder::{Reference, Related};

/// What is known of a namespace when its objects are decided.
#[derive(Debug, Clone, Default)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Pairs,
    /// Its annotations.
    pub annotations: Pairs,
    /// Objects that templates refer to.
    pub related: Arc<Related>,
}

/// Which namespaces want the folder's objects, and what they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// A namespace is wanted when this label is exactly `true`,
    pub label: String,
    /// or when this selector matches.
    pub selector: Option<Selector>,
    /// Whether a Namespace is given the status that it has no field for.
    pub always_status: bool,
}

impl Rules {
    /// Whether a namespace with these labels is wanted; `value` gives the value of a label.
    pub fn want<'v>(&self, value: impl Fn(&str) -> Option<&'v str> + Copy) -> bool {
        let selected = || self.selector.as_ref().is_some_and(|selector| selector.matches(value));
        value(&self.label) == Some("true") || selected()
    }
}
