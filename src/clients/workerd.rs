//! The door to workerd: a process that proves a configuration, and is ended at its limits.
