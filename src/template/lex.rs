//! Cuts the source of a template into tokens, with the rules of Go's own lexer: spaces count inside actions, trim
//! markers need a space beside them, and the first thing that cannot be a token ends the stream.

/// What a token is; names follow Go's lexer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Assign,
    Declare,
    Pipe,
    LeftParen,
    RightParen,
    Char,
    CharConstant,
    Str,
    RawStr,
    Number,
    Complex,
    Identifier,
    Bool,
    Field,
    Variable,
    Dot,
    Keyword,
    Error,
    End,
}

/// One token; an error carries its message as text, everything else the source.
#[derive(Debug, Clone)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    pub(super) text: std::borrow::Cow<'s, str>,
    pub(super) line: usize,
}

impl Token<'_> {
    /// Whether this is the keyword `word`.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Keyword && self.text == word
    }

    /// How Go names the token in a message.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            Kind::End => "EOF".to_owned(),
            Kind::Error => self.text.to_string(),
            Kind::Keyword | Kind::Dot => format!("<{}>", self.text),
            _ if self.text.len() > 10 => {
                format!(
                    "{}...",
                    super::quote::quote(self.text.chars().take(10).collect::<String>().as_bytes())
                )
            }
            _ => super::quote::quote(self.text.as_bytes()),
        }
    }
}

const KEYWORDS: [&str; 11] = [
    "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with",
];

/// Every token of the source, the last one `End` or `Error`.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        source,
        position: 0,
        line: 1,
        parens: 0,
        tokens: Vec::new(),
    };
    match lexer.text() {
        Ok(()) => lexer.emit(Kind::End, source.len()),
        Err(message) => {
            let line = lexer.line;
            lexer.tokens.push(Token {
                kind: Kind::Error,
                text: message.into(),
                line,
            });
        }
    }
    lexer.tokens
}

struct Lexer<'s> {
    source: &'s str,
    position: usize,
    line: usize,
    parens: usize,
    tokens: Vec<Token<'s>>,
}

type Step = Result<(), String>;

/// Go's four space characters.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves on to `end` without a token; lines are counted on the way.
    fn skip_to(&mut self, end: usize) {
        self.line += self.source[self.position..end].matches('\n').count();
        self.position = end;
    }

    fn emit(&mut self, kind: Kind, end: usize) {
        let text = &self.source[self.position..end];
        self.tokens.push(Token {
            kind,
            text: text.into(),
            line: self.line,
        });
        self.skip_to(end);
    }

    fn text(&mut self) -> Step {
        while let Some(offset) = self.rest().find("{{") {
            let delimiter = self.position + offset;
            let after = &self.source[delimiter + 2..];
            let text = &self.rest()[..offset];
            let trims = left_trim(after);
            let kept = if trims {
                text.trim_end_matches(is_space).len()
            } else {
                text.len()
            };
            if kept > 0 {
                self.emit(Kind::Text, self.position + kept);
            }
            self.skip_to(delimiter);
            let skipped = if trims { 4 } else { 2 };
            if self.source[delimiter + skipped..].starts_with("/*") {
                self.skip_to(delimiter + skipped);
                self.comment()?;
            } else {
                self.emit(Kind::LeftDelim, delimiter + 2);
                self.skip_to(delimiter + skipped);
                self.parens = 0;
                self.action()?;
            }
        }
        if !self.rest().is_empty() {
            self.emit(Kind::Text, self.source.len());
        }
        Ok(())
    }

    fn comment(&mut self) -> Step {
        let Some(end) = self.rest()[2..].find("*/") else {
            return Err("unclosed comment".to_owned());
        };
        self.skip_to(self.position + end + 4);
        match self.right_delimiter() {
            Some(trims) => self.close(trims),
            None => return Err("comment ends before closing delimiter".to_owned()),
        }
        Ok(())
    }

    /// Whether a right delimiter starts here, and whether it trims what follows.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        let mut chars = rest.chars();
        if chars.next().is_some_and(is_space) && chars.next() == Some('-') && rest[2..].starts_with("}}") {
            return Some(true);
        }
        rest.starts_with("}}").then_some(false)
    }

    /// Passes a right delimiter, and the spaces after it when it trims.
    fn close(&mut self, trims: bool) {
        self.skip_to(self.position + if trims { 4 } else { 2 });
        if trims {
            let rest = self.rest();
            self.skip_to(self.position + rest.len() - rest.trim_start_matches(is_space).len());
        }
    }

    fn action(&mut self) -> Step {
        loop {
            if let Some(trims) = self.right_delimiter() {
                if self.parens > 0 {
                    return Err("unclosed left paren".to_owned());
                }
                self.tokens.push(Token {
                    kind: Kind::RightDelim,
                    text: "}}".into(),
                    line: self.line,
                });
                self.close(trims);
                return Ok(());
            }
            let Some(first) = self.peek() else {
                return Err("unclosed action".to_owned());
            };
            self.inside(first)?;
        }
    }

    fn inside(&mut self, first: char) -> Step {
        let one = self.position + first.len_utf8();
        match first {
            c if is_space(c) => self.space(),
            '=' => self.emit(Kind::Assign, one),
            ':' if self.rest().starts_with(":=") => self.emit(Kind::Declare, one + 1),
            ':' => return Err("expected :=".to_owned()),
            '|' => self.emit(Kind::Pipe, one),
            '"' => return self.quoted('"', Kind::Str, "unterminated quoted string"),
            '\'' => return self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => match self.rest()[1..].find('`') {
                Some(end) => self.emit(Kind::RawStr, one + end + 1),
                None => return Err("unterminated raw quoted string".to_owned()),
            },
            '$' => return self.named(Kind::Variable, one),
            '.' if !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => return self.named(Kind::Field, one),
            '.' | '+' | '-' | '0'..='9' => return self.number(),
            c if is_word(c) => return self.identifier(),
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen, one);
            }
            ')' if self.parens == 0 => return Err("unexpected right paren".to_owned()),
            ')' => {
                self.parens -= 1;
                self.emit(Kind::RightParen, one);
            }
            c if c.is_ascii_graphic() => self.emit(Kind::Char, one),
            c => return Err(format!("unrecognized character in action: {}", unicode_point(c))),
        }
        Ok(())
    }

    fn space(&mut self) {
        let rest = self.rest();
        let mut length = rest.len() - rest.trim_start_matches(is_space).len();
        // The last space may belong to a trimming right delimiter.
        if rest[length..].starts_with("-}}") {
            length -= 1;
        }
        if length > 0 {
            self.emit(Kind::Space, self.position + length);
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Step {
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            match c {
                '\\' if chars.next().is_some_and(|(_, next)| next != '\n') => {}
                '\\' | '\n' => break,
                c if c == quote => {
                    self.emit(kind, self.position + offset + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(unterminated.to_owned())
    }

    /// Where a run of word characters that starts at `start` ends; it must be followed by something that may follow.
    fn word_end(&self, start: usize) -> Result<usize, String> {
        let rest = &self.source[start..];
        let end = start + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        match self.source[end..].chars().next() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => Ok(end),
            Some(c) if is_space(c) || self.source[end..].starts_with("}}") => Ok(end),
            Some(c) => Err(format!("bad character {}", unicode_point(c))),
        }
    }

    /// A field or a variable; a lone dot is the dot.
    fn named(&mut self, kind: Kind, start: usize) -> Step {
        let end = self.word_end(start)?;
        self.emit(
            if kind == Kind::Field && end == start {
                Kind::Dot
            } else {
                kind
            },
            end,
        );
        Ok(())
    }

    fn identifier(&mut self) -> Step {
        let end = self.word_end(self.position)?;
        let kind = match &self.source[self.position..end] {
            "true" | "false" => Kind::Bool,
            word if KEYWORDS.contains(&word) => Kind::Keyword,
            _ => Kind::Identifier,
        };
        self.emit(kind, end);
        Ok(())
    }

    fn number(&mut self) -> Step {
        let mut end = scan_number(self.source, self.position);
        let mut kind = Kind::Number;
        if end.is_ok_and(|end| self.source[end..].starts_with(['+', '-'])) {
            kind = Kind::Complex;
            end = scan_number(self.source, end.unwrap_or_default()).and_then(|end| {
                if self.source[..end].ends_with('i') {
                    Ok(end)
                } else {
                    Err(end)
                }
            });
        }
        match end {
            Ok(end) => {
                self.emit(kind, end);
                Ok(())
            }
            Err(end) => {
                let text = &self.source[self.position..end];
                Err(format!("bad number syntax: {}", super::quote::quote(text.as_bytes())))
            }
        }
    }
}

/// `U+0040 '@'`, as Go shows a character that it did not expect.
fn unicode_point(c: char) -> String {
    if super::quote::is_print(c) {
        format!("U+{:04X} '{c}'", c as u32)
    } else {
        format!("U+{:04X}", c as u32)
    }
}

fn left_trim(after: &str) -> bool {
    after.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space))
}

/// The end of the number at `start`; the end of what is no number is an error.
fn scan_number(source: &str, start: usize) -> Result<usize, usize> {
    let bytes = source.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut end = start + usize::from(matches!(at(start), b'+' | b'-'));
    let mut digits: fn(u8) -> bool = |b| b.is_ascii_digit() || b == b'_';
    let mut exponent: &[u8] = b"eE";
    if at(end) == b'0' {
        let (prefixed, run): (bool, fn(u8) -> bool) = match at(end + 1) {
            b'x' | b'X' => (true, |b| b.is_ascii_hexdigit() || b == b'_'),
            b'o' | b'O' => (true, |b| matches!(b, b'0'..=b'7' | b'_')),
            b'b' | b'B' => (true, |b| matches!(b, b'0' | b'1' | b'_')),
            _ => (false, digits),
        };
        exponent = if !prefixed {
            exponent
        } else if matches!(at(end + 1), b'x' | b'X') {
            b"pP"
        } else {
            b""
        };
        digits = run;
        end += 1 + usize::from(prefixed);
    }
    let run = |mut i: usize| {
        while digits(at(i)) {
            i += 1;
        }
        i
    };
    end = run(end);
    if at(end) == b'.' {
        end = run(end + 1);
    }
    if exponent.contains(&at(end)) {
        end += 1;
        end += usize::from(matches!(at(end), b'+' | b'-'));
        while at(end).is_ascii_digit() || at(end) == b'_' {
            end += 1;
        }
    }
    end += usize::from(at(end) == b'i');
    match source[end..].chars().next() {
        Some(c) if is_word(c) => Err(end + c.len_utf8()),
        _ => Ok(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<Kind> {
        tokens(source).iter().map(|token| token.kind).collect()
    }

    #[test]
    fn trims_only_beside_ascii_spaces() {
        let texts = |source| tokens(source).iter().map(|t| t.text.to_string()).collect::<Vec<_>>();
        assert_eq!(texts("a \n{{- . -}}\t b"), ["a", "{{", ".", "}}", "b", ""]);
        assert_eq!(
            texts("a\u{a0}{{- . -}}\u{a0}b"),
            ["a\u{a0}", "{{", ".", "}}", "\u{a0}b", ""]
        );
        assert_eq!(texts("{{-3}}"), ["{{", "-3", "}}", ""]);
    }

    #[test]
    fn ends_at_what_is_no_token() {
        assert_eq!(kinds("{{ \"a\nb\" }}").last(), Some(&Kind::Error));
        assert_eq!(kinds("{{/* x").last(), Some(&Kind::Error));
        assert_eq!(kinds("{{ $x+2 }}").last(), Some(&Kind::Error));
        assert_eq!(kinds("{{ ) }}").last(), Some(&Kind::Error));
        assert_eq!(kinds("a{{/* x */}}b"), [Kind::Text, Kind::Text, Kind::End]);
    }

    #[test]
    fn counts_lines() {
        let lines: Vec<_> = tokens("a\n\nb{{\n.}}\n{{.}}").iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 3, 3, 4, 4, 4, 5, 5, 5, 5]);
    }
}
