//! What people and the identity system answer: confirmations, withdrawals, verdicts.

use crate::event::{CommandKind, Confirmation, Control, Text, Verdict};

use super::alert::{
    AuditEntry, Audited, CloseReason, Outcome, PlannedTarget, RequestKind, RequestState,
    RevocationRequest, RuleNote,
};
use super::id::Id;
use super::incidents::Incidents;
use super::request::{Request, RevokedTarget, reason};
use super::respond::Setting;
use super::target::{Target, TargetName};
use super::tell::{Telling, note, tell, tell_closed};
use super::terms::{Family, Severity};

/// When a control record arrived, epoch milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub append_ms: i64,
    pub stream_ms: i64,
}

/// An incident that a person called a false positive: its caller takes back what it added to the
/// agent's risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    pub incident: Id,
    pub rule: Text,
    /// Findings it had counted.
    pub count: u64,
}

/// Carries out a control record against the incidents of its agent. What it names and is not
/// known here is audited as ignored.
pub fn control(
    setting: &Setting<'_>,
    incidents: &mut Incidents,
    control: &Control,
    arrival: Arrival,
    out: &mut Vec<Outcome>,
) -> Option<Cleared> {
    let mut hand = Hand {
        setting,
        incidents,
        control,
        arrival,
        out,
    };
    match &control.command {
        CommandKind::Confirmation {
            txn,
            target,
            result,
        } => {
            hand.confirm(txn, target.as_deref(), *result);
            None
        }
        CommandKind::Withdrawal { txn } => match Id::parse(txn) {
            Some(txn) => hand.withdraw(txn),
            None => hand.ignore("the withdrawal names no transaction of ours"),
        },
        CommandKind::Verdict {
            incident_id,
            verdict,
        } => match Id::parse(incident_id) {
            Some(incident) => hand.verdict(incident, *verdict),
            None => hand.ignore("the verdict names no incident of ours"),
        },
        CommandKind::Decision { .. } => {
            hand.ignore("nothing waits for a decision: approval is not in this version")
        }
    }
}

struct Hand<'a, 's> {
    setting: &'a Setting<'s>,
    incidents: &'a mut Incidents,
    control: &'a Control,
    arrival: Arrival,
    out: &'a mut Vec<Outcome>,
}

impl Hand<'_, '_> {
    fn confirm(&mut self, txn_text: &str, target: Option<&str>, result: Confirmation) {
        let Some(txn) = Id::parse(txn_text) else {
            self.ignore("the confirmation names no transaction of ours");
            return;
        };
        // Not from before the request, nor from the future: the clock is the identity system's.
        let confirmed_ms = self.control.at_ms.min(self.arrival.stream_ms);
        let mut told: Vec<(Id, Target)> = Vec::new();
        let mut revoked = Vec::new();
        for entry in &mut self.incidents.requests.entries {
            let meant = Id::txn(entry.incident) == txn
                && !matches!(entry.state, RequestState::Planned | RequestState::Withdrawn)
                && target.is_none_or(|text| entry.target.is_named(text));
            // Done is final: a later answer about the same target is a late or repeated one.
            if !meant || entry.state == RequestState::Done {
                continue;
            }
            entry.state = result.into();
            if result == Confirmation::Done {
                let at_ms = confirmed_ms.max(entry.asked_ms);
                revoked.push(RevokedTarget {
                    target: entry.target.clone(),
                    txn,
                    at_ms,
                });
            }
            told.push((entry.incident, entry.target.clone()));
        }
        for target in revoked {
            self.incidents.requests.remember_revoked(target);
        }
        let Some(incident) = told.first().map(|(incident, _)| *incident) else {
            self.ignore("no open request has this transaction and target");
            return;
        };
        let targets: Vec<Target> = told.into_iter().map(|(_, target)| target).collect();
        let message = confirmation_sentence(&self.control.agent_id, &targets, result);
        self.audit(
            Audited::Confirmed(result),
            Some(incident),
            Some(txn),
            targets,
            &message,
        );
        let telling = Telling::plain(&self.control.tenant, self.arrival.stream_ms, message);
        tell(self.setting, self.incidents, incident, telling, self.out);
    }

    /// Takes back everything sent under `txn` and closes its incident as a false positive.
    fn withdraw(&mut self, txn: Id) -> Option<Cleared> {
        let is_ours = |entry: &Request| {
            Id::txn(entry.incident) == txn && entry.state != RequestState::Withdrawn
        };
        let requests: Vec<Request> = self
            .incidents
            .requests
            .entries
            .iter()
            .filter(|e| is_ours(e))
            .cloned()
            .collect();
        let revoked: Vec<Target> = self
            .incidents
            .requests
            .revoked
            .iter()
            .filter(|known| known.txn == txn)
            .map(|known| known.target.clone())
            .collect();
        let open = self
            .incidents
            .open()
            .iter()
            .find(|open| Id::txn(open.id) == txn);
        let incident = match (requests.first(), open) {
            (Some(request), _) => request.incident,
            (None, Some(open)) => open.id,
            (None, None) if revoked.is_empty() => {
                return self.ignore("nothing here has this transaction");
            }
            // The incident is long over; only its effect is left, and it goes too.
            (None, None) => {
                self.incidents
                    .requests
                    .revoked
                    .retain(|known| known.txn != txn);
                let detail = "the revocation is taken back; its incident was closed before";
                self.audit(Audited::Withdrawn, None, Some(txn), revoked, detail);
                return None;
            }
        };
        for entry in &mut self.incidents.requests.entries {
            if Id::txn(entry.incident) == txn {
                entry.state = RequestState::Withdrawn;
            }
        }
        self.incidents
            .requests
            .revoked
            .retain(|known| known.txn != txn);
        let mut held: Vec<Text> = requests
            .iter()
            .map(|request| request.rule.clone())
            .collect();
        held.extend(self.incidents.get(incident).map(|open| open.rule.clone()));
        for rule in held {
            self.incidents.requests.hold(&rule, self.arrival.stream_ms);
        }
        self.notice(txn, incident, &requests);
        self.close(incident)
    }

    /// Tells the identity system, when it had been asked.
    fn notice(&mut self, txn: Id, incident: Id, requests: &[Request]) {
        let sent = |request: &&Request| request.state != RequestState::Planned;
        let targets: Vec<PlannedTarget> = requests
            .iter()
            .filter(sent)
            .map(|request| PlannedTarget {
                reason: reason(&request.rule, &request.target),
                target: request.target.clone(),
            })
            .collect();
        let why = self.control.reason.as_deref().unwrap_or("no reason given");
        let detail = format!(
            "Withdrawn as a false positive by {}: {why}",
            self.control.by
        );
        let all = requests
            .iter()
            .map(|request| request.target.clone())
            .collect();
        self.audit(Audited::Withdrawn, Some(incident), Some(txn), all, &detail);
        let Some(number) = requests
            .iter()
            .filter(sent)
            .map(|request| request.number)
            .max()
        else {
            return;
        };
        let open = self.incidents.get(incident);
        let rule = requests
            .first()
            .map(|request| request.rule.clone())
            .unwrap_or_default();
        self.out
            .push(Outcome::Revocation(Box::new(RevocationRequest {
                kind: RequestKind::Withdrawn,
                txn,
                number,
                tenant: self.control.tenant.clone(),
                agent_id: self.control.agent_id.clone(),
                task_id: open.and_then(|open| open.task().cloned()),
                incident_id: incident,
                message_id: open
                    .map(|open| Id::message(incident, open.message_n.saturating_add(1))),
                rule: match open {
                    Some(open) => note(self.setting, open),
                    None => (self.setting.rule)(&rule).map_or_else(
                        || RuleNote {
                            id: rule.clone(),
                            title: rule.clone(),
                            family: Family::Policy,
                        },
                        |facts| facts.note(),
                    ),
                },
                severity: open.map_or(Severity::Informational, |open| open.severity),
                reason: detail,
                targets,
                event_ids: Vec::new(),
                requested_at_ms: self.arrival.append_ms,
                bundle: self.setting.bundle.into(),
            })));
    }

    fn verdict(&mut self, incident: Id, verdict: Verdict) -> Option<Cleared> {
        if self.incidents.get(incident).is_none() {
            return self.ignore("no open incident has this id");
        }
        let detail = format!("{} judged the incident", self.control.by);
        self.audit(
            Audited::VerdictGiven(verdict),
            Some(incident),
            None,
            Vec::new(),
            &detail,
        );
        match verdict {
            Verdict::TruePositive => None,
            Verdict::FalsePositive => {
                let asked = |entry: &Request| {
                    entry.incident == incident && entry.state != RequestState::Withdrawn
                };
                if self.incidents.requests.entries.iter().any(asked) {
                    self.withdraw(Id::txn(incident))
                } else {
                    self.close(incident)
                }
            }
        }
    }

    fn close(&mut self, incident: Id) -> Option<Cleared> {
        let open = self.incidents.remove(incident)?;
        let cleared = Cleared {
            incident: open.id,
            rule: open.rule.clone(),
            count: open.count,
        };
        tell_closed(
            self.setting,
            self.incidents,
            open,
            &self.control.tenant,
            CloseReason::FalsePositive,
            self.arrival.stream_ms,
            self.out,
        );
        Some(cleared)
    }

    fn ignore(&mut self, why: &str) -> Option<Cleared> {
        self.audit(Audited::ControlIgnored, None, None, Vec::new(), why);
        None
    }

    fn audit(
        &mut self,
        what: Audited,
        incident_id: Option<Id>,
        txn: Option<Id>,
        targets: Vec<Target>,
        detail: &str,
    ) {
        self.out.push(Outcome::Audit(Box::new(AuditEntry {
            at_ms: self.arrival.append_ms,
            tenant: self.control.tenant.clone(),
            agent_id: self.control.agent_id.clone(),
            incident_id,
            txn,
            what,
            by: Some(self.control.by.clone()),
            targets,
            detail: detail.to_owned(),
        })));
    }
}

fn confirmation_sentence(agent: &str, targets: &[Target], result: Confirmation) -> String {
    let named: Vec<String> = targets
        .iter()
        .map(|target| match &target.name {
            TargetName::JwtId { jti, .. } => format!("credential {jti}"),
            TargetName::IssSub { sub, .. } => format!("agent {sub}"),
            TargetName::Opaque { id } => format!("{} {id}", target.kind.as_str()),
        })
        .collect();
    let named = named.join(", ");
    match result {
        Confirmation::Done => format!("The identity system confirmed: {named} is revoked"),
        Confirmation::NotFound => {
            format!(
                "The identity system does not know {named} of agent {agent}; nothing is revoked"
            )
        }
        Confirmation::Refused => format!("The identity system refused to revoke {named}"),
        Confirmation::Partial => format!("The identity system revoked {named} only in part"),
        Confirmation::Failed => format!("The identity system failed to revoke {named}"),
    }
}
