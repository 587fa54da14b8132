//! Whose workers they are, and how they are built, delivered and run.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::release::ProofState;
use super::schema;

/// How the workers of an account are built, delivered and run.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "api.worker-account",
    version = "v1beta1",
    kind = "WorkerAccount",
    doc = "An account: the WorkerDeployments of this namespace whose label `accounts` names it run together in one bundle.",
    namespaced,
    status = "WorkerAccountStatus",
    derive = "PartialEq",
    shortname = "wa",
    category = "stationmaster",
    printcolumn = r#"{"name": "Bundle", "type": "string", "jsonPath": ".status.bundle"}"#,
    printcolumn = r#"{"name": "Workers", "type": "integer", "jsonPath": ".status.workers"}"#,
    printcolumn = r#"{"name": "Serving", "type": "integer", "jsonPath": ".status.serving"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct WorkerAccountSpec {
    /// Name of the WorkerBundle, its Deployment and its Service; that of the account, `workers-` before a digit, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 53))]
    pub worker_bundle_name: Option<String>,
    /// Of the releases of the account only these may serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub worker_release_selector: Option<LabelSelector>,
    /// What the pods get besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<AccountPodTemplate>,
    /// How code reaches the pods.
    #[serde(default)]
    pub delivery: Delivery,
    /// What workers share.
    #[serde(default)]
    pub isolation: Isolation,
    /// What runs them; the server's --worker-runtime-image without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// Domain under which each worker answers, as `SCRIPT.ACCOUNT.DOMAIN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub domain: Option<String>,
    /// Class of the Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_class_name: Option<String>,
    /// Secret with the certificate of the Ingress; URLs are https with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_tls_secret: Option<String>,
    /// Gateway that HTTPRoutes attach to, in place of an Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayReference>,
    /// Pods; without it whoever scales the Deployment decides, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: Option<i32>,
    /// What each container may use of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resources")]
    pub resources: Option<Value>,
    /// Where `s3://` URLs are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Where images go, with the delivery Image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImagePush>,
    /// What the account may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

/// What the pods of an account get besides.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountPodTemplate {
    /// Secret to pull images with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_secret: Option<String>,
}

/// How code reaches the pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Delivery {
    /// In ConfigMaps that do not change, up to 900 KiB a release; needs no registry.
    #[default]
    ConfigMap,
    /// As a layer on the runtime image, in the registry that `image` names.
    Image,
}

/// What workers share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Isolation {
    /// One process for the account: an endless loop of one worker stops the others until it is killed.
    #[default]
    Account,
    /// A container for each worker.
    Worker,
}

/// What runs workers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runtime {
    /// Image with workerd and stationmaster, as `make worker-runtime` makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub image: Option<String>,
    /// Day of its workerd, `YYYY-MM-DD`: no later compatibility date is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the image is pulled; without it the API server decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
}

/// A Gateway of the Gateway API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; that of the account without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Where `s3://` URLs are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// `https://…` of the S3 server.
    #[schemars(length(min = 1, max = 512))]
    pub endpoint: String,
    /// Its region; `us-east-1` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Secret of this namespace with the keys `accessKeyId` and `secretAccessKey`.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

/// Where images go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePush {
    /// `HOST/PATH` without a tag.
    #[schemars(length(min = 1, max = 255))]
    pub repository: String,
    /// Secret of type kubernetes.io/dockerconfigjson that may push there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_secret: Option<String>,
}

/// What an account may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 500))]
    pub workers: Option<u32>,
    /// Bytes of all modules that serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub bundle_bytes: Option<i64>,
}

/// What is known of an account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkerAccountStatus {
    /// Generation of the spec that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Its bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// WorkerDeployments of the account.
    pub workers: i32,
    /// Of them, those that have a release in the bundle.
    pub serving: i32,
    /// Bytes of the modules in the bundle.
    pub bundle_bytes: i64,
    /// What is in the account's registry and not deleted yet, the last first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PushedImage>,
    /// How often images were deleted.
    #[serde(skip_serializing_if = "is_zero")]
    pub purges: i64,
    /// What the runtime said of workers together, the last first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compositions: Vec<ComposedProof>,
    /// Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// An image that was pushed for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushedImage {
    /// `REPOSITORY@sha256:…`.
    pub image: String,
    /// Digest of the bundle that it holds; without it, it is the code of `release`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Runtime image that it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The WorkerRelease whose code it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// It is being deleted, and nothing may count on it any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleting: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What the runtime said of one composition of workers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComposedProof {
    /// Digest of the composition.
    pub digest: String,
    /// Whether it may serve.
    pub state: ProofState,
    /// Runtime image that said so; without it the server's own workerd did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The WorkerRelease that is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The runtime's own text, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
