//! Walks the tree of a template and writes its output; the control structures are here, expressions in `eval`.

use super::context::Context;
use super::eval::Evaluator;
use super::fault::Error;
use super::print;
use super::tree::{Branch, Node, Range, Tree};
use super::value::{Signed, Value};

/// Bodies (of blocks and of called templates) may be nested this deep while rendering.
const MAX_BODIES: usize = 64;

/// The output of a template for the context's input.
pub(super) fn render(tree: &Tree, context: Context<'_>) -> Result<Vec<u8>, Error> {
    let evaluator = Evaluator {
        context,
        variables: vec![("$", Value::Data)],
    };
    let mut walker = Walker {
        tree,
        evaluator,
        output: Vec::new(),
        bodies: 0,
    };
    walker.body(&tree.root, &Value::Data)?;
    Ok(walker.output)
}

/// How a body ended.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct Walker<'t, 'i> {
    tree: &'t Tree,
    evaluator: Evaluator<'t, 'i>,
    output: Vec<u8>,
    bodies: usize,
}

impl<'t> Walker<'t, '_> {
    fn body(&mut self, nodes: &'t [Node], dot: &Value) -> Result<Flow, Error> {
        if self.bodies >= MAX_BODIES {
            return Err(Error::Limit("templates and blocks are nested too deeply"));
        }
        self.bodies += 1;
        let mut flow = Flow::Next;
        for node in nodes {
            flow = self.node(node, dot)?;
            if flow != Flow::Next {
                break;
            }
        }
        self.bodies -= 1;
        Ok(flow)
    }

    fn node(&mut self, node: &'t Node, dot: &Value) -> Result<Flow, Error> {
        match node {
            Node::Text(text) => {
                self.output.extend_from_slice(text.as_bytes());
                self.check_output()?;
            }
            Node::Action(pipe) => {
                let value = self.evaluator.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    print::result(&mut self.evaluator.context, &value, &mut self.output)?;
                    self.check_output()?;
                }
            }
            Node::Branch(branch) => return self.branch(branch, dot),
            Node::Range(range) => return self.range(range, dot),
            Node::Template { name, pipe, .. } => {
                let argument = match pipe {
                    Some(pipe) => self.evaluator.pipe(pipe, dot)?,
                    None => Value::Missing,
                };
                self.template(name, &argument)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn check_output(&mut self) -> Result<(), Error> {
        if self.output.len() > self.evaluator.context.longest() {
            return Err(Error::Limit("the output is too long"));
        }
        Ok(())
    }

    fn branch(&mut self, branch: &'t Branch, dot: &Value) -> Result<Flow, Error> {
        let visible = self.evaluator.variables.len();
        let mut flow = None;
        for (pipe, body) in &branch.arms {
            let value = self.evaluator.pipe(pipe, dot)?;
            if value.truth() {
                flow = Some(self.body(body, if branch.with { &value } else { dot })?);
                break;
            }
        }
        let flow = match (flow, &branch.otherwise) {
            (Some(flow), _) => flow,
            (None, Some(body)) => self.body(body, dot)?,
            (None, None) => Flow::Next,
        };
        self.evaluator.variables.truncate(visible);
        Ok(flow)
    }

    fn range(&mut self, range: &'t Range, dot: &Value) -> Result<Flow, Error> {
        let visible = self.evaluator.variables.len();
        let value = self.evaluator.pipe(&range.pipe, dot)?;
        let ran = match &value {
            Value::Int(_, count) => self.count(range, *count, |i| value_like(&value, i))?,
            Value::Uint(_, count) => self.count(range, i64::try_from(*count).unwrap_or(i64::MAX), |i| {
                value_like(&value, i)
            })?,
            Value::List(list) => self.each(
                range,
                list.items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| (Value::length(i), element(item))),
            )?,
            Value::Map(map) => {
                let entries = map.entries();
                self.each(
                    range,
                    entries
                        .iter()
                        .map(|(key, item)| (Value::Str(key.clone()), element(item))),
                )?
            }
            Value::Missing | Value::Nil => false,
            other => {
                let name = other.type_name();
                return Err(Error::Value(format!("range can't iterate over a value of type {name}")));
            }
        };
        self.evaluator.variables.truncate(visible);
        match &range.otherwise {
            Some(body) if !ran => self.body(body, dot),
            _ => Ok(Flow::Next),
        }
    }

    fn count(&mut self, range: &'t Range, count: i64, at: impl Fn(i64) -> Value) -> Result<bool, Error> {
        if range.pipe.variables.len() > 1 {
            return Err(Error::Value(format!(
                "can't use {count} to iterate over more than one variable"
            )));
        }
        self.each(range, (0..count).map(|i| (Value::Missing, at(i))))
    }

    /// Runs the body for every key and element; whether there was any.
    fn each(&mut self, range: &'t Range, items: impl Iterator<Item = (Value, Value)>) -> Result<bool, Error> {
        let visible = self.evaluator.variables.len();
        let mut ran = false;
        for (key, item) in items {
            ran = true;
            self.evaluator.context.step(1)?;
            self.bind(range, key, &item)?;
            let flow = self.body(&range.body, &item)?;
            self.evaluator.variables.truncate(visible);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(ran)
    }

    /// Gives the loop's variables their values for one iteration.
    fn bind(&mut self, range: &'t Range, key: Value, item: &Value) -> Result<(), Error> {
        let names = &range.pipe.variables;
        if range.pipe.assign {
            return match names.as_slice() {
                [name] => self.evaluator.assign(name, item.clone()),
                [first, second] => {
                    self.evaluator.assign(first, key)?;
                    self.evaluator.assign(second, item.clone())
                }
                _ => Ok(()),
            };
        }
        let top = self.evaluator.variables.len();
        match names.len() {
            0 => {}
            1 => self.evaluator.variables[top - 1].1 = item.clone(),
            _ => {
                self.evaluator.variables[top - 2].1 = key;
                self.evaluator.variables[top - 1].1 = item.clone();
            }
        }
        Ok(())
    }

    /// Runs a defined template, which sees its argument and no variables of its caller.
    fn template(&mut self, name: &str, argument: &Value) -> Result<(), Error> {
        let quoted = super::quote::quote(name.as_bytes());
        let body = self
            .tree
            .defined
            .get(name)
            .ok_or_else(|| Error::Value(format!("template {quoted} not defined")))?;
        self.evaluator.context.step(1)?;
        let outer = std::mem::replace(&mut self.evaluator.variables, vec![("$", argument.clone())]);
        self.body(body, argument)?;
        self.evaluator.variables = outer;
        Ok(())
    }
}

/// An element of a list or map, where nil is there.
fn element(item: &Value) -> Value {
    if item.is_nil() { Value::Nil } else { item.clone() }
}

/// A number of the same type.
fn value_like(value: &Value, number: i64) -> Value {
    match value {
        Value::Uint(kind, _) => Value::Uint(*kind, u64::try_from(number).unwrap_or_default()),
        Value::Int(kind, _) => Value::Int(*kind, number),
        _ => Value::Int(Signed::Int, number),
    }
}
