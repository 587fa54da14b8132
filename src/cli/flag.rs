//! How single flags are read: booleans as Go's `flag` package reads them.

use crate::api::text;

/// Go's `strconv.ParseBool`.
pub(super) fn go_bool(text: &str) -> Result<bool, String> {
    text::go_bool(text).ok_or_else(|| "say true or false".to_owned())
}
