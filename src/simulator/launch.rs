//! The fleet before its first moment: who is who, and how fast each works.

use super::agent::{Agent, Gateway, Phase, joined, numbered};
use super::catalogue::{AgentType, CHILDREN, ORCHESTRATORS, TYPES, WORKERS};
use super::dice::Dice;
use super::options::FleetOptions;
use super::rhythm::{CronPlan, Rhythm};

/// The longest mean pause inside a task.
const GAP_MAX_MS: f64 = 60_000.0;
/// Agents faster than one action per this have longer tasks, not more of them.
const GAP_USUAL_MS: f64 = 1_000.0;
/// How much longer at most.
const STRETCH_MAX: f64 = 50.0;

const TENANTS: [&str; 6] = ["acme", "borealis", "cobalt", "dunes", "ember", "fjord"];

/// Every agent, in the order of their indices.
#[must_use]
pub fn agents(options: &FleetOptions) -> Vec<Agent> {
    let kinds = kinds(options.agents);
    let weight: f64 = kinds
        .iter()
        .filter_map(|(kind, _)| TYPES.get(*kind))
        .map(|kind| kind.tempo)
        .sum();
    let mut agents: Vec<Agent> = Vec::with_capacity(kinds.len());
    for (ix, (kind, parent)) in (0u32..).zip(kinds) {
        let spec = TYPES.get(kind).unwrap_or(&TYPES[0]);
        let rate = options.rate * spec.tempo / weight;
        let mut agent = newborn(ix, kind, spec, rate, options);
        agent.parent = parent;
        if let Some(parent) = parent.and_then(|parent| agents.get_mut(parent as usize)) {
            parent.children.1 += 1;
            agent.tenant = parent.tenant.clone();
            agent.principal = parent.principal.clone();
            agent.gap_ms = parent.gap_ms;
            agent.stretch = parent.stretch;
            agent.phase = Phase::Dormant;
        }
        if kind == ORCHESTRATORS {
            agent.children = (ix + 1, 0);
        }
        agents.push(agent);
    }
    agents
}

/// Type and parent of each agent: types in proportion to their shares, each orchestrator followed
/// by its children.
fn kinds(agents: u32) -> Vec<(usize, Option<u32>)> {
    let total: u32 = TYPES.iter().map(|kind| kind.share).sum();
    let mut given = [0u32; TYPES.len()];
    let mut kinds = Vec::with_capacity(agents as usize);
    let mut slot = 0u64;
    while (kinds.len() as u64) < u64::from(agents) {
        slot += 1;
        let due = |kind: usize, had: u32| {
            let share = TYPES.get(kind).map_or(0, |kind| kind.share);
            i64::from(share) * slot as i64 - i64::from(had) * i64::from(total)
        };
        let next = given
            .iter()
            .enumerate()
            .filter(|(kind, _)| *kind != WORKERS)
            .max_by_key(|(kind, had)| (due(*kind, **had), std::cmp::Reverse(*kind)))
            .map_or(0, |(kind, _)| kind);
        if let Some(had) = given.get_mut(next) {
            *had += 1;
        }
        let parent = kinds.len() as u32;
        kinds.push((next, None));
        if next == ORCHESTRATORS {
            let room = (agents - parent - 1).min(CHILDREN);
            kinds.extend((0..room).map(|_| (WORKERS, Some(parent))));
        }
    }
    kinds
}

fn newborn(ix: u32, kind: usize, spec: &AgentType, rate: f64, options: &FleetOptions) -> Agent {
    let mut dice = Dice::new(options.seed, u64::from(ix) + 1);
    let tenant = ix % options.tenants;
    let name = TENANTS
        .get(tenant as usize % TENANTS.len())
        .copied()
        .unwrap_or("acme");
    let round = tenant / TENANTS.len() as u32;
    let tenant = if round == 0 {
        name.into()
    } else {
        numbered(&joined(name, "-"), round)
    };
    let gateway = match dice.below(100) {
        0..72 => Gateway::Full,
        72..92 => Gateway::Lean,
        _ => Gateway::Bare,
    };
    let gateway_id = match gateway {
        Gateway::Full => numbered("gw-a", dice.below(4)),
        Gateway::Lean => numbered("gw-b", dice.below(3)),
        Gateway::Bare => "gw-legacy".into(),
    };
    let mut agent = Agent {
        ix,
        kind,
        tenant,
        id: numbered(&joined(spec.name, "-"), ix),
        version: numbered("3.", dice.below(3)),
        principal: numbered("user-", dice.below(options.agents.div_ceil(2).max(1))),
        gateway,
        gateway_id,
        gap_ms: GAP_USUAL_MS,
        idle_ms: 0.0,
        stretch: 1.0,
        cron: None,
        children: (0, 0),
        parent: None,
        phase: Phase::Idle,
        task: None,
        events: 0,
        tasks: 0,
        children_busy: 0,
        standing_until_ms: i64::MIN,
        held_until_ms: i64::MIN,
        dice,
    };
    set_tempo(&mut agent, spec, rate);
    agent
}

/// Turns a rate over the whole week into the pauses inside and between tasks.
fn set_tempo(agent: &mut Agent, spec: &AgentType, rate: f64) {
    if spec.rhythm == Rhythm::Cron {
        let plan = CronPlan::new(rate, &mut agent.dice);
        agent.gap_ms = (spec.duty * plan.period_ms as f64 / f64::from(plan.length)).min(20_000.0);
        agent.cron = Some(plan);
        return;
    }
    let own = 0.6 + 0.8 * agent.dice.unit();
    let per_action_ms = 1_000.0 * spec.rhythm.open_share() / (rate * own);
    agent.gap_ms = (per_action_ms * spec.duty).min(GAP_MAX_MS);
    agent.stretch = (GAP_USUAL_MS / agent.gap_ms).clamp(1.0, STRETCH_MAX);
    let lengths: u32 = spec
        .classes
        .iter()
        .map(|class| class.length.0 + class.length.1)
        .sum();
    let length = f64::from(lengths) / (2 * spec.classes.len()) as f64 * agent.stretch;
    let leads = 2.0 * agent.lead_ms() as f64;
    agent.idle_ms = (length * (per_action_ms - agent.gap_ms) - leads).max(20.0);
}
