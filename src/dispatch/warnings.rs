//! What will surprise the author of a JobTemplate, though it is no fault. A warning costs attention, so each rule
//! speaks only where something will come out otherwise than it reads.

use serde_json::Value;

use super::containers::{Container, containers};
use super::expansion;
use super::path::{Path, ROOT};

/// Warnings that are shown of one object; kubectl prints each on a line of its own.
const SHOWN: usize = 20;

/// All warnings of a `spec.jobTemplate`.
pub(super) fn warnings(job_template: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    for container in containers(job_template) {
        warnings.extend(expansion::warnings(&container));
        warnings.extend(latest(&container));
    }
    foreign(job_template, &mut Path::new(ROOT), &mut warnings);
    let more = warnings.len().saturating_sub(SHOWN);
    warnings.truncate(SHOWN);
    if more > 0 {
        warnings.push(format!("and {more} warnings more"));
    }
    warnings
}

/// Always pulling what `:latest` means at that moment: two executions may run different images. Where the policy is
/// only Kubernetes' default, the author has not asked for it and other rules of the cluster speak.
fn latest(container: &Container<'_>) -> Option<String> {
    let image = container.text("image")?;
    let always = container.text("imagePullPolicy") == Some("Always");
    (always && is_latest(image)).then(|| {
        format!(
            "{}.image: \"{image}\" with imagePullPolicy Always may be another image for each execution: name a version",
            container.field
        )
    })
}

fn is_latest(image: &str) -> bool {
    if image.is_empty() || image.contains('@') || image.contains("{{") {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

/// Strings in another template language.
fn foreign(value: &Value, path: &mut Path, warnings: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let language = language(text);
            warnings.extend(language.map(|language| {
                format!("{path}: looks like {language}, but strings here are Go templates, as in {{{{ .Payload }}}}")
            }));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.at(index, |path| foreign(item, path, warnings));
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                path.member(key, |path| foreign(member, path, warnings));
            }
        }
        _ => {}
    }
}

fn language(text: &str) -> Option<&'static str> {
    let pair = |open: &str, close: &str| {
        let inside = text.find(open).map(|at| &text[at + open.len()..]);
        inside.is_some_and(|inside| inside.contains(close))
    };
    if pair("{%", "%}") || pair("{# ", " #}") {
        return Some("Jinja");
    }
    let open = |mark: &str| {
        text.match_indices(mark)
            .any(|(at, _)| !text[at + mark.len()..].starts_with('*'))
    };
    ["{{#", "{{/", "{{>", "{{!", "{{^", "{{&", "{{{"]
        .into_iter()
        .any(open)
        .then_some("handlebars")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(container: &Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    }

    #[test]
    fn names_an_image_that_changes_under_an_explicit_always() {
        let cases = [
            ("alpine:latest", true),
            ("alpine", true),
            ("registry:5000/alpine", true),
            ("registry:5000/alpine:latest", true),
            ("alpine:3.20", false),
            ("registry:5000/alpine:3.20", false),
            ("alpine@sha256:0123", false),
            ("alpine:latest@sha256:0123", false),
            ("{{ .Payload }}", false),
            ("alpine:{{ .Payload }}", false),
            ("", false),
        ];
        for (image, expected) in cases {
            let warned = warnings(&pod(&json!({"image": image, "imagePullPolicy": "Always"})));
            assert_eq!(!warned.is_empty(), expected, "{image}: {warned:?}");
            for policy in [json!("IfNotPresent"), Value::Null] {
                let warned = warnings(&pod(&json!({"image": image, "imagePullPolicy": policy})));
                assert_eq!(warned, Vec::<String>::new(), "{image} {policy}");
            }
        }
    }

    #[test]
    fn says_where_the_image_is() {
        let tree = json!({"spec": {"template": {"spec": {"initContainers": [
            {"image": "a:1", "imagePullPolicy": "Always"}, {"image": "a", "imagePullPolicy": "Always"}]}}}});
        assert_eq!(
            warnings(&tree),
            [
                "spec.jobTemplate.spec.template.spec.initContainers[1].image: \"a\" with imagePullPolicy Always may be another \
              image for each execution: name a version"
            ]
        );
    }

    #[test]
    fn knows_other_template_languages() {
        let cases = [
            ("{% if x %}", Some("Jinja")),
            ("{# note #}", Some("Jinja")),
            ("{{#if x}}a{{/if}}", Some("handlebars")),
            ("{{> part}}", Some("handlebars")),
            ("{{!-- note --}}", Some("handlebars")),
            ("{{^x}}", Some("handlebars")),
            ("{{{ x }}}", Some("handlebars")),
            ("{{ .Payload }}", None),
            ("{{/* note */}}", None),
            ("{{- /* note */ -}}", None),
            ("date +%s{", None),
            ("${#array[@]} #}", None),
            ("100%}", None),
            ("{%", None),
        ];
        for (text, expected) in cases {
            assert_eq!(language(text), expected, "{text}");
        }
    }

    #[test]
    fn says_where_the_foreign_string_is() {
        let tree = json!({"metadata": {"annotations": {"a.b/c": "{% if x %}"}}});
        assert_eq!(
            warnings(&tree),
            [
                "spec.jobTemplate.metadata.annotations[a.b/c]: looks like Jinja, but strings here are Go templates, as in {{ .Payload }}"
            ]
        );
    }

    #[test]
    fn shows_a_bounded_number() {
        let warned = warnings(&json!(vec!["{% a %}"; 25]));
        assert_eq!(warned.len(), 21);
        assert_eq!(warned[20], "and 5 warnings more");
    }

    #[test]
    fn bears_any_shape() {
        let odd = json!({"spec": {"template": {"spec": {"containers": {"a": 1}, "initContainers": [1, null, {"command": 1}]}}}});
        for tree in [json!(null), json!([]), json!({"spec": 1}), odd] {
            assert_eq!(warnings(&tree), Vec::<String>::new(), "{tree}");
        }
    }
}
