//! The tags of a template, found without either engine: enough to tell the syntaxes apart and to know what a template
//! refers to before it is rendered.

/// Tags inside which nothing deeper than this is read; both engines recurse.
const DEEPEST: usize = 64;

/// What stands between a pair of delimiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{{ … }}`.
    Expression,
    /// `{% … %}`.
    Statement,
    /// `{{! … }}`.
    Comment,
    /// `{# … #}`.
    JinjaComment,
}

/// One tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag<'t> {
    pub(super) kind: Kind,
    /// Without the delimiters, and without what controls whitespace.
    pub(super) text: &'t str,
    /// Where it begins, from 1.
    pub(super) line: usize,
}

impl<'t> Tag<'t> {
    /// Whether an engine runs it.
    pub(super) fn is_code(&self) -> bool {
        matches!(self.kind, Kind::Expression | Kind::Statement)
    }

    /// Whether handlebars' blocks begin so.
    fn opens(&self) -> bool {
        self.kind == Kind::Expression && (self.text.starts_with('#') || self.text.starts_with('^'))
    }

    fn closes(&self) -> bool {
        self.kind == Kind::Expression && self.text.starts_with('/')
    }

    /// Words, strings and single signs, in their order.
    pub(super) fn tokens(&self) -> Vec<Token<'t>> {
        let mut tokens = Vec::new();
        let mut rest = self.text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, length) = match first {
                '"' | '\'' => {
                    let inner = &rest[1..];
                    let length = end_of_string(inner, first);
                    (Token::Text(&inner[..length]), (length + 2).min(rest.len()))
                }
                _ if is_word(first) => {
                    let length = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
                    (Token::Word(&rest[..length]), length)
                }
                _ => (Token::Sign(first), first.len_utf8()),
            };
            tokens.push(token);
            rest = rest[length..].trim_start();
        }
        tokens
    }
}

/// A piece of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name or a number.
    Word(&'t str),
    /// What stands in quotes.
    Text(&'t str),
    /// Anything else.
    Sign(char),
}

/// All tags of a source.
pub(super) fn tags(source: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut from = 0;
    while let Some(at) = source[from..].find('{').map(|found| from + found) {
        let rest = &source[at..];
        let Some((kind, open, close)) = delimiters(rest) else {
            from = at + 1;
            continue;
        };
        let inner = &rest[open.len()..];
        let length = match kind {
            Kind::Comment | Kind::JinjaComment => inner.find(close).unwrap_or(inner.len()),
            Kind::Expression | Kind::Statement => end_of_tag(inner, close),
        };
        let controls = |letter: char| matches!(letter, '~' | '-' | '{' | '}') || letter.is_whitespace();
        let line = source[..at].matches('\n').count() + 1;
        let text = inner[..length].trim_matches(controls);
        tags.push(Tag { kind, text, line });
        from = (at + open.len() + length + close.len()).min(source.len());
    }
    tags
}

/// Why a source must not reach an engine, with the line.
pub(super) fn too_deep(tags: &[Tag<'_>]) -> Option<(usize, String)> {
    let mut open = 0_usize;
    for tag in tags.iter().filter(|tag| tag.is_code()) {
        if tag.opens() {
            open += 1;
        } else if tag.closes() {
            open = open.saturating_sub(1);
        }
        if open > DEEPEST || parentheses(tag) > DEEPEST {
            return Some((tag.line, format!("nested deeper than {DEEPEST} levels")));
        }
    }
    None
}

/// Whether a source has tags that leave text out or repeat it.
pub(super) fn has_blocks(tags: &[Tag<'_>]) -> bool {
    tags.iter().any(|tag| tag.opens() || tag.kind == Kind::Statement)
}

fn parentheses(tag: &Tag<'_>) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for token in tag.tokens() {
        match token {
            Token::Sign('(' | '[') => open += 1,
            Token::Sign(')' | ']') => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn delimiters(rest: &str) -> Option<(Kind, &'static str, &'static str)> {
    // The longer ones first: each is the beginning of the next.
    let all = [
        (Kind::Comment, "{{!--", "--}}"),
        (Kind::Comment, "{{~!--", "--}}"),
        (Kind::Comment, "{{!", "}}"),
        (Kind::Comment, "{{~!", "}}"),
        (Kind::Expression, "{{", "}}"),
        (Kind::Statement, "{%", "%}"),
        (Kind::JinjaComment, "{#", "#}"),
    ];
    all.into_iter().find(|(_, open, _)| rest.starts_with(open))
}

/// Where a tag ends: at the first closing delimiter outside of quotes.
fn end_of_tag(inner: &str, close: &str) -> usize {
    let mut at = 0;
    while at < inner.len() {
        let rest = &inner[at..];
        if rest.starts_with(close) {
            return at;
        }
        let first = rest.chars().next().unwrap_or_default();
        at += first.len_utf8();
        if matches!(first, '"' | '\'') {
            at = (at + end_of_string(&inner[at..], first) + 1).min(inner.len());
        }
    }
    inner.len()
}

/// Where a string ends, its opening quote left off.
fn end_of_string(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in inner.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at,
            _ => {}
        }
    }
    inner.len()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(Kind, &str, usize)> {
        let tags = tags(source);
        tags.iter().map(|tag| (tag.kind, tag.text, tag.line)).collect()
    }

    #[test]
    fn tags_are_told_from_text() {
        let source =
            "a: {{ A }}\nb: {x: {{~#if B~}}1}\n{% set c = \"%}\" %}{# d #}{{!-- f }} g --}}{{{ E }}}\n{ plain }";
        let expected = [
            (Kind::Expression, "A", 1),
            (Kind::Expression, "#if B", 2),
            (Kind::Statement, "set c = \"%}\"", 3),
            (Kind::JinjaComment, "d", 3),
            (Kind::Comment, "f }} g", 3),
            (Kind::Expression, "E", 3),
        ];
        assert_eq!(kinds(source), expected);
    }

    #[test]
    fn what_does_not_end_ends_with_the_source() {
        for source in ["{{", "{{ \"}}", "{% a", "{# b", "{{!-- c", "x {{ é"] {
            assert_eq!(tags(source).len(), 1, "{source}");
        }
    }

    #[test]
    fn tokens_keep_strings_whole() {
        let tag = tags(r#"{{ f("a \" b", 'c|d') | g }}"#)[0];
        let expected = [
            Token::Word("f"),
            Token::Sign('('),
            Token::Text(r#"a \" b"#),
            Token::Sign(','),
            Token::Text("c|d"),
            Token::Sign(')'),
            Token::Sign('|'),
            Token::Word("g"),
        ];
        assert_eq!(tag.tokens(), expected);
    }

    #[test]
    fn depth_is_bounded() {
        let blocks = |count: usize| "{{#if a}}".repeat(count) + &"{{/if}}".repeat(count);
        assert_eq!(too_deep(&tags(&blocks(DEEPEST))), None);
        assert!(too_deep(&tags(&blocks(DEEPEST + 1))).is_some());
        let calls = format!("\n{{{{ {} }}}}", "(f ".repeat(DEEPEST + 1));
        assert_eq!(too_deep(&tags(&calls)).map(|(line, _)| line), Some(2));
        assert_eq!(too_deep(&tags(&"{{#if a}}{{/if}}".repeat(500))), None);
    }
}
