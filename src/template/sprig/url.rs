//! Sprig's URL functions, on Go's rules of what is escaped where.

use crate::template::functions::Function;

pub(in crate::template) static FUNCTIONS: &[Function] = &[];

/// The part of a URL for which text is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) enum Part {
    Path,
    UserPassword,
    Fragment,
    Host,
    Query,
}

/// The text with everything escaped that may not stand in this part.
pub(in crate::template) fn escape(text: &[u8], part: Part) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        if *byte == b' ' && part == Part::Query {
            out.push('+');
        } else if may_stand(*byte, part) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn may_stand(byte: u8, part: Part) -> bool {
    match byte {
        b'-' | b'_' | b'.' | b'~' => true,
        byte if byte.is_ascii_alphanumeric() => true,
        b'!' | b'\'' | b'(' | b')' | b'*' => matches!(part, Part::Host | Part::Fragment),
        b'[' | b']' | b'<' | b'>' | b'"' => part == Part::Host,
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match part {
            Part::Path => byte != b'?',
            Part::UserPassword => !matches!(byte, b'@' | b'/' | b'?' | b':'),
            Part::Fragment => true,
            Part::Host => matches!(byte, b'$' | b'&' | b'+' | b',' | b';' | b'=' | b':'),
            Part::Query => false,
        },
        _ => false,
    }
}
