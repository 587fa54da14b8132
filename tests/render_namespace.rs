//! `render namespace`, as the built binary: what it prints, and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const TEMPLATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sync/templates");

fn render(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stationmaster"))
        .args(["render", "namespace"])
        .args(arguments)
        .arg("--templates-folder")
        .arg(folder)
        .output()
        .expect("the binary starts")
}

/// What was printed as JSON; the command has to succeed.
fn printed(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = render(folder, &[arguments, &["-o", "json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let objects = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    objects.collect::<Result<_, _>>().expect("is JSON")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with one file.
fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.yaml"), text).expect("written");
    folder
}

#[test]
fn prints_what_metacontroller_is_answered() {
    let case = fs::read_to_string(Path::new(TEMPLATES).join("../cases/sync-v1-complete.json")).expect("a case");
    let case: Value = serde_json::from_str(&case).expect("JSON");
    let objects = printed(Path::new(TEMPLATES), &["team-c"]);
    assert_eq!(Value::from(objects), case["answer"]["attachments"]);
}

#[test]
fn yaml_is_one_document_for_each_object() {
    let output = render(Path::new(TEMPLATES), &["gold"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.matches("---\n").count(), 5, "{text}");
    assert!(text.contains("tier: gold\n"), "{text}");
}

#[test]
fn labels_annotations_and_related_objects_are_given() {
    let folder = folder(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {tier: \"{{ LABELS.tier }}\", note: \"{{ ANNOTATIONS.[b/c] }}\", \
         region: \"{{ lookup (lookup (related 'ConfigMap' 'platform/defaults') 'data') 'region' }}\"}\n",
    );
    let related = folder.path().join("related.json");
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "defaults", "namespace": "platform"}, "data": {"region": "eu"}});
    fs::write(&related, object.to_string()).expect("written");
    let related = related.to_str().expect("text");
    let arguments = [
        "team",
        "--label=tier=gold",
        "--annotation=b/c=x=y",
        "--related",
        related,
    ];
    let objects = printed(folder.path(), &arguments);
    assert_eq!(
        objects[0]["data"],
        json!({"tier": "gold", "note": "x=y", "region": "eu"})
    );
}

#[test]
fn any_error_fails_with_file_and_line() {
    let object = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n";
    for (text, told) in [
        (format!("{object}b: [\n"), "a.yaml:"),
        (
            format!("{object}b: {{{{ LABELS.tier }}}}\n"),
            "a.yaml:4: LABELS.tier has no value",
        ),
        (
            format!("{object}b: {{{{ NAMESPAZE }}}}\n"),
            "a.yaml:4: NAMESPAZE has no value",
        ),
    ] {
        let output = render(folder(&text).path(), &["team"]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            output.stdout.is_empty() && stderr(&output).contains(told),
            "{}",
            stderr(&output)
        );
    }
    let output = render(Path::new("/nonexistent"), &["team"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("cannot read /nonexistent"),
        "{}",
        stderr(&output)
    );
    let unlabelled = render(Path::new(TEMPLATES), &["team", "--label", "tier"]);
    assert!(stderr(&unlabelled).contains("say KEY=VALUE"));
}
