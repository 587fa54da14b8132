//! A log event as one JSON object on one line, written straight into the line: every request is one.

use std::fmt::{self, Debug, Write};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What most lines take.
const LINE: usize = 512;

/// Members in this order: `timestamp`, `level`, the event's own fields, `target`.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        // The writer is behind a pointer: it is called once, and not for each quotation mark.
        let mut line = String::with_capacity(LINE);
        write!(
            line,
            "{{\"timestamp\":\"{:.6}\",\"level\":\"{}\"",
            Timestamp::now(),
            metadata.level()
        )?;
        let mut members = Members {
            line: &mut line,
            outcome: Ok(()),
        };
        event.record(&mut members);
        members.outcome?;
        line.write_str(",\"target\":")?;
        text(&mut line, metadata.target())?;
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

/// Writes each field as a member; the first failure ends it.
struct Members<'l, W> {
    line: &'l mut W,
    outcome: fmt::Result,
}

impl<W: Write> Members<'_, W> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut W) -> fmt::Result) {
        if self.outcome.is_ok() {
            self.outcome = self.named(field.name()).and_then(|()| value(self.line));
        }
    }

    fn named(&mut self, name: &str) -> fmt::Result {
        self.line.write_char(',')?;
        text(self.line, name)?;
        self.line.write_char(':')
    }
}

impl<W: Write> Visit for Members<'_, W> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |line| text(line, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities.
        if value.is_finite() {
            self.member(field, |line| write!(line, "{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, |line| {
            line.write_char('"')?;
            write!(Escaped(line), "{value:?}")?;
            line.write_char('"')
        });
    }
}

fn text(line: &mut impl Write, text: &str) -> fmt::Result {
    line.write_char('"')?;
    Escaped(line).write_str(text)?;
    line.write_char('"')
}

/// The inside of a JSON string (RFC 8259, section 7).
struct Escaped<'l, W>(&'l mut W);

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(place) = rest
            .bytes()
            .position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
        {
            let (plain, special) = rest.split_at(place);
            self.0.write_str(plain)?;
            match special.as_bytes()[0] {
                b'"' => self.0.write_str("\\\"")?,
                b'\\' => self.0.write_str("\\\\")?,
                b'\n' => self.0.write_str("\\n")?,
                control => write!(self.0, "\\u{control:04x}")?,
            }
            rest = &special[1..];
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::{Value, json};
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::written::Written;
    use super::*;

    fn logged(log: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Json)
            .with_writer(move || writer.clone());
        with_default(tracing_subscriber::registry().with(layer), log);
        written.text()
    }

    #[test]
    fn a_line_is_one_object_with_the_fields_as_they_are() {
        let name = "a \"b\"\\\n\t\u{1}é";
        let line = logged(|| {
            tracing::info!(
                job.name = name,
                count = 3_u64,
                less = -1,
                share = 0.5,
                none = f64::NAN,
                fine = true,
                "said {name}"
            );
        });
        let mut object: Value = serde_json::from_str(&line).unwrap();
        let time = object["timestamp"].take();
        time.as_str().unwrap().parse::<Timestamp>().unwrap();
        let expected = json!({
            "timestamp": null, "level": "INFO", "message": format!("said {name}"), "job.name": name, "count": 3, "less": -1,
            "share": 0.5, "none": "NaN", "fine": true, "target": module_path!(),
        });
        assert_eq!(object, expected);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
    }

    #[test]
    fn displayed_and_absent_values_are_text_and_nothing() {
        let line = logged(|| {
            let error = io::Error::other("it \"broke\"");
            tracing::warn!(%error, list = ?["x"], absent = None::<&str>, "request");
        });
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["error"], "it \"broke\"");
        assert_eq!(object["list"], "[\"x\"]");
        assert_eq!(object.get("absent"), None);
    }
}
