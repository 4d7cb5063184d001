//! Attacks of the volume family: benign calls that are too many or too large.

use crate::event::{ActionOutcome, AgentAction, DeclaredStatus};

use super::super::agent::numbered_text;
use super::super::agent_types::ToolCall;
use super::super::attack_kind::AttackKind;
use super::super::schedule::{DAY_MS, HOUR_MS, MINUTE_MS};
use super::delegation;
use super::script::{AttackActor, AttackScript};

/// A spike multiplies the agent's own rate inside a task by this factor, within [`SPIKE_MIN`] and
/// [`SPIKE_MAX`] actions per minute.
const SPIKE_TIMES: f64 = 12.0;
const SPIKE_MIN: u32 = 150;
const SPIKE_MAX: u32 = 6_000;
/// Duration of a spike, ms.
const SPIKE_MS: i64 = 2 * MINUTE_MS;
/// Number of actions in the attacks on volumes, errors and resources.
const LARGE: u32 = 40;
/// The slow drift: [`DRIFT_ACTIONS`] actions at a rising rate over this many days.
const DRIFT_DAYS: i64 = 3;
const DRIFT_ACTIONS: i64 = 400;

pub fn write_volume_attack(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    match kind {
        AttackKind::ActionSpike => write_action_spike(script),
        AttackKind::SpawnSpike => delegation::write_spawns(script, 100, 600),
        AttackKind::SlowDrift => write_slow_drift(script),
        AttackKind::Silence => write_silence(script),
        _ => write_large_values(kind, script),
    }
}

/// Casts an agent whose scope has no limits, so that only its own baseline can reveal the attack.
fn cast_without_limits(
    script: &mut AttackScript<'_>,
    fit: impl Fn(&ToolCall) -> bool,
) -> Option<AttackActor> {
    script.cast_with_scope(fit, |scope| scope.limits.clear(), 2)
}

/// A runaway loop: many times the agent's own rate for two minutes.
fn write_action_spike(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = cast_without_limits(script, |_| true)?;
    let usual = MINUTE_MS as f64 / actor.agent.gap_ms;
    let per_minute = ((usual * SPIKE_TIMES) as u32).clamp(SPIKE_MIN, SPIKE_MAX);
    let pause_ms = (MINUTE_MS / i64::from(per_minute)).max(1);
    for _ in 0..SPIKE_MS / pause_ms {
        let action = script.compose_benign_action(&mut actor, |_| true)?;
        script.add_labelled_action(&mut actor, action);
        script.advance_time(pause_ms);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

fn write_large_values(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    let fit = |call: &ToolCall| match kind {
        AttackKind::TokenSpike | AttackKind::CostSpike => call.tokens > 0,
        AttackKind::ResourceSpike => call.pool > 1_000,
        _ => call.tokens == 0,
    };
    let mut actor = cast_without_limits(script, fit)?;
    for index in 0..LARGE {
        let mut action = script.compose_benign_action(&mut actor, fit)?;
        enlarge_action(kind, &mut action, index);
        script.add_labelled_action(&mut actor, action);
        script.advance_time(3_000);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

fn enlarge_action(kind: AttackKind, action: &mut AgentAction, index: u32) {
    match kind {
        AttackKind::RecordSpike => action.volume_records = Some(50_000),
        AttackKind::BytesSpike => action.volume_bytes_out = Some(25_000_000),
        AttackKind::TokenSpike => action.volume_tokens_in = Some(180_000),
        AttackKind::CostSpike => action.volume_cost_usd = Some(9.5),
        AttackKind::DeniedSpike => action.outcome = Some(ActionOutcome::Denied),
        AttackKind::ErrorSpike => action.outcome = Some(ActionOutcome::Error),
        _ => {
            // Keeps the prefix of the id up to the last slash, and numbers the resources behind it.
            let id = action.resource_id.as_deref().unwrap_or_default();
            let prefix = id.rsplit_once('/').map_or("", |(prefix, _)| prefix);
            action.resource_id = Some(numbered_text(&format!("{prefix}/"), 100 + index));
        }
    }
}

/// The rate rises a little every hour for three days, within one long task.
fn write_slow_drift(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor =
        script.cast_declared(|class| class.hours.is_none() && class.child_class.is_none())?;
    let expires_ms = script.now_ms + (DRIFT_DAYS + 1) * DAY_MS;
    actor.task.expires_ms = expires_ms;
    script.declare_changed_scope(&actor, |scope| scope.limits.clear());
    let start_ms = script.now_ms;
    for index in 0..DRIFT_ACTIONS {
        // The n-th action comes at sqrt(n/N) of the duration, so the rate rises linearly.
        let share = ((index + 1) as f64 / DRIFT_ACTIONS as f64).sqrt();
        script.now_ms = start_ms + ((DRIFT_DAYS * DAY_MS) as f64 * share) as i64;
        let action = script.compose_benign_action(&mut actor, |_| true)?;
        script.add_labelled_action(&mut actor, action);
    }
    script.advance_time(HOUR_MS);
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// The agent acts once more, then is silent for two days.
fn write_silence(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_agent(|agent, class| {
        agent.agent_type().schedule == super::super::schedule::WorkSchedule::AroundTheClock
            && class.child_class.is_none()
    })?;
    script.declare_scope(&actor);
    script.add_benign_actions(&mut actor, 2);
    let action = script.compose_benign_action(&mut actor, |_| true)?;
    script.add_labelled_action(&mut actor, action);
    script.advance_time(1_000);
    script.change_status(&actor, DeclaredStatus::Completed);
    let until_ms = script.now_ms + 2 * DAY_MS;
    script.keep_idle_until(&actor, until_ms);
    Some(())
}
