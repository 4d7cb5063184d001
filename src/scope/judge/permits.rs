//! What a scope permits, in a few lines for people.

use super::explain::{format_list, format_maximum, show_hours};
use crate::event::{AgentScope, Grant};
use crate::text::units::show_duration;

/// Lines at most; further ones are counted.
const LINES_MAX: usize = 16;
/// Characters of a line: what follows is cut.
const LINE_CHARS_MAX: usize = 240;

/// What a scope permits: a line for each grant, then one for each other part that it restricts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermitLines {
    pub lines: Vec<String>,
    /// Lines that are left out.
    pub further: usize,
}

impl PermitLines {
    /// The lines of a scope.
    #[must_use]
    pub fn of_scope(scope: &AgentScope) -> PermitLines {
        let grants = scope.grants.iter().map(describe_grant);
        let mut lines: Vec<String> = grants.take(LINES_MAX).collect();
        if scope.grants.is_empty() {
            lines.push("no resource".to_owned());
        }
        let others = describe_others(scope);
        let all = scope.grants.len().max(1) + others.len();
        // What restricts every grant is shown before the last ones of many grants.
        lines.truncate(LINES_MAX - others.len().min(LINES_MAX / 2));
        let room = LINES_MAX - lines.len();
        lines.extend(others.into_iter().take(room));
        PermitLines {
            further: all - lines.len(),
            lines: lines.into_iter().map(cut_line).collect(),
        }
    }
}

/// `database.*: read, list (ids sales/*; up to internal)`.
fn describe_grant(grant: &Grant) -> String {
    let verbs = match grant.verbs.is_empty() {
        true => "every verb".to_owned(),
        false => format_list(&grant.verbs),
    };
    let mut bounds = Vec::new();
    if !grant.resource_ids.is_empty() {
        bounds.push(format!("ids {}", format_list(&grant.resource_ids)));
    }
    if !grant.owners.is_empty() {
        bounds.push(format!("of {}", format_list(&grant.owners)));
    }
    if let Some(max) = grant.sensitivity_max {
        bounds.push(format!("up to {}", max.as_str()));
    }
    let bounds = match bounds.is_empty() {
        true => String::new(),
        false => format!(" ({})", bounds.join("; ")),
    };
    format!("{}: {verbs}{bounds}", format_list(&grant.resource_types))
}

/// What the scope restricts besides resources.
fn describe_others(scope: &AgentScope) -> Vec<String> {
    let mut lines = Vec::new();
    let lists = [
        ("tools", &scope.tools),
        ("destinations", &scope.destinations),
        ("credentials", &scope.credential_ids),
    ];
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        lines.push(format!("{name}: {}", format_list(list)));
    }
    if !scope.instruction_sources.is_empty() {
        let sources = scope.instruction_sources.iter().map(|one| one.as_str());
        lines.push(format!("instructions from: {}", format_list(sources)));
    }
    if let Some(rule) = &scope.delegation {
        lines.push(match rule.allowed {
            true => format!(
                "delegation: at most {} deep, to {} children",
                format_maximum(rule.depth_max),
                format_maximum(rule.children_max)
            ),
            false => "no delegation".to_owned(),
        });
    }
    if let Some(channel) = &scope.channel {
        let wanted = [
            ("encrypted", channel.encrypted),
            ("authenticated", channel.authenticated),
        ];
        let wanted = wanted
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(word, _)| word);
        let wanted: Vec<&str> = wanted.collect();
        if !wanted.is_empty() {
            lines.push(format!("channel: {}", wanted.join(" and ")));
        }
    }
    if let Some(hours) = &scope.hours {
        lines.push(format!("hours: {}", show_hours(hours)));
    }
    for limit in &scope.limits {
        let window = show_duration(limit.window_ms);
        lines.push(format!(
            "limit: {} at most {} in {window}",
            limit.measure, limit.max
        ));
    }
    lines
}

fn cut_line(line: String) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        None => line,
        Some((end, _)) => format!("{}\u{2026}", line.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        ChannelRule, DelegationRule, InstructionSource, Limit, Measure, Sensitivity, Verb,
        WorkingHours,
    };

    fn grant(types: &[&str]) -> Grant {
        Grant {
            resource_types: types.iter().map(|one| (*one).into()).collect(),
            ..Grant::default()
        }
    }

    #[test]
    fn each_part_that_a_scope_restricts_has_a_line() {
        let scope = AgentScope {
            grants: vec![
                Grant {
                    resource_ids: vec!["sales/*".into()],
                    verbs: vec![Verb::Read, Verb::List],
                    sensitivity_max: Some(Sensitivity::Internal),
                    owners: vec!["sales".into()],
                    ..grant(&["database.*", "kb.article"])
                },
                grant(&["ticket.case"]),
            ],
            tools: vec!["sql".into()],
            destinations: vec!["*.example".into()],
            credential_ids: vec!["c-1".into()],
            instruction_sources: vec![InstructionSource::User],
            limits: vec![Limit {
                measure: Measure::parse("sum: volume.records").unwrap(),
                window_ms: 3_600_000,
                max: 500.0,
            }],
            channel: Some(ChannelRule {
                encrypted: true,
                authenticated: true,
            }),
            delegation: Some(DelegationRule {
                allowed: true,
                depth_max: Some(2),
                children_max: None,
            }),
            hours: Some(WorkingHours {
                days: vec![1, 5],
                from_min: 540,
                to_min: 1020,
                zone: Some("Europe/Berlin".into()),
            }),
            ..AgentScope::default()
        };
        let permits = PermitLines::of_scope(&scope);
        assert_eq!(permits.further, 0);
        assert_eq!(
            permits.lines,
            [
                "database.*, kb.article: read, list (ids sales/*; of sales; up to internal)",
                "ticket.case: every verb",
                "tools: sql",
                "destinations: *.example",
                "credentials: c-1",
                "instructions from: user",
                "delegation: at most 2 deep, to any children",
                "channel: encrypted and authenticated",
                "hours: mon, fri 09:00 to 17:00 (Europe/Berlin)",
                "limit: sum: volume.records at most 500 in 1h",
            ]
        );
        let closed = AgentScope {
            delegation: Some(DelegationRule::default()),
            ..AgentScope::default()
        };
        let lines = PermitLines::of_scope(&closed).lines;
        assert_eq!(lines, ["no resource", "no delegation"]);
    }

    #[test]
    fn a_huge_scope_is_cut_in_lines_and_characters_and_says_so() {
        let scope = AgentScope {
            grants: (0..400).map(|n| grant(&[&format!("t{n}")])).collect(),
            tools: (0..6)
                .map(|n| format!("{n}{}", "ü".repeat(200)).into())
                .collect(),
            destinations: vec!["a.example".into()],
            ..AgentScope::default()
        };
        let permits = PermitLines::of_scope(&scope);
        assert_eq!(
            (permits.lines.len(), permits.further),
            (LINES_MAX, 402 - LINES_MAX)
        );
        let last = permits.lines.last().unwrap();
        assert_eq!(last, "destinations: a.example");
        let longest = permits.lines.iter().map(|line| line.chars().count()).max();
        assert_eq!(longest, Some(LINE_CHARS_MAX + 1));
    }
}
