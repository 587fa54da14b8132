//! What each verb of a format makes of a value, within its width.

use super::context::Context;
use super::fault::Failure;
use super::printf::{Printer, Spec};
use super::quote::quote_with;
use super::value::{Signed, Unsigned, Value, char_length, text};
use super::{number, print};

impl Printer<'_> {
    /// One argument, or one element of it.
    pub(super) fn value(
        &mut self,
        context: &mut Context<'_>,
        value: &Value,
        verb: char,
        depth: usize,
    ) -> Result<(), Failure> {
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
