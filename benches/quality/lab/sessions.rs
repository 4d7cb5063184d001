//! Sessions as they are recorded of agents that get one instruction: a class is one instruction
//! that names its objects, so that its honest sessions repeat the same steps and differ by retries,
//! failures, detours, wrong objects and improvised steps.

use scopewatch::event::Verb;

use super::random::Random;
use super::session_families::{FAMILIES, Goal, Look, Names, Pair, SessionFamily};

/// Classes of each family.
pub const CLASSES: usize = 20;
/// Objects of one kind that a family has.
const OBJECTS: u64 = 30;
/// How often an attacker wants something that the class does, too, if it does any of it.
const INSIDE: f64 = 0.25;
/// Detours that honest sessions of a class have in common.
const HABITS: usize = 3;

/// How often honest sessions leave what their instruction says.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// A look at something that the task does not need, for each session.
    pub wanders: f64,
    /// A side effect that the instruction does not ask for, for each session.
    pub improvises: f64,
    /// Another object than the instruction names, for each side effect.
    pub wrong_object: f64,
    /// For each action.
    pub fails: f64,
}

/// Agents that keep to their tasks. The rates were set so that, on the tuning seeds, the rules of
/// scopes flag one honest session in eight and three plain rules one in twenty, as they do on
/// public recordings. Nobody looked at evidence for it.
pub const CAREFUL: Manners = Manners {
    wanders: 0.29,
    improvises: 0.03,
    wrong_object: 0.03,
    fails: 0.05,
};
/// Agents that try things. Set so that the plain rules flag eight sessions in a hundred.
pub const CARELESS: Manners = Manners {
    wanders: 0.35,
    improvises: 0.055,
    wrong_object: 0.055,
    fails: 0.15,
};

/// A session of a class.
#[derive(Debug, Clone)]
pub struct Session {
    pub family: usize,
    pub class: usize,
    pub steps: Vec<Step>,
}

/// One action of a session.
impl Session {
    /// Whether somebody else steers it.
    pub fn is_attacked(&self) -> bool {
        self.steps.iter().any(|step| step.hostile)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub pair: Pair,
    pub resource: Option<String>,
    pub destination: Option<String>,
    pub untrusted: bool,
    pub failed: bool,
    /// It is the attacker's.
    pub hostile: bool,
}

/// What a step is planned to do.
#[derive(Debug, Clone)]
enum Plan {
    Look(Look, u64),
    Effect(Pair, Names, u64),
}

/// What the sessions of one instruction do.
#[derive(Debug, Clone)]
pub struct ClassModel {
    pub family: usize,
    pub number: usize,
    plan: Vec<Plan>,
    /// Detours: looks, and side effects.
    looks: Vec<Plan>,
    effects: Vec<Plan>,
    /// Objects that sessions take for those of the instruction.
    mistaken: Vec<u64>,
}

/// The classes of all families.
pub fn classes(seed: u64) -> Vec<ClassModel> {
    let numbers = (0..FAMILIES.len()).flat_map(|family| (0..CLASSES).map(move |n| (family, n)));
    numbers
        .map(|(family, number)| ClassModel::new(family, number, seed))
        .collect()
}

/// One of the detours of a class, the first ones more often.
fn habit(random: &mut Random) -> usize {
    (random.unit().powi(2) * HABITS as f64) as usize
}

impl ClassModel {
    fn new(family: usize, number: usize, seed: u64) -> ClassModel {
        let mut random = Random::new(seed, 7_000_000 + (family * CLASSES + number) as u64);
        let of = &FAMILIES[family];
        let mut plan = Vec::new();
        for _ in 0..2 + random.below(4) {
            plan.push(random_look(of, &mut random));
        }
        // One instruction in five only asks for an answer.
        let effects = [0, 1, 1, 2, 2][random.below(5) as usize];
        for _ in 0..effects {
            plan.push(random_effect(of, &mut random));
        }
        ClassModel {
            family,
            number,
            plan,
            looks: (0..HABITS)
                .map(|_| random_detour(of, &mut random))
                .collect(),
            effects: (0..HABITS)
                .map(|_| random_effect(of, &mut random))
                .collect(),
            mistaken: (0..HABITS).map(|_| random.below(OBJECTS)).collect(),
        }
    }

    pub fn of(&self) -> &'static SessionFamily {
        &FAMILIES[self.family]
    }

    pub fn name(&self) -> String {
        format!("{}-task-{}", self.of().name, self.number)
    }

    /// What the instruction needs, and so its scope grants.
    pub fn granted(&self) -> Vec<Pair> {
        let mut all = Vec::new();
        for one in &self.plan {
            match one {
                Plan::Look(look, _) => all.push((look.kind, Verb::Read)),
                Plan::Effect(pair, names, _) => {
                    all.push(*pair);
                    if *names == Names::Own {
                        all.push((pair.0, Verb::Create));
                    }
                }
            }
        }
        all
    }

    /// Whether the instruction leads the agent to something that an attacker can write.
    pub fn can_be_attacked(&self) -> bool {
        let untrusted = |one: &Plan| matches!(one, Plan::Look(look, _) if look.untrusted);
        self.plan.iter().any(untrusted)
    }

    /// An honest session.
    pub fn honest(&self, manners: &Manners, random: &mut Random) -> Session {
        let mut steps = Vec::new();
        for one in &self.plan {
            match one {
                Plan::Look(..) if random.happens(0.05) => {}
                _ => self.carry_out(one, manners, &mut steps, random),
            }
        }
        if random.happens(manners.wanders) {
            let at = random.below(steps.len() as u64 + 1) as usize;
            let detour = match random.happens(0.5) {
                true => self.looks[habit(random)].clone(),
                false => random_detour(self.of(), random),
            };
            let mut extra = Vec::new();
            self.carry_out(&detour, manners, &mut extra, random);
            steps.splice(at..at, extra);
        }
        if random.happens(manners.improvises) {
            let detour = match random.happens(0.5) {
                true => self.effects[habit(random)].clone(),
                false => random_effect(self.of(), random),
            };
            self.carry_out(&detour, manners, &mut steps, random);
        }
        Session {
            family: self.family,
            class: self.number,
            steps,
        }
    }

    fn carry_out(&self, one: &Plan, manners: &Manners, steps: &mut Vec<Step>, random: &mut Random) {
        let mistaken = matches!(one, Plan::Effect(..)) && random.happens(manners.wrong_object);
        let object = match one {
            Plan::Look(_, object) | Plan::Effect(_, _, object) if !mistaken => *object,
            _ => match random.below(10) {
                0..5 => self.mistaken[habit(random)],
                5..8 => random.below(OBJECTS),
                _ => 1_000 + random.below(1 << 40),
            },
        };
        let first = steps.len();
        match one {
            Plan::Look(look, _) => steps.push(look_step(look, object)),
            Plan::Effect(pair, names, _) => effect_steps(*pair, *names, object, steps, random),
        }
        for index in first..steps.len() {
            if random.happens(manners.fails) {
                // It is tried again.
                let again = steps[index].clone();
                steps[index].failed = true;
                steps.insert(index + 1, again);
            }
        }
    }

    /// A session in which what the agent reads brings it to do what an attacker wants.
    pub fn attacked(&self, manners: &Manners, random: &mut Random) -> Session {
        let mut session = self.honest(manners, random);
        let steps = &mut session.steps;
        let read = steps.iter().position(|step| step.untrusted && !step.failed);
        let mut at = read.map_or(steps.len(), |at| at + 1);
        if random.happens(0.4) {
            at = (at + 1 + random.below(2) as usize).min(steps.len());
        }
        let granted = self.granted();
        let goals = self.of().goals.iter();
        let inside: Vec<Goal> = goals
            .copied()
            .filter(|goal| granted.contains(&goal.pair))
            .collect();
        let goal = match !inside.is_empty() && random.happens(INSIDE) {
            true => weighted_goal(&inside, random),
            false => weighted_goal(self.of().goals, random),
        };
        let step = Step {
            pair: goal.pair,
            resource: goal.resource.map(str::to_owned),
            destination: goal.destination.map(str::to_owned),
            untrusted: false,
            failed: random.happens(manners.fails),
            hostile: true,
        };
        steps.insert(at, step);
        session
    }
}

fn weighted_goal<'g>(goals: &'g [Goal], random: &mut Random) -> &'g Goal {
    let all: u64 = goals.iter().map(|goal| goal.share).sum();
    let mut left = random.below(all);
    for goal in goals {
        if left < goal.share {
            return goal;
        }
        left -= goal.share;
    }
    &goals[0]
}

fn random_look(of: &SessionFamily, random: &mut Random) -> Plan {
    Plan::Look(*random.choose(of.looks), random.below(OBJECTS))
}

/// A look beside the instruction, outside the tenant half as often as one that it asks for.
fn random_detour(of: &SessionFamily, random: &mut Random) -> Plan {
    match random_look(of, random) {
        Plan::Look(look, _) if look.fetched => random_look(of, random),
        other => other,
    }
}

fn random_effect(of: &SessionFamily, random: &mut Random) -> Plan {
    let (pair, names) = *random.choose(of.effects);
    Plan::Effect(pair, names, random.below(OBJECTS))
}

fn look_step(look: &Look, object: u64) -> Step {
    Step {
        pair: (look.kind, Verb::Read),
        resource: Some(format!("{}/{object}", look.kind)),
        destination: look.fetched.then(|| format!("site{object}.example")),
        untrusted: look.untrusted,
        failed: false,
        hostile: false,
    }
}

fn effect_steps(pair: Pair, names: Names, object: u64, steps: &mut Vec<Step>, random: &mut Random) {
    let item = matches!(names, Names::Item | Names::ItemAndOutside);
    let outside = matches!(names, Names::Outside | Names::ItemAndOutside);
    let mut step = Step {
        pair,
        resource: item.then(|| format!("{}/{object}", pair.0)),
        destination: outside.then(|| address(pair, object)),
        untrusted: false,
        failed: false,
        hostile: false,
    };
    if pair.0 == "code.branch" {
        step.resource.clone_from(&step.destination);
    }
    if names == Names::Own {
        step.resource = Some(format!("{}/own-{}", pair.0, random.next()));
        steps.push(Step {
            pair: (pair.0, Verb::Create),
            ..step.clone()
        });
    }
    steps.push(step);
}

/// Who or what outside has this number.
fn address(pair: Pair, object: u64) -> String {
    match pair.0 {
        "payment.order" | "payment.schedule" => format!("account-{object:018}"),
        "code.branch" => format!("team{}/project{object}", object % 3),
        "web.page" => format!("site{object}.example"),
        _ => format!("person{object}@partner{}.example", object % 5),
    }
}
