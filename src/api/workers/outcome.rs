//! How a trial of the runtime ends.

use std::time::Duration;

/// How a trial of the runtime ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has loaded every worker.
    Passed,
    /// It has not, and this is what it wrote about it to its standard error.
    Refused(String),
    /// It was not done after this time.
    TimedOut(Duration),
    /// It took more than so many bytes.
    OutOfMemory(u64),
}
