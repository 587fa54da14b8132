//! One reading of the folder: every manifest below it, links followed.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Most bytes of all files together: a folder is not a disk.
const MOST_BYTES: usize = 16 << 20;
/// Most files.
const MOST_FILES: usize = 4096;
/// Folders in folders; a link may lead back.
const DEEPEST: usize = 16;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Below the folder.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// Why a folder cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {}: {reason}", path.display())]
pub struct Unreadable {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system says.
    pub reason: String,
}

/// Every file, sorted by path, and when anything was changed last.
pub(super) fn folder(path: &Path) -> Result<(Vec<File>, SystemTime), Unreadable> {
    let mut reading = Reading {
        root: path,
        files: Vec::new(),
        bytes: 0,
        changed: SystemTime::UNIX_EPOCH,
    };
    reading.folder(path, 0)?;
    let Reading { mut files, changed, .. } = reading;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok((files, changed))
}

struct Reading<'r> {
    root: &'r Path,
    files: Vec<File>,
    bytes: usize,
    changed: SystemTime,
}

impl Reading<'_> {
    fn folder(&mut self, path: &Path, depth: usize) -> Result<(), Unreadable> {
        if depth > DEEPEST {
            return Err(unreadable(path, format!("more than {DEEPEST} folders deep")));
        }
        let wrap = |error: io::Error| unreadable(path, error.to_string());
        self.touch(&fs::metadata(path).map_err(wrap)?);
        for entry in fs::read_dir(path).map_err(wrap)? {
            let entry = entry.map_err(wrap)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // What a mounted ConfigMap's links lead to: `..data` and a folder named by the time.
            if name.starts_with("..") {
                self.touch(&fs::symlink_metadata(entry.path()).map_err(wrap)?);
                continue;
            }
            self.entry(&entry.path(), &name, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: &str, depth: usize) -> Result<(), Unreadable> {
        let is_manifest = [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            // A link that leads nowhere is no matter of ours, unless it should be a manifest.
            Err(_) if !is_manifest => return Ok(()),
            Err(error) => return Err(unreadable(path, error.to_string())),
        };
        if metadata.is_dir() {
            return self.folder(path, depth + 1);
        }
        if !is_manifest {
            return Ok(());
        }
        self.touch(&metadata);
        let room = MOST_BYTES - self.bytes;
        if self.files.len() >= MOST_FILES || usize::try_from(metadata.len()).is_ok_and(|length| length > room) {
            let reason = format!("more than {MOST_FILES} files or {MOST_BYTES} bytes");
            return Err(unreadable(self.root, reason));
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, error.to_string()))?;
        self.bytes += text.len().min(room);
        let below = path.strip_prefix(self.root).unwrap_or(path);
        self.files.push(File {
            path: below.display().to_string(),
            text,
        });
        Ok(())
    }

    /// The time of a change cannot be set by those who copy a file with its times.
    fn touch(&mut self, metadata: &Metadata) {
        let seconds = u64::try_from(metadata.ctime()).unwrap_or_default();
        let nanos = u32::try_from(metadata.ctime_nsec()).unwrap_or_default();
        self.changed = self.changed.max(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
    }
}

fn unreadable(path: &Path, reason: String) -> Unreadable {
    Unreadable {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(path: &Path) -> Vec<(String, String)> {
        let (files, _) = folder(path).expect("readable");
        files.into_iter().map(|file| (file.path, file.text)).collect()
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn manifests_are_read_in_the_order_of_their_paths() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in ["b.yaml", "a/z.yml", "a.yaml", "c.txt", "a/yaml", "d.json"] {
            write(&folder.path().join(path), path);
        }
        let expected = ["a.yaml", "a/z.yml", "b.yaml"].map(|path| (path.to_owned(), path.to_owned()));
        assert_eq!(read(folder.path()), expected);
    }

    #[test]
    fn a_mounted_config_map_is_read_once() {
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder.path().join("..2026_11_21/a.yaml"), "one");
        symlink("..2026_11_21", folder.path().join("..data")).expect("a link");
        symlink("..data/a.yaml", folder.path().join("a.yaml")).expect("a link");
        assert_eq!(read(folder.path()), [("a.yaml".to_owned(), "one".to_owned())]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("missing");
        let error = super::folder(&missing).expect_err("missing");
        assert_eq!(
            error.to_string(),
            format!(
                "cannot read {}: No such file or directory (os error 2)",
                missing.display()
            )
        );

        let dangling = folder.path().join("a.yaml");
        symlink("nowhere", &dangling).expect("a link");
        assert_eq!(super::folder(folder.path()).expect_err("dangling").path, dangling);
        fs::remove_file(&dangling).expect("removed");

        symlink("nowhere", folder.path().join("nothing")).expect("a link");
        assert!(read(folder.path()).is_empty());
        fs::write(folder.path().join("b.yml"), [0xFF, 0xFE]).expect("written");
        assert!(super::folder(folder.path()).is_err());
    }

    #[test]
    fn links_that_lead_back_end() {
        let folder = tempfile::tempdir().expect("a folder");
        symlink(".", folder.path().join("again")).expect("a link");
        let error = super::folder(folder.path()).expect_err("for ever");
        assert!(error.reason.contains("folders deep"), "{error}");
    }
}
