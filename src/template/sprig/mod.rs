//! Sprig's functions, grouped as its documentation groups them. Each takes and gives what Sprig 3.3 does, oddities
//! included, because templates were written against them.

mod cases;
mod checksums;
mod conversion;
mod dates;
mod defaults;
mod dicts;
mod encoding;
mod floats;
mod lists;
mod math;
mod paths;
mod random;
mod reflection;
mod regex;
mod string_lists;
mod strings;
pub(super) mod url;
mod versions;

use super::functions::Function;

/// Every group's functions.
pub(super) static GROUPS: [&[Function]; 18] = [
    cases::FUNCTIONS,
    checksums::FUNCTIONS,
    conversion::FUNCTIONS,
    dates::FUNCTIONS,
    defaults::FUNCTIONS,
    dicts::FUNCTIONS,
    encoding::FUNCTIONS,
    floats::FUNCTIONS,
    lists::FUNCTIONS,
    math::FUNCTIONS,
    paths::FUNCTIONS,
    random::FUNCTIONS,
    reflection::FUNCTIONS,
    regex::FUNCTIONS,
    string_lists::FUNCTIONS,
    strings::FUNCTIONS,
    url::FUNCTIONS,
    versions::FUNCTIONS,
];
