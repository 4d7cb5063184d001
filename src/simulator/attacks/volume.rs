//! Scripts of the volume family: ordinary calls, too many or too large.

use crate::event::{ActionOutcome, AgentAction, DeclaredStatus};

use super::super::agent::numbered;
use super::super::catalogue::Call;
use super::super::rhythm::{DAY_MS, HOUR_MS, MINUTE_MS};
use super::stage::{Actor, Stage};
use super::{Kind, delegation};

/// A spike is this many times the agent's own pace inside a task, and at least [`SPIKE_MIN`].
const SPIKE_TIMES: f64 = 12.0;
const SPIKE_MIN: u32 = 150;
const SPIKE_MAX: u32 = 6_000;
/// How long a spike lasts.
const SPIKE_MS: i64 = 2 * MINUTE_MS;
/// Actions of a spike in size, count of errors and the like.
const LARGE: u32 = 40;
/// The drift: one action more every so often, ever closer together, for three days.
const DRIFT_DAYS: i64 = 3;
const DRIFT_ACTIONS: i64 = 400;

pub fn perform(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    match kind {
        Kind::ActionSpike => spike(stage),
        Kind::SpawnSpike => delegation::spawns(stage, 100, 600),
        Kind::SlowDrift => drift(stage),
        Kind::Silence => silence(stage),
        _ => large(kind, stage),
    }
}

/// An agent at work with a scope that sets no limits, so that only its own past judges it.
fn unlimited(stage: &mut Stage<'_>, fit: impl Fn(&Call) -> bool) -> Option<Actor> {
    let mut actor = stage.cast_declared(|class| {
        class.hands_on.is_none() && class.hours.is_none() && class.calls.iter().any(&fit)
    })?;
    stage.declare_as(&actor, |scope| scope.limits.clear());
    stage.cover(&mut actor, 2);
    Some(actor)
}

/// A runaway loop: many times the agent's own pace for two minutes.
fn spike(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = unlimited(stage, |_| true)?;
    let usual = MINUTE_MS as f64 / actor.agent.gap_ms;
    let per_minute = ((usual * SPIKE_TIMES) as u32).clamp(SPIKE_MIN, SPIKE_MAX);
    let pause_ms = (MINUTE_MS / i64::from(per_minute)).max(1);
    for _ in 0..SPIKE_MS / pause_ms {
        let action = stage.ordinary(&mut actor, |_| true)?;
        stage.bad(&mut actor, action);
        stage.pass(pause_ms);
    }
    stage.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

fn large(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    let fit = |call: &Call| match kind {
        Kind::TokenSpike | Kind::CostSpike => call.tokens > 0,
        Kind::ResourceSpike => call.pool > 1_000,
        _ => call.tokens == 0,
    };
    let mut actor = unlimited(stage, fit)?;
    for index in 0..LARGE {
        let mut action = stage.ordinary(&mut actor, fit)?;
        enlarge(kind, &mut action, index);
        stage.bad(&mut actor, action);
        stage.pass(3_000);
    }
    stage.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

fn enlarge(kind: Kind, action: &mut AgentAction, index: u32) {
    match kind {
        Kind::RecordSpike => action.volume_records = Some(50_000),
        Kind::BytesSpike => action.volume_bytes_out = Some(25_000_000),
        Kind::TokenSpike => action.volume_tokens_in = Some(180_000),
        Kind::CostSpike => action.volume_cost_usd = Some(9.5),
        Kind::DeniedSpike => action.outcome = Some(ActionOutcome::Denied),
        Kind::ErrorSpike => action.outcome = Some(ActionOutcome::Error),
        _ => {
            // The call's own prefix up to the last slash, then one id after the other.
            let id = action.resource_id.as_deref().unwrap_or_default();
            let prefix = id.rsplit_once('/').map_or("", |(prefix, _)| prefix);
            action.resource_id = Some(numbered(&format!("{prefix}/"), 100 + index));
        }
    }
}

/// A little more every hour for three days, in one long task.
fn drift(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor =
        stage.cast_declared(|class| class.hours.is_none() && class.hands_on.is_none())?;
    let expires_ms = stage.now_ms + (DRIFT_DAYS + 1) * DAY_MS;
    actor.task.expires_ms = expires_ms;
    stage.declare_as(&actor, |scope| scope.limits.clear());
    let start_ms = stage.now_ms;
    for index in 0..DRIFT_ACTIONS {
        // The square root crowds the later ones: the pace rises evenly.
        let share = ((index + 1) as f64 / DRIFT_ACTIONS as f64).sqrt();
        stage.now_ms = start_ms + ((DRIFT_DAYS * DAY_MS) as f64 * share) as i64;
        let action = stage.ordinary(&mut actor, |_| true)?;
        stage.bad(&mut actor, action);
    }
    stage.pass(HOUR_MS);
    stage.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// The agent's last action for two days.
fn silence(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast(|agent, class| {
        agent.kind().rhythm == super::super::rhythm::Rhythm::Round && class.hands_on.is_none()
    })?;
    stage.declare(&actor);
    stage.cover(&mut actor, 2);
    let action = stage.ordinary(&mut actor, |_| true)?;
    stage.bad(&mut actor, action);
    stage.pass(1_000);
    stage.change_status(&actor, DeclaredStatus::Completed);
    let until_ms = stage.now_ms + 2 * DAY_MS;
    stage.silence(&actor, until_ms);
    Some(())
}
