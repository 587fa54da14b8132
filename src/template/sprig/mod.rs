//! Sprig's functions, grouped as its documentation groups them. Each takes and gives what Sprig 3.3 does, oddities
//! included, because templates were written against them.

pub(super) mod defaults;
pub(super) mod strings;
pub(super) mod url;

use super::functions::Function;

/// Every group's functions.
pub(super) static GROUPS: [&[Function]; 3] = [defaults::FUNCTIONS, strings::FUNCTIONS, url::FUNCTIONS];
