//! The configuration of every property test and seeded simulation, in `src` and in `tests`.
//!
//! By default every test draws its inputs from one fixed seed, so its result depends on the code
//! alone. `make test-long` sets `SCOPEWATCH_TEST_SEED` to a random number and
//! `SCOPEWATCH_TEST_FACTOR` to how many times as many inputs are tried. A failing test prints both,
//! and the same values repeat it. Proptest also writes the failing input to `proptest-regressions`;
//! once committed, it is tried first in every run.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::disallowed_methods,
    reason = "seed and factor are set from outside"
)]

use proptest::test_runner::{Config, RngSeed};

const SEED_VARIABLE: &str = "SCOPEWATCH_TEST_SEED";
const FACTOR_VARIABLE: &str = "SCOPEWATCH_TEST_FACTOR";
const SEED_DEFAULT: u64 = 1;

/// The configuration of a property test that tries `cases` inputs.
pub fn config(cases: u32) -> Config {
    let (seed, factor) = (seed(), factor());
    print_how_to_repeat(seed, factor);
    Config {
        cases: cases.saturating_mul(factor),
        // Discarded inputs grow with the inputs that are tried.
        max_global_rejects: 1_024_u32.saturating_mul(factor),
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    }
}

/// The seeds of a simulation: 1 to `fixed` always; in a long run also `factor - 1` random ones.
pub fn seeds(fixed: u64) -> Vec<u64> {
    let (seed, factor) = (seed(), factor());
    print_how_to_repeat(seed, factor);
    let random = (1..u64::from(factor)).map(|n| (seed + n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (1..=fixed).chain(random).collect()
}

fn seed() -> u64 {
    variable(SEED_VARIABLE).unwrap_or(SEED_DEFAULT)
}

fn factor() -> u32 {
    variable(FACTOR_VARIABLE).unwrap_or(1).max(1)
}

/// The test harness shows this line only when the test fails.
fn print_how_to_repeat(seed: u64, factor: u32) {
    eprintln!("to repeat: {SEED_VARIABLE}={seed} {FACTOR_VARIABLE}={factor}");
}

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    let parsed = value.parse().ok();
    assert!(parsed.is_some(), "{name}={value} is not a whole number");
    parsed
}
