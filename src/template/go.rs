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
            steps: 500_000,
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
