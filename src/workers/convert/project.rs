//! A spec in the words of the other version, as far as that has words for it.

use serde_json::{Map, Value, json};

use super::super::day::Day;
use super::super::subject::Kind;

/// Of a template, what only v1beta1 says; `urls` are said in another way, and `modules` are carried along.
const TEMPLATE: &[&str] = &["compatibilityFlags", "mainModule", "bindings", "routes"];
/// The same beside the template.
const DEPLOYMENT: &[&str] = &["release"];
/// Of a bundle.
const BUNDLE: &[&str] = &[
    "digest",
    "isolation",
    "replicas",
    "ingressClassName",
    "ingressTlsSecret",
    "gateway",
];
/// Of each worker of a bundle.
const WORKER: &[&str] = &["variables", "release", "routes"];
/// Of what the pods of a bundle are made of.
const PODS: &[&str] = &["imagePullPolicy", "configMap", "modules", "resources"];
/// Of an account.
const ACCOUNT: &[&str] = &[
    "delivery",
    "isolation",
    "runtime",
    "domain",
    "ingressClassName",
    "ingressTlsSecret",
    "gateway",
    "replicas",
    "resources",
    "storage",
    "image",
    "quota",
];
/// What v1alpha1 says of a status.
const CONDITIONS: &str = "conditions";

type Members = Map<String, Value>;

/// The template in a spec, if the kind has one.
pub(super) fn template_of(kind: Kind, spec: &Value) -> Option<&Members> {
    match kind {
        Kind::Deployment => spec.get("template")?.as_object(),
        Kind::Release => spec.as_object(),
        Kind::Bundle | Kind::Account => None,
    }
}

/// The same to be changed.
pub(super) fn template_of_mut(kind: Kind, spec: &mut Value) -> Option<&mut Members> {
    match kind {
        Kind::Deployment => spec.get_mut("template")?.as_object_mut(),
        Kind::Release => spec.as_object_mut(),
        Kind::Bundle | Kind::Account => None,
    }
}

/// A spec of v1beta1 without its code, which v1alpha1 carries along.
pub(super) fn without_code(kind: Kind, mut spec: Value) -> Value {
    if let Some(template) = template_of_mut(kind, &mut spec) {
        template.remove("modules");
    }
    spec
}

/// From v1beta1 to v1alpha1.
pub(super) fn down(kind: Kind, spec: &mut Value) {
    if let Some(template) = template_of_mut(kind, spec) {
        drop_from(template, TEMPLATE);
        if let Some(urls) = template.get("urls").and_then(plain_urls) {
            template.remove("urls");
            template.insert("scriptUrls".to_owned(), urls);
        }
    }
    let Some(spec) = spec.as_object_mut() else { return };
    match kind {
        Kind::Deployment => drop_from(spec, DEPLOYMENT),
        Kind::Account => drop_from(spec, ACCOUNT),
        Kind::Bundle => {
            drop_from(spec, BUNDLE);
            let workers = spec.get_mut("workers").and_then(Value::as_array_mut);
            let workers = workers.into_iter().flatten().filter_map(Value::as_object_mut);
            for worker in workers {
                drop_from(worker, WORKER);
            }
            let pods = spec.get_mut("podTemplate").and_then(Value::as_object_mut);
            if let Some(pods) = pods {
                drop_from(pods, PODS);
            }
        }
        Kind::Release => {}
    }
}

/// From v1alpha1 to v1beta1.
pub(super) fn up(kind: Kind, spec: &mut Value) {
    let Some(template) = template_of_mut(kind, spec) else {
        return;
    };
    let day = template
        .get("compatibilityDate")
        .and_then(Value::as_str)
        .and_then(Day::american);
    if let Some(day) = day {
        template.insert("compatibilityDate".to_owned(), day.to_string().into());
    }
    let urls: Vec<_> = ["scriptUrls", "scriptsUrls"]
        .iter()
        .filter_map(|name| template.get(*name)?.as_array().cloned())
        .flatten()
        .collect();
    if !urls.is_empty() && urls.iter().all(Value::is_string) {
        let urls: Value = urls.into_iter().map(|url| json!({"url": url})).collect();
        template.insert("urls".to_owned(), urls);
        drop_from(template, &["scriptUrls", "scriptsUrls"]);
    }
    let limit = template.remove("releaseHistoryLimit");
    if let (Kind::Deployment, Some(limit), Some(spec)) = (kind, limit, spec.as_object_mut()) {
        spec.entry("releaseHistoryLimit").or_insert(limit);
    }
}

/// A status of v1beta1 as v1alpha1 has it: what it knows, and what neither does.
pub(super) fn status_down(status: &mut Value) {
    if let Some(status) = status.as_object_mut() {
        status.retain(|name, _| name == CONDITIONS);
    }
}

/// The URLs alone, where all of them are some.
fn plain_urls(urls: &Value) -> Option<Value> {
    let urls = urls.as_array()?.iter();
    urls.map(|source| source.get("url").filter(|url| url.is_string()).cloned())
        .collect()
}

fn drop_from(members: &mut Members, names: &[&str]) {
    members.retain(|name, _| !names.contains(&name.as_str()));
}
