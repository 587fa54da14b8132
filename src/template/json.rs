//! JSON as Go's `encoding/json` reads it into nothing in particular (all numbers are floats) and writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::context::Context;
use super::fault::Failure;
use super::layout;
use super::number;
use super::time::rfc3339;
use super::value::{MAX_DEPTH, Str, Value, text};

/// Why JSON could not be read: it is none, or a limit was reached.
pub(super) enum Unread {
    Syntax,
    Limit(Failure),
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Unread::Limit(failure)
    }
}

/// The value of a whole JSON text.
pub(super) fn read(context: &mut Context<'_>, source: &[u8]) -> Result<Value, Unread> {
    let mut reader = Reader { source, at: 0 };
    let value = reader.value(context, 0)?;
    reader.space();
    if reader.at < source.len() {
        Err(Unread::Syntax)
    } else {
        Ok(value)
    }
}

struct Reader<'s> {
    source: &'s [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, literal: &[u8]) -> Result<(), Unread> {
        if !self.source[self.at..].starts_with(literal) {
            return Err(Unread::Syntax);
        }
        self.at += literal.len();
        Ok(())
    }

    fn value(&mut self, context: &mut Context<'_>, depth: usize) -> Result<Value, Unread> {
        if depth >= MAX_DEPTH {
            return Err(Unread::Limit(Failure::Limit("JSON is nested too deeply")));
        }
        self.space();
        match self.peek() {
            Some(b'n') => self.take(b"null").map(|()| Value::Missing),
            Some(b't') => self.take(b"true").map(|()| Value::Bool(true)),
            Some(b'f') => self.take(b"false").map(|()| Value::Bool(false)),
            Some(b'"') => {
                let text = self.string()?;
                Ok(context.string(text)?)
            }
            Some(b'[') => self.array(context, depth),
            Some(b'{') => self.object(context, depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Unread::Syntax),
        }
    }

    /// Whether another element follows; the closing byte ends the collection.
    fn more(&mut self, first: bool, close: u8) -> Result<bool, Unread> {
        self.space();
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                self.space();
                if self.peek() == Some(close) {
                    Err(Unread::Syntax)
                } else {
                    Ok(true)
                }
            }
            Some(_) if first => Ok(true),
            _ => Err(Unread::Syntax),
        }
    }

    fn array(&mut self, context: &mut Context<'_>, depth: usize) -> Result<Value, Unread> {
        self.at += 1;
        let mut items = Vec::new();
        while self.more(items.is_empty(), b']')? {
            items.push(self.value(context, depth + 1)?);
        }
        Ok(context.any_list(items)?)
    }

    fn object(&mut self, context: &mut Context<'_>, depth: usize) -> Result<Value, Unread> {
        self.at += 1;
        let mut entries: BTreeMap<Str, Value> = BTreeMap::new();
        while self.more(entries.is_empty(), b'}')? {
            if self.peek() != Some(b'"') {
                return Err(Unread::Syntax);
            }
            let key = self.string()?;
            context.reserve(key.len())?;
            self.space();
            self.take(b":")?;
            entries.insert(key.into(), self.value(context, depth + 1)?);
        }
        Ok(context.dict(entries)?)
    }

    fn number(&mut self) -> Result<Value, Unread> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while reader.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                reader.at += 1;
            }
            if reader.at > from { Ok(()) } else { Err(Unread::Syntax) }
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            digits(self)?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            digits(self)?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits(self)?;
        }
        let number = std::str::from_utf8(&self.source[start..self.at])
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        number
            .filter(|number| number.is_finite())
            .map(Value::Float)
            .ok_or(Unread::Syntax)
    }

    /// A string, from its opening quote; what is no UTF-8 becomes U+FFFD.
    fn string(&mut self) -> Result<Vec<u8>, Unread> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let start = self.at;
            while self
                .peek()
                .is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
            {
                self.at += 1;
            }
            out.extend_from_slice(text(&self.source[start..self.at]).as_bytes());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                _ => return Err(Unread::Syntax),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Unread> {
        let escape = self.source.get(self.at + 1).copied();
        self.at += 2;
        let byte = match escape {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let c = self.unicode()?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(Unread::Syntax),
        };
        out.push(byte);
        Ok(())
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = std::str::from_utf8(self.source.get(at..at + 4)?).ok()?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(digits, 16).ok())?
    }

    /// The character behind `\u`, of two escapes when it needs them; half a pair is U+FFFD.
    fn unicode(&mut self) -> Result<char, Unread> {
        let first = self.hex(self.at).ok_or(Unread::Syntax)?;
        self.at += 4;
        if (0xd800..0xdc00).contains(&first) && self.source[self.at..].starts_with(b"\\u") {
            let second = self.hex(self.at + 2).ok_or(Unread::Syntax)?;
            if (0xdc00..0xe000).contains(&second) {
                self.at += 6;
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
        }
        Ok(char::from_u32(first).unwrap_or('\u{fffd}'))
    }
}

/// How JSON is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Whether `<`, `>` and `&` are escaped.
    pub(super) html: bool,
    /// Whether every element has its own line.
    pub(super) pretty: bool,
}

/// The value as JSON; `None` where Go has no JSON for it.
pub(super) fn write(context: &mut Context<'_>, value: &Value, style: Style) -> Result<Option<Vec<u8>>, Failure> {
    let mut writer = Writer {
        out: String::new(),
        style,
    };
    let written = writer.value(context, value, 0)?;
    Ok(written.then(|| writer.out.into_bytes()))
}

struct Writer {
    out: String,
    style: Style,
}

impl Writer {
    /// Whether the value has a JSON form.
    fn value(&mut self, context: &mut Context<'_>, value: &Value, depth: usize) -> Result<bool, Failure> {
        super::print::visit(context, self.out.as_bytes(), depth)?;
        match value {
            Value::Missing | Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.push(value),
            Value::Int(_, number) => self.push(number),
            Value::Uint(_, number) => self.push(number),
            Value::Float(float) if !float.is_finite() => return Ok(false),
            Value::Float(float) => self.out.push_str(&float_text(*float)),
            Value::Str(bytes) => self.string(bytes),
            Value::List(list) if list.nil => self.out.push_str("null"),
            Value::List(list) => {
                self.out.push('[');
                for (index, item) in list.items.iter().enumerate() {
                    self.separate(index, depth);
                    if !self.value(context, item, depth + 1)? {
                        return Ok(false);
                    }
                }
                self.close(list.items.is_empty(), depth, ']');
            }
            Value::Map(map) => return self.map(context, &map.entries(), depth),
            Value::Time(at) => self.string(&layout::format(at, b"2006-01-02T15:04:05.999999999Z07:00")),
            Value::Version(version) => self.string(version.to_string().as_bytes()),
            Value::Data => return self.data(context, depth),
        }
        Ok(true)
    }

    fn push(&mut self, shown: impl std::fmt::Display) {
        let _ = write!(self.out, "{shown}");
    }

    fn map(&mut self, context: &mut Context<'_>, entries: &[(Str, Value)], depth: usize) -> Result<bool, Failure> {
        self.out.push('{');
        for (index, (key, item)) in entries.iter().enumerate() {
            self.separate(index, depth);
            self.string(key);
            self.out.push_str(if self.style.pretty { ": " } else { ":" });
            if !self.value(context, item, depth + 1)? {
                return Ok(false);
            }
        }
        self.close(entries.is_empty(), depth, '}');
        Ok(true)
    }

    fn data(&mut self, context: &mut Context<'_>, depth: usize) -> Result<bool, Failure> {
        let input = context.input;
        let date = rfc3339(input.date);
        let fields = [
            ("Name", input.name),
            ("Namespace", input.namespace),
            ("Payload", input.payload),
            ("Template", input.template),
            ("UID", input.uid),
            ("Date", date.as_str()),
        ];
        let entries: Vec<(Str, Value)> = fields
            .iter()
            .map(|(name, text)| (Str::from(name.as_bytes()), Value::str(text)))
            .collect();
        self.map(context, &entries, depth)
    }

    fn separate(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.line(depth + 1);
    }

    fn close(&mut self, empty: bool, depth: usize, close: char) {
        if !empty {
            self.line(depth);
        }
        self.out.push(close);
    }

    fn line(&mut self, depth: usize) {
        if self.style.pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn string(&mut self, bytes: &[u8]) {
        self.out.push('"');
        for part in bytes.utf8_chunks() {
            self.escaped(part.valid());
            for _ in part.invalid() {
                self.out.push_str("\\ufffd");
            }
        }
        self.out.push('"');
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x08' => self.out.push_str("\\b"),
                '\x0c' => self.out.push_str("\\f"),
                '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => self.unicode(c),
                '<' | '>' | '&' if self.style.html => self.unicode(c),
                c => self.out.push(c),
            }
        }
    }

    fn unicode(&mut self, c: char) {
        let _ = write!(self.out, "\\u{:04x}", c as u32);
    }
}

/// A float as Go writes it into JSON: exponential only when very large or very small.
fn float_text(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        // One-digit exponents lose their zero.
        return number::exponential(float, None)
            .replace("e-0", "e-")
            .replace("e+0", "e+");
    }
    number::fixed(float, None)
}
