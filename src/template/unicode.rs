//! Go's one-to-one case mappings and character classes, where Rust's standard library has fuller ones.

/// Go's `unicode.ToUpper`: a character whose upper case is several characters stays as it is.
pub(super) fn upper(c: char) -> char {
    single(c, c.to_uppercase())
}

/// Go's `unicode.ToLower`.
pub(super) fn lower(c: char) -> char {
    if c == '\u{130}' {
        'i'
    } else {
        single(c, c.to_lowercase())
    }
}

/// Go's `unicode.ToTitle`, which differs from upper case for a few digraphs only.
pub(super) fn title(c: char) -> char {
    match c {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        c => upper(c),
    }
}

fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(mapped), None) => mapped,
        _ => c,
    }
}

/// Go's `unicode.IsLetter`, near enough: letter numbers and marks are none.
pub(super) fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !c.is_numeric() && !('\u{300}'..='\u{36f}').contains(&c)
}

/// Go's `unicode.IsPunct`: in ASCII all punctuation that is no symbol.
pub(super) fn is_punctuation(c: char) -> bool {
    match c {
        '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => false,
        c if c.is_ascii() => c.is_ascii_punctuation(),
        '\u{a1}'
        | '\u{a7}'
        | '\u{ab}'
        | '\u{b6}'
        | '\u{b7}'
        | '\u{bb}'
        | '\u{bf}'
        | '\u{37e}'
        | '\u{387}'
        | '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{2043}'
        | '\u{2045}'..='\u{2051}'
        | '\u{2053}'..='\u{205e}'
        | '\u{3001}'..='\u{3003}'
        | '\u{3008}'..='\u{3011}'
        | '\u{3014}'..='\u{301f}'
        | '\u{ff01}'..='\u{ff03}'
        | '\u{ff05}'..='\u{ff0a}'
        | '\u{ff0c}'..='\u{ff0f}'
        | '\u{ff1a}'
        | '\u{ff1b}' => true,
        _ => false,
    }
}

/// The text with every character mapped.
pub(super) fn map(text: &str, mapping: fn(char) -> char) -> String {
    text.chars().map(mapping).collect()
}
