//! Evaluates pipelines: fields, variables, constants and calls, with Go's rules of what may stand where.

use super::context::Context;
use super::fault::{Error, Failure};
use super::fields;
use super::functions::{Function, Param};
use super::tree::{Command, Number, Operand, Pipe};
use super::value::{Signed, Value};

/// What expressions can see.
pub(super) struct Evaluator<'t, 'i> {
    pub(super) context: Context<'i>,
    /// The variables in scope, the innermost last.
    pub(super) variables: Vec<(&'t str, Value)>,
}

/// What the last field of a chain is given, should it be a method.
struct Given<'t, 'v> {
    args: &'t [Operand],
    dot: &'v Value,
    piped: Option<Value>,
}

impl<'v> Given<'_, 'v> {
    fn nothing(dot: &'v Value) -> Self {
        Given {
            args: &[],
            dot,
            piped: None,
        }
    }
}

type Evaluated = Result<Value, Error>;

/// Limits outside of a function.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Reason(reason) => Error::Value(reason.into_owned()),
            Failure::Limit(what) => Error::Limit(what),
        }
    }
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Value(message.into()))
}

impl<'t> Evaluator<'t, '_> {
    /// The value of a pipeline; its variables are declared or assigned.
    pub(super) fn pipe(&mut self, pipe: &'t Pipe, dot: &Value) -> Evaluated {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(match self.command(command, dot, value)? {
                Value::Nil => Value::Missing,
                value => value,
            });
        }
        let value = value.unwrap_or(Value::Missing);
        for name in &pipe.variables {
            if pipe.assign {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// Changes a variable that exists.
    pub(super) fn assign(&mut self, name: &str, value: Value) -> Result<(), Error> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some(slot) => slot.1 = value,
            None => return refuse(format!("undefined variable: {name}")),
        }
        Ok(())
    }

    fn variable(&self, name: &str) -> Evaluated {
        match self.variables.iter().rev().find(|(known, _)| *known == name) {
            Some((_, value)) => Ok(value.clone()),
            None => refuse(format!("undefined variable: {name}")),
        }
    }

    fn command(&mut self, command: &'t Command, dot: &Value, piped: Option<Value>) -> Evaluated {
        self.context.step(1)?;
        let (first, args) = (&command.operands[0], &command.operands[1..]);
        match first {
            Operand::Field(names) => self.chain(dot.clone(), names, Given { args, dot, piped }),
            Operand::Chain(inner, names) => {
                let receiver = self.value(inner, dot)?;
                self.chain(receiver, names, Given { args, dot, piped })
            }
            Operand::Variable(name, names) if !names.is_empty() => {
                let receiver = self.variable(name)?;
                self.chain(receiver, names, Given { args, dot, piped })
            }
            Operand::Function(function) => self.call(function, args, dot, piped),
            _ if !args.is_empty() || piped.is_some() => refuse(format!("can't give argument to non-function {first}")),
            Operand::Nil => refuse("nil is not a command"),
            _ => self.value(first, dot),
        }
    }

    /// An operand on its own, where any type will do.
    fn value(&mut self, operand: &'t Operand, dot: &Value) -> Evaluated {
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::Missing),
            Operand::Bool(value) => Ok(Value::Bool(*value)),
            Operand::Number(number) => constant(number),
            Operand::Str(text, _) => Ok(Value::Str(text.clone())),
            Operand::Field(names) => self.chain(dot.clone(), names, Given::nothing(dot)),
            Operand::Variable(name, names) => {
                let receiver = self.variable(name)?;
                self.chain(receiver, names, Given::nothing(dot))
            }
            Operand::Function(function) => self.call(function, &[], dot, None),
            Operand::Pipe(pipe) => self.pipe(pipe, dot),
            Operand::Chain(inner, names) => {
                let receiver = self.value(inner, dot)?;
                self.chain(receiver, names, Given::nothing(dot))
            }
        }
    }

    /// Fields one after the other; the last one may be a method that takes arguments.
    fn chain(&mut self, mut receiver: Value, names: &'t [String], given: Given<'t, '_>) -> Evaluated {
        let Given { args, dot, piped } = given;
        let Some((last, path)) = names.split_last() else {
            return Ok(receiver);
        };
        for name in path {
            receiver = fields::field(&mut self.context, &receiver, name, &[])?;
        }
        let mut values = Vec::with_capacity(args.len() + 1);
        for operand in args {
            values.push(self.value(operand, dot)?);
        }
        values.extend(piped);
        fields::field(&mut self.context, &receiver, last, &values)
    }

    fn call(
        &mut self,
        function: &'static Function,
        args: &'t [Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Evaluated {
        if let Some(fault) = function.arity_fault(args.len(), usize::from(piped.is_some())) {
            return refuse(fault);
        }
        if matches!(function.name, "and" | "or") {
            return self.short_circuit(function.name == "or", args, dot, piped);
        }
        let mut values = Vec::with_capacity(args.len() + 1);
        for (index, operand) in args.iter().enumerate() {
            values.push(self.argument(function.param(index), operand, dot)?);
        }
        if let Some(piped) = piped {
            values.push(assignable(piped, function.param(args.len()))?);
        }
        self.context.step(1 + values.iter().map(Value::weight).sum::<usize>())?;
        (function.call)(&mut self.context, &values).map_err(|failure| failure.of(function.name))
    }

    /// `and` and `or` evaluate no more than they need.
    fn short_circuit(&mut self, or: bool, args: &'t [Operand], dot: &Value, piped: Option<Value>) -> Evaluated {
        let mut value = Value::Missing;
        for operand in args {
            value = self.argument(Param::Any, operand, dot)?;
            if value.truth() == or {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    /// An argument for a parameter of this type; constants take the type that is asked for.
    fn argument(&mut self, param: Param, operand: &'t Operand, dot: &Value) -> Evaluated {
        self.context.step(1)?;
        match (operand, param) {
            (Operand::Nil, Param::Any | Param::Dict) => Ok(Value::Missing),
            (Operand::Nil, _) => refuse(format!("cannot assign nil to {}", param.type_name())),
            (Operand::Bool(_) | Operand::Number(_) | Operand::Str(..), _) => literal(param, operand),
            _ => assignable(self.value(operand, dot)?, param),
        }
    }
}

/// A literal as a value of the parameter's type.
fn literal(param: Param, operand: &Operand) -> Evaluated {
    match (param, operand) {
        (Param::Any, Operand::Number(number)) => constant(number),
        (Param::Any | Param::Bool, Operand::Bool(value)) => Ok(Value::Bool(*value)),
        (Param::Any | Param::Str, Operand::Str(text, _)) => Ok(Value::Str(text.clone())),
        (
            Param::Int,
            Operand::Number(Number {
                integer: Some(value), ..
            }),
        ) => Ok(Value::int(*value)),
        (Param::Float, Operand::Number(Number { float: Some(value), .. })) => Ok(Value::Float(*value)),
        (Param::Bool, _) => refuse(format!("expected bool; found {operand}")),
        (Param::Str, _) => refuse(format!("expected string; found {operand}")),
        (Param::Int, _) => refuse(format!("expected integer; found {operand}")),
        (Param::Float, _) => refuse(format!("expected float; found {operand}")),
        _ => refuse(format!("can't handle {operand} for arg of type {}", param.type_name())),
    }
}

/// A number where nothing asks for a type: its spelling decides.
fn constant(number: &Number) -> Evaluated {
    let text = number.text.as_str();
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let marks: &[char] = if hexadecimal {
        &['p', 'P']
    } else {
        &['.', 'e', 'E', 'p', 'P']
    };
    let fractional = text.contains(marks);
    match (number.float, number.integer) {
        (Some(float), _) if fractional && !text.starts_with('\'') => Ok(Value::Float(float)),
        (_, Some(integer)) => Ok(Value::int(integer)),
        _ => refuse(format!("{text} overflows int")),
    }
}

/// The value, if it may be passed where this type is asked for.
fn assignable(value: Value, param: Param) -> Evaluated {
    let fits = match (param, &value) {
        (Param::Any, _)
        | (Param::Dict, Value::Missing)
        | (Param::Str, Value::Str(_))
        | (Param::Int, Value::Int(Signed::Int, _))
        | (Param::Bool, Value::Bool(_))
        | (Param::Float, Value::Float(_))
        | (Param::Time, Value::Time(_)) => true,
        (Param::Dict, Value::Map(map)) => !map.of_strings,
        _ => false,
    };
    let (expected, got) = (param.type_name(), value.type_name());
    match value {
        value if fits => Ok(value),
        Value::Missing => refuse(format!("invalid value; expected {expected}")),
        Value::Nil => refuse(format!("wrong type for value; expected {expected}; got interface {{}}")),
        _ => refuse(format!("wrong type for value; expected {expected}; got {got}")),
    }
}
