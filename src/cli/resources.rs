//! The flags of resources into namespaces; those of the resource dispatcher keep its spelling.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};

use super::flag::go_bool;
use crate::resources::{Options, Rules, Selector};
use crate::template::folder::Syntax;

/// The folder of templates.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Resources")]
pub struct FolderArgs {
    /// Folder with the manifests that wanted namespaces get; without it neither sync nor --dispatch native does anything.
    #[arg(long, short = 'f', alias = "folder", value_name = "FOLDER", env = "TEMPLATES_FOLDER", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub templates_folder: Option<PathBuf>,
    /// How its files are written; auto is Jinja for a file with `{%`, `{#` or a filter, else handlebars.
    #[arg(long, value_enum, value_name = "SYNTAX", default_value_t = TemplateSyntax::Auto)]
    pub template_syntax: TemplateSyntax,
    /// A folder without manifests is meant so: wanted namespaces get nothing.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub allow_empty_folder: bool,
}

impl FolderArgs {
    /// The folder, if there is one: an empty variable names none.
    #[must_use]
    pub fn folder(&self) -> Option<&PathBuf> {
        let folder = self.templates_folder.as_ref();
        folder.filter(|folder| !folder.as_os_str().is_empty())
    }

    /// How it is read.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            syntax: self.template_syntax.into(),
            allow_empty: self.allow_empty_folder,
        }
    }
}

/// Flags of resources into namespaces.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Resources")]
pub struct ResourceArgs {
    /// The folder of templates.
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Label that wants a namespace by the value `true`.
    #[arg(
        long,
        short = 'l',
        value_name = "LABEL",
        env = "TARGET_NAMESPACE_LABEL",
        value_parser = NonEmptyStringValueParser::new(),
        default_value = "user.kubeflow.org/enabled"
    )]
    pub label: String,
    /// Further namespaces that the folder is for: `a=b,c in (d,e),!f`.
    #[arg(long, value_name = "SELECTOR")]
    pub namespace_selector: Option<Selector>,
    /// Further port, plain HTTP on all addresses, where every POST is a sync, as in the resource dispatcher.
    #[arg(long, short = 'p', value_name = "PORT", env = "PORT")]
    pub port: Option<Port>,
    /// Whether a Namespace is answered with the status that it has no field for.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = StatusWhen::Auto)]
    pub status: StatusWhen,
    /// Without metacontroller.
    #[command(flatten)]
    pub native: NativeArgs,
}

/// Flags of the native mode.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Resources")]
pub struct NativeArgs {
    /// Who applies the folder's objects.
    #[arg(long, value_enum, value_name = "WHO", default_value_t = DispatchMode::Metacontroller)]
    pub dispatch: DispatchMode,
    /// With --dispatch native: name of the ResourceSet that shows the result. Objects of another name are another set's.
    ///
    /// A second folder in one cluster needs a second name. Do not rename a set: its objects would be somebody else's, and
    /// no longer be removed with their templates.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = set_name)]
    pub resource_set: String,
    /// With --dispatch native: at most so many requests for objects in a second, and so many at once after a rest.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub api_requests_per_second: u32,
    /// With --dispatch native: take over what metacontroller has made, instead of refusing it.
    ///
    /// Delete its DecoratorController first, or both write the same objects. May stay on.
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = go_bool, action = ArgAction::Set)]
    pub adopt_from_metacontroller: bool,
}

/// The name is a label's value too.
fn set_name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_name = !text.is_empty()
        && text.len() <= 63
        && text.chars().all(|letter| is_plain(letter) || letter == '-')
        && text.starts_with(is_plain)
        && text.ends_with(is_plain);
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("say up to 63 of a-z, 0-9 and -, a letter or digit at both ends".to_owned())
    }
}

impl ResourceArgs {
    /// Which namespaces want the objects, and what they are told.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            label: self.label.clone(),
            selector: self.namespace_selector.clone(),
            always_status: self.status == StatusWhen::Always,
        }
    }
}

/// A port, or none: empty, as an unset variable of a manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port(pub Option<u16>);

impl std::str::FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse()
            .map(|port| Self(Some(port)))
            .map_err(|_| format!("{text:?} is not a port"))
    }
}

/// How templates are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TemplateSyntax {
    /// By what a file looks like.
    Auto,
    /// Handlebars, strict.
    Handlebars,
    /// Jinja, undefined names empty.
    Jinja,
}

impl From<TemplateSyntax> for Syntax {
    fn from(syntax: TemplateSyntax) -> Self {
        match syntax {
            TemplateSyntax::Auto => Self::Auto,
            TemplateSyntax::Handlebars => Self::Handlebars,
            TemplateSyntax::Jinja => Self::Jinja,
        }
    }
}

/// Who applies the folder's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DispatchMode {
    /// Metacontroller, which asks at /sync, /finalize and /customize what they are.
    Metacontroller,
    /// This server, by server-side apply: needs rights to every kind of the folder.
    Native,
}

/// When a parent is answered with a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusWhen {
    /// Unless it is a Namespace, which has no field for it.
    Auto,
    /// In any case, as the resource dispatcher did.
    Always,
}
