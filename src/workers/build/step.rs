//! The steps of a build, each a container with what it needs and nothing else: credentials of S3 are in the one that
//! fetches, those of the registry in the ones that push, a token in the one that publishes, and none where code runs.

use serde_json::{Value, json};

use super::job::{container, work};
use super::permissions::token_mount;
use super::{Builder, FETCH, PROVE, PUBLISH, PURGE, PUSH, Registry, without_code};
use crate::api::workers::{Storage, WorkerRelease};
use crate::workers::pod;

/// The steps of one release.
pub(super) struct Steps<'a> {
    builder: &'a Builder<'a>,
    release: &'a WorkerRelease,
    name: &'a str,
    /// The template, as the steps are told it.
    told: Value,
}

impl<'a> Steps<'a> {
    pub(super) fn of(builder: &'a Builder<'a>, release: &'a WorkerRelease) -> Self {
        let template = json!(without_code(&release.spec.template)).to_string();
        Self {
            builder,
            release,
            name: release.metadata.name.as_deref().unwrap_or_default(),
            told: json!({"name": "WORKER_TEMPLATE", "value": template}),
        }
    }

    /// Proves code that a ConfigMap holds.
    pub(super) fn prove_mounted(&self) -> Value {
        let command = vec!["prove", "--release", self.name];
        let mounts = vec![work(), pod::modules_mount(self.name)];
        self.container((PROVE, command), (vec![self.told.clone()], mounts))
    }

    /// Proves code that the step before has fetched.
    pub(super) fn prove_fetched(&self) -> Value {
        let command = vec!["prove", "--release", self.name, "--fetched"];
        self.container((PROVE, command), (vec![self.told.clone()], vec![work()]))
    }

    /// Fetches it.
    pub(super) fn fetch(&self) -> Value {
        let mut command = vec!["fetch", "--release", self.name];
        if self.builder.allowed.private_urls {
            command.push("--allow-private-addresses");
        }
        let storage = self.builder.account.spec.storage.iter().flat_map(credentials);
        let variables = [self.told.clone()].into_iter().chain(storage).collect();
        self.container((FETCH, command), (variables, vec![work()]))
    }

    /// Puts it into the registry, where no ConfigMap is large enough.
    pub(super) fn push(&self, registry: &Registry<'_>) -> Value {
        let arguments = registry.arguments();
        let repository = registry.repository;
        let mut command = vec![
            "push-code",
            "--large-only",
            "--release",
            self.name,
            "--repository",
            repository,
        ];
        command.extend(["--owner", &registry.owner]);
        command.extend(arguments.iter().map(String::as_str));
        let mounts = [work()].into_iter().chain(registry.mounts()).collect();
        self.container((PUSH, command), (Vec::new(), mounts))
    }

    /// Puts it into a ConfigMap, after another step has pushed it where there is one.
    pub(super) fn publish(&self, pushed: bool) -> Value {
        let metadata = &self.release.metadata;
        let text = |field: &'a Option<String>| field.as_deref().unwrap_or_default();
        let mut command = vec![
            "publish",
            "--release",
            self.name,
            "--namespace",
            text(&metadata.namespace),
            "--owner-uid",
            text(&metadata.uid),
            "--account",
            text(&self.builder.account.metadata.name),
            "--worker",
            &self.release.spec.template.script_name,
        ];
        if pushed {
            command.push("--pushed");
        }
        self.container(
            (PUBLISH, command),
            (vec![self.told.clone()], vec![work(), token_mount()]),
        )
    }

    fn container(&self, what: (&str, Vec<&str>), with: (Vec<Value>, Vec<Value>)) -> Value {
        container(&self.builder.runtime, what, with)
    }
}

/// Proves a composition.
pub(super) fn prove_composed(builder: &Builder<'_>, folders: &[&str]) -> Value {
    let command = vec!["prove", "--composed"];
    container(&builder.runtime, (PROVE, command), (Vec::new(), bundle(folders)))
}

/// Pushes it as a layer on the runtime image, after it is proved where another step does that.
pub(super) fn push_bundle(
    builder: &Builder<'_>,
    (registry, tag): (&Registry<'_>, &str),
    folders: &[&str],
    proves: bool,
) -> Value {
    let base = builder.runtime.image.as_deref().unwrap_or_default();
    let arguments = registry.arguments();
    let mut command = vec![
        "push-bundle",
        "--base",
        base,
        "--repository",
        registry.repository,
        "--tag",
        tag,
    ];
    command.extend(["--owner", &registry.owner]);
    if !proves {
        command.push("--proved");
    }
    command.extend(arguments.iter().map(String::as_str));
    let mounts = bundle(folders).into_iter().chain(registry.mounts()).collect();
    container(&builder.runtime, (PUBLISH, command), (Vec::new(), mounts))
}

/// Deletes images.
pub(super) fn purge(builder: &Builder<'_>, registry: &Registry<'_>, images: &[&str]) -> Value {
    let arguments = registry.arguments();
    let mut command = vec!["purge"];
    command.extend(arguments.iter().map(String::as_str));
    command.extend(images);
    let mounts = registry.mounts();
    container(&builder.runtime, (PURGE, command), (Vec::new(), mounts))
}

/// Everything of a bundle, as its pods will have it.
fn bundle(folders: &[&str]) -> Vec<Value> {
    let modules = folders.iter().map(|folder| pod::modules_mount(folder));
    [work(), pod::config_mount()].into_iter().chain(modules).collect()
}

/// Where `s3://` is, and who may read it: for a step that fetches alone.
pub(super) fn credentials(storage: &Storage) -> [Value; 4] {
    let secret = |key: &str| json!({"secretKeyRef": {"name": storage.secret_name, "key": key}});
    [
        json!({"name": "S3_ENDPOINT", "value": storage.endpoint}),
        json!({"name": "S3_REGION", "value": storage.region.as_deref().unwrap_or("us-east-1")}),
        json!({"name": "AWS_ACCESS_KEY_ID", "valueFrom": secret("accessKeyId")}),
        json!({"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": secret("secretAccessKey")}),
    ]
}
