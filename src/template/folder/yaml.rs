//! YAML text to documents, as PyYAML's safe loader composes them: aliases, merge keys, the last of equal names.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput, Tag};
use serde_json::Value;

use super::Fault;
use super::node::Node;
use super::plain;

/// Nesting of a document.
const DEEPEST: usize = 64;
/// Nodes of a file, those that aliases repeat included.
const MOST: usize = 200_000;

/// All documents of a text but the empty ones.
pub(super) fn documents(text: &str, mark: char) -> Result<Vec<Node>, Fault> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        line: 1,
        mark,
        nodes: 0,
    };
    let mut documents = Vec::new();
    while let Some(event) = reader.next()? {
        if matches!(event, Event::DocumentStart(..)) {
            reader.anchors.clear();
            let node = reader.node(0)?;
            documents.extend((node != Node::Fixed(Value::Null)).then_some(node));
        }
    }
    Ok(documents)
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    /// Of the event that was read last.
    line: usize,
    mark: char,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<Event<'t>>, Fault> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(Some(event))
            }
            Some(Err(error)) => Err(Fault::at(error.marker().line(), format!("no YAML: {}", error.kind()))),
        }
    }

    fn node(&mut self, depth: usize) -> Result<Node, Fault> {
        match self.next()? {
            Some(event) => self.node_of(event, depth),
            None => Err(self.fault("the document ends early")),
        }
    }

    fn node_of(&mut self, event: Event<'t>, depth: usize) -> Result<Node, Fault> {
        let anchor = event.anchor_id();
        let line = self.line;
        let node = match event {
            Event::Scalar(text, style, _, tag) => self.scalar(&text, style, tag.as_deref()),
            Event::SequenceStart(_, _, tag) => self.collection(tag.as_deref(), "seq", depth)?.list(depth),
            Event::MappingStart(_, _, tag) => self.collection(tag.as_deref(), "map", depth)?.members(depth),
            Event::Alias(anchor) => self.alias(anchor),
            _ => Err(Fault::at(line, "no YAML: a node was expected")),
        }?;
        self.count(1)?;
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// Counts what is repeated before it is.
    fn alias(&mut self, anchor: usize) -> Result<Node, Fault> {
        let node = self.anchors.get(&anchor);
        let size = node
            .ok_or_else(|| self.fault("an alias inside of what it stands for"))?
            .size();
        self.count(size)?;
        Ok(self.anchors[&anchor].clone())
    }

    fn count(&mut self, nodes: usize) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > MOST {
            return Err(self.fault("the document is too large"));
        }
        Ok(())
    }

    fn collection(&mut self, tag: Option<&Tag>, natural: &str, depth: usize) -> Result<&mut Self, Fault> {
        if depth >= DEEPEST {
            return Err(self.fault("the document is nested too deeply"));
        }
        match tag {
            Some(tag) if tag.core_suffix() != Some(natural) => Err(self.tagged(tag)),
            _ => Ok(self),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Some(Event::SequenceEnd) => return Ok(list(items)),
                Some(event) => items.push(self.node_of(event, depth + 1)?),
                None => return Err(self.fault("the document ends early")),
            }
        }
    }

    fn members(&mut self, depth: usize) -> Result<Node, Fault> {
        let (mut members, mut merged) = (Vec::new(), Vec::new());
        loop {
            let event = match self.next()? {
                Some(Event::MappingEnd) => break,
                Some(event) => event,
                None => return Err(self.fault("the document ends early")),
            };
            let brings = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let name = self.node_of(event, depth + 1)?;
            if !matches!(
                name,
                Node::Fixed(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | Node::Printed { .. }
            ) {
                return Err(self.fault("a member's name must be a scalar"));
            }
            let value = self.node(depth + 1)?;
            if brings {
                merged.extend(self.merged(value)?);
            } else {
                members.push((name, value));
            }
        }
        // What is said here wins over what is merged in.
        merged.append(&mut members);
        Ok(mapping(merged))
    }

    /// The members that `<<` brings: of several mappings the first wins.
    fn merged(&self, value: Node) -> Result<Vec<(Node, Node)>, Fault> {
        match unfixed(value) {
            Node::Members(members) => Ok(members),
            Node::List(items) => {
                let members = items.into_iter().rev().map(|item| self.merged(item));
                Ok(members.collect::<Result<Vec<_>, _>>()?.concat())
            }
            _ => Err(self.fault("<< takes a mapping or a list of mappings")),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Node, Fault> {
        let is_plain = style == ScalarStyle::Plain;
        let suffix = tag
            .map(|tag| tag.core_suffix().ok_or_else(|| self.tagged(tag)))
            .transpose()?;
        if text.contains(self.mark) {
            return match suffix {
                None | Some("str") => Node::printed(text, self.mark, is_plain && suffix.is_none()),
                Some(_) => Err("a printed value takes no tag: use the helpers int and bool".to_owned()),
            }
            .map_err(|reason| self.fault(reason));
        }
        let value = match suffix {
            Some("int") => plain::integer(text).map(Value::Number),
            Some("float") => plain::float(text).map(Value::Number),
            None if is_plain => plain::resolve(text),
            None | Some("str") => Ok(Value::from(text)),
            // What null and bool may look like is what plain scalars may.
            Some(_) => plain::resolve(text),
        };
        value.map(Node::Fixed).map_err(|reason| self.fault(reason))
    }

    fn tagged(&self, tag: &Tag) -> Fault {
        self.fault(format!("the tag {} is not known", tag.original()))
    }

    fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::at(self.line, reason)
    }
}

/// Collections without placeholders are kept as values: they need no filling.
fn list(items: Vec<Node>) -> Node {
    if items.iter().any(|item| !matches!(item, Node::Fixed(_))) {
        return Node::List(items);
    }
    let values = items.into_iter().filter_map(|item| match item {
        Node::Fixed(value) => Some(value),
        _ => None,
    });
    Node::Fixed(values.collect())
}

fn mapping(members: Vec<(Node, Node)>) -> Node {
    let is_fixed =
        |(name, value): &(Node, Node)| matches!((name, value), (Node::Fixed(Value::String(_)), Node::Fixed(_)));
    if !members.iter().all(is_fixed) {
        return Node::Members(members);
    }
    let values = members.into_iter().filter_map(|member| match member {
        (Node::Fixed(Value::String(name)), Node::Fixed(value)) => Some((name, value)),
        _ => None,
    });
    Node::Fixed(Value::Object(values.collect()))
}

/// A collection as nodes again.
fn unfixed(node: Node) -> Node {
    match node {
        Node::Fixed(Value::Object(members)) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (Node::Fixed(name.into()), Node::Fixed(value)));
            Node::Members(members.collect())
        }
        Node::Fixed(Value::Array(items)) => Node::List(items.into_iter().map(Node::Fixed).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::folder::node::Prints;

    const MARK: char = '§';

    fn read(text: &str) -> Result<Vec<Value>, Fault> {
        let prints = Prints {
            mark: '\u{E000}',
            prints: &[],
        };
        let documents = documents(text, prints.mark)?;
        let filled = documents.iter().map(|document| document.filled(&prints));
        Ok(filled.collect::<Result<_, _>>().expect("nothing was printed"))
    }

    #[test]
    fn documents_are_read_as_pyyaml_composes_them() {
        for (text, expected) in [
            (
                "a: 1\n---\n---\n# nothing\n---\nb: [x, {c: 'yes'}]\n",
                json!([{"a": 1}, {"b": ["x", {"c": "yes"}]}]),
            ),
            (
                "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}",
                json!([{"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}]),
            ),
            (
                "a: {<<: [{b: 1}, {b: 2, c: 3}], c: 4}",
                json!([{"a": {"b": 1, "c": 4}}]),
            ),
            ("a: {c: 4, <<: {c: 5}}", json!([{"a": {"c": 4}}])),
            ("a: 1\na: 2", json!([{"a": 2}])),
            ("yes: 1\n7: 2\n~: 3", json!([{"true": 1, "7": 2, "null": 3}])),
            (
                "a: !!str 1\nb: !!int '7'\nc: !!float 1\nd: !!bool yes\ne: !!null ''",
                json!([{"a": "1", "b": 7, "c": 1.0, "d": true, "e": null}]),
            ),
            (
                "a: |\n  x\n  y\nb: >-\n  x\n  y\nc:",
                json!([{"a": "x\ny\n", "b": "x y", "c": null}]),
            ),
            (
                "a: \"0777\"\nb: 0777\nc: 12:30:00",
                json!([{"a": "0777", "b": 511, "c": 45000}]),
            ),
            ("{\"a\": [1, 2.5, null, true]}", json!([{"a": [1, 2.5, null, true]}])),
            ("", json!([])),
            ("# nothing\n", json!([])),
        ] {
            assert_eq!(read(text).map(Value::Array), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line) in [
            ("a: 1\nb: [", 2),
            ("a: 1\nb: !thing 1", 2),
            ("a: 1\nb: !!set {x}", 2),
            ("a: 1\nb: *x", 2),
            ("a: 1\nb: .inf", 2),
            ("a: 1\nb: {<<: 1}", 2),
            ("a: &x [*x]", 1),
            ("a: b: c", 1),
            ("a: {{ b }}", 1),
        ] {
            let fault = read(text).expect_err(text);
            assert_eq!(fault.line, Some(line), "{text}: {fault}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs = format!("{laughs}a{level}: &a{level} [{aliases}]\n");
        }
        for text in [laughs, "[".repeat(100_000), "{a: ".repeat(1000), "- ".repeat(1000)] {
            assert!(read(&text).is_err());
        }
    }

    #[test]
    fn a_placeholder_never_makes_structure() {
        let nodes = documents("a: §0§\n§0§: '§1§'\nb: [x§0§]\nc: !!str §0§", MARK).expect("YAML");
        let printed = |text: &str, plain| Node::printed(text, MARK, plain).expect("a placeholder");
        let text = |text: &str| Node::Fixed(json!(text));
        let expected = Node::Members(vec![
            (text("a"), printed("§0§", true)),
            (printed("§0§", true), printed("§1§", false)),
            (text("b"), Node::List(vec![printed("x§0§", true)])),
            (text("c"), printed("§0§", false)),
        ]);
        assert_eq!(nodes, [expected]);
        assert!(documents("a: !!int §0§", MARK).is_err());
    }
}
