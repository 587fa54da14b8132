//! What was fetched becomes the code of a worker: how each module is called, whether it is what it should be, and which is
//! the main one.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::code::{Code, CodeError, CodeModule};
use super::module_type;
use crate::api::download::{Download, Location, Scheme, shown};
use crate::api::workers::{ModuleType, Source, WorkerTemplate};

/// What is called so below a prefix is the main module; the first of them that there is.
const MAIN: [&str; 4] = ["index.js", "index.mjs", "worker.js", "main.js"];

/// Why URLs do not lead to the code of a worker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It cannot be fetched, or says what does not go together.
    #[error("the URL {} {fault}", shown(.url))]
    Url {
        /// As it was given; shown without what may be secret in it.
        url: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Something else is there by now.
    #[error("the SHA-256 of {} is {found}, and not {expected} as `sha256` says", shown(.url))]
    Sha256 {
        /// Where it was fetched from.
        url: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Nothing tells which module exports the handlers.
    #[error("there is no ES module below {}: name the main module with `mainModule`", shown(.0))]
    NoMain(String),
    /// The modules do not go together.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// Refuses what can be seen to be wrong with a URL before it is fetched.
///
/// # Errors
/// It cannot be fetched, or says what does not go together.
pub fn check(source: &Source) -> Result<(), SourceError> {
    let fault = |fault| SourceError::Url {
        url: source.url.clone(),
        fault,
    };
    let location = Location::of(&source.url).map_err(fault)?;
    if location.is_prefix() {
        return match (&source.sha256, &source.name) {
            (Some(_), _) => Err(fault("ends in `/`, and what is below it can have no one `sha256`")),
            (_, Some(_)) => Err(fault("ends in `/`, and what is below it can have no one `name`")),
            _ => Ok(()),
        };
    }
    if location.scheme != Scheme::S3 && source.url.ends_with('/') {
        return Err(fault(
            "ends in `/`, and only what is in S3 can be listed: name each file",
        ));
    }
    if source.name.is_none() && last(&location).is_empty() {
        return Err(fault("ends in no name of a file: give its module a `name`"));
    }
    Ok(())
}

/// The modules of a template from what each of its URLs gave, in their order.
///
/// # Errors
/// Something was wrong with a URL, is not what it should be, or they are together not the code of a worker.
pub fn code(template: &WorkerTemplate, downloads: Vec<Vec<Download>>) -> Result<Code, SourceError> {
    let mut modules = Vec::new();
    let mut main = template.main_module.clone();
    for (source, mut downloads) in template.urls.iter().zip(downloads) {
        check(source)?;
        downloads.sort_by(|one, other| one.path.cmp(&other.path));
        let fetched: Vec<_> = downloads
            .into_iter()
            .map(|download| module(source, download))
            .collect::<Result<_, _>>()?;
        if modules.is_empty() && main.is_none() {
            main = Some(entry(&fetched).ok_or_else(|| SourceError::NoMain(source.url.clone()))?);
        }
        modules.extend(fetched);
    }
    Ok(Code::ordered(modules, main.as_deref())?)
}

/// The main module among those of the first URL.
fn entry(modules: &[CodeModule]) -> Option<String> {
    if let [only] = modules {
        return Some(only.name.clone());
    }
    let named = MAIN
        .iter()
        .find_map(|name| modules.iter().find(|module| module.name == *name));
    let first = || modules.iter().find(|module| module.module_type == ModuleType::EsModule);
    named.or_else(first).map(|module| module.name.clone())
}

fn module(source: &Source, download: Download) -> Result<CodeModule, SourceError> {
    if let Some(expected) = &source.sha256 {
        let found = hexadecimal(&download.content);
        if !found.eq_ignore_ascii_case(expected) {
            return Err(SourceError::Sha256 {
                url: source.url.clone(),
                expected: expected.clone(),
                found,
            });
        }
    }
    let name = download.path.or_else(|| source.name.clone());
    let name =
        name.unwrap_or_else(|| Location::of(&source.url).map_or_else(|_| String::new(), |location| last(&location)));
    let content_type = download.content_type.as_deref();
    Ok(CodeModule {
        module_type: source
            .module_type
            .unwrap_or_else(|| module_type::of(&name, content_type)),
        name,
        content: download.content,
    })
}

/// The last part of a key as it is, of a path as it is meant.
fn last(location: &Location<'_>) -> String {
    let last = location.path.rsplit('/').next().unwrap_or_default();
    match location.scheme {
        Scheme::S3 => last.to_owned(),
        Scheme::Https | Scheme::Http => decoded(last).unwrap_or_else(|| last.to_owned()),
    }
}

/// Without `%XX`; nothing where that is no text.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

fn hexadecimal(content: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(content) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `a`.
    const OF_A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    fn source(url: &str) -> Source {
        Source {
            url: url.to_owned(),
            ..Source::default()
        }
    }

    fn one(content: &str) -> Vec<Download> {
        vec![Download {
            content: content.into(),
            ..Download::default()
        }]
    }

    fn below(paths: &[&str]) -> Vec<Download> {
        let below = paths.iter().map(|path| Download {
            path: Some((*path).to_owned()),
            ..Download::default()
        });
        below.collect()
    }

    fn template(urls: Vec<Source>) -> WorkerTemplate {
        WorkerTemplate {
            urls,
            ..WorkerTemplate::default()
        }
    }

    /// `NAME:TYPE` of each module, in their order.
    fn listed(template: &WorkerTemplate, downloads: Vec<Vec<Download>>) -> Vec<String> {
        let code = code(template, downloads).unwrap();
        let modules = code.modules.iter();
        modules
            .map(|module| format!("{}:{:?}", module.name, module.module_type))
            .collect()
    }

    #[test]
    fn modules_are_called_as_their_urls_end_unless_they_are_named() {
        let named = Source {
            name: Some("./lib/x".to_owned()),
            module_type: Some(ModuleType::Text),
            ..source("http://a/x.wasm?y")
        };
        let urls = vec![
            source("s3://a/b/%20.js"),
            source("https://a/b/c%20d%2.json?e=/f"),
            named,
            source("https://a/%0a%ff"),
        ];
        let downloads = ["a", "b", "c", "d"].map(one).to_vec();
        assert_eq!(
            listed(&template(urls), downloads),
            ["%20.js:EsModule", "c d%2.json:Json", "./lib/x:Text", "%0a%ff:EsModule"]
        );
    }

    #[test]
    fn the_content_type_tells_where_the_name_does_not() {
        let mut download = one("a");
        download[0].content_type = Some("application/wasm".to_owned());
        let urls = vec![source("s3://a/files1"), source("s3://a/files2")];
        assert_eq!(
            listed(&template(urls), vec![one("a"), download]),
            ["files1:EsModule", "files2:Wasm"]
        );
    }

    #[test]
    fn the_first_url_is_the_main_module_unless_it_is_named() {
        let urls = || vec![source("s3://a/x.txt"), source("s3://a/y.js")];
        let downloads = || vec![one("a"), one("b")];
        assert_eq!(listed(&template(urls()), downloads())[0], "x.txt:Text");
        let named = WorkerTemplate {
            main_module: Some("y.js".to_owned()),
            ..template(urls())
        };
        assert_eq!(listed(&named, downloads())[0], "y.js:EsModule");
    }

    #[test]
    fn below_a_prefix_the_main_module_is_found_by_its_name_or_type() {
        for (paths, expected) in [
            (&["z.js", "main.js", "index.mjs", "a.js"][..], "index.mjs"),
            (&["lib/index.js", "worker.js"], "worker.js"),
            (&["z.mjs", "b/c.js", "a.txt"], "b/c.js"),
            (&["only.txt"], "only.txt"),
        ] {
            let urls = vec![source("s3://a/"), source("s3://a/x/index.js")];
            let template = template(urls.clone());
            let code = code(&template, vec![below(paths), one("a")]);
            let names: Vec<_> = code
                .as_ref()
                .unwrap()
                .modules
                .iter()
                .map(|module| &*module.name)
                .collect();
            assert_eq!(names[0], expected, "{names:?}");
        }
        let none = code(&template(vec![source("s3://a/")]), vec![below(&["a.txt", "b.wasm"])]);
        assert_eq!(none, Err(SourceError::NoMain("s3://a/".to_owned())));
    }

    #[test]
    fn what_differs_from_its_digest_is_refused() {
        let with = |sha256: &str| Source {
            sha256: Some(sha256.to_owned()),
            ..source("https://u:p@a/x.js?secret")
        };
        let good = template(vec![with(&OF_A.to_uppercase())]);
        assert_eq!(listed(&good, vec![one("a")]), ["x.js:EsModule"]);
        let refused = code(&template(vec![with(OF_A)]), vec![one("b")]).unwrap_err();
        let told = refused.to_string();
        assert!(told.starts_with("the SHA-256 of https://a/x.js?… is 3e23"), "{told}");
    }

    #[test]
    fn two_of_one_name_are_refused_wherever_they_come_from() {
        let urls = vec![source("s3://a/index.js"), source("s3://b/")];
        let twice = code(&template(urls), vec![one("a"), below(&["index.js"])]);
        assert_eq!(twice, Err(CodeError::Duplicate("index.js".to_owned()).into()));
        let none = code(&template(Vec::new()), Vec::new());
        assert_eq!(none, Err(CodeError::Empty.into()));
    }

    #[test]
    fn what_cannot_be_fetched_is_seen_before() {
        let with = |url: &str, sha256: bool, name: bool| Source {
            sha256: sha256.then(|| OF_A.to_owned()),
            name: name.then(|| "a.js".to_owned()),
            ..source(url)
        };
        for (source, is_good) in [
            (with("s3://a/b", true, true), true),
            (with("s3://a/", false, false), true),
            (with("s3://a/", true, false), false),
            (with("s3://a/b/", false, true), false),
            (with("https://a/b/", false, true), false),
            (with("https://a", false, false), false),
            (with("https://a", false, true), true),
            (with("https://a/?b", false, false), false),
            (with("gs://a/b", false, false), false),
        ] {
            assert_eq!(check(&source).is_ok(), is_good, "{source:?}");
        }
    }
}
