//! Cap'n Proto's notation of values.

use std::fmt::Write;

/// A string: what could end it or be read as more than itself is escaped, everything else stands as it is.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A list on one line.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    format!("[{}]", items.join(", "))
}

/// A list with a line for each item, indented by so many spaces.
pub(super) fn lines(items: &[String], indent: usize) -> String {
    if items.is_empty() {
        return "[]".to_owned();
    }
    let space = " ".repeat(indent);
    let inner: Vec<_> = items.iter().map(|item| format!("{space}  {item},\n")).collect();
    format!("[\n{}{space}]", inner.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_string() {
        for (text, expected) in [
            ("", r#""""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb\0\u{7f}", r#""a\x0ab\x00\x7f""#),
            ("é 🚂 # //", "\"é 🚂 # //\""),
            ("\"), (name = \"x", r#""\"), (name = \"x""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn lists_are_read_by_people_too() {
        assert_eq!(lines(&[], 2), "[]");
        assert_eq!(lines(&["1".to_owned(), "2".to_owned()], 2), "[\n    1,\n    2,\n  ]");
        assert_eq!(list(["1".to_owned(), "2".to_owned()]), "[1, 2]");
    }
}
