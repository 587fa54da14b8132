//! How single flags are read: booleans as Go's `flag` package reads them, keys as Kubernetes does.

use crate::api::{key, text};

/// Go's `strconv.ParseBool`.
pub(super) fn go_bool(text: &str) -> Result<bool, String> {
    text::go_bool(text).ok_or_else(|| "say true or false".to_owned())
}

/// Key of a label.
pub(super) fn label_key(text: &str) -> Result<String, String> {
    checked(text, key::is_label_key(text))
}

/// Key of an annotation.
pub(super) fn annotation_key(text: &str) -> Result<String, String> {
    checked(text, key::is_annotation_key(text))
}

fn checked(text: &str, is_key: bool) -> Result<String, String> {
    let refused = || "say NAME or DOMAIN/NAME, of letters, digits, - _ and .".to_owned();
    is_key.then(|| text.to_owned()).ok_or_else(refused)
}
