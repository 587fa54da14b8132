//! The helpers as handlebars calls them. Each but `int` and `bool` gives text where it is printed.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, PathAndJson, RenderContext, RenderError,
    RenderErrorReason, ScopedJson,
};
use serde_json::Value;

use crate::template::folder::reference::RELATED;
use crate::template::folder::{functions, record};

pub(super) fn register(registry: &mut Handlebars<'static>) {
    let plain: [(&str, Function); 5] = [
        ("base64", |value| Ok(functions::base64(value))),
        ("lower", |value| Ok(functions::lower(value))),
        ("upper", |value| Ok(functions::upper(value))),
        ("json", |value| Ok(functions::json(value))),
        ("yaml", functions::yaml),
    ];
    for (name, function) in plain {
        registry.register_helper(name, Box::new(Plain { name, function }));
    }
    let typed: [(&str, Function, Value); 2] = [
        ("int", functions::int, 0.into()),
        ("bool", functions::bool, false.into()),
    ];
    for (name, function, probe) in typed {
        let plain = Plain { name, function };
        registry.register_helper(name, Box::new(Typed { plain, probe }));
    }
    registry.register_helper("default", Box::new(Derived(default)));
    registry.register_helper(RELATED, Box::new(Derived(related)));
}

type Function = fn(&Value) -> Result<Value, String>;

/// A helper of one argument.
struct Plain {
    name: &'static str,
    function: Function,
}

impl Plain {
    fn value(&self, helper: &Helper<'_>) -> Result<Value, RenderError> {
        let argument = argument(helper, 0, self.name)?;
        if argument.is_value_missing() && !record::probing() {
            return Err(RenderError::strict_error(argument.relative_path()));
        }
        (self.function)(argument.value()).map_err(failed)
    }
}

impl HelperDef for Plain {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        self.value(helper).map(ScopedJson::Derived)
    }
}

/// A helper whose printed value may be something else than text.
struct Typed {
    plain: Plain,
    /// What stands for any value while nothing is rendered for anybody.
    probe: Value,
}

impl Typed {
    fn value(&self, helper: &Helper<'_>) -> Result<Value, RenderError> {
        if record::probing() {
            return argument(helper, 0, self.plain.name).map(|_| self.probe.clone());
        }
        self.plain.value(helper)
    }
}

impl HelperDef for Typed {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        self.value(helper).map(ScopedJson::Derived)
    }

    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let value = self.value(helper)?;
        Ok(out.write(&record::print(&functions::text(&value), Some(value)))?)
    }
}

/// A helper whose value goes on as it is.
struct Derived(fn(&Helper<'_>) -> Result<Value, RenderError>);

impl HelperDef for Derived {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        (self.0)(helper).map(ScopedJson::Derived)
    }
}

/// `default FALLBACK VALUE`: the fallback where the value is missing or empty.
fn default(helper: &Helper<'_>) -> Result<Value, RenderError> {
    let (fallback, value) = (argument(helper, 0, "default")?, argument(helper, 1, "default")?);
    let is_empty = matches!(value.value(), Value::Null) || value.value() == "";
    let chosen = if is_empty { fallback } else { value };
    Ok(chosen.value().clone())
}

/// `related KIND KEY`: the object, for `with` and `lookup`.
fn related(helper: &Helper<'_>) -> Result<Value, RenderError> {
    let text = |index| argument(helper, index, RELATED).map(|argument| functions::text(argument.value()));
    let object = record::related(&text(0)?, &text(1)?);
    object.map_err(|reason| RenderErrorReason::Other(reason).into())
}

/// Stands for whatever has no value while nothing is rendered for anybody.
pub(super) struct Missing;

impl HelperDef for Missing {
    fn call<'reg: 'rc, 'rc>(
        &self,
        _: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        Ok(out.write(&record::print("", None))?)
    }
}

fn argument<'h, 'rc>(
    helper: &'h Helper<'rc>,
    index: usize,
    name: &'static str,
) -> Result<&'h PathAndJson<'rc>, RenderError> {
    let missing = || RenderErrorReason::ParamNotFoundForIndex(name, index).into();
    helper.param(index).ok_or_else(missing)
}

fn failed(reason: String) -> RenderError {
    RenderErrorReason::Other(record::fail(reason)).into()
}
