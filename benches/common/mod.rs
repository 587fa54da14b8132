//! What the measurements of the webhook server share: servers in processes of their own, each on one core, and a
//! client on another that costs as little as possible.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every bench compiles this module and uses its own part"
)]

pub mod driver;
pub mod echo;
pub mod load;
pub mod server;
