//! Go templates with Sprig's functions: parsed once, checked without running, rendered with bounds. The public face
//! of the engine; everything else in this folder serves it.

use super::check;
use super::context::Context;
use super::exec;
use super::parse;
use super::tree::Tree;

pub use super::fault::{Error, Fault};

/// A compiled template string.
#[derive(Debug)]
pub struct Template(Compiled);

#[derive(Debug)]
enum Compiled {
    Literal(String),
    Tree(Box<Tree>),
}

/// The data of a template, and what makes a rendering repeatable.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    /// Name of the execution.
    pub name: &'a str,
    /// Namespace of the execution.
    pub namespace: &'a str,
    /// What the caller sent.
    pub payload: &'a str,
    /// Name of the job template.
    pub template: &'a str,
    /// UID of the execution; it seeds everything random.
    pub uid: &'a str,
    /// When the execution was created: `.Date`, and the present time of every function that asks for it.
    pub date: jiff::Timestamp,
}

/// What a rendering may take before it ends in an error.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of output, and of any one text or list on the way.
    pub output: usize,
    /// Operands evaluated, iterations made and elements visited.
    pub steps: u64,
    /// Bytes that all functions together may produce.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            output: 1024 * 1024,
            steps: 1_000_000,
            memory: 16 * 1024 * 1024,
        }
    }
}

impl Template {
    /// Parses and checks one string of a job template.
    ///
    /// A source without `{{` is literal: it is kept as it is and never reaches the engine.
    ///
    /// # Errors
    /// Everything that is wrong with the source, in its order.
    pub fn parse(source: &str) -> Result<Self, Vec<Fault>> {
        if !source.contains("{{") {
            return Ok(Template(Compiled::Literal(source.to_owned())));
        }
        let tree = parse::parse(source)?;
        let faults = check::faults(&tree);
        if faults.is_empty() {
            Ok(Template(Compiled::Tree(Box::new(tree))))
        } else {
            Err(faults)
        }
    }

    /// The text that the template makes of this input.
    ///
    /// The field path tells the random functions of one execution's fields apart. Bytes that are no UTF-8 come out
    /// as U+FFFD, as they do when Go writes JSON.
    ///
    /// # Errors
    /// Where Go's rendering fails, and when a limit is reached; see [`Error`].
    pub fn render(&self, input: &Input<'_>, field_path: &str, limits: &Limits) -> Result<String, Error> {
        match &self.0 {
            Compiled::Literal(text) => Ok(text.clone()),
            Compiled::Tree(tree) => {
                let output = exec::render(tree, Context::new(input, field_path, *limits))?;
                Ok(String::from_utf8(output).unwrap_or_else(|error| super::value::text(error.as_bytes()).into_owned()))
            }
        }
    }

    /// Whether the template is plain text, the same for every input.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.0, Compiled::Literal(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render_at(source: &str, uid: &str, path: &str) -> Result<String, Error> {
        let input = Input {
            name: "job",
            namespace: "default",
            payload: "secret payload",
            template: "template",
            uid,
            date: "2026-01-02T03:04:05.5Z".parse().unwrap(),
        };
        Template::parse(source)
            .unwrap()
            .render(&input, path, &Limits::default())
    }

    fn render(source: &str) -> Result<String, Error> {
        render_at(source, "uid", "spec.a")
    }

    #[test]
    fn keeps_literals_as_they_are() {
        let long = "x".repeat(100_000);
        for source in ["", "text", "{ }} {", long.as_str()] {
            assert!(Template::parse(source).unwrap().is_literal());
            assert_eq!(render(source).as_deref(), Ok(source));
        }
        assert!(!Template::parse("{{ .Name }}").unwrap().is_literal());
    }

    #[test]
    fn can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Template>();
    }

    #[test]
    fn repeats_what_is_random() {
        let source =
            "{{ uuidv4 }} {{ randAlphaNum 20 }} {{ shuffle \"abcdefghijklmnopqrstuvwxyz\" }} {{ randInt 0 1000000 }}";
        assert_eq!(render_at(source, "a", "spec.x"), render_at(source, "a", "spec.x"));
        assert_ne!(render_at(source, "a", "spec.x"), render_at(source, "b", "spec.x"));
        assert_ne!(render_at(source, "a", "spec.x"), render_at(source, "a", "spec.y"));
        assert_ne!(render("{{ uuidv4 }}"), render("{{ uuidv4 | upper }}"));
        let once = render("{{ uuidv4 }}").unwrap();
        assert_ne!(render("{{ uuidv4 }}{{ uuidv4 }}").unwrap(), format!("{once}{once}"));
    }

    #[test]
    fn draws_what_is_asked_for() {
        let class = |source: &str, length: usize, belongs: fn(char) -> bool| {
            let drawn = render(source).unwrap();
            assert!(
                drawn.chars().count() == length && drawn.chars().all(belongs),
                "{source}: {drawn}"
            );
        };
        class("{{ randAlpha 50 }}", 50, |c| c.is_ascii_alphabetic());
        class("{{ randNumeric 50 }}", 50, |c| c.is_ascii_digit());
        class("{{ randAlphaNum 50 }}", 50, |c| c.is_ascii_alphanumeric());
        class("{{ randAscii 50 }}", 50, |c| (' '..='~').contains(&c));
        class("{{ randAlpha 0 }}{{ randAlpha -1 }}", 0, |_| true);
        class("{{ randBytes 6 }}", 8, |c| c.is_ascii());
        class("{{ range 200 }}{{ randInt -3 6 | add 3 }}{{ end }}", 200, |c| {
            ('0'..='8').contains(&c)
        });
        let uuid = render("{{ uuidv4 }}").unwrap();
        let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!((groups.as_slice(), &uuid[14..15]), (&[8, 4, 4, 4, 12][..], "4"));
        let mut shuffled: Vec<char> = render("{{ shuffle \"aéb\" }}").unwrap().chars().collect();
        shuffled.sort_unstable();
        assert_eq!(shuffled, ['a', 'b', 'é']);
        assert!(render("{{ randInt 5 5 }}").is_err());
    }

    #[test]
    fn takes_the_creation_for_the_present() {
        assert_eq!(
            render("{{ .Date }} {{ now | date \"2006-01-02 15:04:05.0\" }}").unwrap(),
            "2026-01-02T03:04:05Z 2026-01-02 03:04:05.5"
        );
        assert_eq!(
            render("{{ toDate \"2006-01-02\" \"2026-01-01\" | ago }}").unwrap(),
            "27h4m6s"
        );
    }

    #[test]
    fn refuses_what_would_silently_become_the_present() {
        for source in [
            "{{ date \"2006\" \"2020-01-01\" }}",
            "{{ .Date | date \"2006\" }}",
            "{{ htmlDate nil }}",
            "{{ ago 1.5 }}",
            "{{ dateInZone \"2006\" (list) \"UTC\" }}",
        ] {
            let error = render(source).unwrap_err().to_string();
            assert!(error.contains("use toDate for text"), "{error}");
        }
    }

    #[test]
    fn names_function_and_reason_and_never_quotes_the_payload() {
        assert_eq!(
            render("{{ fail \"Expected: error.\" }}").unwrap_err().to_string(),
            "fail: Expected: error."
        );
        assert_eq!(
            render("{{ div 1 0 }}").unwrap_err().to_string(),
            "div: integer divide by zero"
        );
        assert_eq!(
            render("{{ upper (list) }}").unwrap_err().to_string(),
            "wrong type for value; expected string; got []interface {}"
        );
        for source in [
            "{{ mustFromJson .Payload }}",
            "{{ mustToDate \"2006\" .Payload }}",
            "{{ semver .Payload }}",
            "{{ semverCompare .Payload \"1.0.0\" }}",
            "{{ range .Payload }}{{ end }}",
            "{{ eq (list .Payload) (list .Payload) }}",
            "{{ mustRegexMatch (printf \"%s(\" .Payload) \"x\" }}",
            "{{ dig .Payload \"x\" .Payload }}",
            "{{ index (list 1) .Payload }}",
            "{{ urlParse (printf \"%s:%s\" .Payload .Payload) }}",
            "{{ (fromJson (toJson .Payload)).x }}",
            "{{ trunc .Payload .Payload }}",
            "{{ call .Payload }}",
            "{{ len (int (float64 .Payload)) }}",
        ] {
            let error = render(source).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{source}: {error}");
        }
    }

    #[test]
    fn makes_text_of_any_bytes() {
        assert_eq!(
            render("{{ trunc 1 \"é\" }}{{ b64dec \"/w==\" }}").unwrap(),
            "\u{fffd}\u{fffd}"
        );
        assert_eq!(
            render("{{ b64dec \"/w==\" | sha256sum | trunc 8 }}").unwrap(),
            "a8100ae6"
        );
    }
}
