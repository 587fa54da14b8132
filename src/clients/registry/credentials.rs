//! Who asks a registry: what Secrets of type `kubernetes.io/dockerconfigjson` say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

/// Docker Hub has three names, and keys of credentials use each.
const HUB: &str = "docker.io";
const ALSO_HUB: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];
/// A key may name the API of a registry, which is all of it.
const APIS: [&str; 3] = ["", "v1", "v2"];

/// Why a file has no credentials; never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It is not there, or not for us.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// It is something else.
    #[error("{} is not the .dockerconfigjson of a Secret of type kubernetes.io/dockerconfigjson", .0.display())]
    Json(PathBuf),
    /// One entry of it cannot be used.
    #[error("{}: `auth` of {key} is not the base64 of USER:PASSWORD", path.display())]
    Auth {
        /// Whose file it is.
        path: PathBuf,
        /// Whose entry.
        key: String,
    },
}

/// Credentials, the first that name a repository being those that count.
#[derive(Clone, Default)]
pub struct Credentials(Vec<Entry>);

#[derive(Clone)]
struct Entry {
    host: String,
    path: String,
    auth: RegistryAuth,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Listed>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl Credentials {
    /// Those of these files, the first of them first.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read(paths: &[PathBuf]) -> Result<Self, CredentialsError> {
        let mut entries = Vec::new();
        for path in paths {
            let text = fs::read(path).map_err(|error| CredentialsError::Read(path.clone(), error))?;
            entries.extend(entries_of(path, &text)?);
        }
        Ok(Self(entries))
    }

    /// Who asks for a repository.
    pub(super) fn of(&self, registry: &str, repository: &str) -> RegistryAuth {
        let found = self.0.iter().find(|entry| entry.is_of(registry, repository));
        found.map_or(RegistryAuth::Anonymous, |entry| entry.auth.clone())
    }
}

impl Entry {
    fn is_of(&self, registry: &str, repository: &str) -> bool {
        let below = repository.strip_prefix(&self.path);
        let is_below = below.is_some_and(|rest| self.path.is_empty() || rest.is_empty() || rest.starts_with('/'));
        self.host == registry && is_below
    }
}

fn entries_of(path: &Path, text: &[u8]) -> Result<Vec<Entry>, CredentialsError> {
    let file: File = serde_json::from_slice(text).map_err(|_| CredentialsError::Json(path.to_owned()))?;
    let mut entries = Vec::new();
    for (key, listed) in file.auths {
        let Ok(auth) = listed.auth() else {
            let path = path.to_owned();
            return Err(CredentialsError::Auth { path, key });
        };
        let (host, path) = place(&key);
        // One without any is a helper's of somebody's own machine.
        entries.extend(auth.map(|auth| Entry { host, path, auth }));
    }
    // What names a repository is meant before what names its registry.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.path.len()));
    Ok(entries)
}

impl Listed {
    fn auth(self) -> Result<Option<RegistryAuth>, ()> {
        if let Some(encoded) = self.auth.filter(|auth| !auth.is_empty()) {
            let decoded = STANDARD.decode(encoded.trim()).map_err(drop)?;
            let text = String::from_utf8(decoded).map_err(drop)?;
            let (username, password) = text.split_once(':').ok_or(())?;
            return Ok(Some(RegistryAuth::Basic(username.to_owned(), password.to_owned())));
        }
        let pair = self.username.zip(self.password);
        Ok(pair.map(|(username, password)| RegistryAuth::Basic(username, password)))
    }
}

/// The host of a key, and the path below it where it names one.
fn place(key: &str) -> (String, String) {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let (host, path) = bare.unwrap_or(key).split_once('/').unwrap_or((bare.unwrap_or(key), ""));
    let path = path.trim_matches('/');
    let host = if ALSO_HUB.contains(&host) { HUB } else { host };
    let path = if APIS.contains(&path) { "" } else { path };
    (host.to_owned(), path.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(files: &[Value]) -> Result<Credentials, CredentialsError> {
        let folder = tempfile::tempdir().unwrap();
        let files = files.iter().enumerate().map(|(number, file)| {
            let path = folder.path().join(number.to_string());
            fs::write(&path, file.to_string()).unwrap();
            path
        });
        Credentials::read(&files.collect::<Vec<_>>())
    }

    fn basic(user: &str, password: &str) -> RegistryAuth {
        RegistryAuth::Basic(user.to_owned(), password.to_owned())
    }

    #[test]
    fn the_first_that_names_the_host_counts() {
        // dTpwOnc= is u:p:w.
        let files = [
            json!({"auths": {"https://r.example:5000/v1/": {"auth": "dTpwOnc="}, "a.example": {}}}),
            json!({"auths": {"r.example:5000": {"username": "no", "password": "no"}}}),
            json!({"auths": {"index.docker.io": {"username": "hub", "password": "w"}}}),
            json!({"auths": {"a.example": {"auth": "", "username": "a", "password": "w"}}}),
            json!({}),
        ];
        let credentials = read(&files).unwrap();
        assert_eq!(credentials.of("r.example:5000", "x"), basic("u", "p:w"));
        assert_eq!(credentials.of("docker.io", "library/x"), basic("hub", "w"));
        assert_eq!(credentials.of("a.example", "x"), basic("a", "w"));
        for other in ["r.example", "example", "r.example:5001"] {
            assert_eq!(credentials.of(other, "x"), RegistryAuth::Anonymous, "{other}");
        }
    }

    #[test]
    fn a_repository_may_have_its_own() {
        let entry = |user: &str| json!({"username": user, "password": "w"});
        let file = json!({"auths": {"r.example": entry("all"), "r.example/team": entry("team")}});
        let credentials = read(&[file]).unwrap();
        for (repository, user) in [("team", "team"), ("team/a", "team"), ("teams", "all"), ("a", "all")] {
            assert_eq!(
                credentials.of("r.example", repository),
                basic(user, "w"),
                "{repository}"
            );
        }
    }

    #[test]
    fn what_is_broken_is_told_and_not_quoted() {
        for (file, expected) in [
            (
                json!({"auths": {"r": {"auth": "c2VjcmV0"}}}),
                "`auth` of r is not the base64",
            ),
            (
                json!({"auths": {"r": {"auth": "secret!"}}}),
                "`auth` of r is not the base64",
            ),
            (json!({"auths": "secret"}), "is not the .dockerconfigjson"),
            (json!("secret"), "is not the .dockerconfigjson"),
        ] {
            let error = read(&[file]).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
        let error = Credentials::read(&[PathBuf::from("/nonexistent/config")]).map(|_| ());
        assert_eq!(error.unwrap_err().to_string(), "cannot read /nonexistent/config");
    }
}
