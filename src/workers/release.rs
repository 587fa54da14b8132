//! Which WorkerRelease a WorkerDeployment asks for: named by what is in it, so that equal content is the same release.

use serde_json::{Value, json};

use super::code::{Code, of_sources};
use crate::api::names::{WORKER_DEPLOYMENT_GROUP, WORKER_RELEASE_GROUP, label};
use crate::api::workers::{WorkerDeployment, WorkerRelease, WorkerTemplate};

/// Hexadecimals of the digest that a name ends in.
const DIGEST_CHARACTERS: usize = 10;
/// What is left of the 63 characters of a label and of a Job's name for the script's.
const SCRIPT_CHARACTERS: usize = 46;
/// Releases that are kept where nobody says how many.
const HISTORY: usize = 10;

/// Name of the release that the template is.
#[must_use]
pub fn name(template: &WorkerTemplate) -> String {
    let script = &template.script_name;
    let script = script.get(..SCRIPT_CHARACTERS).unwrap_or(script).trim_end_matches('-');
    format!("{script}-{}", &digest(template)[..DIGEST_CHARACTERS])
}

/// In hexadecimals: of the code and what it is bound to, or of where the code is. What is no code stands for nothing, and
/// is refused elsewhere.
fn digest(template: &WorkerTemplate) -> String {
    let code = Code::inline(template).map(|code| code.digest(template));
    let digest = code.unwrap_or_else(|_| of_sources(template));
    digest.trim_start_matches("sha256:").to_owned()
}

/// The release that the deployment's template is, as it is created.
#[must_use]
pub fn release(deployment: &WorkerDeployment, account: &str) -> Value {
    let metadata = &deployment.metadata;
    // Where a worker is reached is no part of what it is.
    let template = WorkerTemplate {
        routes: Vec::new(),
        ..deployment.spec.template.clone()
    };
    let owner = json!({
        "apiVersion": format!("{WORKER_DEPLOYMENT_GROUP}/v1beta1"), "kind": "WorkerDeployment",
        "name": metadata.name, "uid": metadata.uid, "controller": true, "blockOwnerDeletion": true,
    });
    json!({
        "apiVersion": format!("{WORKER_RELEASE_GROUP}/v1beta1"), "kind": "WorkerRelease",
        "metadata": {
            "name": name(&template), "namespace": metadata.namespace, "ownerReferences": [owner],
            "labels": {label::ACCOUNTS: account, label::WORKER: template.script_name},
        },
        "spec": template,
    })
}

/// Whether the deployment made the release, or a deployment of its name before it.
#[must_use]
pub fn is_of(release: &WorkerRelease, deployment: &WorkerDeployment) -> bool {
    release.spec.template.script_name == deployment.spec.template.script_name
        && release.metadata.namespace == deployment.metadata.namespace
}

/// Names of the releases that nobody needs any more: of those that are neither `kept` nor among the limit's most recent.
#[must_use]
pub fn prunable(deployment: &WorkerDeployment, releases: &[&WorkerRelease], kept: &[&str]) -> Vec<String> {
    let limit = deployment.spec.release_history_limit;
    let limit = limit.map_or(HISTORY, |limit| usize::try_from(limit).unwrap_or(HISTORY));
    let name = |release: &WorkerRelease| release.metadata.name.clone().unwrap_or_default();
    let mut history: Vec<_> = releases
        .iter()
        .filter(|release| !kept.contains(&&*name(release)))
        .collect();
    history.sort_by_key(|release| std::cmp::Reverse((last_current(release), name(release))));
    history.into_iter().skip(limit).map(|release| name(release)).collect()
}

/// When it was last current, in seconds; when it was made, where nobody has said.
fn last_current(release: &WorkerRelease) -> i64 {
    let status = release.status.as_ref();
    let last = status.and_then(|status| status.last_current_time.as_ref());
    last.or(release.metadata.creation_timestamp.as_ref())
        .map_or(0, |time| time.0.as_second())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::api::workers::{Module, Source, WorkerDeploymentSpec, WorkerReleaseSpec, WorkerReleaseStatus};

    fn template() -> WorkerTemplate {
        WorkerTemplate {
            script_name: "shop".into(),
            compatibility_date: "2026-01-01".into(),
            modules: vec![Module {
                name: "index.js".into(),
                text: Some("export default {}".into()),
                ..Module::default()
            }],
            ..WorkerTemplate::default()
        }
    }

    #[test]
    fn equal_content_is_the_same_release() {
        let base64 = |template: WorkerTemplate| WorkerTemplate {
            modules: vec![Module {
                base64: Some(STANDARD.encode("export default {}")),
                text: None,
                ..template.modules[0].clone()
            }],
            ..template
        };
        let routes = WorkerTemplate {
            routes: vec!["a.example.com".into()],
            ..template()
        };
        assert_eq!(name(&base64(template())), name(&template()));
        // The first module is the main one anyhow.
        let named = WorkerTemplate {
            main_module: Some("index.js".into()),
            ..template()
        };
        assert_eq!(name(&routes), name(&template()));
        assert_eq!(name(&named), name(&template()));
        assert!(name(&template()).starts_with("shop-"));
    }

    #[test]
    fn whatever_the_runtime_sees_is_another_release() {
        let changes: [fn(&mut WorkerTemplate); 6] = [
            |template| template.modules[0].text = Some("export default {};".into()),
            |template| template.modules[0].name = "main.js".into(),
            |template| template.compatibility_date = "2026-01-02".into(),
            |template| template.compatibility_flags.push("nodejs_compat".into()),
            |template| {
                template.modules.clear();
                template.urls.push(Source::default());
            },
            |template| template.secret_ref = Some("keys".into()),
        ];
        for change in changes {
            let mut other = template();
            change(&mut other);
            assert_ne!(name(&other), name(&template()), "{other:?}");
        }
    }

    #[test]
    fn names_fit_a_label_and_a_job() {
        let long = WorkerTemplate {
            script_name: "x".repeat(45) + "-" + &"y".repeat(17),
            ..template()
        };
        assert_eq!(name(&long).len(), 45 + 1 + DIGEST_CHARACTERS);
    }

    #[test]
    fn keeps_the_releases_that_were_current_last() {
        let at = |name: &str, second| {
            let mut release = WorkerRelease::new(name, WorkerReleaseSpec { template: template() });
            release.status = Some(WorkerReleaseStatus {
                last_current_time: Some(Time(Timestamp::from_second(second).unwrap())),
                ..WorkerReleaseStatus::default()
            });
            release
        };
        let releases = [at("a", 4), at("b", 1), at("c", 3), at("d", 2)];
        let deployment = WorkerDeployment::new(
            "shop",
            WorkerDeploymentSpec {
                release_history_limit: Some(1),
                ..WorkerDeploymentSpec::default()
            },
        );
        let releases: Vec<_> = releases.iter().collect();
        assert_eq!(prunable(&deployment, &releases, &["b"]), ["c", "d"]);
        assert_eq!(prunable(&deployment, &releases[..1], &[]), [""; 0]);
    }
}
