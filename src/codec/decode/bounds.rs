//! The bounds of single values. They are the same for JSON and Avro and for every kind of record.

use std::borrow::Cow;

use crate::event::limits::{ID_BYTES_MAX, TEXT_BYTES_MAX};
use crate::event::{Text, TextBound, text_fingerprint};

pub(super) use crate::event::TENANT_DEFAULT;
/// The last millisecond of the year 9999, which is the last year that RFC 3339 can write.
pub(crate) const TIME_MS_MAX: i64 = 253_402_300_799_999;
/// The first millisecond of the year 2000. Nobody commanded anything before it: an earlier time is
/// one in seconds, read as milliseconds.
pub(crate) const COMMAND_MS_MIN: i64 = 946_684_800_000;
/// 2^53: an f64 represents every whole number up to here exactly.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFault {
    /// It is longer than this many bytes.
    TooLong(usize),
    /// An id has a control character.
    Control,
    /// A tenant has a `/`.
    Slash,
}

/// The text of `bytes`; what is not UTF-8 becomes U+FFFD. [`String::from_utf8_lossy`] is slower
/// than the check of the whole, so it runs only on bytes that fail the check.
#[inline]
pub(crate) fn lossy_text(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Finds what is wrong with a text that is not empty.
#[inline]
pub(crate) fn text_fault(text: &str, bound: TextBound) -> Option<TextFault> {
    let limit = if bound == TextBound::Free {
        TEXT_BYTES_MAX
    } else {
        ID_BYTES_MAX
    };
    if bound != TextBound::Free && has_control(text) {
        return Some(TextFault::Control);
    }
    if text.len() > limit {
        return Some(TextFault::TooLong(limit));
    }
    (bound == TextBound::Tenant && text.contains('/')).then_some(TextFault::Slash)
}

/// Checks a text that is not empty.
pub(crate) fn check_text(path: &str, text: &str, bound: TextBound) -> Result<(), String> {
    match text_fault(text, bound) {
        None => Ok(()),
        Some(TextFault::TooLong(limit)) => {
            let bytes = text.len();
            Err(format!(
                "{path}: {bytes} bytes, at most {limit} are allowed"
            ))
        }
        Some(TextFault::Control) => Err(format!(
            "{path}: control characters are not allowed in an id"
        )),
        Some(TextFault::Slash) => Err(format!("{path}: a tenant contains no `/`")),
    }
}

/// The beginning of a text of more than `limit` bytes, with a mark of the cut. The mark has the
/// length and a hash of the whole text, so that two texts with the same beginning stay different.
#[cold]
pub(crate) fn cut_text(text: &str, limit: usize) -> Text {
    let mark = format!(
        "\u{2026} [{} bytes, {:016x}]",
        text.len(),
        text_fingerprint(text)
    );
    let end = text.floor_char_boundary(limit.saturating_sub(mark.len()));
    let mut cut = Text::new(text.get(..end).unwrap_or_default());
    cut.push_str(&mark);
    cut
}

/// Most ids are ASCII, so characters are decoded only if a byte is not. The fold reads all bytes
/// without a branch, so the compiler vectorises it: that is faster than stopping at the first
/// match.
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

/// Parses an RFC 3339 time. Fractions of a millisecond are cut off.
pub(crate) fn parse_time_text(path: &str, text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp = text
        .get(..64.min(text.len()))
        .unwrap_or_default()
        .parse()
        .map_err(|_| format!("{path}: expected an RFC 3339 time or epoch milliseconds"))?;
    check_time_ms(path, time.as_millisecond())
}

/// The whole number that `number` is, if it is one and an f64 represents it exactly.
pub(crate) fn whole_number(number: f64) -> Option<i64> {
    // The cast is exact within the bound.
    (number.fract() == 0.0 && number.abs() <= FLOAT_EXACT_MAX).then_some(number as i64)
}

/// Checks that a count is not negative. The largest is the largest `long` of Avro, so that JSON and
/// Avro have the same range.
pub(crate) fn check_count(path: &str, number: i64) -> Result<u64, String> {
    u64::try_from(number).map_err(|_| format!("{path}: {number} is negative"))
}

/// Checks that an amount is finite and not negative.
pub(crate) fn check_amount(path: &str, number: f64) -> Result<f64, String> {
    if !number.is_finite() {
        return Err(format!("{path}: not a finite number"));
    }
    if number < 0.0 {
        return Err(format!("{path}: {number} is negative"));
    }
    // Adding 0.0 turns negative zero into zero: not every form keeps its sign.
    Ok(number + 0.0)
}
