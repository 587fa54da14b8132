//! Sprig's list functions. A list never changes; what alters one gives another.

use super::conversion::to_int;
use crate::template::compare::deep_equal;
use crate::template::context::{Context, nil_list};
use crate::template::fault::Failure;
use crate::template::functions::Param::{Any, Int};
use crate::template::functions::{Function, Outcome, fixed, int_at, str_at, variadic};
use crate::template::value::{Items, List, Value};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    variadic("list", &[Any], |context, args| context.any_list(args.to_vec())),
    variadic("tuple", &[Any], |context, args| context.any_list(args.to_vec())),
    fixed("append", &[Any, Any], push),
    fixed("mustAppend", &[Any, Any], push),
    fixed("push", &[Any, Any], push),
    fixed("mustPush", &[Any, Any], push),
    fixed("prepend", &[Any, Any], prepend),
    fixed("mustPrepend", &[Any, Any], prepend),
    fixed("first", &[Any], |_, args| {
        element(args, "Cannot find first on type", <[Value]>::first)
    }),
    fixed("mustFirst", &[Any], |_, args| {
        element(args, "Cannot find first on type", <[Value]>::first)
    }),
    fixed("last", &[Any], |_, args| {
        element(args, "Cannot find last on type", <[Value]>::last)
    }),
    fixed("mustLast", &[Any], |_, args| {
        element(args, "Cannot find last on type", <[Value]>::last)
    }),
    fixed("rest", &[Any], |context, args| {
        part(context, args, "Cannot find rest on type", |items| &items[1..])
    }),
    fixed("mustRest", &[Any], |context, args| {
        part(context, args, "Cannot find rest on type", |items| &items[1..])
    }),
    fixed("initial", &[Any], initial),
    fixed("mustInitial", &[Any], initial),
    fixed("reverse", &[Any], reverse),
    fixed("mustReverse", &[Any], reverse),
    fixed("compact", &[Any], compact),
    fixed("mustCompact", &[Any], compact),
    fixed("uniq", &[Any], uniq),
    fixed("mustUniq", &[Any], uniq),
    variadic("without", &[Any, Any], without),
    variadic("mustWithout", &[Any, Any], without),
    fixed("has", &[Any, Any], has),
    fixed("mustHas", &[Any, Any], has),
    variadic("slice", &[Any, Any], slice),
    variadic("mustSlice", &[Any, Any], slice),
    variadic("concat", &[Any], concat),
    fixed("chunk", &[Int, Any], chunk),
    fixed("mustChunk", &[Int, Any], chunk),
    variadic("dig", &[Any], dig),
];

/// The argument as a list, or Sprig's words that it is none.
fn list<'v>(value: &'v Value, refusal: &str) -> Result<&'v List, Failure> {
    match value {
        Value::List(list) => Ok(list),
        Value::Missing | Value::Nil => Err("invalid memory address or nil pointer dereference".into()),
        other => Err(format!("{refusal} {}", other.kind_name()).into()),
    }
}

/// The list's elements with room for more.
fn copied(value: &Value, refusal: &str) -> Result<Vec<Value>, Failure> {
    Ok(list(value, refusal)?.items.to_vec())
}

fn push(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = copied(&args[0], "Cannot push on type")?;
    items.push(args[1].clone());
    context.any_list(items)
}

fn prepend(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = copied(&args[0], "Cannot prepend on type")?;
    items.insert(0, args[1].clone());
    context.any_list(items)
}

fn element(args: &[Value], refusal: &str, choose: fn(&[Value]) -> Option<&Value>) -> Outcome {
    Ok(choose(&list(&args[0], refusal)?.items)
        .cloned()
        .unwrap_or(Value::Missing))
}

/// A part of a list that has elements; nothing of an empty one.
fn part(context: &mut Context<'_>, args: &[Value], refusal: &str, choose: fn(&[Value]) -> &[Value]) -> Outcome {
    let items = &list(&args[0], refusal)?.items;
    if items.is_empty() {
        return Ok(nil_list(Items::Any));
    }
    context.any_list(choose(items).to_vec())
}

fn initial(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    part(context, args, "Cannot find initial on type", |items| {
        &items[..items.len() - 1]
    })
}

fn reverse(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = copied(&args[0], "Cannot find reverse on type")?;
    items.reverse();
    context.any_list(items)
}

fn compact(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = copied(&args[0], "Cannot compact on type")?;
    items.retain(Value::truth);
    context.any_list(items)
}

/// Whether the list has an element that equals the value in type and content.
fn is_in(context: &mut Context<'_>, items: &[Value], value: &Value) -> Result<bool, Failure> {
    for item in items {
        if deep_equal(context, value, item, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut kept: Vec<Value> = Vec::new();
    for item in list(&args[0], "Cannot find uniq on type")?.items.iter() {
        if !is_in(context, &kept, item)? {
            kept.push(item.clone());
        }
    }
    context.any_list(kept)
}

fn without(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut kept = Vec::new();
    for item in list(&args[0], "Cannot find without on type")?.items.iter() {
        if !is_in(context, &args[1..], item)? {
            kept.push(item.clone());
        }
    }
    context.any_list(kept)
}

fn has(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    if args[1].is_nil() {
        return Ok(Value::Bool(false));
    }
    let items = &list(&args[1], "Cannot find has on type")?.items;
    Ok(Value::Bool(is_in(context, items, &args[0])?))
}

fn slice(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let list = list(&args[0], "list should be type of slice or array but")?;
    if list.items.is_empty() {
        return Ok(Value::Missing);
    }
    let start = args.get(1).map_or(0, to_int);
    let end = args
        .get(2)
        .map_or(i64::try_from(list.items.len()).unwrap_or(i64::MAX), to_int);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| list.items.get(start..end)) {
        Some(items) => context.list(list.of, items.to_vec()),
        None => Err("slice index out of bounds".into()),
    }
}

fn concat(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = Vec::new();
    for arg in args {
        let Value::List(list) = arg else {
            list(arg, "Cannot concat type")?;
            continue;
        };
        context.step(list.items.len())?;
        items.extend_from_slice(&list.items);
        context.reserve(list.items.len().saturating_mul(size_of::<Value>()))?;
    }
    if items.is_empty() {
        Ok(nil_list(Items::Any))
    } else {
        context.any_list(items)
    }
}

fn chunk(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = &list(&args[1], "Cannot chunk type")?.items;
    let Some(size) = usize::try_from(int_at(args, 0)).ok().filter(|size| *size > 0) else {
        return Err("the size of a chunk must be positive".into());
    };
    let mut chunks = Vec::new();
    for chunk in items.chunks(size) {
        chunks.push(context.any_list(chunk.to_vec())?);
    }
    context.list(Items::Lists, chunks)
}

/// A value deep within dicts, or the default when a key on the way is missing.
fn dig(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let [keys @ .., default, dict] = args else {
        return Err("dig needs at least three arguments".into());
    };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    if let Some(key) = keys.iter().find(|key| !matches!(key, Value::Str(_))) {
        return Err(format!(
            "interface conversion: interface {{}} is {}, not string",
            shown_type(key)
        )
        .into());
    }
    let mut value = dict.clone();
    for index in 0..keys.len() {
        let next = match &value {
            Value::Map(map) if !map.of_strings => map.get(str_at(keys, index)),
            other => {
                let got = shown_type(other);
                return Err(
                    format!("interface conversion: interface {{}} is {got}, not map[string]interface {{}}").into(),
                );
            }
        };
        match next {
            Some(next) => value = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(value)
}

fn shown_type(value: &Value) -> &'static str {
    if value.is_nil() { "nil" } else { value.type_name() }
}
