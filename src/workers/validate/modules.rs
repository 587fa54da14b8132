//! Inline code, and what the modules of a worker are called. Whether code is code is for the proof to say; here is what can
//! be said for certain without running it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::module_type;
use crate::api::review::{Cause, Verdict};
use crate::api::workers::{Module, ModuleType};

/// What every WebAssembly module begins with.
const WASM: &[u8] = b"\0asm";

/// Refuses modules that no runtime could load.
pub(super) fn judge(field: &str, modules: &[Module], verdict: &mut Verdict) {
    let mut seen = BTreeSet::new();
    for (index, module) in modules.iter().enumerate() {
        let field = format!("{field}[{index}]");
        verdict.causes.extend(name(&format!("{field}.name"), &module.name));
        if !seen.insert(&module.name) {
            let message = format!(
                "another module is called {:?} too: each has a name of its own",
                module.name
            );
            verdict.causes.push(Cause::invalid(format!("{field}.name"), message));
        }
        verdict.causes.extend(content(&field, module));
    }
}

/// Refuses a name that could lead out of the folder of a worker.
pub(super) fn name(field: &str, name: &str) -> Option<Cause> {
    let fault = if name.is_empty() {
        "is empty"
    } else if name.starts_with('/') {
        "begins with '/'"
    } else if name.split('/').any(|part| part == "..") {
        "has '..' in it"
    } else if name.chars().any(char::is_control) {
        "has a control character in it"
    } else {
        return None;
    };
    let message = format!("{name:?} {fault}: name it as other modules import it, for example \"lib/greet.js\"");
    Some(Cause::invalid(field, message))
}

/// What a module is; the extension tells where it is not said.
pub(super) fn type_of(name: &str, said: Option<ModuleType>) -> ModuleType {
    said.unwrap_or_else(|| module_type::of(name, None))
}

/// Whether a module of that type can export the handlers.
pub(super) fn is_code(module_type: ModuleType) -> bool {
    matches!(module_type, ModuleType::EsModule | ModuleType::CommonJs)
}

fn content(field: &str, module: &Module) -> Option<Cause> {
    let module_type = type_of(&module.name, module.module_type);
    match (&module.text, &module.base64) {
        (Some(_), None) if module_type == ModuleType::Wasm => {
            let message = "no text is a WebAssembly module: say `base64`";
            Some(Cause::invalid(format!("{field}.text"), message))
        }
        (Some(text), None) => parsed(&format!("{field}.text"), module_type, text.as_bytes()),
        (None, Some(base64)) => {
            let field = format!("{field}.base64");
            match STANDARD.decode(base64) {
                Ok(content) => parsed(&field, module_type, &content),
                Err(error) => Some(Cause::invalid(
                    field,
                    format!("is no base64 (RFC 4648, with padding): {error}"),
                )),
            }
        }
        (Some(_), Some(_)) => Some(Cause::invalid(field, "has `text` and `base64`: say one of them")),
        (None, None) => Some(Cause::required(field, "has no content: say `text` or `base64`")),
    }
}

fn parsed(field: &str, module_type: ModuleType, content: &[u8]) -> Option<Cause> {
    let message = match module_type {
        ModuleType::Json => {
            let error = serde_json::from_slice::<serde::de::IgnoredAny>(content).err()?;
            format!("is no JSON: {error}")
        }
        ModuleType::Wasm if !content.starts_with(WASM) => {
            "is no WebAssembly module: it does not begin with \"\\0asm\"".to_owned()
        }
        ModuleType::EsModule | ModuleType::CommonJs | ModuleType::Text if str::from_utf8(content).is_err() => {
            "is no text in UTF-8: give the module the type Data".to_owned()
        }
        _ => return None,
    };
    Some(Cause::invalid(field, message))
}
