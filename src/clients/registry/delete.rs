//! What nobody needs any more goes, where a registry lets it.

use hyper::http::StatusCode;
use oci_client::errors::{OciEnvelope, OciErrorCode};

use super::error::{Fault, Verb};
use super::{Registries, RegistryError, done, parsed_digest};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is not there, or no longer.
    Gone,
    /// The registry does not delete; its operator does.
    Unsupported,
}

impl Registries {
    /// Deletes an image that is named by its digest.
    ///
    /// # Errors
    /// It may still be there.
    pub async fn delete(&self, image: &str) -> Result<Deletion, RegistryError> {
        done(Verb::Delete, image, self.deleted(image)).await
    }

    async fn deleted(&self, image: &str) -> Result<Deletion, Fault> {
        let (reference, digest) = parsed_digest(image)?;
        let manifests = self.manifests(&reference, Verb::Delete)?;
        let (status, body) = manifests.delete(&digest).await?;
        match status {
            status if status.is_success() => Ok(Deletion::Gone),
            StatusCode::NOT_FOUND => Ok(Deletion::Gone),
            status if status == StatusCode::METHOD_NOT_ALLOWED || is_unsupported(&body) => Ok(Deletion::Unsupported),
            status => Err(manifests.fault(status)),
        }
    }
}

fn is_unsupported(body: &[u8]) -> bool {
    let envelope: Option<OciEnvelope> = serde_json::from_slice(body).ok();
    let code = envelope.and_then(|envelope| envelope.errors.into_iter().next());
    code.is_some_and(|error| error.code == OciErrorCode::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_says_that_it_does_not_delete() {
        assert!(is_unsupported(
            br#"{"errors": [{"code": "UNSUPPORTED", "message": "x"}]}"#
        ));
        for other in [r#"{"errors": []}"#, r#"{"errors": [{"code": "DENIED"}]}"#, ""] {
            assert!(!is_unsupported(other.as_bytes()), "{other}");
        }
    }
}
