//! Sprig's base 64 and base 32. Decoding what is not well encoded gives Go's complaint as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::template::functions::Param::Str;
use crate::template::functions::{Function, fixed, str_at};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("b64enc", &[Str], |context, args| {
        context.string(base64(str_at(args, 0)))
    }),
    fixed("b64dec", &[Str], |context, args| {
        context.string(from_base64(str_at(args, 0)).unwrap_or_else(|at| complaint("base64", at)))
    }),
    fixed("b32enc", &[Str], |context, args| {
        context.string(base32(str_at(args, 0)))
    }),
    fixed("b32dec", &[Str], |context, args| {
        context.string(from_base32(str_at(args, 0)).unwrap_or_else(|at| complaint("base32", at)))
    }),
];

fn complaint(what: &str, at: usize) -> Vec<u8> {
    format!("illegal {what} data at input byte {at}").into_bytes()
}

/// Standard base 64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn is_newline(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn base64_digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Standard base 64, newlines allowed anywhere; an error is where Go finds it.
fn from_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if is_newline(byte) {
            continue;
        }
        if byte == b'=' {
            padding(text, at, count)?;
            out.extend_from_slice(&(bits << (6 * (4 - count))).to_be_bytes()[1..count]);
            return Ok(out);
        }
        bits = bits << 6 | base64_digit(byte).ok_or(at - 1)?;
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    if count == 0 { Ok(out) } else { Err(text.len() - count) }
}

/// Checks that nothing but the right padding follows the first padding byte before `at`.
fn padding(text: &[u8], mut at: usize, digits: usize) -> Result<(), usize> {
    let skip = |mut at: usize| {
        while text.get(at).copied().is_some_and(is_newline) {
            at += 1;
        }
        at
    };
    if digits < 2 {
        return Err(at - 1);
    }
    if digits == 2 {
        at = skip(at);
        match text.get(at) {
            None => return Err(text.len()),
            Some(b'=') => at += 1,
            Some(_) => return Err(at - 1),
        }
    }
    at = skip(at);
    if at < text.len() { Err(at) } else { Ok(()) }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let bits = (0..5).fold(0u64, |bits, i| {
            bits << 8 | u64::from(chunk.get(i).copied().unwrap_or(0))
        });
        let digits = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or_default();
            out.push(if index < digits { char::from(BASE32[digit]) } else { '=' });
        }
    }
    out
}

/// Standard base 32, newlines allowed anywhere; an error is where Go finds it.
fn from_base32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !is_newline(*byte)).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    for (chunk_index, chunk) in text.chunks(8).enumerate() {
        let start = chunk_index * 8;
        let digits = chunk.iter().position(|byte| *byte == b'=').unwrap_or(chunk.len());
        let mut bits = 0u64;
        for (index, byte) in chunk[..digits].iter().enumerate() {
            let digit = BASE32.iter().position(|known| known == byte).ok_or(start + index)?;
            bits = bits << 5 | digit as u64;
        }
        if digits < chunk.len() {
            // Padding ends the text, and not every number of digits makes whole bytes.
            if start + 8 < text.len() || digits < 2 {
                return Err(start + digits);
            }
            if chunk.len() < 8 {
                return Err(text.len());
            }
            if let Some(wrong) = chunk[digits..].iter().position(|byte| *byte != b'=') {
                return Err(start + digits + wrong - 1);
            }
            if matches!(digits, 3 | 6) {
                return Err(start + digits);
            }
        } else if digits < 8 {
            return Err(start);
        }
        out.extend_from_slice(&(bits << (5 * (8 - digits))).to_be_bytes()[3..3 + digits * 5 / 8]);
    }
    Ok(out)
}
