use serde_json::json;

use super::*;
use crate::api::workers::{Binding, ModuleType, SecretKey, ServiceTarget};

fn template(script: &str) -> WorkerTemplate {
    WorkerTemplate {
        script_name: script.to_owned(),
        compatibility_date: "2026-01-01".to_owned(),
        ..WorkerTemplate::default()
    }
}

fn binding(name: &str) -> Binding {
    Binding {
        name: name.to_owned(),
        ..Binding::default()
    }
}

fn service(name: &str, script: &str, entrypoint: Option<&str>) -> Binding {
    let target = ServiceTarget {
        script_name: script.to_owned(),
        entrypoint: entrypoint.map(str::to_owned),
    };
    Binding {
        service: Some(target),
        ..binding(name)
    }
}

fn main_module() -> Vec<ContentModule> {
    vec![ContentModule {
        name: "index.js".to_owned(),
        module_type: ModuleType::EsModule,
    }]
}

fn configured<'a>(template: &'a WorkerTemplate, modules: &'a [ContentModule], port: i32) -> Configured<'a> {
    Configured {
        template,
        modules,
        folder: "a-1",
        port,
        prefix: "A_",
        secret_keys: &[],
    }
}

/// The file without its spaces at the beginning of lines.
fn bare(files: &BTreeMap<String, String>, name: &str) -> String {
    files[name].lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_worker_is_told_of_whole() {
    let (template, modules) = (template("a"), main_module());
    let files = files(&[configured(&template, &modules, 8080)], Isolation::Account);
    let expected = r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  logging = (structuredLogging = true),
  services = [
    (name = "stationmaster.health", worker = (
      compatibilityDate = "2024-01-01",
      modules = [(name = "health.js", esModule = "export default { fetch() { return new Response('ok\\n'); }, test() {} };")],
      globalOutbound = "stationmaster.internet",
    )),
    (name = "stationmaster.internet", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true))),
    (name = "a", worker = (
      compatibilityDate = "2026-01-01",
      compatibilityFlags = [],
      modules = [
        (name = "index.js", esModule = embed "../modules/a-1/0"),
      ],
      bindings = [],
      globalOutbound = "stationmaster.internet",
    )),
    (name = "internet", network = (allow = [])),
  ],
  sockets = [
    (name = "stationmaster.health", address = "*:8079", http = (), service = "stationmaster.health"),
    (name = "a", address = "*:8080", http = (), service = "a"),
  ],
);
"#;
    assert_eq!(files, BTreeMap::from([(FILE.to_owned(), expected.to_owned())]));
}

#[test]
fn the_order_of_workers_and_keys_does_not_matter() {
    let (a, b, modules) = (template("a"), template("b"), main_module());
    let (mut a, b) = (configured(&a, &modules, 8080), configured(&b, &modules, 8081));
    let (ascending, descending) = (["X".to_owned(), "Y".to_owned()], ["Y".to_owned(), "X".to_owned()]);
    for isolation in [Isolation::Account, Isolation::Worker] {
        a.secret_keys = &ascending;
        let one = files(&[a, b], isolation);
        a.secret_keys = &descending;
        assert_eq!(one, files(&[b, a], isolation));
    }
}

#[test]
fn bindings_are_of_every_kind() {
    let mut template = template("a");
    template.bindings = vec![
        Binding {
            text: Some("\"quoted\"".to_owned()),
            ..binding("TEXT")
        },
        Binding {
            json: Some(json!({"a": [1, "\n"]})),
            ..binding("JSON")
        },
        Binding {
            secret: Some(SecretKey::default()),
            ..binding("SECRET")
        },
        service("SELF", "a", None),
        service("OTHER", "b", Some("Admin")),
        binding("NOTHING"),
    ];
    let modules = main_module();
    let text = bare(
        &files(&[configured(&template, &modules, 8080)], Isolation::Account),
        FILE,
    );
    let expected = r#"bindings = [
(name = "TEXT", text = "\"quoted\""),
(name = "JSON", json = "{\"a\":[1,\"\\n\"]}"),
(name = "SECRET", fromEnvironment = "A_SECRET"),
(name = "SELF", service = "a"),
(name = "OTHER", service = (name = "b", entrypoint = "Admin")),
],"#;
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_binding_wins_over_a_key_of_the_secret() {
    let mut template = template("a");
    template.bindings = vec![Binding {
        text: Some("own".to_owned()),
        ..binding("X")
    }];
    let modules = main_module();
    let mut worker = configured(&template, &modules, 8080);
    let keys = ["Y".to_owned(), "X".to_owned(), "A.b".to_owned()];
    worker.secret_keys = &keys;
    let text = bare(&files(&[worker], Isolation::Account), FILE);
    let expected = r#"bindings = [
(name = "X", text = "own"),
(name = "A.b", fromEnvironment = "A_A.b"),
(name = "Y", fromEnvironment = "A_Y"),
],"#;
    assert!(text.contains(expected), "{text}");
}

#[test]
fn every_type_of_module_has_its_field() {
    let types = [
        (ModuleType::EsModule, "esModule"),
        (ModuleType::CommonJs, "commonJsModule"),
        (ModuleType::Text, "text"),
        (ModuleType::Data, "data"),
        (ModuleType::Wasm, "wasm"),
        (ModuleType::Json, "json"),
    ];
    let module = |(module_type, field): &(ModuleType, &str)| ContentModule {
        name: format!("./{field}\""),
        module_type: *module_type,
    };
    let (template, modules) = (template("a"), types.iter().map(module).collect::<Vec<_>>());
    let text = bare(&alone(&configured(&template, &modules, 8080)), FILE);
    for (index, (_, field)) in types.iter().enumerate() {
        let expected = format!(r#"(name = "./{field}\"", {field} = embed "../modules/a-1/{index}"),"#);
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn workers_apart_reach_each_other_by_ports() {
    let (mut a, b, c, modules) = (template("a"), template("b"), template("c"), main_module());
    a.bindings = vec![
        service("B", "b", None),
        service("SELF", "a", None),
        service("GONE", "d", None),
    ];
    let workers = [
        configured(&a, &modules, 8080),
        configured(&b, &modules, 8081),
        configured(&c, &modules, 8082),
    ];
    let files = files(&workers, Isolation::Worker);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a.capnp", "b.capnp", "c.capnp"]);
    let text = bare(&files, "a.capnp");
    for expected in [
        r#"(name = "b", external = (address = "127.0.0.1:8081", http = ())),"#,
        r#"(name = "stationmaster.health", address = "*:18080", http = (), service = "stationmaster.health"),"#,
        r#"(name = "a", address = "*:8080", http = (), service = "a"),"#,
    ] {
        assert!(text.contains(expected), "{text}");
    }
    for absent in ["8082", "*:8081", r#"name = "d", "#] {
        assert!(!text.contains(absent), "{text}");
    }
}

#[test]
fn alone_a_release_has_neither_neighbours_nor_network() {
    let (mut template, modules) = (template("a"), main_module());
    template.bindings = vec![service("B", "b", Some("Admin"))];
    let files = alone(&configured(&template, &modules, 8080));
    let text = bare(&files, FILE);
    for expected in [
        r#"(name = "B", service = "stationmaster.health"),"#,
        r#"(name = "stationmaster.internet", network = (allow = [])),"#,
        "sockets = [],",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_worker_may_be_called_internet() {
    let (template, modules) = (template("internet"), main_module());
    let files = files(&[configured(&template, &modules, 8080)], Isolation::Account);
    assert_eq!(
        files[FILE].matches(r#"(name = "internet", "#).count(),
        2,
        "service and socket"
    );
}

#[test]
fn flags_are_told_in_their_order() {
    let mut template = template("a");
    template.compatibility_flags = vec!["nodejs_compat".to_owned(), "a\"b".to_owned()];
    let modules = main_module();
    for files in [
        files(&[configured(&template, &modules, 8080)], Isolation::Account),
        alone(&configured(&template, &modules, 8080)),
    ] {
        let text = bare(&files, FILE);
        let expected = r#"compatibilityFlags = ["nodejs_compat", "a\"b"],"#;
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn two_bindings_to_a_worker_apart_lead_to_one_address() {
    let (mut a, b, modules) = (template("a"), template("b"), main_module());
    a.bindings = vec![service("B", "b", None), service("ADMIN", "b", Some("Admin"))];
    let workers = [configured(&a, &modules, 8080), configured(&b, &modules, 8081)];
    let text = bare(&files(&workers, Isolation::Worker), "a.capnp");
    assert_eq!(text.matches(r#"address = "127.0.0.1:8081""#).count(), 1, "{text}");
}

#[test]
fn no_workers_are_one_process_or_none() {
    let text = bare(&files(&[], Isolation::Account), FILE);
    assert!(text.contains(r#"service = "stationmaster.health"),"#), "{text}");
    assert_eq!(files(&[], Isolation::Worker), BTreeMap::new());
}
