//! Tests of the whole room: values through every form, limits, hostile bytes.

mod contract;
mod control_forms;
mod control_signatures;
mod foreign_records;
mod generate;
mod hostile;
mod limits;
mod logical_types;
mod mappings;
mod numbers;
mod plans;
mod roundtrip;
mod schema;
mod signing_keys;
mod token_scope;

use std::sync::LazyLock;

use super::{Decoder, SchemaSet};
use crate::text::SourceFile;

/// A decoder that knows our schemas, also as ids 7 (actions) and 8 (scopes). Reading the schemas
/// takes longer than most cases of a property test, so all tests share one decoder.
fn decoder() -> &'static Decoder {
    static DECODER: LazyLock<Decoder> = LazyLock::new(|| {
        Decoder::new(schemas([
            (7, super::avro::ACTION_SCHEMA),
            (8, super::avro::SCOPE_SCHEMA),
        ]))
    });
    &DECODER
}

fn schemas<const N: usize>(files: [(u32, &str); N]) -> SchemaSet {
    let files = files.map(|(id, text)| {
        (
            id,
            SourceFile {
                path: format!("schemas/{id}.avsc"),
                text: text.to_owned(),
            },
        )
    });
    SchemaSet::new(files).unwrap()
}
