//! Odd values, faults of the structure, and the same values as an independent reader.

use super::*;
use proptest::prelude::*;
use serde::Deserialize;

fn read(text: &[u8]) -> Result<serde_json::Value, JsonFault> {
    let mut reader = LenientJson::new(text);
    let value = serde_json::Value::deserialize(&mut reader)?;
    reader.end().map(|()| value)
}

fn skips(text: &[u8]) -> bool {
    let mut reader = LenientJson::new(text);
    let skipped = serde::de::IgnoredAny::deserialize(&mut reader);
    skipped.is_ok() && reader.end().is_ok()
}

#[test]
fn what_writers_get_wrong_is_read_or_stands_for_no_number() {
    for (text, expected) in [
        (r#""a\ud83d""#, "\"a\u{fffd}\""),
        (r#""\ud83dx\ude00""#, "\"\u{fffd}x\u{fffd}\""),
        (r#""\ud83d\ud83d\ude00""#, "\"\u{fffd}😀\""),
        (r#""\ud83d\u0041""#, "\"\u{fffd}A\""),
        (r#""\ud83d\u00""#, "\"\u{fffd}\u{fffd}00\""),
        (r#""\x\u12g4""#, "\"\u{fffd}\u{fffd}12g4\""),
        ("\"a\nb\"", "\"a\\nb\""),
        ("[NaN, -Infinity, 1e400, 1-2]", "[null,null,null,null]"),
        (
            "[18446744073709551615, -0, 1.5]",
            "[18446744073709551615,0,1.5]",
        ),
    ] {
        let value = read(text.as_bytes());
        assert_eq!(value.unwrap().to_string(), expected, "{text}");
        assert!(skips(text.as_bytes()), "{text}");
    }
    let value = read(b"\"\xff\xc3\"").unwrap();
    assert_eq!(value, "\u{fffd}\u{fffd}");
}

#[test]
fn what_has_no_end_or_no_structure_is_no_json() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "\"a",
        "\"a\\",
        "{\"a\"",
        "{\"a\":",
        "{\"a\" 1}",
        "{a: 1}",
        "[1 2]",
        "[1,]",
        "{\"a\":1,}",
        "[}",
        "{]",
        "1 2",
        ",",
        "}",
    ] {
        assert!(read(text.as_bytes()).is_err(), "{text}");
    }
    for text in ["", "{", "[\"", "\"a\\\"", "[}", "{\"x\":[}]", "1 2", "}"] {
        assert!(!skips(text.as_bytes()), "{text}");
    }
    let mut reader = LenientJson::new(b"{\n  x");
    let fault = serde_json::Value::deserialize(&mut reader).unwrap_err();
    assert_eq!(
        reader.locate_fault(&fault),
        "expected a name at line 2 column 3"
    );
}

#[test]
fn depth_and_odd_values_are_nothing_to_a_value_that_is_skipped() {
    let deep = format!("{}{}", "[{\"k\":".repeat(100_000), "}]".repeat(100_000));
    assert!(skips(deep.as_bytes()));
    assert!(skips(b"{\"\xff\": [\"\\ud83d \\\" ]\", 1e999999, NaN]}"));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(crate::property::config(256))]

    #[test]
    fn json_is_read_as_an_independent_reader_reads_it(value in json(), pretty: bool) {
        let text = match pretty {
            true => serde_json::to_vec_pretty(&value).unwrap(),
            false => serde_json::to_vec(&value).unwrap(),
        };
        prop_assert_eq!(read(&text).unwrap(), value);
        prop_assert!(skips(&text));
    }

    /// What the independent reader accepts is accepted, with the same value.
    #[test]
    fn damaged_json_is_read_at_least_as_well(
        value in json(), at: prop::sample::Index, byte: u8,
    ) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(expected) = serde_json::from_slice::<serde_json::Value>(&text) {
            prop_assert_eq!(read(&text).unwrap(), expected);
            prop_assert!(skips(&text));
        }
        let _ = read(&text[..at]);
        let _ = skips(&text);
    }
}
