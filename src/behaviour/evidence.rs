//! Weighs an action against what its class and its peers know.

use smallvec::SmallVec;

use super::class_table::ClassView;
use super::effect::{ActionImpact, is_giving_verb};
use super::left_out::AskedProfile;
use super::limits::{NEWBORN_TASKS, PEER_TASKS, PEER_USES, YOUNG_TASKS};
use super::profile::{Profile, ProfilePart};
use super::traits::ActionTraits;
use super::weights::{EvidenceSignal, SignalWeights};

/// What else is known of an action.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ActionContext {
    pub at_ms: i64,
    /// A scope is declared for the task or for its class.
    pub task_scope: bool,
    /// That scope does not grant the resource type or the verb.
    pub out_of_scope: bool,
    /// The scope lists the destinations of the action.
    pub declared_destinations: bool,
    /// The action just before it in the task returned untrusted content.
    pub after_untrusted: bool,
    /// The task had used the resource of the action before it first did the same to it.
    pub resource_used: bool,
    /// Nothing happened: the outcome is an error.
    pub failed: bool,
    /// The gateway flagged its content.
    pub flagged: bool,
    /// The hour of the day, in the tenant's zone.
    pub hour: Option<u8>,
}

/// What an action gives as evidence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The sum of its signals in bans, not below 0.
    pub bans: f64,
    pub signals: SmallVec<[SignalCount; 6]>,
}

/// A signal with its weight and the counts behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalCount {
    pub signal: EvidenceSignal,
    pub weight: f64,
    /// Clean tasks of the class with the same, and in all.
    pub class: (u32, u32),
    /// The same for the agent type.
    pub peers: (u32, u32),
}

/// What a profile can find new about an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NovelTrait {
    TypeVerb,
    Destination,
    /// Of a side effect.
    Resource,
    Tool,
    Model,
    Hour,
}

impl NovelTrait {
    pub const ALL: [NovelTrait; 6] = [
        NovelTrait::TypeVerb,
        NovelTrait::Destination,
        NovelTrait::Resource,
        NovelTrait::Tool,
        NovelTrait::Model,
        NovelTrait::Hour,
    ];
}

/// What is new to a profile, or what is asked of one. Nothing is new to one that is still young.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Novelty(u8);

impl Novelty {
    /// Asks for everything.
    pub const EVERY: Novelty = Novelty(u8::MAX);

    /// Compares what is asked of an action with a profile.
    #[must_use]
    pub fn of_action(
        asked: Novelty,
        traits: &ActionTraits,
        profile: Option<&Profile>,
        ctx: &ActionContext,
    ) -> Novelty {
        let mut novelty = Novelty::default();
        if asked.is_empty() {
            return novelty;
        }
        let Some(profile) = profile.filter(|profile| profile.tasks() >= YOUNG_TASKS) else {
            return novelty;
        };
        for what in NovelTrait::ALL {
            if asked.has(what) {
                novelty.set(what, profile_lacks(profile, what, traits, ctx));
            }
        }
        novelty
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is new to the profile.
    #[must_use]
    pub fn has(self, what: NovelTrait) -> bool {
        self.0 >> what as u8 & 1 == 1
    }

    /// Notes whether this is new to the profile.
    pub fn set(&mut self, what: NovelTrait, is_new: bool) {
        self.0 = self.0 & !(1 << what as u8) | u8::from(is_new) << what as u8;
    }
}

/// Whether no clean task of the profile used what an action uses.
fn profile_lacks(
    profile: &Profile,
    what: NovelTrait,
    traits: &ActionTraits,
    ctx: &ActionContext,
) -> bool {
    let is_new = |part, hash| !profile.is_known(part, hash, ctx.at_ms);
    match what {
        NovelTrait::TypeVerb => is_new(ProfilePart::Pair, traits.pair),
        NovelTrait::Destination => {
            let mut external = traits.external.iter();
            !ctx.declared_destinations
                && external.any(|hash| is_new(ProfilePart::Destination, *hash))
        }
        NovelTrait::Resource => {
            let resource = traits.resource.filter(|_| traits.impact.is_side_effect());
            resource.is_some_and(|hash| is_new(ProfilePart::Resource, hash))
        }
        NovelTrait::Tool => traits
            .tool
            .is_some_and(|hash| is_new(ProfilePart::Tool, hash)),
        NovelTrait::Model => traits
            .model
            .is_some_and(|hash| profile.is_new_model(hash, ctx.at_ms)),
        NovelTrait::Hour => {
            let hour = ctx.hour.map(usize::from);
            hour.is_some_and(|hour| !profile.knows_hour(hour))
        }
    }
}

/// How new an object is to a class.
#[derive(Clone, Copy, PartialEq)]
enum Newness {
    Known,
    /// Only peers know it, or there are none who could.
    OfPeers,
    New,
}

/// Weighs an action of a class. Where it neither changes anything nor fetches from outside, there
/// is nothing to weigh.
#[must_use]
pub fn weigh_action(
    traits: &ActionTraits,
    class: &ClassView<'_>,
    ctx: &ActionContext,
    weights: &SignalWeights,
) -> Evidence {
    if !traits.is_weighed() {
        return Evidence::default();
    }
    let mut weighing = Weighing {
        traits,
        class,
        ctx,
        weights,
        evidence: Evidence::default(),
    };
    weighing.weigh();
    weighing.evidence
}

struct Weighing<'a> {
    traits: &'a ActionTraits,
    class: &'a ClassView<'a>,
    ctx: &'a ActionContext,
    weights: &'a SignalWeights,
    evidence: Evidence,
}

impl Weighing<'_> {
    fn weigh(&mut self) {
        let (traits, ctx) = (self.traits, self.ctx);
        let young = self.class.tasks() < YOUNG_TASKS;
        let half = match self.class.tasks() < NEWBORN_TASKS {
            true => 0.5,
            false => 1.0,
        };
        let side_effect = traits.impact.is_side_effect();
        if side_effect && ctx.task_scope && ctx.out_of_scope {
            self.add(EvidenceSignal::OutOfScope, 1.0, None);
        }
        let pair = (ProfilePart::Pair, traits.pair);
        if side_effect && !young && !self.is_known(pair.0, pair.1) {
            self.add_pair_new(pair);
        }
        let (newness, new) = self.destination_newness();
        let destination = new.map(|hash| (ProfilePart::Destination, hash));
        let newest = match newness {
            Newness::New => Some((EvidenceSignal::DestinationNew, half)),
            Newness::OfPeers if !young => Some((EvidenceSignal::DestinationOfPeers, 1.0)),
            Newness::OfPeers | Newness::Known => None,
        };
        if let Some((signal, factor)) = newest {
            self.add(signal, factor, destination);
        }
        let resource = self.resource_newness();
        let object = traits.resource.map(|hash| (ProfilePart::Resource, hash));
        match resource {
            Newness::New => self.add(EvidenceSignal::ResourceNew, half, object),
            Newness::OfPeers if !young => self.add(EvidenceSignal::ResourceOfPeers, 1.0, object),
            Newness::OfPeers | Newness::Known => {}
        }
        match traits.impact {
            ActionImpact::Critical if newest.is_some() => {
                self.add(EvidenceSignal::CriticalThere, 1.0, None);
            }
            ActionImpact::Outward if newness == Newness::New => {
                self.add(EvidenceSignal::OutwardThere, 1.0, None);
            }
            _ => {}
        }
        if ctx.after_untrusted && !self.evidence.signals.is_empty() {
            self.add(EvidenceSignal::AfterUntrusted, 1.0, None);
        }
        if ctx.flagged {
            self.add(EvidenceSignal::Flagged, 1.0, None);
        }
        self.take_away(newness, resource);
        let sum: f64 = self.evidence.signals.iter().map(|one| one.weight).sum();
        // A sum of nothing but what takes away is no evidence.
        self.evidence.bans = sum.max(0.0);
    }

    /// The signals that take evidence away.
    fn take_away(&mut self, destinations: Newness, resource: Newness) {
        let (traits, ctx) = (self.traits, self.ctx);
        if ctx.failed {
            self.add(EvidenceSignal::Failed, 1.0, None);
        }
        let outside = !traits.external.is_empty();
        if traits.impact.is_side_effect() && outside && destinations == Newness::Known {
            self.add(EvidenceSignal::KnownDestinations, 1.0, None);
        }
        if is_giving_verb(traits.verb) && !outside && resource == Newness::Known {
            self.add(EvidenceSignal::NowhereOutside, 1.0, None);
        }
    }

    /// The newest destination.
    fn destination_newness(&self) -> (Newness, Option<u64>) {
        let mut newest = (Newness::Known, None);
        if self.ctx.declared_destinations {
            return newest;
        }
        for hash in &self.traits.external {
            match self.newness_of(ProfilePart::Destination, *hash) {
                Newness::New => return (Newness::New, Some(*hash)),
                Newness::OfPeers => newest = (Newness::OfPeers, Some(*hash)),
                Newness::Known => {}
            }
        }
        newest
    }

    /// How new the resource of what leaves or destroys is. What is a new destination too counts as
    /// destination only. Where the class often has a new resource, none is new: apart by whether
    /// the task has used it before, because who destroys files of its own destroys no others.
    fn resource_newness(&self) -> Newness {
        let traits = self.traits;
        let Some(hash) = traits.grave_resource() else {
            return Newness::Known;
        };
        let as_destination = traits.resource_as_destination;
        if as_destination.is_some_and(|one| traits.external.contains(&one)) {
            return Newness::Known;
        }
        let newness = self.newness_of(ProfilePart::Resource, hash);
        let ctx = self.ctx;
        let fresh =
            |p: AskedProfile<'_>| p.expects_fresh(traits.pair, ctx.resource_used, ctx.at_ms);
        match newness != Newness::Known && self.class.profile.is_some_and(fresh) {
            true => Newness::Known,
            false => newness,
        }
    }

    fn newness_of(&self, part: ProfilePart, hash: u64) -> Newness {
        if self.is_known(part, hash) {
            return Newness::Known;
        }
        let peers = self.class.peers.filter(|peers| peers.tasks() >= PEER_TASKS);
        let unknown = peers.is_some_and(|p| p.tasks_with(part, hash, self.ctx.at_ms) < PEER_USES);
        match unknown {
            true => Newness::New,
            false => Newness::OfPeers,
        }
    }

    fn is_known(&self, part: ProfilePart, hash: u64) -> bool {
        let profile = self.class.profile;
        profile.is_some_and(|profile| profile.is_known(part, hash, self.ctx.at_ms))
    }

    fn add_pair_new(&mut self, pair: (ProfilePart, u64)) {
        let weights = self.weights;
        let signal = EvidenceSignal::PairNew;
        let weight = match self.ctx.task_scope {
            true => weights.weight_of(signal),
            false => weights.pair_new_alone,
        };
        self.push(signal, weight, Some(pair));
    }

    fn add(&mut self, signal: EvidenceSignal, factor: f64, object: Option<(ProfilePart, u64)>) {
        self.push(signal, self.weights.weight_of(signal) * factor, object);
    }

    /// A weight of 0 switches the signal off.
    fn push(&mut self, signal: EvidenceSignal, weight: f64, object: Option<(ProfilePart, u64)>) {
        if weight == 0.0 {
            return;
        }
        let count = |profile: Option<AskedProfile<'_>>| {
            profile.map_or((0, 0), |profile| {
                let with = object.map_or(0, |(part, hash)| {
                    profile.tasks_with(part, hash, self.ctx.at_ms)
                });
                (u32::from(with), profile.tasks())
            })
        };
        let (class, peers) = (count(self.class.profile), count(self.class.peers));
        self.evidence.signals.push(SignalCount {
            signal,
            weight,
            class,
            peers,
        });
    }
}

#[cfg(test)]
mod tests;
