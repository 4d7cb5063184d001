//! The shipped mappings.
