//! Which of the two engines a file is written for.

use super::scan::{Kind, Tag, Token};

/// How a folder's files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syntax {
    /// Jinja for a file with a statement, a Jinja comment or a filter; else handlebars.
    #[default]
    Auto,
    /// Handlebars, whatever a file looks like.
    Handlebars,
    /// Jinja, whatever a file looks like.
    Jinja,
}

impl Syntax {
    /// Whether a file with these tags is Jinja.
    pub(super) fn is_jinja(self, tags: &[Tag<'_>]) -> bool {
        match self {
            Self::Auto => tags.iter().any(is_jinjas),
            Self::Handlebars => false,
            Self::Jinja => true,
        }
    }
}

fn is_jinjas(tag: &Tag<'_>) -> bool {
    match tag.kind {
        Kind::Statement | Kind::JinjaComment => true,
        Kind::Comment => false,
        // `{{#each LABELS as |value key|}}` is handlebars' own use of the sign.
        Kind::Expression if tag.text.starts_with(['#', '/', '^', '>', '&', '*']) => false,
        Kind::Expression => tag.tokens().contains(&Token::Sign('|')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::folder::scan::tags;

    #[test]
    fn a_file_says_by_its_tags_what_it_is() {
        for (source, jinja) in [
            ("a: {{ NAMESPACE }}", false),
            ("a: {{#if LABELS.tier}}b{{/if}}", false),
            ("{{#each LABELS as |value key|}}{{/each}}", false),
            ("a: {{ default \"a|b\" LABELS.tier }}", false),
            ("a: |\n  {{ NAMESPACE }}", false),
            ("{{!-- {# no #} --}}", false),
            ("{{! no | filter }}", false),
            ("a: {{ NAMESPACE | upper }}", true),
            ("{% if NAMESPACE %}{% endif %}", true),
            ("{# a comment #}", true),
            ("{#a comment#}\na: 1", true),
        ] {
            assert_eq!(Syntax::Auto.is_jinja(&tags(source)), jinja, "{source}");
            assert!(Syntax::Jinja.is_jinja(&tags(source)));
            assert!(!Syntax::Handlebars.is_jinja(&tags(source)));
        }
    }
}
