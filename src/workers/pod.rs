//! What the pods of builds and of bundles have in common: nobody is root, nothing of an image is writable, and the modules
//! of each release are in a folder beside the configuration.

use serde_json::{Value, json};

use super::runtime::hash;

/// Where the files of a bundle are, however they came there.
pub(super) const FOLDER: &str = "/bundle";
/// Volume of the configuration.
pub(super) const CONFIG: &str = "config";
/// Nobody, who is not root.
pub(super) const USER: u32 = 65532;

/// The security context of a pod.
pub(super) fn pod_security() -> Value {
    json!({
        "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// The security context of a container.
pub(super) fn security() -> Value {
    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
}

/// A volume of a ConfigMap.
pub(super) fn volume(name: &str, config_map: &str) -> Value {
    json!({"name": name, "configMap": {"name": config_map, "optional": false, "defaultMode": 0o444}})
}

/// A volume that begins empty.
pub(super) fn empty_volume(name: &str, size: &str) -> Value {
    json!({"name": name, "emptyDir": {"sizeLimit": size}})
}

/// A volume that is only read.
pub(super) fn mount(volume: &str, path: &str) -> Value {
    json!({"name": volume, "mountPath": path, "readOnly": true})
}

/// One that is written.
pub(super) fn writable(volume: &str, path: &str) -> Value {
    json!({"name": volume, "mountPath": path})
}

/// The configuration, where it is mounted.
pub(super) fn config_mount() -> Value {
    mount(CONFIG, &format!("{FOLDER}/config"))
}

/// The volume of a folder of modules. The folder is named as a release, which may be too long for a volume.
pub(super) fn modules_volume(folder: &str) -> String {
    format!("modules-{}", hash(folder))
}

/// Where such a folder is.
pub(super) fn modules_path(folder: &str) -> String {
    format!("{FOLDER}/modules/{folder}")
}

/// A folder of modules, only to be read.
pub(super) fn modules_mount(folder: &str) -> Value {
    mount(&modules_volume(folder), &modules_path(folder))
}
