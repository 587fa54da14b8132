//! What templates are rendered with: a namespace's name, labels and annotations, in the form that each engine wants.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use handlebars::Context;
use minijinja::value::Serde;
use serde_json::{Value, json};

use super::record;
use super::related::Related;

/// Names and values of the labels or annotations of one object.
pub type Pairs = BTreeMap<String, String>;

/// One namespace, ready for every template of a folder.
#[derive(Debug)]
pub struct Input {
    context: Context,
    jinja: OnceLock<minijinja::Value>,
    pub(super) related: Arc<Related>,
    /// In none of the values.
    pub(super) mark: char,
    pub(super) probing: bool,
}

impl Input {
    /// A namespace by what templates may say of it.
    #[must_use]
    pub fn new(namespace: &str, labels: &Pairs, annotations: &Pairs, related: Arc<Related>) -> Self {
        let pairs = labels.iter().chain(annotations);
        let own = pairs.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let mark = record::mark(own.chain([namespace]).chain(related.texts()));
        let values = json!({"NAMESPACE": namespace, "LABELS": labels, "ANNOTATIONS": annotations});
        Self {
            context: Context::from(values),
            jinja: OnceLock::new(),
            related,
            mark,
            probing: false,
        }
    }

    /// Nobody's namespace, on which these labels and annotations have values.
    pub(super) fn probe(names: &[&str]) -> Self {
        let pairs: Pairs = names
            .iter()
            .map(|name| ((*name).to_owned(), "probe".to_owned()))
            .collect();
        Self {
            probing: true,
            ..Self::new("probe", &pairs, &pairs, Arc::default())
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn jinja(&self) -> &minijinja::Value {
        let value = || minijinja::Value::from(Serde(self.context.data().clone()));
        self.jinja.get_or_init(value)
    }

    /// The values as one tree.
    #[must_use]
    pub fn values(&self) -> &Value {
        self.context.data()
    }
}
