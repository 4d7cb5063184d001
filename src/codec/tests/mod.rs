//! Tests of the whole room: values through every form, limits, hostile bytes.

mod contract;
mod generate;
mod hostile;
mod limits;
mod mappings;
mod plans;
mod roundtrip;
mod schema;

use super::{Decoder, SchemaSet};
use crate::text::SourceFile;

/// A decoder that knows our schemas, also as ids 7 (actions) and 8 (scopes).
fn decoder() -> Decoder {
    Decoder::new(schemas([
        (7, super::avro::ACTION_SCHEMA),
        (8, super::avro::SCOPE_SCHEMA),
    ]))
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
