//! The JobExecution that one call of the execute endpoint creates. Its name is fixed before the create, so that a
//! repeated create meets itself.

use serde_json::{Value, json};

use super::name::EXECUTION_NAME_BYTES;
use crate::api::dispatch::view::JobTemplate;
use crate::api::names::{DISPATCH_GROUP, annotation};

/// Random characters at the end of a name: 2·10¹⁴ names for each template.
const RANDOM_CHARACTERS: usize = 10;
/// What is left of the template's name.
const PREFIX_BYTES: usize = EXECUTION_NAME_BYTES - 1 - RANDOM_CHARACTERS;
/// Kubernetes' own choice for drawn names: no vowels, so no words, and nothing that is easily misread.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Stands for the UID that the API server draws when it stores an execution. What a template makes of `.UID`, and of
/// the random functions that it seeds, is known only then.
pub const UNKNOWN_UID: &str = "00000000-0000-0000-0000-000000000000";

/// The name of an execution: the template's, cut to fit, and random characters.
#[must_use]
pub fn name(template: &str, mut random: u64) -> String {
    let mut prefix = template;
    if let Some((end, _)) = template.char_indices().find(|(at, c)| at + c.len_utf8() > PREFIX_BYTES) {
        prefix = &template[..end];
    }
    // A cut may end where no name may have a dash.
    let mut name = prefix.trim_end_matches(['-', '.']).to_owned();
    name.push('-');
    for _ in 0..RANDOM_CHARACTERS {
        let letters = ALPHABET.len() as u64;
        name.push(char::from(
            ALPHABET[usize::try_from(random % letters).unwrap_or_default()],
        ));
        random /= letters;
    }
    name
}

/// The object to create, with the template's labels. The nonce tells it from any other of the same name.
#[must_use]
pub fn execution(template: &JobTemplate, name: &str, nonce: &str, payload: &str) -> Value {
    let metadata = &template.metadata;
    json!({
        "apiVersion": format!("{DISPATCH_GROUP}/v1beta1"),
        "kind": "JobExecution",
        "metadata": {
            "name": name,
            "namespace": metadata.namespace,
            "labels": metadata.labels.clone().unwrap_or_default(),
            "annotations": {annotation::NONCE: nonce},
        },
        "spec": {"jobTemplateName": metadata.name, "payload": payload},
    })
}

#[cfg(test)]
mod tests {
    use super::super::name::is_subdomain;
    use super::*;

    fn template(metadata: &Value) -> JobTemplate {
        serde_json::from_value(json!({ "metadata": metadata })).expect("the fixture is a template")
    }

    #[test]
    fn the_whole_object() {
        let labelled =
            json!({"name": "sample", "namespace": "here", "labels": {"team": "a"}, "annotations": {"x": "y"}});
        let expected = json!({
            "apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobExecution",
            "metadata": {"name": "sample-1", "namespace": "here", "labels": {"team": "a"},
                "annotations": {"dispatch.stationmaster.dev/nonce": "n"}},
            "spec": {"jobTemplateName": "sample", "payload": "{\"a\":\n1}"},
        });
        assert_eq!(
            execution(&template(&labelled), "sample-1", "n", "{\"a\":\n1}"),
            expected
        );
    }

    #[test]
    fn a_template_without_labels_gives_none() {
        let made = execution(&template(&json!({"name": "sample", "namespace": "here"})), "a", "n", "");
        assert_eq!(made["metadata"]["labels"], json!({}));
    }

    #[test]
    fn names_are_valid_whatever_is_cut() {
        let cases = [
            ("sample".to_owned(), "sample-bbbbbbbbbb".to_owned()),
            ("a".repeat(52), format!("{}-bbbbbbbbbb", "a".repeat(52))),
            ("a".repeat(53), format!("{}-bbbbbbbbbb", "a".repeat(52))),
            (
                format!("{}.b", "a".repeat(51)),
                format!("{}-bbbbbbbbbb", "a".repeat(51)),
            ),
            (
                format!("{}--b", "a".repeat(50)),
                format!("{}-bbbbbbbbbb", "a".repeat(50)),
            ),
        ];
        for (template, expected) in cases {
            let name = name(&template, 0);
            assert!(is_subdomain(&name) && name.len() <= 63, "{name}");
            assert_eq!(name, expected);
        }
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(name(&"ä".repeat(27), 0), format!("{}-bbbbbbbbbb", "ä".repeat(26)));
        assert_eq!(
            name(&format!("a{}", "ä".repeat(26)), 0),
            format!("a{}-bbbbbbbbbb", "ä".repeat(25))
        );
    }

    #[test]
    fn each_random_number_has_a_name() {
        assert_eq!(name("a", 1), "a-cbbbbbbbbb");
        assert_eq!(name("a", 27), "a-bcbbbbbbbb");
        assert_ne!(name("a", u64::MAX), name("a", u64::MAX - 1));
    }
}
