//! Which versions a cluster runs, asked of an API server in process.

mod common;

use common::fake::{Fake, Fault};
use serde_json::json;
use stationmaster::clients::cluster::Cluster;

/// More than one page has.
const NODES: usize = 101;

/// As many nodes, of which this one, in the order of the list, has another version.
fn nodes(other: usize, version: &str) -> Fake {
    let fake = Fake::new();
    for number in 0..NODES {
        let version = if number == other { version } else { "v1.29.0" };
        fake.put(
            "nodes",
            json!({
                "metadata": {"name": format!("node-{number:03}"), "namespace": ""},
                "status": {"nodeInfo": {"kubeletVersion": version}},
            }),
        );
    }
    fake
}

async fn is_native(fake: &Fake) -> Option<bool> {
    let cluster = Cluster::from(fake.client());
    cluster.runs_native_sidecars().await.ok()
}

#[tokio::test]
async fn every_node_of_every_page_counts() {
    for (other, version, expected) in [
        (0, "v1.30.1", true),
        (NODES - 1, "v1.30.1", true),
        (0, "v1.28.9", false),
        (NODES - 1, "v1.28.9", false),
        (NODES - 1, "unknown", false),
        (NODES - 1, "", false),
    ] {
        assert_eq!(
            is_native(&nodes(other, version)).await,
            Some(expected),
            "{other} {version}"
        );
    }
}

#[tokio::test]
async fn a_node_that_says_nothing_of_itself_is_old() {
    let fake = nodes(0, "v1.34.2");
    fake.put("nodes", json!({"metadata": {"name": "zoo", "namespace": ""}}));
    assert_eq!(is_native(&fake).await, Some(false));
}

#[tokio::test]
async fn nothing_is_known_of_nodes_that_cannot_be_read() {
    let fake = nodes(0, "v1.34.2");
    fake.fail("GET nodes", &[Fault::None, Fault::Status(403)]);
    assert_eq!(is_native(&fake).await, None, "the second page is refused");
    assert_eq!(is_native(&fake).await, Some(true));
}
