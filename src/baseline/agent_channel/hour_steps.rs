//! The stored form of a season: a byte for each hour, or runs of equal ones where that is shorter.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Hours of a workday and of a day of the weekend.
pub(super) const BINS: usize = 48;

pub(super) fn serialize<S: Serializer>(
    steps: &[i8; BINS],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let runs = steps.chunk_by(|a, b| a == b);
    let runs: Vec<i8> = runs.flat_map(|run| [run.len() as i8, run[0]]).collect();
    match runs.len() < BINS {
        true => serializer.collect_seq(runs),
        false => serializer.collect_seq(steps),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[i8; BINS], D::Error> {
    let stored = Vec::<i8>::deserialize(deserializer)?;
    let steps = match stored.len() < BINS {
        true => stored
            .chunks(2)
            .flat_map(|run| match run {
                [length, step] => std::iter::repeat_n(*step, (*length).max(0) as usize),
                _ => std::iter::repeat_n(0, 0),
            })
            .take(BINS + 1)
            .collect(),
        false => stored,
    };
    <[i8; BINS]>::try_from(steps).map_err(|_| D::Error::custom("a season has 48 hours"))
}
