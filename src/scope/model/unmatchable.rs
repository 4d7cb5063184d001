//! Terms of a declared scope that no action can match.

use crate::event::AgentScope;
use crate::text::normal::{DestinationPattern, PathPattern};

/// Every term of `scope` that can never match, or not what it seems to: the path of the field, and
/// the reason. Such a scope is judged by nevertheless: the term covers nothing, and a network with
/// bits behind its prefix covers the network.
#[must_use]
pub fn find_unmatchable(scope: &AgentScope) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (index, text) in scope.destinations.iter().enumerate() {
        let problem = match DestinationPattern::parse(text) {
            Ok(pattern) => pattern.path_warning(text),
            Err(fault) => Some(fault.to_string()),
        };
        found.extend(problem.map(|problem| (format!("destinations[{index}]"), problem)));
    }
    for (grant, ids) in scope
        .grants
        .iter()
        .map(|grant| &grant.resource_ids)
        .enumerate()
    {
        for (index, text) in ids.iter().enumerate() {
            if let Err(fault) = PathPattern::parse(text) {
                let path = format!("grants[{grant}].resource_ids[{index}]");
                found.push((path, fault.to_string()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Grant;

    #[test]
    fn every_term_that_cannot_match_is_named_with_its_path() {
        let scope = AgentScope {
            destinations: vec![
                "*.corp.test".into(),
                "https://a@corp.test".into(),
                "https://corp.test/hooks".into(),
                "https://corp.test/".into(),
                "10.0.0.0/8".into(),
                "arn:aws:s3:::bucket/key".into(),
            ],
            grants: vec![
                Grant::default(),
                Grant {
                    resource_ids: vec!["/a/*".into(), "/a/../b".into()],
                    ..Grant::default()
                },
            ],
            ..AgentScope::default()
        };
        let found = find_unmatchable(&scope);
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "destinations[1]",
                "destinations[2]",
                "grants[1].resource_ids[1]",
            ]
        );
    }
}
