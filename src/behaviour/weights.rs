//! The signals of evidence and their weights.

use crate::event::words;

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
    }
}

/// The weight of each signal, in bans: one ban is a factor of ten in the odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalWeights {
    of_signal: [f64; EvidenceSignal::ALL.len()],
    /// The weight of [`EvidenceSignal::PairNew`] where no scope is for the task or its class.
    pub pair_new_alone: f64,
}

/// The greatest weight that may be set, in either direction.
pub const WEIGHT_MAX: f64 = 10.0;

impl Default for SignalWeights {
    /// Round numbers on purpose: they were never fitted to a data set, and should not be.
    fn default() -> Self {
        let of_signal = [
            1.0, 1.0, 2.0, 1.0, 2.0, 1.0, 1.0, 0.5, 0.5, -1.0, -1.0, -0.5,
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
