//! What runs workers where an account does not say.

use crate::api::workers::WorkerAccount;

/// The image that runs workers, where an account names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeImage {
    /// Its name.
    pub image: Option<String>,
    /// When it is pulled.
    pub pull_policy: Option<String>,
}

impl RuntimeImage {
    /// The image of an account, and when it is pulled.
    #[must_use]
    pub fn of(&self, account: &WorkerAccount) -> Self {
        match &account.spec.runtime {
            Some(runtime) if runtime.image.is_some() => Self {
                image: runtime.image.clone(),
                pull_policy: runtime.image_pull_policy.clone(),
            },
            _ => self.clone(),
        }
    }
}
