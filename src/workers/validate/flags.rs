//! Compatibility flags, by the names that workerd 2026-11-17 knows: `flags.txt` are those that it takes,
//! `experimental_flags.txt` those that it takes with `--experimental` alone. Both were had by asking that workerd about
//! every name in its schema (`src/workerd/io/compatibility-date.capnp`); flags of Python are in neither.

use super::super::day::Day;
use super::date::RuntimeDay;
use crate::api::review::{Cause, Verdict};

const KNOWN: &str = include_str!("flags.txt");
const EXPERIMENTAL: &str = include_str!("experimental_flags.txt");
/// The workerd that the lists are of.
const LISTED: &str = "2026-11-17";

/// Refuses flags that the runtime would refuse.
pub(super) fn judge(field: &str, flags: &[String], runtime: Option<RuntimeDay<'_>>, verdict: &mut Verdict) {
    let is_newer = runtime.is_some_and(|runtime| Day::iso(runtime.text) > Day::iso(LISTED));
    for (index, flag) in flags.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if flags[..index].contains(flag) {
            verdict.causes.push(Cause::invalid(
                field,
                format!("{flag:?} stands there twice: say it once"),
            ));
        } else if flag.contains("python") {
            let message = format!(
                "{flag:?}: workers in Python are not supported, because the runtime would fetch its interpreter from the \
                 internet at every start: say it in JavaScript or WebAssembly"
            );
            verdict.causes.push(Cause::invalid(field, message));
        } else if has(EXPERIMENTAL, flag) {
            let message = format!(
                "{flag:?} is experimental: workerd takes it with --experimental alone, which workers are not run with; \
                 leave it out"
            );
            verdict.causes.push(Cause::invalid(field, message));
        } else if !has(KNOWN, flag) && is_newer {
            verdict.warnings.push(format!(
                "{field}: workerd {LISTED} has no flag {flag:?}; the proof tells whether yours has"
            ));
        } else if !has(KNOWN, flag) {
            verdict.causes.push(Cause::invalid(field, unknown(flag)));
        }
    }
}

fn has(list: &str, flag: &str) -> bool {
    list.lines().any(|known| known == flag)
}

fn unknown(flag: &str) -> String {
    let other = flag.replace('-', "_").to_ascii_lowercase();
    let advice = if has(KNOWN, &other) {
        format!("say {other:?}")
    } else {
        "look for it at https://developers.cloudflare.com/workers/configuration/compatibility-flags".to_owned()
    };
    format!("workerd {LISTED} has no compatibility flag {flag:?}: {advice}")
}
