//! The door to registries of images: a layer is added to an image that is there, the code of a release is put there and
//! taken back, and what nobody needs is deleted. Nothing that a registry sends is quoted.

mod append;
mod asked;
mod blob;
mod challenge;
mod code;
mod credentials;
mod delete;
mod error;
mod manifest;
mod repository;
mod wire;

use std::time::Duration;

use tokio::time::timeout;

pub use credentials::{Credentials, CredentialsError};
pub use delete::Deletion;
pub use error::RegistryError;

use asked::Asked;
use error::{Fault, Verb};
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use repository::Repository;
use wire::Wire;

/// One operation takes no longer; a build Job gives up soon after.
const PATIENCE: Duration = Duration::from_secs(240);
/// Longest name of a repository, its registry included.
const NAME: usize = 255;

/// How registries are spoken to; nothing is sent before something is asked for.
#[derive(Clone)]
pub struct Registries {
    credentials: Credentials,
    plain_http: Vec<String>,
    owner: Option<String>,
}

/// Where something is pushed.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// `HOST/NAME`.
    pub repository: &'a str,
    /// What it is called there.
    pub tag: &'a str,
}

impl Registries {
    /// With these credentials, and by http to the hosts `HOST[:PORT]`; without a port to all of theirs.
    #[must_use]
    pub fn new(credentials: Credentials, plain_http: &[String]) -> Self {
        Self {
            credentials,
            plain_http: plain_http.to_vec(),
            owner: None,
        }
    }

    /// What is pushed says whose it is, and so is never the same as what somebody else pushed, who may delete that.
    #[must_use]
    pub fn owned_by(self, owner: Option<String>) -> Self {
        Self { owner, ..self }
    }

    /// The repository of a reference, with leave to do something there.
    async fn open(&self, reference: Reference, verb: Verb) -> Result<Repository, Fault> {
        let (asked, auth) = self.asked(&reference, verb);
        Repository::open(reference, asked, auth).await
    }

    /// The manifests of one alone.
    fn manifests(&self, reference: &Reference, verb: Verb) -> Result<Wire, Fault> {
        let (asked, auth) = self.asked(reference, verb);
        Wire::new(reference, auth, asked)
    }

    fn asked(&self, reference: &Reference, verb: Verb) -> (Asked, RegistryAuth) {
        let host = reference.registry().to_owned();
        let auth = self.credentials.of(&host, reference.repository());
        let asked = Asked {
            is_plain: is_loopback(&host) || self.plain_http.iter().any(|plain| names(plain, &host)),
            is_known: auth != RegistryAuth::Anonymous,
            host,
            verb,
        };
        (asked, auth)
    }
}

impl Target<'_> {
    fn reference(&self) -> Result<Reference, Fault> {
        if self.repository.len() > NAME {
            return Err(Fault::lasting(format!("its name has more than {NAME} bytes")));
        }
        format!("{}:{}", self.repository, self.tag)
            .parse()
            .map_err(|_| Fault::lasting(format!("that and the tag {:?} are no HOST/NAME:TAG", self.tag)))
    }

    fn pinned(&self, digest: &str) -> String {
        format!("{}@{digest}", self.repository)
    }
}

/// An image as somebody names it.
fn parsed(image: &str) -> Result<Reference, Fault> {
    image
        .parse()
        .map_err(|_| Fault::lasting("that is no HOST/NAME:TAG or HOST/NAME@sha256:…".to_owned()))
}

/// One that is named by its digest.
fn parsed_digest(image: &str) -> Result<(Reference, String), Fault> {
    let reference = parsed(image)?;
    match reference.digest().map(str::to_owned) {
        Some(digest) => Ok((reference, digest)),
        None => Err(Fault::lasting(
            "it has no digest: name it as HOST/NAME@sha256:…".to_owned(),
        )),
    }
}

/// Whether a host, or one of its ports, is meant.
fn names(plain: &str, host: &str) -> bool {
    plain == host || host.strip_prefix(plain).is_some_and(|rest| rest.starts_with(':'))
}

/// As containerd does, what does not leave the machine is not encrypted.
fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| names(name, host))
}

/// What comes of an operation on an image while there is time.
async fn done<T>(
    verb: Verb,
    image: &str,
    operation: impl Future<Output = Result<T, Fault>>,
) -> Result<T, RegistryError> {
    let late = || Fault::lasting(format!("it was not done within {} s", PATIENCE.as_secs()));
    let outcome = timeout(PATIENCE, Box::pin(operation))
        .await
        .unwrap_or_else(|_| Err(late()));
    outcome.map_err(|fault| RegistryError::new(verb, image, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_meant_with_all_its_ports_or_with_one() {
        assert!(names("r.example", "r.example:5000") && names("r.example", "r.example"));
        assert!(names("r.example:5000", "r.example:5000"));
        for other in ["r.example:443", "r.example", "r.example:50001", "or.example:5000"] {
            assert!(!names("r.example:5000", other), "{other}");
        }
        assert!(!names("r.example", "r.example.org"));
        assert!(is_loopback("localhost:5000") && is_loopback("127.0.0.1") && !is_loopback("127.0.0.1.example"));
    }

    #[test]
    fn only_what_is_named_by_its_digest_is_pinned() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert!(parsed_digest(&format!("r.example/a@{digest}")).is_ok());
        for image in ["r.example/a", "r.example/a:v1", "r.example/A@sha256:ab", ""] {
            assert!(parsed_digest(image).is_err(), "{image}");
        }
        for (repository, tag) in [("r.example/a", "v 1"), ("r.example/a:v1", "v2"), ("a@sha256:ab", "v1")] {
            assert!(Target { repository, tag }.reference().is_err(), "{repository} {tag}");
        }
        let long = "x".repeat(256);
        let (repository, tag) = (&*long, "v1");
        assert!(Target { repository, tag }.reference().is_err());
    }
}
