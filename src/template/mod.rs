//! Templates: Go's `text/template` with Sprig for the strings of job templates, and in [`folder`] handlebars and Jinja
//! for folders of manifests. Pure tools; nothing here reads a clock, a file or the environment.
//!
//! The engine of job templates is our own, on Go's grammar: [`Template::parse`] runs `lex`, `parse` and `pipeline` into a `tree` and `check`s it,
//! [`Template::render`] walks it (`exec`, `eval`) over `value`s that keep Go's types apart. `builtins` are the
//! functions of `text/template` itself and `sprig` holds Sprig's. Golden pairs in `tests/data/templates`, written by
//! Go's own packages, prove that the output is the same.

mod builtins;
mod check;
mod compare;
mod constraint;
mod context;
mod cursor;
mod decimal;
mod duration;
mod eval;
mod exec;
mod fault;
mod fields;
pub mod folder;
mod functions;
mod go;
mod json;
mod layout;
mod layout_parse;
mod lex;
mod number;
mod parse;
mod pipeline;
mod print;
mod printf;
mod quote;
mod random;
mod regex_syntax;
mod semver;
mod sprig;
mod time;
mod tree;
mod unicode;
mod value;
mod verbs;

pub use go::{Error, Fault, Input, Limits, Template};
