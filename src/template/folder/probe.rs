//! Trying a template out on nobody's namespace, so that what can never be rendered is found when it is read.

use std::borrow::Cow;

use serde_json::Value;

use super::scan::{Tag, Token};
use super::{Engine, Fault, Input, Template};

/// What became of a template that was tried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// For two made-up namespaces: one with every label and annotation that is asked for, one with none.
    pub documents: Vec<Value>,
    /// Both could be rendered. Where that depends on values, it is no fault that none were to be had.
    pub is_whole: bool,
}

impl Template {
    /// Renders for nobody.
    ///
    /// # Errors
    /// The template could be rendered for nobody.
    pub fn probe(&self) -> Result<Probed, Fault> {
        let names: Vec<_> = self.names.iter().map(String::as_str).collect();
        let (all, none) = (Input::probe(&names), Input::probe(&[]));
        let lenient = self.rendered(&none, |engine| match engine {
            Engine::Text(text) => Ok(Cow::Borrowed(text)),
            Engine::Bars(bars) => bars.render_leniently(none.context()).map(Cow::Owned),
            Engine::Jinja(jinja) => jinja.render(none.jinja()).map(Cow::Owned),
        });
        let mut probed = Probed {
            documents: Vec::new(),
            is_whole: true,
        };
        for documents in [self.documents(&all), lenient] {
            match documents {
                Ok(documents) => probed.documents.extend(documents),
                Err(fault) if fault.depends => probed.is_whole = false,
                Err(fault) => return Err(fault),
            }
        }
        Ok(probed)
    }
}

/// Labels and annotations by the names that the tags have for them: members and whatever is quoted.
pub(super) fn names(tags: &[Tag<'_>]) -> Vec<String> {
    let mut names = Vec::new();
    for tag in tags.iter().filter(|tag| tag.is_code()) {
        let holders = tag
            .text
            .match_indices("LABELS")
            .chain(tag.text.match_indices("ANNOTATIONS"));
        let members = holders.filter_map(|(at, holder)| member(&tag.text[at + holder.len()..]));
        names.extend(members.map(str::to_owned));
        let quoted = tag.tokens().into_iter().filter_map(|token| match token {
            Token::Text(text) => Some(text.to_owned()),
            _ => None,
        });
        names.extend(quoted);
    }
    names.sort();
    names.dedup();
    names
}

/// `.tier` or `.[example.com/tier]`.
fn member(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix(['.', '/'])?;
    if let Some(bracketed) = rest.strip_prefix('[') {
        return bracketed.split(']').next();
    }
    let end = rest.find(|letter: char| letter.is_whitespace() || "./)}|~,(+".contains(letter));
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::folder::Syntax;
    use crate::template::folder::scan::tags;

    fn probed(source: &str) -> Result<Probed, Fault> {
        Template::compile(source, Syntax::Auto)?.probe()
    }

    #[test]
    fn names_are_found_wherever_they_stand() {
        let source =
            "{{ LABELS.tier }}{{ANNOTATIONS.[example.com/a]}}{{lookup LABELS \"b/c\"}}{{ LABELS['d'] | upper }}";
        assert_eq!(names(&tags(source)), ["b/c", "d", "example.com/a", "tier"]);
    }

    #[test]
    fn what_a_namespace_may_lack_is_no_fault() {
        for source in [
            "a: {{ NAMESPACE }}-{{ LABELS.tier }}-{{ ANNOTATIONS.[example.com/a] }}",
            "a: {{ int LABELS.replicas }}\nb: {{ bool ANNOTATIONS.on }}",
            "{{#if LABELS.tier}}a: {{ LABELS.tier }}{{/if}}",
            "a: {{ default \"x\" LABELS.tier }}",
            "a: {{ LABELS.tier | upper }}\nb: {{ nobody }}",
            "a: {{ lookup (lookup (related \"ConfigMap\" \"a/b\") \"data\") \"c\" }}",
            "{% for name, value in LABELS.items() %}{% endfor %}a: 1",
            "{% if true %}a: {{ LABELS.size | int + LABELS.more | int }}{% endif %}",
            "{% if true %}a: {{ LABELS.size.nothing.more }}{% endif %}",
        ] {
            assert!(probed(source).is_ok(), "{source}: {:?}", probed(source));
        }
    }

    #[test]
    fn what_no_namespace_has_is_one() {
        for source in [
            "a: {{ NAMESPAZE }}",
            "a: {{ nothing LABELS.tier }}",
            "a: [{{ NAMESPACE }}",
            "a: [{{ lookup (related \"ConfigMap\" \"a/b\") \"c\" }}",
            "{{#if LABELS.tier}}a: 1{{else}}a: [{{/if}}",
            "{% if LABELS.tier %}a: 1{% else %}a: [{% endif %}",
            "a: {{ NAMESPACE | nothing }}",
            "a: 1\n{% include 'other' %}",
            "a: 1\n{% include 'template' %}",
        ] {
            assert!(probed(source).is_err(), "{source}");
        }
    }
}
