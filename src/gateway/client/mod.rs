//! Clients behind gateways: which gateway, which pod, what has become of it, and what no client may ask for.

mod allowed;
mod known;
mod marks;
mod plan;
mod pod;
mod status;
mod validate;

pub use known::{Absent, elsewhere, find_for, unknown};
pub use plan::{End, Plan, had_pod, plan, wake};
pub use pod::{Defaults, is_shortened, pod, pod_name};
pub use status::{Hold, Observed, Transition, status, transition};
pub use validate::{faults, validate};
