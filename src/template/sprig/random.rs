//! Sprig's random functions. They draw from the rendering's own generator, so the same execution draws the same.

use super::encoding::base64;
use crate::template::context::Context;
use crate::template::functions::Param::{Int, Str};
use crate::template::functions::{Function, Outcome, fixed, int_at, text_at};
use crate::template::value::Value;

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("randAlphaNum", &[Int], |context, args| {
        drawn(context, args, u8::is_ascii_alphanumeric)
    }),
    fixed("randAlpha", &[Int], |context, args| {
        drawn(context, args, u8::is_ascii_alphabetic)
    }),
    fixed("randNumeric", &[Int], |context, args| {
        drawn(context, args, u8::is_ascii_digit)
    }),
    fixed("randAscii", &[Int], |context, args| {
        drawn(context, args, |c| (b' '..=b'~').contains(c))
    }),
    fixed("randBytes", &[Int], |context, args| {
        let Ok(count) = usize::try_from(int_at(args, 0)) else {
            return Err("len out of range".into());
        };
        context.reserve(count.saturating_mul(2))?;
        context.step(count / 8)?;
        let bytes: Vec<u8> = (0..count).map(|_| context.random.byte()).collect();
        context.string(base64(&bytes))
    }),
    fixed("randInt", &[Int, Int], |context, args| {
        let (least, bound) = (int_at(args, 0), int_at(args, 1));
        if bound <= least {
            return Err("invalid argument to Intn".into());
        }
        let drawn = context.random.below(bound.abs_diff(least));
        Ok(Value::int(least.wrapping_add_unsigned(drawn)))
    }),
    fixed("shuffle", &[Str], |context, args| {
        let mut chars: Vec<char> = text_at(args, 0).chars().collect();
        context.step(chars.len() / 8)?;
        for last in (1..chars.len()).rev() {
            let other = context.random.below(last as u64 + 1);
            chars.swap(last, usize::try_from(other).unwrap_or_default());
        }
        context.string(chars.into_iter().collect::<String>())
    }),
    fixed("uuidv4", &[], |context, _| {
        let mut bytes: [u8; 16] = std::array::from_fn(|_| context.random.byte());
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let groups = [&hex[..4], &hex[4..6], &hex[6..8], &hex[8..10], &hex[10..]];
        context.string(groups.map(<[String]>::concat).join("-"))
    }),
];

/// So many characters out of those that the class has; none when fewer than none are asked for.
fn drawn(context: &mut Context<'_>, args: &[Value], class: fn(&u8) -> bool) -> Outcome {
    let count = usize::try_from(int_at(args, 0)).unwrap_or_default();
    context.reserve(count)?;
    context.step(count)?;
    let characters: Vec<u8> = (0..128).filter(class).collect();
    let text: Vec<u8> = (0..count)
        .map(|_| {
            let drawn = context.random.below(characters.len() as u64);
            characters[usize::try_from(drawn).unwrap_or_default()]
        })
        .collect();
    context.string(text)
}
