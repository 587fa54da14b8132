//! The ConfigMap of a release: its modules by their numbers, and what they are called.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;
use serde_json::{Value, json};

use super::code::Code;
use crate::api::names::{CATEGORY, WORKER_RELEASE_GROUP, label};
use crate::api::workers::ContentModule;

/// Key of the list of names and types.
pub const LISTING: &str = "modules.json";
/// Raw bytes of modules that a ConfigMap takes; the rest of its 1 MiB is for their names and its own.
pub const CONFIG_MAP_BYTES: usize = 900 << 10;

/// The release that a ConfigMap belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name, and so that of the ConfigMap.
    pub release: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// The account that it is of.
    pub account: &'a str,
    /// Its script name.
    pub worker: &'a str,
}

/// More code than a ConfigMap takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its modules have {0} bytes, and a ConfigMap takes {CONFIG_MAP_BYTES}: put them where `urls` finds them")]
pub struct TooLarge(pub usize);

/// What a stored ConfigMap has in it; an empty value may be null.
#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = ConfigMap)]
#[serde(rename_all = "camelCase", default)]
pub struct Stored {
    metadata: ObjectMeta,
    data: BTreeMap<String, Option<String>>,
    binary_data: BTreeMap<String, Option<String>>,
}

/// Whether a ConfigMap takes the code.
///
/// # Errors
/// It would be too large.
pub fn fits(code: &Code) -> Result<(), TooLarge> {
    let size = code.size();
    if size > CONFIG_MAP_BYTES {
        return Err(TooLarge(size));
    }
    Ok(())
}

/// The ConfigMap to create, which does not change after that. Code that it does not take is listed in it.
#[must_use]
pub fn config_map(owner: &Owner<'_>, code: &Code) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": owner.release,
            "namespace": owner.namespace,
            "labels": {
                label::PART_OF: CATEGORY,
                label::ACCOUNTS: owner.account,
                label::WORKER: owner.worker,
                label::RELEASE: owner.release,
            },
            "ownerReferences": [{
                "apiVersion": format!("{WORKER_RELEASE_GROUP}/v1beta1"),
                "kind": "WorkerRelease",
                "name": owner.release,
                "uid": owner.uid,
                "controller": true,
            }],
        },
        "immutable": true,
        "data": data(code),
        "binaryData": binary_data(code),
    })
}

fn data(code: &Code) -> BTreeMap<String, String> {
    let listing = json!(code.listing()).to_string();
    BTreeMap::from([(LISTING.to_owned(), listing)])
}

fn binary_data(code: &Code) -> BTreeMap<String, String> {
    if fits(code).is_err() {
        return BTreeMap::new();
    }
    let modules = code.modules.iter().enumerate();
    modules
        .map(|(number, module)| (number.to_string(), STANDARD.encode(&module.content)))
        .collect()
}

impl Stored {
    /// Names and types of the modules, and whether their content is here too.
    #[must_use]
    pub fn listing(&self) -> (Vec<ContentModule>, bool) {
        let listing = self.data.get(LISTING).cloned().flatten();
        let listing: Option<Vec<_>> = listing.and_then(|text| serde_json::from_str(&text).ok());
        let listing = listing.unwrap_or_default();
        let is_whole = listing.len() == self.binary_data.len();
        (listing, is_whole)
    }

    /// Whether it holds this code and nothing else.
    #[must_use]
    pub fn holds(&self, code: &Code) -> bool {
        let given = |values: &BTreeMap<String, Option<String>>| -> BTreeMap<_, _> {
            let values = values.iter();
            values
                .map(|(key, value)| (key.clone(), value.clone().unwrap_or_default()))
                .collect()
        };
        given(&self.data) == data(code) && given(&self.binary_data) == binary_data(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::workers::ModuleType;
    use crate::workers::code::CodeModule;

    const OWNER: Owner<'_> = Owner {
        namespace: "ns",
        release: "a-0123456789",
        uid: "u",
        account: "1234",
        worker: "a",
    };

    fn code(contents: &[&[u8]]) -> Code {
        let modules = contents.iter().enumerate().map(|(number, content)| CodeModule {
            name: format!("{number}.js"),
            module_type: ModuleType::EsModule,
            content: content.to_vec(),
        });
        Code {
            modules: modules.collect(),
        }
    }

    #[test]
    fn modules_are_stored_by_their_numbers() {
        let stored = config_map(&OWNER, &code(&[b"a", b""]));
        let expected = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "immutable": true,
            "metadata": {
                "name": "a-0123456789", "namespace": "ns",
                "labels": {
                    "app.kubernetes.io/part-of": "stationmaster", "accounts": "1234",
                    "workers.stationmaster.dev/worker": "a", "workers.stationmaster.dev/release": "a-0123456789",
                },
                "ownerReferences": [{
                    "apiVersion": "api.worker-release/v1beta1", "kind": "WorkerRelease", "name": "a-0123456789",
                    "uid": "u", "controller": true,
                }],
            },
            "data": {"modules.json": r#"[{"name":"0.js","type":"EsModule"},{"name":"1.js","type":"EsModule"}]"#},
            "binaryData": {"0": "YQ==", "1": ""},
        });
        assert_eq!(stored, expected);
    }

    #[test]
    fn what_is_too_large_is_told_the_remedy() {
        let most = vec![b'x'; CONFIG_MAP_BYTES];
        assert!(fits(&code(&[&most])).is_ok());
        let refused = fits(&code(&[&most, b"y"])).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "its modules have 921601 bytes, and a ConfigMap takes 921600: put them where `urls` finds them"
        );
    }

    #[test]
    fn code_that_is_too_large_is_only_listed() {
        let most = vec![b'x'; CONFIG_MAP_BYTES];
        for (code, is_whole) in [(code(&[b"a", &most]), false), (code(&[b"a", b""]), true)] {
            let stored: Stored = serde_json::from_value(config_map(&OWNER, &code)).unwrap();
            assert_eq!(stored.listing(), (code.listing(), is_whole));
            assert!(stored.holds(&code));
        }
    }

    #[test]
    fn what_is_stored_is_compared_by_its_content() {
        let same = code(&[b"a", b""]);
        let mut stored = config_map(&OWNER, &same);
        stored["metadata"]["labels"] = json!({"other": "label"});
        for empty in [json!(""), Value::Null] {
            stored["binaryData"]["1"] = empty;
            let stored: Stored = serde_json::from_value(stored.clone()).unwrap();
            assert!(stored.holds(&same));
            assert!(!stored.holds(&code(&[b"b", b""])) && !stored.holds(&code(&[b"a"])));
        }
        assert!(!Stored::default().holds(&same));
    }
}
