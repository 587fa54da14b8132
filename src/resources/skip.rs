//! What a namespace refuses of what may be refused: `stationmaster.dev/skip: Kind/name,…`.

use crate::api::names::annotation;
use crate::template::folder::Pairs;

/// Whether a namespace with these annotations refuses an object. That the object may be refused is for others to say.
pub(super) fn refuses(annotations: &Pairs, kind: &str, name: &str) -> bool {
    let refused = annotations.get(annotation::SKIP).map_or("", String::as_str);
    let mut refused = refused.split(',').filter_map(|entry| entry.trim().split_once('/'));
    refused.any(|entry| entry == (kind, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_kind_and_name() {
        let refuses = |text: &str| {
            let annotations = [(annotation::SKIP.to_owned(), text.to_owned())].into();
            refuses(&annotations, "ConfigMap", "settings")
        };
        for (text, refused) in [
            ("ConfigMap/settings", true),
            ("Secret/a, ConfigMap/settings ,Role/b", true),
            ("ConfigMap/other", false),
            ("Secret/settings", false),
            ("settings", false),
            ("ConfigMap/", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(refuses(text), refused, "{text}");
        }
        assert!(!super::refuses(&Pairs::new(), "ConfigMap", "settings"));
    }
}
