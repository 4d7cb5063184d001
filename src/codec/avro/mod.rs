//! The Avro form: writer schemas, single values, files of records, and encoders.
//!
//! Schemas are parsed and fingerprinted by apache-avro, after `schema_json` has reduced them to
//! what reading needs. Values are written by apache-avro too.
//!
//! Actions, of which there are many, are read by `action_reader`, which takes each value from the
//! bytes straight into its field. Scopes, of which there are few, are read by apache-avro: `datum`
//! gives it only bytes that `value_walk` found sound, so no length that a record claims can make it
//! allocate. Files are read and written here, because apache-avro cannot: its limit of memory is
//! one number for the whole process, a file's records end at the first one that is refused, and the
//! entries of a header that it writes change their order from run to run.

mod action_plan;
mod action_reader;
mod cursor;
pub(crate) mod datum;
mod encoder;
mod file_format;
mod file_reader;
mod file_writer;
mod logical_types;
mod schema;
mod schema_json;
mod type_table;
mod value_walk;

pub use encoder::{EncodeError, Encoder};
pub use file_format::Compression;
pub use file_reader::{AvroFile, BLOCK_BYTES_MAX, UNPACKED_BYTES_MAX, open_file};
pub use file_writer::{ActionFileWriter, RecordFileWriter, ScopeFileWriter};
pub(crate) use schema::WriterSchema;
pub use schema::{ACTION_SCHEMA, SCHEMA_BYTES_MAX, SCOPE_SCHEMA, SchemaSet};
