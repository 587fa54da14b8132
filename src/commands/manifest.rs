//! Manifests as files: read as kubectl reads them, several documents and lists included, and printed.

use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::cli::OutputFormat;

/// All objects of a file, or of standard input.
///
/// # Errors
/// When the file cannot be read, or holds neither JSON nor YAML.
pub(super) fn objects(file: &Path) -> anyhow::Result<Vec<Value>> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let documents = documents(&text).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(documents.into_iter().flat_map(items).collect())
}

fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    // JSON is YAML too, but reviews can be larger than the YAML reader takes.
    let json: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    if let Ok(documents) = json {
        return Ok(documents);
    }
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    Ok(serde_saphyr::from_multiple_with_options(text, options)?)
}

/// The objects of a `List`, as `kubectl get -o yaml` prints several.
fn items(mut document: Value) -> Vec<Value> {
    let list = document["kind"] == "List";
    let items = document.get_mut("items").and_then(Value::as_array_mut);
    match items.filter(|_| list) {
        Some(items) => std::mem::take(items),
        None => vec![document],
    }
}

/// Prints one object.
///
/// # Errors
/// When standard output is closed.
pub(super) fn print(object: &Value, format: OutputFormat) -> anyhow::Result<()> {
    let text = match format {
        OutputFormat::Json => format!("{object:#}\n"),
        OutputFormat::Yaml => super::crds::yaml(object)?,
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_documents_and_lists_of_both_notations() {
        let a_and_b = [json!({"a": 1}), json!({"b": "x: y"})];
        let cases = [
            r#"{"a": 1} {"b": "x: y"}"#,
            "a: 1\n---\nb: 'x: y'\n",
            "# comment\n---\na: 1\n---\n---\nb: 'x: y'\n",
            "kind: List\nitems:\n- a: 1\n- b: 'x: y'\n",
        ];
        for text in cases {
            let objects: Vec<_> = documents(text).expect("is YAML").into_iter().flat_map(items).collect();
            assert_eq!(objects, a_and_b, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_kubectl_reads_them() {
        assert_eq!(documents("mode: 0644").expect("is YAML"), [json!({"mode": 420})]);
    }

    #[test]
    fn an_object_with_items_is_no_list() {
        for object in [
            json!({"kind": "ConfigMap", "items": [1]}),
            json!({"kind": "List", "items": 1}),
            json!("text"),
        ] {
            assert_eq!(items(object.clone()), [object]);
        }
    }

    #[test]
    fn says_where_it_is_no_yaml() {
        let error = documents("a: {{ .Payload }}\n").expect_err("braces need quotes");
        assert!(format!("{error:#}").contains("line 1"), "{error:#}");
    }
}
