//! Makes the syntax tree of a source by Go's grammar. Where Go stops at the first error, this goes on behind the
//! action that holds it, so that the author sees every fault at once.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::functions::{self, Lookup};
use super::lex::{Kind, Token, tokens};
use super::number;
use super::quote::unquote;
use super::tree::{Branch, Command, Node, Operand, Pipe, Range, Tree};

/// Source that is not literal may be this long.
pub(super) const MAX_SOURCE: usize = 64 * 1024;
/// So many actions may stand in one source.
const MAX_ACTIONS: usize = 1024;
/// Blocks, and parentheses, may be nested this deep; parser and rendering recurse no deeper.
const MAX_NESTING: usize = 32;

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

/// A fault was recorded; the action cannot be understood further.
struct Bad;

type Parsed<T> = Result<T, Bad>;

/// What a list of nodes ran into.
#[derive(PartialEq)]
enum Ending {
    End,
    Else,
    Stop,
}

/// What is visible at one place of one template.
struct Scope {
    variables: Vec<String>,
    ranges: usize,
}

impl Default for Scope {
    fn default() -> Self {
        Scope {
            variables: vec!["$".to_owned()],
            ranges: 0,
        }
    }
}

#[derive(Default)]
struct Parser<'s> {
    tokens: Vec<Token<'s>>,
    next: usize,
    faults: Vec<Fault>,
    defined: BTreeMap<String, Vec<Node>>,
    scope: Scope,
    blocks: usize,
    parens: usize,
}

impl<'s> Parser<'s> {
    fn peek(&self) -> &Token<'s> {
        // The last token is never passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token<'s> {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    fn peek_word(&mut self) -> &Token<'s> {
        self.skip_space();
        self.peek()
    }

    fn take_word(&mut self) -> Token<'s> {
        self.skip_space();
        self.take()
    }

    fn stopped(&self) -> bool {
        matches!(self.peek().kind, Kind::End | Kind::Error)
    }

    fn fault(&mut self, line: usize, message: impl Into<String>) -> Bad {
        self.faults.push(Fault::new(line, message));
        Bad
    }

    fn unexpected(&mut self, token: &Token<'s>, context: &str) -> Bad {
        match token.kind {
            // The token stream ends here, so everything that still waits for an end stays silent.
            Kind::Error if self.faults.iter().any(|fault| fault.message == token.text) => Bad,
            Kind::Error => self.fault(token.line, token.text.clone()),
            _ => self.fault(token.line, format!("unexpected {} in {context}", token.describe())),
        }
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'s>> {
        let token = self.take_word();
        if token.kind == kind {
            Ok(token)
        } else {
            Err(self.unexpected(&token, context))
        }
    }

    /// Goes on behind the action in which a fault was found.
    fn recover(&mut self) {
        while !self.stopped() {
            if self.take().kind == Kind::RightDelim {
                break;
            }
        }
    }

    /// The value, or its default behind the action that could not be understood.
    fn or_recover<T: Default>(&mut self, parsed: Parsed<T>) -> T {
        parsed.unwrap_or_else(|Bad| {
            // The fault may be the closing delimiter itself.
            if self.next == 0 || self.tokens[self.next.min(self.tokens.len()) - 1].kind != Kind::RightDelim {
                self.recover();
            }
            T::default()
        })
    }

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

    fn pipe(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let mut pipe = Pipe {
            line: self.peek_word().line,
            ..Pipe::default()
        };
        self.declarations(context, &mut pipe)?;
        loop {
            let token = self.peek_word().clone();
            match token.kind {
                kind if kind == end => {
                    self.next += 1;
                    break;
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::RawStr
                | Kind::Str
                | Kind::Variable
                | Kind::LeftParen => pipe.commands.push(self.command()?),
                Kind::Keyword if token.text == "nil" => pipe.commands.push(self.command()?),
                _ => {
                    self.next += 1;
                    return Err(self.unexpected(&token, context));
                }
            }
        }
        self.check_pipe(&pipe, context)?;
        if !pipe.assign {
            self.scope.variables.extend(pipe.variables.iter().cloned());
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, and for `range` also `$x, $y :=`.
    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Parsed<()> {
        while self.peek_word().kind == Kind::Variable {
            let start = self.next;
            let variable = self.take();
            let token = self.peek_word().clone();
            match token.kind {
                Kind::Assign | Kind::Declare => {
                    self.next += 1;
                    pipe.assign = token.kind == Kind::Assign;
                    pipe.variables.push(variable.text.into_owned());
                    return self.check_assigned(pipe);
                }
                Kind::Char if token.text == "," => {
                    self.next += 1;
                    pipe.variables.push(variable.text.into_owned());
                    if context != "range" || pipe.variables.len() > 1 {
                        return Err(self.fault(token.line, format!("too many declarations in {context}")));
                    }
                    if !matches!(
                        self.peek_word().kind,
                        Kind::Variable | Kind::RightDelim | Kind::RightParen
                    ) {
                        return Err(self.fault(token.line, "range can only initialize variables"));
                    }
                }
                _ => {
                    self.next = start;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Only what is declared can be assigned to.
    fn check_assigned(&mut self, pipe: &Pipe) -> Parsed<()> {
        let unknown = pipe
            .variables
            .iter()
            .find(|name| pipe.assign && !self.scope.variables.contains(name))
            .cloned();
        match unknown {
            Some(name) => Err(self.fault(pipe.line, format!("undefined variable: {name}"))),
            None => Ok(()),
        }
    }

    fn check_pipe(&mut self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return Err(self.fault(pipe.line, format!("missing value for {context}")));
        }
        let stage = pipe.commands.iter().skip(1).position(|command| {
            matches!(
                command.operands[0],
                Operand::Bool(_) | Operand::Dot | Operand::Nil | Operand::Number(_) | Operand::Str(..)
            )
        });
        match stage {
            Some(stage) => Err(self.fault(
                pipe.line,
                format!("non executable command in pipeline stage {}", stage + 2),
            )),
            None => Ok(()),
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.peek().clone();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => break,
                Kind::Pipe => {
                    self.next += 1;
                    break;
                }
                _ => {
                    self.next += 1;
                    return Err(self.unexpected(&token, "operand"));
                }
            }
        }
        if operands.is_empty() {
            let line = self.peek().line;
            return Err(self.fault(line, "empty command"));
        }
        Ok(Command { operands })
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let line = self.peek().line;
        let Some(term) = self.term()? else { return Ok(None) };
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.take().text[1..].to_owned());
        }
        if fields.is_empty() {
            return Ok(Some(term));
        }
        Ok(Some(match term {
            Operand::Field(mut names) => {
                names.append(&mut fields);
                Operand::Field(names)
            }
            Operand::Variable(name, _) => Operand::Variable(name, fields),
            Operand::Pipe(_) | Operand::Function(_) => Operand::Chain(Box::new(term), fields),
            term => {
                let quoted = super::quote::quote(term.to_string().as_bytes());
                return Err(self.fault(line, format!("unexpected . after term {quoted}")));
            }
        }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.peek_word().clone();
        self.next += 1;
        Ok(Some(match token.kind {
            Kind::Identifier => self.function(&token),
            Kind::Dot => Operand::Dot,
            Kind::Keyword if token.text == "nil" => Operand::Nil,
            Kind::Variable => {
                if !self.scope.variables.iter().any(|name| *name == token.text) {
                    // The rest of the action can still be understood.
                    let quoted = super::quote::quote(token.text.as_bytes());
                    self.fault(token.line, format!("undefined variable {quoted}"));
                }
                Operand::Variable(token.text.into_owned(), Vec::new())
            }
            Kind::Field => Operand::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => Operand::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => match number::constant(&token.text) {
                Ok(number) => Operand::Number(number),
                Err(message) => return Err(self.fault(token.line, message)),
            },
            Kind::LeftParen => return self.parenthesised(token.line).map(Some),
            Kind::Str | Kind::RawStr => match unquote(&token.text) {
                Some(text) => Operand::Str(text.into(), token.text.into_owned()),
                None => return Err(self.fault(token.line, "invalid syntax")),
            },
            _ => {
                self.next -= 1;
                return Ok(None);
            }
        }))
    }

    fn function(&mut self, token: &Token<'s>) -> Operand {
        match functions::lookup(&token.text) {
            Lookup::Found(function) => return Operand::Function(function),
            Lookup::LeftOut => {
                let quoted = super::quote::quote(token.text.as_bytes());
                self.fault(
                    token.line,
                    format!("function {quoted} not defined: it is left out on purpose"),
                );
            }
            Lookup::Unknown => {
                let quoted = super::quote::quote(token.text.as_bytes());
                self.fault(token.line, format!("function {quoted} not defined"));
            }
        }
        // The rest of the action can still be understood.
        Operand::Nil
    }

    fn parenthesised(&mut self, line: usize) -> Parsed<Operand> {
        if self.parens >= MAX_NESTING {
            return Err(self.fault(line, format!("parentheses are nested deeper than {MAX_NESTING}")));
        }
        self.parens += 1;
        let pipe = self.pipe("parenthesized pipeline", Kind::RightParen);
        self.parens -= 1;
        Ok(Operand::Pipe(Box::new(pipe?)))
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
