//! Sprig's functions for dicts. `set`, `unset` and the merges change the dict itself, for everybody who holds it.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::template::context::Context;
use crate::template::fault::Failure;
use crate::template::functions::Param::{Any, Dict, Str};
use crate::template::functions::{Function, Outcome, fixed, str_at, variadic};
use crate::template::print;
use crate::template::value::{MAX_DEPTH, Map, Str as Text, Value};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    variadic("dict", &[Any], dict),
    fixed("get", &[Dict, Str], |_, args| {
        Ok(map_at(args, 0)
            .and_then(|map| map.get(str_at(args, 1)))
            .unwrap_or_else(|| Value::str("")))
    }),
    fixed("set", &[Dict, Str, Any], set),
    fixed("unset", &[Dict, Str], |_, args| {
        if let Some(map) = map_at(args, 0) {
            map.remove(str_at(args, 1));
        }
        Ok(args[0].clone())
    }),
    fixed("hasKey", &[Dict, Str], |_, args| {
        Ok(Value::Bool(
            map_at(args, 0).is_some_and(|map| map.get(str_at(args, 1)).is_some()),
        ))
    }),
    variadic("pluck", &[Str, Dict], |context, args| {
        let maps = (1..args.len()).filter_map(|index| map_at(args, index));
        let found = maps.filter_map(|map| map.get(str_at(args, 0))).collect();
        context.any_list(found)
    }),
    // Go gives keys and values in any order; sorted by key they repeat.
    variadic("keys", &[Dict], |context, args| {
        let mut keys = Vec::new();
        for map in (0..args.len()).filter_map(|index| map_at(args, index)) {
            context.step(map.len())?;
            keys.extend(map.entries().into_iter().map(|(key, _)| key));
        }
        context.strings(keys)
    }),
    fixed("values", &[Dict], |context, args| {
        let values = map_at(args, 0).map(|map| map.entries()).unwrap_or_default();
        context.any_list(values.into_iter().map(|(_, value)| value).collect())
    }),
    variadic("pick", &[Dict, Str], |context, args| kept(context, args, true)),
    variadic("omit", &[Dict, Str], |context, args| kept(context, args, false)),
    variadic("merge", &[Dict, Dict], |context, args| merge(context, args, false)),
    variadic("mustMerge", &[Dict, Dict], |context, args| merge(context, args, false)),
    variadic("mergeOverwrite", &[Dict, Dict], |context, args| {
        merge(context, args, true)
    }),
    variadic("mustMergeOverwrite", &[Dict, Dict], |context, args| {
        merge(context, args, true)
    }),
    fixed("deepCopy", &[Any], copied),
    fixed("mustDeepCopy", &[Any], copied),
];

/// A dict argument; nil is a dict without entries.
fn map_at(args: &[Value], index: usize) -> Option<&Rc<Map>> {
    if let Some(Value::Map(map)) = args.get(index) {
        Some(map)
    } else {
        None
    }
}

fn dict(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut entries = BTreeMap::new();
    for pair in args.chunks(2) {
        let key: Text = print::text(context, &pair[0])?.into();
        entries.insert(key, pair.get(1).cloned().unwrap_or_else(|| Value::str("")));
    }
    context.dict(entries)
}

fn set(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let Some(map) = map_at(args, 0) else {
        return Err("assignment to entry in nil map".into());
    };
    let key = str_at(args, 1);
    context.reserve(key.len() + 2 * size_of::<Value>())?;
    map.insert(key.into(), args[2].clone());
    Ok(args[0].clone())
}

/// A new dict of the entries that are named, or of those that are not.
fn kept(context: &mut Context<'_>, args: &[Value], named: bool) -> Outcome {
    let keys: Vec<&[u8]> = (1..args.len()).map(|index| str_at(args, index)).collect();
    let entries = map_at(args, 0).map(|map| map.entries()).unwrap_or_default();
    context.step(keys.len().saturating_mul(entries.len()))?;
    context.dict(
        entries
            .into_iter()
            .filter(|(key, _)| keys.contains(&&key[..]) == named)
            .collect(),
    )
}

fn merge(context: &mut Context<'_>, args: &[Value], overwrite: bool) -> Outcome {
    let into = match &args[0] {
        Value::Map(_) => args[0].clone(),
        _ => context.dict(BTreeMap::new())?,
    };
    if let Value::Map(into) = &into {
        for from in (1..args.len()).filter_map(|index| map_at(args, index)) {
            merge_into(context, into, from, overwrite, 0)?;
        }
    }
    Ok(into)
}

/// Takes over entries that are missing or empty, or all of them, and merges dicts that both sides have.
fn merge_into(
    context: &mut Context<'_>,
    into: &Rc<Map>,
    from: &Rc<Map>,
    overwrite: bool,
    depth: usize,
) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::Limit("a value is nested too deeply"));
    }
    for (key, value) in from.entries() {
        context.step(1)?;
        let present = into.get(&key);
        if value.is_nil() {
            if overwrite {
                into.insert(key, value);
            }
            continue;
        }
        if let (Some(Value::Map(into)), Value::Map(from)) = (&present, &value) {
            merge_into(context, into, from, overwrite, depth + 1)?;
        }
        let filled = present.as_ref().is_some_and(|value| !is_empty(value));
        let merged = filled && matches!((&present, &value), (Some(Value::Map(_)), Value::Map(_)));
        if !merged && (overwrite || !filled) {
            context.reserve(key.len() + 2 * size_of::<Value>())?;
            into.insert(key, value);
        }
    }
    Ok(())
}

/// What a merge takes for empty: structs and pointers never are.
fn is_empty(value: &Value) -> bool {
    !value.truth()
}

fn copied(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    if args[0].is_nil() {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    }
    deep_copy(context, &args[0], 0)
}

/// The value with lists and dicts of its own.
fn deep_copy(context: &mut Context<'_>, value: &Value, depth: usize) -> Outcome {
    if depth > MAX_DEPTH {
        return Err(Failure::Limit("a value is nested too deeply"));
    }
    context.step(1)?;
    match value {
        Value::Map(map) => {
            let mut entries = BTreeMap::new();
            for (key, value) in map.entries() {
                entries.insert(key, deep_copy(context, &value, depth + 1)?);
            }
            context.map(map.of_strings, entries)
        }
        Value::List(list) if !list.nil => {
            let mut items = Vec::with_capacity(list.items.len());
            for item in list.items.iter() {
                items.push(deep_copy(context, item, depth + 1)?);
            }
            context.list(list.of, items)
        }
        other => Ok(other.clone()),
    }
}
