//! `build-bundle`: the steps of a build Job, each a container of its pod. All start at once and take turns.

mod fetch;
mod handover;
mod modules;
mod prove;
mod publish;

use std::future::Future;
use std::io::{self, Write};

use anyhow::Context;

use crate::api::workers::ProofState;
use crate::cli::BuildStep;
use crate::commands::TERMINATION_LOG;
use crate::workers::proof::Verdict;
use handover::{Handover, Marker};

/// Does one step. What was proved may be refused, which is said and is no failure of the step.
///
/// # Errors
/// When the step cannot be done, or the one before it does not come to its end.
pub fn run(step: &BuildStep) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")?.block_on(async {
        match step {
            BuildStep::Fetch(args) => {
                let handover = Handover::new(&args.work);
                turn(&handover, (None, Marker::Fetched), fetch::verdict(args)).await
            }
            BuildStep::Prove(args) => {
                let handover = Handover::new(&args.work);
                let after = args.fetched.then_some(Marker::Fetched);
                turn(&handover, (after, Marker::Proved), prove::verdict(args)).await
            }
            BuildStep::Publish(args) => {
                let handover = Handover::new(&args.work);
                let turns = (Some(Marker::Proved), Marker::Published);
                turn(&handover, turns, publish::verdict(args)).await
            }
        }
    })
}

/// Waits for the step before, does the work, tells its verdict and lets the next step begin. A step whose turn does not
/// come, because another one has failed and said why, says nothing.
async fn turn(
    handover: &Handover,
    (after, then): (Option<Marker>, Marker),
    work: impl Future<Output = anyhow::Result<Verdict>>,
) -> anyhow::Result<()> {
    if let Some(after) = after
        && !handover.reached(after).await?
    {
        return Ok(());
    }
    let verdict = work.await;
    let passed = verdict
        .as_ref()
        .is_ok_and(|verdict| verdict.state == ProofState::Passed);
    let told = verdict.and_then(|verdict| told(&verdict));
    handover.mark(if passed && told.is_ok() { then } else { Marker::Failed })?;
    told
}

/// The verdict becomes the message of the container's end, and a line of its log.
fn told(verdict: &Verdict) -> anyhow::Result<()> {
    let json = verdict.json();
    writeln!(io::stdout().lock(), "{json}").context("cannot write the verdict")?;
    // Outside a pod there is no such file, and it is not ours to make one.
    match std::fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(TERMINATION_LOG)
    {
        Ok(mut log) => log.write_all(json.as_bytes()).context("cannot write the verdict"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot write {TERMINATION_LOG}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_waits_for_its_turn_and_gives_it_on() {
        let work = tempfile::tempdir().unwrap();
        let handover = Handover::new(work.path());
        let first = turn(&handover, (None, Marker::Fetched), async { Ok(Verdict::passed()) });
        let second = turn(&handover, (Some(Marker::Fetched), Marker::Proved), async {
            assert!(work.path().join("fetched").exists());
            Ok(Verdict::failed("ProofFailed", "because"))
        });
        let third = turn(&handover, (Some(Marker::Proved), Marker::Published), async {
            panic!("what is refused is not published")
        });
        let (first, second, third) = tokio::join!(first, second, third);
        first.and(second).and(third).unwrap();
        assert!(work.path().join("failed").exists());
        assert!(!work.path().join("published").exists());
    }

    #[tokio::test]
    async fn a_broken_step_stops_the_others() {
        let work = tempfile::tempdir().unwrap();
        let handover = Handover::new(work.path());
        let broken = turn(&handover, (None, Marker::Fetched), async { anyhow::bail!("no disk") });
        assert_eq!(broken.await.unwrap_err().to_string(), "no disk");
        assert!(!handover.reached(Marker::Fetched).await.unwrap());
    }
}
