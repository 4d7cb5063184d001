//! Decodes records to the vocabulary and encodes the vocabulary to bytes.
//!
//! Place in the flow: the first and the last step. [`Decoder`] decodes the values of
//! [`crate::event`] from JSON and Avro; [`Mapping`] maps foreign JSON to actions with a jq program.
//! Both check the limits of a record before they allocate memory for its values. [`json`] and
//! [`avro`] encode the same values. [`native`] and [`ocsf`] write alerts; [`set`] and [`keys`]
//! write and sign revocation requests, [`control_keys`] verifies what identity systems sign.
//!
//! This room must not know topics, offsets, files, clocks, or the meaning of scopes and rules: its
//! input is the bytes of a record, its output a value or a [`DecodeError`]. It owns no state. Its
//! limits are those of [`crate::event::limits`] and the bounds of [`avro`] files.
//!
//! Read first: `tests/roundtrip.rs`, then `tests/hostile.rs`.

#![deny(clippy::disallowed_methods)]

mod alert_format;
pub mod avro;
pub mod control_keys;
mod decode;
mod decoder;
mod error;
mod foreign_value;
pub mod json;
pub mod json_lines;
mod key_pem;
pub mod keys;
mod lenient_json;
mod link_bounds;
pub mod locate;
pub mod mapping;
pub mod native;
pub mod ocsf;
mod rs256;
pub mod set;
pub mod signing_keys;
mod subject_id;
mod threat_names;
pub mod token_scope;
mod wire;
mod wire_action;

#[cfg(test)]
mod tests;

pub use alert_format::AlertFormat;
pub use avro::SchemaSet;
pub use decode::Decoded;
pub(crate) use decode::parse_record_key;
pub use decoder::Decoder;
pub use error::{DecodeError, DecodeErrorKind};
pub use mapping::Mapping;
pub use threat_names::threat_name;
