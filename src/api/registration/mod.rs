//! What the API server is told about our webhooks: the conversion of each CRD and the two webhook configurations.

mod pods;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, ValidatingWebhook,
    ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, ServiceReference as ConversionService,
    WebhookClientConfig as ConversionClientConfig, WebhookConversion,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::names::{
    CATEGORY, DISPATCH_GROUP, GATEWAY_GROUP, WORKER_ACCOUNT_GROUP, WORKER_BUNDLE_GROUP, WORKER_DEPLOYMENT_GROUP,
    WORKER_RELEASE_GROUP, label, path, webhook,
};
pub use pods::Pods;

/// Seconds that the API server waits for an answer.
const TIMEOUT: i32 = 5;
/// With a dead server new templates and executions stop, and nothing else.
const FAILURE_POLICY: &str = "Fail";
/// cert-manager's order to fill in a CA.
const INJECT_CA: &str = "cert-manager.io/inject-ca-from";

/// Where the API server finds our webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `https://HOST:PORT`, no slash at the end.
    Url(String),
    /// A Service in the cluster.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// One of its ports.
        port: u16,
    },
}

/// Whom the API server believes to be us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// Any certificate that the API server's own roots vouch for.
    Roots,
    /// A certificate signed by one of these, PEM.
    Pem(Vec<u8>),
    /// The CA of a cert-manager Certificate, `NAMESPACE/NAME`, which cert-manager fills in.
    CertManager(String),
}

/// How the webhooks are reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// Where admission is answered.
    pub place: Place,
    /// Where conversion is answered: also by servers that are not ready yet, because they wait for lists that the API
    /// server may have to convert.
    pub conversion: Place,
    /// And whom to believe.
    pub authority: Authority,
    /// Which pods are asked about.
    pub pods: Pods,
}

impl Registration {
    /// A CRD whose versions, where it has several, are converted by our webhook.
    #[must_use]
    pub fn converted(&self, mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
        if crd.spec.versions.len() < 2 {
            return crd;
        }
        let client_config = match self.client_config(&self.conversion, path::CONVERT) {
            WebhookClientConfig {
                service: Some(service),
                ca_bundle,
                ..
            } => ConversionClientConfig {
                service: Some(ConversionService {
                    name: service.name,
                    namespace: service.namespace,
                    path: service.path,
                    port: service.port,
                }),
                ca_bundle,
                url: None,
            },
            WebhookClientConfig { url, ca_bundle, .. } => ConversionClientConfig {
                url,
                ca_bundle,
                service: None,
            },
        };
        let webhook = WebhookConversion {
            client_config: Some(client_config),
            conversion_review_versions: vec!["v1".to_owned()],
        };
        crd.spec.conversion = Some(CustomResourceConversion {
            strategy: "Webhook".to_owned(),
            webhook: Some(webhook),
        });
        crd.metadata
            .annotations
            .get_or_insert_default()
            .extend(self.annotation());
        crd
    }

    /// The configuration of `/validate`.
    #[must_use]
    pub fn validating(&self) -> ValidatingWebhookConfiguration {
        let webhook = |name: &str, rules| ValidatingWebhook {
            name: name.to_owned(),
            client_config: self.client_config(&self.place, path::VALIDATE),
            rules: Some(rules),
            failure_policy: Some(FAILURE_POLICY.to_owned()),
            match_policy: Some("Equivalent".to_owned()),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(TIMEOUT),
            admission_review_versions: vec!["v1".to_owned()],
            ..ValidatingWebhook::default()
        };
        ValidatingWebhookConfiguration {
            metadata: self.metadata(),
            webhooks: Some(vec![
                webhook(webhook::VALIDATE_DISPATCH, vec![rule()]),
                webhook(webhook::VALIDATE_GATEWAY, vec![gateway_rule()]),
                webhook(webhook::VALIDATE_WORKERS, worker_rules()),
            ]),
        }
    }

    /// The configuration of `/mutate` and `/mutate-pods`.
    #[must_use]
    pub fn mutating(&self) -> MutatingWebhookConfiguration {
        let webhook = |name: &str, rules| MutatingWebhook {
            name: name.to_owned(),
            client_config: self.client_config(&self.place, path::MUTATE),
            rules: Some(rules),
            failure_policy: Some(FAILURE_POLICY.to_owned()),
            match_policy: Some("Equivalent".to_owned()),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(TIMEOUT),
            admission_review_versions: vec!["v1".to_owned()],
            ..MutatingWebhook::default()
        };
        let ours = [
            webhook(webhook::MUTATE_DISPATCH, vec![rule()]),
            webhook(webhook::MUTATE_WORKERS, worker_rules()),
        ];
        let pods = self.pods.webhooks(&self.client_config(&self.place, path::MUTATE_PODS));
        MutatingWebhookConfiguration {
            metadata: self.metadata(),
            webhooks: Some(ours.into_iter().chain(pods).collect()),
        }
    }

    fn metadata(&self) -> ObjectMeta {
        let part_of = (label::PART_OF.to_owned(), CATEGORY.to_owned());
        ObjectMeta {
            name: Some(webhook::CONFIGURATION.to_owned()),
            labels: Some([part_of].into()),
            annotations: self.annotation().map(|annotation| [annotation].into()),
            ..ObjectMeta::default()
        }
    }

    fn annotation(&self) -> Option<(String, String)> {
        match &self.authority {
            Authority::CertManager(certificate) => Some((INJECT_CA.to_owned(), certificate.clone())),
            Authority::Roots | Authority::Pem(_) => None,
        }
    }

    fn client_config(&self, place: &Place, path: &str) -> WebhookClientConfig {
        let ca_bundle = match &self.authority {
            Authority::Pem(pem) => Some(ByteString(pem.clone())),
            Authority::Roots | Authority::CertManager(_) => None,
        };
        match place {
            Place::Url(url) => WebhookClientConfig {
                ca_bundle,
                url: Some(format!("{url}{path}")),
                service: None,
            },
            Place::Service { namespace, name, port } => {
                let service = ServiceReference {
                    name: name.clone(),
                    namespace: namespace.clone(),
                    path: Some(path.to_owned()),
                    port: Some(i32::from(*port)),
                };
                WebhookClientConfig {
                    ca_bundle,
                    url: None,
                    service: Some(service),
                }
            }
        }
    }
}

/// Our kinds in both versions, when they are written; not their status, so that a run that has begun goes on without
/// us, and not their end.
fn rule() -> RuleWithOperations {
    RuleWithOperations {
        api_groups: list(&[DISPATCH_GROUP]),
        api_versions: list(&["v1alpha1", "v1beta1"]),
        operations: list(&["CREATE", "UPDATE"]),
        resources: list(&["jobtemplates", "jobexecutions"]),
        scope: Some("Namespaced".to_owned()),
    }
}

/// Gateways, and the clients that pods are made of; not their status.
fn gateway_rule() -> RuleWithOperations {
    RuleWithOperations {
        api_groups: list(&[GATEWAY_GROUP]),
        api_versions: list(&["v1alpha1"]),
        operations: list(&["CREATE", "UPDATE"]),
        resources: list(&["podgateways", "gatewayclients"]),
        // The one kind has no namespace, the other has.
        scope: Some("*".to_owned()),
    }
}

/// The kinds of workers, each of a group of its own.
const WORKERS: [(&str, &str); 4] = [
    (WORKER_DEPLOYMENT_GROUP, "workerdeployments"),
    (WORKER_RELEASE_GROUP, "workerreleases"),
    (WORKER_BUNDLE_GROUP, "workerbundles"),
    (WORKER_ACCOUNT_GROUP, "workeraccounts"),
];

/// Kinds of workers in both versions; not their status and not their end, so that what serves goes on without us.
fn worker_rules() -> Vec<RuleWithOperations> {
    let rules = WORKERS.iter().map(|(group, resource)| RuleWithOperations {
        api_groups: list(&[*group]),
        api_versions: list(&["v1alpha1", "v1beta1"]),
        operations: list(&["CREATE", "UPDATE"]),
        resources: list(&[*resource]),
        scope: Some("Namespaced".to_owned()),
    });
    rules.collect()
}

#[expect(clippy::unnecessary_wraps, reason = "what a rule wants")]
fn list(items: &[&str]) -> Option<Vec<String>> {
    Some(items.iter().map(|item| (*item).to_owned()).collect())
}
