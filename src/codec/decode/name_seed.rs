//! Reads names that are part of a form: of fields, and the symbols of Avro enums.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, VariantAccess, Visitor};

/// Reads a name and applies a function to it.
pub(super) struct NameSeed<F>(pub(super) F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for NameSeed<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for NameSeed<F> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        Ok((self.0)(name))
    }
}

/// Reads the symbol of an Avro enum and applies a function to it.
pub(super) fn read_symbol<'de, A: EnumAccess<'de>, T>(
    choice: A,
    take: impl FnOnce(&str) -> T,
) -> Result<T, A::Error> {
    let (taken, content) = choice.variant_seed(NameSeed(take))?;
    content.unit_variant()?;
    Ok(taken)
}
