//! What is wrong with a registry, in words of ours: it may be anybody's, and what it sends could be anything.

use std::error::Error;
use std::io;

use hyper::http::StatusCode;
use oci_client::errors::{DigestError, OciDistributionError, OciEnvelope, OciErrorCode};

use super::error::{Fault, Verb};
use crate::clients::authorities::chain;

/// Who was asked, and how: what a remedy speaks of.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) host: String,
    pub(super) is_plain: bool,
    pub(super) is_known: bool,
    pub(super) verb: Verb,
}

impl Asked {
    /// What an answer says that is none.
    pub(super) fn status(&self, status: StatusCode) -> Fault {
        let host = &self.host;
        let lasting = |text: String| Fault::lasting(text);
        match status {
            StatusCode::UNAUTHORIZED if self.is_known => lasting(format!(
                "the registry {host} refuses the credentials: look at the Secret of type kubernetes.io/dockerconfigjson"
            )),
            StatusCode::UNAUTHORIZED => lasting(format!(
                "the registry {host} asks for credentials: give a Secret of type kubernetes.io/dockerconfigjson that has \
                 some for it"
            )),
            StatusCode::FORBIDDEN => lasting(format!(
                "the registry {host} does not allow it: give the user of the Secret the right to do so"
            )),
            StatusCode::NOT_FOUND if self.verb == Verb::Push => {
                lasting(format!("the registry {host} has no such repository: make it"))
            }
            StatusCode::NOT_FOUND => lasting(format!("the registry {host} has no such image: look at its name")),
            StatusCode::TOO_MANY_REQUESTS => Fault::passing(format!("the registry {host} is asked too often")),
            status if status.is_server_error() => {
                Fault::passing(format!("the registry {host} answered {status}: look at its log"))
            }
            status => lasting(format!("the registry {host} answered {status}: look at its log")),
        }
    }

    /// No answer at all, or one that breaks off.
    pub(super) fn unreachable(&self, error: reqwest::Error) -> Fault {
        if let Some(status) = error.status() {
            return self.status(status);
        }
        let (host, error) = (&self.host, error.without_url());
        if is_mismatch(&error) {
            return self.mismatch();
        }
        let cause = chain(&error);
        Fault::passing(if self.is_plain {
            format!("the registry {host} does not answer by http: {cause}; look at its address")
        } else {
            format!(
                "the registry {host} does not answer by https: {cause}; look at its address and its certificate, or name it \
                 with --plain-http if it speaks http alone"
            )
        })
    }

    /// What came is not what was asked for.
    pub(super) fn mismatch(&self) -> Fault {
        Fault::lasting(format!(
            "what comes by way of the registry {} has another digest than its name says: push the image that it is of again",
            self.host
        ))
    }

    /// It speaks something else.
    pub(super) fn stranger(&self) -> Fault {
        Fault::lasting(format!(
            "what answers at {} is no registry: look at its address",
            self.host
        ))
    }

    /// What the library has met.
    pub(super) fn fault(&self, error: OciDistributionError) -> Fault {
        match error {
            OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
                self.status(StatusCode::UNAUTHORIZED)
            }
            // What is copied is read no further than it should be long: it is the other side that sees it.
            OciDistributionError::ServerError { message, .. } if is_digest(&message) => self.mismatch(),
            OciDistributionError::ServerError { code, .. } => {
                StatusCode::from_u16(code).map_or_else(|_| self.stranger(), |status| self.status(status))
            }
            OciDistributionError::RegistryError { envelope, .. } => {
                let code = envelope.errors.first().map(|error| &error.code);
                self.status(code.map_or(StatusCode::BAD_REQUEST, status))
            }
            OciDistributionError::RequestError(error) => self.unreachable(error),
            OciDistributionError::DigestError(_) => self.mismatch(),
            OciDistributionError::IoError(error) if is_mismatch(&error) => self.mismatch(),
            OciDistributionError::IoError(_) => {
                Fault::passing(format!("the answer of the registry {} breaks off", self.host))
            }
            _ => self.stranger(),
        }
    }
}

/// The status that goes with a code, where the library keeps the code alone.
fn status(code: &OciErrorCode) -> StatusCode {
    match code {
        OciErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        OciErrorCode::Denied => StatusCode::FORBIDDEN,
        OciErrorCode::BlobUnknown
        | OciErrorCode::ManifestUnknown
        | OciErrorCode::NameUnknown
        | OciErrorCode::NotFound => StatusCode::NOT_FOUND,
        OciErrorCode::Toomanyrequests => StatusCode::TOO_MANY_REQUESTS,
        OciErrorCode::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Whether a registry complains of a digest.
fn is_digest(message: &str) -> bool {
    let envelope: Option<OciEnvelope> = serde_json::from_str(message).ok();
    envelope.is_some_and(|envelope| {
        envelope
            .errors
            .iter()
            .any(|error| error.code == OciErrorCode::DigestInvalid)
    })
}

/// Whether a digest is the cause, however deep; an `io::Error` hides what it is made of.
fn is_mismatch(error: &(dyn Error + 'static)) -> bool {
    let is_digest =
        error.is::<DigestError>() || matches!(error.downcast_ref(), Some(OciDistributionError::DigestError(_)));
    let inner = error.downcast_ref().and_then(io::Error::get_ref);
    let inner: Option<&(dyn Error + 'static)> = inner.map(|inner| inner as _);
    is_digest || inner.or_else(|| error.source()).is_some_and(is_mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(verb: Verb, is_known: bool) -> Asked {
        Asked {
            host: "r.example".to_owned(),
            is_plain: false,
            is_known,
            verb,
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_remedy() {
        for (verb, is_known, code, expected) in [
            (Verb::Pull, true, 401, "refuses the credentials: look at the Secret"),
            (Verb::Pull, false, 401, "asks for credentials: give a Secret"),
            (Verb::Push, true, 403, "does not allow it: give the user"),
            (Verb::Pull, true, 404, "has no such image"),
            (Verb::Push, true, 404, "has no such repository: make it"),
            (Verb::Delete, true, 418, "answered 418 I'm a teapot"),
        ] {
            let fault = asked(verb, is_known).status(StatusCode::from_u16(code).unwrap());
            assert!(fault.reason.contains(expected) && !fault.may_pass, "{}", fault.reason);
        }
        for code in [429, 500, 503] {
            assert!(
                asked(Verb::Pull, true)
                    .status(StatusCode::from_u16(code).unwrap())
                    .may_pass
            );
        }
    }

    #[test]
    fn nothing_that_a_registry_says_is_quoted() {
        let (url, message) = ("http://r/secret".to_owned(), "secret".to_owned());
        let text = r#"{"errors":[{"code":"DENIED","message":"secret","detail":"secret"}]}"#;
        let envelope = serde_json::from_str(text).unwrap();
        for error in [
            OciDistributionError::AuthenticationFailure(message.clone()),
            OciDistributionError::GenericError(Some(message.clone())),
            OciDistributionError::ServerError {
                code: 500,
                url: url.clone(),
                message,
            },
            OciDistributionError::RegistryError { envelope, url },
        ] {
            let fault = asked(Verb::Push, true).fault(error);
            assert!(!fault.reason.contains("secret"), "{}", fault.reason);
        }
    }

    #[test]
    fn a_digest_is_found_however_deep() {
        let digest = || DigestError::VerificationError {
            expected: String::new(),
            actual: String::new(),
        };
        let deep = OciDistributionError::from(io::Error::other(digest()));
        let deeper = io::Error::other(io::Error::other(OciDistributionError::from(digest())));
        assert!(is_mismatch(&digest()) && is_mismatch(&deeper));
        assert!(asked(Verb::Pull, true).fault(deep).reason.contains("another digest"));
        assert!(!is_mismatch(&io::Error::other("broken")));
    }
}
