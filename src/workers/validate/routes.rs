//! Hosts that lead to a worker besides its own.

use super::names::is_domain;
use crate::api::review::{Cause, Verdict};

/// Refuses routes that are none, and those that stand there twice.
pub(super) fn judge(field: &str, routes: &[String], verdict: &mut Verdict) {
    for (index, route) in routes.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if let Some(fault) = fault(route) {
            let message = format!(
                "{route:?} {fault}: say HOST, HOST/PATH or HOST/PATH/*, for example \"shop.example.com/cart/*\""
            );
            verdict.causes.push(Cause::invalid(field, message));
        } else if routes[..index].iter().any(|other| meaning(other) == meaning(route)) {
            let message = format!("{route:?} stands there twice: say it once");
            verdict.causes.push(Cause::invalid(field, message));
        }
    }
}

/// The host of a route.
pub(super) fn host(route: &str) -> &str {
    route.split('/').next().unwrap_or_default()
}

/// A route without the ways to write it: `HOST`, `HOST/` and `HOST/*` are the same.
pub(super) fn meaning(route: &str) -> (&str, &str, bool) {
    let (host, path) = route.split_at(route.find('/').unwrap_or(route.len()));
    match path.strip_suffix('*') {
        Some(prefix) => (host, prefix.trim_end_matches('/'), true),
        None if path.len() <= 1 => (host, "", true),
        None => (host, path, false),
    }
}

fn fault(route: &str) -> Option<&'static str> {
    let (host, path) = route.split_at(route.find('/').unwrap_or(route.len()));
    if route.contains("://") {
        return Some("has a scheme");
    }
    if host.contains(':') {
        return Some("has a port");
    }
    if !is_domain(host.strip_prefix("*.").unwrap_or(host)) {
        return Some("begins with no host of lower-case letters, digits, '-' and dots");
    }
    if path.contains(['?', '#', '%', ' ', '\\']) || path.chars().any(char::is_control) {
        return Some("has a path with more than plain letters in it");
    }
    if path.contains("//") || path.split('/').any(|part| part == "." || part == "..") {
        return Some("has a path with an empty part, '.' or '..' in it");
    }
    path.strip_suffix('*')
        .unwrap_or(path)
        .contains('*')
        .then_some("has a '*' before its end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_a_host_and_perhaps_a_path() {
        for route in [
            "a.example",
            "a.example/",
            "*.a.example/*",
            "a.example/b/c",
            "a.example/b*",
            "localhost",
        ] {
            assert_eq!(fault(route), None, "{route}");
        }
        for route in [
            "",
            "/a",
            "https://a.example",
            "a.example:80",
            "A.example",
            "a_b.example",
            "a.example/?a",
            "a.example/*/b",
            "a.*.example",
            "*",
            "a.example/a//b",
            "a.example/../b",
            "a.example/a b",
        ] {
            assert!(fault(route).is_some(), "{route}");
        }
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        let all = ["a.b", "a.b/", "a.b/*"].map(meaning);
        assert!(all.iter().all(|one| *one == all[0]));
        assert_eq!(meaning("a.b/c/*"), meaning("a.b/c*"));
        assert_ne!(meaning("a.b/c"), meaning("a.b/c/*"));
    }
}
