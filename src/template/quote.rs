//! Go's quoted strings: written as `%q` writes them, read as string literals of a template are read.

use std::fmt::Write as _;

/// The text in double quotes with Go's escapes.
pub(super) fn quote(text: &[u8]) -> String {
    quote_with(text, '"', false)
}

/// As [`quote`], with the quote to use and, on request, nothing beyond ASCII.
pub(super) fn quote_with(text: &[u8], quote: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for part in text.utf8_chunks() {
        for c in part.valid().chars() {
            push_escaped(&mut out, c, quote, ascii);
        }
        for byte in part.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(quote);
    out
}

fn push_escaped(out: &mut String, c: char, quote: char, ascii: bool) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if is_print(c) && (!ascii || c.is_ascii()) => out.push(c),
        c if c.is_ascii() => {
            let _ = write!(out, "\\x{:02x}", c as u32);
        }
        c if (c as u32) < 0x10000 => {
            let _ = write!(out, "\\u{:04x}", c as u32);
        }
        c => {
            let _ = write!(out, "\\U{:08x}", c as u32);
        }
    }
}

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols and the ASCII space.
///
/// Rust's own debug escapes follow nearly the same tables; the few characters that only Rust escapes are
/// grapheme-extending marks, which are excluded by asking for them behind a letter.
pub(super) fn is_print(c: char) -> bool {
    match c {
        ' '..='~' => true,
        // Controls, format characters, private use and spaces other than the ASCII one.
        '\0'..='\u{a0}'
        | '\u{ad}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}'
        | '\u{3000}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{180e}'
        | '\u{e0000}'..='\u{e007f}'
        | '\u{f0000}'.. => false,
        // Behind a letter, marks are written as they are by Rust too.
        c => format!("a{c}").escape_debug().count() == 2,
    }
}

/// The bytes that a quoted literal (with its quotes) stands for.
pub(super) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let quote = literal.chars().next()?;
    let inner = literal.get(1..literal.len() - 1)?;
    if quote == '`' {
        return Some(inner.bytes().filter(|b| *b != b'\r').collect());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        rest = unescape(rest, quote, &mut out)?;
    }
    Some(out)
}

/// The character that a constant such as `'a'` stands for.
pub(super) fn unquote_char(literal: &str) -> Option<i64> {
    let inner = literal.get(1..literal.len() - 1)?;
    let mut out = Vec::new();
    if !unescape(inner, '\'', &mut out)?.is_empty() {
        return None;
    }
    match std::str::from_utf8(&out) {
        Ok(text) => text.chars().next().map(|c| i64::from(c as u32)),
        Err(_) => out.first().map(|byte| i64::from(*byte)),
    }
}

/// Reads one character or escape of `text` into `out` and returns what follows.
fn unescape<'t>(text: &'t str, quote: char, out: &mut Vec<u8>) -> Option<&'t str> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first != '\\' {
        if first == quote || first == '\n' {
            return None;
        }
        out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
        return Some(chars.as_str());
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let simple = match escape {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => u8::try_from(c).ok()?,
        'x' => {
            out.push(u8::try_from(radix(rest, 2, 16)?).ok()?);
            return Some(&rest[2..]);
        }
        '0'..='7' => {
            out.push(u8::try_from(radix(&text[1..], 3, 8)?).ok()?);
            return Some(&text[4..]);
        }
        'u' | 'U' => {
            let length = if escape == 'u' { 4 } else { 8 };
            let c = char::from_u32(radix(rest, length, 16)?)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(&rest[length..]);
        }
        _ => return None,
    };
    out.push(simple);
    Some(rest)
}

fn radix(text: &str, length: usize, radix: u32) -> Option<u32> {
    let digits = text.get(..length)?;
    digits
        .chars()
        .all(|c| c.is_digit(radix))
        .then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_escape() {
        assert_eq!(
            unquote(r#""a\n\x41\101\u00e9\U0001F600\"""#).as_deref(),
            Some("a\nAA\u{e9}\u{1f600}\"".as_bytes())
        );
        assert_eq!(unquote("`a\\n`").as_deref(), Some(&b"a\\n"[..]));
        for bad in [r#""\q""#, r#""\x4""#, r#""\400""#, r#""\ud800""#, r#""\'""#] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }

    #[test]
    fn writes_what_go_cannot_print_as_escapes() {
        assert_eq!(
            quote("a\"\u{7}\u{e9}\u{200b}\u{1f600}".as_bytes()),
            "\"a\\\"\\a\u{e9}\\u200b\u{1f600}\""
        );
        assert_eq!(quote(b"\xff\x00"), "\"\\xff\\x00\"");
        assert_eq!(quote_with("\u{e9}'".as_bytes(), '\'', true), "'\\u00e9\\''");
    }
}
