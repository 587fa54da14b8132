//! Which versions a cluster runs, as far as a decision depends on them.

use hyper::http::Request;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Resource;
use kube::api::ListParams;
use serde::Deserialize;

use super::call::path;
use super::{Cluster, Error};

/// Kubernetes 1.29 runs init containers that go on.
const NATIVE_SIDECARS: u32 = 29;
/// Nodes of one page: their status lists every image that they have.
const PAGE_SIZE: u32 = 100;

/// A page of nodes.
#[derive(Deserialize)]
struct Nodes {
    #[serde(default)]
    metadata: ListMeta,
    items: Vec<NodeVersion>,
}

/// What is read of a node.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = Node)]
struct NodeVersion {
    metadata: ObjectMeta,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    node_info: NodeInfo,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeInfo {
    kubelet_version: String,
}

impl Cluster {
    /// Whether the API server and every node are 1.29 or later.
    ///
    /// # Errors
    /// Every failure of a request.
    pub async fn runs_native_sidecars(&self) -> Result<bool, Error> {
        let version = Request::get("/version").body(Vec::new());
        let version = version.map_err(kube::core::request::Error::BuildRequest);
        let server: Info = self.call("get", ("Version", "", ""), version).await?;
        if !has_native_sidecars(&server.git_version) {
            return Ok(false);
        }
        let mut params = ListParams::default().limit(PAGE_SIZE);
        loop {
            let built = path::<NodeVersion>("").list(&params);
            let page: Nodes = self.call("list", ("Node", "", ""), built).await?;
            if !page
                .items
                .iter()
                .all(|node| has_native_sidecars(&node.status.node_info.kubelet_version))
            {
                return Ok(false);
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(true),
            }
        }
    }
}

/// Of `v1.34.2`, `v1.29.0-eks-1234`; what cannot be read is taken for old.
fn has_native_sidecars(version: &str) -> bool {
    let mut parts = version
        .trim_start_matches('v')
        .split(['.', '-', '+'])
        .map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(1)), Some(Ok(minor))) => minor >= NATIVE_SIDECARS,
        (Some(Ok(major)), _) => major > 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        for new in ["v1.29.0", "v1.34.2-eks-1", "1.30", "v1.29.0+k3s1", "v2.0.0"] {
            assert!(has_native_sidecars(new), "{new}");
        }
        for old in ["v1.28.9", "", "v1", "unknown", "v0.30.0"] {
            assert!(!has_native_sidecars(old), "{old}");
        }
    }
}
