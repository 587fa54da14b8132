//! Sprig's functions about types, and its flow control.

use crate::template::compare::deep_equal;
use crate::template::functions::Param::{Any, Str};
use crate::template::functions::{Function, fixed, str_at, text_at};
use crate::template::value::Value;

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("typeOf", &[Any], |context, args| context.string(args[0].type_name())),
    fixed("typeIs", &[Str, Any], |_, args| {
        Ok(Value::Bool(str_at(args, 0) == args[1].type_name().as_bytes()))
    }),
    fixed("typeIsLike", &[Str, Any], |_, args| {
        let name = args[1].type_name();
        let like = name
            .strip_prefix('*')
            .is_some_and(|name| str_at(args, 0) == name.as_bytes());
        Ok(Value::Bool(like || str_at(args, 0) == name.as_bytes()))
    }),
    fixed("kindOf", &[Any], |context, args| context.string(args[0].kind_name())),
    fixed("kindIs", &[Str, Any], |_, args| {
        Ok(Value::Bool(str_at(args, 0) == args[1].kind_name().as_bytes()))
    }),
    fixed("deepEqual", &[Any, Any], |context, args| {
        Ok(Value::Bool(deep_equal(context, &args[0], &args[1], 0)?))
    }),
    fixed("fail", &[Str], |_, args| Err(text_at(args, 0).into_owned().into())),
];
