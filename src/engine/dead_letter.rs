//! Dead letters: unusable records, byte for byte, with headers that say why.
//!
//! Key, value and headers have limits. Their sum is far below the producer's `message.max.bytes`,
//! because a dead letter that cannot be sent would stop its partition for ever.

use super::contract::{InputRecord, OutputRecord, OutputTopic};
use super::outcome::DeadLetter;

/// Prefix of the headers that this program adds.
pub const PREFIX: &str = "__scopewatch.errors.";
/// Maximum size of the value of an added header in bytes.
const HEADER_BYTES_MAX: usize = 1024;
/// Maximum size of the original headers in bytes. Further headers are dropped and counted.
const ORIGINAL_BYTES_MAX: usize = 32 * 1024;
/// Approximate overhead of a header in bytes, so that many empty headers also reach the limit.
const HEADER_FRAME_BYTES: usize = 8;
/// Maximum size of the key in bytes. A longer key is dropped; a header states its size.
pub const KEY_BYTES_KEPT: usize = 64 * 1024;
/// Maximum size of the value in bytes. A larger value, which only a compressed batch can contain,
/// is dropped and a header states its size: no topic accepts it.
pub const LETTER_BYTES_MAX: usize = 4 * 1024 * 1024;

impl DeadLetter {
    /// The message, cut at the maximum size of a header value.
    #[must_use]
    pub fn short_message(&self) -> &str {
        cut_to_limit(&self.message)
    }
}

/// Makes the dead letter of `record`: its key, value and headers, then the added headers. Without a
/// key (or with one that is too long) it goes to any partition.
#[must_use]
pub fn dead_letter(record: &InputRecord, letter: &DeadLetter) -> OutputRecord {
    let mut headers = Vec::with_capacity(record.headers.len() + 9);
    let mut bytes = 0;
    let mut dropped = 0u32;
    for (name, value) in &record.headers {
        bytes += HEADER_FRAME_BYTES + name.len() + value.as_ref().map_or(0, Vec::len);
        // An original header with our prefix could be mistaken for one of this failure.
        if bytes > ORIGINAL_BYTES_MAX || name.starts_with(PREFIX) {
            dropped += 1;
        } else {
            headers.push((name.clone(), value.clone()));
        }
    }
    let mut add = |name: &str, value: &str| {
        headers.push((
            format!("{PREFIX}{name}"),
            Some(cut_to_limit(value).as_bytes().to_vec()),
        ));
    };
    add("topic", &record.position.topic);
    add("partition", &record.position.partition.to_string());
    add("offset", &record.position.offset.to_string());
    add("stage", letter.stage.as_str());
    add("class", letter.class);
    add("message", &letter.message);
    add("attempt", "1");
    add("app.version", env!("CARGO_PKG_VERSION"));
    if dropped > 0 {
        add("headers.dropped", &dropped.to_string());
    }
    let mut kept = |part: &Option<Vec<u8>>, bytes_max: usize, dropped: &str| {
        let length = part.as_ref().map_or(0, Vec::len);
        if length > bytes_max {
            add(dropped, &length.to_string());
            return None;
        }
        part.clone()
    };
    let key = kept(&record.key, KEY_BYTES_KEPT, "key.dropped");
    let value = kept(&record.value, LETTER_BYTES_MAX, "value.dropped");
    OutputRecord {
        topic: OutputTopic::DeadLetter,
        partition: None,
        key,
        value,
        headers,
    }
}

/// Cuts a text at [`HEADER_BYTES_MAX`] bytes, at the boundary of a character.
fn cut_to_limit(text: &str) -> &str {
    if text.len() <= HEADER_BYTES_MAX {
        return text;
    }
    let end = (0..=HEADER_BYTES_MAX)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outcome::FailureStage;
    use crate::event::{Input, RecordPosition};

    fn letter(class: &'static str, message: &str) -> DeadLetter {
        DeadLetter {
            position: record(Vec::new()).position,
            stage: FailureStage::Decode,
            class,
            message: message.to_owned(),
        }
    }

    fn record(headers: Vec<(String, Option<Vec<u8>>)>) -> InputRecord {
        InputRecord {
            input: Input::Actions,
            position: RecordPosition {
                topic: "t".into(),
                partition: 2,
                offset: 40,
                index: 0,
            },
            append_ms: 0,
            key: Some(b"\xff\x00key".to_vec()),
            value: None,
            headers,
        }
    }

    fn header(output: &OutputRecord, name: &str) -> Option<String> {
        let (_, value) = output.headers.iter().find(|(n, _)| n == name)?;
        value
            .as_ref()
            .map(|v| String::from_utf8(v.clone()).unwrap())
    }

    #[test]
    fn bytes_and_headers_survive_and_ours_say_why() {
        let original = vec![
            ("trace".to_owned(), Some(b"1".to_vec())),
            ("empty".to_owned(), None),
        ];
        let letter = letter("malformed", "at byte 3");
        let output = dead_letter(&record(original.clone()), &letter);
        assert_eq!(output.key.as_deref(), Some(&b"\xff\x00key"[..]));
        assert_eq!(output.value, None);
        assert_eq!(&output.headers[..2], &original[..]);
        assert_eq!(
            header(&output, "__scopewatch.errors.offset").as_deref(),
            Some("40")
        );
        assert_eq!(
            header(&output, "__scopewatch.errors.class").as_deref(),
            Some("malformed")
        );
        assert_eq!(header(&output, "__scopewatch.errors.headers.dropped"), None);
    }

    #[test]
    fn hostile_headers_and_messages_are_capped() {
        let huge = vec![
            ("x".to_owned(), Some(vec![0; ORIGINAL_BYTES_MAX + 1])),
            (format!("{PREFIX}class"), Some(b"forged".to_vec())),
        ];
        let message = "ä".repeat(HEADER_BYTES_MAX);
        let letter = letter("malformed", &message);
        let output = dead_letter(&record(huge), &letter);
        assert_eq!(
            header(&output, "__scopewatch.errors.headers.dropped").as_deref(),
            Some("2")
        );
        assert_eq!(
            header(&output, "__scopewatch.errors.class").as_deref(),
            Some("malformed")
        );
        let header_text = header(&output, "__scopewatch.errors.message").unwrap();
        assert_eq!(header_text.len(), HEADER_BYTES_MAX);
    }

    #[test]
    fn a_value_that_no_topic_would_take_is_left_out_and_counted() {
        let letter = letter("too_large", "too large");
        for (length, dropped) in [
            (LETTER_BYTES_MAX, None),
            (LETTER_BYTES_MAX + 1, Some("4194305")),
        ] {
            let mut record = record(Vec::new());
            record.value = Some(vec![b'x'; length]);
            let output = dead_letter(&record, &letter);
            assert_eq!(output.value.is_none(), dropped.is_some());
            let header_text = header(&output, "__scopewatch.errors.value.dropped");
            assert_eq!(header_text.as_deref(), dropped);
        }
    }

    #[test]
    fn the_largest_letter_is_far_below_what_the_producer_takes() {
        let letter = letter("too_large", &"x".repeat(5_000));
        let mut largest = record(vec![(String::new(), None); 100_000]);
        largest.key = Some(vec![b'k'; KEY_BYTES_KEPT]);
        largest.value = Some(vec![b'v'; LETTER_BYTES_MAX]);
        let output = dead_letter(&largest, &letter);
        let headers = output.headers.iter();
        let header_bytes: usize = headers
            .map(|(name, value)| {
                HEADER_FRAME_BYTES + name.len() + value.as_ref().map_or(0, Vec::len)
            })
            .sum();
        assert_eq!(output.key.as_ref().map(Vec::len), Some(KEY_BYTES_KEPT));
        let total_bytes = KEY_BYTES_KEPT + LETTER_BYTES_MAX + header_bytes;
        assert!(total_bytes < 5 * 1024 * 1024, "{total_bytes}");

        largest.key = Some(vec![b'k'; 9_000_000]);
        let output = dead_letter(&largest, &letter);
        assert_eq!(output.key, None);
        let header_text = header(&output, "__scopewatch.errors.key.dropped");
        assert_eq!(header_text.as_deref(), Some("9000000"));
    }
}
