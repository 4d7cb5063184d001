//! The stage as its caller drives it: a bench that plays actions and control records.

mod approval;
mod control;
mod folding;
mod folding_load;
mod interleavings;
mod memory;
mod requests;
mod targets;
mod trees;

use serde_json::Map;

use crate::event::{AgentAction, AgentKey, AgentScope, CommandKind, ControlRecord, RecordPosition};
use crate::text::SourceFile;

use super::*;

pub(super) const MINUTE_MS: i64 = 60_000;

/// A rule that asks for the credential.
const BASE_RULE: RuleView<'static> = RuleView {
    id: "scope.verb",
    title: "Verb outside the grant",
    description: "",
    remediation: "Narrow the grant.",
    confidence: RuleConfidence::High,
    family: RuleFamily::Scope,
    level: RuleLevel::High,
    risk: 0,
    revoke: RevokeTarget::Credential,
    mode_max: RevocationMode::Auto,
    fold: IncidentFold::Agent,
    atlas: &[],
    asi: &[],
};

/// Rules of every kind the tests need, by id.
pub(super) fn rule(id: &str) -> Option<RuleView<'static>> {
    let base = BASE_RULE;
    let channel = RuleView {
        id: "channel.plain",
        title: "Unencrypted channel",
        family: RuleFamily::Channel,
        revoke: RevokeTarget::None,
        ..base
    };
    Some(match id {
        "scope.verb" => base,
        "scope.resource" => RuleView {
            id: "scope.resource",
            ..base
        },
        "scope.session" => RuleView {
            id: "scope.session",
            revoke: RevokeTarget::Session,
            ..base
        },
        "scope.agent" => RuleView {
            id: "scope.agent",
            revoke: RevokeTarget::Agent,
            ..base
        },
        "scope.tree" => RuleView {
            id: "scope.tree",
            revoke: RevokeTarget::Tree,
            ..base
        },
        "channel.plain" => channel,
        "channel.grave" => RuleView {
            id: "channel.grave",
            level: RuleLevel::Critical,
            ..channel
        },
        "scope.first" => RuleView {
            id: "scope.first",
            level: RuleLevel::Informational,
            revoke: RevokeTarget::None,
            ..base
        },
        "scope.undeclared" => RuleView {
            id: "scope.undeclared",
            fold: IncidentFold::ClassDay,
            level: RuleLevel::Low,
            revoke: RevokeTarget::None,
            ..base
        },
        "scope.unmapped" => RuleView {
            id: "scope.unmapped",
            fold: IncidentFold::ToolDay,
            level: RuleLevel::Low,
            revoke: RevokeTarget::None,
            ..base
        },
        _ => return None,
    })
}

/// The ids of the rules that an alert lists beside its own.
pub(super) fn also_ids(alert: &Alert) -> Vec<&str> {
    alert.also.iter().map(|rule| rule.id.as_str()).collect()
}

/// Finds the rules of [`rule`].
struct TestRules;

impl RuleLookup for TestRules {
    fn rule_view(&self, id: &str) -> Option<RuleView<'_>> {
        rule(id)
    }
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
    pub(super) agent: IncidentStore,
    pub(super) tenant: IncidentStore,
    pub(super) budgets: TenantBudgets,
    pub(super) uses: CredentialUses,
    /// The scope that judges every action.
    pub(super) scope: AgentScope,
    /// Other agents that have the credential.
    pub(super) others: u32,
    /// What was taken away before every action.
    pub(super) taken: Option<TargetKind>,
    pub(super) action: AgentAction,
    pub(super) now_ms: i64,
    pub(super) offset: i64,
    pub(super) undeclared: bool,
    pub(super) evidence: EvidenceKeep,
    /// The agents below the agent.
    pub(super) tree: TreeView,
    pub(super) declared: bool,
    pub(super) out: Vec<ResponseOutcome>,
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
            agent: IncidentStore::default(),
            tenant: IncidentStore::default(),
            budgets: TenantBudgets::default(),
            uses: CredentialUses::default(),
            scope: AgentScope::default(),
            others: 0,
            taken: None,
            action,
            now_ms: 1_000_000,
            offset: 0,
            undeclared: false,
            evidence: EvidenceKeep::Bounded,
            tree: TreeView::default(),
            declared: true,
            out: Vec::new(),
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Self, &BundleContext<'_>) -> T) -> T {
        let policy = self.policy.clone();
        let bundle = BundleContext {
            policy: &policy,
            bundle: "b0",
            partitions: 1,
            rules: &TestRules,
        };
        act(self, &bundle)
    }

    /// One action on which `rules` fire; what came of it.
    pub(super) fn fire(&mut self, rules: &[&str]) -> Vec<ResponseOutcome> {
        let taken = self.taken;
        let findings: Vec<_> = rules
            .iter()
            .map(|id| Finding {
                taken,
                ..Finding::new(rule(id).unwrap())
            })
            .collect();
        self.fire_findings(&findings)
    }

    pub(super) fn fire_findings(&mut self, findings: &[Finding<'_>]) -> Vec<ResponseOutcome> {
        self.offset += 1;
        let position = RecordPosition {
            topic: "agent.actions".into(),
            partition: 0,
            offset: self.offset,
            index: 0,
        };
        let action = self.action.clone();
        let event_id = format!("e{}", self.offset);
        let (now_ms, undeclared, evidence) = (self.now_ms, self.undeclared, self.evidence);
        let (declared, tree) = (self.declared, self.tree.clone());
        self.uses.note_use(&action, 0);
        let (uses, scope) = (self.uses.clone(), self.scope.clone());
        let proof = CredentialProof::of_action(&action, &uses, Some(&scope), Some(self.others));
        let detail = |id: &str| FindingDetail {
            explanation: format!("{id} explained"),
            facts: Map::new(),
            expected: None,
            evidence: None,
            context: AlertContext::default(),
        };
        self.collect(|bench, bundle, out| {
            let ctx = ActionContext {
                bundle,
                action: &action,
                position: &position,
                append_ms: now_ms,
                at_ms: now_ms,
                stream_ms: now_ms,
                event_id: &event_id,
                task_class: action.task_class.as_deref(),
                undeclared,
                evidence,
                declared,
                proof,
                chain: &[],
                edges: &[],
                case: CaseAnchor::Agent(&action.agent_id),
                tree: &|| tree.clone(),
                detail: &detail,
            };
            let mut stores = IncidentStores {
                agent: &mut bench.agent,
                tenant: &mut bench.tenant,
                budgets: &mut bench.budgets,
            };
            respond_to_findings(&mut stores, findings, &ctx, out);
        })
    }

    pub(super) fn pass(&mut self, ms: i64) -> Vec<ResponseOutcome> {
        self.now_ms += ms;
        let now_ms = self.now_ms;
        self.collect(|bench, setting, out| {
            close_due_incidents(
                setting,
                &mut bench.agent,
                (&"acme".into(), &[]),
                now_ms,
                out,
            );
            close_due_incidents(
                setting,
                &mut bench.tenant,
                (&"acme".into(), &[]),
                now_ms,
                out,
            );
        })
    }

    /// The end of a recording.
    pub(super) fn finish(&mut self) -> Vec<ResponseOutcome> {
        let now_ms = self.now_ms;
        self.collect(|bench, setting, out| {
            report_pending_events(setting, &mut bench.agent, &"acme".into(), now_ms, out);
            report_pending_events(setting, &mut bench.tenant, &"acme".into(), now_ms, out);
        })
    }

    pub(super) fn say(&mut self, command: CommandKind) -> Vec<ResponseOutcome> {
        let record = ControlRecord {
            tenant: "acme".into(),
            agent_id: "bot".into(),
            by: "ann".into(),
            at_ms: self.now_ms,
            reason: None,
            command,
        };
        let arrival = self.arrival();
        self.collect(|bench, setting, out| {
            handle_control(setting, &mut bench.agent, &record, arrival, out);
        })
    }

    /// A member of the tree is seen: the tree is as it is now.
    pub(super) fn see_member(&mut self) -> Vec<ResponseOutcome> {
        self.offset += 1;
        let position = RecordPosition {
            topic: "agent.scopes".into(),
            partition: 0,
            offset: self.offset,
            index: 0,
        };
        let event_id = format!("s{}", self.offset);
        let agent = AgentKey::new("acme", "bot");
        let (now_ms, declared, tree) = (self.now_ms, self.declared, self.tree.clone());
        self.collect(|bench, bundle, out| {
            let arrival = TreeArrival {
                bundle,
                agent: &agent,
                declared,
                position: &position,
                append_ms: now_ms,
                at_ms: now_ms,
                stream_ms: now_ms,
                event_id: &event_id,
            };
            let mut stores = IncidentStores {
                agent: &mut bench.agent,
                tenant: &mut bench.tenant,
                budgets: &mut bench.budgets,
            };
            extend_cascades(&mut stores, &arrival, &tree, out);
        })
    }

    /// A control record that arrives now.
    pub(super) fn arrival(&self) -> ControlArrival {
        ControlArrival {
            append_ms: self.now_ms,
            stream_ms: self.now_ms,
            decided_ms: self.now_ms,
        }
    }

    fn collect(
        &mut self,
        act: impl FnOnce(&mut Self, &BundleContext<'_>, &mut Vec<ResponseOutcome>),
    ) -> Vec<ResponseOutcome> {
        let mut out = Vec::new();
        self.with(|bench, setting| act(bench, setting, &mut out));
        self.out.extend(out.iter().cloned());
        out
    }
}

pub(super) fn alerts(outcomes: &[ResponseOutcome]) -> Vec<&Alert> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            ResponseOutcome::Alert(alert) => Some(alert.as_ref()),
            _ => None,
        })
        .collect()
}

pub(super) fn requests(outcomes: &[ResponseOutcome]) -> Vec<&RevocationRequest> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            ResponseOutcome::Revocation(request) => Some(request.as_ref()),
            _ => None,
        })
        .collect()
}
