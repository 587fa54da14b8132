//! `render job` and `review`, as the built binary: what they print, and how they end.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const TEMPLATE: &str = "\
apiVersion: dispatcher.ivan.vc/v1alpha1
kind: JobTemplate
metadata:
  name: jobtemplate-sample
  namespace: jobs
spec:
  jobTemplate:
    metadata:
      labels: {team: blue, run: '{{ .Name }}'}
    spec:
      ttlSecondsAfterFinished: 10
      template:
        spec:
          containers:
          - name: my-container
            image: alpine:3.20
            command: [echo, '{{ .Payload }}', '{{ .Namespace }}/{{ .Template }}']
            newField: {kept: true}
";

/// Runs the command with the text on its standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stationmaster"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    child
        .stdin
        .take()
        .expect("is piped")
        .write_all(input.as_bytes())
        .expect("is read");
    child.wait_with_output().expect("ends")
}

/// What was printed; the command has to succeed.
fn printed(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).expect("is text")
}

fn printed_json(arguments: &[&str], input: &str) -> Value {
    serde_json::from_str(&printed(arguments, input)).expect("is JSON")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn responses(text: &str) -> Vec<Value> {
    let answers: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    answers
        .expect("is JSON")
        .into_iter()
        .map(|mut answer| answer["response"].take())
        .collect()
}

#[test]
fn renders_the_whole_job() {
    let arguments = [
        "render",
        "job",
        "-",
        "--payload",
        "-x: {{ .Name }}\n",
        "--name",
        "run-1",
        "-o",
        "json",
    ];
    let uid = "00000000-0000-0000-0000-000000000000";
    let container = json!({"name": "my-container", "image": "alpine:3.20", "newField": {"kept": true},
        "command": ["echo", "-x: {{ .Name }}\n", "jobs/jobtemplate-sample"]});
    let expected = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "run-1",
            "namespace": "jobs",
            "labels": {"team": "blue", "run": "run-1", "controller-uid": uid, "job-execution-name": "run-1"},
            "ownerReferences": [{"apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobExecution", "name": "run-1",
                "uid": uid, "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {
            "ttlSecondsAfterFinished": 60,
            "template": {"spec": {"containers": [container], "restartPolicy": "Never"}},
        },
    });
    for version in ["v1alpha1", "v1beta1"] {
        assert_eq!(
            printed_json(&arguments, &TEMPLATE.replace("v1alpha1", version)),
            expected
        );
    }
    assert!(stderr(&run(&arguments, TEMPLATE)).contains("ttlSecondsAfterFinished"));
}

#[test]
fn renders_from_a_file_as_yaml() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("template.yaml");
    std::fs::write(&file, TEMPLATE).expect("is written");
    let file = file.to_str().expect("is text");
    let yaml = printed(&["render", "job", file, "--payload=yes", "--namespace=other"], "");
    let job: Value = serde_saphyr::from_str(&yaml).expect("is YAML");
    assert_eq!(job["metadata"]["namespace"], "other");
    assert_eq!(job["metadata"]["name"], "jobtemplate-sample");
    let command = &job["spec"]["template"]["spec"]["containers"][0]["command"];
    assert_eq!(*command, json!(["echo", "yes", "other/jobtemplate-sample"]));
}

#[test]
fn names_every_field_that_cannot_be_parsed() {
    let broken = TEMPLATE
        .replace("{{ .Payload }}", "{{ .Nope }}")
        .replace("{{ .Name }}", "{{ nofunc }}");
    let output = run(&["render", "job", "-"], &broken);
    let told = stderr(&output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    for field in [
        "spec.jobTemplate.metadata.labels.run:",
        "spec.jobTemplate.spec.template.spec.containers[0].command[1]:",
    ] {
        assert!(told.contains(field), "{told}");
    }
}

#[test]
fn names_the_field_that_this_payload_cannot_fill() {
    let picky = TEMPLATE.replace("{{ .Payload }}", "{{ index .Payload 3 }}");
    let output = run(&["render", "job", "-", "--payload", "abc"], &picky);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.contains("spec.jobTemplate.spec.template.spec.containers[0].command[1]: "),
        "{told}"
    );
    assert!(
        run(&["render", "job", "-", "--payload", "abcd"], &picky)
            .status
            .success()
    );
}

#[test]
fn renders_exactly_one_template() {
    let cases = [
        ("", "there is no JobTemplate"),
        ("apiVersion: v1\nkind: ConfigMap\n", "there is no JobTemplate"),
        (
            "apiVersion: example.com/v1\nkind: JobTemplate\n",
            "there is no JobTemplate",
        ),
        (&format!("{TEMPLATE}---\n{TEMPLATE}"), "more than one JobTemplate"),
        (
            "apiVersion: dispatcher.ivan.vc/v1beta1\nkind: JobTemplate\nmetadata: {}\n",
            "spec.jobTemplate: must be",
        ),
        (
            "apiVersion: dispatcher.ivan.vc/v1beta1\nkind: JobTemplate\nmetadata: {}\nspec: {jobTemplate: {metadata: x}}\n",
            "spec.jobTemplate: must be",
        ),
        ("text\n", "there is no JobTemplate"),
        ("a: b: c\n", "cannot read -"),
    ];
    for (input, expected) in cases {
        let output = run(&["render", "job", "-"], input);
        assert_eq!(output.status.code(), Some(1), "{input}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    assert!(stderr(&run(&["render", "job", "/nonexistent"], "")).contains("cannot read /nonexistent"));
}

#[test]
fn reviews_manifests_as_if_they_were_created() {
    let execution = "apiVersion: dispatcher.ivan.vc/v1beta1\nkind: JobExecution\nmetadata: {name: a}\n\
                     spec: {jobTemplateName: jobtemplate-sample, payload: x}\n";
    let other = "apiVersion: v1\nkind: ConfigMap\n";
    let output = run(
        &["review", "-", "-o", "json"],
        &format!("{TEMPLATE}---\n{other}---\n{execution}"),
    );
    assert!(output.status.success());
    assert!(stderr(&output).contains("skipped: the webhooks are not asked about ConfigMap"));
    let uid = "00000000-0000-0000-0000-000000000000";
    let patch = json!([
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/dispatch.stationmaster.dev~1created-by", "value": "kubernetes-admin"},
    ]);
    assert_eq!(
        responses(&String::from_utf8_lossy(&output.stdout)),
        [
            json!({"uid": uid, "allowed": true}),
            json!({"uid": uid, "allowed": true, "patchType": "JSONPatch", "patch": patch}),
        ]
    );
}

#[test]
fn fails_when_anything_is_refused() {
    let broken = TEMPLATE.replace("{{ .Payload }}", "{{ .Nope }}");
    let output = run(&["review", "-", "-o", "json"], &format!("{TEMPLATE}---\n{broken}"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("1 of 2 refused"), "{}", stderr(&output));
    let responses = responses(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        (&responses[0]["allowed"], &responses[1]["allowed"]),
        (&json!(true), &json!(false))
    );
    let field = "spec.jobTemplate.spec.template.spec.containers[0].command[1]";
    assert_eq!(responses[1]["status"]["details"]["causes"][0]["field"], field);
}

#[test]
fn answers_reviews_as_the_webhooks_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/admission");
    for (case, code) in [
        ("pass/readme_template_v1alpha1_warns_of_payload", 0),
        ("fail/template_stray_end", 1),
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{case}.json"))).expect("the case is there");
        let case: Value = serde_json::from_str(&text).expect("is JSON");
        let output = run(&["review", "-", "-o", "json"], &case["review"].to_string());
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(
            responses(&String::from_utf8_lossy(&output.stdout)),
            [case["response"].clone()]
        );
    }
}

#[test]
fn converts_as_the_webhook_does() {
    let review = |object: Value| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": {"uid": "u-1",
            "desiredAPIVersion": "dispatcher.ivan.vc/v1beta1", "objects": [object]}})
    };
    let object = json!({"apiVersion": "dispatcher.ivan.vc/v1alpha1", "kind": "JobTemplate", "metadata": {"name": "a"},
        "spec": {"jobTemplate": {}}});
    let answer = printed_json(&["review", "-", "-o", "json"], &review(object).to_string());
    assert_eq!(answer["response"]["result"]["status"], "Success");
    assert_eq!(
        answer["response"]["convertedObjects"][0]["apiVersion"],
        "dispatcher.ivan.vc/v1beta1"
    );
    let foreign = review(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}}));
    let output = run(&["review", "-", "-o", "json"], &foreign.to_string());
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn has_nothing_to_review_in_other_manifests() {
    let output = run(&["review", "-"], "apiVersion: v1\nkind: ConfigMap\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("neither a review nor an object"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn reviews_with_the_servers_payload_limit() {
    let execution = "apiVersion: dispatcher.ivan.vc/v1beta1\nkind: JobExecution\nmetadata: {name: a}\n\
                     spec: {jobTemplateName: a, payload: '12345678901'}\n";
    assert!(run(&["review", "-"], execution).status.success());
    let output = run(&["review", "-", "--max-payload-bytes=10"], execution);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("spec.payload"));
}

const PAIR: &str = "manifests/gateway/podgateways.yaml";

fn marked_pod(mark: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: app, labels: {{setGateway: {mark}}}}}\n\
         spec: {{containers: [{{name: app, image: a}}]}}\n"
    )
}

#[test]
fn reviews_pods_with_the_gateways_of_the_file() {
    let pair = std::fs::read_to_string(PAIR).expect("is there");
    let output = run(
        &["review", "-", "-o", "json"],
        &format!("{pair}---\n{}", marked_pod("bar")),
    );
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("match.namespaceSelector of PodGateway bar is not looked at"));
    let responses = responses(&String::from_utf8_lossy(&output.stdout));
    assert!(responses.iter().all(|response| response["allowed"] == true));
    assert_eq!(responses.len(), 3);
    let patch = responses[2]["patch"].to_string();
    assert!(
        patch.contains("pod-gateway-bar-main.gateway-system.svc.cluster.local"),
        "{patch}"
    );
    assert!(patch.contains("bar@") && !patch.contains("foo"), "{patch}");
}

#[test]
fn reviews_pods_with_the_gateway_of_the_flags() {
    let flags = [
        "review",
        "-",
        "--gateway=192.0.2.9",
        "--initImage=init:1",
        "--setGatewayLabel=setGateway",
    ];
    assert!(printed(&flags, &marked_pod("'true'")).contains("init:1"));
    let namespaces = [
        "--gateway-namespace-selector=a=b",
        "--gateway-exclude-namespace=default",
    ];
    let output = run(&[&flags[..], &namespaces].concat(), &marked_pod("'true'"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("init:1"));
    for flag in namespaces {
        let told = format!("{} is not looked at", flag.split('=').next().unwrap());
        assert!(stderr(&output).contains(&told), "{}", stderr(&output));
    }
    let output = run(&[&flags[..], &["--strict-labels"]].concat(), &marked_pod("maybe"));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let output = run(&["review", "-"], &marked_pod("'true'"));
    assert!(
        stderr(&output).contains("skipped: the webhooks are not asked about Pod"),
        "{}",
        stderr(&output)
    );
}

fn gateway(name: &str, mark: &str, team: &str) -> String {
    format!(
        "---\napiVersion: gateway.stationmaster.dev/v1alpha1\nkind: PodGateway\nmetadata: {{name: {name}}}\nspec:\n  \
         gateway: vpn.example.org\n  match:\n    label: {{key: setGateway, value: {mark}}}\n    \
         namespaceSelector: {{matchLabels: {{team: {team}}}}}\n"
    )
}

#[test]
fn reviews_gateways_beside_the_others_of_the_file() {
    // The first in the file is the older one, whatever its name is; another team's is none's business.
    let file = [
        gateway("z", "foo", "red"),
        gateway("a", "foo", "red"),
        gateway("b", "foo", "blue"),
        gateway("c", "a b", "red"),
        "---\napiVersion: gateway.stationmaster.dev/v1alpha1\nkind: PodGateway\nmetadata: {name: d}\nspec: []\n"
            .to_owned(),
    ];
    let output = run(&["review", "-", "-o", "json"], &file.concat());
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.contains("3 of 5 refused") && told.contains("PodGateway a is not in force: z has"),
        "{told}"
    );
    let responses = responses(&String::from_utf8_lossy(&output.stdout));
    let causes = |index: usize| &responses[index]["status"]["details"]["causes"][0];
    assert_eq!(
        responses
            .iter()
            .map(|response| &response["allowed"])
            .collect::<Vec<_>>(),
        [true, false, true, false, false]
    );
    assert_eq!(causes(1)["field"], "spec.match");
    assert!(causes(1)["message"].to_string().contains(r#"PodGateway \"z\" matches"#));
    assert_eq!(causes(3)["field"], "spec.match.label.value");
    assert_eq!(responses[4]["status"]["code"], 400);
}

#[test]
fn reviews_clients_and_reviews_of_gateways() {
    let client = "---\napiVersion: gateway.stationmaster.dev/v1alpha1\nkind: GatewayClient\nmetadata: {name: a}\n\
                  spec: {gatewayName: foo, podTemplate: {spec: {hostNetwork: true}}}\n";
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": "DELETE", "name": "a",
        "kind": {"group": "gateway.stationmaster.dev", "version": "v1alpha1", "kind": "PodGateway"}}});
    let output = run(&["review", "-", "-o", "json"], &format!("{client}---\n{review}\n"));
    assert!(stderr(&output).contains("1 of 2 refused"), "{}", stderr(&output));
    let responses = responses(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        responses[0]["status"]["details"]["causes"][0]["field"],
        "spec.podTemplate.spec.hostNetwork"
    );
    assert_eq!(responses[1], json!({"uid": "u-1", "allowed": true}));
}
