//! The code of a release as one layer of a registry's artefact: `0`, `1`, … and `modules.json`, and nothing else. What is
//! read comes from a registry, where others may have put it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use tar::{Archive, Builder, Entry, EntryType};

use super::code::{Code, CodeModule};
use super::content::LISTING;
use super::image::append;
use crate::api::workers::ContentModule;

/// Most modules that are read; a template has fewer.
const MODULES: usize = 1024;

/// Why a layer is not the code of a release.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// It is no archive.
    #[error("it is no archive")]
    Archive(#[from] io::Error),
    /// Something in it is none of ours.
    #[error("it has {0:?}, which is no module")]
    Stranger(String),
    /// It has more entries than code can have.
    #[error("it has more than {MODULES} modules")]
    TooMany,
    /// What is in it is not what its list says.
    #[error("its modules are not those of its {LISTING}")]
    Listing,
}

/// The layer; equal code is equal bytes.
///
/// # Errors
/// None that happens: nothing is written but memory.
pub fn layer(code: &Code) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (number, module) in code.modules.iter().enumerate() {
        append(&mut builder, &number.to_string(), Some(&module.content))?;
    }
    let listing = serde_json::to_vec(&code.listing())?;
    append(&mut builder, LISTING, Some(&listing))?;
    builder.into_inner()
}

/// The code that is in a layer.
///
/// # Errors
/// It is not the code of a release, or has something else besides.
pub fn code(layer: &[u8]) -> Result<Code, ArtefactError> {
    let mut files = BTreeMap::new();
    for entry in Archive::new(layer).entries()? {
        let entry = entry?;
        let name = name(&entry).ok_or_else(|| stranger(&entry))?;
        if files.len() > MODULES {
            return Err(ArtefactError::TooMany);
        }
        let content = content(entry)?;
        if files.insert(name.clone(), content).is_some() {
            return Err(ArtefactError::Stranger(name));
        }
    }
    let listing = files.remove(LISTING).ok_or(ArtefactError::Listing)?;
    let listing: Vec<ContentModule> = serde_json::from_slice(&listing).map_err(|_| ArtefactError::Listing)?;
    let modules = listing.into_iter().enumerate().map(|(number, listed)| {
        Some(CodeModule {
            name: listed.name,
            module_type: listed.module_type,
            content: files.remove(&number.to_string())?,
        })
    });
    let modules = modules.collect::<Option<Vec<_>>>().ok_or(ArtefactError::Listing)?;
    let is_all = files.is_empty() && !modules.is_empty();
    is_all.then_some(Code { modules }).ok_or(ArtefactError::Listing)
}

/// The name of a plain file that code may have.
fn name(entry: &Entry<'_, &[u8]>) -> Option<String> {
    let path = entry.path_bytes();
    let name = std::str::from_utf8(&path).ok()?;
    let is_number = name.parse::<usize>().is_ok_and(|number| number.to_string() == name);
    let is_ours = entry.header().entry_type() == EntryType::Regular && (is_number || name == LISTING);
    is_ours.then(|| name.to_owned())
}

fn stranger(entry: &Entry<'_, &[u8]>) -> ArtefactError {
    let path = String::from_utf8_lossy(&entry.path_bytes()).chars().take(64).collect();
    ArtefactError::Stranger(path)
}

fn content(mut entry: Entry<'_, &[u8]>) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    // A layer that breaks off has less than it says.
    let is_whole = content.len() as u64 == entry.size();
    is_whole
        .then_some(content)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::workers::ModuleType;

    const TWO: &[u8] = br#"[{"name": "a.js", "type": "EsModule"}, {"name": "../b", "type": "Data"}]"#;

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            // As it stands: the builder would refuse some.
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn refused(entries: &[(&str, EntryType, &[u8])]) -> String {
        code(&archive(entries)).unwrap_err().to_string()
    }

    #[test]
    fn code_comes_back_as_it_was() {
        let module = |name: &str, content: &[u8]| CodeModule {
            name: name.to_owned(),
            module_type: ModuleType::Data,
            content: content.to_vec(),
        };
        let mut written = Code {
            modules: vec![module("a.js", b"\xff\0"), module("../b", b"")],
        };
        // Eleven: by their numbers, not by their names.
        written
            .modules
            .extend((2..11).map(|number| module(&format!("{number}"), b"x")));
        let layer = layer(&written).unwrap();
        assert_eq!(code(&layer).unwrap(), written);
        assert_eq!(layer, super::layer(&written).unwrap());
    }

    #[test]
    fn nothing_but_plain_files_of_ours_is_taken() {
        let listing = (LISTING, EntryType::Regular, TWO);
        for name in ["../0", "/0", "00", "+1", "a", "0/", ".", "", "modules.json/0", "-1"] {
            let told = refused(&[listing, (name, EntryType::Regular, b"x")]);
            assert_eq!(told, format!("it has {name:?}, which is no module"));
        }
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Directory,
            EntryType::Fifo,
        ] {
            assert_eq!(
                refused(&[listing, ("0", kind, b"")]),
                "it has \"0\", which is no module"
            );
        }
        let twice = refused(&[
            listing,
            ("0", EntryType::Regular, b"x"),
            ("0", EntryType::Regular, b"y"),
        ]);
        assert_eq!(twice, "it has \"0\", which is no module");
    }

    #[test]
    fn the_list_and_the_modules_are_one() {
        let (listing, file) = ((LISTING, EntryType::Regular, TWO), EntryType::Regular);
        assert!(code(&archive(&[listing, ("0", file, b"x"), ("1", file, b"y")])).is_ok());
        for entries in [
            vec![("0", file, b"x".as_slice()), ("1", file, b"y")],
            vec![listing, ("0", file, b"x")],
            vec![listing, ("0", file, b"x"), ("1", file, b"y"), ("2", file, b"z")],
            vec![(LISTING, file, b"{}")],
            vec![(LISTING, file, b"[]")],
        ] {
            assert_eq!(refused(&entries), "its modules are not those of its modules.json");
        }
        let many: Vec<_> = (0..1030).map(|number: usize| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(|name| (&**name, file, b"".as_slice())).collect();
        assert_eq!(refused(&many), "it has more than 1024 modules");
    }

    #[test]
    fn what_is_broken_is_refused() {
        let whole = archive(&[("0", EntryType::Regular, &[b'x'; 2000])]);
        for broken in [&whole[..1000], b"\0\x01nothing".as_slice()] {
            assert!(code(broken).is_err());
        }
        assert_eq!(
            code(b"").unwrap_err().to_string(),
            "its modules are not those of its modules.json"
        );
    }
}
