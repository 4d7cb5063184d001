//! How far what a task does is from what the clean tasks of its class did.

use serde::{Deserialize, Serialize};

use super::limits::{DRIFT_ACTIONS_MAX, DRIFT_ACTIONS_MIN};

/// What the newest actions of a task say of its purpose. Each action says by how much its resource
/// type and verb are rarer among the clean tasks of the class than an average one, in bans, 0 where
/// they are not; the drift is the mean.
///
/// Tasks of one class differ, and an action of a task says much of its next one. So a pair counts
/// once for each clean task that used it, however often, and the actions of this task are only
/// weights: a long task is no more evidence than a short one. In a class in which each task uses a
/// few of many pairs every pair is rare, so it is compared with the average pair. Of honest tasks
/// about one in ten to the power of the drift reaches it, at most.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PurposeDrift {
    actions: u16,
    /// The sum of what they say, in bans.
    bans: f32,
}

impl PurposeDrift {
    /// Notes what an action says, in bans; returns the drift when enough actions have said
    /// something.
    pub fn note_action(&mut self, bans: f32) -> Option<f32> {
        // What the task did long ago must not outweigh what it does now.
        if self.actions >= DRIFT_ACTIONS_MAX {
            self.actions /= 2;
            self.bans /= 2.0;
        }
        self.actions += 1;
        self.bans += bans;
        let enough = self.actions >= DRIFT_ACTIONS_MIN;
        enough.then(|| self.bans / f32::from(self.actions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_actions_say_it_and_the_newest_say_most() {
        let mut drift = PurposeDrift::default();
        for number in 1..DRIFT_ACTIONS_MIN {
            assert_eq!(drift.note_action(2.0), None, "{number}");
        }
        assert_eq!(drift.note_action(2.0), Some(2.0));
        let mut drift = PurposeDrift::default();
        for _ in 0..10_000 {
            drift.note_action(0.0);
        }
        // As many again as are kept: little is left of thousands of usual actions.
        let mut last = None;
        for _ in 0..DRIFT_ACTIONS_MAX {
            last = drift.note_action(2.0);
        }
        assert!(last > Some(1.4), "{last:?}");
        for _ in 0..2 * DRIFT_ACTIONS_MAX {
            last = drift.note_action(2.0);
        }
        assert!(last > Some(1.9), "{last:?}");
    }
}
