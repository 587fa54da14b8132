//! What one rendering has and may use: its input, its randomness, its budgets, and the maps that it has made.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::fault::Failure;
use super::go::{Input, Limits};
use super::random::Random;
use super::value::{Items, List, MAX_DEPTH, Map, Str, Value};

/// One rendering.
pub(super) struct Context<'i> {
    pub(super) input: &'i Input<'i>,
    /// The fields of the data that were asked for.
    pub(super) data: [Option<Str>; 6],
    pub(super) random: Random,
    /// Patterns that were used before, with the weight of a search.
    pub(super) regexes: HashMap<String, (regex::Regex, usize)>,
    limits: Limits,
    steps: u64,
    memory: usize,
    /// Every map made, to be emptied at the end: maps may contain one another, and would never be freed otherwise.
    maps: Vec<Rc<Map>>,
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // While this list holds all maps, emptying one drops no other, so no depth of nesting can exhaust the stack.
        for map in &self.maps {
            map.clear();
        }
    }
}

impl<'i> Context<'i> {
    pub(super) fn new(input: &'i Input<'i>, field_path: &str, limits: Limits) -> Self {
        let random = Random::new(input.uid, field_path);
        Context {
            input,
            data: Default::default(),
            random,
            regexes: HashMap::new(),
            limits,
            steps: 0,
            memory: 0,
            maps: Vec::new(),
        }
    }

    /// Counts work done; every evaluated operand, iteration and visited element is a step.
    pub(super) fn step(&mut self, steps: usize) -> Result<(), Failure> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > self.limits.steps {
            Err(Failure::Limit("too many steps"))
        } else {
            Ok(())
        }
    }

    /// Counts bytes that a function produces; asked before they are made where the size is known.
    pub(super) fn reserve(&mut self, bytes: usize) -> Result<(), Failure> {
        if bytes > self.limits.output {
            return Err(Failure::Limit("one result is too long"));
        }
        self.memory = self.memory.saturating_add(bytes);
        if self.memory > self.limits.memory {
            Err(Failure::Limit("too much memory"))
        } else {
            Ok(())
        }
    }

    /// The longest text that this rendering may put out or hand on.
    pub(super) fn longest(&self) -> usize {
        self.limits.output
    }

    /// A string as a function's result.
    pub(super) fn string(&mut self, text: impl Into<Vec<u8>>) -> Result<Value, Failure> {
        let text: Vec<u8> = text.into();
        self.reserve(text.len())?;
        self.step(1 + text.len() / 256)?;
        Ok(Value::Str(text.into()))
    }

    /// A list as a function's result.
    pub(super) fn list(&mut self, of: Items, items: Vec<Value>) -> Result<Value, Failure> {
        self.reserve(items.len().saturating_mul(size_of::<Value>()))?;
        self.step(1 + items.len())?;
        let depth = 1 + items.iter().map(Value::depth).max().unwrap_or_default();
        if depth > MAX_DEPTH {
            return Err(Failure::Limit("lists are nested too deeply"));
        }
        Ok(Value::List(List {
            of,
            nil: false,
            depth,
            items: items.into(),
        }))
    }

    /// A list of anything.
    pub(super) fn any_list(&mut self, items: Vec<Value>) -> Result<Value, Failure> {
        self.list(Items::Any, items)
    }

    /// A list of strings.
    pub(super) fn strings<T: Into<Str>>(&mut self, items: impl IntoIterator<Item = T>) -> Result<Value, Failure> {
        let mut values = Vec::new();
        for item in items {
            let item: Str = item.into();
            self.reserve(item.len())?;
            self.step(1)?;
            values.push(Value::Str(item));
            if values.len().saturating_mul(size_of::<Value>()) > self.limits.output {
                return Err(Failure::Limit("one result is too long"));
            }
        }
        self.list(Items::Str, values)
    }

    /// A map as a function's result.
    pub(super) fn map(&mut self, of_strings: bool, entries: BTreeMap<Str, Value>) -> Result<Value, Failure> {
        self.reserve(size_of::<Map>() + entries.len().saturating_mul(2 * size_of::<Value>()))?;
        self.step(1 + entries.len())?;
        let map = Rc::new(Map::new(of_strings, entries));
        self.maps.push(Rc::clone(&map));
        Ok(Value::Map(map))
    }

    /// A map from text to anything.
    pub(super) fn dict(&mut self, entries: BTreeMap<Str, Value>) -> Result<Value, Failure> {
        self.map(false, entries)
    }
}

/// Go's nil slice.
pub(super) fn nil_list(of: Items) -> Value {
    Value::List(List {
        of,
        nil: true,
        depth: 1,
        items: Rc::from([]),
    })
}
