//! A JobTemplate's tree with every string parsed once. Rendering fills the tree's strings; no rendered text is ever
//! parsed again, so a payload can add nothing to a Job but text.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::argument;
use super::path::{Path, ROOT};
use crate::api::dispatch::shallow::LEVELS;
use crate::api::review::Cause;
use crate::template::{Input, Limits, Template};

/// Strings with actions that one template may have.
const TEXTS: usize = 1000;
/// Text that all strings of one Job may render to: the API server takes no object above 1.5 MiB.
const OUTPUT_BYTES: usize = 1024 * 1024;
/// Steps that all strings of one Job may take together, shared out evenly; a string of a small template is bounded by
/// the engine's own limit.
const STEPS: u64 = 4_000_000;

/// Why a template gives no Job with this input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Error {
    /// `spec.jobTemplate.spec.template.spec.containers[0].command[1]`.
    pub field: String,
    /// What is wrong there.
    pub message: String,
}

impl Error {
    /// The first of the faults that keep a template from being parsed.
    #[must_use]
    pub fn first(causes: &[Cause]) -> Self {
        let first = causes.first();
        let field = first.map_or(ROOT, |cause| &cause.field).to_owned();
        Self {
            field,
            message: first.map_or("cannot be parsed", |cause| &cause.message).to_owned(),
        }
    }
}

/// A JobTemplate that can be rendered.
#[derive(Debug)]
pub struct Compiled {
    root: Node,
    texts: usize,
}

#[derive(Debug)]
enum Node {
    /// A whole subtree without an action, copied as it is.
    Literal(Value),
    Text {
        template: Template,
        field: String,
    },
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Compiled {
    /// Parses every string of `spec.jobTemplate`, map values included, keys not.
    ///
    /// # Errors
    /// All faults at once, each with its field path.
    pub fn parse(job_template: &Value) -> Result<Self, Vec<Cause>> {
        let (compiled, faults) = read(job_template);
        if faults.is_empty() {
            Ok(compiled)
        } else {
            Err(faults.into_iter().map(|fault| fault.cause).collect())
        }
    }

    /// The Job's tree for one execution.
    ///
    /// # Errors
    /// The first string that cannot be rendered, or that no container could be started with.
    pub fn render(&self, input: &Input<'_>) -> Result<Value, Error> {
        let limits = Limits::default();
        let share = STEPS / u64::try_from(self.texts.max(1)).unwrap_or(u64::MAX);
        let limits = Limits {
            output: OUTPUT_BYTES,
            steps: limits.steps.min(share),
            ..limits
        };
        let mut rendering = Rendering { input, limits };
        let rendered = rendering.value(&self.root)?;
        match argument::too_long(&rendered) {
            Some(error) => Err(error),
            None => Ok(rendered),
        }
    }
}

/// The faults that a change brings. What the old tree has already, a faulty string in whatever place or the same
/// fault in the same place, is not the change's doing.
#[must_use]
pub fn new_causes(job_template: &Value, old: Option<&Value>) -> Vec<Cause> {
    let (_, faults) = read(job_template);
    if faults.is_empty() {
        return Vec::new();
    }
    let known = old.map(|old| read(old).1).unwrap_or_default();
    let texts: HashSet<&str> = known.iter().filter_map(|fault| fault.text).collect();
    let is_new = |fault: &Fault<'_>| match fault.text {
        Some(text) => !texts.contains(text),
        None => known.iter().all(|known| known.cause != fault.cause),
    };
    faults.into_iter().filter(is_new).map(|fault| fault.cause).collect()
}

fn read(job_template: &Value) -> (Compiled, Vec<Fault<'_>>) {
    let mut parser = Parser::default();
    let root = parser.node(job_template, &mut Path::new(ROOT));
    let Parser { texts, mut faults, .. } = parser;
    let mut whole = |cause| faults.push(Fault { cause, text: None });
    if let Some(error) = argument::too_long(job_template) {
        whole(Cause::too_long(error.field, error.message));
    }
    if texts > TEXTS {
        whole(Cause::too_long(
            ROOT,
            format!("must have at most {TEXTS} strings with actions, and has {texts}"),
        ));
    }
    (Compiled { root, texts }, faults)
}

/// What is wrong, and with which string if it is one string's fault.
struct Fault<'t> {
    cause: Cause,
    text: Option<&'t str>,
}

#[derive(Default)]
struct Parser<'t> {
    texts: usize,
    /// Objects and lists around the value that is looked at.
    levels: usize,
    faults: Vec<Fault<'t>>,
}

impl<'t> Parser<'t> {
    fn node(&mut self, value: &'t Value, path: &mut Path) -> Node {
        match value {
            Value::String(source) if source.contains("{{") => self.text(source, path),
            Value::Array(_) | Value::Object(_) if self.levels == LEVELS => {
                let message =
                    format!("is nested too deep: a Job template has at most {LEVELS} levels of objects and lists");
                self.faults.push(Fault {
                    cause: Cause::too_long(path.to_string(), message),
                    text: None,
                });
                Node::Literal(Value::Null)
            }
            Value::Array(_) | Value::Object(_) => {
                self.levels += 1;
                let node = self.inner(value, path);
                self.levels -= 1;
                node
            }
            literal => Node::Literal(literal.clone()),
        }
    }

    fn inner(&mut self, value: &'t Value, path: &mut Path) -> Node {
        match value {
            Value::Array(items) => {
                let nodes: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| path.at(index, |path| self.node(item, path)))
                    .collect();
                literal_when(&nodes, Node::is_literal, value).unwrap_or(Node::List(nodes))
            }
            Value::Object(members) => {
                let member = |(key, member): (&String, &'t Value)| {
                    (key.clone(), path.member(key, |path| self.node(member, path)))
                };
                let nodes: Vec<_> = members.iter().map(member).collect();
                literal_when(&nodes, |(_, node)| node.is_literal(), value).unwrap_or(Node::Map(nodes))
            }
            literal => Node::Literal(literal.clone()),
        }
    }

    fn text(&mut self, source: &'t str, path: &Path) -> Node {
        self.texts += 1;
        match Template::parse(source) {
            Ok(template) => Node::Text {
                template,
                field: path.to_string(),
            },
            Err(faults) => {
                // The line helps only where there are several.
                let one_line = !source.contains('\n');
                let message = |fault: crate::template::Fault| if one_line { fault.message } else { fault.to_string() };
                let fault = |fault| Fault {
                    cause: Cause::invalid(path.to_string(), message(fault)),
                    text: Some(source),
                };
                self.faults.extend(faults.into_iter().map(fault));
                Node::Literal(Value::Null)
            }
        }
    }
}

fn literal_when<T>(nodes: &[T], is_literal: impl Fn(&T) -> bool, value: &Value) -> Option<Node> {
    nodes.iter().all(is_literal).then(|| Node::Literal(value.clone()))
}

impl Node {
    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

struct Rendering<'r, 'i> {
    input: &'r Input<'i>,
    /// Its output shrinks with every string.
    limits: Limits,
}

impl Rendering<'_, '_> {
    fn value(&mut self, node: &Node) -> Result<Value, Error> {
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Text { template, field } => self.text(template, field),
            Node::List(nodes) => nodes
                .iter()
                .map(|node| self.value(node))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Node::Map(nodes) => {
                let member = |(key, node): &(String, Node)| Ok((key.clone(), self.value(node)?));
                nodes
                    .iter()
                    .map(member)
                    .collect::<Result<Map<_, _>, _>>()
                    .map(Value::Object)
            }
        }
    }

    fn text(&mut self, template: &Template, field: &str) -> Result<Value, Error> {
        let error = |message| Error {
            field: field.to_owned(),
            message,
        };
        let text = template
            .render(self.input, field, &self.limits)
            .map_err(|cause| error(cause.to_string()))?;
        self.limits.output = self
            .limits
            .output
            .checked_sub(text.len())
            .ok_or_else(|| error(format!("the Job has more than {OUTPUT_BYTES} bytes of rendered text")))?;
        Ok(Value::String(text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(payload: &str) -> Input<'_> {
        let date = jiff::Timestamp::UNIX_EPOCH;
        Input {
            name: "run",
            namespace: "default",
            payload,
            template: "sample",
            uid: "1-2-3",
            date,
        }
    }

    fn compiled(tree: &Value) -> Compiled {
        Compiled::parse(tree).expect("the fixture is a template")
    }

    fn pod(container: &Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main"}, container]}}}})
    }

    #[test]
    fn fills_strings_and_map_values_but_no_keys() {
        let tree = json!({"{{ .Name }}": {"a": ["{{ .Payload }}", "x{{ .Name }}y", 1, null, true]}, "b": {"c": ["d"]}});
        let expected = json!({"{{ .Name }}": {"a": ["p", "xruny", 1, null, true]}, "b": {"c": ["d"]}});
        assert_eq!(compiled(&tree).render(&input("p")), Ok(expected));
    }

    #[test]
    fn keeps_a_payload_text_whatever_it_looks_like() {
        for payload in ["{{ .Name }}", "\"}, \"a\": {\"", "a: b\n- c", "$(X)", "\u{0}"] {
            assert_eq!(
                compiled(&json!(["{{ .Payload }}"])).render(&input(payload)),
                Ok(json!([payload]))
            );
        }
    }

    #[test]
    fn copies_a_tree_without_actions_whole() {
        let tree = json!({"a": [{"b": "c"}, "}}"], "d": 1.5});
        let compiled = compiled(&tree);
        assert!(
            matches!(&compiled.root, Node::Literal(value) if *value == tree),
            "{compiled:?}"
        );
        assert_eq!(compiled.render(&input("")), Ok(tree));
    }

    #[test]
    fn names_the_field_that_cannot_be_rendered() {
        let tree = pod(&json!({"env": [{"name": "A", "value": "{{ index .Payload 5 }}"}]}));
        let error = compiled(&tree).render(&input("")).expect_err("the template fails");
        assert_eq!(
            error.field,
            "spec.jobTemplate.spec.template.spec.containers[1].env[0].value"
        );
        assert!(error.message.contains("out of range"), "{error}");
    }

    #[test]
    fn refuses_what_linux_cannot_execute() {
        let pod_field = |field: &str| format!("spec.jobTemplate.spec.template.spec.containers[1].{field}");
        let text = "{{ .Payload }}";
        let cases = [
            (json!({"command": ["x", text]}), "command[1]", 131_072),
            (json!({"args": [text]}), "args[0]", 131_072),
            (
                json!({"env": [{"name": "AB", "value": text}]}),
                "env[0].value",
                131_072 - 3,
            ),
        ];
        for (container, field, length) in cases {
            let compiled = compiled(&pod(&container));
            assert!(compiled.render(&input(&"x".repeat(length - 1))).is_ok(), "{field}");
            let error = compiled
                .render(&input(&"x".repeat(length)))
                .expect_err("one byte too many");
            assert_eq!(
                (error.field.as_str(), error.message.contains("131072 bytes")),
                (&*pod_field(field), true)
            );
        }
        let elsewhere = compiled(&json!({"metadata": {"annotations": {"a": text}}}));
        assert!(elsewhere.render(&input(&"x".repeat(200_000))).is_ok());
    }

    #[test]
    fn refuses_a_literal_that_linux_cannot_execute_at_once() {
        let tree = pod(&json!({"args": ["x".repeat(131_072)]}));
        let causes = Compiled::parse(&tree).expect_err("too long");
        assert_eq!(causes.len(), 1);
        assert_eq!(
            (causes[0].field.as_str(), causes[0].reason),
            (
                "spec.jobTemplate.spec.template.spec.containers[1].args[0]",
                "FieldValueTooLong"
            )
        );
    }

    #[test]
    fn bounds_what_all_strings_give_together() {
        let tree = json!({"a": vec!["{{ .Payload }}"; 11]});
        let compiled = compiled(&tree);
        assert!(compiled.render(&input(&"x".repeat(90_000))).is_ok());
        let error = compiled
            .render(&input(&"x".repeat(100_000)))
            .expect_err("over a mebibyte");
        assert_eq!(error.field, "spec.jobTemplate.a[10]");
    }

    #[test]
    fn bounds_how_many_strings_have_actions() {
        assert!(Compiled::parse(&json!(vec!["{{ .Name }}"; TEXTS])).is_ok());
        let message = "must have at most 1000 strings with actions, and has 1001";
        let causes = Compiled::parse(&json!(vec!["{{ .Name }}"; TEXTS + 1])).expect_err("one too many");
        assert_eq!(causes, [Cause::too_long(ROOT, message)]);
    }

    #[test]
    fn tells_new_faults_from_old_ones() {
        let old = json!(["{{ nofunc }}", "a"]);
        assert_eq!(new_causes(&json!(["a", "{{ nofunc }}"]), Some(&old)), []);
        let fields = |tree: &Value, old: Option<&Value>| -> Vec<String> {
            new_causes(tree, old).into_iter().map(|cause| cause.field).collect()
        };
        let both = json!(["{{ if }}", "{{ nofunc }}"]);
        assert_eq!(fields(&both, Some(&old)), ["spec.jobTemplate[0]"]);
        assert_eq!(fields(&both, None), ["spec.jobTemplate[0]", "spec.jobTemplate[1]"]);
        let long = pod(&json!({"args": ["x".repeat(131_072)]}));
        assert_eq!(fields(&long, Some(&long)), Vec::<String>::new());
        assert_eq!(fields(&long, Some(&json!({}))).len(), 1);
    }
}
