//! What may be told of somebody else's words: where, why and what would be right, but no value, because values come from
//! payloads and Secrets; and never more than fits a condition and an event.

use super::compiled::Error;

/// Longest text that is told: what an event's message may have.
const BYTES: usize = 1024;
/// What the API server writes before a value that it refuses.
const VALUE_FOLLOWS: [&str; 5] = [
    "Invalid value: ",
    "Unsupported value: ",
    "Duplicate value: ",
    "Not found: ",
    ", got ",
];
/// From here on the API server tells of a decoder that quotes what it has read.
const UNDECODABLE: &str = " cannot be handled as a ";
/// From here on a decoder prints a part of the object.
const EXCERPT: &str = "error found in #";
/// Stands for what is withheld.
const WITHHELD: char = '…';

/// A text of the API server or of a Job: fields, reasons and details without values.
#[must_use]
pub fn text(text: &str) -> String {
    let (text, excerpt) = split(text, EXCERPT);
    let (text, undecodable) = split(text, UNDECODABLE);
    let mut told = without_values(text);
    told.push_str(&without_quoted(undecodable));
    if !excerpt.is_empty() {
        told.push(WITHHELD);
    }
    bounded(told)
}

/// Why a template gives no Job. What its author lets `fail` say may well be the payload.
#[must_use]
pub fn rendering(error: &Error) -> String {
    let field = &error.field;
    if error.message.starts_with("fail: ") {
        return bounded(format!("{field}: fail: `stationmaster render job` shows the text"));
    }
    let (message, called) = split(&error.message, "error calling ");
    bounded(format!("{field}: {message}{}", without_quoted(called)))
}

/// A text that is not too long.
#[must_use]
pub fn bounded(mut text: String) -> String {
    if text.len() > BYTES {
        let longest = BYTES - WITHHELD.len_utf8();
        let end = (0..=longest).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push(WITHHELD);
    }
    text
}

/// What stands before `mark`, and the rest.
fn split<'t>(text: &'t str, mark: &str) -> (&'t str, &'t str) {
    text.split_at(text.find(mark).unwrap_or(text.len()))
}

fn without_values(mut rest: &str) -> String {
    let mut told = String::new();
    let start = |mark: &&str, rest: &str| rest.find(*mark).map(|at| at + mark.len());
    while let Some(at) = VALUE_FOLLOWS.iter().filter_map(|mark| start(mark, rest)).min() {
        let (before, value) = rest.split_at(at);
        told.push_str(before);
        told.push(WITHHELD);
        rest = &value[end(value)..];
    }
    told + rest
}

/// Where a printed value ends: a quoted one at its quote, a tree or a word before the detail or the next field.
fn end(value: &str) -> usize {
    if let Some(length) = quoted(value) {
        return length;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(next) = value[at..].chars().next() {
        match next {
            '"' | '`' => {
                at += quoted(&value[at..]).unwrap_or(1);
                continue;
            }
            '{' | '[' | '(' => depth += 1,
            ']' if depth == 0 => return at,
            ':' | ',' if depth == 0 && value[at + 1..].starts_with(' ') => return at,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += next.len_utf8();
    }
    at
}

fn without_quoted(text: &str) -> String {
    let (mut told, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['"', '`']) {
        let (before, value) = rest.split_at(at);
        told.push_str(before);
        told.push(WITHHELD);
        rest = &value[quoted(value).unwrap_or(value.len())..];
    }
    told + rest
}

/// The length of the quoted text that `text` begins with. One without an end goes on to the end.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|first| ['"', '`'].contains(first))?;
    let mut escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        if next == quote && !escaped {
            return Some(at + 1);
        }
        escaped = quote == '"' && next == '\\' && !escaped;
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_field_reason_and_detail_but_no_value() {
        let table = [
            ("", ""),
            (
                "jobs.batch is forbidden: exceeded quota",
                "jobs.batch is forbidden: exceeded quota",
            ),
            (
                r#"Job.batch "run" is invalid: spec.x: Required value"#,
                r#"Job.batch "run" is invalid: spec.x: Required value"#,
            ),
            (
                r#"Job.batch "run" is invalid: [spec.a: Invalid value: "se\"cr: et": must match, spec.b: Unsupported value: "s": supported values: "OnFailure", "Never"]"#,
                r#"Job.batch "run" is invalid: [spec.a: Invalid value: …: must match, spec.b: Unsupported value: …: supported values: "OnFailure", "Never"]"#,
            ),
            (
                "spec.a: Invalid value: -1: must be greater",
                "spec.a: Invalid value: …: must be greater",
            ),
            (r"spec.a: Invalid value: `a: b`: no", "spec.a: Invalid value: …: no"),
            (
                r#"spec.template: Invalid value: core.Pod{Name:"s: ]", Args:[]string{"s, t"}}: field is immutable"#,
                "spec.template: Invalid value: …: field is immutable",
            ),
            (
                r#"spec.a: Invalid value: {"a": "s"}: no"#,
                "spec.a: Invalid value: …: no",
            ),
            (
                r#"[spec.a[1]: Duplicate value: {"name":"s"}, spec.b: Not found: "s"]"#,
                "[spec.a[1]: Duplicate value: …, spec.b: Not found: …]",
            ),
            (
                "typed patch object: .data.a: expected string, got &value.valueUnstructured{Value:123}\n.data.b: x",
                "typed patch object: .data.a: expected string, got …: x",
            ),
            ("[spec.a: Duplicate value: s]", "[spec.a: Duplicate value: …]"),
            (r#"spec.a: Invalid value: "s"#, "spec.a: Invalid value: …"),
            (r#"spec.a: Invalid value: {"s": [1"#, "spec.a: Invalid value: …"),
            (
                r#"Job in version "v1" cannot be handled as a Job: parsing time "s" as "2006": cannot parse"#,
                r#"Job in version "v1" cannot be handled as a Job: parsing time … as …: cannot parse"#,
            ),
            (
                "ReadString: expects \" or n, but found 1, error found in #10 byte of ...|s|..., bigger context ...|s|...",
                "ReadString: expects \" or n, but found 1, …",
            ),
        ];
        for (said, told) in table {
            assert_eq!(text(said), told, "{said}");
        }
    }

    #[test]
    fn keeps_what_failed_in_a_template_but_no_value() {
        let table = [
            (
                "fail: my payload",
                "spec.x: fail: `stationmaster render job` shows the text",
            ),
            ("div: integer divide by zero", "spec.x: div: integer divide by zero"),
            (
                r#"at <index .a "b">: error calling index: no "s" in `t`"#,
                r#"spec.x: at <index .a "b">: error calling index: no … in …"#,
            ),
        ];
        for (message, told) in table {
            let error = Error {
                field: "spec.x".into(),
                message: message.into(),
            };
            assert_eq!(rendering(&error), told, "{message}");
        }
    }

    #[test]
    fn is_never_too_long() {
        assert_eq!(text(&"x".repeat(BYTES)).len(), BYTES);
        for (long, length) in [("x".repeat(BYTES + 1), BYTES), ("ä".repeat(BYTES), BYTES - 1)] {
            let told = text(&long);
            assert!(told.len() == length && told.ends_with(WITHHELD), "{}", told.len());
        }
    }
}
