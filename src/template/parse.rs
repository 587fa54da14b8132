//! Makes the syntax tree of a source by Go's grammar. Where Go stops at the first error, this goes on behind the
//! action that holds it, so that the author sees every fault at once.

use super::cursor::{Parsed, Parser, Scope};
use super::fault::Fault;
use super::lex::{Kind, Token, tokens};
use super::quote::unquote;
use super::tree::{Branch, Node, Range, Tree};

/// Source that is not literal may be this long.
pub(super) const MAX_SOURCE: usize = 64 * 1024;
/// So many actions may stand in one source.
const MAX_ACTIONS: usize = 1024;
/// Blocks, and parentheses, may be nested this deep; parser and rendering recurse no deeper.
pub(super) const MAX_NESTING: usize = 32;

/// The tree of a source, or everything that is wrong with its syntax.
pub(super) fn parse(source: &str) -> Result<Tree, Vec<Fault>> {
    let tokens = tokens(source);
    let mut parser = Parser {
        tokens,
        next: 0,
        faults: Vec::new(),
        scope: Scope::default(),
        ..Parser::default()
    };
    if source.len() > MAX_SOURCE {
        return Err(vec![Fault::new(
            1,
            format!("the template is longer than {MAX_SOURCE} bytes"),
        )]);
    }
    if parser
        .tokens
        .iter()
        .filter(|token| token.kind == Kind::LeftDelim)
        .count()
        > MAX_ACTIONS
    {
        return Err(vec![Fault::new(
            1,
            format!("the template has more than {MAX_ACTIONS} actions"),
        )]);
    }
    let root = parser.source();
    if parser.faults.is_empty() {
        Ok(Tree {
            root,
            defined: parser.defined,
        })
    } else {
        Err(parser.faults)
    }
}

/// What a list of nodes ran into.
#[derive(PartialEq)]
enum Ending {
    End,
    Else,
    Stop,
}

impl<'s> Parser<'s> {
    fn source(&mut self) -> Vec<Node> {
        let mut root = Vec::new();
        loop {
            match self.list(&mut root, true) {
                Ending::Stop => return root,
                ending => {
                    let word = if ending == Ending::End { "{{end}}" } else { "{{else}}" };
                    let line = self.peek().line;
                    self.fault(line, format!("unexpected {word}"));
                    if ending == Ending::Else {
                        self.recover_else();
                    }
                }
            }
        }
    }

    /// Passes the rest of an `else` that belongs to nothing.
    fn recover_else(&mut self) {
        if self.peek().is("if") || self.peek().is("with") {
            self.recover();
        }
    }

    /// Nodes up to an `end`, an `else` or the end of the source.
    fn list(&mut self, nodes: &mut Vec<Node>, top: bool) -> Ending {
        while !self.stopped() {
            let token = self.take();
            if token.kind == Kind::Text {
                nodes.push(Node::Text(token.text.into_owned()));
                continue;
            }
            if token.kind != Kind::LeftDelim {
                let unexpected = Err(self.unexpected(&token, "input"));
                self.or_recover::<()>(unexpected);
                continue;
            }
            let word = self.peek_word();
            if word.is("end") {
                self.next += 1;
                let closed = self.expect(Kind::RightDelim, "end").map(|_| ());
                self.or_recover(closed);
                return Ending::End;
            }
            if word.is("else") {
                self.next += 1;
                let word = self.peek_word();
                if !word.is("if") && !word.is("with") {
                    let closed = self.expect(Kind::RightDelim, "else").map(|_| ());
                    self.or_recover(closed);
                }
                return Ending::Else;
            }
            let node = if top && word.is("define") {
                self.define().map(|()| None)
            } else {
                self.action()
            };
            if let Some(node) = self.or_recover(node) {
                nodes.push(node);
            }
        }
        let token = self.peek().clone();
        if token.kind == Kind::Error {
            self.unexpected(&token, "input");
        }
        Ending::Stop
    }

    fn action(&mut self) -> Parsed<Option<Node>> {
        let token = self.peek_word().clone();
        let keyword = if token.kind == Kind::Keyword {
            token.text.as_ref()
        } else {
            ""
        };
        let node = match keyword {
            "break" | "continue" => {
                self.next += 1;
                self.jump(&token)?
            }
            "if" | "with" => {
                self.next += 1;
                Node::Branch(self.branch(&token))
            }
            "range" => {
                self.next += 1;
                Node::Range(Box::new(self.range()))
            }
            "template" => {
                self.next += 1;
                self.template("template clause")?
            }
            "block" => {
                self.next += 1;
                self.block()?
            }
            _ => Node::Action(self.pipe("command", Kind::RightDelim)?),
        };
        Ok(Some(node))
    }

    fn jump(&mut self, word: &Token<'s>) -> Parsed<Node> {
        self.expect(Kind::RightDelim, &format!("{{{{{}}}}}", word.text))?;
        if self.scope.ranges == 0 {
            return Err(self.fault(word.line, format!("{{{{{}}}}} outside {{{{range}}}}", word.text)));
        }
        Ok(if word.text == "break" {
            Node::Break
        } else {
            Node::Continue
        })
    }

    /// A body up to its `end` or `else`; nesting is bounded here.
    fn body(&mut self) -> (Vec<Node>, Ending) {
        let mut nodes = Vec::new();
        if self.blocks >= MAX_NESTING {
            let line = self.peek().line;
            self.fault(line, format!("blocks are nested deeper than {MAX_NESTING}"));
            self.next = self.tokens.len();
            return (nodes, Ending::Stop);
        }
        self.blocks += 1;
        let ending = self.list(&mut nodes, false);
        self.blocks -= 1;
        if ending == Ending::Stop && self.faults.is_empty() {
            let line = self.peek().line;
            self.fault(line, "unexpected EOF");
        }
        (nodes, ending)
    }

    /// The body behind `else`, which must be the last one.
    fn otherwise(&mut self) -> Vec<Node> {
        let (body, ending) = self.body();
        if ending == Ending::Else {
            let line = self.peek().line;
            self.fault(line, "expected end; found {{else}}");
            self.recover_else();
            self.body();
        }
        body
    }

    fn branch(&mut self, first: &Token<'s>) -> Branch {
        let word = first.text.as_ref();
        let visible = self.scope.variables.len();
        let mut arms = Vec::new();
        let mut otherwise = None;
        loop {
            let pipe = self.pipe(word, Kind::RightDelim);
            let pipe = self.or_recover(pipe);
            let (body, ending) = self.body();
            arms.push((pipe, body));
            if ending != Ending::Else {
                break;
            }
            if self.peek().is(word) {
                self.next += 1;
                continue;
            }
            otherwise = Some(self.otherwise());
            break;
        }
        self.scope.variables.truncate(visible);
        Branch {
            with: word == "with",
            arms,
            otherwise,
        }
    }

    fn range(&mut self) -> Range {
        let visible = self.scope.variables.len();
        let pipe = self.pipe("range", Kind::RightDelim);
        let pipe = self.or_recover(pipe);
        self.scope.ranges += 1;
        let (body, ending) = self.body();
        self.scope.ranges -= 1;
        let otherwise = (ending == Ending::Else).then(|| self.otherwise());
        self.scope.variables.truncate(visible);
        Range { pipe, body, otherwise }
    }

    fn name(&mut self, context: &str) -> Parsed<String> {
        let token = self.take_word();
        match token.kind {
            Kind::Str | Kind::RawStr => match unquote(&token.text) {
                Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
                None => Err(self.fault(token.line, "invalid syntax")),
            },
            _ => Err(self.unexpected(&token, context)),
        }
    }

    fn template(&mut self, context: &str) -> Parsed<Node> {
        let line = self.peek().line;
        let name = self.name(context)?;
        if self.peek_word().kind == Kind::RightDelim {
            self.next += 1;
            return Ok(Node::Template { name, pipe: None, line });
        }
        let pipe = Some(self.pipe(context, Kind::RightDelim)?);
        Ok(Node::Template { name, pipe, line })
    }

    fn define(&mut self) -> Parsed<()> {
        let line = self.take_word().line;
        let name = self.name("define clause")?;
        self.expect(Kind::RightDelim, "define clause")?;
        self.definition(name, "define clause", line);
        Ok(())
    }

    fn block(&mut self) -> Parsed<Node> {
        let line = self.peek().line;
        let name = self.name("block clause")?;
        let pipe = Some(self.pipe("block clause", Kind::RightDelim)?);
        self.definition(name.clone(), "block clause", line);
        Ok(Node::Template { name, pipe, line })
    }

    /// The body of a named template, which sees nothing of what surrounds it.
    fn definition(&mut self, name: String, context: &str, line: usize) {
        let outer = std::mem::take(&mut self.scope);
        let (body, ending) = self.body();
        self.scope = outer;
        if ending == Ending::Else {
            self.fault(line, format!("unexpected {{{{else}}}} in {context}"));
            self.recover_else();
            self.body();
        }
        match self.defined.get(&name) {
            Some(present) if !is_empty(present) => {
                if !is_empty(&body) {
                    let quoted = super::quote::quote(name.as_bytes());
                    self.fault(line, format!("template: multiple definition of template {quoted}"));
                }
            }
            _ => {
                self.defined.insert(name, body);
            }
        }
    }
}

/// Whether a body holds nothing but spaces.
fn is_empty(nodes: &[Node]) -> bool {
    nodes
        .iter()
        .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(source: &str) -> Vec<String> {
        parse(source)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|fault| fault.message)
            .collect()
    }

    #[test]
    fn names_every_fault_of_a_source() {
        assert_eq!(
            faults("{{ nofunc }}{{ if }}a{{ end }}{{ $x }}{{ end }}{{ else }}{{ .A | 1 }}{{ break }}"),
            [
                "function \"nofunc\" not defined",
                "missing value for if",
                "undefined variable \"$x\"",
                "unexpected {{end}}",
                "unexpected {{else}}",
                "non executable command in pipeline stage 2",
                "{{break}} outside {{range}}",
            ]
        );
    }

    #[test]
    fn refuses_what_misses_its_end() {
        for source in [
            "{{ if . }}a",
            "{{ range . }}",
            "{{ with . }}{{ else }}",
            "{{ define \"x\" }}a",
        ] {
            assert_eq!(faults(source), ["unexpected EOF"], "{source}");
        }
        assert_eq!(
            faults("{{ if . }}{{ else with . }}{{ end }}"),
            ["unexpected <with> in input"]
        );
        assert_eq!(faults("{{ .A"), ["unclosed action"]);
        assert_eq!(faults("{{ if .A"), ["unclosed action"]);
    }

    #[test]
    fn says_that_a_function_is_left_out_on_purpose() {
        assert_eq!(
            faults("{{ env \"HOME\" }}"),
            ["function \"env\" not defined: it is left out on purpose"]
        );
    }

    #[test]
    fn bounds_depth_and_length() {
        let deep = |open: &str, close: &str, n| format!("{}{}", open.repeat(n), close.repeat(n));
        assert!(
            faults(&deep("{{if .}}", "{{end}}", 2000 / 4))
                .iter()
                .any(|f| f.contains("nested deeper"))
        );
        assert!(faults(&format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)))[0].contains("nested deeper"));
        assert!(faults(&"{{.}}".repeat(2000))[0].contains("more than 1024 actions"));
        assert!(faults(&format!("{{{{.}}}}{}", "x".repeat(MAX_SOURCE)))[0].contains("longer than"));
        assert!(faults(&format!("{{{{if .}}}}{}{{{{end}}}}", "{{else if .}}".repeat(1000))).is_empty());
    }
}
