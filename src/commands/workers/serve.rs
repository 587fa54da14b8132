//! `workers serve`: proves the workers of a manifest and runs them, each on a port of this machine.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::manifest::{self, Wanted};
use crate::api::workers::{ContentModule, Isolation, ProofState};
use crate::cli::WorkersServeArgs;
use crate::clients::workerd::{self, Folder, Limits, Serving};
use crate::commands::manifest::objects;
use crate::workers::config::{self, Configured};
use crate::workers::proof::Verdict;

/// Runs until Ctrl-C.
///
/// # Errors
/// When there is nothing to run, the runtime refuses it, or ends by itself.
pub fn serve(args: &WorkersServeArgs) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for file in &args.files {
        all.extend(objects(file)?);
    }
    let wanted = manifest::wanted(&all)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")?.block_on(run(args, &wanted))
}

async fn run(args: &WorkersServeArgs, wanted: &[Wanted]) -> anyhow::Result<()> {
    let ports = ports(args.port, wanted.len())?;
    let folder = laid_out(wanted, &ports)?;
    let outcome = workerd::prove(&args.workerd_path, folder.path(), config::FILE, Limits::default()).await?;
    let verdict = Verdict::of(&outcome, only(wanted));
    if verdict.state == ProofState::Failed {
        bail!("{}", verdict.message.unwrap_or_default());
    }
    let listeners: Vec<_> = wanted
        .iter()
        .map(|worker| &*worker.template.script_name)
        .zip(ports)
        .collect();
    let variables: BTreeMap<_, _> = wanted.iter().flat_map(|worker| worker.variables.clone()).collect();
    let mut serving = workerd::serve(
        &args.workerd_path,
        folder.path(),
        config::FILE,
        (&listeners, &variables),
    )
    .await?;
    tell(&listeners)?;
    until_the_end(&mut serving).await
}

/// One port after the other.
fn ports(first: u16, count: usize) -> anyhow::Result<Vec<u16>> {
    let ports: Vec<u16> = (first..=u16::MAX).take(count).collect();
    if ports.len() < count {
        bail!("{count} workers do not fit behind --port {first}");
    }
    Ok(ports)
}

/// What the runtime reads, as it is in a pod.
fn laid_out(wanted: &[Wanted], ports: &[u16]) -> anyhow::Result<Folder> {
    let folder = Folder::new().context("cannot make a folder")?;
    let listings: Vec<Vec<ContentModule>> = wanted.iter().map(|worker| worker.code.listing()).collect();
    let folders: Vec<_> = (0..wanted.len()).map(|index| index.to_string()).collect();
    let mut configured = Vec::new();
    for (index, worker) in wanted.iter().enumerate() {
        let contents: Vec<_> = worker.code.modules.iter().map(|module| &module.content).collect();
        folder
            .write_modules(&folders[index], &contents)
            .context("cannot write modules")?;
        configured.push(Configured {
            template: &worker.template,
            modules: &listings[index],
            folder: &folders[index],
            port: ports[index].into(),
            prefix: &worker.prefix,
            secret_keys: &worker.secret_keys,
        });
    }
    let files = config::files(&configured, Isolation::Account);
    folder.write_config(&files).context("cannot write the configuration")?;
    Ok(folder)
}

/// Who is to blame where nobody else can be.
fn only(wanted: &[Wanted]) -> Option<&str> {
    match wanted {
        [worker] => Some(&worker.template.script_name),
        _ => None,
    }
}

fn tell(listeners: &[(&str, u16)]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    for (script, port) in listeners {
        writeln!(stdout, "http://127.0.0.1:{port}  {script}")?;
    }
    Ok(stdout.flush()?)
}

async fn until_the_end(serving: &mut Serving) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    tokio::select! {
        status = serving.ended() => bail!("the runtime has ended with {}", status?),
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(serving.end().await?)
}
