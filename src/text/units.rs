//! Durations, amounts, times of day and weekdays as people write them in text files; bytes as hex.

/// Units of time, longest first, so that a duration is shown in the largest unit that divides it.
const TIME_UNITS: [(&str, i64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of amounts: decimal, or binary with an `i`.
const AMOUNT_UNITS: [(&str, f64); 13] = [
    ("", 1.0),
    ("B", 1.0),
    ("k", 1e3),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Minutes of a day.
pub const DAY_MIN: u16 = 1_440;

/// Reads `250ms`, `30s`, `5m`, `1h` or `7d`: a positive whole number and one unit.
#[must_use]
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    let (number, unit) = split_unit(text)?;
    let (_, unit_ms) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
    let count: i64 = number.parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(*unit_ms)
}

/// Shows a length of time as [`parse_duration_ms`] reads it, in the largest unit that divides it.
#[must_use]
pub fn show_duration(length_ms: i64) -> String {
    TIME_UNITS
        .iter()
        .find(|(_, unit_ms)| length_ms % unit_ms == 0)
        .map_or_else(
            || format!("{length_ms}ms"),
            |(u, unit_ms)| format!("{}{u}", length_ms / unit_ms),
        )
}

/// Reads `50`, `2.5k`, `50MB` or `1GiB`: a number not below 0 and an optional unit.
#[must_use]
pub fn parse_quantity(text: &str) -> Option<f64> {
    let (number, unit) = split_unit(text)?;
    let (_, factor) = AMOUNT_UNITS.iter().find(|(name, _)| *name == unit)?;
    let amount: f64 = number.parse().ok()?;
    Some(amount * factor).filter(|amount| amount.is_finite() && *amount >= 0.0)
}

/// Reads `07:00` to `24:00` as the minute of the day, 0 to 1440.
#[must_use]
pub fn parse_time_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60)
        .then_some(hour * 60 + minute)
        .filter(|total| *total <= DAY_MIN)
}

/// Shows a minute of the day as [`parse_time_of_day`] reads it.
#[must_use]
pub fn show_time_of_day(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Reads ISO weekdays, 1 = Monday: `mon`, `mon-fri`, `sat,sun`, `fri-mon`, or the numbers.
/// Sorted, each once.
#[must_use]
pub fn parse_days(text: &str) -> Option<Vec<u8>> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (parse_day(first)?, parse_day(last)?);
        let mut day = first;
        days.push(day);
        while day != last {
            day = day % 7 + 1;
            days.push(day);
        }
    }
    days.sort_unstable();
    days.dedup();
    Some(days)
}

/// The name of an ISO weekday: `mon` for 1.
#[must_use]
pub fn day_name(day: u8) -> &'static str {
    day.checked_sub(1)
        .and_then(|i| DAY_NAMES.get(usize::from(i)))
        .copied()
        .unwrap_or("?")
}

fn parse_day(text: &str) -> Option<u8> {
    let text = text.trim();
    let named = DAY_NAMES
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text));
    match named {
        Some(index) => u8::try_from(index + 1).ok(),
        None => text.parse().ok().filter(|day| (1..=7).contains(day)),
    }
}

/// The number in front and the unit behind; both trimmed.
fn split_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    (!number.is_empty()).then_some((number, unit.trim()))
}

/// Bytes as lower-case hex digits.
#[must_use]
pub fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_show() {
        for (text, ms) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(parse_duration_ms(text), Some(ms));
            assert_eq!(show_duration(ms), text);
        }
        for wrong in [
            "",
            "0s",
            "-1s",
            "1",
            "1.5h",
            "h",
            "1w",
            "9999999999999999999d",
            "1h30m",
        ] {
            assert_eq!(parse_duration_ms(wrong), None, "{wrong}");
        }
        assert_eq!(parse_duration_ms("200000000000d"), None, "overflow");
    }

    #[test]
    fn quantities_read_decimal_and_binary_units() {
        let cases = [
            ("50", 50.0),
            ("50MB", 5e7),
            ("1 KiB", 1024.0),
            ("2.5k", 2500.0),
            ("0", 0.0),
        ];
        for (text, amount) in cases {
            assert_eq!(parse_quantity(text), Some(amount), "{text}");
        }
        for wrong in ["", "-1", "MB", "1XB", "1.2.3", "nan", "inf"] {
            assert_eq!(parse_quantity(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_of_day_end_at_24_00() {
        assert_eq!(parse_time_of_day("07:30"), Some(450));
        assert_eq!(parse_time_of_day("24:00"), Some(1440));
        for wrong in ["24:01", "7:00", "07:60", "0700", "", "aa:bb", "+1:00"] {
            assert_eq!(parse_time_of_day(wrong), None, "{wrong}");
        }
        assert_eq!(show_time_of_day(450), "07:30");
    }

    #[test]
    fn days_take_ranges_lists_names_and_numbers() {
        assert_eq!(parse_days("mon-fri"), Some(vec![1, 2, 3, 4, 5]));
        assert_eq!(parse_days("Fri-mon, 3"), Some(vec![1, 3, 5, 6, 7]));
        assert_eq!(parse_days("0"), None);
        assert_eq!(parse_days("mon-"), None);
        assert_eq!(day_name(7), "sun");
    }
}
