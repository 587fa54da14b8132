//! What changes in a pod that gets a gateway, and nothing more.

use serde_json::{Value, json};

use super::lists::{End, List};
use super::{Error, Injection};
use crate::api::gateway::SidecarMode;
use crate::api::names::{annotation, injected};
use crate::api::pod::{PodMetadata, PodSpec, text};
use crate::api::review::{AdmissionRequest, PatchOperation};
use crate::api::text::Text;

/// The least that puts a pod behind a gateway.
pub(super) fn patch(
    request: &AdmissionRequest<'_>,
    metadata: &PodMetadata<'_>,
    spec: &PodSpec<'_>,
    injection: &Injection,
) -> Result<Vec<PatchOperation>, Error> {
    let stamped = text(metadata.annotations.as_ref(), annotation::INJECTED)?;
    // What the stamp vouches for may have been changed by others since. Without it, it is a copy of another pod's.
    let keep = Text::of(stamped.as_ref()) == injection.stamp;
    let mut patch = Vec::new();
    let namespace = match Text::of(metadata.namespace.as_ref()) {
        "" => &request.namespace,
        namespace => namespace,
    };
    dns(&mut patch, spec, injection, namespace);
    containers(&mut patch, spec, injection, keep);
    if let Some(volume) = &injection.volume {
        let mut volumes = List::new("/spec/volumes", spec.volumes.as_ref());
        volumes.put(&mut patch, (injected::VOLUME, volume), End::Last, keep);
    }
    if !keep {
        stamp(&mut patch, metadata, &injection.stamp);
    }
    Ok(patch)
}

fn dns(patch: &mut Vec<PatchOperation>, spec: &PodSpec<'_>, injection: &Injection, namespace: &str) {
    if let Some(dns) = &injection.dns {
        let wanted = dns.config(namespace);
        let found = spec
            .dns_config
            .and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        if found.as_ref() != Some(&wanted) {
            patch.push(add("/spec/dnsConfig", wanted));
        }
    }
    if let Some(policy) = &injection.dns_policy
        && Text::of(spec.dns_policy.as_ref()) != policy
    {
        patch.push(add("/spec/dnsPolicy", policy.as_str().into()));
    }
}

fn containers(patch: &mut Vec<PatchOperation>, spec: &PodSpec<'_>, injection: &Injection, keep: bool) {
    let mut inits = List::new("/spec/initContainers", spec.init_containers.as_ref());
    let mut others = List::new("/spec/containers", spec.containers.as_ref());
    if let Some(init) = &injection.init {
        let end = if injection.init_first { End::First } else { End::Last };
        inits.put(patch, (injected::INIT, init), end, keep);
    }
    if let Some(sidecar) = &injection.sidecar {
        let (list, other) = match injection.sidecar_mode {
            SidecarMode::Native => (&mut inits, &mut others),
            SidecarMode::Classic => (&mut others, &mut inits),
        };
        list.put(patch, (injected::SIDECAR, sidecar), End::Last, keep);
        // Of a copy whose gateway was of the other mode.
        other.remove(patch, injected::SIDECAR);
    }
}

fn stamp(patch: &mut Vec<PatchOperation>, metadata: &PodMetadata<'_>, stamp: &str) {
    if metadata.annotations.is_none() {
        patch.push(add("/metadata/annotations", json!({})));
    }
    let key = annotation::INJECTED.replace('/', "~1");
    patch.push(add(&format!("/metadata/annotations/{key}"), stamp.into()));
}

fn add(path: &str, value: Value) -> PatchOperation {
    PatchOperation::Add {
        path: path.to_owned(),
        value,
    }
}
