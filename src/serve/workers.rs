//! What admission knows of workers: watches and flags, read from memory.

use std::sync::Arc;

use kube::ResourceExt;
use time::OffsetDateTime;

use super::answer::Refusal;
use crate::api::names::path::MUTATE;
use crate::api::review::{AdmissionRequest, Verdict};
use crate::api::workers::{WorkerAccount, WorkerDeployment, WorkerRelease};
use crate::clients::cluster::{Kept, Watched};
use crate::workers::day::Day;
use crate::workers::default;
use crate::workers::known::Known;
use crate::workers::validate::{self, Error};

/// What is known of workers.
pub struct Workers {
    /// All WorkerDeployments.
    pub deployments: Watched<WorkerDeployment>,
    /// All WorkerAccounts.
    pub accounts: Watched<WorkerAccount>,
    /// All WorkerReleases.
    pub releases: Watched<WorkerRelease>,
    /// Day of the workerd that runs workers where an account names no runtime of its own: `YYYY-MM-DD`.
    pub runtime_version: Option<String>,
    /// User name under which this server asks the API server: who else changes an account's bundle is refused. Without
    /// it that is only warned of.
    pub own_user: Option<String>,
}

impl Known for Workers {
    fn accounts(&self, namespace: &str) -> Option<Vec<Arc<WorkerAccount>>> {
        within(&self.accounts, namespace)
    }

    fn deployments(&self, namespace: &str) -> Option<Vec<Arc<WorkerDeployment>>> {
        within(&self.deployments, namespace)
    }

    fn releases(&self, namespace: &str) -> Option<Vec<Arc<WorkerRelease>>> {
        within(&self.releases, namespace)
    }

    fn runtime_version(&self) -> Option<&str> {
        self.runtime_version.as_deref()
    }

    fn own_user(&self) -> Option<&str> {
        self.own_user.as_deref()
    }
}

/// The objects of a namespace; nothing until all of them are known.
fn within<K: Kept>(watched: &Watched<K>, namespace: &str) -> Option<Vec<Arc<K>>> {
    let mut all = watched.is_ready().then(|| watched.all())?;
    all.retain(|object| object.namespace().as_deref() == Some(namespace));
    Some(all)
}

/// Asks the domain.
pub(super) fn decide(
    workers: Option<&Workers>,
    route: &str,
    request: &AdmissionRequest<'_>,
) -> Result<Verdict, Refusal> {
    let known = workers.map_or(&() as &dyn Known, |workers| workers);
    let decided = match route {
        MUTATE => default::mutate(request, known),
        _ => validate::validate(request, known, today()),
    };
    decided.map_err(|error| match error {
        Error::UnknownKind { .. } => Refusal::Forbidden(error.to_string()),
        Error::Undecodable(_) => Refusal::Undecodable(error.to_string()),
    })
}

/// As UTC has it: the runtime refuses what has not come there.
fn today() -> Day {
    let today = OffsetDateTime::now_utc().date();
    let year = u16::try_from(today.year()).unwrap_or(u16::MAX);
    Day::of(year, today.month().into(), today.day()).unwrap_or(Day::LAST)
}
