//! A parsed document whose scalars still have placeholders in them: what printed values are put into.

use serde_json::{Map, Value};

use super::record::Print;

/// One node of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// The same whatever was printed.
    Fixed(Value),
    /// A scalar with placeholders.
    Printed {
        pieces: Vec<Piece>,
        /// Without quotes, so that it may stand for something else than text.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping; of members with the same name the last one counts.
    Members(Vec<(Node, Node)>),
}

/// A part of a scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// The printed value with this number.
    Print(usize),
}

impl Node {
    /// A scalar that has placeholders in it.
    pub(super) fn printed(text: &str, mark: char, plain: bool) -> Result<Self, String> {
        let pieces = pieces(text, mark)?;
        Ok(Self::Printed { pieces, plain })
    }

    /// How many nodes there are.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Fixed(value) => size(value),
            Self::Printed { .. } => 1,
            Self::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Self::Members(members) => {
                let sizes = members.iter().map(|(name, value)| name.size() + value.size());
                1 + sizes.sum::<usize>()
            }
        }
    }

    /// The document with everything that was printed in its place.
    pub(super) fn filled(&self, prints: &Prints<'_>) -> Result<Value, String> {
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Printed { pieces, plain } => prints.scalar(pieces, *plain)?,
            Self::List(items) => {
                let items = items.iter().map(|item| item.filled(prints));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Members(members) => {
                let mut object = Map::new();
                for (name, value) in members {
                    object.insert(key(name.filled(prints)?)?, value.filled(prints)?);
                }
                Value::Object(object)
            }
        })
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(|value| 1 + size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// A member's name, as Python's json writes one that is no text.
fn key(name: Value) -> Result<String, String> {
    match name {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(name.to_string()),
        Value::Array(_) | Value::Object(_) => Err("a member's name must be a scalar".to_owned()),
    }
}

/// What was printed, and the mark of the placeholders that stand for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prints<'p> {
    pub(super) mark: char,
    pub(super) prints: &'p [Print],
}

impl Prints<'_> {
    fn scalar(&self, pieces: &[Piece], plain: bool) -> Result<Value, String> {
        if let ([Piece::Print(number)], true) = (pieces, plain)
            && let Some(typed) = self.prints.get(*number).and_then(|print| print.typed.clone())
        {
            return Ok(typed);
        }
        let mut text = String::new();
        self.write(pieces, self.prints.len(), &mut text)?;
        Ok(Value::String(text))
    }

    /// What was captured and printed again holds placeholders itself, always of earlier prints.
    fn write(&self, pieces: &[Piece], before: usize, text: &mut String) -> Result<(), String> {
        for piece in pieces {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Print(number) => {
                    let print = self.prints.get(*number).filter(|_| *number < before);
                    let print = print.ok_or("a printed value was taken apart")?;
                    if print.text.contains(self.mark) {
                        self.write(&self::pieces(&print.text, self.mark)?, *number, text)?;
                    } else {
                        text.push_str(&print.text);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Text outside of marks, numbers between them.
fn pieces(text: &str, mark: char) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    for (index, part) in text.split(mark).enumerate() {
        if index % 2 == 1 {
            let number = part.parse().map_err(|_| "a printed value was taken apart")?;
            pieces.push(Piece::Print(number));
        } else if !part.is_empty() {
            pieces.push(Piece::Text(part.to_owned()));
        }
    }
    let whole = text.matches(mark).count().is_multiple_of(2);
    if whole {
        Ok(pieces)
    } else {
        Err("a printed value was taken apart".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MARK: char = '#';

    fn filled(scalar: &str, plain: bool, prints: &[(&str, Option<Value>)]) -> Result<Value, String> {
        let prints: Vec<_> = prints
            .iter()
            .map(|(text, typed)| Print {
                text: (*text).to_owned(),
                typed: typed.clone(),
            })
            .collect();
        let prints = Prints {
            mark: MARK,
            prints: &prints,
        };
        Node::printed(scalar, MARK, plain)?.filled(&prints)
    }

    #[test]
    fn a_printed_value_stays_text_unless_it_is_typed_and_alone() {
        let number = || [("5", Some(json!(5)))];
        for (scalar, plain, prints, expected) in [
            ("#0#", true, vec![("123", None)], json!("123")),
            ("#0#", true, number().to_vec(), json!(5)),
            ("#0#", false, number().to_vec(), json!("5")),
            ("a#0#", true, number().to_vec(), json!("a5")),
            (
                "x-#1#-#0#",
                true,
                vec![("a: b", None), ("- c\n", None)],
                json!("x-- c\n-a: b"),
            ),
        ] {
            assert_eq!(filled(scalar, plain, &prints), Ok(expected), "{scalar}");
        }
    }

    #[test]
    fn captured_text_is_filled_in_turn_and_ends() {
        let prints = [("gold", None), ("team #0#", None)];
        assert_eq!(filled("#1#!", true, &prints), Ok(json!("team gold!")));
        assert!(filled("#0#", true, &[("#0#", None)]).is_err());
        assert!(filled("#0#", true, &[("#1#", None), ("#0#", None)]).is_err());
    }

    #[test]
    fn a_placeholder_that_was_cut_is_an_error() {
        for scalar in ["#0", "0#", "#a#", "#7#", "##"] {
            assert!(filled(scalar, true, &[("a", None)]).is_err(), "{scalar}");
        }
    }

    #[test]
    fn names_are_written_as_json_writes_them() {
        let member = |name: Value| (Node::Fixed(name), Node::Fixed(json!(1)));
        let node = Node::Members([json!(true), json!(7), Value::Null, json!("a")].map(member).to_vec());
        let prints = Prints {
            mark: MARK,
            prints: &[],
        };
        assert_eq!(node.filled(&prints), Ok(json!({"true": 1, "7": 1, "null": 1, "a": 1})));
        assert!(Node::Members(vec![member(json!([]))]).filled(&prints).is_err());
    }
}
