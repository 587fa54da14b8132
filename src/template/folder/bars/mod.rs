//! The handlebars engine: strict, without partials, and everything that it prints is a placeholder.

mod helper;

use handlebars::template::TemplateElement;
use handlebars::{Context, Handlebars, RenderError, RenderErrorReason, Template, TemplateErrorReason};

use super::{Fault, record};

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
        helper::register(&mut strict);
        strict.register_template(NAME, template);
        let mut lenient = strict.clone();
        lenient.set_strict_mode(false);
        lenient.register_helper(MISSING, Box::new(helper::Missing));
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
