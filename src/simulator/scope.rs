//! Scopes of the simulated fleet, derived from what its classes do, as records and as templates.

use crate::event::{
    AgentScope, ChannelRule, DelegationRule, Grant, InstructionSource, Limit, Measure, MeasureKind,
    Sensitivity, Text, WorkingHours,
};
use crate::text::SourceFile;

use super::catalogue::{AgentType, Call, Declared, TYPES, TaskClass};
use super::rhythm::HOUR_MS;

/// Bytes out a limited scope allows in an hour.
pub const BYTES_OUT_MAX: f64 = 20_000_000.0;
/// Children a scope that may delegate allows.
pub const CHILDREN_MAX: u32 = 8;

/// Who may instruct an agent of a class that says so.
pub const INSTRUCTORS: [InstructionSource; 4] = [
    InstructionSource::Operator,
    InstructionSource::SystemPrompt,
    InstructionSource::User,
    InstructionSource::ParentAgent,
];

/// The scope of a class with everything but who, which task and when. `calls_max` is the declared
/// limit on calls per hour.
#[must_use]
pub fn skeleton(kind: &AgentType, class: &TaskClass, calls_max: f64) -> AgentScope {
    let mut scope = AgentScope {
        agent_type: Some(kind.name.into()),
        task_class: Some(class.name.into()),
        purpose: Some(class.purpose.into()),
        ..AgentScope::default()
    };
    let handed_on = class.hands_on.map_or(&[][..], |child| child.calls);
    for call in class.calls.iter().chain(handed_on) {
        grant(&mut scope.grants, call);
        remember(&mut scope.tools, call.tool);
        for host in call.hosts {
            remember(&mut scope.destinations, host);
        }
    }
    if class.instructed {
        scope.instruction_sources = INSTRUCTORS.to_vec();
    }
    if class.limited {
        scope.limits = vec![
            Limit {
                measure: measure(MeasureKind::Count, ""),
                window_ms: HOUR_MS,
                max: calls_max,
            },
            Limit {
                measure: measure(MeasureKind::Sum, "volume.bytes_out"),
                window_ms: HOUR_MS,
                max: BYTES_OUT_MAX,
            },
        ];
    }
    if class.channel {
        scope.channel = Some(ChannelRule {
            encrypted: true,
            authenticated: true,
        });
    }
    scope.delegation = Some(DelegationRule {
        allowed: class.hands_on.is_some(),
        depth_max: class.hands_on.map(|_| 2),
        children_max: class.hands_on.map(|_| CHILDREN_MAX),
    });
    scope.hours = class.hours.map(|(from, to)| WorkingHours {
        days: vec![1, 2, 3, 4, 5],
        from_min: u16::from(from) * 60,
        to_min: u16::from(to) * 60,
        zone: Some("UTC".into()),
    });
    scope
}

/// The scope of every class of a type at once, for agents that are declared by the day.
#[must_use]
pub fn standing(kind: &AgentType) -> AgentScope {
    let mut all = AgentScope {
        agent_type: Some(kind.name.into()),
        ..AgentScope::default()
    };
    for class in kind.classes {
        for call in class.calls {
            grant(&mut all.grants, call);
            remember(&mut all.tools, call.tool);
            for host in call.hosts {
                remember(&mut all.destinations, host);
            }
        }
    }
    all
}

fn measure(kind: MeasureKind, field: &str) -> Measure {
    Measure {
        kind,
        field: field.into(),
    }
}

/// One grant per resource type: the union of what the class does to it.
fn grant(grants: &mut Vec<Grant>, call: &Call) {
    let ids: Vec<Text> = if call.pool == 0 {
        Vec::new()
    } else {
        vec![Text::from(format!("{}*", call.prefix))]
    };
    let found = grants
        .iter_mut()
        .find(|g| g.resource_types.iter().any(|t| t == call.resource_type));
    match found {
        None => grants.push(Grant {
            resource_types: vec![call.resource_type.into()],
            resource_ids: ids,
            verbs: vec![call.verb],
            sensitivity_max: Some(call.sensitivity),
            owners: call.owner.map(Text::from).into_iter().collect(),
        }),
        Some(grant) => {
            for id in ids {
                remember(&mut grant.resource_ids, &id);
            }
            if !grant.verbs.contains(&call.verb) {
                grant.verbs.push(call.verb);
            }
            grant.sensitivity_max = grant
                .sensitivity_max
                .max(Some(call.sensitivity))
                .or(Some(Sensitivity::Restricted));
        }
    }
}

fn remember(list: &mut Vec<Text>, text: &str) {
    if !list.iter().any(|known| known == text) {
        list.push(text.into());
    }
}

/// The class templates of the simulated tenants, as files of `rules/scopes/`: the agents of these
/// classes send no scope records.
#[must_use]
pub fn templates() -> Vec<SourceFile> {
    let mut files = Vec::new();
    for kind in TYPES
        .iter()
        .filter(|kind| kind.declared == Declared::Template)
    {
        for class in kind.classes {
            files.push(SourceFile {
                path: format!("scopes/simulated-{}-{}.yaml", kind.name, class.name),
                text: yaml(kind, class),
            });
        }
    }
    files
}

fn yaml(kind: &AgentType, class: &TaskClass) -> String {
    let scope = skeleton(kind, class, 0.0);
    let mut lines = vec![
        "# A class template of the simulated fleet: `scopewatch generate` writes it.".to_owned(),
        format!("template: {}/{}", kind.name, class.name),
        format!(
            "applies-to: {{agent-type: {}, task-class: {}}}",
            kind.name, class.name
        ),
        format!("purpose: {}", class.purpose),
        "grants:".to_owned(),
    ];
    for grant in &scope.grants {
        let verbs = grant.verbs.iter().map(|verb| verb.as_str());
        lines.push(format!(
            "  - resource-types: {}",
            list(grant.resource_types.iter())
        ));
        if !grant.resource_ids.is_empty() {
            lines.push(format!(
                "    resource-ids: {}",
                list(grant.resource_ids.iter())
            ));
        }
        lines.push(format!("    verbs: {}", list(verbs)));
        if let Some(ceiling) = grant.sensitivity_max {
            lines.push(format!("    sensitivity-max: {ceiling}"));
        }
        if !grant.owners.is_empty() {
            lines.push(format!("    owners: {}", list(grant.owners.iter())));
        }
    }
    lines.push(format!("tools: {}", list(scope.tools.iter())));
    if !scope.destinations.is_empty() {
        lines.push(format!("destinations: {}", list(scope.destinations.iter())));
    }
    if !scope.instruction_sources.is_empty() {
        let sources = scope
            .instruction_sources
            .iter()
            .map(|source| source.as_str());
        lines.push(format!("instruction-sources: {}", list(sources)));
    }
    if let Some((from, to)) = class.hours {
        lines.push(format!(
            "hours: {{days: mon-fri, from: '{from:02}:00', to: '{to:02}:00', zone: UTC}}"
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn list(words: impl Iterator<Item = impl AsRef<str>>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("'{}'", word.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_yaml_and_names_its_class() {
        let files = templates();
        assert_eq!(files.len(), 2);
        for file in &files {
            let docs = crate::text::yaml::parse(file).unwrap();
            let applies = docs[0].get("applies-to").unwrap();
            assert_eq!(applies.get("agent-type").unwrap().as_str(), Some("desk"));
            assert!(docs[0].get("grants").unwrap().as_sequence().unwrap().len() >= 2);
        }
    }

    #[test]
    fn an_orchestrator_may_hand_on_what_its_children_do() {
        let kind = &TYPES[super::super::catalogue::ORCHESTRATORS];
        let scope = skeleton(kind, &kind.classes[0], 100.0);
        assert!(scope.tools.iter().any(|tool| tool == "crm.segment"));
        assert!(scope.delegation.unwrap().allowed);
    }
}
