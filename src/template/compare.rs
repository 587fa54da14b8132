//! Go's comparisons in templates: `eq` and `ne`, `lt`, `le`, `gt` and `ge`, with their rules of which kinds go
//! together.

use std::cmp::Ordering;

use std::rc::Rc;

use super::context::Context;
use super::fault::Failure;
use super::value::{MAX_DEPTH, Value};

/// Go's groups of kinds that compare with one another.
#[derive(PartialEq)]
enum Basic<'v> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(&'v [u8]),
    Other,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(_, value) => Basic::Int(*value),
        Value::Uint(_, value) => Basic::Uint(*value),
        Value::Float(value) => Basic::Float(*value),
        Value::Str(text) => Basic::Str(text),
        _ => Basic::Other,
    }
}

fn incompatible<T>(a: &Value, b: &Value) -> Result<T, Failure> {
    Err(format!(
        "incompatible types for comparison: {} and {}",
        a.type_name(),
        b.type_name()
    )
    .into())
}

/// Whether the first value equals any of the others.
pub(super) fn eq(first: &Value, others: &[Value]) -> Result<bool, Failure> {
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value) -> Result<bool, Failure> {
    match (basic(a), basic(b)) {
        (Basic::Int(a), Basic::Uint(b)) | (Basic::Uint(b), Basic::Int(a)) => Ok(u64::try_from(a) == Ok(b)),
        (Basic::Other, Basic::Other) => equal_others(a, b),
        (left, right) if std::mem::discriminant(&left) == std::mem::discriminant(&right) => Ok(left == right),
        // Nothing differs from everything.
        _ if a.is_nil() || b.is_nil() => Ok(false),
        _ => incompatible(a, b),
    }
}

fn equal_others(a: &Value, b: &Value) -> Result<bool, Failure> {
    let nil = |value: &Value| value.is_nil() || matches!(value, Value::List(list) if list.nil);
    if nil(a) || nil(b) {
        return Ok(nil(a) == nil(b));
    }
    match (a, b) {
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        (Value::Version(a), Value::Version(b)) => Ok(Rc::ptr_eq(a, b)),
        (Value::Data, Value::Data) => Ok(true),
        (a, b) if a.kind_name() != b.kind_name() => {
            Err(format!("non-comparable types {} and {}", a.type_name(), b.type_name()).into())
        }
        (_, b) => Err(format!("non-comparable type {}", b.type_name()).into()),
    }
}

/// How two values are ordered; not all are, and floats may be unordered.
fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, Failure> {
    let unordered = || Err(Failure::from("invalid type for comparison"));
    match (basic(a), basic(b)) {
        (Basic::Other, _) | (_, Basic::Other) | (Basic::Bool(_), Basic::Bool(_)) => unordered(),
        (Basic::Int(a), Basic::Int(b)) => Ok(Some(a.cmp(&b))),
        (Basic::Uint(a), Basic::Uint(b)) => Ok(Some(a.cmp(&b))),
        (Basic::Int(a), Basic::Uint(b)) => Ok(Some(i128::from(a).cmp(&i128::from(b)))),
        (Basic::Uint(a), Basic::Int(b)) => Ok(Some(i128::from(a).cmp(&i128::from(b)))),
        (Basic::Float(a), Basic::Float(b)) => Ok(a.partial_cmp(&b)),
        (Basic::Str(a), Basic::Str(b)) => Ok(Some(a.cmp(b))),
        _ => incompatible(a, b),
    }
}

/// `a < b`.
pub(super) fn less(a: &Value, b: &Value) -> Result<bool, Failure> {
    Ok(order(a, b)? == Some(Ordering::Less))
}

/// `a <= b`.
pub(super) fn less_or_equal(a: &Value, b: &Value) -> Result<bool, Failure> {
    Ok(order(a, b)?.is_some_and(Ordering::is_le))
}

/// Go's `reflect.DeepEqual`: types must be the same too.
pub(super) fn deep_equal(context: &mut Context<'_>, a: &Value, b: &Value, depth: usize) -> Result<bool, Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::Limit("a value is nested too deeply"));
    }
    context.step(1)?;
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => {
            context.step(a.len() / 256)?;
            Ok(a == b)
        }
        (Value::List(a), Value::List(b)) => {
            if a.of != b.of || a.nil != b.nil || a.items.len() != b.items.len() {
                return Ok(false);
            }
            for (a, b) in a.items.iter().zip(b.items.iter()) {
                if !deep_equal(context, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Map(a), Value::Map(b)) => {
            let (left, right) = (a.entries(), b.entries());
            if a.of_strings != b.of_strings || left.len() != right.len() {
                return Ok(false);
            }
            for ((key, a), (other, b)) in left.iter().zip(&right) {
                if key != other || !deep_equal(context, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(same(a, b)),
    }
}

/// Whether two values without parts have the same type and value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Missing | Value::Nil, Value::Missing | Value::Nil) | (Value::Data, Value::Data) => true,
        (Value::Time(a), Value::Time(b)) => a == b,
        (Value::Version(a), Value::Version(b)) => a == b,
        _ => a.type_name() == b.type_name() && basic(a) == basic(b) && basic(a) != Basic::Other,
    }
}
