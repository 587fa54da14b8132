//! The templates of a whole folder: good together, or no set.

use std::fmt;

use super::cache::Cache;
use super::customize;
use super::desired::Desired;
use super::manifest::Manifest;
use super::{Error, Namespace};
use crate::api::hook::CustomizeAnswer;
use crate::template::folder::{self, Input, Reference, Syntax, Template};

/// How a folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Which engine its files are for.
    pub syntax: Syntax,
    /// A folder without a manifest is meant so.
    pub allow_empty: bool,
}

/// What is wrong with one file, or with the folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Its path below the folder; empty for the folder itself.
    pub file: String,
    /// From 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl Fault {
    /// The fault of one file.
    #[must_use]
    pub fn of(file: &str, fault: folder::Fault) -> Self {
        Self {
            file: file.to_owned(),
            line: fault.line,
            reason: fault.reason,
        }
    }

    /// The fault of a folder.
    #[must_use]
    pub fn of_folder(reason: impl Into<String>) -> Self {
        Self {
            file: String::new(),
            line: None,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line) {
            ("", _) => f.write_str(&self.reason),
            (file, Some(line)) => write!(f, "{file}:{line}: {}", self.reason),
            (file, None) => write!(f, "{file}: {}", self.reason),
        }
    }
}

/// A folder's templates, compiled and tried out.
#[derive(Debug)]
pub struct Set {
    templates: Vec<(String, Template)>,
    references: Vec<Reference>,
    pub(super) cache: Cache,
}

impl Set {
    /// Compiles the files of a folder: path and text of each, in their order.
    ///
    /// # Errors
    /// Everything that keeps the folder from being a set.
    pub fn compile<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f str)>,
        options: Options,
    ) -> Result<Self, Vec<Fault>> {
        let (mut templates, mut faults) = (Vec::new(), Vec::new());
        for (file, text) in files {
            match compiled(text, options.syntax) {
                Ok(template) => templates.push((file.to_owned(), template)),
                Err(fault) => faults.push(Fault::of(file, fault)),
            }
        }
        if templates.is_empty() && faults.is_empty() && !options.allow_empty {
            faults.push(Fault::of_folder("the folder has no manifests (*.yaml, *.yml)"));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let references = templates.iter().flat_map(|(_, template)| template.references());
        let mut references: Vec<_> = references.cloned().collect();
        references.sort();
        references.dedup();
        Ok(Self {
            templates,
            references,
            cache: Cache::default(),
        })
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.templates.len()
    }

    /// Whether there is no file, which was then meant so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// The objects that a namespace shall have.
    ///
    /// # Errors
    /// A template cannot be rendered for it: then nothing is known, and nothing may be removed either.
    pub fn desired(&self, namespace: &Namespace) -> Result<Desired, Error> {
        let Namespace {
            name,
            labels,
            annotations,
            related,
        } = namespace;
        let input = Input::new(name, labels, annotations, related.clone());
        let mut manifests = Vec::new();
        for (file, template) in &self.templates {
            let wrap = |fault| Fault::of(file, fault);
            for document in template.documents(&input).map_err(wrap)? {
                manifests.push(Manifest::of(document).map_err(|reason| wrap(reason.into()))?);
            }
        }
        Ok(Self::chosen(manifests, namespace))
    }

    /// What all templates refer to; the same for every namespace, because metacontroller keeps the answer.
    #[must_use]
    pub fn customize(&self) -> CustomizeAnswer {
        customize::answer(&self.references)
    }

    /// What all templates refer to.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.references
    }
}

/// One file, tried out: every document of it is an object for some namespace.
fn compiled(text: &str, syntax: Syntax) -> Result<Template, folder::Fault> {
    let template = Template::compile(text, syntax)?;
    let probed = template.probe()?;
    if probed.documents.is_empty() && probed.is_whole && !template.has_blocks() {
        return Err("the file has no manifest".to_owned().into());
    }
    for document in probed.documents {
        Manifest::of(document)?;
    }
    Ok(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: tenant}\n";

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let faults = Set::compile(files.iter().copied(), Options::default()).expect_err("no set");
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_bad_file_is_no_set_and_every_bad_file_is_named() {
        let files = [
            ("a.yaml", ACCOUNT),
            ("b.yaml", "a: 1\nb: ["),
            ("c.yaml", "kind: A"),
            ("d.yaml", "# nothing yet\n"),
            ("e.yaml", "{{ NAMESPAZE }}: 1"),
        ];
        let faults = faults(&files);
        assert!(faults[0].starts_with("b.yaml:2: no YAML: "), "{faults:?}");
        let rest = [
            "c.yaml: apiVersion must be text",
            "d.yaml: the file has no manifest",
            "e.yaml:1: NAMESPAZE has no value",
        ];
        assert_eq!(faults[1..], rest);
    }

    #[test]
    fn a_folder_without_manifests_is_no_set_unless_it_is_meant() {
        assert_eq!(faults(&[]), ["the folder has no manifests (*.yaml, *.yml)"]);
        let options = Options {
            allow_empty: true,
            ..Options::default()
        };
        assert!(Set::compile([], options).expect("an empty set").is_empty());
    }

    #[test]
    fn what_may_come_out_empty_is_a_manifest() {
        let files = [(
            "a.yaml",
            "{{#if (eq LABELS.tier \"gold\")}}\napiVersion: v1\nkind: A\nmetadata: {name: a}\n{{/if}}",
        )];
        let set = Set::compile(files, Options::default()).expect("a set");
        assert_eq!(set.len(), 1);
        let mut namespace = Namespace::default();
        for (tier, objects) in [("gold", 1), ("silver", 0)] {
            namespace.labels = [("tier".to_owned(), tier.to_owned())].into();
            assert_eq!(
                set.desired(&namespace).expect("desired").objects.len(),
                objects,
                "{tier}"
            );
        }
        let missing = set.desired(&Namespace::default()).expect_err("strict");
        assert!(missing.to_string().starts_with("a.yaml"), "{missing}");
    }
}
