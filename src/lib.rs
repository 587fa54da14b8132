//! Stationmaster: a TLS webhook server that validates, defaults, mutates and converts, with the reconcilers beside
//! it that create what the admitted objects ask for.
//!
//! ```text
//!             main -> lib (process, commands)
//!                     |
//!          +----------+-----------+
//!        serve                reconcile         halves: await, axum, kube-runtime, clock
//!          |      clients         |             doors to the outside: API server, folder
//!          +----------+-----------+
//!  dispatch  gateway  resources  workers  trust domains: pure, synchronous, total
//!                     |
//!         api   (template, condition)           nouns: CRDs, wire types, names; pure tools
//! ```
//!
//! If it awaits, it lives in a half or is a door. If it is stored or sent, its type lives in [`api`]. Everything else
//! is a decision and lives in its domain. Arrows only point down; `tests/layering.rs` holds the rooms to it.
//!
//! # Where to begin
//! [`run`] takes a parsed command line. `process` joins the halves of `serve`: [`serve::router`] has every route in
//! one list, [`reconcile`] one line for each controller, and both are handed the same watches.
//!
//! # The rooms
//! - [`api`]: kinds, reviews, registrations, and in [`api::names`] every label, annotation, condition and reason.
//! - [`template`]: Go's `text/template` with Sprig, handlebars and Jinja for folders; [`condition`]: setting a condition.
//! - [`dispatch`]: what is decided about JobTemplates, JobExecutions and their Jobs; [`trust`]: certificates.
//! - [`resources`]: what a folder of templates makes of a namespace, what metacontroller's hooks are answered, and what
//!   there is to do without metacontroller.
//! - [`gateway`]: which pods go behind a gateway, and what is added to them for it; what an event asks for, what a
//!   client's pod is, and which pods lack their gateway.
//! - [`workers`]: which release a WorkerDeployment is, which of them serve together, what workerd is told of them, and what a
//!   bundle becomes.
//! - [`clients`]: the one way to the API server, each watch opened once, each call with its time limit; to the folder, to
//!   names, to the sink of events, to S3, to the URLs of code, and to a workerd of this machine.
//! - [`serve`]: listeners, TLS, admission, conversion, executions, events, metacontroller's hooks, health, metrics.
//! - [`reconcile`]: the controllers, the lease by which one replica writes, the queue of events.
//! - [`commands`]: `crds`, `manifests`, `certs`, `render`, `review`, `workers`, `build-bundle`; [`cli`]: their flags as plain data.
//!
//! # The life of a request
//! The API server posts an AdmissionReview to `/validate`. The connection has been through TLS, a cap and its time
//! limits before the router sees it. The body is read up to a limit, decoded with the objects left raw, and handed to
//! [`dispatch::validate`], which borrows the few fields that its rules read and answers with causes and warnings.
//! The answer is written with the review's uid, counted, and logged in one line. Nobody was asked anything.
//!
//! # The life of an object
//! `PUT /execute/NAMESPACE/TEMPLATE` finds the template in memory and renders it on trial, draws a name and a nonce,
//! and creates a JobExecution: 201 is said once the API server has it. The watch brings it to the controller, which
//! looks for a Job that its UID controls, in memory and then at the API server, and creates one under a name derived
//! from the execution only when there is none. What becomes of the Job is written into the status twice: when it has
//! started and when it has ended. A process that is killed between any two of these steps repeats the step and meets
//! what it had done. A Job with `ttlSecondsAfterFinished` could be gone by then, and nothing would tell that there was
//! one: it is created suspended, recorded, and only then released by one patch.
//!
//! An object of a folder of templates begins with a namespace. Its labels, its annotations and the set in force give what is
//! [`resources::Desired`]: metacontroller is told of it, or [`reconcile::namespaces`] itself compares it with the metadata
//! of everything that carries our label and carries out [`resources::native::plan`], by server-side apply. The digest and
//! the managed fields of the stored object say whether it still is as it was applied: a restart writes nothing.
//!
//! A PodGateway is in force a moment after it is stored: the watch, and its names, which are looked up beside the requests
//! and never by one, make [`gateway::InForce`], from which `/mutate-pods` answers. The pod is told in an annotation which
//! gateway it got. The auditor, [`reconcile::gateways`], counts such pods by their metadata and tells of those that lack
//! theirs, having been created while nobody answered; with `--evict-uninjected` it evicts one at a time, where a trial
//! shows that the next one would get it, and waits until that one is ready.
//!
//! An event becomes a GatewayClient, whose name is a hash of the event's source and id: however often it is delivered, and
//! to whichever replica, that is one client. [`reconcile::gateway_clients`] creates its one pod, writes what becomes of it
//! into the status and takes it away at the client's end. The answer is written from that status: to the sender, or later
//! to the sink, which an annotation of the client asks for. A client outlives its end by `--client-retention`, so that a late
//! delivery gets the first answer and no second pod, and by more while a sink has not taken the answer. An end that comes
//! first makes a client that has ended, for the same reason.
//!
//! A WorkerDeployment becomes a WorkerRelease whose name is a digest of its content, so that equal content is the same
//! release. The release is proved once on its own: by the server's own workerd where it has one and the code is inline, else
//! by a Job whose steps fetch, prove and publish. [`workers::choice`] picks for each worker of an account the release that
//! is asked for, if it is proved, else the one that served; [`workers::composition`] puts these together, and what they are
//! together is proved too before the WorkerBundle is written. [`reconcile::workers`] has one controller for accounts and one
//! for bundles, which applies the Deployment and what leads to it. Everything has a name that repeats itself: a process that
//! is killed between two steps meets what it had done.
//!
//! # What is not here
//! - Domains, tools and nouns never await, and read no clock, file or environment.
//! - The halves do not know each other. Nothing but `clients` talks to the API server.
//! - No admission or conversion path calls the API server.
//! - No Job, template or pod passes through a type of ours on its way: fields newer than this release stay.
//! - No payload and no Secret in a log, an event or a condition; no payload in a store.
//! - Nothing edits `crds/`; `make crds` writes it.
//!
//! # Across all rooms
//! *Errors* say what is wrong with which object and what to do; a refusal is an answer, not a failure. *Shutdown*: the
//! first signal closes readiness and the controllers, then what is in flight ends. *Tests* stand in the weakest tier
//! that can catch the bug: beside the code, as files in `tests/data`, against an API server in process, against a real
//! one, on a real node.

pub mod api;
pub mod cli;
pub mod clients;
pub mod commands;
pub mod condition;
pub mod dispatch;
pub mod gateway;
mod process;
pub mod reconcile;
pub mod resources;
pub mod serve;
pub mod telemetry;
pub mod template;
pub mod trust;
pub mod workers;

use cli::{Cli, Command, RenderCommand, WorkersCommand};

/// Runs one command line to its end.
///
/// # Errors
/// Whatever keeps the command from doing what it was asked for; the text says what to do.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        None => process::run(&cli.serve),
        Some(Command::Serve(args)) => process::run(args),
        Some(Command::Crds(args)) => commands::crds::run(args),
        Some(Command::Manifests(args)) => commands::manifests::run(args),
        Some(Command::Certs(args)) => commands::certs::run(args),
        Some(Command::Render(RenderCommand::Job(args))) => commands::render::job(args),
        Some(Command::Render(RenderCommand::Namespace(args))) => commands::render::namespace(args),
        Some(Command::Review(args)) => commands::review::run(args),
        Some(Command::Workers(WorkersCommand::Serve(args))) => commands::workers::serve(args),
        Some(Command::BuildBundle(step)) => commands::build_bundle::run(step),
    }
}
