//! The pods of a bundle, and how one state of them follows another: the old ones go when the new ones answer.

use serde_json::{Map, Value, json};

use super::container::{containers, first, volumes};
use super::{Observed, deployment_name, labels, metadata, selector};
use crate::api::names::annotation;
use crate::api::workers::WorkerBundle;
use crate::workers::pod;

/// More than draining takes, and requests that are in flight behind that.
const GRACE_SECONDS: u32 = 30;
/// Pods that are not ready by then are told of as a failure.
const DEADLINE_SECONDS: u32 = 120;
/// Earlier states that stay: none, for each would hold on to ConfigMaps; `spec.release` is the way back.
const REVISIONS: u32 = 0;

/// The Deployment; none where nobody names an image. `replicas` is somebody else's where the bundle does not say.
pub(super) fn deployment(bundle: &WorkerBundle, observed: &Observed<'_>) -> Option<Value> {
    let mut spec = json!({
        "selector": {"matchLabels": selector(bundle)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "revisionHistoryLimit": REVISIONS,
        "minReadySeconds": 0,
        "progressDeadlineSeconds": DEADLINE_SECONDS,
        "template": {"metadata": {"labels": labels(bundle), "annotations": annotations(bundle, observed)}, "spec": pod(bundle, observed)?},
    });
    if let Some(replicas) = bundle.spec.replicas {
        spec["replicas"] = replicas.into();
    }
    Some(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": metadata(bundle, deployment_name(bundle)), "spec": spec,
    }))
}

/// Who runs in it has no rights, and nothing of the cluster but its workers' own Secrets.
fn pod(bundle: &WorkerBundle, observed: &Observed<'_>) -> Option<Value> {
    let mut pod = json!({
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": pod::pod_security(),
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": containers(bundle, observed)?,
        "volumes": volumes(bundle, observed),
    });
    let first = first(bundle, observed);
    if !first.is_empty() {
        pod["initContainers"] = json!(first);
    }
    if let Some(secret) = &bundle.spec.pod_template.image_pull_secret {
        pod["imagePullSecrets"] = json!([{"name": secret}]);
    }
    Some(pod)
}

fn annotations(bundle: &WorkerBundle, observed: &Observed<'_>) -> Map<String, Value> {
    let digest = bundle
        .spec
        .digest
        .as_deref()
        .map(|digest| (annotation::BUNDLE_DIGEST, digest));
    let secrets = observed.secrets.map(|secrets| (annotation::SECRETS_DIGEST, secrets));
    let all = digest.into_iter().chain(secrets);
    all.map(|(key, value)| (key.to_owned(), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{bundle, by_hand, observed};
    use super::*;
    use crate::workers::runtime_image::RuntimeImage;

    fn spec(labels: &Value, annotations: &Value, pod: &Value) -> Value {
        let mut template = json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": {
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 30,
        }});
        for (name, value) in pod.as_object().expect("a pod") {
            template["spec"][name] = value.clone();
        }
        let bundle = &labels["workers.stationmaster.dev/bundle"];
        json!({
            "selector": {"matchLabels": {"workers.stationmaster.dev/bundle": bundle}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "revisionHistoryLimit": 0,
            "minReadySeconds": 0,
            "progressDeadlineSeconds": 120,
            "template": template,
        })
    }

    fn volume(name: &str, map: &str) -> Value {
        json!({"name": name, "configMap": {"name": map, "optional": false, "defaultMode": 292}})
    }

    #[test]
    fn runs_what_the_account_has_composed() {
        let bundle = bundle();
        let deployment = deployment(&bundle, &observed()).expect("there is an image");
        let labels = json!({
            "app.kubernetes.io/part-of": "stationmaster", "accounts": "1234", "workers.stationmaster.dev/bundle": "shop",
        });
        let annotations = json!({
            "workers.stationmaster.dev/digest": "sha256:d1", "workers.stationmaster.dev/secrets": "abc",
        });
        let pod = json!({
            "containers": containers(&bundle, &observed()),
            "volumes": [
                volume("config", "shop-d1"),
                volume("modules-c4f39ab857", "cart-1"),
                volume("modules-183b7dd575", "wasm-worker-1"),
            ],
            "imagePullSecrets": [{"name": "pull"}],
        });
        assert_eq!(deployment["spec"], spec(&labels, &annotations, &pod));
    }

    #[test]
    fn runs_what_somebody_wrote_by_hand() {
        let mut bundle = by_hand();
        bundle.spec.replicas = Some(2);
        let observed = Observed {
            secrets: None,
            ..observed()
        };
        let deployment = deployment(&bundle, &observed).expect("there is an image");
        let labels = json!({
            "app.kubernetes.io/part-of": "stationmaster", "workers.stationmaster.dev/bundle": "workers",
        });
        let pod = json!({"containers": containers(&bundle, &observed), "volumes": []});
        let mut expected = spec(&labels, &json!({}), &pod);
        expected["replicas"] = json!(2);
        assert_eq!(
            (&deployment["metadata"]["name"], &deployment["spec"]),
            (&json!("depl-name"), &expected)
        );
    }

    #[test]
    fn without_an_image_there_is_none() {
        let runtime = RuntimeImage::default();
        let observed = Observed {
            runtime: &runtime,
            ..observed()
        };
        assert_eq!(deployment(&bundle(), &observed), None);
    }
}
