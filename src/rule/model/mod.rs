//! The words of a rule: the facts that it may read, the shape of its detection, what it asks for.
//! The three folders above (`evaluate`, `parse` and the bundle's own files) stand on them.

pub(super) mod catalogue;
pub(super) mod classification;
pub(super) mod condition;
pub(super) mod inline_test;
pub(super) mod metric;
pub(super) mod numbering;
pub(super) mod rule_response;
