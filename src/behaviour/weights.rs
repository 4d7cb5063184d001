//! The signals of evidence and their weights.

use crate::event::{Text, words};

words! {
    /// What an action gives evidence by.
    EvidenceSignal {
        /// A side effect outside the scope of the task or of its class.
        OutOfScope = "S",
        /// A side effect whose resource type and verb the class does not know.
        PairNew = "L",
        /// A destination that neither the class nor its peers know.
        DestinationNew = "DN",
        /// A destination that only peers know.
        DestinationOfPeers = "DT",
        /// A resource that neither the class nor its peers know.
        ResourceNew = "RN",
        /// A resource that only peers know.
        ResourceOfPeers = "RT",
        /// A critical action at a destination that the class does not know.
        CriticalThere = "K3",
        /// Something leaves for a destination that nobody knows.
        OutwardThere = "K2",
        /// The action before it in the task returned untrusted content.
        AfterUntrusted = "U",
        /// The action failed.
        Failed = "FAIL",
        /// All its destinations are known.
        KnownDestinations = "SAFE",
        /// It gives something to somebody, and leaves for nowhere.
        NowhereOutside = "QUIET",
        /// A content scanner or guardrail at the gateway found something in it.
        Flagged = "FLAG",
    }
}

/// The weight of each signal, in bans: one ban is a factor of ten in the odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalWeights {
    of_signal: [f64; EvidenceSignal::ALL.len()],
    /// The weight of [`EvidenceSignal::PairNew`] where no scope is for the task or its class.
    pub pair_new_alone: f64,
}

/// The weights for some tenant or class, or for all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WeightSet {
    pub tenant: Option<Text>,
    pub task_class: Option<Text>,
    pub weights: SignalWeights,
}

/// The weights of a bundle.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EvidenceWeights {
    /// The most specific first: a set of a class before one of a tenant.
    sets: Vec<WeightSet>,
    others: SignalWeights,
}

/// The greatest weight that may be set, in either direction.
pub const WEIGHT_MAX: f64 = 10.0;

impl Default for SignalWeights {
    /// Round numbers on purpose: they were never fitted to a data set, and should not be.
    fn default() -> Self {
        let of_signal = [
            1.0, 1.0, 2.0, 1.0, 2.0, 1.0, 1.0, 0.5, 0.5, -1.0, -1.0, -0.5, 1.0,
        ];
        SignalWeights {
            of_signal,
            pair_new_alone: 2.0,
        }
    }
}

impl SignalWeights {
    /// The weight of a signal.
    #[must_use]
    pub fn weight_of(&self, signal: EvidenceSignal) -> f64 {
        self.of_signal
            .get(signal as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Sets the weight of a signal, within [`WEIGHT_MAX`].
    pub fn set_weight(&mut self, signal: EvidenceSignal, weight: f64) {
        if let Some(known) = self.of_signal.get_mut(signal as usize)
            && weight.is_finite()
        {
            *known = weight.clamp(-WEIGHT_MAX, WEIGHT_MAX);
        }
    }
}

impl WeightSet {
    fn rank(&self) -> (bool, bool) {
        (self.task_class.is_some(), self.tenant.is_some())
    }

    /// Whether it is for the same tenant and class.
    #[must_use]
    pub fn is_for_same(&self, other: &WeightSet) -> bool {
        self.tenant == other.tenant && self.task_class == other.task_class
    }
}

impl EvidenceWeights {
    /// The weights of the sets, and the defaults where none applies.
    #[must_use]
    pub fn new(mut sets: Vec<WeightSet>) -> Self {
        sets.sort_by_key(|set| std::cmp::Reverse(set.rank()));
        EvidenceWeights {
            sets,
            others: SignalWeights::default(),
        }
    }

    /// The weights for a task of a tenant.
    #[must_use]
    pub fn for_task(&self, tenant: &str, task_class: Option<&str>) -> &SignalWeights {
        let applies = |set: &&WeightSet| {
            set.tenant.as_deref().is_none_or(|one| one == tenant)
                && (set.task_class.is_none() || set.task_class.as_deref() == task_class)
        };
        let found = self.sets.iter().find(applies);
        found.map_or(&self.others, |set| &set.weights)
    }
}
