//! The rules of a worker itself, wherever its template stands.

use serde_json::Value;

use super::date::{self, RuntimeDay};
use super::{Context, bindings, flags, modules, names, routes, size, urls};
use crate::api::review::{Cause, Verdict};
use crate::api::workers::{Source, WorkerAccount, WorkerTemplate, v1alpha1};

/// A template with where its fields stand, which differs between the versions.
pub(super) struct Draft {
    pub(super) template: WorkerTemplate,
    /// As it was written.
    raw: Value,
    /// `spec.template`, or `spec` of a release.
    root: &'static str,
    /// Where each URL stands.
    urls: Vec<String>,
}

impl Draft {
    /// Reads a template in one of the versions.
    pub(super) fn of(root: &'static str, raw: &Value, is_old: bool) -> Result<Self, serde_json::Error> {
        let (template, urls) = if is_old {
            old(root, raw)?
        } else {
            let template: WorkerTemplate = serde::Deserialize::deserialize(raw)?;
            let urls = (0..template.urls.len()).map(|index| format!("{root}.urls[{index}].url"));
            let urls = urls.collect();
            (template, urls)
        };
        Ok(Self {
            template,
            raw: raw.clone(),
            root,
            urls,
        })
    }

    /// Where a field stands.
    pub(super) fn field(&self, name: &str) -> String {
        format!("{}.{name}", self.root)
    }

    /// Where a URL stands.
    pub(super) fn url(&self, index: usize) -> String {
        self.urls.get(index).cloned().unwrap_or_else(|| self.field("urls"))
    }
}

/// A template of v1alpha1, as far as rules look at it.
fn old(root: &str, raw: &Value) -> Result<(WorkerTemplate, Vec<String>), serde_json::Error> {
    let old: v1alpha1::WorkerTemplate = serde::Deserialize::deserialize(raw)?;
    let places = |name: &str, urls: &[String]| -> Vec<String> {
        (0..urls.len()).map(|index| format!("{root}.{name}[{index}]")).collect()
    };
    let paths = [
        places("scriptUrls", &old.script_urls),
        places("scriptsUrls", &old.scripts_urls),
    ]
    .concat();
    let urls = old.script_urls.into_iter().chain(old.scripts_urls);
    let urls = urls.map(|url| Source {
        url,
        ..Source::default()
    });
    let template = WorkerTemplate {
        script_name: old.script_name,
        secret_ref: old.secret_ref,
        compatibility_date: old.compatibility_date,
        modules: old.modules,
        urls: urls.collect(),
        ..WorkerTemplate::default()
    };
    Ok((template, paths))
}

/// Refuses a worker that cannot run.
pub(super) fn judge(draft: &Draft, account: Option<&WorkerAccount>, context: &Context<'_>, verdict: &mut Verdict) {
    let template = &draft.template;
    let runtime = runtime(account, context);
    let has_secrets = template.secret_ref.is_some() || template.bindings.iter().any(|binding| binding.secret.is_some());
    let (name, date) = (draft.field("scriptName"), draft.field("compatibilityDate"));
    verdict.causes.extend(names::script(&name, &template.script_name));
    names::prefix(&name, &template.script_name, has_secrets, verdict);
    verdict
        .causes
        .extend(date::fault(&date, &template.compatibility_date, context.today, runtime));
    flags::judge(
        &draft.field("compatibilityFlags"),
        &template.compatibility_flags,
        runtime,
        verdict,
    );
    code(draft, verdict);
    modules::judge(&draft.field("modules"), &template.modules, verdict);
    urls::judge(draft, verdict);
    bindings::judge(&draft.field("bindings"), template, &draft.raw["bindings"], verdict);
    routes::judge(&draft.field("routes"), &template.routes, verdict);
    size::judge(draft.root, template, account, verdict);
    if !template.urls.is_empty()
        && draft
            .raw
            .get("scriptsUrls")
            .is_some_and(|urls| *urls != Value::Array(Vec::new()))
    {
        let field = draft.field("scriptsUrls");
        verdict
            .warnings
            .push(format!("{field} is taken for scriptUrls, which is how it is spelled"));
    }
}

/// What the account runs workers with, or the server where it does not say.
fn runtime<'r>(account: Option<&'r WorkerAccount>, context: &Context<'r>) -> Option<RuntimeDay<'r>> {
    let own = account.and_then(|account| account.spec.runtime.as_ref());
    if let Some(text) = own.and_then(|runtime| runtime.version.as_deref()) {
        let source = "the account's runtime.version";
        return Some(RuntimeDay { text, source });
    }
    // An image of the account's own is of whatever day.
    if own.is_some_and(|runtime| runtime.image.is_some()) {
        return None;
    }
    let text = context.known.runtime_version()?;
    let source = "--worker-runtime-version";
    Some(RuntimeDay { text, source })
}

/// Inline or fetched, and where its handlers are.
fn code(draft: &Draft, verdict: &mut Verdict) {
    let template = &draft.template;
    let urls = draft.urls.first().map_or_else(|| draft.field("urls"), Clone::clone);
    match (template.modules.is_empty(), template.urls.is_empty()) {
        (true, true) => {
            let message = "there is no code: say `modules` with the code itself, or URLs to fetch it from";
            return verdict.causes.push(Cause::required(draft.field("modules"), message));
        }
        (false, false) => {
            let message = "there is code inline and code to fetch: say one of them";
            return verdict.causes.push(Cause::invalid(urls, message));
        }
        _ => {}
    }
    let Some(main) = &template.main_module else {
        return verdict.causes.extend(first(draft));
    };
    let field = draft.field("mainModule");
    let found = template.modules.iter().find(|module| module.name == *main);
    if let Some(module) = found {
        let module_type = modules::type_of(&module.name, module.module_type);
        return verdict
            .causes
            .extend(not_code(&field, main, modules::is_code(module_type)));
    }
    let may_be_fetched = template
        .urls
        .iter()
        .any(|source| urls::name(source).is_none_or(|name| name == main));
    if !may_be_fetched {
        let named = template.modules.iter().map(|module| &*module.name);
        let named: Vec<_> = named
            .chain(template.urls.iter().filter_map(urls::name))
            .take(10)
            .collect();
        let message = format!("no module is called {main:?}: there is {}", named.join(", "));
        verdict.causes.push(Cause::invalid(field, message));
    }
}

/// Without `mainModule` the first module exports the handlers.
fn first(draft: &Draft) -> Option<Cause> {
    let module = draft.template.modules.first()?;
    let module_type = modules::type_of(&module.name, module.module_type);
    not_code(&draft.field("modules[0]"), &module.name, modules::is_code(module_type))
}

fn not_code(field: &str, name: &str, is_code: bool) -> Option<Cause> {
    let message = format!(
        "{name:?} would have to export the handlers, and is no JavaScript: put an ES module first, or name it with \
         `mainModule`"
    );
    (!is_code).then(|| Cause::invalid(field, message))
}
