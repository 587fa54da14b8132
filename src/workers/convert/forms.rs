//! How a v1alpha1 object said what v1beta1 says in one way alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::day::Day;
use super::super::subject::Kind;
use super::project::template_of;

const DATE: &str = "compatibilityDate";
const URLS: &str = "scriptUrls";
const OTHER_URLS: &str = "scriptsUrls";
const LIMIT: &str = "releaseHistoryLimit";

/// What was said in another form.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Forms {
    /// `MM/DD/YYYY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    compatibility_date: Option<String>,
    /// URLs by the name that the first type had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scripts_urls: Vec<Value>,
    /// The limit in the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    template_limit: Option<Value>,
    /// Beside the template there was one too, which counts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_both: bool,
}

impl Forms {
    /// What a spec of v1alpha1 says in another form than v1beta1 will.
    pub(super) fn of(kind: Kind, spec: &Value) -> Self {
        let Some(template) = template_of(kind, spec) else {
            return Self::default();
        };
        let date = template.get(DATE).and_then(Value::as_str);
        let urls = template.get(OTHER_URLS).and_then(Value::as_array);
        Self {
            compatibility_date: date.filter(|date| Day::american(date).is_some()).map(str::to_owned),
            scripts_urls: urls.cloned().unwrap_or_default(),
            template_limit: template.get(LIMIT).cloned(),
            has_both: kind == Kind::Deployment && template.contains_key(LIMIT) && spec.get(LIMIT).is_some(),
        }
    }

    /// As an annotation has it; none where everything was said as v1beta1 says it.
    pub(super) fn text(&self) -> Option<String> {
        let is_plain = *self == Self::default();
        serde_json::to_string(self).ok().filter(|_| !is_plain)
    }

    /// Says in a spec of v1alpha1 what it said, where that still means the same.
    pub(super) fn restore(self, kind: Kind, spec: &mut Value) {
        let limit = (kind == Kind::Deployment).then(|| spec.get(LIMIT).cloned()).flatten();
        let Some(template) = super::project::template_of_mut(kind, spec) else {
            return;
        };
        let day = template.get(DATE).and_then(Value::as_str).and_then(Day::iso);
        if let Some(date) = self
            .compatibility_date
            .filter(|date| day.is_some() && Day::american(date) == day)
        {
            template.insert(DATE.to_owned(), date.into());
        }
        let urls = template.get_mut(URLS).and_then(Value::as_array_mut);
        if let Some(urls) = urls.filter(|urls| !self.scripts_urls.is_empty() && urls.ends_with(&self.scripts_urls)) {
            let others = urls.split_off(urls.len() - self.scripts_urls.len());
            if urls.is_empty() {
                template.remove(URLS);
            }
            template.insert(OTHER_URLS.to_owned(), others.into());
        }
        let Some(in_template) = self.template_limit else { return };
        if kind == Kind::Release || self.has_both {
            template.insert(LIMIT.to_owned(), in_template);
        } else if let Some(limit) = limit {
            template.insert(LIMIT.to_owned(), limit);
            if let Some(spec) = spec.as_object_mut() {
                spec.remove(LIMIT);
            }
        }
    }
}
