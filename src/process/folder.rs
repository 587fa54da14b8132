//! The folder of templates while the server runs: what is settled and good comes into force, all else is told.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::cli::{Component, ServeArgs};
use crate::clients::folder::{Contents, Folder, Timing};
use crate::reconcile::namespaces::{self, Resources};
use crate::resources::{Current, Fault, Options, Set};
use crate::serve::Hooks;
use crate::serve::health::{Gate, Readiness};

/// A folder, and everything that hangs on it.
pub(super) struct Followed {
    folder: Folder,
    current: Arc<Current>,
    gate: Gate,
    files: Gauge,
    failures: Counter,
    /// Tells that the set in force, or what is wrong with the folder, is another.
    changes: watch::Sender<()>,
}

impl Followed {
    /// Nothing, where no part that is switched on wants a folder or where there is none.
    pub(super) fn of(args: &ServeArgs, readiness: &Readiness, registry: &mut Registry) -> Option<Self> {
        let wanted = args.is_on(Component::Sync);
        let path = args.resources.folder.folder().filter(|_| wanted)?;
        let followed = Self {
            folder: Folder::new(path.clone(), Timing::default()),
            current: Arc::default(),
            gate: readiness.gate("folder of templates"),
            files: Gauge::default(),
            failures: Counter::default(),
            changes: watch::Sender::default(),
        };
        let registry = registry.sub_registry_with_prefix("stationmaster");
        let (files, failures) = (followed.files.clone(), followed.failures.clone());
        registry.register("template_files", "Files of the folder of templates in force", files);
        registry.register(
            "template_folder_failures",
            "Changes of the folder that made it no set",
            failures,
        );
        Some(followed)
    }

    /// What metacontroller's hooks answer from.
    pub(super) fn hooks(&self, args: &ServeArgs, registry: &mut Registry) -> Hooks {
        Hooks::new(Arc::clone(&self.current), args.resources.rules(), registry)
    }

    /// What the native mode applies, if that is wanted.
    pub(super) fn resources(&self, args: &ServeArgs) -> Option<Resources> {
        let native = &args.resources.native;
        args.is_native().then(|| Resources {
            current: Arc::clone(&self.current),
            changes: self.changes.subscribe(),
            rules: args.resources.rules(),
            options: namespaces::Options {
                set: native.resource_set.clone(),
                requests_per_second: native.api_requests_per_second,
                adopt: native.adopt_from_metacontroller,
            },
            filled: watch::Sender::default(),
        })
    }

    /// Follows the folder for ever.
    async fn follow(mut self, options: Options) -> Infallible {
        loop {
            let look = self.folder.changed().await;
            match (compiled(&look.contents, options), look.is_settled) {
                (Ok(set), true) => self.replace(set),
                (Err(faults), true) => self.fail(faults),
                // While there is no set, what is wrong may be told at once: nothing comes of it.
                (Err(faults), false) if self.current.set().is_none() => self.current.fail(faults),
                (_, false) => tracing::debug!("the folder of templates changes"),
            }
        }
    }

    fn replace(&self, set: Set) {
        tracing::info!(files = set.len(), "the folder of templates is in force");
        self.files.set(i64::try_from(set.len()).unwrap_or(i64::MAX));
        self.current.replace(set);
        self.gate.open();
        self.changes.send_replace(());
    }

    fn fail(&self, faults: Vec<Fault>) {
        let stays = self.current.set().is_some();
        for fault in &faults {
            tracing::error!(%fault, last_set_stays = stays, "the folder of templates is no set");
        }
        self.failures.inc();
        self.gate.shut();
        self.current.fail(faults);
        self.changes.send_replace(());
    }
}

/// Follows a folder if there is one; does not end either way.
pub(super) async fn follow(followed: Option<Followed>, options: Options) {
    match followed {
        Some(followed) => drop(followed.follow(options).await),
        None => pending().await,
    }
}

fn compiled(contents: &Contents, options: Options) -> Result<Set, Vec<Fault>> {
    match &**contents {
        Ok(files) => Set::compile(files.iter().map(|file| (&*file.path, &*file.text)), options),
        Err(unreadable) => Err(vec![Fault::of_folder(unreadable.to_string())]),
    }
}
