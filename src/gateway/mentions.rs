//! Whether a review can be about a pod that is marked, told from its text alone: most pods of a cluster are not, and
//! reading all of them would cost the most of what answering them costs.

use regex::bytes::Regex;

use super::Rules;
use crate::api::gateway::Gateway;
use crate::api::names::label;

/// JSON may write any character as `\u…`, and a slash as `\/`. Of letters, digits, `-`, `_`, `.` and `/` keys are made;
/// Go writes `<`, `>` and `&` so, of which commands are full.
const ESCAPES: &str = r"\\u00(?:2[d-fD-F]|3[0-9]|[4-7])|\\/";

/// Finds the keys of marks.
#[derive(Debug, Default)]
pub(super) struct Mentions(
    /// None where every pod may be concerned.
    Option<Regex>,
);

impl Mentions {
    /// Of all that gateways and rules go by.
    pub(super) fn of(gateways: &[Gateway], rules: &Rules) -> Self {
        if gateways.iter().any(|gateway| gateway.spec.matches.default) {
            return Self(None);
        }
        let matches = gateways.iter().map(|gateway| &gateway.spec.matches);
        let marks = matches.flat_map(|matches| [&matches.label, &matches.annotation].into_iter().flatten());
        let keys = marks.map(|mark| mark.key.as_str());
        let guarded = rules.hooks.labels.iter().map(String::as_str);
        let mut keys: Vec<_> = keys
            .chain(guarded)
            .chain([label::SET_GATEWAY])
            .map(regex::escape)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys.push(ESCAPES.to_owned());
        // So many keys that there can be no such expression are looked for by reading.
        Self(Regex::new(&keys.join("|")).ok())
    }

    /// False where no pod in this text is marked, whatever else the text is.
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|keys| keys.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Hooks;
    use super::super::fixture::marked;
    use super::*;

    #[test]
    fn only_what_mentions_a_mark_is_read() {
        let rules = Rules {
            hooks: Hooks {
                labels: vec!["guarded".to_owned()],
                ..Hooks::default()
            },
            ..Rules::default()
        };
        let mut gateways = vec![marked("foo", "example.org/foo", None), marked("bar", "b.r", None)];
        let mentions = Mentions::of(&gateways, &rules);
        for (text, expected) in [
            (r#"{"labels":{"app":"a"}}"#, false),
            (r#"{"labels":{"bar":"b-r"},"args":["\"\n\\"]}"#, false),
            (r#"{"labels":{"example.org/foo":"true"}}"#, true),
            (r#"{"labels":{"b.r":"true"}}"#, true),
            (r#"{"labels":{"guarded":"true"}}"#, true),
            (r#"{"annotations":{"setGateway":"true"}}"#, true),
            (r#"{"labels":{"example.org\/foo":"true"}}"#, true),
            (r#"{"labels":{"b\u002er":"true"}}"#, true),
            (r#"{"labels":{"b\u002Er":"true"}}"#, true),
            (r#"{"labels":{"\u0062.r":"true"}}"#, true),
            (r#"{"args":["\u003ctrue \u0026\u0026 true\u003e"]}"#, false),
        ] {
            assert_eq!(mentions.may_be_in(text.as_bytes()), expected, "{text}");
        }
        gateways[0].spec.matches.default = true;
        assert!(Mentions::of(&gateways, &rules).may_be_in(b"{}"));
    }
}
