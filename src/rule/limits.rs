//! The limits of a bundle. A file beyond a limit is refused with an error that names the limit.

/// Rules of a bundle; a [`super::RuleIndex`] has 16 bits.
pub const RULES_MAX: usize = 10_000;
/// Metrics of a bundle; each metric adds to the state of every agent.
pub const METRICS_MAX: usize = 64;
/// Bytes of one rule file.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Documents of one rule file.
pub const DOCUMENTS_MAX: usize = 1_000;
/// Inline tests of one rule.
pub const TESTS_MAX: usize = 64;
/// Events of one inline test, including repetitions.
pub const TEST_EVENTS_MAX: u32 = 100_000;
/// Levels of parentheses and `not` in a condition.
pub const CONDITION_DEPTH_MAX: usize = 32;
/// Bytes of one compiled regular expression.
pub const REGEX_BYTES_MAX: usize = 4 * 1024 * 1024;
