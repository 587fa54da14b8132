//! A folder of this machine with what the runtime reads: `config/` and `modules/`, as they are in a pod.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A folder of nobody else, which goes when it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes a new one below the system's folder for such.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let name = format!("stationmaster-workers-{:016x}", u64::from_ne_bytes(random));
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Folder { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the files of a configuration.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_config(&self, files: &BTreeMap<String, String>) -> io::Result<()> {
        write_config(&self.path, files)
    }

    /// Writes the modules of a release, in their order.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_modules(&self, folder: &str, modules: &[impl AsRef<[u8]>]) -> io::Result<()> {
        let folder = self.path.join("modules").join(folder);
        fs::create_dir_all(&folder)?;
        for (index, content) in modules.iter().enumerate() {
            fs::write(folder.join(index.to_string()), content)?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is the system's to clean up, as after a process that was killed.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Writes the files of a configuration below a folder.
///
/// # Errors
/// When they cannot be written.
pub fn write_config(folder: &Path, files: &BTreeMap<String, String>) -> io::Result<()> {
    let folder = folder.join("config");
    fs::create_dir_all(&folder)?;
    for (name, text) in files {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_laid_out_as_a_pod_and_goes() {
        let folder = Folder::new().unwrap();
        let path = folder.path().to_owned();
        folder
            .write_config(&BTreeMap::from([("config.capnp".to_owned(), "x".to_owned())]))
            .unwrap();
        folder.write_modules("a-1", &[&b"0"[..], &b"\xff"[..]]).unwrap();
        assert_eq!(fs::read(path.join("config/config.capnp")).unwrap(), b"x");
        assert_eq!(fs::read(path.join("modules/a-1/1")).unwrap(), b"\xff");
        drop(folder);
        assert!(!path.exists());
    }
}
