//! Gateways for pods: what one is, wherever it is told from.

/// A gateway and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// As pods are marked with it.
    pub name: String,
    /// What pods behind it get.
    pub spec: GatewaySpec,
}

/// What pods behind a gateway get, and which pods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewaySpec {
    /// Name or address of the gateway; its scripts are told this text.
    pub gateway: String,
    /// Names or addresses of its DNS servers, which take the place of the pod's; none leaves the pod's alone.
    pub dns: Vec<String>,
    /// DNS policy of the pod; with None it also gets this server's search domains and options.
    pub dns_policy: Option<String>,
    /// Which pods.
    pub matches: Match,
    /// The container that changes the routes before the pod starts.
    pub init: Option<InjectedContainer>,
    /// The init container runs before the pod's own.
    pub init_first: bool,
    /// The container that watches over the routes.
    pub sidecar: Option<InjectedContainer>,
    /// How it runs beside the pod's own.
    pub sidecar_mode: SidecarMode,
    /// ConfigMap of the pod's namespace that both containers may mount.
    pub config_map_name: Option<String>,
    /// What becomes of pods while a name has never been resolved.
    pub unresolved: Unresolved,
}

/// Which pods get a gateway: an annotation decides before a label, a label before the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    /// The label that says so.
    pub label: Option<Mark>,
    /// The annotation that says so.
    pub annotation: Option<Mark>,
    /// Pods with neither get it.
    pub default: bool,
}

/// A label or an annotation that says whether a pod gets a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its key.
    pub key: String,
    /// The value that says yes, all others saying no. Without it: a bool, as Go writes it.
    pub value: Option<String>,
}

/// A container that pods get.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InjectedContainer {
    /// Its image.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`; without it the API server decides.
    pub image_pull_policy: Option<String>,
    /// In place of the image's entry point; empty leaves that.
    pub command: Vec<String>,
    /// Where it finds the ConfigMap.
    pub mount_path: Option<String>,
}

/// How a sidecar runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SidecarMode {
    /// As one container more; a Job never completes beside it.
    #[default]
    Classic,
    /// As an init container that goes on, which Kubernetes has since 1.29; it ends with the others.
    Native,
}

/// What becomes of pods while a name has never been resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unresolved {
    /// They are refused; whoever creates them tries again.
    #[default]
    Fail,
    /// They are created without the gateway.
    Ignore,
}
