//! Go's `fmt.Sprintf`: flags, width, precision, argument indexes and verbs, and Go's complaints within the text when
//! they do not fit the arguments.

use super::context::Context;
use super::fault::Failure;
use super::number;
use super::print;
use super::quote::quote_with;
use super::value::{Signed, Unsigned, Value, char_length, text};

/// Go takes no larger width or precision from an argument, and few larger ones from the format.
const TOO_LARGE: usize = 1_000_000;

/// The format with its arguments filled in.
pub(super) fn sprintf(context: &mut Context<'_>, format: &[u8], args: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut printer = Printer {
        format,
        args,
        at: 0,
        next: 0,
        reordered: false,
        spec: Spec::default(),
        out: Vec::new(),
    };
    printer.run(context)?;
    Ok(printer.out)
}

/// The flags of one verb.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "Go's flags are independent of one another")]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`: values as Go source.
    go_syntax: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Printer<'f> {
    format: &'f [u8],
    args: &'f [Value],
    at: usize,
    next: usize,
    reordered: bool,
    spec: Spec,
    out: Vec<u8>,
}

impl Printer<'_> {
    fn run(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        while self.at < self.format.len() {
            let rest = &self.format[self.at..];
            let text = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            self.out.extend_from_slice(&rest[..text]);
            self.at += text;
            if self.at < self.format.len() {
                self.at += 1;
                self.directive(context)?;
            }
            print::visit(context, &self.out, 0)?;
        }
        if !self.reordered && self.next < self.args.len() {
            self.extra(context)?;
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// One directive, from behind its `%`.
    fn directive(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        self.flags();
        let mut good = true;
        let mut indexed = self.index(&mut good);
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.argument_number() {
                Some(width) => {
                    self.spec.minus |= width < 0;
                    self.spec.zero &= !self.spec.minus;
                    self.spec.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => self.out.extend_from_slice(b"%!(BADWIDTH)"),
            }
            indexed = false;
        } else {
            self.spec.width = self.number();
            good &= !(indexed && self.spec.width.is_some());
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            good &= !indexed;
            indexed = self.index(&mut good);
            self.precision(&mut indexed);
        }
        if !indexed {
            self.index(&mut good);
        }
        if self.spec.width.max(self.spec.precision) > Some(context.longest()) {
            return Err(Failure::Limit("one result is too long"));
        }
        self.verb(context, good)
    }

    fn precision(&mut self, indexed: &mut bool) {
        if self.peek() != Some(b'*') {
            self.spec.precision = Some(self.number().unwrap_or_default());
            return;
        }
        self.at += 1;
        *indexed = false;
        match self.argument_number() {
            Some(precision) => self.spec.precision = usize::try_from(precision).ok(),
            None => self.out.extend_from_slice(b"%!(BADPREC)"),
        }
    }

    fn verb(&mut self, context: &mut Context<'_>, good: bool) -> Result<(), Failure> {
        let rest = &self.format[self.at..];
        let length = char_length(rest).min(rest.len());
        let Some(verb) = text(&rest[..length]).chars().next() else {
            self.out.extend_from_slice(b"%!(NOVERB)");
            return Ok(());
        };
        self.at += length;
        if verb == '%' {
            self.out.push(b'%');
        } else if !good {
            self.out.extend_from_slice(format!("%!{verb}(BADINDEX)").as_bytes());
        } else if self.next >= self.args.len() {
            self.out.extend_from_slice(format!("%!{verb}(MISSING)").as_bytes());
        } else {
            if verb == 'v' {
                self.spec.go_syntax = std::mem::take(&mut self.spec.sharp);
                self.spec.plus = false;
            }
            let arg = &self.args[self.next];
            self.next += 1;
            self.value(context, arg, verb, 0)?;
        }
        Ok(())
    }

    fn flags(&mut self) {
        self.spec = Spec::default();
        while let Some(flag) = self.peek() {
            match flag {
                b'#' => self.spec.sharp = true,
                b'0' => self.spec.zero = true,
                b'+' => self.spec.plus = true,
                b'-' => self.spec.minus = true,
                b' ' => self.spec.space = true,
                _ => break,
            }
            self.at += 1;
        }
    }

    /// A number of the format; too large a one is none.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let before = number.unwrap_or(0);
            if before > TOO_LARGE {
                // Go gives up on the whole format here.
                self.at = self.format.len();
                return None;
            }
            number = Some(before * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    /// `[3]`, which says which argument comes next; whether there was one.
    fn index(&mut self, good: &mut bool) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            *good = false;
            self.at += 1;
            return false;
        };
        let number = std::str::from_utf8(&rest[1..end])
            .ok()
            .and_then(|text| text.parse::<usize>().ok());
        self.at += end + 1;
        match number {
            Some(number) if (1..=self.args.len()).contains(&number) => self.next = number - 1,
            _ => *good = false,
        }
        true
    }

    /// A width or precision that an argument gives.
    fn argument_number(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        match arg {
            Value::Int(_, number) if number.unsigned_abs() <= TOO_LARGE as u64 => Some(*number),
            Value::Uint(_, number) if *number <= TOO_LARGE as u64 => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    fn extra(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        self.spec = Spec::default();
        self.out.extend_from_slice(b"%!(EXTRA ");
        for (index, arg) in self.args[self.next..].iter().enumerate() {
            if index > 0 {
                self.out.extend_from_slice(b", ");
            }
            self.out.extend_from_slice(arg.type_name().as_bytes());
            if !arg.is_nil() {
                self.out.push(b'=');
                self.value(context, arg, 'v', 0)?;
            }
        }
        self.out.push(b')');
        Ok(())
    }

    /// One argument, or one element of it.
    fn value(&mut self, context: &mut Context<'_>, value: &Value, verb: char, depth: usize) -> Result<(), Failure> {
        print::visit(context, &self.out, depth)?;
        if verb == 'T' {
            self.pad(value.type_name());
            return Ok(());
        }
        let stringer = matches!(
            value,
            Value::Int(Signed::Duration | Signed::Month | Signed::Weekday, _) | Value::Time(_) | Value::Version(_)
        );
        if stringer && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') && !self.spec.go_syntax {
            let shown = print::text(context, value)?;
            self.string(&shown, verb);
            return Ok(());
        }
        let fits = match value {
            Value::Missing | Value::Nil if verb == 'v' => self.pad("<nil>"),
            Value::Bool(value) if matches!(verb, 't' | 'v') => self.pad(&value.to_string()),
            Value::Int(_, number) => self.integer(number.unsigned_abs(), *number < 0, verb),
            Value::Uint(kind, number) => {
                if *kind == Unsigned::Uint8 && verb == 'v' && self.spec.go_syntax {
                    self.pad(&format!("{number:#x}"))
                } else {
                    self.integer(*number, false, verb)
                }
            }
            Value::Float(float) => self.float(*float, verb),
            Value::Str(text) => self.string(text, verb),
            Value::List(_) | Value::Map(_) => return self.parts(context, value, verb, depth),
            Value::Data | Value::Time(_) | Value::Version(_) if verb == 'v' || verb == 's' => {
                let shown = print::text(context, value)?;
                self.pad(&text(&shown))
            }
            _ => false,
        };
        if !fits {
            self.bad_verb(context, value, verb, depth)?;
        }
        Ok(())
    }

    fn bad_verb(&mut self, context: &mut Context<'_>, value: &Value, verb: char, depth: usize) -> Result<(), Failure> {
        self.out.extend_from_slice(format!("%!{verb}(").as_bytes());
        if value.is_nil() {
            self.out.extend_from_slice(b"<nil>");
        } else {
            self.out.extend_from_slice(value.type_name().as_bytes());
            self.out.push(b'=');
            self.value(context, value, 'v', depth + 1)?;
        }
        self.out.push(b')');
        Ok(())
    }

    /// A list or map, with the verb for each of its parts.
    fn parts(&mut self, context: &mut Context<'_>, value: &Value, verb: char, depth: usize) -> Result<(), Failure> {
        let syntax = self.spec.go_syntax;
        let (items, keys) = match value {
            Value::List(list) if syntax && list.nil => {
                self.out
                    .extend_from_slice(format!("{}(nil)", value.type_name()).as_bytes());
                return Ok(());
            }
            Value::List(list) => (list.items.to_vec(), None),
            Value::Map(map) => {
                let (keys, items): (Vec<_>, Vec<_>) = map.entries().into_iter().unzip();
                (items, Some(keys))
            }
            _ => return Ok(()),
        };
        let plain = if keys.is_some() { "map" } else { "" };
        self.out
            .extend_from_slice(if syntax { value.type_name() } else { plain }.as_bytes());
        self.out.push(if syntax { b'{' } else { b'[' });
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.extend_from_slice(if syntax { b", " } else { b" " });
            }
            if let Some(keys) = &keys {
                self.element(context, &Value::Str(keys[index].clone()), verb, depth)?;
                self.out.push(b':');
            }
            self.element(context, item, verb, depth)?;
        }
        self.out.push(if syntax { b'}' } else { b']' });
        Ok(())
    }

    fn element(&mut self, context: &mut Context<'_>, item: &Value, verb: char, depth: usize) -> Result<(), Failure> {
        if item.is_nil() {
            // Within a list or map, nil is shown whatever the verb.
            self.out.extend_from_slice(if self.spec.go_syntax {
                b"interface {}(nil)"
            } else {
                b"<nil>"
            });
            return Ok(());
        }
        self.value(context, item, verb, depth + 1)
    }

    fn string(&mut self, value: &[u8], verb: char) -> bool {
        match verb {
            'v' if self.spec.go_syntax => self.quoted(value),
            'v' | 's' => {
                let kept = self.truncated(value);
                self.pad_bytes(kept);
            }
            'x' | 'X' => self.hex(value, verb == 'X'),
            'q' => self.quoted(value),
            _ => return false,
        }
        true
    }

    /// As many characters as the precision allows.
    fn truncated<'v>(&self, value: &'v [u8]) -> &'v [u8] {
        let Some(precision) = self.spec.precision else {
            return value;
        };
        let mut kept = 0;
        for _ in 0..precision {
            if kept >= value.len() {
                break;
            }
            kept += char_length(&value[kept..]);
        }
        &value[..kept.min(value.len())]
    }

    fn quoted(&mut self, value: &[u8]) {
        let value = self.truncated(value);
        let shown = text(value);
        let backquotes = self.spec.sharp
            && !shown
                .chars()
                .any(|c| c == '`' || c == '\u{7f}' || (c < ' ' && c != '\t'));
        let quoted = if backquotes {
            format!("`{shown}`")
        } else {
            quote_with(value, '"', self.spec.plus)
        };
        self.pad(&quoted);
    }

    fn hex(&mut self, value: &[u8], upper: bool) {
        let value = &value[..self.spec.precision.unwrap_or(value.len()).min(value.len())];
        let prefix = if !self.spec.sharp || value.is_empty() {
            ""
        } else if upper {
            "0X"
        } else {
            "0x"
        };
        let digits: Vec<String> = value
            .iter()
            .map(|byte| {
                if upper {
                    format!("{byte:02X}")
                } else {
                    format!("{byte:02x}")
                }
            })
            .collect();
        let shown = if self.spec.space {
            digits
                .iter()
                .map(|pair| format!("{prefix}{pair}"))
                .collect::<Vec<_>>()
                .join(" ")
        } else {
            format!("{prefix}{}", digits.concat())
        };
        self.pad(&shown);
    }

    fn integer(&mut self, magnitude: u64, negative: bool, verb: char) -> bool {
        let (digits, prefix) = match verb {
            'd' | 'v' => (magnitude.to_string(), ""),
            'b' => (format!("{magnitude:b}"), "0b"),
            'o' => (format!("{magnitude:o}"), "0"),
            'O' => (format!("{magnitude:o}"), "0o"),
            'x' => (format!("{magnitude:x}"), "0x"),
            'X' => (format!("{magnitude:X}"), "0X"),
            'c' | 'q' | 'U' => {
                self.character(magnitude, negative, verb);
                return true;
            }
            _ => return false,
        };
        let mut digits = digits;
        let sign = sign(self.spec, negative);
        let mut zero = self.spec.zero && !self.spec.minus;
        let mut least = 0;
        if let Some(precision) = self.spec.precision {
            zero = false;
            least = precision;
            if precision == 0 && magnitude == 0 {
                digits.clear();
                self.pad_bytes(b"");
                return true;
            }
        } else if zero {
            least = self.spec.width.unwrap_or_default().saturating_sub(sign.len());
        }
        if digits.len() < least {
            digits.insert_str(0, &"0".repeat(least - digits.len()));
        }
        let prefix = match verb {
            'O' => "0o",
            'o' if self.spec.sharp && digits.starts_with('0') => "",
            _ if self.spec.sharp => prefix,
            _ => "",
        };
        let _ = zero;
        self.pad_unzeroed(&format!("{sign}{prefix}{digits}"));
        true
    }

    fn character(&mut self, magnitude: u64, negative: bool, verb: char) {
        let code = u32::try_from(magnitude).ok().filter(|_| !negative);
        let c = code.and_then(char::from_u32).unwrap_or('\u{fffd}');
        let shown = match verb {
            'c' => c.to_string(),
            'q' => quote_with(c.encode_utf8(&mut [0; 4]).as_bytes(), '\'', self.spec.plus),
            _ => {
                let code = if negative { magnitude.wrapping_neg() } else { magnitude };
                let code = format!("{code:X}");
                let zeros = "0".repeat(self.spec.precision.unwrap_or(4).max(4).saturating_sub(code.len()));
                let named = self.spec.sharp && super::quote::is_print(c);
                if named {
                    format!("U+{zeros}{code} '{c}'")
                } else {
                    format!("U+{zeros}{code}")
                }
            }
        };
        if verb == 'U' {
            self.pad_unzeroed(&shown);
        } else {
            self.pad(&shown);
        }
    }

    fn float(&mut self, float: f64, verb: char) -> bool {
        let precision = self.spec.precision;
        let shown = match verb {
            'v' | 'g' | 'G' => number::general(float, precision),
            'e' | 'E' => number::exponential(float, Some(precision.unwrap_or(6))),
            'f' | 'F' => number::fixed(float, Some(precision.unwrap_or(6))),
            _ => return false,
        };
        let shown = if matches!(verb, 'G' | 'E') {
            shown.to_ascii_uppercase().replace("INF", "Inf").replace("NAN", "NaN")
        } else {
            shown
        };
        let infinite = !float.is_finite();
        let (negative, digits) = match shown.strip_prefix(['-', '+']) {
            Some(digits) => (shown.starts_with('-'), digits),
            None => (false, shown.as_str()),
        };
        let mut sign = sign(self.spec, negative);
        if infinite && !float.is_nan() && sign.is_empty() {
            sign = "+";
        }
        if self.spec.zero && !self.spec.minus && !infinite {
            let least = self
                .spec
                .width
                .unwrap_or_default()
                .saturating_sub(sign.len() + digits.len());
            self.pad_unzeroed(&format!("{sign}{}{digits}", "0".repeat(least)));
        } else {
            self.pad_unzeroed(&format!("{sign}{digits}"));
        }
        true
    }

    /// Writes the text within the width; always true, for what calls it.
    fn pad(&mut self, shown: &str) -> bool {
        self.pad_bytes(shown.as_bytes());
        true
    }

    fn pad_unzeroed(&mut self, shown: &str) {
        let zero = std::mem::take(&mut self.spec.zero);
        self.pad_bytes(shown.as_bytes());
        self.spec.zero = zero;
    }

    fn pad_bytes(&mut self, shown: &[u8]) {
        let width = self.spec.width.unwrap_or_default();
        let missing = width.saturating_sub(text(shown).chars().count());
        let padding = std::iter::repeat_n(if self.spec.zero && !self.spec.minus { b'0' } else { b' ' }, missing);
        if self.spec.minus {
            self.out.extend_from_slice(shown);
            self.out.extend(padding);
        } else {
            self.out.extend(padding);
            self.out.extend_from_slice(shown);
        }
    }
}

fn sign(spec: Spec, negative: bool) -> &'static str {
    if negative {
        "-"
    } else if spec.plus {
        "+"
    } else if spec.space {
        " "
    } else {
        ""
    }
}
