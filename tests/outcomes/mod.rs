//! One outcome of every kind, produced by the response stage, for the tests of output formats.

use scopewatch::event::{
    ActionOutcome, AgentAction, ApprovalDecision, CommandKind, ControlRecord, EdgeEvidence,
    EdgeSource, RecordPosition, RevocationResult, Sensitivity, Text, Verb,
};
use scopewatch::response::{
    ActionContext, Alert, AlertContext, BaselineComparison, BundleContext, CaseAnchor, ChainEdge,
    ControlArrival, CredentialProof, CredentialUses, EvidenceKeep, EvidenceNote, Finding,
    FindingDetail, IncidentFold, IncidentStore, IncidentStores, MetricGroup, Policy, RecentAction,
    ResponseOutcome, RevocationMode, RevocationRequest, RevokeTarget, RuleConfidence, RuleFamily,
    RuleLevel, RuleLookup, RuleView, ScopeNote, SignalNote, TenantBudgets, TreeView,
    close_due_incidents, handle_control, respond_to_findings,
};
use scopewatch::text::SourceFile;

const MODES: &str = "default: auto\nbudget: {agents-per-hour: 1}\n";

fn rules(ids: &[Text]) -> [RuleView<'_>; 4] {
    let base = RuleView {
        id: "scope.verb",
        title: "Verb outside the grant",
        description: "The agent does more than its grant allows.",
        remediation: "Ask whether the task needs the verb.",
        confidence: RuleConfidence::High,
        family: RuleFamily::Scope,
        level: RuleLevel::High,
        risk: 0,
        revoke: RevokeTarget::Credential,
        mode_max: RevocationMode::Auto,
        fold: IncidentFold::Agent,
        atlas: ids,
        asi: ids,
    };
    [
        base,
        RuleView {
            id: "scope.agent",
            revoke: RevokeTarget::Agent,
            ..base
        },
        RuleView {
            id: "volume.calls",
            title: "More calls than usual",
            family: RuleFamily::Volume,
            level: RuleLevel::Low,
            revoke: RevokeTarget::None,
            ..base
        },
        RuleView {
            id: "scope.undeclared",
            fold: IncidentFold::ClassDay,
            revoke: RevokeTarget::None,
            ..base
        },
    ]
}

struct Rules<'a>(&'a [RuleView<'a>]);

impl RuleLookup for Rules<'_> {
    fn rule_view(&self, id: &str) -> Option<RuleView<'_>> {
        self.0.iter().copied().find(|rule| rule.id == id)
    }
}

fn action(agent: &str) -> AgentAction {
    AgentAction {
        agent_type: Some("desk".into()),
        task_id: Some("t1".into()),
        principal_id: Some("ann".into()),
        session_id: Some("s-1".into()),
        credential_id: Some("tok-1".into()),
        credential_issuer: Some("https://idp.example".into()),
        tool_name: Some("crm.delete".into()),
        action_verb: Verb::Delete,
        resource_type: "database.table".into(),
        resource_id: Some("crm/customers".into()),
        resource_owner: Some("sales".into()),
        resource_sensitivity: Some(Sensitivity::Restricted),
        destination_host: Some("db.internal".into()),
        outcome: Some(ActionOutcome::Allowed),
        delegation_chain: vec!["root".into(), agent.into()],
        ..AgentAction::new(agent)
    }
}

fn detail_of(id: &str) -> FindingDetail {
    FindingDetail {
        explanation: format!("{id}: delete of crm/customers, granted read only"),
        facts: [("action.verb".to_owned(), "delete".into())]
            .into_iter()
            .collect(),
        expected: (id == "volume.calls").then(|| BaselineComparison {
            metric: "calls".into(),
            group: Some(MetricGroup {
                field: "resource.type".into(),
                value: Some("crm.customer".into()),
            }),
            window_ms: 60_000,
            observed: 90.0,
            expected: 4.5,
            upper: 20.0,
            ratio: 20.0,
            state: "active".into(),
            score: 4.1,
            needed: 3.25,
            learned_days: 21.5,
            highest: Some(16.0),
            last_week: Some(4.0),
        }),
        evidence: (id == "scope.undeclared").then(|| EvidenceNote {
            bans: 3.0,
            class_tasks: 25,
            signals: vec![
                SignalNote {
                    signal: "DN".into(),
                    weight: 2.0,
                    about: "destination new.example: 0 of 25 tasks of this class".into(),
                    class: Some((0, 25)),
                    peers: Some((1, 410)),
                },
                SignalNote {
                    signal: "U".into(),
                    weight: 0.5,
                    about: "after untrusted content".into(),
                    class: None,
                    peers: None,
                },
            ],
        }),
        context: AlertContext {
            scope: Some(ScopeNote {
                id: "s-1".into(),
                basis: "task".into(),
                status: "active".into(),
                expires_at_ms: Some(1),
                permits: vec!["database.*: read".into()],
                permits_further: 2,
            }),
            recent: vec![RecentAction {
                at_ms: 1,
                action: "read database.table crm/customers".into(),
                outcome: Some("allowed".into()),
                times: 2,
            }],
        },
    }
}

/// The edges of the action's chain, each known from a scope record and from the chain.
fn edges_of(action: &AgentAction) -> Vec<ChainEdge> {
    let evidence = EdgeEvidence::of(EdgeSource::Scope).with(EdgeSource::Chain);
    let chain = &action.delegation_chain;
    let pairs = chain.iter().zip(chain.iter().skip(1));
    let edge = |(from, to): (&Text, &Text)| ChainEdge {
        from: from.clone(),
        to: to.clone(),
        evidence,
    };
    pairs.map(edge).collect()
}

/// The tenant's state, and how many actions there were.
struct Stage<'a> {
    setting: BundleContext<'a>,
    rules: &'a [RuleView<'a>],
    tenant: IncidentStore,
    budgets: TenantBudgets,
    actions: i64,
}

impl Stage<'_> {
    /// One action of the agent `who`, on which the rules with these indexes fire.
    fn fire(
        &mut self,
        agent: &mut IncidentStore,
        who: &str,
        fired: &[usize],
        out: &mut Vec<ResponseOutcome>,
    ) {
        self.actions += 1;
        let (action, uses) = (action(who), CredentialUses::default());
        let position = RecordPosition {
            topic: "agent.actions".into(),
            partition: 0,
            offset: self.actions,
            index: 0,
        };
        let now_ms = 1_700_000_000_000 + self.actions * 1_000;
        let ctx = ActionContext {
            evidence: EvidenceKeep::Bounded,
            bundle: &self.setting,
            action: &action,
            position: &position,
            append_ms: now_ms,
            at_ms: now_ms,
            stream_ms: now_ms,
            event_id: "event",
            task_class: action.task_class.as_deref(),
            undeclared: false,
            declared: true,
            proof: CredentialProof::of_action(&action, &uses, None, Some(0)),
            chain: &action.delegation_chain,
            edges: &edges_of(&action),
            case: CaseAnchor::Agent(&action.agent_id),
            tree: &TreeView::default,
            detail: &detail_of,
        };
        let findings: Vec<_> = fired
            .iter()
            .map(|index| Finding::new(self.rules[*index]))
            .collect();
        let mut stores = IncidentStores {
            agent,
            tenant: &mut self.tenant,
            budgets: &mut self.budgets,
        };
        respond_to_findings(&mut stores, &findings, &ctx, out);
    }
}

/// Created, updated and closed incidents; planned and sent requests; plans that wait, are approved,
/// denied and lapse; requests that nobody answers; a confirmation; an alert of a
/// baseline; a class summary; an exhausted budget; a withdrawal.
pub fn every_kind() -> Vec<ResponseOutcome> {
    let ids: Vec<Text> = vec!["AML.T0053".into(), "AML.T0085.001".into()];
    let rules = rules(&ids);
    let file = SourceFile {
        path: "response.yaml".into(),
        text: MODES.into(),
    };
    let policy = Policy::parse(&file).0;
    let setting = BundleContext {
        policy: &policy,
        bundle: "b0",
        partitions: 1,
        rules: &Rules(&rules),
    };
    let mut stage = Stage {
        setting,
        rules: &rules,
        tenant: IncidentStore::default(),
        budgets: TenantBudgets::default(),
        actions: 0,
    };
    let mut out = Vec::new();
    let mut agents = [(); 4].map(|()| IncidentStore::default());
    let [first, second, third, fourth] = &mut agents;
    for fired in [&[0, 1, 2][..], &[0], &[2, 3]] {
        stage.fire(first, "bot", fired, &mut out);
    }
    stage.fire(second, "other", &[0], &mut out);
    stage.fire(third, "third", &[0], &mut out);
    stage.fire(fourth, "fourth", &[0], &mut out);
    decide(&setting, second, ApprovalDecision::Approve, &mut out);
    decide(&setting, third, ApprovalDecision::Deny, &mut out);
    confirm_and_withdraw(&setting, first, &mut out);
    for incidents in agents.iter_mut().chain([&mut stage.tenant]) {
        let end_ms = 1_800_000_000_000;
        close_due_incidents(
            &setting,
            incidents,
            (&"default".into(), &[]),
            end_ms,
            &mut out,
        );
    }
    out
}

/// Decides on the plan of an agent whose plan waits.
fn decide(
    setting: &BundleContext<'_>,
    agent: &mut IncidentStore,
    decision: ApprovalDecision,
    out: &mut Vec<ResponseOutcome>,
) {
    let waiting = alerts(out)
        .into_iter()
        .find(|alert| agent.get(alert.incident_id).is_some());
    let txn = waiting
        .and_then(|alert| alert.revocation.as_ref())
        .map(|block| block.txn.to_string())
        .expect("a plan that waits");
    let record = ControlRecord {
        tenant: "default".into(),
        agent_id: "any".into(),
        by: "ann".into(),
        at_ms: 1_700_000_010_000,
        reason: Some("seen it".into()),
        command: CommandKind::Decision {
            txn: txn.into(),
            decision,
        },
    };
    let arrival = ControlArrival {
        append_ms: 1_700_000_010_000,
        stream_ms: 1_700_000_010_000,
        decided_ms: 1_700_000_010_000,
    };
    handle_control(setting, agent, &record, arrival, out);
}

/// Confirms the first request, then withdraws it.
fn confirm_and_withdraw(
    setting: &BundleContext<'_>,
    agent: &mut IncidentStore,
    out: &mut Vec<ResponseOutcome>,
) {
    let txn = requests(out)[0].txn.to_string();
    let arrival = ControlArrival {
        append_ms: 1_700_000_010_000,
        stream_ms: 1_700_000_010_000,
        decided_ms: 1_700_000_010_000,
    };
    for command in [
        CommandKind::Confirmation {
            txn: txn.as_str().into(),
            target: None,
            result: RevocationResult::Done,
        },
        CommandKind::Withdrawal {
            txn: txn.as_str().into(),
        },
    ] {
        let record = ControlRecord {
            tenant: "default".into(),
            agent_id: "bot".into(),
            by: "idp".into(),
            at_ms: arrival.stream_ms,
            reason: None,
            command,
        };
        handle_control(setting, agent, &record, arrival, out);
    }
}

pub fn alerts(outcomes: &[ResponseOutcome]) -> Vec<&Alert> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            ResponseOutcome::Alert(alert) => Some(alert.as_ref()),
            _ => None,
        })
        .collect()
}

pub fn requests(outcomes: &[ResponseOutcome]) -> Vec<&RevocationRequest> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            ResponseOutcome::Revocation(request) => Some(request.as_ref()),
            _ => None,
        })
        .collect()
}

/// The output of a Python validator for `input`, one JSON value a line; `None` when no interpreter
/// is configured and CI does not require one.
pub fn python(script: &str, input: &str) -> Option<(bool, String)> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let Some(interpreter) = std::env::var_os("SCOPEWATCH_TEST_PYTHON") else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "SCOPEWATCH_TEST_PYTHON must name a Python with tests/requirements.txt installed"
        );
        println!("skipped: SCOPEWATCH_TEST_PYTHON is not set");
        return None;
    };
    let path = format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(interpreter)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the validator starts");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    Some((
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    ))
}
