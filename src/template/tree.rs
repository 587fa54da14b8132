//! The syntax tree of a template: what the parser makes, the static check reads and a rendering walks. Functions are
//! resolved here already, so that no rendering looks up a name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::functions::Function;

/// A whole source: its own nodes and the templates that it defines.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) root: Vec<Node>,
    pub(super) defined: BTreeMap<String, Vec<Node>>,
}

/// One piece of a template.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    Branch(Branch),
    Range(Box<Range>),
    Template {
        name: String,
        pipe: Option<Pipe>,
        line: usize,
    },
    Break,
    Continue,
}

/// `if` or `with` and all their `else if` or `else with`, side by side so that a long chain is not a deep tree.
#[derive(Debug)]
pub(super) struct Branch {
    /// Whether this is `with`, which moves the dot.
    pub(super) with: bool,
    pub(super) arms: Vec<(Pipe, Vec<Node>)>,
    pub(super) otherwise: Option<Vec<Node>>,
}

/// `range`, its body and its `else`.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Option<Vec<Node>>,
}

/// Commands whose results are handed on, and the variables that take the last one.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) line: usize,
    /// Whether the variables exist already (`=` instead of `:=`).
    pub(super) assign: bool,
    pub(super) variables: Vec<String>,
    pub(super) commands: Vec<Command>,
}

/// A function or a value with its arguments; there is always at least one operand.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) operands: Vec<Operand>,
}

/// One word of a command.
#[derive(Debug)]
pub(super) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// The value and the text of the source, quotes included.
    Str(Arc<[u8]>, String),
    Field(Vec<String>),
    /// `$name` and the fields after it.
    Variable(String, Vec<String>),
    Function(&'static Function),
    Pipe(Box<Pipe>),
    /// Fields of a parenthesised pipeline or of a function's result.
    Chain(Box<Operand>, Vec<String>),
}

/// A numeric constant, which becomes the type that its place asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) integer: Option<i64>,
    pub(super) unsigned: Option<u64>,
    pub(super) float: Option<f64>,
}

/// The operand as Go writes it in messages.
impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = |f: &mut fmt::Formatter<'_>, names: &[String]| names.iter().try_for_each(|n| write!(f, ".{n}"));
        match self {
            Operand::Dot => f.write_str("."),
            Operand::Nil => f.write_str("nil"),
            Operand::Bool(value) => write!(f, "{value}"),
            Operand::Number(number) => f.write_str(&number.text),
            Operand::Str(_, source) => f.write_str(source),
            Operand::Field(names) => fields(f, names),
            Operand::Variable(name, names) => {
                f.write_str(name)?;
                fields(f, names)
            }
            Operand::Function(function) => f.write_str(function.name),
            Operand::Pipe(pipe) => write!(f, "{pipe}"),
            Operand::Chain(inner, names) => {
                nested(f, inner)?;
                fields(f, names)
            }
        }
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, command) in self.commands.iter().enumerate() {
            f.write_str(if i > 0 { " | " } else { "" })?;
            for (j, operand) in command.operands.iter().enumerate() {
                f.write_str(if j > 0 { " " } else { "" })?;
                nested(f, operand)?;
            }
        }
        Ok(())
    }
}

/// An operand within another one: a pipeline has its parentheses there.
fn nested(f: &mut fmt::Formatter<'_>, operand: &Operand) -> fmt::Result {
    if let Operand::Pipe(pipe) = operand {
        write!(f, "({pipe})")
    } else {
        write!(f, "{operand}")
    }
}
