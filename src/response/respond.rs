//! The way of the findings on one action: rank, fold, plan, message, emit. Each stage has a file of
//! that name.

use std::collections::VecDeque;

use crate::event::Text;

use super::alert::CloseReason;
use super::approval::{lapse_plans, report_uses};
use super::emit::{emit_alert, emit_messages};
use super::fold::fold_group;
use super::id::DerivedId;
use super::incident_store::IncidentStore;
use super::input::{ActionContext, BundleContext, BurstNote, Finding, IncidentStores};
use super::message::{IncidentEnd, closing_alert, pending_alert, write_messages};
use super::outcome::ResponseOutcome;
use super::own_incident::repeat_unanswered;
use super::plan::plan_revocations;
use super::rank::{FindingGroup, rank_findings};

/// Adds the findings on one action to their incidents, plans revocations for them, and emits the
/// alerts, requests and audit entries that are due. The order of `findings` does not matter.
pub fn respond_to_findings(
    stores: &mut IncidentStores<'_>,
    findings: &[Finding<'_>],
    ctx: &ActionContext<'_>,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    // One group as a rule. A second one where a summary that spans agents has a finding too, or
    // where the plan used up the budget, which is an incident of the tenant.
    let mut groups = VecDeque::from(rank_findings(findings));
    while let Some(group) = groups.pop_front() {
        let folded = fold_group(stores, &group, ctx);
        let plan = plan_revocations(stores, &group, folded.incident, ctx);
        for declared in plan.budgets_used_up.iter().rev() {
            groups.push_front(FindingGroup::budget_used_up(*declared));
        }
        let messages = write_messages(stores, &group, folded, plan, ctx);
        emit_messages(messages, outcomes);
    }
}

/// Does what is due for one subject: lets plans lapse on which nobody decided, sends unanswered
/// requests again, closes the incidents that had no finding for long enough, in order of their due
/// times, and forgets requests that are over. `tenant` is the subject's tenant, `bursts` what its
/// metrics became since they alarmed.
pub fn close_due_incidents(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    (tenant, bursts): (&Text, &[BurstNote]),
    stream_ms: i64,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    lapse_plans(bundle, store, tenant, stream_ms, outcomes);
    report_uses(bundle, store, tenant, stream_ms, outcomes);
    repeat_unanswered(bundle, store, tenant, stream_ms, outcomes);
    while let Some(closed) = store.close_first_due(stream_ms) {
        // The alert bears its due time: it must not depend on when the next record came.
        let due_ms = closed.incident.due_ms;
        let bursts = bursts.iter().filter(|one| one.rule == closed.incident.rule);
        let burst = bursts.max_by(|one, other| one.observed.total_cmp(&other.observed));
        let end = IncidentEnd {
            reason: CloseReason::Quiet,
            time_ms: due_ms,
            burst,
        };
        let alert = closing_alert(bundle, closed, tenant, end);
        emit_alert(alert, outcomes);
    }
    store.forget_requests(stream_ms);
}

/// Emits an alert about every open incident with events that no alert has listed yet: at the end
/// of a recording each event stands in an alert. `tenant` is the subject's tenant.
pub fn report_pending_events(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    tenant: &Text,
    stream_ms: i64,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let open: Vec<DerivedId> = store.open().iter().map(|incident| incident.id).collect();
    for incident in open {
        if let Some(alert) = pending_alert(bundle, store, incident, tenant, stream_ms) {
            emit_alert(alert, outcomes);
        }
    }
}
