//! Sprig's functions between strings and lists of strings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::strings::split;
use crate::template::context::Context;
use crate::template::fault::Failure;
use crate::template::functions::Param::{Any, Int, Str};
use crate::template::functions::{Function, Outcome, fixed, int_at, str_at};
use crate::template::print;
use crate::template::value::{Str as Text, Value};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("join", &[Str, Any], |context, args| {
        let texts = texts(context, &args[1])?;
        let separator = str_at(args, 0);
        let length: usize = texts.iter().map(|text| text.len()).sum();
        context.reserve(length.saturating_add(separator.len().saturating_mul(texts.len())))?;
        context.string(texts.join(separator))
    }),
    fixed("splitList", &[Str, Str], |context, args| {
        let parts = split(str_at(args, 1), str_at(args, 0), None);
        context.strings(parts)
    }),
    fixed("split", &[Str, Str], |context, args| {
        numbered(context, split(str_at(args, 1), str_at(args, 0), None))
    }),
    fixed("splitn", &[Str, Int, Str], |context, args| {
        let parts = match usize::try_from(int_at(args, 1)) {
            Ok(0) => Vec::new(),
            Ok(limit) => split(str_at(args, 2), str_at(args, 0), Some(limit)),
            Err(_) => split(str_at(args, 2), str_at(args, 0), None),
        };
        numbered(context, parts)
    }),
    fixed("sortAlpha", &[Any], |context, args| {
        let mut texts = if matches!(args[0], Value::List(_)) {
            texts(context, &args[0])?
        } else {
            vec![print::text(context, &args[0])?.into()]
        };
        texts.sort();
        context.strings(texts)
    }),
    fixed("toStrings", &[Any], |context, args| {
        let texts = texts(context, &args[0])?;
        context.strings(texts)
    }),
];

/// A list's elements that are there as text; anything else as the only text.
pub(super) fn texts(context: &mut Context<'_>, value: &Value) -> Result<Vec<Text>, Failure> {
    let items = match value {
        Value::List(list) => &list.items[..],
        single => std::slice::from_ref(single),
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items.iter().filter(|item| !item.is_nil()) {
        texts.push(match item {
            Value::Str(text) => Arc::clone(text),
            item => print::text(context, item)?.into(),
        });
    }
    context.step(texts.iter().map(|text| 1 + text.len() / 64).sum())?;
    Ok(texts)
}

/// Parts as the map that `split` gives: `_0`, `_1` and so on.
fn numbered(context: &mut Context<'_>, parts: Vec<&[u8]>) -> Outcome {
    let mut entries: BTreeMap<Text, Value> = BTreeMap::new();
    context.reserve(parts.len().saturating_mul(size_of::<Value>()))?;
    for (index, part) in parts.into_iter().enumerate() {
        context.reserve(part.len())?;
        entries.insert(format!("_{index}").into_bytes().into(), Value::str(part));
    }
    context.map(true, entries)
}
