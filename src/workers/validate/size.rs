//! How large a worker may be: what is not code goes into an environment variable of its build, and code into a ConfigMap.

use crate::api::review::{Cause, Verdict};
use crate::api::workers::{WorkerAccount, WorkerTemplate};

/// Bytes of a template without its code: a variable of a process may hold 128 KiB.
const REST: usize = 96 << 10;
/// Bytes of code that fit into a ConfigMap with what describes it.
const CONFIG_MAP: usize = 900 << 10;

/// Refuses what could be neither built nor delivered.
pub(super) fn judge(root: &str, template: &WorkerTemplate, account: Option<&WorkerAccount>, verdict: &mut Verdict) {
    let rest = rest(template);
    if rest > REST {
        let message = format!(
            "has {rest} bytes without the code, and may have {REST}: put large values into a Secret, or into a module of \
             type Json or Text"
        );
        verdict.causes.push(Cause::too_long(root, message));
    }
    let code = code(template);
    let field = format!("{root}.modules");
    let quota = account.and_then(|account| account.spec.quota.as_ref()?.bundle_bytes);
    if let Some(quota) = quota.filter(|quota| i64::try_from(code).is_ok_and(|code| code > *quota)) {
        let message =
            format!("hold {code} bytes, and the quota of the account is {quota} for all its workers together");
        verdict.causes.push(Cause::too_long(&field, message));
    }
    if code <= CONFIG_MAP {
        return;
    }
    let message =
        format!("hold {code} bytes, and a ConfigMap has room for {CONFIG_MAP}: put them where `urls` finds them");
    verdict.causes.push(Cause::too_long(field, message));
}

fn rest(template: &WorkerTemplate) -> usize {
    let mut template = template.clone();
    for module in &mut template.modules {
        module.text = None;
        module.base64 = None;
    }
    serde_json::to_string(&template).map_or(0, |text| text.len())
}

/// Bytes of all inline modules, decoded.
pub(super) fn code(template: &WorkerTemplate) -> usize {
    let size = |text: &Option<String>, of: fn(&str) -> usize| text.as_deref().map_or(0, of);
    let decoded = |text: &str| text.trim_end_matches('=').len() * 3 / 4;
    let sizes = template.modules.iter();
    sizes
        .map(|module| size(&module.text, str::len) + size(&module.base64, decoded))
        .sum()
}
