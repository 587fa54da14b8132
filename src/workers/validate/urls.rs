//! Code to fetch.

use std::collections::BTreeSet;

use super::modules;
use super::template::Draft;
use crate::api::review::{Cause, Verdict};
use crate::api::workers::Source;

const SCHEMES: [&str; 3] = ["s3://", "https://", "http://"];

/// Refuses URLs that cannot be fetched.
pub(super) fn judge(draft: &Draft, verdict: &mut Verdict) {
    let mut seen = BTreeSet::new();
    for (index, source) in draft.template.urls.iter().enumerate() {
        let field = draft.url(index);
        verdict.causes.extend(url(&field, &source.url));
        let item = field.strip_suffix(".url").unwrap_or(&field);
        verdict.causes.extend(extras(item, source));
        let name = name(source).filter(|name| !seen.insert(*name));
        verdict.causes.extend(name.map(|name| {
            let message = format!("another URL gives a module {name:?} too: give one of them another `name`");
            Cause::invalid(&field, message)
        }));
        if source.url.starts_with("http://") && source.sha256.is_none() {
            verdict.warnings.push(format!(
                "{field}: nothing tells whether what http:// brings was changed on its way: say https://, or its sha256"
            ));
        }
    }
}

/// What a URL's module is called, unless it means all below a prefix.
pub(super) fn name(source: &Source) -> Option<&str> {
    if is_prefix(&source.url) {
        return None;
    }
    let path = source.url.split(['?', '#']).next().unwrap_or_default();
    source.name.as_deref().or_else(|| path.rsplit('/').next())
}

/// Whether a URL means all that is below it.
pub(super) fn is_prefix(url: &str) -> bool {
    url.starts_with("s3://") && url.ends_with('/')
}

fn url(field: &str, url: &str) -> Option<Cause> {
    let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else {
        let message = format!("{url:?} can not be fetched: say s3://BUCKET/KEY, https://… or http://…");
        return Some(Cause::invalid(field, message));
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let fault = if url.chars().any(|letter| letter.is_control() || letter == ' ') {
        "has a space or a control character in it"
    } else if host.contains('@') {
        "has credentials in it: those of S3 are in the Secret of the account's `storage`, for others there are none"
    } else if host.is_empty() {
        "names no host or bucket"
    } else if path.is_empty() && !is_prefix(url) {
        "names no file"
    } else if url.ends_with('/') && !is_prefix(url) {
        "ends in '/', and only what is in S3 can be listed: name each file"
    } else {
        return None;
    };
    // A password is not told to everybody who sees the answer.
    let shown = if host.contains('@') {
        "the URL".to_owned()
    } else {
        format!("{url:?}")
    };
    Some(Cause::invalid(field, format!("{shown} {fault}")))
}

fn extras(item: &str, source: &Source) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(name) = &source.name {
        causes.extend(modules::name(&format!("{item}.name"), name));
    }
    if !is_prefix(&source.url) {
        return causes;
    }
    for (field, is_said) in [("sha256", source.sha256.is_some()), ("name", source.name.is_some())] {
        if is_said {
            let message =
                "the URL ends in '/' and means all that is below it, which can have no one such value: leave it out";
            causes.push(Cause::invalid(format!("{item}.{field}"), message));
        }
    }
    causes
}
