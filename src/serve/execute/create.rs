//! Creates one execution although answers get lost: the name and the nonce are drawn before, so that a create that is
//! sent again meets the object of the first.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{Created, Refusal};
use crate::api::dispatch::view::{JobExecution, JobTemplate};
use crate::api::names::annotation;
use crate::clients::cluster::{Cluster, DryRun, Error, Failure};
use crate::dispatch::execution;

/// Creates that are sent for one call.
const ATTEMPTS: u32 = 4;
/// Pause before the second create; each next one is three times as long.
const PAUSE: Duration = Duration::from_millis(100);
/// When the caller gets an answer at the latest, whatever the API server does.
const DEADLINE: Duration = Duration::from_secs(15);
/// Who is asked to wait longer than this waits better without a connection.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What one attempt came to.
enum Attempt {
    Created(Box<ObjectMeta>),
    /// Somebody else has the name.
    Taken(String),
    /// Nothing is known: sent again under the same name.
    Unknown(Failure),
}

/// Creates the execution; `Ok` only when the API server has it.
pub(super) async fn create(cluster: &Cluster, template: &JobTemplate, payload: &str) -> Result<Created, Refusal> {
    let deadline = Instant::now() + DEADLINE;
    let namespace = template.metadata.namespace.as_deref().unwrap_or_default();
    let template_name = template.metadata.name.as_deref().unwrap_or_default();
    let nonce = format!("{:016x}{:016x}", random()?, random()?);
    let mut object = execution::execution(template, &execution::name(template_name, random()?), &nonce, payload);
    let mut pause = PAUSE;
    for left in (0..ATTEMPTS).rev() {
        let attempt = timeout_at(deadline, attempt(cluster, namespace, &object, &nonce)).await;
        let failure = match attempt.unwrap_or_else(|_| Ok(Attempt::Unknown(late())))? {
            Attempt::Created(metadata) => return Ok(created(*metadata, namespace)),
            Attempt::Taken(message) if left == 0 => return Err(Refusal::Refused(message)),
            Attempt::Taken(_) => {
                object["metadata"]["name"] = execution::name(template_name, random()?).into();
                continue;
            }
            Attempt::Unknown(failure) => failure,
        };
        let wait = asked_to_wait(&failure).unwrap_or_default().max(pause);
        if left == 0 || wait > LONGEST_PAUSE || Instant::now() + wait >= deadline {
            return Err(Refusal::of(failure));
        }
        sleep(wait).await;
        pause *= 3;
    }
    Err(Refusal::of(late()))
}

async fn attempt(
    cluster: &Cluster,
    namespace: &str,
    object: &serde_json::Value,
    nonce: &str,
) -> Result<Attempt, Refusal> {
    let outcome = cluster.create::<JobExecution>(namespace, object, DryRun::No).await;
    let taken = match outcome.map_err(|Error { failure, .. }| failure) {
        Ok(metadata) => return Ok(Attempt::Created(metadata.into())),
        Err(Failure::AlreadyExists(message)) => message,
        Err(failure @ Failure::Unavailable { .. }) => return Ok(Attempt::Unknown(failure)),
        Err(failure) => return Err(Refusal::of(failure)),
    };
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match cluster.get_metadata::<JobExecution>(namespace, name).await {
        Ok(Some(metadata)) if is_ours(&metadata, nonce) => Ok(Attempt::Created(metadata.into())),
        Ok(_) => Ok(Attempt::Taken(taken)),
        Err(Error {
            failure: failure @ Failure::Unavailable { .. },
            ..
        }) => Ok(Attempt::Unknown(failure)),
        Err(error) => Err(Refusal::of(error.failure)),
    }
}

fn is_ours(metadata: &ObjectMeta, nonce: &str) -> bool {
    let annotations = metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(annotation::NONCE))
        .is_some_and(|found| found == nonce)
}

fn created(metadata: ObjectMeta, namespace: &str) -> Created {
    Created {
        namespace: namespace.to_owned(),
        name: metadata.name.unwrap_or_default(),
        uid: metadata.uid.unwrap_or_default(),
    }
}

fn asked_to_wait(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::Unavailable { retry_after, .. } => *retry_after,
        _ => None,
    }
}

fn late() -> Failure {
    Failure::Unavailable {
        message: format!("no answer within {DEADLINE:?}"),
        retry_after: None,
        is_internal: false,
    }
}

/// The one place where an execution's name gets its chance: halves may draw, domains may not.
fn random() -> Result<u64, Refusal> {
    getrandom::u64().map_err(|error| Refusal::Unavailable {
        message: error.to_string(),
        retry_after: None,
    })
}
