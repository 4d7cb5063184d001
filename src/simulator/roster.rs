//! Creates the agents of a fleet: type, parent, tenant, gateway, and pace.

use super::agent::{AgentPhase, ReportingLevel, SimAgent, concat_text, numbered_text};
use super::agent_types::{AgentType, CHILDREN, ORCHESTRATORS, TYPES, WORKERS};
use super::options::FleetOptions;
use super::schedule::{CronPlan, WorkSchedule};
use super::seeded_rng::SeededRng;

/// The longest mean pause inside a task, ms.
const GAP_MAX_MS: f64 = 60_000.0;
/// An agent with a shorter mean pause than this, ms, has longer tasks instead of more tasks.
const GAP_USUAL_MS: f64 = 1_000.0;
/// The largest factor by which a fast agent's tasks are longer.
const STRETCH_MAX: f64 = 50.0;

const TENANTS: [&str; 6] = ["acme", "borealis", "cobalt", "dunes", "ember", "fjord"];

/// Every agent, in order of their indices.
#[must_use]
pub fn create_agents(options: &FleetOptions) -> Vec<SimAgent> {
    let assigned = assign_types(options.agents);
    let weight: f64 = assigned
        .iter()
        .filter_map(|(type_index, _)| TYPES.get(*type_index))
        .map(|agent_type| agent_type.tempo)
        .sum();
    let mut agents: Vec<SimAgent> = Vec::with_capacity(assigned.len());
    for (index, (type_index, parent)) in (0u32..).zip(assigned) {
        let spec = TYPES.get(type_index).unwrap_or(&TYPES[0]);
        let rate = options.rate * spec.tempo / weight;
        let mut agent = create_agent(index, type_index, spec, rate, options);
        agent.parent = parent;
        if let Some(parent) = parent.and_then(|parent| agents.get_mut(parent as usize)) {
            parent.children.1 += 1;
            agent.tenant = parent.tenant.clone();
            agent.principal = parent.principal.clone();
            agent.gap_ms = parent.gap_ms;
            agent.stretch = parent.stretch;
            agent.phase = AgentPhase::Dormant;
        }
        if type_index == ORCHESTRATORS {
            agent.children = (index + 1, 0);
        }
        agents.push(agent);
    }
    agents
}

/// Type index and parent index of each agent. Types are in proportion to their shares; each
/// orchestrator is followed by its children.
fn assign_types(agents: u32) -> Vec<(usize, Option<u32>)> {
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

fn create_agent(
    index: u32,
    type_index: usize,
    spec: &AgentType,
    rate: f64,
    options: &FleetOptions,
) -> SimAgent {
    let mut rng = SeededRng::new(options.seed, u64::from(index) + 1);
    let tenant = index % options.tenants;
    let name = TENANTS
        .get(tenant as usize % TENANTS.len())
        .copied()
        .unwrap_or("acme");
    let round = tenant / TENANTS.len() as u32;
    let tenant = if round == 0 {
        name.into()
    } else {
        numbered_text(&concat_text(name, "-"), round)
    };
    let reporting = match rng.uniform_below(100) {
        0..72 => ReportingLevel::Full,
        72..92 => ReportingLevel::Lean,
        _ => ReportingLevel::Bare,
    };
    let gateway_id = match reporting {
        ReportingLevel::Full => numbered_text("gw-a", rng.uniform_below(4)),
        ReportingLevel::Lean => numbered_text("gw-b", rng.uniform_below(3)),
        ReportingLevel::Bare => "gw-legacy".into(),
    };
    let mut agent = SimAgent {
        index,
        type_index,
        tenant,
        id: numbered_text(&concat_text(spec.name, "-"), index),
        version: numbered_text("3.", rng.uniform_below(3)),
        principal: numbered_text(
            "user-",
            rng.uniform_below(options.agents.div_ceil(2).max(1)),
        ),
        reporting,
        gateway_id,
        gap_ms: GAP_USUAL_MS,
        idle_ms: 0.0,
        stretch: 1.0,
        cron: None,
        children: (0, 0),
        parent: None,
        phase: AgentPhase::Idle,
        task: None,
        events: 0,
        tasks: 0,
        children_busy: 0,
        daily_scope_until_ms: i64::MIN,
        busy_until_ms: i64::MIN,
        rng,
    };
    set_pauses(&mut agent, spec, rate);
    agent
}

/// Sets the pauses inside and between tasks so that the agent reaches `rate` over a whole week.
fn set_pauses(agent: &mut SimAgent, spec: &AgentType, rate: f64) {
    if spec.schedule == WorkSchedule::Cron {
        let plan = CronPlan::new(rate, &mut agent.rng);
        agent.gap_ms = (spec.duty * plan.period_ms as f64 / f64::from(plan.length)).min(20_000.0);
        agent.cron = Some(plan);
        return;
    }
    let own = 0.6 + 0.8 * agent.rng.uniform_unit();
    let per_action_ms = 1_000.0 * spec.schedule.open_share() / (rate * own);
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
