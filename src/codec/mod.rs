//! Bytes to the vocabulary and back.

pub mod keys;
pub mod native;
pub mod ocsf;
pub mod set;
