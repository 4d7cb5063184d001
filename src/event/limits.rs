//! The limits of a record. `codec` allocates no memory for a value beyond a limit. It refuses a
//! scope or control record that has one and names the limit. Of an action it marks the field as
//! malformed, and keeps the beginning of a text or list.

/// Bytes of the value of one record. Topics should be created with the same `max.message.bytes`.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a link. A link may carry a whole scope, and JSON takes more bytes than Avro. The links
/// topic must take records of this size, as topics do by default.
pub const LINK_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;
/// Bytes of the state in an import.
pub const STATE_BYTES_MAX: usize = 192 * 1024;
/// Bytes of any other text field.
pub const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Bytes of an id that keys state: tenant, agent, task, credential, scope.
pub const ID_BYTES_MAX: usize = 256;
/// Entries of `delegation.chain`.
pub const CHAIN_MAX: usize = 32;
/// Entries of `content.flags`.
pub const FLAGS_MAX: usize = 32;
/// Entries of any list of a scope.
pub const SCOPE_LIST_MAX: usize = 256;
/// Grants of a scope.
pub const GRANTS_MAX: usize = 64;
/// Declared limits of a scope.
pub const SCOPE_LIMITS_MAX: usize = 16;
/// Nesting depth of a JSON record.
pub const JSON_DEPTH_MAX: usize = 32;
/// Actions that one foreign record may map to.
pub const MAPPED_ACTIONS_MAX: usize = 1_000;
