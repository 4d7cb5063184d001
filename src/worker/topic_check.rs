//! The check of all topics together: requirements of one topic that follow from another.

use super::topics::{FRAMING_BYTES, Topics};
use crate::engine::dead_letter::{KEY_BYTES_KEPT, LETTER_BYTES_MAX};
use crate::kafka::{CleanupPolicy, ClientError, TimestampType, TopicAdmin, TopicReport, TopicSpec};

/// Compares the topics with `specs`, and the record size of the dead letter topic with that of
/// every input and of the foreign topics `raw`: every refused record must fit into it.
///
/// # Errors
/// When no broker answers, or this user may not describe topics.
pub fn check_topics(
    admin: &TopicAdmin,
    topics: &Topics,
    specs: &[TopicSpec],
    raw: &[&str],
) -> Result<Vec<TopicReport>, ClientError> {
    let mut reports = admin.check_topics(specs)?;
    // Of foreign topics only the record size matters.
    let foreign = admin.check_topics(&raw.iter().map(|name| foreign(name)).collect::<Vec<_>>())?;
    let inputs: Vec<&TopicReport> = reports
        .iter()
        .filter(|report| topics.input_named(&report.topic).is_some())
        .filter(|report| *report.topic != *topics.links)
        .chain(&foreign)
        .collect();
    let Some(refusal) = reports
        .iter()
        .find(|report| *report.topic == *topics.dead_letter)
        .and_then(|letters| too_small(letters, &inputs))
    else {
        return Ok(reports);
    };
    for report in &mut reports {
        if *report.topic == *topics.dead_letter {
            report.refusals.push(refusal.clone());
        }
    }
    Ok(reports)
}

fn foreign(name: &str) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions: 1,
        replication: 1,
        cleanup: CleanupPolicy::Delete,
        timestamps: TimestampType::Any,
        message_bytes_max: i64::MAX,
        message_bytes_needed: None,
        retention_ms: None,
        co_partitioned: false,
    }
}

/// Why the dead letters cannot take every record of the inputs; the largest input is named.
fn too_small(letters: &TopicReport, inputs: &[&TopicReport]) -> Option<String> {
    let bytes = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let has = letters.message_bytes_max?;
    let (largest, input) = inputs
        .iter()
        .filter_map(|input| Some((input.message_bytes_max?, &input.topic)))
        .max()?;
    // A dead letter leaves larger keys and values out.
    let kept = largest.min(bytes(LETTER_BYTES_MAX + KEY_BYTES_KEPT));
    let needed = kept.saturating_add(bytes(FRAMING_BYTES));
    (has < needed).then(|| {
        format!(
            "max.message.bytes is {has}; a refused record of `{input}`, where it is {largest}, \
             may need {needed} with its headers: it would hold its partition for ever"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(topic: &str, bytes_max: i64) -> TopicReport {
        TopicReport {
            topic: topic.to_owned(),
            message_bytes_max: Some(bytes_max),
            ..TopicReport::default()
        }
    }

    #[test]
    fn the_dead_letters_must_take_the_largest_record_of_any_input() {
        let (small, large) = (report("actions", 262_144), report("raw", 1_000_000));
        let inputs = [&small, &large];
        assert_eq!(too_small(&report("dlq", 1_065_536), &inputs), None);
        let refusal = too_small(&report("dlq", 1_065_535), &inputs).unwrap();
        assert!(
            refusal.contains("`raw`") && refusal.contains("1065536"),
            "{refusal}"
        );
        // What no letter carries need not fit.
        let huge = report("raw", 100_000_000);
        assert_eq!(too_small(&report("dlq", 4_400_000), &[&huge]), None);
    }
}
