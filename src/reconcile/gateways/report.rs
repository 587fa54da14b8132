//! The status of each PodGateway: written when it differs, and every 30 seconds at most where that can wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::super::context::now;
use super::super::error::backoff;
use super::Context;
use super::registration::Registration;
use super::roll::Tally;
use crate::api::gateway::{PodGateway, PodGatewayStatus};
use crate::clients::cluster::Failure;
use crate::gateway::status::{Difference, Known, Observed, difference, overlap, status};
use crate::gateway::{Overlap, in_order};

/// Between two writes that tell nothing but what can wait.
const PERIOD: Duration = Duration::from_secs(30);
/// What changes together is written together.
const MOMENT: Duration = Duration::from_millis(200);
/// First pause after a write that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Doublings of it, to 16 s.
const MOST_DOUBLINGS: u32 = 6;

/// What we remember of the status of one gateway.
#[derive(Default)]
struct Ledger {
    /// The version over which we wrote, and what became of it: the watch may not show that yet.
    written: Option<(Option<String>, ObjectMeta, PodGatewayStatus)>,
    details_after: Option<Instant>,
    failures: u32,
    retry_at: Option<Instant>,
}

/// What all statuses of one look are made of.
struct Look {
    is_registered: Option<bool>,
    overlaps: Vec<Overlap>,
    tallies: Option<BTreeMap<String, Tally>>,
    namespaces: Vec<(String, crate::gateway::Labels)>,
}

/// Writes what differs; does not end.
pub(super) async fn run(ctx: &Context<'_>) {
    let (mut news, mut ledgers) = (ctx.news.subscribe(), HashMap::<String, Ledger>::new());
    let mut registration = Registration::default();
    loop {
        news.mark_unchanged();
        let ask_again = registration.ask(ctx).await;
        let look = Look::now(ctx, registration.is_there());
        let stored = ctx.with.stored.all();
        ledgers.retain(|uid, _| stored.iter().any(|gateway| gateway.uid().as_ref() == Some(uid)));
        let mut next = ask_again;
        for gateway in stored
            .iter()
            .filter(|gateway| gateway.metadata.deletion_timestamp.is_none())
        {
            let ledger = ledgers.entry(gateway.uid().unwrap_or_default()).or_default();
            let again = write(ctx, gateway, &look, ledger).await;
            next = again.into_iter().fold(next, Instant::min);
        }
        tokio::select! {
            _ = news.changed() => sleep(MOMENT).await,
            () = sleep_until(next) => {}
        }
    }
}

impl Look {
    fn now(ctx: &Context<'_>, is_registered: Option<bool>) -> Self {
        let (_, overlaps) = in_order(ctx.with.flags.clone(), ctx.with.stored.all());
        let in_force = ctx.in_force();
        let stamp = |name: &str| in_force.stamp(name).map(str::to_owned);
        let roll = ctx.roll();
        let tallies = roll.is_listed.then(|| roll.tallies(stamp));
        drop(roll);
        let names = in_force.all().iter().map(|current| &*current.gateway.name);
        ctx.metrics.gateways(names.map(|name| {
            let tally = tallies.as_ref().and_then(|tallies| tallies.get(name));
            let Tally { counts, stale, .. } = tally.copied().unwrap_or_default();
            (name, counts.uninjected, stale)
        }));
        let mut namespaces = ctx.namespaces();
        // No webhook is asked about their pods.
        let hooks = &ctx.with.options.hooks;
        namespaces.retain(|(name, labels)| !hooks.exclude(name) && hooks.select(labels));
        Self {
            is_registered,
            overlaps,
            tallies,
            namespaces,
        }
    }

    fn status(&self, ctx: &Context<'_>, gateway: &PodGateway) -> PodGatewayStatus {
        let name = gateway.name_any();
        let clash = self.overlaps.iter().find(|overlap| overlap.name == name);
        let flags = ctx.with.flags.as_ref().map(|flags| &*flags.name);
        let tally = self
            .tallies
            .as_ref()
            .map(|all| all.get(&name).copied().unwrap_or_default());
        let names = Arc::clone(&ctx.with.names.borrow());
        let known = |name: &str| Known {
            address: names.addresses().of(name),
            last_resolved: names.last_answer(name),
            is_failing: names.is_failing(name),
        };
        let observed = Observed {
            names: &known,
            overlap: clash.map(|clash| overlap(clash, flags == Some(&*clash.other))),
            hooks: &ctx.with.options.hooks,
            is_registered: self.is_registered,
            namespaces: &self.namespaces,
            counts: tally.filter(|tally| tally.open == 0).map(|tally| tally.counts),
        };
        status(gateway, &observed, &now())
    }
}

/// Writes the status of one gateway if it is time to; tells when it has to be looked at again.
async fn write(ctx: &Context<'_>, stored: &PodGateway, look: &Look, ledger: &mut Ledger) -> Option<Instant> {
    let gateway = ledger.shown(stored);
    let next = look.status(ctx, &gateway);
    let wait = match difference(&gateway.status.clone().unwrap_or_default(), &next) {
        Difference::Nothing => return None,
        Difference::Details => ledger.details_after.max(ledger.retry_at),
        Difference::Conditions => ledger.retry_at,
    };
    let now = Instant::now();
    if let Some(wait) = wait.filter(|wait| *wait > now) {
        return Some(wait);
    }
    let written = ctx.cluster.replace_status::<PodGateway>(&gateway.metadata, &next).await;
    match written {
        Ok(metadata) => {
            ledger.wrote(stored, metadata, next);
            None
        }
        Err(error) => {
            let cause = &error.failure;
            if matches!(cause, Failure::Conflict(_) | Failure::NotFound(_)) {
                info!(%error, "the PodGateway was changed meanwhile: looking again");
            } else {
                warn!(%error, %cause, "the status of a PodGateway cannot be written");
            }
            ledger.written = None;
            ledger.failed()
        }
    }
}

impl Ledger {
    /// The gateway with our own last write.
    fn shown(&mut self, stored: &PodGateway) -> PodGateway {
        let mut gateway = stored.clone();
        let version = &stored.metadata.resource_version;
        match &self.written {
            Some((over, metadata, status)) if over == version => {
                gateway.metadata.resource_version.clone_from(&metadata.resource_version);
                gateway.status = Some(status.clone());
            }
            _ => self.written = None,
        }
        gateway
    }

    fn wrote(&mut self, stored: &PodGateway, metadata: ObjectMeta, status: PodGatewayStatus) {
        let over = stored.metadata.resource_version.clone();
        *self = Self {
            written: Some((over, metadata, status)),
            details_after: Some(Instant::now() + PERIOD),
            ..Self::default()
        };
    }

    fn failed(&mut self) -> Option<Instant> {
        self.retry_at = Some(Instant::now() + backoff(FIRST_PAUSE, self.failures.min(MOST_DOUBLINGS)));
        self.failures = self.failures.saturating_add(1);
        self.retry_at
    }
}
