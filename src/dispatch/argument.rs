//! What Linux refuses to execute: a single argument or environment string that is too long.

use serde_json::Value;

use super::compiled::Error;
use super::containers::containers;

/// Linux takes 32 pages for one string of `execve`, the closing zero byte included.
const STRING_BYTES: usize = 131_072;

/// The first command, argument or environment variable that no process can be started with. Strings with actions
/// are short enough as source; what they render to is looked at when they are rendered.
pub(super) fn too_long(job_template: &Value) -> Option<Error> {
    containers(job_template).find_map(|container| {
        let word = container.words().find(|(_, _, word)| word.len() >= STRING_BYTES);
        let word =
            word.map(|(member, index, word)| error(format!("{}.{member}[{index}]", container.field), word.len()));
        word.or_else(|| {
            // The kernel sees one string: the name, an equals sign and the value.
            let long = |(index, name, value): (usize, &str, &str)| (index, name.len() + 1 + value.len());
            let mut variables = container.variables().map(long);
            let (index, length) = variables.find(|(_, length)| *length >= STRING_BYTES)?;
            Some(error(format!("{}.env[{index}].value", container.field), length))
        })
    })
}

fn error(field: String, length: usize) -> Error {
    let message = format!(
        "has {length} bytes, and Linux executes nothing with a string of {STRING_BYTES} bytes or more: mount a file instead"
    );
    Error { field, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_the_first_string_that_is_too_long() {
        let long = "x".repeat(STRING_BYTES);
        let tree = |list: &str, container: Value| json!({"spec": {"template": {"spec": {list: [container]}}}});
        let cases = [
            (
                tree("containers", json!({"command": ["a", long]})),
                Some("containers[0].command[1]"),
            ),
            (
                tree("initContainers", json!({"args": [long]})),
                Some("initContainers[0].args[0]"),
            ),
            (
                tree(
                    "containers",
                    json!({"env": [{"name": "A"}, {"name": "B", "value": long}]}),
                ),
                Some("containers[0].env[1].value"),
            ),
            (
                tree("containers", json!({"command": [long[1..]], "workingDir": long})),
                None,
            ),
            (tree("volumes", json!({"args": [long]})), None),
            (json!({"args": [long]}), None),
        ];
        for (tree, expected) in cases {
            let expected = expected.map(|field| format!("spec.jobTemplate.spec.template.spec.{field}"));
            assert_eq!(too_long(&tree).map(|error| error.field), expected);
        }
    }
}
