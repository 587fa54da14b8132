//! Services and sockets of a process of the runtime. Names of ours have a dot, which no name of a worker has.

use super::text::{lines, list, quoted};
use super::{Configured, binding};
use crate::api::names::runtime_service::{HEALTH, INTERNET};
use crate::api::workers::{ContentModule, ModuleType};

/// Answers probes, and is the only test: to run it, the runtime loads every worker.
const HEALTH_CODE: &str = "export default { fetch() { return new Response('ok\\n'); }, test() {} };";
/// Older than any runtime.
const HEALTH_DATE: &str = "2024-01-01";
/// What the runtime adds by itself where no service has this name.
const IMPLIED_INTERNET: &str = "internet";

/// What `fetch` of a worker reaches.
#[derive(Clone, Copy)]
pub(super) enum Outbound {
    /// No address that is private, of the machine or of its network.
    Public,
    /// Nothing.
    Nothing,
}

/// The services of a process.
pub(super) struct Services {
    texts: Vec<String>,
    has_internet: bool,
}

impl Services {
    pub(super) fn new(outbound: Outbound) -> Self {
        let network = match outbound {
            Outbound::Public => "(allow = [\"public\"], tlsOptions = (trustBrowserCas = true))",
            Outbound::Nothing => "(allow = [])",
        };
        let modules = list([format!("(name = \"health.js\", esModule = {})", quoted(HEALTH_CODE))]);
        let health = worker(
            HEALTH,
            &[
                field("compatibilityDate", &quoted(HEALTH_DATE)),
                field("modules", &modules),
            ],
        );
        let internet = format!("(name = {}, network = {network})", quoted(INTERNET));
        Services {
            texts: vec![health, internet],
            has_internet: false,
        }
    }

    /// Adds a worker of this process.
    pub(super) fn worker(&mut self, configured: &Configured<'_>, lead: &binding::Lead) {
        let template = configured.template;
        let flags = template.compatibility_flags.iter().map(|flag| quoted(flag));
        let modules = configured.modules.iter().enumerate();
        let modules: Vec<_> = modules
            .map(|(index, one)| module(one, configured.folder, index))
            .collect();
        let fields = [
            field("compatibilityDate", &quoted(&template.compatibility_date)),
            field("compatibilityFlags", &list(flags)),
            field("modules", &lines(&modules, 6)),
            field("bindings", &lines(&binding::all(configured, lead), 6)),
        ];
        self.add(configured.name(), worker(configured.name(), &fields));
    }

    /// Adds a worker of another process of the pod.
    pub(super) fn external(&mut self, other: &Configured<'_>) {
        let address = quoted(&format!("127.0.0.1:{}", other.port));
        let name = quoted(other.name());
        let text = format!("(name = {name}, external = (address = {address}, http = ()))");
        self.add(other.name(), text);
    }

    fn add(&mut self, name: &str, text: String) {
        self.has_internet |= name == IMPLIED_INTERNET;
        self.texts.push(text);
    }

    /// The whole file.
    pub(super) fn text(mut self, sockets: &[String]) -> String {
        if !self.has_internet {
            self.texts
                .push(format!("(name = \"{IMPLIED_INTERNET}\", network = (allow = []))"));
        }
        // As JSON, what a worker writes to its console cannot pass for what the runtime says.
        format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\n\n\
             const config :Workerd.Config = (\n  \
             logging = (structuredLogging = true),\n  \
             services = {},\n  \
             sockets = {},\n);\n",
            lines(&self.texts, 2),
            lines(sockets, 2),
        )
    }
}

fn field(name: &str, value: &str) -> String {
    format!("      {name} = {value},\n")
}

fn worker(name: &str, fields: &[String]) -> String {
    let outbound = field("globalOutbound", &quoted(INTERNET));
    format!(
        "(name = {}, worker = (\n{}{outbound}    ))",
        quoted(name),
        fields.concat()
    )
}

fn module(module: &ContentModule, folder: &str, index: usize) -> String {
    let kind = match module.module_type {
        ModuleType::EsModule => "esModule",
        ModuleType::CommonJs => "commonJsModule",
        ModuleType::Text => "text",
        ModuleType::Data => "data",
        ModuleType::Wasm => "wasm",
        ModuleType::Json => "json",
    };
    let file = quoted(&format!("../modules/{folder}/{index}"));
    format!("(name = {}, {kind} = embed {file})", quoted(&module.name))
}

/// Where a worker answers.
pub(super) fn socket(worker: &Configured<'_>) -> String {
    listening(worker.name(), worker.port)
}

/// Where the process tells that it is alive.
pub(super) fn health_socket(port: i32) -> String {
    listening(HEALTH, port)
}

fn listening(name: &str, port: i32) -> String {
    let name = quoted(name);
    format!("(name = {name}, address = \"*:{port}\", http = (), service = {name})")
}
