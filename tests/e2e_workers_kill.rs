//! The server is killed at every step of a build and of a roll-out, and at any time: what comes of it is what comes of an
//! undisturbed run, and nothing else is left.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod common;

use std::time::{Duration, Instant};

use common::bucket::S3;
use common::cluster::{ControlPlane, eventually};
use common::server::Server;
use common::thorough;
use common::workers::{Account, BRIDGE, flags, flags_with_workerd, node, saying, serving, worker};
use serde_json::{Value, json};

const BUNDLE: &str = "workers-1234";
const DIGEST: &str = r"{.spec.template.metadata.annotations.workers\.stationmaster\.dev/digest}";
/// Of the worker that is killed for, one after the other.
const VERSIONS: [&str; 2] = ["1", "2"];
/// The last of them comes so long after an update, in milliseconds: longer than what it begins.
const LONGEST: u16 = 5000;

/// How code comes to an account.
struct Way<'p> {
    plane: &'p ControlPlane,
    /// Where it is, if it is not in the objects themselves.
    s3: Option<&'p S3>,
}

impl<'p> Way<'p> {
    /// An account in which the worker `cart` serves already.
    fn account(&self) -> Account<'p> {
        let account = match self.s3 {
            Some(s3) => Account::with_storage(self.plane, s3),
            None => Account::new(self.plane, &json!({})),
        };
        account.apply(&self.worker("cart", "0"));
        account.answers("cart", "0");
        account
    }

    fn worker(&self, script: &str, version: &str) -> Value {
        let mut worker = worker(script, &saying(version));
        if let Some(s3) = self.s3 {
            s3.put_all("code", &[(&format!("{version}/index.js"), &saying(version))]);
            let url = format!("s3://code/{version}/index.js");
            let template = worker["spec"]["template"].as_object_mut().unwrap();
            template.remove("modules");
            template.insert("urls".to_owned(), json!([{"url": url}]));
        }
        worker
    }

    /// Applies a version of the worker `shop`, and waits for its answer and for rest.
    fn update(&self, account: &Account<'_>, version: &str, meanwhile: impl FnOnce()) -> State {
        account.apply(&self.worker("shop", version));
        meanwhile();
        account.answers("shop", version);
        account.answers("cart", "0");
        let current = account.get("workerdeployment", "shop")["status"]["currentRelease"].clone();
        let mut last = None;
        eventually("rest", || {
            let state = State::of(account)?;
            if last.as_ref() != Some(&state) {
                eprintln!("{state:?}");
                last = Some(state.clone());
            }
            (state.is_tidy() && current == *state.release()).then_some(state)
        })
    }
}

/// What an account has come to.
#[derive(Debug, Clone, PartialEq)]
struct State {
    /// Release that serves, by worker.
    serving: Vec<String>,
    digest: String,
    releases: Vec<String>,
    config_maps: Vec<String>,
    jobs: Vec<String>,
    deployments: Vec<String>,
}

impl State {
    /// None while it is on its way.
    fn of(account: &Account<'_>) -> Option<Self> {
        let bundle = account.get("workerbundle", BUNDLE);
        let digest = bundle["spec"]["digest"].as_str()?;
        let workers = bundle["spec"]["workers"].as_array()?;
        let serving = workers
            .iter()
            .map(|worker| worker["release"].as_str().unwrap().to_owned());
        let is_rolled_out = bundle["status"]["digest"] == digest && bundle["status"]["ready"] == "1/1";
        let mut config_maps = names(account, "configmaps");
        config_maps.retain(|name| name != "kube-root-ca.crt");
        let state = Self {
            serving: serving.collect(),
            digest: digest.to_owned(),
            releases: names(account, "workerreleases"),
            config_maps,
            jobs: jobs(account),
            deployments: names(account, "deployments"),
        };
        is_rolled_out.then_some(state)
    }

    /// Nothing is there that nobody needs.
    fn is_tidy(&self) -> bool {
        let mut needed = self.releases.clone();
        needed.push(format!("{BUNDLE}-{}", self.short()));
        needed.sort();
        self.config_maps == needed && self.deployments == [BUNDLE]
    }

    /// Of the worker `shop`, which was last.
    fn release(&self) -> &str {
        self.serving.last().unwrap()
    }

    fn short(&self) -> &str {
        &self.digest["sha256:".len()..][..10]
    }
}

fn names(account: &Account<'_>, kind: &str) -> Vec<String> {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    let mut names: Vec<_> = account.all(kind).iter().map(name).collect();
    names.sort();
    names
}

/// Names of the Jobs, each of which goes by itself.
fn jobs(account: &Account<'_>) -> Vec<String> {
    let jobs = account.all("jobs");
    let goes = |job: &Value| job["spec"]["ttlSecondsAfterFinished"].is_u64();
    assert!(jobs.iter().all(goes), "{jobs:#?}");
    names(account, "jobs")
}

/// Something to wait for, of an object of `kubectl`.
#[derive(Debug)]
enum Step {
    Made(String),
    Is(String, String),
    /// A pod of the Job runs, or has already.
    Runs(String),
}

/// The steps from a changed WorkerDeployment to pods that run it, when it comes to this state.
fn steps(end: &State, by_job: bool) -> Vec<Step> {
    let (release, short) = (end.release(), end.short());
    let is = |object: &str, path: &str, value: &str| Step::Is(object.to_owned(), format!("{path}={value}"));
    let made = |object: String| Step::Made(object);
    let mut steps = vec![
        made(format!("workerrelease/{release}")),
        made(format!("configmap/{release}")),
    ];
    if by_job {
        steps.push(made(format!("job/{release}-build")));
        steps.push(Step::Runs(format!("{release}-build")));
        steps.push(made(format!("job/{BUNDLE}-{short}-compose")));
        steps.push(Step::Runs(format!("{BUNDLE}-{short}-compose")));
    }
    steps.push(is(
        &format!("workerrelease/{release}"),
        "{.status.proof.state}",
        "Passed",
    ));
    steps.push(made(format!("configmap/{BUNDLE}-{short}")));
    steps.push(is(&format!("workerbundle/{BUNDLE}"), "{.spec.digest}", &end.digest));
    steps.push(is(&format!("deployment/{BUNDLE}"), DIGEST, &end.digest));
    steps.push(is(&format!("workerbundle/{BUNDLE}"), "{.status.digest}", &end.digest));
    steps
}

fn until(account: &Account<'_>, step: &Step) {
    let wait = |object: &str, condition: &str| {
        let condition = format!("--for={condition}");
        let wait = ["-n", &account.namespace, "wait", object, &condition, "--timeout=2m"];
        account.plane.kubectl(&wait);
    };
    match step {
        Step::Made(object) => wait(object, "create"),
        Step::Is(object, condition) => {
            wait(object, "create");
            wait(object, &format!("jsonpath={condition}"));
        }
        Step::Runs(job) => eventually("a pod that runs", || {
            let pods = account.all("pods");
            let mut of = pods.iter().filter(|pod| pod["metadata"]["labels"]["job-name"] == **job);
            of.any(|pod| pod["status"]["phase"] != "Pending").then_some(())
        }),
    }
}

/// Kills the server at each step of both versions, each time in another account.
fn killed_at_every_step(mut server: Server, way: &Way<'_>) {
    let account = way.account();
    let ends = VERSIONS.map(|version| way.update(&account, version, || ()));
    let count = steps(&ends[0], way.s3.is_some()).len();
    // All of them take ten minutes, and are for `make thorough`.
    let stride = if thorough() { 1 } else { 4 };
    for number in (0..count).step_by(stride) {
        let (account, begin) = (way.account(), Instant::now());
        for (version, end) in VERSIONS.iter().zip(&ends) {
            let step = &steps(end, way.s3.is_some())[number];
            let state = way.update(&account, version, || {
                until(&account, step);
                server.kill();
                server.spawn();
            });
            eprintln!("killed at {step:?}: {:.1?}", begin.elapsed());
            assert_eq!(&state, end, "killed at {step:?}");
        }
        let gone = ["delete", "namespace", &account.namespace, "--wait=false"];
        way.plane.kubectl(&gone);
    }
}

/// Kills the server at any time of as many updates.
fn killed_at_any_time(mut server: Server, way: &Way<'_>) {
    let account = way.account();
    let kills: u16 = if thorough() { 8 } else { 2 };
    for kill in 1..=kills {
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        let moment = Duration::from_millis((u16::from_le_bytes(random) % LONGEST).into());
        eprintln!("update {kill}, killed after {moment:?}");
        let state = way.update(&account, &kill.to_string(), || {
            std::thread::sleep(moment);
            server.kill();
            server.spawn();
        });
        assert_eq!(state.releases.len(), usize::from(kill) + 1, "{state:#?}");
    }
}

#[test]
fn a_build_and_a_roll_out_by_jobs_end_as_if_nothing_had_happened() {
    let (_turn, plane) = node();
    let server = serving(&plane, &flags());
    let s3 = S3::start_at(BRIDGE, &["code"]);
    let way = Way {
        plane: &plane,
        s3: Some(&s3),
    };
    killed_at_every_step(server, &way);
}

#[test]
fn a_proof_and_a_roll_out_by_the_server_end_as_if_nothing_had_happened() {
    let (_turn, plane) = node();
    let server = serving(&plane, &flags_with_workerd());
    killed_at_every_step(
        server,
        &Way {
            plane: &plane,
            s3: None,
        },
    );
}

#[test]
fn no_moment_is_a_bad_one_for_updates_by_jobs() {
    let (_turn, plane) = node();
    let server = serving(&plane, &flags());
    let s3 = S3::start_at(BRIDGE, &["code"]);
    let way = Way {
        plane: &plane,
        s3: Some(&s3),
    };
    killed_at_any_time(server, &way);
}

#[test]
fn no_moment_is_a_bad_one_for_updates_by_the_server() {
    let (_turn, plane) = node();
    let server = serving(&plane, &flags_with_workerd());
    killed_at_any_time(
        server,
        &Way {
            plane: &plane,
            s3: None,
        },
    );
}
