//! What the runtime is told of workers: its configuration as text.
