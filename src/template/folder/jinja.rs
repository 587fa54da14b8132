//! The Jinja engine: undefined names are empty, as in Python's, and everything that it prints is a placeholder.

use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::reference::RELATED;
use super::{Fault, functions, record};

/// The one template of each environment.
const NAME: &str = "template";
/// Steps that one rendering may take.
const FUEL: u64 = 1_000_000;

/// A compiled source.
#[derive(Debug)]
pub(super) struct Jinja {
    environment: Environment<'static>,
}

impl Jinja {
    pub(super) fn compile(source: &str) -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(print);
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("int", int);
        environment.add_filter("bool", |value: &Value| filtered(functions::bool, value));
        for name in ["base64", "b64encode"] {
            environment.add_filter(name, |value: &Value| {
                filtered(|value| Ok(functions::base64(value)), value)
            });
        }
        for name in ["yaml", "to_yaml"] {
            environment.add_filter(name, |value: &Value| filtered(functions::yaml, value));
        }
        environment.add_filter("json", |value: &Value| {
            filtered(|value| Ok(functions::json(value)), value)
        });
        environment.add_function(RELATED, related);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| Fault {
                line: error.line(),
                reason: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
                depends: false,
            })?;
        Ok(Self { environment })
    }

    pub(super) fn render(&self, context: &Value) -> Result<String, Fault> {
        let template = self.environment.get_template(NAME);
        let rendered = template.and_then(|template| template.render(context.clone()));
        rendered.map_err(|error| Fault {
            line: error.line(),
            reason: reason(&error),
            depends: !is_certain(error.kind()),
        })
    }
}

/// What is wrong with the template itself is told by its name; any other detail may hold values.
fn reason(error: &Error) -> String {
    let named = error.detail().filter(|_| is_certain(error.kind()));
    named.map_or_else(
        || error.kind().to_string(),
        |detail| format!("{}: {detail}", error.kind()),
    )
}

/// Whether it is wrong for every namespace.
fn is_certain(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::TemplateNotFound
            | ErrorKind::BadInclude
            | ErrorKind::OutOfFuel
    )
}

/// As in Python: the default, where the value is no number.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands them over")]
fn int(value: &Value, default: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let default = match default {
        None => kwargs.get::<Option<Value>>("default")?,
        default => default,
    };
    kwargs.assert_all_used()?;
    let text = value.to_string();
    let whole = text.trim().parse::<i64>().ok();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a number with a point loses what is behind it"
    )]
    let number = whole.or_else(|| text.trim().parse::<f64>().ok().map(|number| number as i64));
    Ok(number.map_or_else(|| default.unwrap_or(Value::from(0)), Value::from))
}

/// What is printed is a placeholder; numbers and truths are typed, as they are in Python's output to a YAML parser.
fn print(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let typed = match value.kind() {
        ValueKind::Number | ValueKind::Bool => serde_json::to_value(value).ok(),
        _ => None,
    };
    let text = match value.kind() {
        ValueKind::Undefined => String::new(),
        ValueKind::None => "None".to_owned(),
        ValueKind::Bool if value.is_true() => "True".to_owned(),
        ValueKind::Bool => "False".to_owned(),
        _ => value.to_string(),
    };
    Ok(out.write_str(&record::print(&text, typed))?)
}

fn filtered(
    function: fn(&serde_json::Value) -> Result<serde_json::Value, String>,
    value: &Value,
) -> Result<Value, Error> {
    let value = serde_json::to_value(value).map_err(|_| failed("the value cannot be read".to_owned()))?;
    match function(&value) {
        Err(_) if record::probing() => Ok(Value::from("probe")),
        result => result.map(|value| Value::from(Serde(value))).map_err(failed),
    }
}

fn related(kind: &str, key: &str) -> Result<Value, Error> {
    let object = record::related(kind, key);
    let invalid = |reason| Error::new(ErrorKind::InvalidOperation, reason);
    object.map(|object| Value::from(Serde(object))).map_err(invalid)
}

fn failed(reason: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, record::fail(reason))
}
