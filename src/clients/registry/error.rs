//! Why something was not done in a registry.

/// What was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Pull,
    Push,
    Delete,
}

impl Verb {
    fn text(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push to",
            Self::Delete => "delete",
        }
    }
}

/// Why something was not done in a registry; says nothing of what is there, nor of credentials.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {image}: {}", verb.text(), fault.reason)]
pub struct RegistryError {
    verb: Verb,
    image: String,
    fault: Fault,
}

impl RegistryError {
    pub(super) fn new(verb: Verb, image: &str, fault: Fault) -> Self {
        let image = image.to_owned();
        Self { verb, image, fault }
    }

    /// Whether the same could succeed a moment later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.fault.may_pass
    }
}

/// What is the matter.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) may_pass: bool,
}

impl Fault {
    /// It is the same the next time.
    pub(super) fn lasting(reason: String) -> Self {
        Self {
            reason,
            may_pass: false,
        }
    }

    pub(super) fn passing(reason: String) -> Self {
        Self { reason, may_pass: true }
    }

    /// More than is read or sent.
    pub(super) fn too_large(what: &str, limit: usize) -> Self {
        Self::lasting(format!("{what} has more than {} MiB: make it smaller", limit >> 20))
    }

    /// Of something else than what was asked for: of the base of an image that is pushed.
    pub(super) fn of(self, what: &str) -> Self {
        Self {
            reason: format!("{what}: {}", self.reason),
            ..self
        }
    }
}
