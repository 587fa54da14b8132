//! `render namespace`: the objects that a namespace gets from a folder, decided by the same functions as in the
//! cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cli::RenderNamespaceArgs;
use crate::clients::folder::{Folder, Timing};
use crate::commands::manifest;
use crate::resources::{Namespace, Set};
use crate::template::folder::Related;

/// Prints every object.
///
/// # Errors
/// The folder is no set, or a template cannot be rendered for this namespace; the text names file and line.
pub fn namespace(args: &RenderNamespaceArgs) -> anyhow::Result<()> {
    let folder = args.folder.folder().context("pass --templates-folder")?;
    let set = set(folder, args)?;
    let namespace = Namespace {
        name: args.name.clone(),
        labels: args.labels.iter().cloned().collect(),
        annotations: args.annotations.iter().cloned().collect(),
        related: Arc::new(related(&args.related)?),
    };
    for object in set.desired(&namespace)?.objects {
        let tree: Value = serde_json::from_str(object.manifest.get())?;
        manifest::print(&tree, args.output)?;
    }
    Ok(())
}

fn set(folder: &Path, args: &RenderNamespaceArgs) -> anyhow::Result<Set> {
    let files = Folder::new(folder.to_owned(), Timing::default()).read()?;
    let files = files.iter().map(|file| (&*file.path, &*file.text));
    match Set::compile(files, args.folder.options()) {
        Ok(set) => Ok(set),
        Err(faults) => {
            let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
            bail!("{} is no set of templates:\n{}", folder.display(), lines.join("\n"))
        }
    }
}

/// As metacontroller sends them.
fn related(files: &[PathBuf]) -> anyhow::Result<Related> {
    let mut groups: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for file in files {
        for object in manifest::objects(file)? {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let group = format!("{}.{}", text(&object["kind"]), text(&object["apiVersion"]));
            let (namespace, name) = (
                text(&object["metadata"]["namespace"]),
                text(&object["metadata"]["name"]),
            );
            groups
                .entry(group)
                .or_default()
                .insert(format!("{namespace}/{name}"), object);
        }
    }
    Ok(Related::new(groups))
}
