//! What the native mode decides: what is applied, whether a stored object still is as it was applied, what is to be done
//! about a namespace, and what is told of all of them.
//!
//! Everything is decided from metadata. The digest in an annotation says what was applied; the managed fields say
//! whether all of it is still ours. A field that somebody else has changed since is not.

mod applied;
mod meeting;
mod observed;
mod ownership;
mod plan;
mod tally;

pub use applied::{Digest, Stamp};
pub use meeting::{Meeting, meeting, taken_over, was_there};
pub use observed::{Known, Observed};
pub use plan::{Plan, Step, plan};
pub use tally::{Folder, Outcome, Tally};
