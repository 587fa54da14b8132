//! `render`: what templates become, decided by the same functions as in the cluster.

mod job;
mod namespace;

pub use job::job;
pub use namespace::namespace;
