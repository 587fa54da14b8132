//! Parses what stands within an action: pipelines, their declarations, commands and operands.

use super::cursor::{Parsed, Parser};
use super::functions::{self, Lookup};
use super::lex::{Kind, Token};
use super::number;
use super::parse::MAX_NESTING;
use super::quote::unquote;
use super::tree::{Command, Operand, Pipe};

impl<'s> Parser<'s> {
    pub(super) fn pipe(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
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
