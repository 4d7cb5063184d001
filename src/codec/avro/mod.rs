//! The Avro form: writer schemas, single values, files of records, and encoders.
//!
//! Actions, of which there are many, are read by a `plan` made when their schema is loaded: `read`
//! takes each value from the bytes straight into its field. Scopes, and actions of schemas with
//! decimals or durations, go through `serde_avro_fast`, which borrows from the input; what it
//! leaves open to a hostile record is closed by the checks of `schema` and the bounds of `datum`.
//! Files of records are read by `container`, whose blocks are bounded before and after they are
//! decompressed.

mod container;
pub(crate) mod datum;
mod encode;
mod input;
mod plan;
mod read;
mod schema;
mod write;

pub use container::{BLOCK_BYTES_MAX, Container, UNPACKED_BYTES_MAX, read_container};
pub use encode::{EncodeError, Encoder};
pub(crate) use schema::WriterSchema;
pub use schema::{ACTION_SCHEMA, SCHEMA_BYTES_MAX, SCOPE_SCHEMA, SchemaSet};
pub use write::{ActionFileWriter, Compression, ScopeFileWriter};
