//! Lists of a pod whose elements have names, as a patch changes them: what is added is not added twice.

use super::namesakes::Place;
use crate::api::pod::{Element, PodSpec};
use crate::api::review::{Fragment, PatchOperation};

/// The lists of a pod that gateways add to.
pub(super) struct Lists<'v> {
    init_containers: List<'v>,
    containers: List<'v>,
    volumes: List<'v>,
}

impl<'v> Lists<'v> {
    pub(super) fn of(spec: &'v PodSpec<'_>) -> Self {
        Self {
            init_containers: List::new("/spec/initContainers", spec.init_containers.as_ref()),
            containers: List::new("/spec/containers", spec.containers.as_ref()),
            volumes: List::new("/spec/volumes", spec.volumes.as_ref()),
        }
    }

    pub(super) fn at(&mut self, place: Place) -> &mut List<'v> {
        match place {
            Place::InitContainers => &mut self.init_containers,
            Place::Containers => &mut self.containers,
            Place::Volumes => &mut self.volumes,
        }
    }
}

/// One list, and what the patch has made of it so far.
pub(super) struct List<'v> {
    path: &'static str,
    names: Option<Vec<&'v str>>,
}

/// Where something new goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

impl<'v> List<'v> {
    fn new(path: &'static str, found: Option<&'v Vec<Element<'_>>>) -> Self {
        let names = found.map(|found| found.iter().map(|element| &*element.name.0).collect());
        Self { path, names }
    }

    /// Adds an element, or replaces the one of that name unless it is kept.
    pub(super) fn put(
        &mut self,
        patch: &mut Vec<PatchOperation>,
        (name, value): (&'v str, &Fragment),
        end: End,
        keep: bool,
    ) {
        let found = self.position(name);
        if found.is_some() && keep {
            return;
        }
        if let Some(index) = found {
            patch.push(self.removal(index));
            patch.push(self.addition(&index.to_string(), value));
            return;
        }
        let names = self.names.get_or_insert_with(|| {
            patch.push(PatchOperation::Add {
                path: self.path.to_owned(),
                value: serde_json::Value::Array(Vec::new()),
            });
            Vec::new()
        });
        let (place, index) = match end {
            End::First if !names.is_empty() => ("0", 0),
            _ => ("-", names.len()),
        };
        names.insert(index, name);
        patch.push(self.addition(place, value));
    }

    /// Removes the element of that name, if there is one.
    pub(super) fn remove(&mut self, patch: &mut Vec<PatchOperation>, name: &str) {
        if let Some(index) = self.position(name) {
            patch.push(self.removal(index));
            self.names.get_or_insert_default().remove(index);
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names.as_ref()?.iter().position(|known| *known == name)
    }

    fn removal(&self, index: usize) -> PatchOperation {
        let path = format!("{}/{index}", self.path);
        PatchOperation::Remove { path }
    }

    fn addition(&self, place: &str, value: &Fragment) -> PatchOperation {
        PatchOperation::AddFragment {
            path: format!("{}/{place}", self.path),
            value: value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn patch(found: &Value, change: impl FnOnce(&mut List<'_>, &mut Vec<PatchOperation>, &Fragment)) -> Value {
        let text = found.to_string();
        let found: Option<Vec<Element<'_>>> = serde_json::from_str(&text).unwrap();
        let (mut list, mut patch) = (List::new("/l", found.as_ref()), Vec::new());
        change(&mut list, &mut patch, &Fragment::of(&json!({"name": "x"})));
        json!(patch)
    }

    fn added(path: &str) -> Value {
        json!({"op": "add", "path": path, "value": {"name": "x"}})
    }

    #[test]
    fn the_list_is_made_once() {
        let made = patch(&json!(null), |list, patch, value| {
            list.put(patch, ("x", value), End::First, false);
            list.put(patch, ("y", value), End::Last, false);
            list.put(patch, ("x", value), End::Last, true);
        });
        let list = json!({"op": "add", "path": "/l", "value": []});
        assert_eq!(made, json!([list, added("/l/-"), added("/l/-")]));
    }

    #[test]
    fn the_first_place_is_before_all() {
        let made = patch(&json!([{"name": "a"}, {"name": "y"}]), |list, patch, value| {
            list.put(patch, ("x", value), End::First, false);
            list.put(patch, ("y", value), End::Last, false);
        });
        assert_eq!(
            made,
            json!([added("/l/0"), {"op": "remove", "path": "/l/2"}, added("/l/2")])
        );
    }

    #[test]
    fn removes_what_is_there() {
        let made = patch(&json!([{"name": "a"}, {"name": "y"}]), |list, patch, value| {
            list.remove(patch, "a");
            list.remove(patch, "b");
            list.put(patch, ("y", value), End::Last, false);
        });
        let remove = json!({"op": "remove", "path": "/l/0"});
        assert_eq!(made, json!([remove, remove, added("/l/0")]));
    }
}
