//! The static check: what is certain to be wrong with a template whatever the payload, found on its tree.

use std::collections::BTreeSet;

use super::fault::Fault;
use super::fields::DATA;
use super::functions::Function;
use super::quote::quote;
use super::tree::{Command, Node, Operand, Pipe, Tree};

/// Everything wrong with a tree that parsed.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut check = Check {
        tree,
        faults: Vec::new(),
        called: vec![],
        seen: BTreeSet::new(),
    };
    check.nodes(
        &tree.root,
        Scope {
            dot: Dot::Root,
            dollar: Dot::Root,
        },
    );
    while let Some((name, dot)) = check.called.pop() {
        if let Some(body) = tree.defined.get(name) {
            check.nodes(body, Scope { dot, dollar: dot });
        }
    }
    for (name, body) in &tree.defined {
        // What nobody calls is checked without knowing its dot.
        if !check.seen.iter().any(|(seen, _)| seen == name) {
            check.nodes(
                body,
                Scope {
                    dot: Dot::Unknown,
                    dollar: Dot::Unknown,
                },
            );
        }
    }
    check.faults
}

/// What is known of a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Dot {
    /// The template's data.
    Root,
    Unknown,
}

#[derive(Clone, Copy)]
struct Scope {
    dot: Dot,
    dollar: Dot,
}

struct Check<'t> {
    tree: &'t Tree,
    faults: Vec<Fault>,
    /// Templates that are called, and with what, whose bodies are still to be checked.
    called: Vec<(&'t str, Dot)>,
    seen: BTreeSet<(&'t str, Dot)>,
}

impl<'t> Check<'t> {
    fn fault(&mut self, line: usize, message: String) {
        let fault = Fault::new(line, message);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn nodes(&mut self, nodes: &'t [Node], scope: Scope) {
        for node in nodes {
            match node {
                Node::Text(_) | Node::Break | Node::Continue => {}
                Node::Action(pipe) => {
                    self.pipe(pipe, scope);
                }
                Node::Branch(branch) => {
                    for (pipe, body) in &branch.arms {
                        let dot = self.pipe(pipe, scope);
                        self.nodes(body, if branch.with { Scope { dot, ..scope } } else { scope });
                    }
                    self.nodes(branch.otherwise.as_deref().unwrap_or_default(), scope);
                }
                Node::Range(range) => {
                    self.pipe(&range.pipe, scope);
                    self.nodes(
                        &range.body,
                        Scope {
                            dot: Dot::Unknown,
                            ..scope
                        },
                    );
                    self.nodes(range.otherwise.as_deref().unwrap_or_default(), scope);
                }
                Node::Template { name, pipe, line } => {
                    let dot = pipe.as_ref().map_or(Dot::Unknown, |pipe| self.pipe(pipe, scope));
                    self.template(name, dot, *line);
                }
            }
        }
    }

    fn template(&mut self, name: &'t str, dot: Dot, line: usize) {
        if !self.tree.defined.contains_key(name) {
            self.fault(line, format!("template {} not defined", quote(name.as_bytes())));
        } else if self.seen.insert((name, dot)) {
            self.called.push((name, dot));
        }
    }

    /// Checks a pipeline and tells what is known of its value.
    fn pipe(&mut self, pipe: &'t Pipe, scope: Scope) -> Dot {
        let mut known = Dot::Unknown;
        for (stage, command) in pipe.commands.iter().enumerate() {
            known = self.command(command, stage > 0, pipe.line, scope);
        }
        if pipe.commands.len() == 1 { known } else { Dot::Unknown }
    }

    fn command(&mut self, command: &'t Command, piped: bool, line: usize, scope: Scope) -> Dot {
        let mut known = Dot::Unknown;
        for (index, operand) in command.operands.iter().enumerate() {
            let given = if index == 0 {
                (command.operands.len() - 1, usize::from(piped))
            } else {
                (0, 0)
            };
            known = self.operand(operand, given, line, scope);
        }
        if command.operands.len() == 1 {
            known
        } else {
            Dot::Unknown
        }
    }

    /// Checks an operand and tells what is known of it; `given` is how many arguments follow and are piped in.
    fn operand(&mut self, operand: &'t Operand, given: (usize, usize), line: usize, scope: Scope) -> Dot {
        match operand {
            Operand::Dot => return scope.dot,
            Operand::Variable(name, names) if name == "$" && names.is_empty() => return scope.dollar,
            Operand::Pipe(pipe) => return self.pipe(pipe, scope),
            Operand::Function(function) => self.arity(function, given, line),
            Operand::Field(names) => self.fields(scope.dot, names, line),
            Operand::Variable(name, names) if name == "$" => self.fields(scope.dollar, names, line),
            Operand::Chain(inner, names) => {
                let dot = self.operand(inner, (0, 0), line, scope);
                self.fields(dot, names, line);
            }
            _ => {}
        }
        Dot::Unknown
    }

    fn arity(&mut self, function: &Function, (given, piped): (usize, usize), line: usize) {
        if let Some(message) = function.arity_fault(given, piped) {
            self.fault(line, message);
        }
    }

    fn fields(&mut self, dot: Dot, names: &[String], line: usize) {
        if dot == Dot::Unknown {
            return;
        }
        let Some(first) = names.first() else { return };
        if !DATA.contains(&first.as_str()) {
            let known = DATA.map(|name| format!(".{name}")).join(" ");
            self.fault(line, format!("unknown field .{first}: the fields are {known}"));
        } else if let Some(second) = names.get(1) {
            self.fault(
                line,
                format!("can't evaluate field {second} in type string: .{first} is text"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::template::Template;

    fn faults(source: &str) -> Vec<String> {
        Template::parse(source)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|fault| fault.message)
            .collect()
    }

    const KNOWN: &str = "the fields are .Name .Namespace .Payload .Template .UID .Date";

    #[test]
    fn knows_the_fields_where_the_dot_is_the_data() {
        assert_eq!(
            faults("{{ .Nope }}\n{{ range .Payload }}{{ .x }}{{ $.Nada }}{{ end }}{{ with . }}{{ .No }}{{ end }}"),
            ["Nope", "Nada", "No"].map(|name| format!("unknown field .{name}: {KNOWN}"))
        );
        assert_eq!(faults("{{ (.).Nope }}{{ ($).Nope }}").len(), 1);
        assert!(faults("{{ with .Payload }}{{ .x }}{{ end }}{{ $x := . }}{{ (fromJson .Payload).x }}").is_empty());
    }

    #[test]
    fn refuses_fields_of_text() {
        assert_eq!(
            faults("{{ .Payload.x }}"),
            ["can't evaluate field x in type string: .Payload is text"]
        );
        assert_eq!(
            faults("{{ if $.Name.y }}{{ end }}"),
            ["can't evaluate field y in type string: .Name is text"]
        );
    }

    #[test]
    fn follows_the_data_into_defined_templates() {
        let defined = "{{ define \"x\" }}{{ .No }}{{ $.Way }}{{ end }}";
        assert_eq!(faults(&format!("{defined}{{{{ template \"x\" . }}}}")).len(), 2);
        assert_eq!(
            faults(&format!("{defined}{{{{ template \"x\" .Name | fromJson }}}}")),
            [""; 0]
        );
        assert_eq!(
            faults(&format!(
                "{defined}{{{{ range 3 }}}}{{{{ template \"x\" $ }}}}{{{{ end }}}}"
            ))
            .len(),
            2
        );
        assert!(faults(&format!("{defined}{{{{ block \"y\" 1 }}}}{{{{ .z }}}}{{{{ end }}}}")).is_empty());
        assert_eq!(faults("{{ template \"z\" }}"), ["template \"z\" not defined"]);
    }

    #[test]
    fn counts_arguments() {
        assert_eq!(
            faults("{{ upper }}{{ .Name | upper .UID }}{{ index | default }}{{ (trunc 1) }}"),
            [
                "wrong number of args for upper: want 1 got 0",
                "wrong number of args for upper: want 1 got 2",
                "wrong number of args for index: want at least 1 got 0",
                "wrong number of args for trunc: want 2 got 1",
            ]
        );
        assert!(faults("{{ .Name | trunc 1 | upper | default 2 }}").is_empty());
    }
}
