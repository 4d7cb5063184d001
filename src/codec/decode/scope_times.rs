//! Reads windows, clock times and weekdays of a scope record.

use super::bounds;
use super::object::Refusal;
use super::tree::TreeNode;
use crate::text::units;

/// The shortest and the longest window of a limit: 1 s and 31 days.
const WINDOW_MS: std::ops::RangeInclusive<i64> = 1_000..=31 * 86_400_000;

/// Days of a week.
const DAYS_MAX: usize = 7;

/// Reads a window, given as a number of milliseconds or as text like `30s`, `5m`, `1h`, `7d`.
pub(super) fn window_ms(path: &str, node: TreeNode) -> Result<i64, Refusal> {
    let ms = match &node {
        TreeNode::Int(ms) => Some(*ms),
        TreeNode::Float(ms) => bounds::whole_number(*ms),
        TreeNode::Text(text) => units::parse_duration_ms(text),
        TreeNode::Null | TreeNode::Flag(_) | TreeNode::List(_) | TreeNode::Map(_) => None,
    };
    ms.filter(|ms| WINDOW_MS.contains(ms)).ok_or_else(|| {
        format!("{path}: expected milliseconds or a span like 30s, 5m, 1h, from 1s to 31d")
    })
}

/// Reads a clock time `HH:MM` as the minute of the day, at most `max`.
pub(super) fn clock_min(path: &str, text: &str, max: u16) -> Result<u16, Refusal> {
    units::parse_time_of_day(text)
        .filter(|minute| *minute <= max)
        .ok_or_else(|| format!("{path}: `{text}` is not a time of day like 07:30"))
}

/// Reads weekdays, given as numbers (1 = Monday) or as text like `mon-fri` or `sat,sun`. The result
/// is sorted and without duplicates.
pub(super) fn days_of(path: &str, node: TreeNode) -> Result<Vec<u8>, Refusal> {
    let refusal = || format!("{path}: expected weekdays from 1 to 7, or text like mon-fri");
    let mut days = match node {
        TreeNode::Null => Vec::new(),
        TreeNode::Text(text) => units::parse_days(&text).ok_or_else(refusal)?,
        // A week has seven days: a longer list is refused without reading it.
        TreeNode::List(items) if items.len() <= DAYS_MAX => items
            .into_iter()
            .map(|item| match item {
                TreeNode::Int(day @ 1..=7) => u8::try_from(day).ok(),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(refusal)?,
        TreeNode::List(_)
        | TreeNode::Flag(_)
        | TreeNode::Int(_)
        | TreeNode::Float(_)
        | TreeNode::Map(_) => {
            return Err(refusal());
        }
    };
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_milliseconds_or_a_span_within_its_bounds() {
        let text = |t: &str| window_ms("w", TreeNode::Text(t.into()));
        assert_eq!(text("1h"), Ok(3_600_000));
        assert_eq!(text("31d"), Ok(31 * 86_400_000));
        assert_eq!(window_ms("w", TreeNode::Int(1_000)), Ok(1_000));
        for bad in [
            "",
            "h",
            "32d",
            "999ms",
            "-1h",
            "99999999999999999999d",
            "1w",
        ] {
            assert!(text(bad).is_err(), "{bad}");
        }
        assert!(window_ms("w", TreeNode::Int(999)).is_err());
        assert!(window_ms("w", TreeNode::Null).is_err());
    }

    #[test]
    fn a_clock_time_is_strict_and_only_the_end_may_be_midnight() {
        assert_eq!(clock_min("p", "07:30", 1439), Ok(450));
        assert_eq!(clock_min("p", "24:00", 1440), Ok(1440));
        for bad in ["24:00", "7:30", "07:60", "0730", "+7:30", "", "99:99"] {
            assert!(clock_min("p", bad, 1439).is_err(), "{bad}");
        }
    }

    #[test]
    fn weekdays_are_read_as_numbers_names_and_ranges() {
        let text = |t: &str| days_of("d", TreeNode::Text(t.into()));
        assert_eq!(text("mon-fri"), Ok(vec![1, 2, 3, 4, 5]));
        assert_eq!(text("sat, sun"), Ok(vec![6, 7]));
        assert_eq!(text("sat-mon"), Ok(vec![1, 6, 7]));
        assert!(text("mon-someday").is_err());
        assert_eq!(
            days_of(
                "d",
                TreeNode::List(vec![TreeNode::Int(7), TreeNode::Int(1)])
            ),
            Ok(vec![1, 7])
        );
        assert!(days_of("d", TreeNode::List(vec![TreeNode::Int(0)])).is_err());
        assert!(days_of("d", TreeNode::List(vec![TreeNode::Int(1); 8])).is_err());
    }
}
