//! The images of an account: pushed where its delivery asks for them, and deleted once nothing refers to them.

use std::sync::Arc;

use kube::Resource;

use super::compose::Composed;
use super::context::Context;
use super::jobs;
use crate::api::names::event;
use crate::api::workers::{Delivery, PushedImage, WorkerAccount, WorkerBundle, WorkerRelease};
use crate::dispatch::withheld;
use crate::reconcile::error::Error;
use crate::reconcile::events::Note;
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
            ..PushedImage::default()
        }
    }
}

/// What has to be pushed before the composition can run.
pub(super) fn missing(
    account: &WorkerAccount,
    composition: &Composition,
    composed: &Composed,
    ctx: &Context,
) -> Option<Push> {
    let repository = repository(account)?;
    if pushed(account, composition, &composed.images, ctx).is_some() {
        return None;
    }
    let digest = composition.spec.digest.clone()?;
    let runtime = ctx.runtime.of(account).image.unwrap_or_default();
    // The Job's name is the tag too, which no other account may take away.
    let place = format!("{repository} {}", account.metadata.uid.as_deref().unwrap_or_default());
    let job = push_name(&bundle_name(account), (&digest, &runtime, &place), composed.purges);
    Some(Push { job, digest, runtime })
}

/// Whether an image of the composition is being deleted: it can be pushed when it has gone, and not before.
pub(super) fn is_going(composition: &Composition, images: &[PushedImage]) -> bool {
    let digest = &composition.spec.digest;
    images.iter().any(|pushed| pushed.deleting && pushed.digest == *digest)
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
        !pushed.deleting && is_there && pushed.digest == composition.spec.digest && pushed.runtime == runtime
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

/// Marks what neither the bundle nor a release refers to; every pod runs the composition by now. It is deleted once the
/// mark is stored, so that nobody counts on what may have gone.
pub(super) fn mark(composition: &Composition, releases: &[Arc<WorkerRelease>], images: &mut [PushedImage]) {
    let is_code = |image: &String| {
        let contents = releases
            .iter()
            .filter_map(|release| release.status.as_ref()?.content.as_ref());
        contents
            .into_iter()
            .any(|content| content.image.as_ref() == Some(image))
    };
    let current = composition.spec.pod_template.image.as_ref();
    if images.iter().any(|pushed| pushed.deleting) {
        return;
    }
    for pushed in images {
        pushed.deleting = current != Some(&pushed.image) && !is_code(&pushed.image);
    }
}

/// Deletes what is marked, by a Job, and forgets it. What a registry does not let go is told of, and forgotten too.
pub(super) async fn purge(account: &WorkerAccount, composed: &mut Composed, ctx: &Context) -> Result<(), Error> {
    let going = composed.images.iter().filter(|pushed| pushed.deleting);
    let going: Vec<&str> = going.map(|pushed| &*pushed.image).collect();
    if going.is_empty() {
        return Ok(());
    }
    let told = if account.spec.image.is_some() {
        let job = purge_name(&bundle_name(account), &going, composed.purges);
        match jobs::purge(account, &job, &going, ctx).await? {
            jobs::Progress::Verdict(verdict) => verdict.message,
            jobs::Progress::Waits(None, _) => return Ok(()),
            jobs::Progress::Waits(Some(text), _) => Some(text),
        }
    } else {
        Some("the account names no registry any more".to_owned())
    };
    if let Some(cause) = told {
        let text = format!("{} stay in the registry: {cause}; delete them there", going.join(", "));
        let note = Note {
            reason: event::IMAGES_LEFT,
            warning: true,
            text: withheld::bounded(text),
        };
        ctx.events.publish(account.object_ref(&()), note);
    }
    composed.images.retain(|pushed| !pushed.deleting);
    composed.purges += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::api::workers::WorkerBundleSpec;

    fn image(name: &str) -> PushedImage {
        PushedImage {
            image: name.to_owned(),
            ..PushedImage::default()
        }
    }

    fn release(image: &str) -> Arc<WorkerRelease> {
        let release = json!({
            "apiVersion": "api.worker-release/v1beta1", "kind": "WorkerRelease", "metadata": {"name": "shop-1"},
            "spec": {"scriptName": "shop", "compatibilityDate": "2026-01-01"}, "status": {"content": {"image": image}},
        });
        Arc::new(serde_json::from_value(release).expect("a release"))
    }

    fn running(image: &str) -> Composition {
        let composition = Composition {
            files: BTreeMap::new(),
            spec: WorkerBundleSpec::default(),
            bytes: 0,
            short: String::new(),
        };
        composition.as_image(image.to_owned())
    }

    #[test]
    fn what_neither_the_bundle_nor_a_release_refers_to_is_marked() {
        let mut images = vec![image("old"), image("running")];
        note_code(&mut images, &[release("code")]);
        note_code(&mut images, &[release("code")]);
        assert_eq!(images.len(), 3);
        assert_eq!(images[2].release.as_deref(), Some("shop-1"));
        mark(&running("running"), &[release("code")], &mut images);
        let marked = |images: &[PushedImage]| images.iter().map(|image| image.deleting).collect::<Vec<_>>();
        assert_eq!(marked(&images), [true, false, false]);
        // One Job after the other: what is marked now is not what the Job was told.
        mark(&running("other"), &[], &mut images);
        assert_eq!(marked(&images), [true, false, false]);
        images.remove(0);
        mark(&running("other"), &[], &mut images);
        assert_eq!(marked(&images), [true, true]);
    }

    #[test]
    fn an_image_that_is_being_deleted_is_waited_for() {
        let mut composition = running("running");
        composition.spec.digest = Some("sha256:1".into());
        let mut pushed = image("old");
        pushed.digest = Some("sha256:1".into());
        assert!(!is_going(&composition, &[pushed.clone()]));
        pushed.deleting = true;
        assert!(is_going(&composition, &[image("other"), pushed.clone()]));
        pushed.digest = Some("sha256:2".into());
        assert!(!is_going(&composition, &[pushed]));
    }
}
