//! The buckets of the histograms of sums.

/// Histogram units of a sum, and of one that alarmed.
pub(super) const UNITS: u32 = 4;
pub(super) const UNITS_ALARMED: u32 = 1;
/// By this factor a sum must exceed those before it to be larger: half an octave.
pub(super) const HISTORY_MARGIN: f64 = std::f64::consts::SQRT_2;

/// Histogram units as blocks.
pub(super) fn hours_of(units: u32) -> f64 {
    f64::from(units) / f64::from(UNITS)
}

/// The bucket of a sum: half an octave each.
pub(super) fn bucket_of(value: f64) -> u16 {
    match value > 0.0 {
        true => (1.0 + (2.0 * value.log2()).floor()).clamp(1.0, 63.0) as u16,
        false => 0,
    }
}

/// What every sum of a bucket is below.
pub(super) fn upper_edge(bucket: u16) -> f64 {
    (f64::from(bucket) / 2.0).exp2()
}
