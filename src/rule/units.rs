//! Durations of rule files.

const MS_PER_S: i64 = 1_000;
const MS_PER_MIN: i64 = 60 * MS_PER_S;
const MS_PER_H: i64 = 60 * MS_PER_MIN;
const MS_PER_DAY: i64 = 24 * MS_PER_H;

/// Reads `500ms`, `30s`, `5m`, `1h`, `7d`; `None` for anything else or beyond `i64`.
pub(super) fn parse_duration_ms(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => MS_PER_S,
        "m" => MS_PER_MIN,
        "h" => MS_PER_H,
        "d" => MS_PER_DAY,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(parse_duration_ms("90s"), Some(90_000));
        assert_eq!(parse_duration_ms("30d"), Some(2_592_000_000));
        assert_eq!(parse_duration_ms("250ms"), Some(250));
        for text in [
            "",
            "s",
            "1",
            "-1s",
            "1.5h",
            "1 h",
            "1w",
            "9223372036854775807d",
        ] {
            assert_eq!(parse_duration_ms(text), None, "{text}");
        }
    }
}
