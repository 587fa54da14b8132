//! The handlebars engine: strict, without partials, and everything that it prints is a placeholder.

use handlebars::template::TemplateElement;
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, PathAndJson, RenderContext, RenderError,
    RenderErrorReason, ScopedJson, Template, TemplateErrorReason,
};
use serde_json::Value;

use super::reference::RELATED;
use super::{Fault, helpers, record};

/// The one template of each registry.
const NAME: &str = "";
/// The helper that the engine asks for what is missing, where it is not strict.
const MISSING: &str = "helperMissing";

/// A compiled source.
#[derive(Debug)]
pub(super) struct Bars {
    strict: Handlebars<'static>,
    /// Prints something in the place of what is missing.
    lenient: Handlebars<'static>,
}

impl Bars {
    pub(super) fn compile(source: &str) -> Result<Self, Fault> {
        let mut template = Template::compile(source).map_err(|error| Fault {
            line: error.pos().map(|(line, _)| line),
            reason: reason(error.reason()),
            depends: false,
        })?;
        tame(&mut template)?;
        let mut strict = Handlebars::new();
        strict.set_strict_mode(true);
        strict.register_escape_fn(|text| record::print(text, None));
        // What is rendered may be secret.
        strict.unregister_helper("log");
        register(&mut strict);
        strict.register_template(NAME, template);
        let mut lenient = strict.clone();
        lenient.set_strict_mode(false);
        lenient.register_helper(MISSING, Box::new(Missing));
        Ok(Self { strict, lenient })
    }

    pub(super) fn render(&self, context: &Context) -> Result<String, Fault> {
        self.strict
            .render_with_context(NAME, context)
            .map_err(|error| fault(&error))
    }

    /// As if every name had a value.
    pub(super) fn render_leniently(&self, context: &Context) -> Result<String, Fault> {
        self.lenient
            .render_with_context(NAME, context)
            .map_err(|error| fault(&error))
    }
}

/// Makes `{{{ }}}` print placeholders too, and refuses what could include itself for ever.
fn tame(template: &mut Template) -> Result<(), Fault> {
    let lines: Vec<_> = template.mapping.iter().map(|mapping| mapping.0).collect();
    for (index, element) in template.elements.iter_mut().enumerate() {
        if let TemplateElement::HtmlExpression(expression) = element {
            *element = TemplateElement::Expression(expression.clone());
        }
        match element {
            TemplateElement::HelperBlock(block) => {
                block.template.as_mut().map_or(Ok(()), tame)?;
                block.inverse.as_mut().map_or(Ok(()), tame)?;
            }
            TemplateElement::PartialExpression(_)
            | TemplateElement::PartialBlock(_)
            | TemplateElement::DecoratorExpression(_)
            | TemplateElement::DecoratorBlock(_) => {
                return Err(Fault {
                    line: lines.get(index).copied(),
                    reason: "partials and decorators are not supported".to_owned(),
                    depends: false,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn register(registry: &mut Handlebars<'static>) {
    let plain: [(&str, Function); 5] = [
        ("base64", |value| Ok(helpers::base64(value))),
        ("lower", |value| Ok(helpers::lower(value))),
        ("upper", |value| Ok(helpers::upper(value))),
        ("json", |value| Ok(helpers::json(value))),
        ("yaml", helpers::yaml),
    ];
    for (name, function) in plain {
        registry.register_helper(name, Box::new(Plain { name, function }));
    }
    let typed: [(&str, Function, Value); 2] = [("int", helpers::int, 0.into()), ("bool", helpers::bool, false.into())];
    for (name, function, probe) in typed {
        let plain = Plain { name, function };
        registry.register_helper(name, Box::new(Typed { plain, probe }));
    }
    registry.register_helper("default", Box::new(Default));
    registry.register_helper(RELATED, Box::new(Related));
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
        Ok(out.write(&record::print(&helpers::text(&value), Some(value)))?)
    }
}

/// `default FALLBACK VALUE`: the fallback where the value is missing or empty.
struct Default;

impl HelperDef for Default {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let (fallback, value) = (argument(helper, 0, "default")?, argument(helper, 1, "default")?);
        let is_empty = matches!(value.value(), Value::Null) || value.value() == "";
        let chosen = if is_empty { fallback } else { value };
        Ok(ScopedJson::Derived(chosen.value().clone()))
    }
}

/// `related KIND KEY`: the object, for `with` and `lookup`.
struct Related;

impl HelperDef for Related {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let text = |index| argument(helper, index, RELATED).map(|argument| helpers::text(argument.value()));
        let object = record::related(&text(0)?, &text(1)?);
        object
            .map(ScopedJson::Derived)
            .map_err(|reason| RenderErrorReason::Other(reason).into())
    }
}

/// Stands for whatever has no value while nothing is rendered for anybody.
struct Missing;

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

fn fault(error: &RenderError) -> Fault {
    let reason = match error.reason() {
        RenderErrorReason::MissingVariable(Some(path)) => format!("{path} has no value"),
        RenderErrorReason::MissingVariable(None) => "something that is printed has no value".to_owned(),
        RenderErrorReason::HelperNotFound(name) => format!("there is no helper {name}"),
        other => other.to_string(),
    };
    Fault {
        line: error.line_no,
        reason,
        depends: false,
    }
}

/// The grammar's expectations are its own business.
fn reason(reason: &TemplateErrorReason) -> String {
    match reason {
        TemplateErrorReason::InvalidSyntax(_) => "no handlebars template".to_owned(),
        other => other.to_string(),
    }
}
