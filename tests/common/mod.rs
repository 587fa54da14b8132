//! What tests share. Each test binary uses a part of it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test binary compiles this module and uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture that fails is a test that fails"
)]
#![allow(
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a fixture that fails is a test that fails"
)]

pub mod api_server;
pub mod bucket;
pub mod build;
pub mod cluster;
pub mod endpoint;
pub mod fake;
pub mod forward;
pub mod http;
pub mod load;
pub mod merge;
pub mod native;
pub mod neighbour;
pub mod process;
pub mod registry;
pub mod serve;
pub mod server;
pub mod workerd;
pub mod workers;

/// A command of the checkout that has to succeed; its output goes where the test's goes.
pub fn run(command: &str, arguments: &[&str]) {
    let status = std::process::Command::new(command).args(arguments).status().unwrap();
    assert!(status.success(), "{command} {arguments:?}: {status}");
}

/// Whether tests that repeat something do so as often as it takes to be sure, rather than as often as there is time for.
pub fn thorough() -> bool {
    std::env::var_os("THOROUGH").is_some()
}
