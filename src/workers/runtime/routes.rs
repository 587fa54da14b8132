//! `HOST/PATH*`, as a worker's routes are written.

use crate::api::workers::BundleWorker;

/// Which paths of a host lead to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Path<'r> {
    /// This one and all below it.
    Prefix(&'r str),
    /// This one alone.
    Exact(&'r str),
}

/// Which host, and which of its paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route<'r> {
    pub(super) host: &'r str,
    pub(super) path: Path<'r>,
}

/// The routes of a worker, each once.
pub(super) fn routes(worker: &BundleWorker) -> Vec<Route<'_>> {
    let mut routes: Vec<_> = worker.routes.iter().map(|route| read(route)).collect();
    routes.sort_unstable();
    routes.dedup();
    routes
}

/// A host alone means all its paths; so does `HOST/*`. Kubernetes has no `HOST/ab*` that means `HOST/abc`: it means
/// `HOST/ab` and what is below it.
fn read(route: &str) -> Route<'_> {
    let at = route.find('/').unwrap_or(route.len());
    let (host, path) = route.split_at(at);
    let path = match path.strip_suffix('*') {
        Some(prefix) => Path::Prefix(rooted(prefix.trim_end_matches('/'))),
        None if path.len() <= 1 => Path::Prefix("/"),
        None => Path::Exact(path),
    };
    Route { host, path }
}

fn rooted(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_paths() {
        for (route, path) in [
            ("a.example", Path::Prefix("/")),
            ("a.example/", Path::Prefix("/")),
            ("a.example/*", Path::Prefix("/")),
            ("a.example/cart/*", Path::Prefix("/cart")),
            ("a.example/cart*", Path::Prefix("/cart")),
            ("a.example/cart", Path::Exact("/cart")),
        ] {
            assert_eq!(
                read(route),
                Route {
                    host: "a.example",
                    path
                }
            );
        }
    }
}
