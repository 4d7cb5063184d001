//! Properties whose values can be secrets: they can be read but not printed.

use std::collections::BTreeMap;
use std::fmt;

/// Parts of a property's name that make its value a secret. The list is wide on purpose: a hidden
/// path is a nuisance, a printed password is an incident.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "key",
    "token",
    "jaas",
    "credential",
    "oauthbearer",
];

/// Printed instead of a secret.
pub const HIDDEN: &str = "(hidden)";

/// Name to value. `Debug` prints all names, but only the values that are not secret.
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

    /// Every property by name, with `HIDDEN` for a secret value.
    pub fn iter_printable(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter()
            .map(|(name, value)| (name, if is_secret(name) { HIDDEN } else { value }))
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

/// Whether the value of a property of this name must not be printed.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}
