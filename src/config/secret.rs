//! Properties whose values can be secrets: they can be read but not printed.

use std::collections::BTreeMap;
use std::fmt;

use crate::kafka::{HIDDEN, is_shown_property};

/// Name to value. `Debug` prints all names, but only the values that are known to be harmless.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PropertyMap(BTreeMap<String, String>);

impl PropertyMap {
    /// Sets a property.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value, secret or not.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every property with its value, secret or not, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every property by name, with `HIDDEN` for a value that can be a secret.
    pub fn iter_printable(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().map(|(name, value)| {
            let shown = is_shown_property(name, value);
            (name, if shown { value } else { HIDDEN })
        })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for PropertyMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter_printable()).finish()
    }
}
