//! What the runtime said of a release or a bundle, and who is to blame.
