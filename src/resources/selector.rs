//! Kubernetes' label selectors as text: `a=b,c!=d,e in (x,y),f notin (z),g,!h`.

use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

/// All of these have to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    label: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    /// Or absent.
    NotIn(Vec<String>),
}

impl Selector {
    /// Whether these labels are selected; `value` gives the value of a label.
    pub fn matches<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.0.iter().all(|Requirement { label, test }| {
            let value = value(label);
            let is_among = |values: &[String]| value.is_some_and(|value| values.iter().any(|other| other == value));
            match test {
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::In(values) => is_among(values),
                Test::NotIn(values) => !is_among(values),
            }
        })
    }

    /// As objects of the API have them.
    #[must_use]
    pub fn requirements(&self) -> Vec<LabelSelectorRequirement> {
        let requirement = |Requirement { label, test }: &Requirement| {
            let (operator, values) = match test {
                Test::Exists => ("Exists", None),
                Test::Absent => ("DoesNotExist", None),
                Test::In(values) => ("In", Some(values.clone())),
                Test::NotIn(values) => ("NotIn", Some(values.clone())),
            };
            LabelSelectorRequirement {
                key: label.clone(),
                operator: operator.to_owned(),
                values,
            }
        };
        self.0.iter().map(requirement).collect()
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let requirements = parts(text).into_iter().map(requirement);
        Ok(Self(requirements.collect::<Result<_, _>>()?))
    }
}

/// Parts between commas that are not in parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut split = text.split(|letter: char| {
        match letter {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        letter == ',' && !inside
    });
    split.by_ref().map(str::trim).collect()
}

fn requirement(part: &str) -> Result<Requirement, String> {
    let one = |value: &str| vec![value.trim().to_owned()];
    let (label, test) = if let Some(label) = part.strip_prefix('!') {
        (label, Test::Absent)
    } else if let Some((label, values)) = part.split_once('(') {
        set(label.trim(), values)?
    } else if let Some((label, value)) = part.split_once("!=") {
        (label, Test::NotIn(one(value)))
    } else if let Some((label, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (label, Test::In(one(value)))
    } else {
        (part, Test::Exists)
    };
    let label = label.trim();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    let values = match &test {
        Test::In(values) | Test::NotIn(values) => values.as_slice(),
        Test::Exists | Test::Absent => &[],
    };
    if label.is_empty() || !label.chars().all(is_name) || !values.iter().all(|value| value.chars().all(is_name)) {
        return Err(format!(
            "{part:?} is no requirement: say label, !label, label=value or label in (value,…)"
        ));
    }
    Ok(Requirement {
        label: label.to_owned(),
        test,
    })
}

fn set<'p>(label: &'p str, values: &str) -> Result<(&'p str, Test), String> {
    let values = values.strip_suffix(')').ok_or("a list of values does not end")?;
    let values = values.split(',').map(|value| value.trim().to_owned()).collect();
    match label.rsplit_once(char::is_whitespace) {
        Some((label, "in")) => Ok((label, Test::In(values))),
        Some((label, "notin")) => Ok((label, Test::NotIn(values))),
        _ => Err(format!("{label:?} must end in in or notin")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_hold_as_in_kubernetes() {
        let labels = [("tier", "gold"), ("example.com/team", "a"), ("empty", "")];
        let value = |name: &str| labels.iter().find(|(label, _)| *label == name).map(|(_, value)| *value);
        for (text, matches) in [
            ("tier=gold", true),
            ("tier==gold", true),
            ("tier = gold , example.com/team = a", true),
            ("tier=silver", false),
            ("tier!=gold", false),
            ("other!=gold", true),
            ("tier in (silver, gold)", true),
            ("tier in (silver),empty", false),
            ("tier notin (silver,bronze)", true),
            ("other notin (silver)", true),
            ("tier", true),
            ("other", false),
            ("!other", true),
            ("! tier", false),
            ("empty=", true),
        ] {
            let selector: Selector = text.parse().expect(text);
            assert_eq!(selector.matches(value), matches, "{text}");
        }
    }

    #[test]
    fn objects_of_the_api_say_the_same() {
        let selector: Selector = "a=b,c!=d,e in (x,y),g,!h".parse().expect("is one");
        let requirements = serde_json::to_value(selector.requirements()).expect("is JSON");
        let wanted = serde_json::json!([
            {"key": "a", "operator": "In", "values": ["b"]},
            {"key": "c", "operator": "NotIn", "values": ["d"]},
            {"key": "e", "operator": "In", "values": ["x", "y"]},
            {"key": "g", "operator": "Exists"},
            {"key": "h", "operator": "DoesNotExist"},
        ]);
        assert_eq!(requirements, wanted);
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            "", ",", "a b", "a in x", "a in (x", "a on (x)", "=a", "a=b c", "!", "a=(b)",
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
