//! Go's `fmt.Sprintf`: flags, width, precision, argument indexes and verbs, and Go's complaints within the text when
//! they do not fit the arguments.

use super::context::Context;
use super::fault::Failure;
use super::print;
use super::value::{Value, char_length, text};

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
pub(super) struct Spec {
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%#v`: values as Go source.
    pub(super) go_syntax: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

pub(super) struct Printer<'f> {
    pub(super) format: &'f [u8],
    pub(super) args: &'f [Value],
    pub(super) at: usize,
    pub(super) next: usize,
    pub(super) reordered: bool,
    pub(super) spec: Spec,
    pub(super) out: Vec<u8>,
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
}
