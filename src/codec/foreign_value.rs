//! Reads a foreign record into a value of the jq library, so that what another reader would see is
//! not lost on the way.
//!
//! A name that an object has twice gets the list of its values: a mapping that passes it on as a
//! field makes the field malformed, and does not choose one of the values. What nests deeper than
//! [`JSON_DEPTH_MAX`] is skipped, and its place is taken by an empty list or object.

use std::rc::Rc;

use jaq_json::{Num, Val};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::lenient_json::{JsonFault, LenientJson};
use crate::event::limits::JSON_DEPTH_MAX;

/// Reads one JSON text. A byte order mark before it is skipped.
///
/// # Errors
/// If it is not JSON; the message ends with line and column.
pub(super) fn read_value(text: &[u8]) -> Result<Val, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut json = LenientJson::new(text);
    let read = ForeignValue { depth: 0 }.deserialize(&mut json);
    let read = read.and_then(|value| json.end().map(|()| value));
    read.map_err(|fault: JsonFault| json.locate_fault(&fault))
}

/// One value that is nested in `depth` containers.
#[derive(Clone, Copy)]
struct ForeignValue {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for ForeignValue {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl ForeignValue {
    /// What is inside of this value; `None` where it nests too deep.
    fn inside(self) -> Option<Self> {
        let depth = self.depth + 1;
        (depth <= JSON_DEPTH_MAX).then_some(ForeignValue { depth })
    }
}

impl<'de> Visitor<'de> for ForeignValue {
    type Value = Val;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Val, E> {
        Ok(Val::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Val, E> {
        Ok(Val::Num(Num::from_integral(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Val, E> {
        Ok(Val::Num(Num::from_integral(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Val, E> {
        Ok(Val::Num(Num::Float(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Val, E> {
        Ok(Val::utf8_str(value.as_bytes().to_vec()))
    }

    fn visit_unit<E: Error>(self) -> Result<Val, E> {
        Ok(Val::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Val, A::Error> {
        let mut list = Vec::new();
        match self.inside() {
            Some(inside) => {
                while let Some(item) = items.next_element_seed(inside)? {
                    list.push(item);
                }
            }
            None => while items.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(Val::Arr(Rc::new(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Val, A::Error> {
        let mut map = jaq_json::Map::default();
        let Some(inside) = self.inside() else {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Val::obj(map));
        };
        // The values of the names that came before, few if any.
        let mut repeated: Vec<(Val, Vec<Val>)> = Vec::new();
        while let Some(name) = entries.next_key_seed(ForeignValue { depth: 0 })? {
            let value = entries.next_value_seed(inside)?;
            if let Some((_, values)) = repeated.iter_mut().find(|(known, _)| *known == name) {
                values.push(value);
            } else if let Some(first) = map.insert(name.clone(), value.clone()) {
                repeated.push((name, vec![first, value]));
            }
        }
        for (name, values) in repeated {
            map.insert(name, Val::Arr(Rc::new(values)));
        }
        Ok(Val::obj(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_name_has_all_its_values_and_depth_ends_empty() {
        let read = |text: &str| read_value(text.as_bytes()).unwrap().to_string();
        assert_eq!(
            read(r#"{"a":1,"b":2,"\u0061":3,"a":null}"#),
            r#"{"a":[1,3,null],"b":2}"#
        );
        assert_eq!(
            read("\u{feff}[\"\\ud83d\", 1e400]"),
            "[\"\u{fffd}\",Infinity]"
        );
        for n in [JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1, 100_000] {
            let deep = format!("{}{}", "[".repeat(n), "]".repeat(n));
            let kept = n.min(JSON_DEPTH_MAX + 1);
            assert_eq!(
                read(&deep),
                format!("{}{}", "[".repeat(kept), "]".repeat(kept))
            );
        }
        assert!(read_value(b"{").unwrap_err().contains("line 1 column 2"));
    }
}
