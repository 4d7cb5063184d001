//! Finds the location of a fault in the text of a JSON record.
//!
//! The decoder names a field (`grants[0].verbs`) without line and column, because a Kafka record
//! has none. For a record in a file they are found here.

use crate::text::{Location, SourceFile, YamlNode, yaml};

/// The prefix of a mapping's message that is about the record and not about an output.
pub(super) const NOT_JSON: &str = "not JSON: ";

/// The location of the field `path`, or of the innermost object around it if the field is missing.
#[must_use]
pub fn locate_field(record: &str, path: &str) -> Location {
    let file = SourceFile {
        path: String::new(),
        text: record.to_owned(),
    };
    // JSON is YAML, and our reader of YAML keeps locations.
    match yaml::parse(&file) {
        Ok(documents) => documents
            .first()
            .map_or(Location::START, |root| deepest_node(root, path)),
        Err(problem) => Location::new(problem.line.max(1), problem.column.max(1)),
    }
}

/// The location of the deepest node on `path` below `node`.
fn deepest_node(node: &YamlNode, path: &str) -> Location {
    // A field may be nested in its group or have a dotted name: the longest matching key is used.
    let pairs = node.as_mapping().unwrap_or_default();
    let fits = |key: &str| {
        let rest = path.strip_prefix(key)?;
        rest.is_empty()
            .then_some("")
            .or_else(|| rest.strip_prefix('.'))
            .or_else(|| rest.starts_with('[').then_some(rest))
    };
    let next = pairs.iter().filter_map(|(key, value)| {
        let key = key.as_str().filter(|key| !key.is_empty())?;
        Some((key.len(), value, fits(key)?))
    });
    if let Some((_, value, rest)) = next.max_by_key(|(length, ..)| *length) {
        return deepest_node(value, rest);
    }
    let index = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let (Some(items), Some((index, rest))) = (node.as_sequence(), index)
        && let Some(item) = index
            .parse::<usize>()
            .ok()
            .and_then(|index| items.get(index))
    {
        return deepest_node(item, rest.trim_start_matches('.'));
    }
    node.location
}

/// Splits a message that ends in "… at line 3 column 7", as those of the JSON reader do.
#[must_use]
pub fn split_reader_location(message: &str) -> Option<(&str, Location)> {
    let (text, location) = message.rsplit_once(" at line ")?;
    let (line, column) = location.split_once(" column ")?;
    let column = column.parse::<usize>().ok()?.max(1);
    Some((text, Location::new(line.parse().ok()?, column)))
}

/// The message about a record on one line of a file: `file:line:column: message`. `record` is
/// `None` if the message is about an output of a mapping, which has no column in the file.
#[must_use]
pub fn record_complaint(file: &str, line: u64, record: Option<&[u8]>, message: &str) -> String {
    let line = usize::try_from(line).unwrap_or(usize::MAX);
    record_complaint_at(file, Location::new(line, 1), record, message)
}

/// As [`record_complaint`], for a record that begins at `start` and may have several lines.
#[must_use]
pub fn record_complaint_at(
    file: &str,
    start: Location,
    record: Option<&[u8]>,
    message: &str,
) -> String {
    let shown = |at: Location, text: &str| {
        let Location { line, column } = location_in_file(start, at);
        format!("{file}:{line}:{column}: {text}")
    };
    if let Some((text, at)) = split_reader_location(message)
        && (record.is_some() || (at.line == 1 && text.starts_with(NOT_JSON)))
    {
        return shown(at, text);
    }
    let text = record.and_then(|bytes| std::str::from_utf8(bytes).ok());
    let field = message.split_once(": ").map(|(field, _)| field);
    match (text, field) {
        (Some(text), Some(field)) if !field.contains(' ') => {
            shown(locate_field(text, field), message)
        }
        _ => format!("{file}:{}: {message}", start.line),
    }
}

/// The location in a file of the location `at` in a record that begins at `start` of the file.
#[must_use]
pub fn location_in_file(start: Location, at: Location) -> Location {
    let line = start.line.saturating_add(at.line.saturating_sub(1));
    let column = if at.line <= 1 {
        start.column.saturating_add(at.column.saturating_sub(1))
    } else {
        at.column
    };
    Location { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "{\"scope_id\": \"s\",\n \"agent.id\": \"a\",\n \"grants\": [{\"verbs\":\
                          [\"read\"]},\n  {\"verbs\": \"x\"}], \"hours\": {\"zone\": \"Mars\"}}";

    #[test]
    fn a_field_is_found_in_its_group_dotted_and_in_a_list() {
        assert_eq!(locate_field(RECORD, "agent.id"), Location::new(2, 14));
        assert_eq!(
            locate_field(RECORD, "grants[1].verbs"),
            Location::new(4, 13)
        );
        assert_eq!(locate_field(RECORD, "hours.zone"), Location::new(4, 38));
    }

    #[test]
    fn what_is_missing_is_shown_where_it_should_be() {
        assert_eq!(
            locate_field(RECORD, "grants[1].resource_types"),
            Location::new(4, 3)
        );
        assert_eq!(locate_field(RECORD, "tenant"), Location::START);
        assert_eq!(locate_field("{\"a\": 1,\n\"a\": 2}", "a").line, 2);
        assert_eq!(locate_field("not json", "a"), Location::START);
    }

    #[test]
    fn the_location_of_the_json_reader_is_split_off() {
        let split = split_reader_location("expected `,` at line 2 column 9");
        assert_eq!(split, Some(("expected `,`", Location::new(2, 9))));
        assert_eq!(split_reader_location("tenant: required"), None);
    }

    #[test]
    fn a_complaint_has_file_line_and_as_far_as_it_can_column() {
        let record = Some(&b"{\"tenant\": 7}"[..]);
        for (record, message, expected) in [
            (record, "oh at line 1 column 4", "f:9:4: oh"),
            (record, "tenant: a text", "f:9:12: tenant: a text"),
            (record, "agent.id: required", "f:9:1: agent.id: required"),
            (record, "no record at all", "f:9: no record at all"),
            (None, "tenant: a text", "f:9: tenant: a text"),
            (None, "oh at line 1 column 4", "f:9: oh at line 1 column 4"),
            (
                None,
                "not JSON: oh at line 1 column 4",
                "f:9:4: not JSON: oh",
            ),
        ] {
            assert_eq!(record_complaint("f", 9, record, message), expected);
        }
        let laid_out = Some(&b"{\"tenant\":\n 7}"[..]);
        let complaint = record_complaint_at("f", Location::new(9, 4), laid_out, "tenant: a text");
        assert_eq!(complaint, "f:10:2: tenant: a text");
        let complaint =
            record_complaint_at("f", Location::new(9, 4), laid_out, "agent.id: required");
        assert_eq!(complaint, "f:9:4: agent.id: required");
    }
}
