//! What a manifest asks for: WorkerDeployments with their code, and the variables that hold their secrets.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use serde_json::Value;

use crate::api::names::WORKER_DEPLOYMENT_GROUP;
use crate::api::workers::{Binding, WorkerDeploymentSpec, WorkerTemplate};
use crate::workers::code::Code;
use crate::workers::prefix::env_prefix;

/// A worker that can be run.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) template: WorkerTemplate,
    pub(super) code: Code,
    pub(super) prefix: String,
    /// Keys of its `secretRef`.
    pub(super) secret_keys: Vec<String>,
    /// What holds its secrets, by name.
    pub(super) variables: BTreeMap<String, String>,
}

/// Every worker of the objects, in their order.
///
/// # Errors
/// There is none, or one of them cannot be run here; the text says which and why.
pub(super) fn wanted(objects: &[Value]) -> anyhow::Result<Vec<Wanted>> {
    let secrets = secrets(objects)?;
    let mut all: Vec<Wanted> = Vec::new();
    for template in templates(objects)? {
        let name = template.script_name.clone();
        let one = one(template, &secrets).with_context(|| format!("worker {name}"))?;
        if let Some(other) = all.iter().find(|other| other.prefix == one.prefix) {
            let other = &other.template.script_name;
            bail!("workers {other} and {name} would have the same variables: rename one");
        }
        all.push(one);
    }
    if all.is_empty() {
        bail!("there is no WorkerDeployment of {WORKER_DEPLOYMENT_GROUP} in the manifest");
    }
    Ok(all)
}

fn templates(objects: &[Value]) -> anyhow::Result<Vec<WorkerTemplate>> {
    let mut templates = Vec::new();
    for object in objects.iter().filter(|object| object["kind"] == "WorkerDeployment") {
        let version = object["apiVersion"]
            .as_str()
            .and_then(|version| version.split_once('/'));
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        match version {
            Some((WORKER_DEPLOYMENT_GROUP, "v1beta1")) => {
                let spec = WorkerDeploymentSpec::deserialize(&object["spec"]);
                let spec = spec.with_context(|| format!("WorkerDeployment {name} cannot be decoded"))?;
                templates.push(spec.template);
            }
            // All that it can say of code is URLs.
            Some((WORKER_DEPLOYMENT_GROUP, _)) => {
                bail!("WorkerDeployment {name} names URLs, which take a cluster: write it as v1beta1, with `modules`")
            }
            _ => {}
        }
    }
    Ok(templates)
}

fn one(template: WorkerTemplate, secrets: &Secrets) -> anyhow::Result<Wanted> {
    if !template.urls.is_empty() {
        bail!("`urls` take a cluster: put the code in `modules`");
    }
    let code = Code::inline(&template)?;
    let prefix = env_prefix(&template.script_name);
    let (mut secret_keys, mut variables) = (Vec::new(), BTreeMap::new());
    if let Some(name) = &template.secret_ref {
        for key in secret(secrets, name)?.keys() {
            secret_keys.push(key.clone());
            variables.insert(format!("{prefix}{key}"), value(secrets, name, key)?);
        }
    }
    for binding in &template.bindings {
        if let Some(value) = of_binding(binding, template.secret_ref.as_deref(), secrets)? {
            variables.insert(format!("{prefix}{}", binding.name), value);
        }
    }
    Ok(Wanted {
        template,
        code,
        prefix,
        secret_keys,
        variables,
    })
}

/// The value of a binding to one key of a Secret.
fn of_binding(binding: &Binding, secret_ref: Option<&str>, secrets: &Secrets) -> anyhow::Result<Option<String>> {
    let Some(reference) = &binding.secret else {
        return Ok(None);
    };
    let name = reference.name.as_deref().or(secret_ref);
    let name = name.with_context(|| format!("binding {} names no Secret, nor does `secretRef`", binding.name))?;
    let key = reference.key.as_deref().unwrap_or(&binding.name);
    value(secrets, name, key).map(Some)
}

/// Values of Secrets by name and key.
type Secrets = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// What a variable can hold.
fn value(secrets: &Secrets, name: &str, key: &str) -> anyhow::Result<String> {
    let bytes = secret(secrets, name)?.get(key);
    let bytes = bytes.with_context(|| format!("Secret {name} has no key {key}"))?;
    let text = String::from_utf8(bytes.clone())
        .ok()
        .filter(|text| !text.contains('\0'));
    text.with_context(|| format!("key {key} of Secret {name} is no text"))
}

fn secret<'a>(secrets: &'a Secrets, name: &str) -> anyhow::Result<&'a BTreeMap<String, Vec<u8>>> {
    secrets
        .get(name)
        .with_context(|| format!("there is no Secret {name} in the manifest: add it"))
}

fn secrets(objects: &[Value]) -> anyhow::Result<Secrets> {
    let mut secrets = Secrets::new();
    for object in objects {
        if object["kind"] != "Secret" || object["apiVersion"] != "v1" {
            continue;
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        // What is wrong with one is not said: it could be its content.
        let Ok(secret) = serde_json::from_value::<Secret>(plain(object)) else {
            bail!("Secret {name} cannot be decoded");
        };
        let data = secret.data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0));
        let texts = secret.string_data.into_iter().flatten();
        let texts = texts.map(|(key, text)| (key, text.into_bytes()));
        secrets.insert(name.to_owned(), data.chain(texts).collect());
    }
    Ok(secrets)
}

/// In lines too, as `base64` on a terminal writes it.
fn plain(object: &Value) -> Value {
    let mut object = object.clone();
    for value in object["data"]
        .as_object_mut()
        .into_iter()
        .flat_map(|data| data.values_mut())
    {
        if let Some(text) = value.as_str() {
            *value = text.split_ascii_whitespace().collect::<String>().into();
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(script: &str, more: &Value) -> Value {
        let mut template = json!({
            "scriptName": script, "compatibilityDate": "2026-01-01",
            "modules": [{"name": "index.js", "text": "export default {}"}],
        });
        for (field, value) in more.as_object().unwrap() {
            template[field] = value.clone();
        }
        json!({
            "apiVersion": "api.worker-deployment/v1beta1", "kind": "WorkerDeployment", "metadata": {"name": script},
            "spec": {"template": template},
        })
    }

    fn secret() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"A": "b25l\n"}, "stringData": {"B": "two"},
        })
    }

    fn fault(objects: &[Value]) -> String {
        format!("{:#}", wanted(objects).unwrap_err())
    }

    #[test]
    fn secrets_become_variables_behind_the_prefix() {
        let bindings = json!([{"name": "C", "secret": {"key": "B"}}, {"name": "A", "secret": {"name": "s"}}]);
        let worker = deployment("my-worker", &json!({"secretRef": "s", "bindings": bindings}));
        let wanted = wanted(&[worker, secret()]).unwrap();
        let variables: Vec<_> = wanted[0]
            .variables
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(
            variables,
            [("MY_WORKER_A", "one"), ("MY_WORKER_B", "two"), ("MY_WORKER_C", "two")]
        );
        assert_eq!(wanted[0].secret_keys, ["A", "B"]);
        assert_eq!(wanted[0].code.modules.len(), 1);
    }

    #[test]
    fn what_cannot_be_run_here_is_named() {
        let urls = json!({"modules": [], "urls": [{"url": "https://example.com/a.js"}]});
        let lost = json!({"secretRef": "lost"});
        let no_key = json!({"bindings": [{"name": "X", "secret": {"name": "s"}}]});
        let none = json!({"bindings": [{"name": "X", "secret": {}}]});
        let mut old = deployment("a", &json!({}));
        old["apiVersion"] = json!("api.worker-deployment/v1alpha1");
        let mut binary = secret();
        binary["data"]["A"] = json!("/w==");
        for (objects, expected) in [
            (vec![secret()], "there is no WorkerDeployment"),
            (vec![old], "v1beta1"),
            (vec![deployment("a", &urls)], "worker a: `urls` take a cluster"),
            (vec![deployment("a", &lost)], "there is no Secret lost"),
            (vec![secret(), deployment("a", &no_key)], "Secret s has no key X"),
            (vec![deployment("a", &none)], "names no Secret"),
            (
                vec![deployment("a", &json!({"modules": []}))],
                "worker a: there is no module",
            ),
            (
                vec![deployment("a-b", &json!({})), deployment("a_b", &json!({}))],
                "workers a-b and a_b",
            ),
            (
                vec![binary, deployment("a", &json!({"secretRef": "s"}))],
                "key A of Secret s is no text",
            ),
            (
                vec![json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": 1})],
                "Secret s",
            ),
        ] {
            let fault = fault(&objects);
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
