//! The scopes of the simulated fleet, derived from its task classes: as records and as templates.

use crate::event::{
    AgentScope, ChannelRule, DelegationRule, Grant, InstructionSource, Limit, Measure, MeasureKind,
    Sensitivity, Text, WorkingHours,
};
use crate::text::SourceFile;

use super::agent::DEPTH_MAX;
use super::agent_types::{AgentType, DeclarationMode, TYPES, TaskClass, ToolCall};
use super::schedule::HOUR_MS;

/// The most bytes out per hour that a scope with limits allows.
pub const BYTES_OUT_MAX: f64 = 20_000_000.0;
/// The most children that a scope with delegation allows.
pub const CHILDREN_MAX: u32 = 8;

/// The instruction sources that a scope with an instruction list allows.
pub const INSTRUCTORS: [InstructionSource; 4] = [
    InstructionSource::Operator,
    InstructionSource::SystemPrompt,
    InstructionSource::User,
    InstructionSource::ParentAgent,
];

/// The scope of a class, without agent, task and times. `calls_max` is the declared limit on calls
/// per hour.
#[must_use]
pub fn scope_skeleton(agent_type: &AgentType, class: &TaskClass, calls_max: f64) -> AgentScope {
    let mut scope = AgentScope {
        agent_type: Some(agent_type.name.into()),
        task_class: Some(class.name.into()),
        purpose: Some(class.purpose.into()),
        ..AgentScope::default()
    };
    let child_calls = class.child_class.map_or(&[][..], |child| child.calls);
    for call in class.calls.iter().chain(child_calls) {
        add_grant(&mut scope.grants, call);
        push_unique(&mut scope.tools, call.tool);
        for host in call.hosts {
            push_unique(&mut scope.destinations, host);
        }
    }
    if class.instructed {
        scope.instruction_sources = INSTRUCTORS.to_vec();
    }
    if class.limited {
        scope.limits = vec![
            Limit {
                measure: limit_measure(MeasureKind::Count, ""),
                window_ms: HOUR_MS,
                max: calls_max,
            },
            Limit {
                measure: limit_measure(MeasureKind::Sum, "volume.bytes_out"),
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
        allowed: class.child_class.is_some(),
        depth_max: class.child_class.map(|_| DEPTH_MAX),
        children_max: class.child_class.map(|_| CHILDREN_MAX),
    });
    scope.hours = class.hours.map(|(from, to)| WorkingHours {
        days: vec![1, 2, 3, 4, 5],
        from_min: u16::from(from) * 60,
        to_min: u16::from(to) * 60,
        zone: Some("UTC".into()),
    });
    scope
}

/// The scope that covers every class of a type, for agents that are declared once a day.
#[must_use]
pub fn daily_skeleton(agent_type: &AgentType) -> AgentScope {
    let mut all = AgentScope {
        agent_type: Some(agent_type.name.into()),
        ..AgentScope::default()
    };
    for class in agent_type.classes {
        for call in class.calls {
            add_grant(&mut all.grants, call);
            push_unique(&mut all.tools, call.tool);
            for host in call.hosts {
                push_unique(&mut all.destinations, host);
            }
        }
    }
    all
}

fn limit_measure(kind: MeasureKind, field: &str) -> Measure {
    Measure {
        kind,
        field: field.into(),
    }
}

/// Adds `call` to the grant of its resource type.
fn add_grant(grants: &mut Vec<Grant>, call: &ToolCall) {
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
                push_unique(&mut grant.resource_ids, &id);
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

fn push_unique(list: &mut Vec<Text>, text: &str) {
    if !list.iter().any(|known| known == text) {
        list.push(text.into());
    }
}

/// The class templates of the simulated tenants, as files of `rules/scopes/`. The agents of these
/// classes have no scope records.
#[must_use]
pub fn scope_templates() -> Vec<SourceFile> {
    let mut files = Vec::new();
    for agent_type in TYPES
        .iter()
        .filter(|agent_type| agent_type.declared == DeclarationMode::Template)
    {
        for class in agent_type.classes {
            files.push(SourceFile {
                path: format!("scopes/simulated-{}-{}.yaml", agent_type.name, class.name),
                text: template_yaml(agent_type, class),
            });
        }
    }
    files
}

fn template_yaml(agent_type: &AgentType, class: &TaskClass) -> String {
    let scope = scope_skeleton(agent_type, class, 0.0);
    let mut lines = vec![
        "# A class template of the simulated fleet: `scopewatch generate` writes it.".to_owned(),
        format!("template: {}/{}", agent_type.name, class.name),
        format!(
            "applies-to: {{agent-type: {}, task-class: {}}}",
            agent_type.name, class.name
        ),
        format!("purpose: {}", class.purpose),
        "grants:".to_owned(),
    ];
    for grant in &scope.grants {
        let verbs = grant.verbs.iter().map(|verb| verb.as_str());
        lines.push(format!(
            "  - resource-types: {}",
            quoted_list(grant.resource_types.iter())
        ));
        if !grant.resource_ids.is_empty() {
            lines.push(format!(
                "    resource-ids: {}",
                quoted_list(grant.resource_ids.iter())
            ));
        }
        lines.push(format!("    verbs: {}", quoted_list(verbs)));
        if let Some(ceiling) = grant.sensitivity_max {
            lines.push(format!("    sensitivity-max: {ceiling}"));
        }
        if !grant.owners.is_empty() {
            lines.push(format!("    owners: {}", quoted_list(grant.owners.iter())));
        }
    }
    lines.push(format!("tools: {}", quoted_list(scope.tools.iter())));
    if !scope.destinations.is_empty() {
        lines.push(format!(
            "destinations: {}",
            quoted_list(scope.destinations.iter())
        ));
    }
    if !scope.instruction_sources.is_empty() {
        let sources = scope
            .instruction_sources
            .iter()
            .map(|source| source.as_str());
        lines.push(format!("instruction-sources: {}", quoted_list(sources)));
    }
    if let Some((from, to)) = class.hours {
        lines.push(format!(
            "hours: {{days: mon-fri, from: '{from:02}:00', to: '{to:02}:00', zone: UTC}}"
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn quoted_list(words: impl Iterator<Item = impl AsRef<str>>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("'{}'", word.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_yaml_and_names_its_class() {
        let files = scope_templates();
        assert_eq!(files.len(), 2);
        for file in &files {
            let docs = crate::text::yaml::parse(file).unwrap();
            let applies = docs[0].get("applies-to").unwrap();
            assert_eq!(applies.get("agent-type").unwrap().as_str(), Some("desk"));
            assert!(docs[0].get("grants").unwrap().as_sequence().unwrap().len() >= 2);
        }
    }

    #[test]
    fn an_orchestrator_may_delegate_what_its_children_do() {
        let agent_type = &TYPES[super::super::agent_types::ORCHESTRATORS];
        let scope = scope_skeleton(agent_type, &agent_type.classes[0], 100.0);
        assert!(scope.tools.iter().any(|tool| tool == "crm.segment"));
        assert!(scope.delegation.unwrap().allowed);
    }
}
