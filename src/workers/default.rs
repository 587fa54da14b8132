//! Defaults of the kinds of workers, and their label.
