//! Sprig's functions about semantic versions.

use std::rc::Rc;

use crate::template::constraint::Constraint;
use crate::template::fault::Failure;
use crate::template::functions::Param::Str;
use crate::template::functions::{Function, fixed, text_at};
use crate::template::semver::Version;
use crate::template::value::Value;

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("semver", &[Str], |_, args| {
        Ok(Value::Version(Rc::new(
            Version::parse(&text_at(args, 0)).map_err(Failure::from)?,
        )))
    }),
    fixed("semverCompare", &[Str, Str], |context, args| {
        context.step(text_at(args, 0).len())?;
        let constraint = Constraint::parse(&text_at(args, 0)).ok_or(Failure::from("improper constraint"))?;
        let version = Version::parse(&text_at(args, 1)).map_err(Failure::from)?;
        Ok(Value::Bool(constraint.allows(&version)))
    }),
];
