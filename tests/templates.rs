//! Our templates against Go's: every golden pair that Go's own `text/template` and Sprig wrote must come out the same.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::fmt::Write as _;

use serde::Deserialize;
use stationmaster::template::{Input, Limits, Template};

#[derive(Deserialize)]
struct Row {
    group: String,
    template: String,
    output: Option<String>,
    error: Option<String>,
}

/// The data that the program beside the golden pairs renders with.
const PAYLOAD: &str = r#"{"hello":"wörld","n":1000000,"f":1.5,"neg":-3,"t":true,"z":null,"list":[1,"two",null,3.5,{"k":"v"}],"nested":{"a":{"b":"c"}},"html":"<b>&'\"</b>"}"#;

fn input() -> Input<'static> {
    Input {
        name: "jobtemplate-sample-x7k2p9",
        namespace: "default",
        payload: PAYLOAD,
        template: "jobtemplate-sample",
        uid: "6d7f3c1e-8a52-4b0e-9f43-2b1f0c9d7e11",
        date: "2026-01-02T03:04:05Z".parse().unwrap(),
    }
}

/// Our output, or our first error in Go's words.
fn rendered(source: &str) -> Result<String, String> {
    let template = Template::parse(source).map_err(|faults| faults[0].message.clone())?;
    template
        .render(&input(), "test", &Limits::default())
        .map_err(|error| error.to_string())
}

/// Go's error without template name and position; of a failing function its name and reason.
fn reason(error: &str) -> String {
    let mut text = error.strip_prefix("template: t:").unwrap_or(error);
    text = text.split_once(": ").map_or(text, |(_, rest)| rest);
    if let Some((_, rest)) = text.strip_prefix("executing ").and_then(|_| text.split_once(">: ")) {
        text = rest;
    }
    text.strip_prefix("error calling ").unwrap_or(text).to_owned()
}

/// Errors whose text says the same in other words, because Go's would quote a value or name a type of Go's own.
fn says_the_same(go: &str, ours: &str) -> bool {
    if go == ours {
        return true;
    }
    let (name, _) = go.split_once(": ").unwrap_or((go, ""));
    let function = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if function && ours.starts_with(&format!("{name}: ")) {
        return true;
    }
    let same = |a: &str, b: &str| go.starts_with(a) && ours.starts_with(b);
    same("range can't iterate over ", "range can't iterate over ")
        || same("can't evaluate field ", "can't evaluate field ")
        || same("can't evaluate field ", "unknown field ")
        || same("nil pointer evaluating ", "nil pointer evaluating ")
        || same(
            "wrong type for value; expected string; got main.Data",
            "wrong type for value; expected string; got ",
        )
        || same("wrong number of args for ", "wrong number of args for ")
}

#[test]
fn renders_as_go_does() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("data/templates/golden.json")).unwrap();
    assert!(rows.len() >= 400, "only {} golden pairs", rows.len());
    let mut report = String::new();
    let mut wrong = 0;
    for row in &rows {
        let got = rendered(&row.template);
        let right = match (&row.output, &row.error, &got) {
            (Some(wanted), _, Ok(got)) => wanted == got,
            (_, Some(wanted), Err(got)) => says_the_same(&reason(wanted), got),
            _ => false,
        };
        if !right {
            wrong += 1;
            let wanted = row
                .output
                .clone()
                .ok_or_else(|| row.error.as_deref().map(reason).unwrap_or_default());
            let _ = writeln!(
                report,
                "{}: {}\n  wanted {wanted:?}\n  got    {got:?}",
                row.group, row.template
            );
        }
    }
    assert_eq!(wrong, 0, "of {} golden pairs:\n{report}", rows.len());
}
