//! Parsed texts that are worth keeping: with placeholders in the place of values there are few of them.

use std::sync::{Arc, Mutex, PoisonError};

use super::Fault;
use super::node::Node;
use super::yaml;

/// Branches of one template that are remembered.
const MOST: usize = 8;

/// The documents of texts that were parsed before.
#[derive(Debug, Default)]
pub(super) struct Shapes(Mutex<Vec<Shape>>);

/// A text and its documents.
type Shape = (String, Arc<Vec<Node>>);

impl Shapes {
    pub(super) fn of(&self, text: &str, mark: char) -> Result<Arc<Vec<Node>>, Fault> {
        if let Some(documents) = self.known(text) {
            return Ok(documents);
        }
        let documents = Arc::new(yaml::documents(text, mark)?);
        let mut shapes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shapes.len() >= MOST {
            shapes.remove(0);
        }
        shapes.push((text.to_owned(), Arc::clone(&documents)));
        Ok(documents)
    }

    fn known(&self, text: &str) -> Option<Arc<Vec<Node>>> {
        let shapes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shapes.iter().find(|(known, _)| known == text);
        known.map(|(_, documents)| Arc::clone(documents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parsed_once() {
        let shapes = Shapes::default();
        let first = shapes.of("a: 1", '#').expect("YAML");
        assert!(Arc::ptr_eq(&first, &shapes.of("a: 1", '#').expect("YAML")));
        for number in 0..MOST {
            shapes.of(&format!("a: b{number}"), '#').expect("YAML");
        }
        assert_eq!(shapes.0.lock().expect("unpoisoned").len(), MOST);
        assert!(!Arc::ptr_eq(&first, &shapes.of("a: 1", '#').expect("YAML")));
        assert!(shapes.of("a: [", '#').is_err());
    }
}
