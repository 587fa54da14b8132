//! The layer of an image that makes the files of a bundle part of it. Equal content is equal bytes.

use std::collections::BTreeMap;
use std::io;

use tar::{Builder, EntryType, Header};

/// What may be read, and nothing else: no user of a container changes its own code.
const FILE: u32 = 0o444;
const FOLDER: u32 = 0o555;

/// Why files are no layer.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// One path has two contents.
    #[error("there are two files {0}")]
    Twice(String),
    /// A path is none, or leads elsewhere.
    #[error("{0} cannot be a file of a layer")]
    Path(String, #[source] io::Error),
}

/// The layer with these files, by their paths from the root without the leading `/`, and with the folders that they are in.
///
/// # Errors
/// They cannot be files of one layer.
pub fn layer(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Vec<u8>, LayerError> {
    // Folders end in `/`, which sorts them before what is in them.
    let mut entries = BTreeMap::new();
    for (path, content) in files {
        for (slash, _) in path.match_indices('/') {
            entries.insert(path[..=slash].to_owned(), None);
        }
        if entries.insert(path.clone(), Some(content)).is_some() {
            return Err(LayerError::Twice(path));
        }
    }
    let mut builder = Builder::new(Vec::new());
    for (path, content) in &entries {
        let appended = append(&mut builder, path, content.as_deref());
        appended.map_err(|error| LayerError::Path(path.clone(), error))?;
    }
    builder
        .into_inner()
        .map_err(|error| LayerError::Path(String::new(), error))
}

/// Adds a file, or a folder where there is no content; without owner and without a time.
pub(super) fn append(builder: &mut Builder<Vec<u8>>, path: &str, content: Option<&[u8]>) -> io::Result<()> {
    let (kind, mode) = match content {
        Some(_) => (EntryType::Regular, FILE),
        None => (EntryType::Directory, FOLDER),
    };
    let content = content.unwrap_or_default();
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, path, content)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn files(paths: &[&str]) -> Vec<(String, Vec<u8>)> {
        let files = paths.iter();
        files
            .map(|path| ((*path).to_owned(), path.as_bytes().to_vec()))
            .collect()
    }

    /// Path, mode and content of each entry; no entry has an owner or a time.
    fn read(layer: &[u8]) -> Vec<(String, u32, String)> {
        let mut archive = tar::Archive::new(layer);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let header = entry.header();
            let owned = (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
            assert_eq!(owned, (0, 0, 0));
            let (mode, path) = (header.mode().unwrap(), entry.path().unwrap().display().to_string());
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            (path, mode, content)
        });
        entries.collect()
    }

    #[test]
    fn files_come_after_their_folders_and_nobody_may_write_them() {
        let layer = layer(files(&["bundle/modules/r/0", "bundle/config/a.capnp"])).unwrap();
        let folder = |path: &str| (path.to_owned(), 0o555, String::new());
        let file = |path: &str| (path.to_owned(), 0o444, path.to_owned());
        let expected = [
            folder("bundle/"),
            folder("bundle/config/"),
            file("bundle/config/a.capnp"),
            folder("bundle/modules/"),
            folder("bundle/modules/r/"),
            file("bundle/modules/r/0"),
        ];
        assert_eq!(read(&layer), expected);
    }

    #[test]
    fn equal_content_is_equal_bytes() {
        let paths = ["bundle/a", "bundle/b/c", "bundle/b/d", "bundle/b-c"];
        let mut other = paths;
        other.reverse();
        let one = layer(files(&paths)).unwrap();
        assert_eq!(one, layer(files(&other)).unwrap());
        let mut changed = files(&paths);
        changed[2].1.push(0);
        assert_ne!(one, layer(changed).unwrap());
        assert_eq!(one.len() % 512, 0);
    }

    #[test]
    fn long_paths_are_kept() {
        let path = format!("bundle/modules/{}/modules.json", "x".repeat(253));
        let last = read(&layer(files(&[&path])).unwrap()).pop().unwrap();
        assert_eq!(last, (path.clone(), 0o444, path));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in ["bundle/../etc/passwd", "/etc/passwd"] {
            let refused = layer(files(&[path])).unwrap_err().to_string();
            assert!(refused.ends_with("cannot be a file of a layer"), "{refused}");
        }
        let refused = layer(files(&["a", "a"])).unwrap_err().to_string();
        assert_eq!(refused, "there are two files a");
    }
}
