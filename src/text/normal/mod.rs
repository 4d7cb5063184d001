//! One normal form for what can be written in many ways: hosts, addresses, networks, mail
//! addresses, paths and words.
//!
//! An action is brought into this form once, before anything is judged or learned. What people
//! declare is brought into it when it is compiled. So both compare however they were written, and
//! no other spelling of a host, path or word leads past a list. Every function is idempotent, and
//! a text that is in normal form already is found by a scan of its bytes, without a copy.
//!
//! Read first: the tables of `tests`.

mod destination;
mod destination_pattern;
mod fold;
mod host;
mod path;
mod path_decode;
mod path_pattern;
mod recipients;
#[cfg(test)]
mod tests;

pub use destination::{Destination, is_repository};
pub use destination_pattern::{DestinationFault, DestinationPattern};
pub use fold::{fold_word, same_word};
pub use host::Host;
pub use path::{ResourcePath, url_authority};
pub use path_pattern::{PathFault, PathPattern};
