//! The table of all functions: what each is called, what it takes and what it does. A name is looked up once, when a
//! template is parsed.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::context::Context;
use super::fault::Failure;
use super::value::Value;
use super::{builtins, sprig};

/// What a function gives.
pub(super) type Outcome = Result<Value, Failure>;

/// The Go type of a parameter; arguments of another type are refused before the function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    Any,
    Str,
    Int,
    Bool,
    Float,
    Dict,
    Time,
}

impl Param {
    /// The type's name in messages.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Param::Any => "interface {}",
            Param::Str => "string",
            Param::Int => "int",
            Param::Bool => "bool",
            Param::Float => "float64",
            Param::Dict => "map[string]interface {}",
            Param::Time => "time.Time",
        }
    }
}

/// One function of templates.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) params: &'static [Param],
    /// Whether the last parameter may be given any number of times.
    pub(super) variadic: bool,
    pub(super) call: fn(&mut Context<'_>, &[Value]) -> Outcome,
}

impl Function {
    /// Why `given` arguments and `piped` ones (0 or 1) are too few or too many; Go's words.
    pub(super) fn arity_fault(&self, given: usize, piped: usize) -> Option<String> {
        let name = self.name;
        if self.variadic {
            let least = self.params.len() - 1;
            return (given + piped < least)
                .then(|| format!("wrong number of args for {name}: want at least {least} got {given}"));
        }
        let (want, got) = (self.params.len(), given + piped);
        (want != got).then(|| format!("wrong number of args for {name}: want {want} got {got}"))
    }

    /// The type of the argument at this place.
    pub(super) fn param(&self, index: usize) -> Param {
        self.params[index.min(self.params.len() - 1)]
    }
}

/// A function that takes exactly these parameters.
pub(super) const fn fixed(
    name: &'static str,
    params: &'static [Param],
    call: fn(&mut Context<'_>, &[Value]) -> Outcome,
) -> Function {
    Function {
        name,
        params,
        variadic: false,
        call,
    }
}

/// A function whose last parameter may be given any number of times.
pub(super) const fn variadic(
    name: &'static str,
    params: &'static [Param],
    call: fn(&mut Context<'_>, &[Value]) -> Outcome,
) -> Function {
    Function {
        name,
        params,
        variadic: true,
        call,
    }
}

/// Functions of Sprig that read the environment or the network, or that make keys and passwords: a template must not
/// reach outside its data, and a repeatable secret is none.
const LEFT_OUT: [&str; 16] = [
    "env",
    "expandenv",
    "getHostByName",
    "genPrivateKey",
    "genCA",
    "genCAWithKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "buildCustomCert",
    "derivePassword",
    "bcrypt",
    "htpasswd",
    "encryptAES",
    "decryptAES",
];

/// What a name stands for.
pub(super) enum Lookup {
    Found(&'static Function),
    LeftOut,
    Unknown,
}

static TABLE: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    // Sprig comes last: its `slice` takes the place of Go's.
    std::iter::once(&builtins::FUNCTIONS)
        .chain(&sprig::GROUPS)
        .flat_map(|group| group.iter())
        .map(|function| (function.name, function))
        .collect()
});

/// The function of this name.
pub(super) fn lookup(name: &str) -> Lookup {
    match TABLE.get(name) {
        Some(function) => Lookup::Found(function),
        None if LEFT_OUT.contains(&name) => Lookup::LeftOut,
        None => Lookup::Unknown,
    }
}

/// The bytes of a string argument; arguments have been checked against the parameters.
pub(super) fn str_at(args: &[Value], index: usize) -> &[u8] {
    if let Some(Value::Str(text)) = args.get(index) {
        text
    } else {
        b""
    }
}

/// The text of a string argument, each byte that is no UTF-8 as U+FFFD.
pub(super) fn text_at(args: &[Value], index: usize) -> std::borrow::Cow<'_, str> {
    super::value::text(str_at(args, index))
}

/// An `int` argument.
pub(super) fn int_at(args: &[Value], index: usize) -> i64 {
    if let Some(Value::Int(_, value)) = args.get(index) {
        *value
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What cannot have golden pairs, because Go draws anew each time.
    const RANDOM: [&str; 8] = [
        "randAlpha",
        "randAlphaNum",
        "randAscii",
        "randBytes",
        "randInt",
        "randNumeric",
        "shuffle",
        "uuidv4",
    ];

    #[test]
    fn has_golden_pairs_for_every_function() {
        let golden = include_str!("../../tests/data/templates/golden.json");
        let rows: Vec<serde_json::Value> = serde_json::from_str(golden).unwrap();
        let templates: Vec<&str> = rows.iter().filter_map(|row| row["template"].as_str()).collect();
        let words: std::collections::HashSet<&str> = templates
            .iter()
            .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
            .collect();
        let mut missing: Vec<&str> = TABLE
            .keys()
            .copied()
            .filter(|name| !words.contains(name) && !RANDOM.contains(name))
            .collect();
        missing.sort_unstable();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn gives_every_name_once() {
        let all: Vec<&str> = sprig::GROUPS
            .iter()
            .flat_map(|group| group.iter())
            .map(|function| function.name)
            .collect();
        let distinct: std::collections::HashSet<&&str> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|name| !LEFT_OUT.contains(name)));
        // All of Sprig 3.3 but what is left out on purpose.
        assert_eq!(all.len() + LEFT_OUT.len(), 211);
    }
}
