//! The doors to the outside. Nothing is decided here, and nothing but these modules opens a connection.

pub mod allowance;
mod authorities;
pub mod bucket;
pub mod cluster;
pub mod fetch;
pub mod folder;
pub mod registry;
pub mod resolver;
pub mod sink;
pub mod workerd;
