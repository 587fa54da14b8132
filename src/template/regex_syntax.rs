//! Puts Go's regular expression syntax into that of Rust's engine. Both come from RE2; they differ in what is ASCII,
//! in what must be escaped, and in extensions that only one of them has.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Go repeats nothing more often than this.
const MAX_REPEAT: u32 = 1000;

/// The same pattern for Rust's engine; `None` for what Go refuses and Rust would take.
pub(super) fn translated(pattern: &str) -> Option<String> {
    let out = String::with_capacity(pattern.len() + 16);
    let mut translator = Translator {
        rest: pattern,
        out,
        repeatable: false,
        names: BTreeSet::new(),
    };
    while !translator.rest.is_empty() {
        translator.step()?;
    }
    Some(translator.out)
}

/// The classes that have names.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

struct Translator<'p> {
    rest: &'p str,
    out: String,
    /// Whether what was read last may be repeated.
    repeatable: bool,
    /// Names of groups so far.
    names: BTreeSet<String>,
}

impl Translator<'_> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn step(&mut self) -> Option<()> {
        match self.take()? {
            '\\' => self.escape()?,
            '[' => self.class()?,
            '{' => self.brace()?,
            '*' => self.repeated("*")?,
            '+' => self.repeated("+")?,
            '?' => self.repeated("?")?,
            '(' => {
                self.group()?;
                self.repeatable = false;
            }
            '|' => {
                self.out.push('|');
                self.repeatable = false;
            }
            c => {
                self.out.push(c);
                self.repeatable = true;
            }
        }
        Some(())
    }

    /// A repetition, perhaps reluctant; Go does not repeat a repetition.
    fn repeated(&mut self, operator: &str) -> Option<()> {
        if !self.repeatable {
            return None;
        }
        self.out.push_str(operator);
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            self.out.push('?');
        }
        self.repeatable = false;
        let another =
            self.rest.starts_with(['*', '+', '?']) || (self.rest.starts_with('{') && self.counted().is_some());
        if another { None } else { Some(()) }
    }

    /// What is between the braces when they count.
    fn counted(&self) -> Option<(u32, Option<u32>, usize)> {
        let rest = self.rest.strip_prefix('{').unwrap_or(self.rest);
        let end = rest.find('}')?;
        let (least, most) = rest[..end]
            .split_once(',')
            .map_or((&rest[..end], None), |(a, b)| (a, Some(b)));
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u32>().unwrap_or(u32::MAX))
        };
        let least = number(least)?;
        let most = match most {
            None => Some(least),
            Some("") => None,
            Some(most) => Some(number(most)?),
        };
        Some((least, most, end + 1))
    }

    fn brace(&mut self) -> Option<()> {
        let Some((least, most, length)) = self.counted() else {
            self.out.push_str("\\{");
            self.repeatable = true;
            return Some(());
        };
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return None;
        }
        let operator = format!("{{{}", &self.rest[..length]);
        self.rest = &self.rest[length..];
        self.repeated(&operator)
    }

    /// The opening of a group; of Rust's flags only those that Go knows.
    fn group(&mut self) -> Option<()> {
        self.out.push('(');
        if let Some(rest) = self.rest.strip_prefix('?') {
            let named = rest.starts_with("P<") || rest.starts_with('<');
            let end = rest.find(if named { &['>'][..] } else { &[':', ')'] })?;
            let head = &rest[..=end];
            if !named && !head[..end].chars().all(|c| "imsU-".contains(c)) {
                return None;
            }
            self.rest = &rest[end + 1..];
            // Go takes the same name twice; the first group of the name has it.
            if !named || self.names.insert(head.trim_start_matches('P').to_owned()) {
                self.out.push('?');
                self.out.push_str(head);
            }
        }
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let c = self.take()?;
        self.repeatable = true;
        match c {
            'Q' => {
                let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.out.push_str(&regex::escape(quoted));
                self.rest = rest;
            }
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                let class = perl_class(c)?;
                let _ = write!(self.out, "[{}{class}]", if c.is_ascii_uppercase() { "^" } else { "" });
            }
            'b' | 'B' => {
                let _ = write!(self.out, "(?-u:\\{c})");
            }
            'A' | 'z' => {
                self.out.push('\\');
                self.out.push(c);
            }
            c => self.character_escape(c)?,
        }
        Some(())
    }

    /// An escape that means the same within a class.
    fn character_escape(&mut self, c: char) -> Option<()> {
        match c {
            'p' | 'P' | 'x' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' => {
                self.out.push('\\');
                self.out.push(c);
                if matches!(c, 'p' | 'P' | 'x') && self.rest.starts_with('{') {
                    let end = self.rest.find('}')? + 1;
                    self.out.push_str(&self.rest[..end]);
                    self.rest = &self.rest[end..];
                }
            }
            '0'..='7' => {
                let digits = self
                    .rest
                    .bytes()
                    .take(2)
                    .take_while(|byte| (b'0'..=b'7').contains(byte))
                    .count();
                // A single digit other than zero would refer back, which no automaton can.
                if c != '0' && digits == 0 {
                    return None;
                }
                let code = u32::from_str_radix(&format!("{c}{}", &self.rest[..digits]), 8).ok()?;
                self.rest = &self.rest[digits..];
                let _ = write!(self.out, "\\x{{{code:x}}}");
            }
            c if c.is_ascii_punctuation() => self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            _ => return None,
        }
        Some(())
    }

    /// A class in brackets, in which Rust reads more than Go.
    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            if self.rest.starts_with("[:") && self.rest.contains(":]") {
                let end = self.rest.find(":]")? + 2;
                let name = self.rest[2..end - 2].trim_start_matches('^');
                if !POSIX.contains(&name) {
                    return None;
                }
                self.out.push_str(&self.rest[..end]);
                self.rest = &self.rest[end..];
                first = false;
                continue;
            }
            match self.take()? {
                ']' if !first => break,
                '\\' => match self.take()? {
                    c @ ('d' | 's' | 'w') => self.out.push_str(perl_class(c)?),
                    c @ ('D' | 'S' | 'W') => {
                        let _ = write!(self.out, "[^{}]", perl_class(c)?);
                    }
                    '-' => self.out.push_str("\\-"),
                    c => self.character_escape(c)?,
                },
                c @ ('[' | ']' | '&' | '~') => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                // Doubled it would be a difference of classes.
                '-' if self.rest.starts_with('-') => self.out.push_str("\\-"),
                '-' if first || self.rest.starts_with(']') => self.out.push_str("\\-"),
                c => self.out.push(c),
            }
            first = false;
        }
        self.out.push(']');
        self.repeatable = true;
        Some(())
    }
}

/// The ASCII characters of Perl's classes, as the inside of a class.
fn perl_class(c: char) -> Option<&'static str> {
    Some(match c.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\t\\n\\f\\r ",
        'w' => "0-9A-Za-z_",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(pattern: &str, text: &str) -> Option<String> {
        let regex = regex::Regex::new(&translated(pattern)?).ok()?;
        Some(
            regex
                .find(text)
                .map_or_else(|| "-".to_owned(), |found| found.as_str().to_owned()),
        )
    }

    #[test]
    fn means_what_go_means() {
        for (pattern, text, found) in [
            (r"\d+", "\u{661}12", "12"),
            (r"[[a]+", "x[[a", "[[a"),
            (r"a{,2}", "aa a{,2}", "a{,2}"),
            (r"\Qa.b\E+", "aaxb a.bb", "a.bb"),
            (r"[a&&b]+", "b&&a", "b&&a"),
            (r"[\d-]+", "a1-2b", "1-2"),
            (r"[^\W_]+", "__ab_", "ab"),
            (r"\101", "xA", "A"),
            (r"(?i)HELLO", "say hello", "hello"),
            (r"(?P<x>b)+?", "abb", "b"),
        ] {
            assert_eq!(finds(pattern, text).as_deref(), Some(found), "{pattern}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for pattern in [
            "a**", "*a", "(?x)a", "a{1001}", "a{2,1}", r"\1", r"\y", "(?=a)", "a{2}{3}", "(*)", "[a", "(", "|*",
        ] {
            assert_eq!(finds(pattern, "a"), None, "{pattern}");
        }
    }
}
