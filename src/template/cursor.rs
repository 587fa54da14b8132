//! The parser's place in the token stream, what is in scope there, and how it goes on behind a fault.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::lex::{Kind, Token};
use super::tree::Node;

/// A fault was recorded; the action cannot be understood further.
pub(super) struct Bad;

pub(super) type Parsed<T> = Result<T, Bad>;

/// What is visible at one place of one template.
pub(super) struct Scope {
    pub(super) variables: Vec<String>,
    pub(super) ranges: usize,
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
pub(super) struct Parser<'s> {
    pub(super) tokens: Vec<Token<'s>>,
    pub(super) next: usize,
    pub(super) faults: Vec<Fault>,
    pub(super) defined: BTreeMap<String, Vec<Node>>,
    pub(super) scope: Scope,
    pub(super) blocks: usize,
    pub(super) parens: usize,
}

impl<'s> Parser<'s> {
    pub(super) fn peek(&self) -> &Token<'s> {
        // The last token is never passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    pub(super) fn take(&mut self) -> Token<'s> {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    pub(super) fn peek_word(&mut self) -> &Token<'s> {
        self.skip_space();
        self.peek()
    }

    pub(super) fn take_word(&mut self) -> Token<'s> {
        self.skip_space();
        self.take()
    }

    pub(super) fn stopped(&self) -> bool {
        matches!(self.peek().kind, Kind::End | Kind::Error)
    }

    pub(super) fn fault(&mut self, line: usize, message: impl Into<String>) -> Bad {
        self.faults.push(Fault::new(line, message));
        Bad
    }

    pub(super) fn unexpected(&mut self, token: &Token<'s>, context: &str) -> Bad {
        match token.kind {
            // The token stream ends here, so everything that still waits for an end stays silent.
            Kind::Error if self.faults.iter().any(|fault| fault.message == token.text) => Bad,
            Kind::Error => self.fault(token.line, token.text.clone()),
            _ => self.fault(token.line, format!("unexpected {} in {context}", token.describe())),
        }
    }

    pub(super) fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'s>> {
        let token = self.take_word();
        if token.kind == kind {
            Ok(token)
        } else {
            Err(self.unexpected(&token, context))
        }
    }

    /// Goes on behind the action in which a fault was found.
    pub(super) fn recover(&mut self) {
        while !self.stopped() {
            if self.take().kind == Kind::RightDelim {
                break;
            }
        }
    }

    /// The value, or its default behind the action that could not be understood.
    pub(super) fn or_recover<T: Default>(&mut self, parsed: Parsed<T>) -> T {
        parsed.unwrap_or_else(|Bad| {
            // The fault may be the closing delimiter itself.
            if self.next == 0 || self.tokens[self.next.min(self.tokens.len()) - 1].kind != Kind::RightDelim {
                self.recover();
            }
            T::default()
        })
    }
}
