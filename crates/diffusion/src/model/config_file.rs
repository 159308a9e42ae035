//! A model's JSON files.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use common::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A JSON object and where it was read.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The file, for messages.
    pub path: PathBuf,
    /// Its keys.
    pub values: Map<String, Value>,
}

impl ConfigFile {
    /// A key's value, if the file has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The `_class_name` that diffusers writes.
    pub fn class_name(&self) -> Option<&str> {
        self.get("_class_name").and_then(Value::as_str)
    }

    /// Checks that every number under the given keys lies in its range, also those in lists, and that no list is long.
    /// Nothing is computed from, or allocated for, numbers that no network has.
    ///
    /// # Errors
    /// [`Error::Weights`] naming the key, the value and what is allowed.
    pub fn check_ranges(&self, ranges: &[(&str, RangeInclusive<f64>)]) -> Result<()> {
        for (key, range) in ranges {
            let Some(value) = self.get(key) else {
                continue;
            };
            if !is_in_range(value, range) {
                let (first, last) = (range.start(), range.end());
                return Err(Error::weights(
                    &self.path,
                    format!(
                        "{key} = {value} can't be: numbers from {first} to {last} are possible"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The file as a typed configuration.
    ///
    /// # Errors
    /// [`Error::Weights`] if a key has a value of the wrong type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        let parse = |values| serde_json::from_value::<T>(Value::Object(values));
        parse(self.values.clone()).map_err(|error| {
            // serde doesn't tell which key it was: the one that is wrong alone.
            let is_wrong = |key: &str, value: &Value| {
                parse([(key.to_owned(), value.clone())].into_iter().collect()).is_err()
            };
            let mut keys = self.values.iter();
            let key = keys.find(|(key, value)| is_wrong(key, value));
            let key = key.map(|(key, _)| format!("{key}: ")).unwrap_or_default();
            Error::weights(&self.path, format!("has a wrong value: {key}{error}"))
        })
    }
}

fn is_in_range(value: &Value, range: &RangeInclusive<f64>) -> bool {
    /// Entries of a list: levels of a network, or layers of one.
    const MAX_LEN: usize = 64;
    match value {
        Value::Number(number) => number
            .as_f64()
            .is_some_and(|number| range.contains(&number)),
        Value::Array(values) => {
            values.len() <= MAX_LEN && values.iter().all(|value| is_in_range(value, range))
        }
        _ => true, // of another type, which is said when the file is parsed
    }
}

/// Reads JSON as Python writes it: bare `NaN`, `Infinity` and `-Infinity` are read as null.
///
/// # Errors
/// What is wrong, with line and column.
pub fn parse_json(text: &str) -> serde_json::Result<Value> {
    match serde_json::from_str(text) {
        Err(_) if text.contains("NaN") || text.contains("Infinity") => {
            serde_json::from_str(&without_bare_words(text))
        }
        result => result,
    }
}

fn without_bare_words(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(first) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"]
            .into_iter()
            .find(|word| !in_string && rest.starts_with(word));
        let taken = match (word, first) {
            (Some(word), _) => {
                clean.push_str("null");
                rest = rest.get(word.len()..).unwrap_or_default();
                continue;
            }
            (None, '\\') if in_string => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            (None, '"') => {
                in_string = !in_string;
                1
            }
            (None, other) => other.len_utf8(),
        };
        clean.push_str(rest.get(..taken).unwrap_or_default());
        rest = rest.get(taken..).unwrap_or_default();
    }
    clean
}
