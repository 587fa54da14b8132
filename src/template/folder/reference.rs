//! What templates ask for beside the namespace: `related "ConfigMap" "platform/defaults"`, with literal arguments, so
//! that it is known before anything is rendered.

use std::fmt;

use super::scan::{Tag, Token};

/// The helper's name.
pub(super) const RELATED: &str = "related";

/// One object that a template refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// `ConfigMap`.
    pub kind: String,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    /// `defaults`.
    pub name: String,
}

impl Reference {
    /// From the two arguments: `Kind` of version v1 or `Kind.group/version`, and `namespace/name` or `name`.
    ///
    /// # Errors
    /// Says which part is not there.
    pub fn parse(kind: &str, key: &str) -> Result<Self, String> {
        let (kind, api_version) = kind.split_once('.').unwrap_or((kind, "v1"));
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        if kind.is_empty() || api_version.is_empty() || name.is_empty() || name.contains('/') {
            return Err(format!(
                "{RELATED} takes Kind or Kind.group/version, and namespace/name: not {kind:?} {key:?}"
            ));
        }
        Ok(Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The group and the key under which [`Related`](super::Related) has the object.
    #[must_use]
    pub fn keys(&self) -> (String, String) {
        let Self {
            api_version,
            kind,
            namespace,
            name,
        } = self;
        let slash = if namespace.is_empty() { "" } else { "/" };
        (format!("{kind}.{api_version}"), format!("{namespace}{slash}{name}"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, key) = self.keys();
        write!(f, "{group} {key}")
    }
}

/// Everything that some tags refer to, sorted, once; or the line of a call whose arguments are not literal.
pub(super) fn references(tags: &[Tag<'_>]) -> Result<Vec<Reference>, (usize, String)> {
    let mut found = Vec::new();
    for tag in tags.iter().filter(|tag| tag.is_code()) {
        let tokens = tag.tokens();
        let calls = (0..tokens.len()).filter(|at| is_call(&tokens, *at));
        for at in calls {
            found.push(called(&tokens[at + 1..]).map_err(|reason| (tag.line, reason))?);
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// `LABELS.related` is a label.
fn is_call(tokens: &[Token<'_>], at: usize) -> bool {
    let member = at > 0 && matches!(tokens[at - 1], Token::Sign('.'));
    tokens[at] == Token::Word(RELATED) && !member
}

fn called(arguments: &[Token<'_>]) -> Result<Reference, String> {
    let arguments = arguments.strip_prefix(&[Token::Sign('(')]).unwrap_or(arguments);
    match arguments {
        [Token::Text(kind), Token::Text(key), ..] | [Token::Text(kind), Token::Sign(','), Token::Text(key), ..] => {
            Reference::parse(kind, key)
        }
        _ => Err(format!(
            "the arguments of {RELATED} must be two strings: {RELATED} \"ConfigMap\" \"namespace/name\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::folder::scan::tags;

    fn found(source: &str) -> Vec<String> {
        let references = references(&tags(source)).expect("literal arguments");
        references.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn references_are_found_in_both_syntaxes_and_in_every_branch() {
        for source in [
            "{{#with (related \"ConfigMap\" \"platform/defaults\")}}{{data.region}}{{/with}}",
            "{% if false %}{{ related('ConfigMap', 'platform/defaults').data.region }}{% endif %}",
            "{{lookup (related \"ConfigMap.v1\" \"platform/defaults\") \"data\"}}{{! related nothing }}",
        ] {
            assert_eq!(found(source), ["ConfigMap.v1 platform/defaults"], "{source}");
        }
        assert_eq!(
            found("{{related \"Deployment.apps/v1\" \"a/b\"}}{{related \"Node\" \"c\"}}"),
            ["Deployment.apps/v1 a/b", "Node.v1 c"]
        );
        assert!(found("{{ LABELS.related }} related ConfigMap").is_empty());
    }

    #[test]
    fn arguments_that_are_not_literal_are_refused() {
        for source in [
            "\n{{ related \"ConfigMap\" NAMESPACE }}",
            "\n{{ related kind \"a/b\" }}",
            "\n{{ related }}",
            "\n{{ related \"ConfigMap\" \"a/b/c\" }}",
            "\n{{ related \"\" \"a/b\" }}",
        ] {
            assert_eq!(references(&tags(source)).expect_err(source).0, 2, "{source}");
        }
    }
}
