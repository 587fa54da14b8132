//! What is known of other objects while one is admitted: memory only, never a call.

use std::sync::Arc;

use crate::api::workers::{WorkerAccount, WorkerDeployment, WorkerRelease};

/// What is known of other objects; nothing while it is not known whether something is missing.
pub trait Known {
    /// The WorkerAccounts of a namespace.
    fn accounts(&self, namespace: &str) -> Option<Vec<Arc<WorkerAccount>>>;

    /// The WorkerDeployments of a namespace.
    fn deployments(&self, namespace: &str) -> Option<Vec<Arc<WorkerDeployment>>>;

    /// The WorkerReleases of a namespace.
    fn releases(&self, namespace: &str) -> Option<Vec<Arc<WorkerRelease>>>;

    /// Day of the workerd that runs workers where an account names no runtime of its own.
    fn runtime_version(&self) -> Option<&str>;

    /// User name under which the server itself asks.
    fn own_user(&self) -> Option<&str>;
}

/// Without an API server nothing is known.
impl Known for () {
    fn accounts(&self, _: &str) -> Option<Vec<Arc<WorkerAccount>>> {
        None
    }

    fn deployments(&self, _: &str) -> Option<Vec<Arc<WorkerDeployment>>> {
        None
    }

    fn releases(&self, _: &str) -> Option<Vec<Arc<WorkerRelease>>> {
        None
    }

    fn runtime_version(&self) -> Option<&str> {
        None
    }

    fn own_user(&self) -> Option<&str> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_api_server_nothing_is_known_to_be_missing() {
        let nothing: &dyn Known = &();
        assert!(nothing.accounts("default").is_none());
        assert!(nothing.deployments("default").is_none());
        assert!(nothing.releases("default").is_none());
        assert_eq!((nothing.runtime_version(), nothing.own_user()), (None, None));
    }
}
