//! The containers of a Job's tree, with their field paths: for the checks that look at what will be executed.

use serde_json::Value;

use super::path::ROOT;

/// One container, init containers included.
pub(super) struct Container<'a> {
    /// `spec.jobTemplate.spec.template.spec.containers[0]`.
    pub(super) field: String,
    value: &'a Value,
}

/// All containers of a `spec.jobTemplate`; what is not shaped like one is left out.
pub(super) fn containers(job_template: &Value) -> impl Iterator<Item = Container<'_>> {
    let pod = &job_template["spec"]["template"]["spec"];
    ["initContainers", "containers"].into_iter().flat_map(move |list| {
        let items = pod[list].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().enumerate().map(move |(index, value)| Container {
            field: format!("{ROOT}.spec.template.spec.{list}[{index}]"),
            value,
        })
    })
}

impl<'a> Container<'a> {
    /// A member that is a string.
    pub(super) fn text(&self, member: &str) -> Option<&'a str> {
        self.value[member].as_str()
    }

    /// The strings of `command` and `args`, in the order in which they are executed; each with its member and index.
    pub(super) fn words(&self) -> impl Iterator<Item = (&'static str, usize, &'a str)> + use<'a> {
        let value = self.value;
        ["command", "args"].into_iter().flat_map(move |member| {
            let items = value[member].as_array().map(Vec::as_slice).unwrap_or_default();
            items
                .iter()
                .enumerate()
                .filter_map(move |(index, word)| Some((member, index, word.as_str()?)))
        })
    }

    /// Name and value of each environment variable that has a value of its own, or the value is empty.
    pub(super) fn variables(&self) -> impl Iterator<Item = (usize, &'a str, &'a str)> + use<'a> {
        let items = self.value["env"].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().enumerate().filter_map(|(index, variable)| {
            Some((
                index,
                variable["name"].as_str()?,
                variable["value"].as_str().unwrap_or_default(),
            ))
        })
    }
}
