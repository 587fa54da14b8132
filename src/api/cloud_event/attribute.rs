//! Values of attributes as headers have them: percent-encoded, and by older senders quoted.

/// The text of a header's value; nothing where that is no UTF-8.
pub(super) fn decoded(value: &[u8]) -> Option<String> {
    let bare = value.trim_ascii();
    let inner = bare.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let unquoted = inner.map_or_else(|| bare.to_vec(), unescaped);
    String::from_utf8(percent_decoded(&unquoted)).ok()
}

/// As headers have it; what is printable and harmless stays readable.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'"' | b'%') => encoded.push(char::from(byte)),
            _ => {
                encoded.push('%');
                encoded.push(digit(byte >> 4));
                encoded.push(digit(byte & 15));
            }
        }
    }
    encoded
}

fn digit(value: u8) -> char {
    char::from_digit(value.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

fn unescaped(quoted: &[u8]) -> Vec<u8> {
    let mut bytes = quoted.iter().copied();
    let mut plain = Vec::with_capacity(quoted.len());
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'\\' {
            bytes.next().unwrap_or(byte)
        } else {
            byte
        });
    }
    plain
}

/// A percent sign that begins no byte stands for itself.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let byte = after.get(..2).filter(|_| *first == b'%').and_then(hexadecimal);
        plain.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    plain
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let (high, low) = (value(digits[0])?, value(digits[1])?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_and_read_as_the_binding_says() {
        let text = "Euro € 😀 \"%\"";
        assert_eq!(encoded(text), "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22%25%22");
        assert_eq!(decoded(encoded(text).as_bytes()).as_deref(), Some(text));
    }

    #[test]
    fn older_spellings_are_read() {
        for (value, text) in [
            ("plain", "plain"),
            ("  padded ", "padded"),
            ("\"quoted \\\"a\\\\b\\\" text\"", "quoted \"a\\b\" text"),
            ("\"%41b\"", "Ab"),
            ("a%2fb%", "a/b%"),
            ("100%zz", "100%zz"),
            ("ä", "ä"),
        ] {
            assert_eq!(decoded(value.as_bytes()).as_deref(), Some(text), "{value}");
        }
        assert_eq!(decoded(b"%C0%A0"), None);
    }
}
