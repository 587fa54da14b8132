//! The domain of workers: which release a WorkerDeployment is, what the runtime is told of it, what a bundle becomes and
//! what is said about all that. Decisions only; nothing here awaits, reads a clock or reaches outside.

pub mod artefact;
pub mod build;
pub mod choice;
pub mod code;
pub mod composition;
pub mod config;
pub mod content;
pub mod convert;
pub mod day;
pub mod default;
#[cfg(test)]
mod fixture;
pub mod image;
pub mod known;
pub mod module_type;
mod pod;
pub mod port;
pub mod prefix;
pub mod proof;
pub mod reach;
pub mod release;
pub mod runtime;
pub mod runtime_image;
pub mod secrets;
pub mod source;
pub mod status;
mod subject;
pub mod validate;
mod view;
