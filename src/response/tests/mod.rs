//! The stage as its caller drives it: a bench that plays actions and control records.

mod control;
mod folding;
mod interleavings;
mod requests;

use serde_json::Map;

use crate::event::diagnostic::SourceFile;
use crate::event::{AgentAction, CommandKind, Control, Position};

use super::*;

pub(super) const MINUTE_MS: i64 = 60_000;

/// Rules of every kind the tests need, by id.
pub(super) fn rule(id: &str) -> Option<RuleFacts<'static>> {
    let base = RuleFacts {
        id: "scope.verb",
        title: "Verb outside the grant",
        family: Family::Scope,
        level: Severity::High,
        risk: 30,
        revoke: RevokeTarget::Credential,
        mode_max: Mode::Auto,
        fold: Fold::Agent,
        atlas: &[],
        asi: &[],
    };
    let channel = RuleFacts {
        id: "channel.plain",
        title: "Unencrypted channel",
        family: Family::Channel,
        revoke: RevokeTarget::None,
        ..base
    };
    Some(match id {
        "scope.verb" => base,
        "scope.resource" => RuleFacts {
            id: "scope.resource",
            ..base
        },
        "scope.session" => RuleFacts {
            id: "scope.session",
            revoke: RevokeTarget::Session,
            ..base
        },
        "scope.agent" => RuleFacts {
            id: "scope.agent",
            revoke: RevokeTarget::Agent,
            ..base
        },
        "channel.plain" => channel,
        "channel.grave" => RuleFacts {
            id: "channel.grave",
            level: Severity::Critical,
            ..channel
        },
        "scope.undeclared" => RuleFacts {
            id: "scope.undeclared",
            fold: Fold::ClassDay,
            level: Severity::Low,
            revoke: RevokeTarget::None,
            ..base
        },
        "scope.unmapped" => RuleFacts {
            id: "scope.unmapped",
            fold: Fold::ToolDay,
            level: Severity::Low,
            revoke: RevokeTarget::None,
            ..base
        },
        _ => return None,
    })
}

pub(super) fn policy(text: &str) -> Policy {
    let file = SourceFile {
        path: "response.yaml".into(),
        text: text.into(),
    };
    let (policy, found) = Policy::parse(&file);
    assert!(found.is_empty(), "{found:?}");
    policy
}

/// One agent's state and the tenant's, with a clock.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) policy: Policy,
    pub(super) agent: Incidents,
    pub(super) tenant: Incidents,
    pub(super) budget: Budget,
    pub(super) action: AgentAction,
    pub(super) now_ms: i64,
    pub(super) offset: i64,
    pub(super) undeclared: bool,
    pub(super) out: Vec<Outcome>,
}

impl Bench {
    pub(super) fn new(policy_text: &str) -> Self {
        let mut action = AgentAction::new("bot");
        action.tenant = "acme".into();
        action.task_id = Some("t1".into());
        action.credential_id = Some("tok-1".into());
        action.credential_issuer = Some("https://idp".into());
        Bench {
            policy: policy(policy_text),
            agent: Incidents::default(),
            tenant: Incidents::default(),
            budget: Budget::default(),
            action,
            now_ms: 1_000_000,
            offset: 0,
            undeclared: false,
            out: Vec::new(),
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Self, &Setting<'_>) -> T) -> T {
        let policy = self.policy.clone();
        let setting = Setting {
            policy: &policy,
            bundle: "b0",
            partitions: 1,
            rule: &|id: &str| rule(id),
        };
        act(self, &setting)
    }

    /// One action on which `rules` fire; what came of it.
    pub(super) fn fire(&mut self, rules: &[&str]) -> Vec<Outcome> {
        let findings: Vec<_> = rules
            .iter()
            .map(|id| Finding::new(rule(id).unwrap()))
            .collect();
        self.fire_findings(&findings)
    }

    pub(super) fn fire_findings(&mut self, findings: &[Finding<'_>]) -> Vec<Outcome> {
        self.offset += 1;
        let position = Position {
            topic: "agent.actions".into(),
            partition: 0,
            offset: self.offset,
            index: 0,
        };
        let action = self.action.clone();
        let event_id = format!("e{}", self.offset);
        let (now_ms, undeclared) = (self.now_ms, self.undeclared);
        let detail = |id: &str| Detail {
            explanation: format!("{id} explained"),
            facts: Map::new(),
            expected: None,
        };
        let ctx = ActionContext {
            action: &action,
            position: &position,
            append_ms: now_ms,
            at_ms: now_ms,
            stream_ms: now_ms,
            event_id: &event_id,
            task_class: action.task_class.as_deref(),
            undeclared,
            chain: &[],
            detail: &detail,
        };
        self.collect(|bench, setting, out| {
            let mut folders = Folders {
                agent: &mut bench.agent,
                tenant: &mut bench.tenant,
                budget: &mut bench.budget,
            };
            respond(setting, &mut folders, findings, &ctx, out);
        })
    }

    pub(super) fn pass(&mut self, ms: i64) -> Vec<Outcome> {
        self.now_ms += ms;
        let now_ms = self.now_ms;
        self.collect(|bench, setting, out| {
            close_due(setting, &mut bench.agent, &"acme".into(), now_ms, out);
            close_due(setting, &mut bench.tenant, &"acme".into(), now_ms, out);
        })
    }

    pub(super) fn say(&mut self, command: CommandKind) -> Vec<Outcome> {
        let record = Control {
            tenant: "acme".into(),
            agent_id: "bot".into(),
            by: "ann".into(),
            at_ms: self.now_ms,
            reason: None,
            command,
        };
        let arrival = Arrival {
            append_ms: self.now_ms,
            stream_ms: self.now_ms,
        };
        self.collect(|bench, setting, out| {
            control(setting, &mut bench.agent, &record, arrival, out);
        })
    }

    fn collect(
        &mut self,
        act: impl FnOnce(&mut Self, &Setting<'_>, &mut Vec<Outcome>),
    ) -> Vec<Outcome> {
        let mut out = Vec::new();
        self.with(|bench, setting| act(bench, setting, &mut out));
        self.out.extend(out.iter().cloned());
        out
    }
}

pub(super) fn alerts(outcomes: &[Outcome]) -> Vec<&Alert> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Alert(alert) => Some(alert.as_ref()),
            _ => None,
        })
        .collect()
}

pub(super) fn requests(outcomes: &[Outcome]) -> Vec<&RevocationRequest> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Revocation(request) => Some(request.as_ref()),
            _ => None,
        })
        .collect()
}
