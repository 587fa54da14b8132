//! The controller of accounts: for each account its WorkerDeployments become WorkerReleases, these are proved, and what is
//! proved becomes the spec of its WorkerBundle.

mod account;
mod bundle;
mod compose;
mod context;
mod images;
mod jobs;
mod known;
mod prove;
mod releases;
mod report;
mod secrets;
mod term;

pub(super) use term::run;
