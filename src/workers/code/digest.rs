//! Digests by which releases are named: the same for what runs the same, and for nothing else.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Code, CodeModule};
use crate::api::workers::{Binding, ModuleType, Source, WorkerTemplate};

/// Begins every digest; another encoding gets another number.
const CODE: &str = "stationmaster.dev/worker/code/1";
/// The same where the code is not fetched yet.
const SOURCES: &str = "stationmaster.dev/worker/sources/1";

impl Code {
    /// `sha256:…` of the modules and of what the template binds them to. Names of Secrets are in it, and nothing of their
    /// content; script name and routes are not.
    #[must_use]
    pub fn digest(&self, template: &WorkerTemplate) -> String {
        let mut encoder = Encoder::new(CODE);
        let main = self.modules.first().map_or("", |module| &module.name);
        encoder.text(main);
        // The order of the others means nothing to the runtime.
        let mut modules: Vec<_> = self.modules.iter().collect();
        modules.sort_by_key(|module| &module.name);
        encoder.list(&modules, |encoder, module| encoder.module(module));
        encoder.template(template);
        encoder.end()
    }
}

/// The same of a template whose code is yet to be fetched: of its URLs in place of their content.
#[must_use]
pub fn of_sources(template: &WorkerTemplate) -> String {
    let mut encoder = Encoder::new(SOURCES);
    encoder.optional(template.main_module.as_deref());
    // The first is the main module.
    encoder.list(&template.urls, Encoder::source);
    encoder.template(template);
    encoder.end()
}

/// Every text with its length and every list with its number before it: no two inputs are encoded alike.
struct Encoder(Sha256);

impl Encoder {
    fn new(what: &str) -> Self {
        let mut encoder = Self(Sha256::new());
        encoder.text(what);
        encoder
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], encode: impl Fn(&mut Self, &T)) {
        self.count(items.len());
        for item in items {
            encode(self, item);
        }
    }

    fn optional(&mut self, text: Option<&str>) {
        self.list(text.as_slice(), |encoder, text| encoder.text(text));
    }

    fn module(&mut self, module: &CodeModule) {
        self.text(&module.name);
        self.text(type_name(module.module_type));
        self.bytes(&module.content);
    }

    fn source(&mut self, source: &Source) {
        self.text(&source.url);
        self.optional(source.sha256.as_deref().map(str::to_ascii_lowercase).as_deref());
        self.optional(source.name.as_deref());
        self.optional(source.module_type.map(type_name));
    }

    /// All of a template that changes what the runtime does with its code.
    fn template(&mut self, template: &WorkerTemplate) {
        self.text(&template.compatibility_date);
        let mut flags: Vec<_> = template.compatibility_flags.iter().collect();
        flags.sort();
        flags.dedup();
        self.list(&flags, |encoder, flag| encoder.text(flag));
        self.optional(template.secret_ref.as_deref());
        let mut bindings: Vec<_> = template.bindings.iter().collect();
        bindings.sort_by_key(|binding| &binding.name);
        self.list(&bindings, |encoder, binding| encoder.binding(binding));
    }

    fn binding(&mut self, binding: &Binding) {
        self.text(&binding.name);
        self.optional(binding.text.as_deref());
        // Objects are sorted by their keys when they are read.
        self.optional(binding.json.as_ref().map(ToString::to_string).as_deref());
        self.list(binding.secret.as_slice(), |encoder, secret| {
            encoder.optional(secret.name.as_deref());
            encoder.optional(secret.key.as_deref());
        });
        self.list(binding.service.as_slice(), |encoder, service| {
            encoder.text(&service.script_name);
            encoder.optional(service.entrypoint.as_deref());
        });
    }

    fn end(self) -> String {
        let mut text = "sha256:".to_owned();
        for byte in self.0.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

fn type_name(module_type: ModuleType) -> &'static str {
    match module_type {
        ModuleType::EsModule => "EsModule",
        ModuleType::CommonJs => "CommonJs",
        ModuleType::Text => "Text",
        ModuleType::Data => "Data",
        ModuleType::Wasm => "Wasm",
        ModuleType::Json => "Json",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn template(change: impl FnOnce(&mut Value)) -> WorkerTemplate {
        let mut template = json!({
            "scriptName": "a", "compatibilityDate": "2026-01-01", "compatibilityFlags": ["x", "y"], "secretRef": "s",
            "modules": [
                {"name": "index.js", "text": "export default {}"},
                {"name": "b.txt", "text": "b"},
                {"name": "c.txt", "text": "c"},
            ],
            "bindings": [
                {"name": "A", "text": "1"},
                {"name": "B", "json": {"k": 1, "a": [1, 2]}},
                {"name": "C", "secret": {"name": "n", "key": "k"}},
                {"name": "D", "service": {"scriptName": "other"}},
            ],
            "urls": [{"url": "s3://a/b", "sha256": "ab"}, {"url": "s3://a/c"}],
            "routes": ["a.example.com"],
        });
        change(&mut template);
        serde_json::from_value(template).unwrap()
    }

    fn digest(change: impl FnOnce(&mut Value)) -> String {
        let template = template(change);
        Code::inline(&template).unwrap().digest(&template)
    }

    #[test]
    fn a_digest_does_not_change_between_releases_of_ours() {
        assert_eq!(
            digest(|_| {}),
            "sha256:92b193235c6cdbc167cead8d7da4d198745ca2ea9d79cb38b9fd9cf758ce211c"
        );
    }

    #[test]
    fn what_changes_what_runs_changes_the_digest() {
        let changes: [fn(&mut Value); 16] = [
            |_| {},
            |t| t["modules"][0]["text"] = json!("export default {} "),
            |t| t["modules"][1]["name"] = json!("bb.txt"),
            |t| t["modules"][1]["type"] = json!("Data"),
            |t| t["mainModule"] = json!("b.txt"),
            |t| t["compatibilityDate"] = json!("2026-01-02"),
            |t| t["compatibilityFlags"] = json!(["xy"]),
            |t| t["secretRef"] = json!("t"),
            |t| t["secretRef"] = Value::Null,
            |t| t["bindings"][0]["text"] = json!("2"),
            |t| t["bindings"][0] = json!({"name": "A", "json": "1"}),
            |t| t["bindings"][1]["json"]["a"] = json!([2, 1]),
            |t| t["bindings"][2]["secret"]["key"] = json!("l"),
            |t| t["bindings"][2]["secret"] = json!({"key": "nk"}),
            |t| t["bindings"][3]["service"]["entrypoint"] = json!("E"),
            |t| t["modules"][1]["text"] = json!("bc"),
        ];
        let digests: BTreeSet<_> = changes.into_iter().map(digest).collect();
        assert_eq!(digests.len(), changes.len());
    }

    #[test]
    fn what_changes_nothing_that_runs_does_not() {
        let changes: [fn(&mut Value); 8] = [
            |t| t["scriptName"] = json!("b"),
            |t| t["routes"] = json!([]),
            |t| t["mainModule"] = json!("index.js"),
            |t| t["compatibilityFlags"] = json!(["y", "x", "y"]),
            |t| t["modules"][1] = json!({"name": "b.txt", "base64": "Yg==", "type": "Text"}),
            |t| t["modules"].as_array_mut().unwrap().swap(1, 2),
            |t| t["bindings"].as_array_mut().unwrap().reverse(),
            |t| t["bindings"][1]["json"] = serde_json::from_str(r#"{"a":[1,2],"k":1}"#).unwrap(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(digest(change), digest(|_| {}), "{number}");
        }
    }

    #[test]
    fn sources_have_a_digest_before_they_are_fetched() {
        let digest = |change: fn(&mut Value)| of_sources(&template(change));
        let changes: [fn(&mut Value); 7] = [
            |_| {},
            |t| t["urls"][0]["sha256"] = json!("cd"),
            |t| t["urls"][1]["name"] = json!("x"),
            |t| t["urls"][1]["type"] = json!("Text"),
            |t| t["urls"].as_array_mut().unwrap().reverse(),
            |t| t["mainModule"] = json!("c"),
            |t| t["secretRef"] = json!("t"),
        ];
        let digests: BTreeSet<_> = changes.into_iter().map(digest).collect();
        assert_eq!(digests.len(), changes.len());
        assert_eq!(digest(|t| t["urls"][0]["sha256"] = json!("AB")), digest(|_| {}));
    }
}
