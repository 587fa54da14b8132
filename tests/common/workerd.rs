//! The real runtime of workers, and what it runs.

use std::net::TcpListener;

use stationmaster::api::workers::{ContentModule, ModuleType, WorkerTemplate};
use stationmaster::workers::config::Configured;
use stationmaster::workers::prefix::env_prefix;

/// Ports that nobody listens on; others may take them at any time.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// A worker with its code.
pub struct Worker {
    pub template: WorkerTemplate,
    listing: Vec<ContentModule>,
    contents: Vec<Vec<u8>>,
    folder: String,
    prefix: String,
    port: u16,
    pub secret_keys: Vec<String>,
}

impl Worker {
    /// One whose main module is this text.
    pub fn new(script: &str, code: &str) -> Self {
        let template = WorkerTemplate {
            script_name: script.to_owned(),
            compatibility_date: "2026-01-01".to_owned(),
            ..WorkerTemplate::default()
        };
        let worker = Self {
            template,
            listing: Vec::new(),
            contents: Vec::new(),
            folder: format!("{script}-0"),
            prefix: env_prefix(script),
            port: 0,
            secret_keys: Vec::new(),
        };
        worker.with("index.js", ModuleType::EsModule, code)
    }

    pub fn with(mut self, name: &str, module_type: ModuleType, content: impl Into<Vec<u8>>) -> Self {
        let name = name.to_owned();
        self.listing.push(ContentModule { name, module_type });
        self.contents.push(content.into());
        self
    }

    pub fn on(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    pub fn but(mut self, change: impl FnOnce(&mut WorkerTemplate)) -> Self {
        change(&mut self.template);
        self
    }

    pub fn configured(&self) -> Configured<'_> {
        Configured {
            template: &self.template,
            modules: &self.listing,
            folder: &self.folder,
            port: self.port.into(),
            prefix: &self.prefix,
            secret_keys: &self.secret_keys,
        }
    }

    pub fn modules(&self) -> (&str, Vec<&[u8]>) {
        (&self.folder, self.contents.iter().map(|content| &**content).collect())
    }
}
