//! What a module is to the runtime, as far as its name and the server that it came from tell.

use crate::api::workers::ModuleType;

/// By the extension, then the content type; what neither tells is an ES module.
#[must_use]
pub fn of(name: &str, content_type: Option<&str>) -> ModuleType {
    let told = by_extension(name).or_else(|| by_content_type(content_type?));
    told.unwrap_or(ModuleType::EsModule)
}

/// As wrangler reads extensions, and JSON, which it bundles.
fn by_extension(name: &str) -> Option<ModuleType> {
    let file = name.rsplit('/').next().unwrap_or_default();
    let (_, extension) = file.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "js" | "mjs" => Some(ModuleType::EsModule),
        "cjs" => Some(ModuleType::CommonJs),
        "txt" | "html" | "sql" => Some(ModuleType::Text),
        "bin" => Some(ModuleType::Data),
        "wasm" => Some(ModuleType::Wasm),
        "json" => Some(ModuleType::Json),
        _ => None,
    }
}

/// `application/octet-stream` tells nothing: S3 says it of everything that was put without a type.
fn by_content_type(content_type: &str) -> Option<ModuleType> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/javascript" | "application/javascript+module" | "text/javascript" => Some(ModuleType::EsModule),
        "application/node" => Some(ModuleType::CommonJs),
        "application/wasm" => Some(ModuleType::Wasm),
        "application/json" => Some(ModuleType::Json),
        "text/plain" | "text/html" | "application/sql" => Some(ModuleType::Text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells_then_the_content_type() {
        for (name, content_type, expected) in [
            ("index.js", Some("text/plain"), ModuleType::EsModule),
            ("lib/a.MJS", None, ModuleType::EsModule),
            ("a.cjs", None, ModuleType::CommonJs),
            ("a.html", None, ModuleType::Text),
            ("a.bin", None, ModuleType::Data),
            ("a.b.wasm", None, ModuleType::Wasm),
            ("a.json", Some("application/javascript"), ModuleType::Json),
            ("a", Some("application/wasm"), ModuleType::Wasm),
            ("a", Some("Text/Plain; charset=utf-8"), ModuleType::Text),
            ("a.unknown", Some("application/json"), ModuleType::Json),
            ("v1.wasm/files1", Some("application/octet-stream"), ModuleType::EsModule),
            ("files1", None, ModuleType::EsModule),
            ("", Some(""), ModuleType::EsModule),
        ] {
            assert_eq!(of(name, content_type), expected, "{name} {content_type:?}");
        }
    }
}
