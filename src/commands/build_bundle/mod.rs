//! `build-bundle`: the steps of a build Job, each a container of its pod. All start at once and take turns.

mod fetch;
mod handover;
mod modules;
mod prove;
mod publish;
mod pull_code;
mod purge;
mod push_bundle;
mod push_code;
mod registry;

use std::future::Future;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

use crate::api::workers::ProofState;
use crate::cli::BuildStep;
use crate::commands::{AlreadyTold, TERMINATION_LOG};
use crate::workers::proof::Verdict;
use handover::{Handover, Marker};

/// Does one step. What was proved may be refused, which is said and is no failure of the step.
///
/// # Errors
/// When the step cannot be done, or the one before it does not come to its end; and [`AlreadyTold`] where what is not what
/// was proved must not run.
pub fn run(step: &BuildStep) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")?.block_on(done(step))
}

async fn done(step: &BuildStep) -> anyhow::Result<()> {
    let after = |waits: bool, marker: Marker| waits.then_some(marker);
    let is_refused = match step {
        BuildStep::Fetch(args) => turn(&args.work, (None, Marker::Fetched), fetch::verdict(args)).await?,
        BuildStep::Prove(args) => {
            let turns = (after(args.fetched, Marker::Fetched), Marker::Proved);
            turn(&args.work, turns, prove::verdict(args)).await?
        }
        BuildStep::Publish(args) => {
            let before = if args.pushed { Marker::Pushed } else { Marker::Proved };
            let turns = (Some(before), Marker::Published);
            turn(&args.work, turns, publish::verdict(args)).await?
        }
        BuildStep::PushCode(args) => {
            let turns = (Some(Marker::Proved), Marker::Pushed);
            turn(&args.work, turns, push_code::verdict(args)).await?
        }
        BuildStep::PullCode(args) => turn(&args.work, (None, Marker::Fetched), pull_code::verdict(args)).await?,
        BuildStep::PushBundle(args) => {
            let turns = (after(!args.proved, Marker::Proved), Marker::Published);
            turn(&args.work, turns, push_bundle::verdict(args)).await?
        }
        BuildStep::Purge(args) => {
            told(&purge::verdict(args).await?)?;
            false
        }
    };
    // An init container that ends well lets the others begin.
    let is_first = match step {
        BuildStep::Fetch(args) => args.digest.is_some(),
        BuildStep::PullCode(_) => true,
        _ => false,
    };
    if is_first && is_refused {
        Err(AlreadyTold.into())
    } else {
        Ok(())
    }
}

/// Waits for the step before, does the work, tells its verdict and lets the next step begin; whether it was refused. A step
/// whose turn does not come, because another one has failed and said why, says nothing.
async fn turn(
    work: &Path,
    (after, then): (Option<Marker>, Marker),
    verdict: impl Future<Output = anyhow::Result<Verdict>>,
) -> anyhow::Result<bool> {
    let handover = Handover::new(work);
    if let Some(after) = after
        && !handover.reached(after).await?
    {
        return Ok(false);
    }
    let verdict = verdict.await;
    let passed = verdict
        .as_ref()
        .is_ok_and(|verdict| verdict.state == ProofState::Passed);
    let told = verdict.and_then(|verdict| told(&verdict));
    handover.mark(if passed && told.is_ok() { then } else { Marker::Failed })?;
    told.map(|()| !passed)
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
        let folder = work.path();
        let first = turn(folder, (None, Marker::Fetched), async { Ok(Verdict::passed()) });
        let second = turn(folder, (Some(Marker::Fetched), Marker::Proved), async {
            assert!(work.path().join("fetched").exists());
            Ok(Verdict::failed("ProofFailed", "because"))
        });
        let third = turn(folder, (Some(Marker::Proved), Marker::Published), async {
            panic!("what is refused is not published")
        });
        let (first, second, third) = tokio::join!(first, second, third);
        let refused = [first, second, third].map(Result::unwrap);
        assert_eq!(refused, [false, true, false]);
        assert!(work.path().join("failed").exists());
        assert!(!work.path().join("published").exists());
    }

    #[tokio::test]
    async fn a_broken_step_stops_the_others() {
        let work = tempfile::tempdir().unwrap();
        let broken = turn(work.path(), (None, Marker::Fetched), async { anyhow::bail!("no disk") });
        assert_eq!(broken.await.unwrap_err().to_string(), "no disk");
        assert!(!Handover::new(work.path()).reached(Marker::Fetched).await.unwrap());
    }
}
