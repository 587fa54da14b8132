//! What names content by its digest.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What names a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) digest: String,
    pub(super) size: u64,
}

impl Blob {
    pub(super) fn of(content: &[u8]) -> Self {
        Self {
            digest: digest(content),
            size: content.len() as u64,
        }
    }

    pub(super) fn described(descriptor: &Value) -> Option<Self> {
        let digest = descriptor.get("digest")?.as_str()?;
        let hex = digest.strip_prefix("sha256:")?;
        let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = descriptor.get("size")?.as_u64()?;
        is_digest.then(|| Self {
            digest: digest.to_owned(),
            size,
        })
    }

    pub(super) fn descriptor(&self, media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": self.digest, "size": self.size})
    }
}

/// `sha256:…` of some bytes.
pub(super) fn digest(content: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(content) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
