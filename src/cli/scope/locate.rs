//! Finds the place of a field in the text of a JSON record.
//!
//! The decoder names a field (`grants[0].verbs`) and not its place, because Kafka's records have
//! no lines; a file has, and its author wants them.

use crate::event::diagnostic::SourceFile;
use crate::event::yaml::{self, Node};
use crate::scope::ScopeError;

/// Line and column, 1-based.
pub(super) type Place = (usize, usize);

/// The place of the field `path`; of the nearest thing around it when it is missing.
pub(super) fn path(record: &str, path: &str) -> Place {
    let file = SourceFile {
        path: String::new(),
        text: record.to_owned(),
    };
    // JSON is YAML, and our reader of YAML keeps places.
    match yaml::parse(&file) {
        Ok(documents) => documents.first().map_or((1, 1), |root| deepest(root, path)),
        Err(problem) => (problem.line.max(1), problem.column.max(1)),
    }
}

/// Goes down from `node` along `path` as far as it leads.
fn deepest(node: &Node, path: &str) -> Place {
    // A name may stand in its group or dotted: the longest key that fits is taken.
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
        return deepest(value, rest);
    }
    let index = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let (Some(items), Some((index, rest))) = (node.as_sequence(), index)
        && let Some(item) = index
            .parse::<usize>()
            .ok()
            .and_then(|index| items.get(index))
    {
        return deepest(item, rest.trim_start_matches('.'));
    }
    node.place
}

/// The field that a scope's own check complains of.
pub(super) fn path_of(error: &ScopeError) -> String {
    match error {
        ScopeError::TooMany { what, .. } => what.replace(' ', "_"),
        ScopeError::GrantWithoutType { index } => format!("grants[{index}]"),
        ScopeError::TypePattern { .. } => "grants".to_owned(),
        ScopeError::UnknownMeasure { index, .. } => format!("limits[{index}].measure"),
        ScopeError::Window { index, .. } => format!("limits[{index}].window"),
        ScopeError::Max { index } | ScopeError::DistinctMax { index } => {
            format!("limits[{index}].max")
        }
        ScopeError::Zone { .. } => "hours.zone".to_owned(),
        ScopeError::Hours => "hours".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "{\"scope_id\": \"s\",\n \"agent.id\": \"a\",\n \"grants\": [{\"verbs\":\
                          [\"read\"]},\n  {\"verbs\": \"x\"}], \"hours\": {\"zone\": \"Mars\"}}";

    #[test]
    fn a_field_is_found_in_its_group_dotted_and_in_a_list() {
        assert_eq!(path(RECORD, "agent.id"), (2, 14));
        assert_eq!(path(RECORD, "grants[1].verbs"), (4, 13));
        assert_eq!(path(RECORD, "hours.zone"), (4, 38));
    }

    #[test]
    fn what_is_missing_is_shown_where_it_should_be() {
        assert_eq!(path(RECORD, "grants[1].resource_types"), (4, 3));
        assert_eq!(path(RECORD, "tenant"), (1, 1));
        assert_eq!(path("{\"a\": 1,\n\"a\": 2}", "a").0, 2);
        assert_eq!(path("not json", "a"), (1, 1));
    }
}
