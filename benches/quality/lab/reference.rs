//! A naive evaluator of evidence, written from its description alone: profiles are counts of clean
//! tasks, and every action is weighed against them. It shares no code with the engine, so that a
//! difference between the two shows a mistake in one of them.

use std::collections::{BTreeMap, BTreeSet};

use scopewatch::event::Verb;

use super::session_families::Pair;
use super::sessions::{Session, Step};

/// Where the engine departs from the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departures {
    /// What failed teaches nothing.
    pub failed_teaches_nothing: bool,
    /// A new resource is usual where the class often has one.
    pub fresh: Fresh,
}

/// When a new resource is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    Never,
    /// For a pair, and apart by whether the task has used the resource before.
    ByPairAndUse,
}

pub const AS_WRITTEN: Departures = Departures {
    failed_teaches_nothing: false,
    fresh: Fresh::Never,
};

/// What clean tasks used: the tasks of each thing.
#[derive(Debug, Default)]
struct Counts {
    tasks: u32,
    pairs: BTreeMap<Pair, u32>,
    destinations: BTreeMap<String, u32>,
    resources: BTreeMap<String, u32>,
    /// By pair, resource, and whether the task had used it before.
    objects: BTreeMap<(Pair, bool, String), u32>,
}

/// The profiles of classes and of agent types.
#[derive(Debug)]
pub struct Reference {
    departures: Departures,
    classes: BTreeMap<(usize, usize), Counts>,
    peers: BTreeMap<usize, Counts>,
}

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    None,
    Inside,
    Outward,
    Critical,
}

fn effect(pair: Pair) -> Effect {
    match pair.1 {
        Verb::Read => Effect::None,
        _ if pair.0.starts_with("credential.") => Effect::Critical,
        Verb::Transfer | Verb::Delete | Verb::Admin => Effect::Critical,
        Verb::Send | Verb::Share => Effect::Outward,
        _ => Effect::Inside,
    }
}

/// The sum of an action, and its signals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weight {
    pub bans: f64,
    pub signals: Vec<&'static str>,
}

/// Counts so many tasks for each of the things. What no task used any more is not known.
fn count_all<T: Ord + Clone>(counts: &mut BTreeMap<T, u32>, used: &BTreeSet<T>, tasks: i32) {
    for one in used {
        let count = counts.entry(one.clone()).or_default();
        *count = count.saturating_add_signed(tasks);
    }
    counts.retain(|_, count| *count > 0);
}

impl Weight {
    fn add(&mut self, signal: &'static str, bans: f64) {
        self.bans += bans;
        self.signals.push(signal);
    }
}

impl Reference {
    pub fn new(departures: Departures) -> Reference {
        Reference {
            departures,
            classes: BTreeMap::new(),
            peers: BTreeMap::new(),
        }
    }

    /// Clean tasks of the class of a session.
    pub fn class_tasks(&self, session: &Session) -> u32 {
        let class = self.classes.get(&(session.family, session.class));
        class.map_or(0, |class| class.tasks)
    }

    /// Learns a clean session.
    pub fn learn(&mut self, session: &Session) {
        self.count(session, 1);
    }

    /// Forgets a session that it has learned.
    pub fn forget(&mut self, session: &Session) {
        self.count(session, -1);
    }

    /// The evidence of a session that it has learned against what the others have taught.
    pub fn weigh_without(&mut self, session: &Session, granted: Option<&[Pair]>) -> f64 {
        self.forget(session);
        let steps = 0..session.steps.len();
        let bans = steps.map(|index| self.weigh(session, index, granted).bans);
        let most = bans.fold(0.0, f64::max);
        self.learn(session);
        most
    }

    fn count(&mut self, session: &Session, tasks: i32) {
        let (mut pairs, mut destinations) = (BTreeSet::new(), BTreeSet::new());
        let (mut resources, mut objects) = (BTreeSet::new(), BTreeSet::new());
        for step in &session.steps {
            if step.failed && self.departures.failed_teaches_nothing {
                continue;
            }
            pairs.insert(step.pair);
            destinations.extend(step.destination.clone());
            if let Some(resource) = &step.resource {
                let first = (step.pair, false, resource.clone());
                let used = resources.contains(resource) && !objects.contains(&first);
                if effect(step.pair) >= Effect::Outward {
                    objects.insert((step.pair, used, resource.clone()));
                }
                resources.insert(resource.clone());
            }
        }
        let class = self.classes.entry((session.family, session.class));
        let peers = self.peers.entry(session.family);
        for counts in [class.or_default(), peers.or_default()] {
            counts.tasks = counts.tasks.saturating_add_signed(tasks);
            count_all(&mut counts.pairs, &pairs, tasks);
            count_all(&mut counts.destinations, &destinations, tasks);
            count_all(&mut counts.resources, &resources, tasks);
            count_all(&mut counts.objects, &objects, tasks);
        }
    }

    /// Weighs a step of a session. `granted`: what a scope for the task grants.
    pub fn weigh(&self, session: &Session, index: usize, granted: Option<&[Pair]>) -> Weight {
        let none = Counts::default();
        let key = (session.family, session.class);
        let class = self.classes.get(&key).unwrap_or(&none);
        let peers = self.peers.get(&session.family).unwrap_or(&none);
        let has_peers = peers.tasks >= 20;
        let step = &session.steps[index];
        let mut x = Weight::default();
        let e = effect(step.pair);
        let fetch = e == Effect::None && step.destination.is_some();
        if e == Effect::None && !fetch {
            return x;
        }
        let (young, newborn) = (class.tasks < 5, class.tasks < 2);
        let half = if newborn { 0.5 } else { 1.0 };
        let side_effect = e != Effect::None;
        let count = |counts: &BTreeMap<String, u32>, one: &str| counts.get(one).copied();
        let new = |counts: &BTreeMap<String, u32>, one: &&str| count(counts, one).is_none();
        let few = |counts: &BTreeMap<String, u32>, one: &str| {
            has_peers && count(counts, one).unwrap_or(0) < 2
        };
        let nd = step.destination.as_deref();
        let nd = nd.filter(|one| new(&class.destinations, one));
        let dn = nd.is_some_and(|one| few(&peers.destinations, one));
        let dt = nd.is_some() && !dn && !young;
        let nr = step.resource.as_deref();
        let nr = nr.filter(|one| {
            e >= Effect::Outward
                && new(&class.resources, one)
                && Some(*one) != nd
                && !self.is_usual(class, session, index)
        });
        let rn = nr.is_some_and(|one| few(&peers.resources, one));
        let rt = nr.is_some() && !rn && !young;
        let in_scope = granted.is_none_or(|granted| granted.contains(&step.pair));
        let s = side_effect && !in_scope;
        let l = side_effect && !young && !class.pairs.contains_key(&step.pair);
        for (signal, is, bans) in [
            ("S", s, 1.0),
            ("L", l, if granted.is_some() { 1.0 } else { 2.0 }),
            ("DN", dn, 2.0 * half),
            ("DT", dt, 1.0),
            ("RN", rn, 2.0 * half),
            ("RT", rt, 1.0),
            ("K3", e == Effect::Critical && (dn || dt), 1.0),
            ("K2", e == Effect::Outward && dn, 0.5),
        ] {
            if is {
                x.add(signal, bans);
            }
        }
        let before = index.checked_sub(1).map(|before| &session.steps[before]);
        if !x.signals.is_empty() && before.is_some_and(|step| step.untrusted) {
            x.add("U", 0.5);
        }
        if step.failed {
            x.add("FAIL", -1.0);
        }
        if side_effect && step.destination.is_some() && nd.is_none() {
            x.add("SAFE", -1.0);
        }
        let gives = matches!(step.pair.1, Verb::Send | Verb::Share | Verb::Transfer);
        if gives && step.destination.is_none() && nr.is_none() {
            x.add("QUIET", -0.5);
        }
        x.bans = x.bans.max(0.0);
        x
    }

    /// Whether a new resource is usual for such a step, which the description does not know.
    fn is_usual(&self, class: &Counts, session: &Session, index: usize) -> bool {
        let step = &session.steps[index];
        let used = || used_otherwise_first(session, index);
        let of_pair = |key: &(Pair, bool, String)| match self.departures.fresh {
            Fresh::Never => false,
            Fresh::ByPairAndUse => key.0 == step.pair && key.1 == used(),
        };
        let uses: Vec<u32> = class
            .objects
            .iter()
            .filter(|(key, _)| of_pair(key))
            .map(|(_, n)| *n)
            .collect();
        let single = uses.iter().filter(|count| **count == 1).count();
        let all: u32 = uses.iter().sum();
        single >= 2 && 10 * single >= all as usize
    }
}

/// Whether the session has used the resource of a step before.
fn uses_before(session: &Session, index: usize) -> bool {
    uses_of_resource(session, index).next().is_some()
}

/// Whether the session had used the resource of a step before it first did the same to it.
fn used_otherwise_first(session: &Session, index: usize) -> bool {
    let first = uses_of_resource(session, index).next();
    first.is_some_and(|first| first.pair != session.steps[index].pair)
}

fn uses_of_resource(session: &Session, index: usize) -> impl Iterator<Item = &Step> {
    let resource = &session.steps[index].resource;
    let before = session.steps[..index].iter();
    before.filter(move |step| !step.failed && step.resource == *resource)
}

/// Three plain rules: a side effect outside the scope that the class does not know, a destination
/// that it does not know, and a resource that neither it nor the session knows of what leaves or is
/// destroyed.
pub fn is_plainly_new(
    reference: &Reference,
    session: &Session,
    index: usize,
    granted: Option<&[Pair]>,
) -> bool {
    let signals = reference.weigh(session, index, granted).signals;
    let has = |one: &'static str| signals.contains(&one);
    let outside = has("S") || granted.is_none();
    let resource = (has("RN") || has("RT")) && !uses_before(session, index);
    has("L") && outside || has("DN") || has("DT") || resource
}
