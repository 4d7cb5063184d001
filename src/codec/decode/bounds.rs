//! The bounds of single values, the same for both forms and for every kind of record.

use crate::event::TextBound;
use crate::event::limits::{ID_BYTES_MAX, TEXT_BYTES_MAX};

pub(super) use crate::event::TENANT_DEFAULT;
/// The last millisecond of the year 9999: what RFC 3339 can still write.
pub(crate) const TIME_MS_MAX: i64 = 253_402_300_799_999;
/// The largest count, so that JSON and Avro carry the same range.
pub(crate) const COUNT_MAX: u64 = i64::MAX as u64;
/// Whole numbers up to here are exact as floating point.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Checks a text that is not empty.
pub(crate) fn check_text(path: &str, text: &str, bound: TextBound) -> Result<(), String> {
    let limit = if bound == TextBound::Free {
        TEXT_BYTES_MAX
    } else {
        ID_BYTES_MAX
    };
    if text.len() > limit {
        return Err(format!(
            "{path}: {} bytes, at most {limit} are allowed",
            text.len()
        ));
    }
    if bound != TextBound::Free && has_control(text) {
        return Err(format!(
            "{path}: control characters are not allowed in an id"
        ));
    }
    if bound == TextBound::Tenant && text.contains('/') {
        return Err(format!("{path}: a tenant holds no `/`"));
    }
    Ok(())
}

/// Ids are mostly ASCII, so whole characters are looked at only where a byte is not. The bytes are
/// all looked at, without a branch, which takes a fraction of the time of stopping early.
fn has_control(text: &str) -> bool {
    let control = text
        .bytes()
        .fold(false, |found, b| found | (b < 0x20) | (b == 0x7f));
    control || (!text.is_ascii() && text.chars().any(char::is_control))
}

/// Checks a time in epoch milliseconds.
pub(crate) fn check_time_ms(path: &str, ms: i64) -> Result<i64, String> {
    if (0..=TIME_MS_MAX).contains(&ms) {
        Ok(ms)
    } else {
        Err(format!(
            "{path}: {ms} is no time in epoch milliseconds between 1970 and 9999"
        ))
    }
}

/// Reads an RFC 3339 time; fractions below a millisecond are cut off.
pub(crate) fn parse_time_text(path: &str, text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp = text
        .get(..64.min(text.len()))
        .unwrap_or_default()
        .parse()
        .map_err(|_| format!("{path}: expected an RFC 3339 time or epoch milliseconds"))?;
    check_time_ms(path, time.as_millisecond())
}

/// A whole number that a form may have written as floating point.
pub(crate) fn whole_number(number: f64) -> Option<i64> {
    // The cast is exact within the bound.
    (number.fract() == 0.0 && number.abs() <= FLOAT_EXACT_MAX).then_some(number as i64)
}

/// Checks a count.
pub(crate) fn check_count(path: &str, number: i64) -> Result<u64, String> {
    u64::try_from(number).map_err(|_| format!("{path}: {number} is negative"))
}

/// Checks an amount.
pub(crate) fn check_amount(path: &str, number: f64) -> Result<f64, String> {
    if !number.is_finite() {
        return Err(format!("{path}: not a finite number"));
    }
    if number < 0.0 {
        return Err(format!("{path}: {number} is negative"));
    }
    // Negative zero would not survive every form.
    Ok(number + 0.0)
}
