//! Nouns: the kinds of our CRDs, the wire types and every name that is stored or sent. No decisions, no IO.

pub mod dispatch;
pub mod names;
pub mod review;
