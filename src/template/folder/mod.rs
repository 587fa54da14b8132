//! The templates of a folder: YAML documents with handlebars or Jinja in them, rendered for a namespace.
//!
//! A printed value never changes the structure. It enters the text as a placeholder (`record`), the text is parsed
//! (`yaml`, `plain`), and the placeholder is replaced inside the parsed scalar (`node`). The text is therefore the same
//! for all namespaces that take the same branches, and is parsed once for them.

mod bars;
mod functions;

mod input;
mod jinja;
mod node;
mod plain;
mod probe;
mod record;
mod reference;
mod related;
mod scan;
mod shapes;
mod syntax;
mod yaml;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use bars::Bars;
use jinja::Jinja;
use node::Prints;
use record::Record;
use shapes::Shapes;

pub use input::{Input, Pairs};
pub use probe::Probed;
pub use reference::Reference;
pub use related::Related;
pub use syntax::Syntax;

/// Longest source, in bytes.
const LONGEST: usize = 1 << 20;

/// What is wrong with a template, or with rendering it. Never tells a printed value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// From 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
    /// Another namespace might not have it.
    depends: bool,
}

impl Fault {
    fn at(line: usize, reason: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            reason: reason.into(),
            depends: false,
        }
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self {
            line: None,
            reason,
            depends: false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// One compiled file.
#[derive(Debug)]
pub struct Template {
    engine: Engine,
    references: Vec<Reference>,
    /// Whether text may be left out or repeated.
    has_blocks: bool,
    /// Labels and annotations that it may ask for.
    names: Vec<String>,
    shapes: Shapes,
}

#[derive(Debug)]
enum Engine {
    /// Text without a tag is the same for everybody.
    Text(String),
    Bars(Box<Bars>),
    Jinja(Box<Jinja>),
}

impl Template {
    /// Compiles a source and tries it out: what no namespace could have is a fault now.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn compile(source: &str, syntax: Syntax) -> Result<Self, Fault> {
        if source.len() > LONGEST {
            return Err(Fault::from(format!("longer than {LONGEST} bytes")));
        }
        if let Some(line) = source.lines().position(|line| line.contains(record::is_mark)) {
            return Err(Fault::at(line + 1, "characters for private use are not supported"));
        }
        let tags = scan::tags(source);
        if let Some((line, reason)) = scan::too_deep(&tags) {
            return Err(Fault::at(line, reason));
        }
        let engine = if tags.is_empty() {
            Engine::Text(source.to_owned())
        } else if syntax.is_jinja(&tags) {
            Engine::Jinja(Box::new(Jinja::compile(source)?))
        } else {
            Engine::Bars(Box::new(Bars::compile(source)?))
        };
        let template = Self {
            engine,
            references: reference::references(&tags).map_err(|(line, reason)| Fault::at(line, reason))?,
            has_blocks: scan::has_blocks(&tags),
            names: probe::names(&tags),
            shapes: Shapes::default(),
        };
        Ok(template)
    }

    /// What it reads beside the namespace.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Whether it may come out empty.
    #[must_use]
    pub fn has_blocks(&self) -> bool {
        self.has_blocks
    }

    /// The documents for one namespace.
    ///
    /// # Errors
    /// The template asks for what this namespace does not have, or the text is no YAML then.
    pub fn documents(&self, input: &Input) -> Result<Vec<Value>, Fault> {
        self.rendered(input, |engine| match engine {
            Engine::Text(text) => Ok(Cow::Borrowed(text)),
            Engine::Bars(bars) => bars.render(input.context()).map(Cow::Owned),
            Engine::Jinja(jinja) => jinja.render(input.jinja()).map(Cow::Owned),
        })
    }

    fn rendered(
        &self,
        input: &Input,
        render: impl FnOnce(&Engine) -> Result<Cow<'_, str>, Fault>,
    ) -> Result<Vec<Value>, Fault> {
        let record = Record::new(input.mark, input.probing, Arc::clone(&input.related));
        let (text, record) = record.during(|| render(&self.engine));
        let text = text.map_err(|fault| Fault {
            reason: record.fault.unwrap_or(fault.reason),
            // What a related object holds is known of none that was made up.
            depends: fault.depends || !self.references.is_empty(),
            ..fault
        })?;
        let shape = self.shapes.of(&text, input.mark).map_err(|fault| self.placed(fault))?;
        let prints = Prints {
            mark: input.mark,
            prints: &record.prints,
        };
        let documents = shape.iter().map(|document| document.filled(&prints));
        Ok(documents.collect::<Result<_, _>>()?)
    }

    /// What is left out or repeated moves the lines.
    fn placed(&self, mut fault: Fault) -> Fault {
        if self.has_blocks {
            fault.reason.push_str(" (by the lines of the rendered text)");
        }
        fault
    }
}

#[cfg(test)]
mod tests;
