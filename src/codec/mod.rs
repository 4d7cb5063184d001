//! Bytes to vocabulary and back.
//!
//! Place in the flow: the first and the last step. Incoming, [`Decoder`] makes the values of
//! [`crate::event`] from JSON and Avro, [`Mapping`] makes actions of foreign JSON by a jq program,
//! and both refuse what breaks the limits before it can cost anything. [`json`] and [`avro`] write
//! the same values again. Outgoing, [`native`] and [`ocsf`] write alerts, and [`set`] with [`keys`]
//! writes and signs revocation requests.
//!
//! This room knows nothing of topics, offsets, files, clocks, nor what scopes and rules mean: a
//! record is bytes in and a value or a [`DecodeError`] out. It owns no state; its limits are those
//! of [`crate::event::limits`] and the bounds of [`avro`] files.
//!
//! Read first: `tests/roundtrip.rs`, then `tests/hostile.rs`.

#![deny(clippy::disallowed_methods)]

mod alert_format;
pub mod avro;
mod decode;
mod decoder;
mod error;
pub mod json;
pub mod json_lines;
pub mod keys;
pub mod locate;
pub mod mapping;
pub mod native;
pub mod ocsf;
pub mod set;
mod subject_id;
mod wire;
mod wire_action;

#[cfg(test)]
mod tests;

pub use alert_format::AlertFormat;
pub use avro::SchemaSet;
pub use decode::Decoded;
pub use decoder::Decoder;
pub use error::{DecodeError, DecodeErrorKind};
pub use mapping::Mapping;
