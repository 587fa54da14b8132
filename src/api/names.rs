//! Every label, annotation, condition type, reason and event that is stored or sent. A name that is not here is not ours.

/// API group of [`crate::api::dispatch`]: the upstream dispatcher's own.
pub const DISPATCH_GROUP: &str = "dispatcher.ivan.vc";
/// API group of [`crate::api::gateway`].
pub const GATEWAY_GROUP: &str = "gateway.stationmaster.dev";
/// API group of [`crate::api::resources`].
pub const RESOURCES_GROUP: &str = "resources.stationmaster.dev";
/// API group of [`crate::api::workers::WorkerDeployment`]: upstream's own, as the three others.
pub const WORKER_DEPLOYMENT_GROUP: &str = "api.worker-deployment";
/// API group of [`crate::api::workers::WorkerRelease`].
pub const WORKER_RELEASE_GROUP: &str = "api.worker-release";
/// API group of [`crate::api::workers::WorkerBundle`].
pub const WORKER_BUNDLE_GROUP: &str = "api.worker-bundle";
/// API group of [`crate::api::workers::WorkerAccount`].
pub const WORKER_ACCOUNT_GROUP: &str = "api.worker-account";
/// All API groups of [`crate::api::workers`].
pub const WORKER_GROUPS: [&str; 4] = [
    WORKER_DEPLOYMENT_GROUP,
    WORKER_RELEASE_GROUP,
    WORKER_BUNDLE_GROUP,
    WORKER_ACCOUNT_GROUP,
];
/// Field manager of everything that we write, but for the objects of a folder of templates.
pub const FIELD_MANAGER: &str = "stationmaster";
/// Category of all our kinds: `kubectl get stationmaster`.
pub const CATEGORY: &str = "stationmaster";

/// Labels that we write or read; those of Jobs are upstream's.
pub mod label {
    /// On everything that we install.
    pub const PART_OF: &str = "app.kubernetes.io/part-of";
    /// Of a node, and in the node selector of a pod: its operating system.
    pub const OS: &str = "kubernetes.io/os";
    /// The same before Kubernetes 1.14; the API server takes it to this day.
    pub const OLD_OS: &str = "beta.kubernetes.io/os";
    /// That marks pods for a gateway unless flags or gateways say otherwise, as an annotation too: upstream's.
    pub const SET_GATEWAY: &str = "setGateway";
    /// On a client's pod: its own name, as the client provisioner has it.
    pub const NAME: &str = "app.kubernetes.io/name";
    /// On a client's pod: UID of the GatewayClient that it was made for.
    pub const CLIENT_UID: &str = "gateway.stationmaster.dev/client-uid";
    /// Of a namespace: the Pod Security level that its pods have to keep to.
    pub const POD_SECURITY_ENFORCE: &str = "pod-security.kubernetes.io/enforce";
    /// UID of the execution that controls the Job.
    pub const CONTROLLER_UID: &str = "controller-uid";
    /// Name of the execution that controls the Job.
    pub const JOB_EXECUTION_NAME: &str = "job-execution-name";
    /// On an object of a folder of templates: the set that it belongs to.
    pub const RESOURCE_SET: &str = "resources.stationmaster.dev/set";
    /// The same: UID of the namespace that it was made for. A copy elsewhere is not ours to remove.
    pub const NAMESPACE_UID: &str = "resources.stationmaster.dev/namespace-uid";
    /// On WorkerDeployments, their releases and all that we make of them: the WorkerAccount of that namespace; upstream's.
    pub const ACCOUNTS: &str = "accounts";
    /// On WorkerReleases and what we make of them: the script name.
    pub const WORKER: &str = "workers.stationmaster.dev/worker";
    /// On what a bundle becomes, and in the selector of its pods: the WorkerBundle.
    pub const BUNDLE: &str = "workers.stationmaster.dev/bundle";
    /// On Jobs, ConfigMaps and pods of a proof: the WorkerRelease.
    pub const RELEASE: &str = "workers.stationmaster.dev/release";
    /// On Jobs and their pods: what the Job does, `build` or `compose`.
    pub const BUILD: &str = "workers.stationmaster.dev/build";
}

/// Secrets of ours.
pub mod secret {
    /// In each namespace with bundles that refer to Secrets: the key of the digests of these.
    pub const WORKERS_KEY: &str = "stationmaster-workers-key";
    /// Where it has that key.
    pub const WORKERS_KEY_DATA: &str = "key";
}

/// What a pod behind a gateway gets; all names are upstream's.
pub mod injected {
    /// The container that changes the routes before the pod starts.
    pub const INIT: &str = "gateway-init";
    /// The container that watches over them.
    pub const SIDECAR: &str = "gateway-sidecar";
    /// The volume with the ConfigMap that both may read.
    pub const VOLUME: &str = "gateway-configmap";
    /// Variable of both containers: the gateway, as it was given.
    pub const GATEWAY: &str = "gateway";
    /// Variable of both containers: its DNS servers, as they were given.
    pub const DNS: &str = "DNS";
    /// Variable of both containers: the addresses of these.
    pub const DNS_IPS: &str = "DNS_ips";
    /// Variable of both containers: the cluster's own nameservers.
    pub const K8S_DNS_IPS: &str = "K8S_DNS_ips";
}

/// Annotations that we write or read.
pub mod annotation {
    /// User name of the admission request that created an execution.
    pub const CREATED_BY: &str = "dispatch.stationmaster.dev/created-by";
    /// Random text drawn for one call of the execute endpoint: a repeated create recognises its own object by it.
    pub const NONCE: &str = "dispatch.stationmaster.dev/nonce";
    /// On a Job that is suspended until it is recorded, because it removes itself after its end: `true`.
    pub const HELD: &str = "dispatch.stationmaster.dev/held";
    /// What v1alpha1 cannot say of a v1beta1 object, kept for the way back.
    pub const CONVERSION: &str = "dispatch.stationmaster.dev/v1beta1";
    /// On a template of a folder: `"true"` lets namespaces refuse its object. Not part of the object.
    pub const SKIPPABLE: &str = "stationmaster.dev/skippable";
    /// On a namespace: what it refuses, as `Kind/name,…`.
    pub const SKIP: &str = "stationmaster.dev/skip";
    /// On an object of a folder of templates: digest of everything that was wanted of it when it was applied.
    pub const DIGEST: &str = "resources.stationmaster.dev/digest";
    /// The same, `"true"`: the object was there before. It is not deleted with its template; our fields are withdrawn.
    pub const FOUND: &str = "resources.stationmaster.dev/found";
    /// Metacontroller's: the DecoratorController that made the object.
    pub const DECORATOR_CONTROLLER: &str = "metacontroller.k8s.io/decorator-controller";
    /// On a template of a folder: `"true"` takes fields over from other field managers. Not part of the object.
    pub const FORCE_CONFLICTS: &str = "stationmaster.dev/force-conflicts";
    /// On a pod behind a gateway: `NAME@DIGEST`, the gateway and the state of it that the pod was given.
    pub const INJECTED: &str = "gateway.stationmaster.dev/injected";
    /// On a GatewayClient, `"true"`: it is to end, and its pod to go.
    pub const END: &str = "gateway.stationmaster.dev/end";
    /// On a GatewayClient that an end came for before anything else, `"true"`: it stands for one that is not made.
    pub const ENDED_FIRST: &str = "gateway.stationmaster.dev/ended-first";
    /// On a client's pod: name of the gateway that was chosen for it.
    pub const CLIENT_GATEWAY: &str = "gateway.stationmaster.dev/client-gateway";
    /// On a GatewayClient: id of the event that it comes from.
    pub const CAUSE_ID: &str = "gateway.stationmaster.dev/cause-id";
    /// The same: its source.
    pub const CAUSE_SOURCE: &str = "gateway.stationmaster.dev/cause-source";
    /// The same: the trace that it belongs to.
    pub const CAUSE_TRACE_PARENT: &str = "gateway.stationmaster.dev/cause-traceparent";
    /// The same: what others keep of that trace.
    pub const CAUSE_TRACE_STATE: &str = "gateway.stationmaster.dev/cause-tracestate";
    /// On a GatewayClient whose answer its sender does not wait for: how far that has come.
    pub const REPLY: &str = "gateway.stationmaster.dev/reply";
    /// The same: it has yet to go to the sink.
    pub const REPLY_TO_SINK: &str = "sink";
    /// The same: it has gone there, or to the sink of dead letters.
    pub const REPLY_SENT: &str = "sent";
    /// The same: nobody takes it.
    pub const REPLY_LOST: &str = "lost";
    /// On a GatewayClient whose cause hears more than an answer: that the pod is ready has gone to the sink, or is given up.
    pub const TOLD_READY: &str = "gateway.stationmaster.dev/told-ready";
    /// The same: that the pod has failed for good.
    pub const TOLD_FAILED: &str = "gateway.stationmaster.dev/told-failed";
    /// The same: that the client has ended.
    pub const TOLD_ENDED: &str = "gateway.stationmaster.dev/told-ended";
    /// What v1alpha1 cannot say of a v1beta1 object of `api.worker-*`, kept for the way back.
    pub const WORKERS_V1BETA1: &str = "workers.stationmaster.dev/v1beta1";
    /// What v1beta1 says otherwise than a v1alpha1 object of `api.worker-*` did, kept for the way back.
    pub const WORKERS_V1ALPHA1: &str = "workers.stationmaster.dev/v1alpha1";
    /// On pods of a bundle: keyed digest of the Secrets that it refers to, so that a change of them rolls out.
    pub const SECRETS_DIGEST: &str = "workers.stationmaster.dev/secrets";
    /// On what a bundle becomes: digest of everything that was wanted of it when it was applied.
    pub const APPLIED: &str = "workers.stationmaster.dev/applied";
    /// On pods of a bundle: digest of what they run.
    pub const BUNDLE_DIGEST: &str = "workers.stationmaster.dev/digest";
    /// On a WorkerBundle: the image that ran before, upstream's.
    pub const LAST_IMAGE: &str = "lastImage";
    /// The kubelet's: the pod mirrors one that a node has from a file.
    pub const MIRROR_POD: &str = "kubernetes.io/config.mirror";
}

/// Condition types: upstream's of a JobExecution, and ours.
pub mod condition_type {
    /// Of a ResourceSet: everything is as it is wanted. Of a PodGateway: pods get it. Of a GatewayClient: its pod is ready.
    pub const READY: &str = "Ready";
    /// Of a PodGateway: all its names resolve.
    pub const RESOLVED: &str = "Resolved";
    /// Of a PodGateway: pods with its label are not created while no server answers.
    pub const ENFORCED: &str = "Enforced";
    /// Of a PodGateway: the Pod Security levels of its namespaces let its containers in.
    pub const POD_SECURITY: &str = "PodSecurity";
    /// Of a GatewayClient: its pod exists.
    pub const POD_CREATED: &str = "PodCreated";
    /// Of a GatewayClient: its pod has the gateway.
    pub const INJECTED: &str = "Injected";
    /// The Job is not created yet, or has not started.
    pub const WAITING: &str = "Waiting";
    /// The Job has an active pod.
    pub const RUNNING: &str = "Running";
    /// Of a WorkerDeployment: its current release is proved (True) or refused (False).
    pub const BUILT: &str = "Built";
    /// Of a WorkerDeployment: another release than the current one serves, or none.
    pub const DEGRADED: &str = "Degraded";
    /// Of a WorkerBundle: its Ingress, or its HTTPRoutes, lead to it.
    pub const ROUTED: &str = "Routed";
    /// Of a WorkerRelease: the runtime takes it.
    pub const PROVED: &str = "Proved";
    /// The Job has ended well (True) or not (False).
    pub const SUCCEEDED: &str = "Succeeded";
}

/// Condition reasons, and those of errors in a ResourceSet.
pub mod reason {
    /// Everything is as the folder wants it.
    pub const APPLIED: &str = "Applied";
    /// Not everything has been looked at yet.
    pub const APPLYING: &str = "Applying";
    /// Some objects could not be applied.
    pub const FAILED: &str = "Failed";
    /// The folder is no set now.
    pub const FOLDER_FAULT: &str = "FolderFault";
    /// Another field manager has a field otherwise.
    pub const CONFLICT: &str = "Conflict";
    /// Permissions, a quota or a policy forbid it.
    pub const FORBIDDEN: &str = "Forbidden";
    /// The API server takes no such object.
    pub const INVALID: &str = "Invalid";
    /// The object, or its kind, is not there any more.
    pub const NOT_FOUND: &str = "NotFound";
    /// Another object of that name is being deleted.
    pub const DELETING: &str = "Deleting";
    /// A Gateway does not take an HTTPRoute.
    pub const ROUTE_REFUSED: &str = "RouteRefused";
    /// The kind cannot be used.
    pub const KIND_UNUSABLE: &str = "KindUnusable";
    /// Metacontroller keeps the object.
    pub const METACONTROLLER: &str = "KeptByMetacontroller";
    /// Somebody changes the object again and again.
    pub const CONTESTED: &str = "Contested";
    /// The API server does not answer; tried again.
    pub const UNAVAILABLE: &str = "Unavailable";
    /// Seen for the first time; nothing decided yet.
    pub const RECONCILING: &str = "Reconciling";
    /// The Job exists and has not started.
    pub const JOB_CREATED: &str = "JobCreated";
    /// The Job runs.
    pub const JOB_RUNNING: &str = "JobRunning";
    /// The Job has ended, either way.
    pub const JOB_COMPLETED: &str = "JobCompleted";
    /// The Job has ended well.
    pub const JOB_SUCCEEDED: &str = "JobSucceeded";
    /// The Job has ended with a failure.
    pub const JOB_FAILED: &str = "JobFailed";
    /// The JobTemplate is missing.
    pub const FETCH_JOB_TEMPLATE_ERROR: &str = "FetchJobTemplateError";
    /// The JobTemplate cannot be rendered with this payload.
    pub const RENDER_ERROR: &str = "RenderError";
    /// The API server refuses the rendered Job as invalid.
    pub const JOB_REJECTED: &str = "JobRejected";
    /// The API server does not take the Job now; tried again.
    pub const JOB_CREATE_ERROR: &str = "JobCreateError";
    /// Another owner's Job has the name that this execution's Job needs.
    pub const JOB_NAME_TAKEN: &str = "JobNameTaken";
    /// The recorded Job disappeared before it had ended.
    pub const JOB_DELETED: &str = "JobDeleted";
    /// There is no such gateway.
    pub const UNKNOWN_GATEWAY: &str = "UnknownGateway";
    /// The gateways are not known yet; looked again.
    pub const GATEWAYS_UNKNOWN: &str = "GatewaysNotKnownYet";
    /// The gateway is for other namespaces.
    pub const NOT_FOR_NAMESPACE: &str = "NotForNamespace";
    /// The client's namespace is not known yet; looked again.
    pub const NAMESPACE_UNKNOWN: &str = "NamespaceNotKnownYet";
    /// The client asks for what no client may have.
    pub const NOT_ALLOWED: &str = "NotAllowed";
    /// Another owner's pod has the name that this client's pod needs.
    pub const POD_NAME_TAKEN: &str = "PodNameTaken";
    /// The pod of an earlier client of that name is still going.
    pub const POD_NAME_BUSY: &str = "PodNameBusy";
    /// The pod exists.
    pub const POD_CREATED: &str = "PodCreated";
    /// The pod has failed, or the node has thrown it out.
    pub const POD_FAILED: &str = "PodFailed";
    /// The pod has ended well.
    pub const POD_SUCCEEDED: &str = "PodSucceeded";
    /// Somebody deleted the pod.
    pub const POD_DELETED: &str = "PodDeleted";
    /// The pod is ready.
    pub const POD_READY: &str = "PodReady";
    /// The pod is not ready, or not yet.
    pub const POD_NOT_READY: &str = "PodNotReady";
    /// The pod has the gateway.
    pub const INJECTED: &str = "Injected";
    /// The pod came into being without the gateway.
    pub const NOT_INJECTED: &str = "NotInjected";
    /// The pod has another gateway.
    pub const OTHER_GATEWAY: &str = "OtherGateway";
    /// The client was asked to end.
    pub const END_REQUESTED: &str = "EndRequested";
    /// The client's lifetime is over.
    pub const LIFETIME_OVER: &str = "LifetimeOver";
    /// All names of a gateway resolve.
    pub const RESOLVED: &str = "Resolved";
    /// Some do not.
    pub const NOT_RESOLVING: &str = "NotResolving";
    /// There are none, only addresses.
    pub const ADDRESSES: &str = "Addresses";
    /// Pods get the gateway.
    pub const IN_FORCE: &str = "InForce";
    /// Another gateway has the same pods.
    pub const OVERLAPS: &str = "Overlaps";
    /// A name that pods need the address of has never resolved.
    pub const UNRESOLVED: &str = "Unresolved";
    /// A webhook with the failure policy Fail covers the gateway's label.
    pub const FAIL_HOOK: &str = "FailHook";
    /// Nobody told the API server of the webhooks that `manifests` prints.
    pub const NOT_REGISTERED: &str = "NotRegistered";
    /// None does.
    pub const NO_FAIL_HOOK: &str = "NoFailHook";
    /// The gateway has no label that one could cover.
    pub const NO_LABEL: &str = "NoLabel";
    /// No Pod Security level is in the gateway's way.
    pub const ADMITTED: &str = "Admitted";
    /// Some namespaces refuse its containers.
    pub const RESTRICTED: &str = "Restricted";
    /// A release was proved.
    pub const PROVED: &str = "Proved";
    /// A release is being built and proved.
    pub const BUILDING: &str = "Building";
    /// The runtime refuses a release.
    pub const PROOF_FAILED: &str = "ProofFailed";
    /// The code of a release does not come to its end at start.
    pub const PROOF_TIMED_OUT: &str = "ProofTimedOut";
    /// The code of a release takes more memory at start than it may.
    pub const PROOF_OUT_OF_MEMORY: &str = "ProofOutOfMemory";
    /// The code of a release could not be fetched.
    pub const FETCH_FAILED: &str = "FetchFailed";
    /// The build itself failed, not the code.
    pub const BUILD_FAILED: &str = "BuildFailed";
    /// A release is too large for its delivery.
    pub const TOO_LARGE: &str = "TooLarge";
    /// A release runs on its own, and not with the other workers of its account.
    pub const COMPOSITION_FAILED: &str = "CompositionFailed";
    /// There is no WorkerAccount of the label `accounts`.
    pub const ACCOUNT_NOT_FOUND: &str = "AccountNotFound";
    /// Another WorkerDeployment of the account has the same script name, or prefix.
    pub const NAME_TAKEN: &str = "NameTaken";
    /// `spec.release` names what is no release of the worker.
    pub const RELEASE_NOT_FOUND: &str = "ReleaseNotFound";
    /// `workerReleaseSelector` leaves a release out.
    pub const NOT_SELECTED: &str = "NotSelected";
    /// A Secret that a worker refers to is missing, or a key of it.
    pub const SECRET_NOT_FOUND: &str = "SecretNotFound";
    /// The account has more workers, or bytes, than its quota.
    pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
    /// Neither the account nor the server names an image to run workers with.
    pub const NO_RUNTIME: &str = "NoRuntime";
    /// The pods are being replaced.
    pub const ROLLING_OUT: &str = "RollingOut";
    /// Every pod runs what is wanted.
    pub const ROLLED_OUT: &str = "RolledOut";
    /// The pods have not become ready in time.
    pub const NOT_ROLLED_OUT: &str = "NotRolledOut";
    /// What is current serves.
    pub const CURRENT: &str = "Current";
    /// An older release serves.
    pub const OLDER_RELEASE: &str = "OlderRelease";
    /// No release of the worker serves.
    pub const NOTHING_SERVES: &str = "NothingServes";
    /// There is no worker.
    pub const NO_WORKERS: &str = "NoWorkers";
}

/// Services of the runtime that are ours; no worker has a dot in its name.
pub mod runtime_service {
    /// Answers probes, and is the test that a proof runs.
    pub const HEALTH: &str = "stationmaster.health";
    /// What `fetch` of workers goes through.
    pub const INTERNET: &str = "stationmaster.internet";
}

/// Reasons of the events on a JobExecution, which are upstream's, on a GatewayClient and on a pod.
pub mod event {
    /// The Job, or the pod, was created.
    pub const CREATED: &str = "Created";
    /// The Job has started.
    pub const STARTED: &str = "Started";
    /// The Job has ended well.
    pub const COMPLETED: &str = "Completed";
    /// The Job has failed, or cannot be made. Of a client: it has failed.
    pub const FAILED: &str = "Failed";
    /// A client has ended.
    pub const ENDED: &str = "Ended";
    /// A client's pod has failed and is made again.
    pub const REPLACED: &str = "PodReplaced";
    /// The JobTemplate is missing.
    pub const JOB_TEMPLATE_NOT_FOUND: &str = "JobTemplateNotFound";
    /// Of a pod: it has no gateway and should have one.
    pub const NOT_INJECTED: &str = "NotInjected";
    /// Of a worker: its release is proved.
    pub const BUILT: &str = "Built";
    /// Of a worker: its release is refused.
    pub const BUILD_FAILED: &str = "BuildFailed";
    /// Of an account: images that nothing needs could not be deleted.
    pub const IMAGES_LEFT: &str = "ImagesLeft";
    /// Of a worker: another release begins to serve.
    pub const ROLLED_OUT: &str = "RolledOut";
    /// Of a worker: an older release serves again.
    pub const ROLLED_BACK: &str = "RolledBack";
}

/// Types, sources and extensions of CloudEvents; types and source are upstream's.
pub mod cloud_event {
    /// A client is wanted.
    pub const PENDING: &str = "io.podgateway.client.pending";
    /// It is not wanted any more; of our own source: it has ended.
    pub const ENDED: &str = "io.podgateway.client.ended";
    /// It has a pod.
    pub const DONE: &str = "io.podgateway.client.scheduling.done";
    /// It will have none.
    pub const FAILED: &str = "io.podgateway.client.scheduling.failed";
    /// Its pod is ready.
    pub const CLIENT_READY: &str = "io.podgateway.client.ready";
    /// Its pod has failed for good.
    pub const CLIENT_FAILED: &str = "io.podgateway.client.failed";
    /// Of every event that we send; one that comes back to us is known by it.
    pub const SOURCE: &str = "podgateway/eventing/client/provisioner";
    /// Extension: id of the event that another one answers.
    pub const CAUSE_ID: &str = "causeid";
    /// Extension: the trace that an event belongs to.
    pub const TRACE_PARENT: &str = "traceparent";
    /// Extension: what others keep of that trace.
    pub const TRACE_STATE: &str = "tracestate";
}

/// Paths of the webhooks and hooks, as their callers are told them.
pub mod path {
    /// The validating webhook.
    pub const VALIDATE: &str = "/validate";
    /// The mutating webhook, which defaults.
    pub const MUTATE: &str = "/mutate";
    /// The mutating webhook of pods.
    pub const MUTATE_PODS: &str = "/mutate-pods";
    /// The same, as the pod-gateway admission controller has it.
    pub const SET_GATEWAY: &str = "/wh/mutating/setgateway";
    /// Where that one tells that it is alive.
    pub const SET_GATEWAY_HEALTH: &str = "/wh/health";
    /// The conversion webhook.
    pub const CONVERT: &str = "/convert";
    /// Where CloudEvents go; the root of a listener too.
    pub const EVENTS: &str = "/events";
    /// Metacontroller's sync hook.
    pub const SYNC: &str = "/sync";
    /// Metacontroller's finalize hook.
    pub const FINALIZE: &str = "/finalize";
    /// Metacontroller's customize hook.
    pub const CUSTOMIZE: &str = "/customize";
}

/// The webhook configurations that we are registered with.
pub mod webhook {
    /// Name of both configurations.
    pub const CONFIGURATION: &str = "stationmaster";
    /// Name of the validating webhook of [`super::DISPATCH_GROUP`], as denials quote it.
    pub const VALIDATE_DISPATCH: &str = "validate.dispatch.stationmaster.dev";
    /// Name of the mutating webhook of [`super::DISPATCH_GROUP`].
    pub const MUTATE_DISPATCH: &str = "mutate.dispatch.stationmaster.dev";
    /// Name of the validating webhook of [`super::GATEWAY_GROUP`].
    pub const VALIDATE_GATEWAY: &str = "validate.gateway.stationmaster.dev";
    /// Name of the validating webhook of `api.worker-*`.
    pub const VALIDATE_WORKERS: &str = "validate.workers.stationmaster.dev";
    /// Name of the mutating webhook of `api.worker-*`.
    pub const MUTATE_WORKERS: &str = "mutate.workers.stationmaster.dev";
    /// Name of the webhook of pods that a label marks for a gateway, which are not created without it.
    pub const LABELLED_PODS: &str = "labelled.pods.gateway.stationmaster.dev";
    /// Name of the webhook of other pods.
    pub const OTHER_PODS: &str = "other.pods.gateway.stationmaster.dev";
}
