//! Skips a value without building it, and bounds its depth.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::context::DecodeContext;
use super::name_seed::read_symbol;
use crate::event::limits::JSON_DEPTH_MAX;

/// Skips one value that is nested in `depth` containers.
pub(crate) struct IgnoredValue<'c> {
    pub(crate) context: &'c mut DecodeContext,
    pub(crate) depth: usize,
}

impl IgnoredValue<'_> {
    fn enter_deeper<E: Error>(&mut self) -> Result<usize, E> {
        enter_container(self.context, self.depth)
    }
}

/// The depth inside a container that is nested in `depth` containers.
///
/// # Errors
/// If that is deeper than [`JSON_DEPTH_MAX`].
pub(crate) fn enter_container<E: Error>(
    context: &mut DecodeContext,
    depth: usize,
) -> Result<usize, E> {
    if depth >= JSON_DEPTH_MAX {
        return Err(context.refuse(format!("nested deeper than {JSON_DEPTH_MAX} levels")));
    }
    Ok(depth + 1)
}

impl<'de> DeserializeSeed<'de> for IgnoredValue<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IgnoredValue<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<(), A::Error> {
        read_symbol(choice, |_| ())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let depth = self.enter_deeper()?;
        while items
            .next_element_seed(IgnoredValue {
                context: self.context,
                depth,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let depth = self.enter_deeper()?;
        while entries
            .next_key_seed(IgnoredValue {
                context: self.context,
                depth,
            })?
            .is_some()
        {
            entries.next_value_seed(IgnoredValue {
                context: self.context,
                depth,
            })?;
        }
        Ok(())
    }
}
