//! Manifests and configurations of images as trees of JSON: every field that is not ours to change stays. No clock, and
//! keys in one order: the same becomes the same bytes.

use serde_json::{Map, Value, json};

use super::blob::Blob;
use super::error::Fault;

/// What an image is, and what one for several platforms is.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What is pulled: those, and what Docker called them before.
pub(super) const ACCEPTED: [&str; 4] = [
    MANIFEST,
    INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer that is not compressed: compressors of other versions give other bytes.
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// How Docker called layers.
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Annotation that says whose an image is.
const OWNER: &str = "workers.stationmaster.dev/owner";

/// What an image consists of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) config: Blob,
    pub(super) layers: Vec<Blob>,
}

/// What is no image, or none that anything can be added to.
pub(super) fn no_image(what: &str) -> Fault {
    Fault::lasting(format!("it is no image of a container: {what}"))
}

pub(super) fn parsed(text: &[u8]) -> Result<Value, Fault> {
    let value = serde_json::from_slice(text).ok().filter(Value::is_object);
    value.ok_or_else(|| no_image("its manifest is no JSON object"))
}

/// What the manifest of one image names.
pub(super) fn parts(manifest: &Value) -> Result<Parts, Fault> {
    let config = manifest.get("config").and_then(Blob::described);
    let layers = manifest.get("layers").and_then(Value::as_array);
    let layers = layers.and_then(|layers| layers.iter().map(Blob::described).collect());
    config
        .zip(layers)
        .map(|(config, layers)| Parts { config, layers })
        .ok_or_else(|| no_image("its manifest does not name its parts by SHA-256"))
}

/// The images for Linux of an index; nothing where it is none. What attests something of another one is no image.
pub(super) fn platforms(index: &Value) -> Option<Vec<(Value, Blob)>> {
    let entries = index.get("manifests")?.as_array()?.iter();
    let is_linux = |entry: &&Value| {
        let system = entry.pointer("/platform/os");
        let attests = entry.pointer("/annotations/vnd.docker.reference.type").is_some();
        !attests && system.is_none_or(|system| system == "linux")
    };
    let found = entries.filter(is_linux);
    Some(
        found
            .filter_map(|entry| Some((entry.clone(), Blob::described(entry)?)))
            .collect(),
    )
}

/// The configuration with one more layer.
pub(super) fn config(base: &[u8], layers: usize, layer: &Blob) -> Result<Vec<u8>, Fault> {
    let mut config = parsed(base)?;
    let ids = config.pointer_mut("/rootfs/diff_ids").and_then(Value::as_array_mut);
    let ids = ids.filter(|ids| ids.len() == layers);
    let ids = ids.ok_or_else(|| no_image("its configuration does not name its layers"))?;
    ids.push(json!(layer.digest));
    if let Some(history) = config.get_mut("history").and_then(Value::as_array_mut) {
        history.push(json!({"created_by": "stationmaster build-bundle push-bundle"}));
    }
    Ok(text(&config))
}

/// The manifest of the base with one more layer and this configuration.
pub(super) fn image((base, owner): (&Value, Option<&str>), config: &Blob, layer: &Blob) -> Vec<u8> {
    let mut layers: Vec<Value> = base
        .get("layers")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for layer in &mut layers {
        let known = layer.get("mediaType").and_then(Value::as_str).map(oci_layer);
        if let Some(known) = known {
            layer["mediaType"] = json!(known);
        }
    }
    layers.push(layer.descriptor(LAYER));
    let members = json!({"mediaType": MANIFEST, "config": config.descriptor(CONFIG), "layers": layers});
    with_annotations(base.get("annotations"), owner, members)
}

/// The index with these images in place of the base's.
pub(super) fn index((base, owner): (&Value, Option<&str>), images: Vec<(Value, Blob)>) -> Vec<u8> {
    let images = images.into_iter().map(|(mut entry, image)| {
        entry["mediaType"] = json!(MANIFEST);
        entry["digest"] = json!(image.digest);
        entry["size"] = json!(image.size);
        entry
    });
    let members = json!({"mediaType": INDEX, "manifests": images.collect::<Vec<_>>()});
    with_annotations(base.get("annotations"), owner, members)
}

/// The manifest of an artefact that is one layer.
pub(super) fn artefact((kind, owner): (&str, Option<&str>), config: (&str, &Blob), layer: &Blob) -> Vec<u8> {
    let members = json!({
        "mediaType": MANIFEST, "artifactType": kind,
        "config": config.1.descriptor(config.0), "layers": [layer.descriptor(LAYER)],
    });
    with_annotations(None, owner, members)
}

/// The name that the Open Container Initiative gave to a kind of layer.
fn oci_layer(media_type: &str) -> String {
    match media_type.strip_prefix(DOCKER_LAYER) {
        None => media_type.to_owned(),
        Some(compressed) => format!("{LAYER}{}", compressed.replacen('.', "+", 1)),
    }
}

fn with_annotations(annotations: Option<&Value>, owner: Option<&str>, members: Value) -> Vec<u8> {
    let mut all = Map::from_iter([("schemaVersion".to_owned(), json!(2))]);
    let mut annotations = annotations.cloned().unwrap_or_else(|| json!({}));
    if let (Some(annotations), Some(owner)) = (annotations.as_object_mut(), owner) {
        annotations.insert(OWNER.to_owned(), json!(owner));
    }
    if annotations != json!({}) {
        all.insert("annotations".to_owned(), annotations);
    }
    if let Value::Object(members) = members {
        all.extend(members);
    }
    text(&Value::Object(all))
}

/// Keys are sorted: the tree is made of ordered maps.
fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(letter: &str) -> Blob {
        let digest = format!("sha256:{}", letter.repeat(64));
        Blob { digest, size: 5 }
    }

    fn json(text: &[u8]) -> Value {
        serde_json::from_slice(text).unwrap()
    }

    #[test]
    fn a_configuration_keeps_what_it_has() {
        let base = json!({
            "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z", "newer": {"field": 18_446_744_073_709_551_615_u64},
            "config": {"User": "65532:65532", "Env": ["PATH=/"], "Entrypoint": ["/workerd"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]}, "history": [{"created_by": "x"}],
        });
        let mut expected = base.clone();
        expected["rootfs"]["diff_ids"] = json!(["sha256:1", blob("a").digest]);
        expected["history"] = json!([{"created_by": "x"}, {"created_by": "stationmaster build-bundle push-bundle"}]);
        let made = config(base.to_string().as_bytes(), 1, &blob("a")).unwrap();
        assert_eq!(json(&made), expected);

        let mut young = base;
        young.as_object_mut().unwrap().remove("history");
        let made = config(young.to_string().as_bytes(), 1, &blob("a")).unwrap();
        assert_eq!(json(&made).get("history"), None);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for base in ["{}", "[]", "x", r#"{"rootfs": {"diff_ids": []}}"#] {
            assert!(config(base.as_bytes(), 1, &blob("a")).is_err(), "{base}");
        }
        let good = json!({"digest": blob("a").digest, "size": 1});
        for bad in [
            json!({"digest": "sha256:../../x", "size": 1}),
            json!({"digest": format!("sha512:{}", "a".repeat(64)), "size": 1}),
            json!({"digest": blob("a").digest}),
            Value::Null,
        ] {
            assert!(parts(&json!({"config": bad, "layers": []})).is_err(), "{bad}");
            assert!(parts(&json!({"config": good, "layers": [bad]})).is_err(), "{bad}");
        }
        let parts = parts(&json!({"config": good, "layers": [good]})).unwrap();
        assert_eq!((parts.config.size, parts.layers.len()), (1, 1));
    }

    #[test]
    fn a_manifest_of_docker_becomes_one_of_oci() {
        let layer = |media_type: &str| json!({"mediaType": media_type, "digest": "sha256:1", "size": 1, "annotations": {"a": "b"}});
        let base = json!({
            "schemaVersion": 2, "mediaType": ACCEPTED[2], "config": {"mediaType": "application/vnd.docker.container.image.v1+json"},
            "layers": [layer("application/vnd.docker.image.rootfs.diff.tar.gzip"), layer(DOCKER_LAYER), layer("other")],
            "annotations": {"kept": "yes"},
        });
        let made = json(&image((&base, None), &blob("c"), &blob("d")));
        let expected = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "annotations": {"kept": "yes"},
            "config": {"mediaType": CONFIG, "digest": blob("c").digest, "size": 5},
            "layers": [
                layer("application/vnd.oci.image.layer.v1.tar+gzip"), layer(LAYER), layer("other"),
                {"mediaType": LAYER, "digest": blob("d").digest, "size": 5},
            ],
        });
        assert_eq!(made, expected);
    }

    #[test]
    fn an_index_keeps_its_platforms_for_linux() {
        let entry = |letter: &str, os: &str| json!({"mediaType": ACCEPTED[2], "digest": blob(letter).digest, "size": 5, "platform": {"os": os, "architecture": "arm64", "variant": "v8"}});
        let attestation = json!({"digest": blob("c").digest, "size": 5, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}});
        let base =
            json!({"mediaType": ACCEPTED[3], "manifests": [entry("a", "linux"), entry("b", "windows"), attestation]});
        let found = platforms(&base).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, blob("a"));
        let (entry, _) = found.into_iter().next().unwrap();
        let made = json(&index((&base, Some("me")), vec![(entry, blob("d"))]));
        let mut expected = json!({
            "schemaVersion": 2, "mediaType": INDEX, "annotations": {OWNER: "me"}, "manifests": [base["manifests"][0]],
        });
        expected["manifests"][0]["mediaType"] = json!(MANIFEST);
        expected["manifests"][0]["digest"] = json!(blob("d").digest);
        assert_eq!(made, expected);
        assert_eq!(platforms(&json!({"layers": []})), None);
    }
}
