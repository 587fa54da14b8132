//! Sprig's string functions about letter case and words.

use crate::template::context::Context;
use crate::template::functions::Param::{Int, Str};
use crate::template::functions::{Function, Outcome, fixed, int_at, str_at, text_at};
use crate::template::unicode::{is_letter, is_punctuation, lower, title, upper};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("title", &[Str], |context, args| {
        context.string(titled(&text_at(args, 0)))
    }),
    fixed("untitle", &[Str], |context, args| {
        context.string(untitled(&text_at(args, 0)))
    }),
    fixed("swapcase", &[Str], |context, args| {
        context.string(swapped(&text_at(args, 0)))
    }),
    fixed("camelcase", &[Str], |context, args| {
        context.string(camel(&text_at(args, 0)))
    }),
    fixed("snakecase", &[Str], |context, args| {
        context.string(separated(&text_at(args, 0), '_'))
    }),
    fixed("kebabcase", &[Str], |context, args| {
        context.string(separated(&text_at(args, 0), '-'))
    }),
    fixed("initials", &[Str], |context, args| {
        context.string(initials(str_at(args, 0)))
    }),
    fixed("nospace", &[Str], |context, args| {
        context.string(without_space(str_at(args, 0)))
    }),
    fixed("wrap", &[Int, Str], |context, args| {
        wrap(context, str_at(args, 1), int_at(args, 0), b"\n", false)
    }),
    fixed("wrapWith", &[Int, Str, Str], |context, args| {
        let separator = if str_at(args, 1).is_empty() {
            b"\n"
        } else {
            str_at(args, 1)
        };
        wrap(context, str_at(args, 2), int_at(args, 0), separator, true)
    }),
];

fn titled(text: &str) -> String {
    let mut start = true;
    let letter = |c: char| {
        let mapped = if start { title(c) } else { c };
        start = match c {
            '_' => false,
            c if c.is_ascii() => !c.is_ascii_alphanumeric(),
            c => !c.is_alphanumeric() && c.is_whitespace(),
        };
        mapped
    };
    text.chars().map(letter).collect()
}

fn untitled(text: &str) -> String {
    let mut start = true;
    let letter = |c: char| {
        let mapped = if start && !c.is_whitespace() { lower(c) } else { c };
        start = c.is_whitespace();
        mapped
    };
    text.chars().map(letter).collect()
}

fn swapped(text: &str) -> String {
    let mut space = true;
    let letter = |c: char| {
        if c.is_uppercase() || title(c) == c && upper(c) != c {
            space = false;
            lower(c)
        } else if c.is_lowercase() {
            let mapped = if space { title(c) } else { upper(c) };
            space = false;
            mapped
        } else {
            space = c.is_whitespace();
            c
        }
    };
    text.chars().map(letter).collect()
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// `some_words` as `SomeWords`: every word begins with a capital and connectors between words go; a word that is all
/// capitals becomes small behind its first letter.
fn camel(text: &str) -> String {
    let first = text.find(|c| !is_connector(c)).unwrap_or(text.len());
    let mut out = text[..first].to_owned();
    let mut chars = text[first..].chars();
    let Some(start) = chars.next() else {
        // Of a text of nothing but connectors Go writes the last one twice.
        out.extend(text.chars().next_back());
        return out;
    };
    let mut capitals = start.is_uppercase();
    let mut previous = upper(start);
    for c in chars {
        let mut current = c;
        match (is_connector(previous), is_connector(c)) {
            (true, true) => out.push(previous),
            (true, false) => {
                capitals = c.is_uppercase();
                current = upper(c);
            }
            (false, _) => {
                if capitals && c.is_uppercase() {
                    current = lower(c);
                } else {
                    capitals = false;
                }
                out.push(previous);
            }
        }
        previous = current;
    }
    out.push(previous);
    out
}

/// What a word of an identifier is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Number,
    /// Begins with a capital.
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// A letter of a script that has words; Chinese characters are none.
fn is_alphabet(c: char) -> bool {
    let ideograph = matches!(c, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}');
    is_letter(c) && !ideograph
}

/// The first word of a text that is not empty, and what follows it.
fn next_word(text: &str) -> (Word, &str, &str) {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or_default();
    let length = |rest: &str, belongs: &dyn Fn(char) -> bool| {
        first.len_utf8() + rest.find(|c| !belongs(c)).unwrap_or(rest.len())
    };
    let rest = chars.as_str();
    let small = |c: char| is_alphabet(c) && !c.is_uppercase();
    let (word, end) = if is_connector(first) {
        (Word::Connector, length(rest, &is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, length(rest, &is_punctuation))
    } else if first.is_uppercase() {
        (Word::Upper, upper_word(text, rest))
    } else if is_alphabet(first) {
        (Word::Alphabet, length(rest, &small))
    } else if first.is_numeric() {
        (Word::Number, length(rest, &char::is_numeric))
    } else {
        let other = |c: char| !is_connector(c) && !is_alphabet(c) && !c.is_numeric() && !is_punctuation(c);
        (Word::Other, length(rest, &other))
    };
    (word, &text[..end], &text[end..])
}

/// How long the word is that begins with a capital: `HTTPStatus` is `HTTP` and `Status`.
fn upper_word(text: &str, rest: &str) -> usize {
    let capitals = text.find(|c: char| !c.is_uppercase()).unwrap_or(text.len());
    let first = text.len() - rest.len();
    if capitals == first {
        let small = |c: char| is_alphabet(c) && !c.is_uppercase();
        return first + rest.find(|c| !small(c)).unwrap_or(rest.len());
    }
    let last = text[..capitals].chars().next_back().map_or(0, char::len_utf8);
    if text[capitals..].starts_with(is_alphabet) {
        capitals - last
    } else {
        capitals
    }
}

fn push_word(out: &mut String, word: Word, text: &str, connector: char) {
    if word != Word::Upper && word != Word::Connector {
        out.push_str(text);
        return;
    }
    out.extend(text.chars().map(|c| if is_connector(c) { connector } else { lower(c) }));
}

/// Words in small letters with a connector between them; numbers belong to the word around them.
fn separated(text: &str, connector: char) -> String {
    let mut words = Words {
        out: String::with_capacity(text.len() + 8),
        rest: text,
        next: None,
        connector,
    };
    words.advance();
    while let Some((word, text)) = words.next {
        if words.rest.is_empty() {
            push_word(&mut words.out, word, text, connector);
            break;
        }
        if word != Word::Connector {
            push_word(&mut words.out, word, text, connector);
        }
        words.advance();
        match word {
            Word::Number => words.behind_number(),
            Word::Connector => push_word(&mut words.out, word, text, connector),
            Word::Punctuation => {}
            _ => words.behind_word(),
        }
    }
    words.out
}

struct Words<'t> {
    out: String,
    rest: &'t str,
    next: Option<(Word, &'t str)>,
    connector: char,
}

impl Words<'_> {
    fn advance(&mut self) {
        if self.rest.is_empty() {
            self.next = None;
            return;
        }
        let (word, text, rest) = next_word(self.rest);
        self.next = Some((word, text));
        self.rest = rest;
    }

    fn push_next(&mut self) {
        if let Some((word, text)) = self.next {
            push_word(&mut self.out, word, text, self.connector);
        }
        self.advance();
    }

    /// Everything small behind a number is part of it.
    fn behind_number(&mut self) {
        while matches!(self.next, Some((Word::Alphabet | Word::Number, _))) {
            self.push_next();
        }
        self.connect();
    }

    /// Writes a connector unless something follows that separates already, or nothing.
    fn connect(&mut self) {
        if !matches!(self.next, None | Some((Word::Punctuation | Word::Connector, _))) {
            self.out.push(self.connector);
        }
    }

    fn behind_word(&mut self) {
        let Some((Word::Number, number)) = self.next else {
            self.connect();
            return;
        };
        if self.rest.is_empty() {
            return;
        }
        self.advance();
        if !matches!(self.next, Some((Word::Alphabet, _))) {
            // The number belongs to the word before it: `Bld4Floor`.
            self.out.push_str(number);
            self.connect();
            return;
        }
        self.out.push(self.connector);
        self.out.push_str(number);
        self.behind_number();
    }
}

/// Whether a byte taken for a character is space, as Go takes it here.
fn is_space_byte(byte: u8) -> bool {
    char::from(byte).is_whitespace()
}

fn initials(text: &[u8]) -> String {
    let mut gap = true;
    let first = |byte: &u8| {
        let kept = gap && !is_space_byte(*byte);
        gap = is_space_byte(*byte);
        kept.then_some(char::from(*byte))
    };
    text.iter().filter_map(first).collect()
}

fn without_space(text: &[u8]) -> Vec<u8> {
    if !text.iter().copied().any(is_space_byte) {
        return text.to_vec();
    }
    // Bytes are taken for characters, so what is not ASCII comes out garbled, as it does in Go.
    text.iter()
        .filter(|byte| !is_space_byte(**byte))
        .map(|byte| char::from(*byte))
        .collect::<String>()
        .into_bytes()
}

/// The text with a separator where a line would pass the width; words longer than that are cut on request.
fn wrap(context: &mut Context<'_>, text: &[u8], width: i64, separator: &[u8], cut: bool) -> Outcome {
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let mut rest = text;
    while rest.len() > width {
        if rest[0] == b' ' {
            rest = &rest[1..];
            continue;
        }
        let (line, next) = match rest[..=width].iter().rposition(|byte| *byte == b' ') {
            Some(space) => (space, space + 1),
            None if cut => (width, width),
            None => match rest[width..].iter().position(|byte| *byte == b' ') {
                Some(space) => (width + space, width + space + 1),
                None => break,
            },
        };
        out.extend_from_slice(&rest[..line]);
        out.extend_from_slice(separator);
        rest = &rest[next..];
        context.step(1)?;
        if out.len() > context.longest() {
            break;
        }
    }
    out.extend_from_slice(rest);
    context.string(out)
}
