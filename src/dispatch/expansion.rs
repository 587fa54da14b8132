//! `$NAME` in a command or an argument: Kubernetes expands only `$(NAME)`, and only a shell expands the other form. The
//! author of `["echo", "$PAYLOAD"]` gets the eight characters printed.

use super::containers::Container;

/// Programs that run the word after `-c` as a script in which `$NAME` is theirs.
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "rbash"];

/// Programs that give `$` a meaning of their own in their arguments.
const INTERPRETERS: [&str; 17] = [
    "awk",
    "gawk",
    "mawk",
    "perl",
    "php",
    "jq",
    "yq",
    "envsubst",
    "expect",
    "tclsh",
    "pwsh",
    "powershell",
    "make",
    "mongo",
    "mongosh",
    "nu",
    "gomplate",
];

/// One warning for each word in which a variable stays as it is.
pub(super) fn warnings(container: &Container<'_>) -> Vec<String> {
    let mut reader = Reader::Plain;
    let mut warnings = Vec::new();
    for (member, index, word) in container.words() {
        let literal = reader.reads(word);
        if let Some(name) = literal.then(|| unexpanded(word, container)).flatten() {
            let declared = container.variables().any(|(_, variable, _)| variable == name);
            let remedy = if declared {
                format!("write $({name})")
            } else {
                "use sh -c".to_owned()
            };
            warnings.push(format!(
                "{}.{member}[{index}]: Kubernetes does not expand ${name}, it is passed as it is: {remedy}",
                container.field
            ));
        }
    }
    warnings
}

/// Who reads the next word.
enum Reader {
    /// The program, as it is.
    Plain,
    /// A shell's own options.
    Shell,
    /// A shell that has seen `-c`.
    Script,
    /// A program with a language in which `$` means something.
    Interpreter,
}

impl Reader {
    /// Whether this word is taken literally; moves on to the next word.
    fn reads(&mut self, word: &str) -> bool {
        let option = word.starts_with(['-', '+']);
        let program = word.rsplit('/').next().unwrap_or(word);
        match self {
            Self::Plain if SHELLS.contains(&program) => *self = Self::Shell,
            Self::Plain if INTERPRETERS.contains(&program) => *self = Self::Interpreter,
            Self::Shell if option && !word.starts_with("--") && word.contains('c') => *self = Self::Script,
            // What follows the script is given to it as $0, $1 and so on, unexpanded.
            Self::Script if !option => {
                *self = Self::Plain;
                return false;
            }
            _ => {}
        }
        matches!(self, Self::Plain | Self::Shell)
    }
}

/// The first variable that the author expects to be expanded: one of the container's own, or named like one.
fn unexpanded<'w>(word: &'w str, container: &Container<'_>) -> Option<&'w str> {
    let expected = |name: &&str| {
        let conventional = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        conventional || container.variables().any(|(_, variable, _)| variable == *name)
    };
    literals(word).flat_map(names).find(expected)
}

/// The text outside of actions, which have variables of their own.
fn literals(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(word);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((literal, action)) = text.split_once("{{") else {
            return rest.take();
        };
        rest = action.split_once("}}").map(|(_, after)| after);
        Some(literal)
    })
}

/// The names in `$NAME` and `${NAME}`; `$$` is a dollar sign to Kubernetes as well.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('$')?;
            if let Some(escaped) = after.strip_prefix('$') {
                rest = escaped;
                continue;
            }
            let named = after.strip_prefix('{').unwrap_or(after);
            let end = named
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(named.len());
            rest = &named[end..];
            let name = &named[..end];
            if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                return Some(name);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::containers::containers;
    use super::*;

    fn warned(container: &Value) -> Vec<String> {
        let tree = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        containers(&tree).flat_map(|container| warnings(&container)).collect()
    }

    /// The places that are warned about.
    fn places(container: &Value) -> Vec<String> {
        let place = |warning: String| {
            warning
                .split_once("containers[0].")?
                .1
                .split_once(':')
                .map(|(at, _)| at.to_owned())
        };
        warned(container).into_iter().filter_map(place).collect()
    }

    #[test]
    fn tells_how_to_write_a_declared_variable() {
        let container =
            json!({"command": ["echo", "$PAYLOAD"], "env": [{"name": "PAYLOAD", "value": "{{ .Payload }}"}]});
        assert_eq!(
            warned(&container),
            [
                "spec.jobTemplate.spec.template.spec.containers[0].command[1]: Kubernetes does not expand $PAYLOAD, it is \
              passed as it is: write $(PAYLOAD)"
            ]
        );
    }

    #[test]
    fn tells_how_to_reach_any_other_variable() {
        assert_eq!(
            warned(&json!({"args": ["$HOME"]})),
            [
                "spec.jobTemplate.spec.template.spec.containers[0].args[0]: Kubernetes does not expand $HOME, it is passed \
              as it is: use sh -c"
            ]
        );
    }

    #[test]
    fn warns_where_nobody_expands() {
        let cases: [(Value, &[&str]); 8] = [
            (json!({"command": ["echo"], "args": ["a", "${FOO}/b"]}), &["args[1]"]),
            (
                json!({"command": ["echo", "$FOO", "$BAR"]}),
                &["command[1]", "command[2]"],
            ),
            (json!({"command": ["echo", "{{ .Name }}$FOO"]}), &["command[1]"]),
            (
                json!({"command": ["echo", "$foo"], "env": [{"name": "foo"}]}),
                &["command[1]"],
            ),
            (json!({"command": ["sh", "/run.sh", "$FOO"]}), &["command[2]"]),
            (
                json!({"command": ["sh", "-c", "echo $1", "--", "$FOO"]}),
                &["command[4]"],
            ),
            (json!({"command": ["echo", "$$(A) $B"]}), &["command[1]"]),
            (json!({"command": ["/bin/sh"], "args": ["x", "$FOO"]}), &["args[1]"]),
        ];
        for (container, expected) in cases {
            assert_eq!(places(&container), expected, "{container}");
        }
    }

    #[test]
    fn is_silent_where_somebody_does() {
        let cases = [
            json!({"command": ["echo", "$(PAYLOAD)", "a$", "$1", "$$HOME", "5$", "{{ $X := 1 }}{{ $X }}"]}),
            json!({"command": ["sh", "-c", "echo $PAYLOAD"]}),
            json!({"command": ["/bin/bash", "-euo", "pipefail", "-c", "echo ${PAYLOAD}"]}),
            json!({"command": ["bash", "-ec"], "args": ["echo $PAYLOAD"]}),
            json!({"args": ["sh", "-c", "echo $PAYLOAD"]}),
            json!({"command": ["/usr/bin/env", "bash", "-c", "echo $PAYLOAD"]}),
            json!({"command": ["tini", "--", "timeout", "5", "sh", "-c", "echo $PAYLOAD"]}),
            json!({"command": ["busybox", "sh", "-c", "echo $PAYLOAD"]}),
            json!({"command": ["awk", "{print $NF}"]}),
            json!({"command": ["/usr/bin/perl", "-e", "print $ENV{X}"]}),
            json!({"command": ["curl", "http://a/?$filter=b"]}),
            json!({"command": [], "args": null}),
            json!({"command": ["echo", "{{ `$FOO` }}"]}),
        ];
        for container in cases {
            assert_eq!(warned(&container), Vec::<String>::new(), "{container}");
        }
    }
}
