//! The limits of a bundle. A file beyond them is refused with the limit's name.

/// Rules of a bundle. The index numbers them in 16 bits.
pub const RULES_MAX: usize = 10_000;
/// Metrics of a bundle: each costs state per agent.
pub const METRICS_MAX: usize = 64;
/// Bytes of one rule file.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Documents of one rule file.
pub const DOCUMENTS_MAX: usize = 1_000;
/// Inline tests of one rule.
pub const TESTS_MAX: usize = 64;
/// Events of one inline test, repetitions counted.
pub const TEST_EVENTS_MAX: u32 = 100_000;
