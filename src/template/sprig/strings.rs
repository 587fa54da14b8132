//! Sprig's string functions.

use crate::template::functions::Param::{Int, Str};
use crate::template::functions::{Function, fixed, int_at, str_at, text_at};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("upper", &[Str], |context, args| {
        context.string(text_at(args, 0).to_uppercase())
    }),
    fixed("trunc", &[Int, Str], |context, args| {
        let (count, text) = (int_at(args, 0), str_at(args, 1));
        let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        let kept = match count {
            0.. => &text[..magnitude.min(text.len())],
            _ if magnitude < text.len() => &text[text.len() - magnitude..],
            _ => text,
        };
        context.string(kept)
    }),
];
