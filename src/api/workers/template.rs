//! What a worker is made of: the template of a WorkerDeployment, which is the spec of its WorkerReleases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema;

/// A worker: its code, what it is bound to, and how the runtime is to treat it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerTemplate {
    /// Name of the worker, unique in its account: lower-case letters, digits and `-`.
    #[schemars(length(min = 1, max = 63))]
    pub script_name: String,
    /// Secret of this namespace of which every key becomes a binding of the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_ref: Option<String>,
    /// How the runtime behaves, as of this day: `YYYY-MM-DD`, not later than today nor than the runtime.
    #[schemars(length(min = 1, max = 32))]
    pub compatibility_date: String,
    /// Single changes of the runtime's behaviour, as workerd names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    pub compatibility_flags: Vec<String>,
    /// Code inline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub modules: Vec<Module>,
    /// Code to fetch; the first is the main module unless `mainModule` names another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub urls: Vec<Source>,
    /// Name of the module that exports the handlers; without it the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub main_module: Option<String>,
    /// What the worker finds in its environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub bindings: Vec<Binding>,
    /// Hosts, each perhaps with a path behind it, that lead to this worker besides its own: `shop.example.com/cart/*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 512)))]
    pub routes: Vec<String>,
}

/// One module, its content inline.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// As other modules import it: `index.js`, `lib/greet.js`.
    #[schemars(length(min = 1, max = 512))]
    pub name: String,
    /// What it is; without it the extension tells, and what has none that is known is an ES module.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub module_type: Option<ModuleType>,
    /// Its content as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its content as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// What a module is to the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum ModuleType {
    /// JavaScript with `import` and `export`.
    EsModule,
    /// JavaScript with `require` and `module.exports`.
    CommonJs,
    /// A string.
    Text,
    /// An ArrayBuffer.
    Data,
    /// A WebAssembly.Module.
    Wasm,
    /// A parsed value.
    Json,
}

/// Where code is fetched from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// `s3://BUCKET/KEY`, `https://…` or `http://…`; an `s3://` URL that ends in `/` means everything below it.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// SHA-256 of the content in hexadecimal; what differs is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
    pub sha256: Option<String>,
    /// Name of the module; without it the last part of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub name: Option<String>,
    /// What it is; without it the extension tells, then the content type, and what neither tells is an ES module.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub module_type: Option<ModuleType>,
}

/// One name in a worker's environment; exactly one of the fields behind it says what it is.
///
/// What other fields say is kept until admission, which refuses it by name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Binding {
    /// As the worker finds it: `env.NAME`.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// A string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Any JSON value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub json: Option<Value>,
    /// One key of a Secret of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretKey>,
    /// Another worker of the same account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceTarget>,
}

/// One key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// Name of the Secret; without it the one of `secretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// The key; without it the name of the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

/// Another worker of the same account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTarget {
    /// Its script name.
    #[schemars(length(min = 1, max = 63))]
    pub script_name: String,
    /// Which of its exported classes; without it the default export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub entrypoint: Option<String>,
}
