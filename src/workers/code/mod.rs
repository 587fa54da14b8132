//! The modules of a worker, the main one first, whether they stand in its template or were fetched.

mod digest;

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::module_type;
use crate::api::workers::{ContentModule, Module, ModuleType, WorkerTemplate};

pub use digest::of_sources;

/// One module with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeModule {
    /// As other modules import it.
    pub name: String,
    /// What it is to the runtime.
    pub module_type: ModuleType,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// All modules of a worker; at least one, and no two of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The main module first, the others as they were given.
    pub modules: Vec<CodeModule>,
}

/// Why modules are not the code of a worker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// There are none.
    #[error("there is no module: give `modules` or `urls`")]
    Empty,
    /// One has no content, or two.
    #[error("module {0:?} needs one of `text` and `base64`")]
    Content(String),
    /// One is not what it says it is.
    #[error("`base64` of module {0:?} is not base64: {1}")]
    Base64(String, String),
    /// Imports could mean either of two.
    #[error("two modules are called {0:?}: give each a name of its own")]
    Duplicate(String),
    /// The main module is not among them.
    #[error("`mainModule` names {name:?}, and the modules are {known}")]
    MainModule {
        /// What it names.
        name: String,
        /// The first names that there are.
        known: String,
    },
}

/// So many names are told where one is missing.
const TOLD: usize = 8;

impl Code {
    /// The modules that stand in the template.
    ///
    /// # Errors
    /// They are not the code of a worker.
    pub fn inline(template: &WorkerTemplate) -> Result<Self, CodeError> {
        let modules = template.modules.iter().map(inline).collect::<Result<_, _>>()?;
        Self::ordered(modules, template.main_module.as_deref())
    }

    /// The modules with the main one first, which is the first one unless it is named.
    ///
    /// # Errors
    /// There is none, two have one name, or none is the main one.
    pub fn ordered(mut modules: Vec<CodeModule>, main: Option<&str>) -> Result<Self, CodeError> {
        let mut names = BTreeSet::new();
        if let Some(twice) = modules.iter().find(|module| !names.insert(&*module.name)) {
            return Err(CodeError::Duplicate(twice.name.clone()));
        }
        if modules.is_empty() {
            return Err(CodeError::Empty);
        }
        if let Some(main) = main {
            let position = modules.iter().position(|module| module.name == main);
            let position = position.ok_or_else(|| CodeError::MainModule {
                name: main.to_owned(),
                known: known(&modules),
            })?;
            modules[..=position].rotate_right(1);
        }
        Ok(Self { modules })
    }

    /// Names and types, as a release and its ConfigMap list them.
    #[must_use]
    pub fn listing(&self) -> Vec<ContentModule> {
        let modules = self.modules.iter();
        modules
            .map(|module| ContentModule {
                name: module.name.clone(),
                module_type: module.module_type,
            })
            .collect()
    }

    /// Bytes of all contents.
    #[must_use]
    pub fn size(&self) -> usize {
        self.modules.iter().map(|module| module.content.len()).sum()
    }
}

fn known(modules: &[CodeModule]) -> String {
    let names = modules.iter().take(TOLD).map(|module| format!("{:?}", module.name));
    let mut names: Vec<_> = names.collect();
    if modules.len() > TOLD {
        names.push("…".to_owned());
    }
    names.join(", ")
}

fn inline(module: &Module) -> Result<CodeModule, CodeError> {
    let content = match (&module.text, &module.base64) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(base64)) => decoded(&module.name, base64)?,
        _ => return Err(CodeError::Content(module.name.clone())),
    };
    Ok(CodeModule {
        name: module.name.clone(),
        module_type: module
            .module_type
            .unwrap_or_else(|| module_type::of(&module.name, None)),
        content,
    })
}

/// In lines too, as a block of YAML and `base64` on a terminal have it.
fn decoded(name: &str, base64: &str) -> Result<Vec<u8>, CodeError> {
    let dense: String = base64.split_ascii_whitespace().collect();
    let decoded = STANDARD.decode(dense);
    decoded.map_err(|error| CodeError::Base64(name.to_owned(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str) -> Module {
        Module {
            name: name.to_owned(),
            text: Some(format!("// {name}")),
            ..Module::default()
        }
    }

    fn template(modules: Vec<Module>, main: Option<&str>) -> WorkerTemplate {
        WorkerTemplate {
            modules,
            main_module: main.map(str::to_owned),
            ..WorkerTemplate::default()
        }
    }

    fn names(code: &Code) -> Vec<&str> {
        code.modules.iter().map(|module| &*module.name).collect()
    }

    #[test]
    fn the_main_module_comes_first_and_the_others_stay_in_order() {
        let modules = || ["a.js", "b.txt", "c.wasm"].map(module).to_vec();
        let first = Code::inline(&template(modules(), None)).unwrap();
        assert_eq!(names(&first), ["a.js", "b.txt", "c.wasm"]);
        let named = Code::inline(&template(modules(), Some("c.wasm"))).unwrap();
        assert_eq!(names(&named), ["c.wasm", "a.js", "b.txt"]);
        let missing = Code::inline(&template(modules(), Some("d.js"))).unwrap_err();
        assert_eq!(
            missing.to_string(),
            r#"`mainModule` names "d.js", and the modules are "a.js", "b.txt", "c.wasm""#
        );
    }

    #[test]
    fn many_names_are_not_all_told() {
        let many: Vec<_> = (0..20).map(|number| module(&format!("{number}.js"))).collect();
        let missing = Code::inline(&template(many, Some("x"))).unwrap_err().to_string();
        assert!(missing.ends_with(r#""7.js", …"#), "{missing}");
    }

    #[test]
    fn content_is_text_or_base64() {
        let binary = Module {
            text: None,
            base64: Some("AGFz\n  bQ==\n".to_owned()),
            ..module("a.wasm")
        };
        let code = Code::inline(&template(vec![module("x.js"), binary.clone()], None)).unwrap();
        assert_eq!(code.modules[1].content, b"\0asm");
        assert_eq!(code.size(), "// x.js".len() + 4);
        let both = Module {
            text: Some(String::new()),
            ..binary.clone()
        };
        let neither = Module {
            base64: None,
            ..binary.clone()
        };
        for wrong in [both, neither] {
            let refused = Code::inline(&template(vec![wrong], None));
            assert_eq!(refused, Err(CodeError::Content("a.wasm".to_owned())));
        }
        let garbled = Module {
            base64: Some("a-b".to_owned()),
            ..binary
        };
        let refused = Code::inline(&template(vec![garbled], None));
        assert!(matches!(refused, Err(CodeError::Base64(name, _)) if name == "a.wasm"));
    }

    #[test]
    fn no_module_and_two_of_one_name_are_refused() {
        assert_eq!(Code::inline(&template(Vec::new(), None)), Err(CodeError::Empty));
        let twice = Code::inline(&template(vec![module("a.js"), module("a.js")], None));
        assert_eq!(twice, Err(CodeError::Duplicate("a.js".to_owned())));
    }

    #[test]
    fn the_listing_is_names_and_types() {
        let data = Module {
            module_type: Some(ModuleType::Data),
            ..module("b.js")
        };
        let code = Code::inline(&template(vec![module("a.txt"), data], None)).unwrap();
        let listed = serde_json::to_value(code.listing()).unwrap();
        let expected = serde_json::json!([{"name": "a.txt", "type": "Text"}, {"name": "b.js", "type": "Data"}]);
        assert_eq!(listed, expected);
    }
}
