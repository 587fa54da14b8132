//! The images of an account: pushed where its delivery asks for them, and deleted once nothing refers to them.

use std::sync::Arc;

use tracing::warn;

use super::compose::Composed;
use super::context::Context;
use super::jobs;
use crate::api::workers::{Delivery, ProofState, PushedImage, WorkerAccount, WorkerBundle, WorkerRelease};
use crate::reconcile::error::Error;
use crate::workers::build::{purge_name, push_name};
use crate::workers::composition::{Composition, bundle_name};

/// An image that is to be pushed.
pub(super) struct Push {
    /// The Job that does it.
    pub(super) job: String,
    digest: String,
    runtime: String,
}

impl Push {
    /// What is remembered of it once it is there.
    pub(super) fn pushed(self, image: &str) -> PushedImage {
        PushedImage {
            image: image.to_owned(),
            digest: Some(self.digest),
            runtime: Some(self.runtime),
            release: None,
        }
    }
}

/// What has to be pushed before the composition can run.
pub(super) fn missing(
    account: &WorkerAccount,
    composition: &Composition,
    images: &[PushedImage],
    ctx: &Context,
) -> Option<Push> {
    let repository = repository(account)?;
    if pushed(account, composition, images, ctx).is_some() {
        return None;
    }
    let digest = composition.spec.digest.clone()?;
    let runtime = ctx.runtime.of(account).image.unwrap_or_default();
    let job = push_name(&bundle_name(account), (&digest, &runtime, repository));
    Some(Push { job, digest, runtime })
}

/// The composition as it is delivered.
pub(super) fn delivered(
    account: &WorkerAccount,
    composition: Composition,
    images: &[PushedImage],
    ctx: &Context,
) -> Composition {
    match pushed(account, &composition, images, ctx).map(|pushed| pushed.image.clone()) {
        Some(image) => composition.as_image(image),
        None => composition,
    }
}

/// The runtime image that a bundle stands on.
pub(super) fn runtime<'b>(bundle: &'b WorkerBundle, images: &'b [PushedImage]) -> Option<&'b str> {
    let image = bundle.spec.pod_template.image.as_ref()?;
    let pushed = images.iter().find(|pushed| &pushed.image == image);
    pushed
        .map_or(Some(image), |pushed| pushed.runtime.as_ref())
        .map(String::as_str)
}

/// The image of a composition, where the account wants one and has it.
fn pushed<'i>(
    account: &WorkerAccount,
    composition: &Composition,
    images: &'i [PushedImage],
    ctx: &Context,
) -> Option<&'i PushedImage> {
    let repository = repository(account)?;
    let runtime = ctx.runtime.of(account).image;
    images.iter().find(|pushed| {
        let is_there = pushed.image.split('@').next() == Some(repository);
        is_there && pushed.digest == composition.spec.digest && pushed.runtime == runtime
    })
}

fn repository(account: &WorkerAccount) -> Option<&str> {
    let image = account.spec.image.as_ref()?;
    (account.spec.delivery == Delivery::Image).then_some(&*image.repository)
}

/// Remembers the code that builds of releases have pushed.
pub(super) fn note_code(images: &mut Vec<PushedImage>, releases: &[Arc<WorkerRelease>]) {
    for release in releases {
        let content = release.status.as_ref().and_then(|status| status.content.as_ref());
        let Some(image) = content.and_then(|content| content.image.as_ref()) else {
            continue;
        };
        if !images.iter().any(|pushed| &pushed.image == image) {
            images.push(PushedImage {
                image: image.clone(),
                release: release.metadata.name.clone(),
                ..PushedImage::default()
            });
        }
    }
}

/// Deletes what neither the bundle nor a release refers to, by a Job; every pod runs the composition by now.
pub(super) async fn purge(
    account: &WorkerAccount,
    (composition, releases): (&Composition, &[Arc<WorkerRelease>]),
    composed: &mut Composed,
    ctx: &Context,
) -> Result<(), Error> {
    let is_code = |image: &String| {
        let contents = releases
            .iter()
            .filter_map(|release| release.status.as_ref()?.content.as_ref());
        contents
            .into_iter()
            .any(|content| content.image.as_ref() == Some(image))
    };
    let is_needed = |image: &String| composition.spec.pod_template.image.as_ref() == Some(image) || is_code(image);
    let images = composed.images.iter().map(|pushed| &pushed.image);
    let unneeded: Vec<&str> = images.filter(|image| !is_needed(image)).map(String::as_str).collect();
    if unneeded.is_empty() || account.spec.image.is_none() {
        return Ok(());
    }
    let job = purge_name(&bundle_name(account), &unneeded);
    match jobs::purge(account, &job, &unneeded, ctx).await? {
        jobs::Progress::Verdict(verdict) if verdict.state == ProofState::Passed => {
            composed.images.retain(|pushed| is_needed(&pushed.image));
        }
        jobs::Progress::Verdict(verdict) => {
            let account = account.metadata.name.as_deref().unwrap_or_default();
            let cause = verdict.message.unwrap_or_default();
            warn!(
                worker_account.name = account,
                cause, "images that nothing needs are not deleted"
            );
        }
        jobs::Progress::Waits(..) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::workers::{Content, WorkerReleaseSpec, WorkerReleaseStatus};

    fn release(name: &str, image: Option<&str>) -> Arc<WorkerRelease> {
        let mut release = WorkerRelease::new(name, WorkerReleaseSpec::default());
        let content = Content {
            image: image.map(str::to_owned),
            ..Content::default()
        };
        release.status = Some(WorkerReleaseStatus {
            content: Some(content),
            ..WorkerReleaseStatus::default()
        });
        Arc::new(release)
    }

    fn code(image: &str, release: &str) -> PushedImage {
        PushedImage {
            image: image.to_owned(),
            release: Some(release.to_owned()),
            ..PushedImage::default()
        }
    }

    #[test]
    fn each_image_of_code_is_noted_once_after_what_is_known() {
        let bundle = PushedImage {
            image: "r@sha256:0".to_owned(),
            digest: Some("sha256:d".to_owned()),
            ..PushedImage::default()
        };
        let mut images = vec![bundle.clone()];
        let unbuilt = Arc::new(WorkerRelease::new("unbuilt", WorkerReleaseSpec::default()));
        let releases = [
            release("a-1", Some("r@sha256:1")),
            release("small", None),
            unbuilt,
            release("b-1", Some("r@sha256:1")),
            release("c-1", Some("r@sha256:2")),
        ];
        for _ in 0..2 {
            note_code(&mut images, &releases);
            let expected = [bundle.clone(), code("r@sha256:1", "a-1"), code("r@sha256:2", "c-1")];
            assert_eq!(images, expected);
        }
    }
}
