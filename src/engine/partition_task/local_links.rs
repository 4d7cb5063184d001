//! Links whose target is in the partition of their sender: they need no way by the topic, and are
//! applied before the next record.

use std::collections::VecDeque;

use crate::detector::Detector;
use crate::engine::contract::TaskError;
use crate::engine::encode::home_partition;
use crate::engine::limits::LOCAL_LINKS_MAX;
use crate::engine::subject_loading;
use crate::event::LinkTarget;
use crate::store::Store;

use super::EngineTask;

impl EngineTask {
    /// Applies the links that the last record or timer led to, and those that they lead to in
    /// turn, as far as their targets are in this partition. The others are left for the topic, and
    /// so is what a record leads to beyond [`LOCAL_LINKS_MAX`].
    pub(super) fn deliver_local_links(&mut self, store: &dyn Store) -> Result<(), TaskError> {
        if self.effects.links.is_empty() {
            return Ok(());
        }
        let mut queue = VecDeque::from(std::mem::take(&mut self.effects.links));
        let (mut delivered, mut by_topic) = (0, Vec::new());
        while let Some(link) = queue.pop_front() {
            let home = home_partition(&link.target, self.engine.options.partitions);
            // A single partition needs no topic to let all partitions learn.
            let only = self.engine.options.partitions == 1;
            let everywhere = link.target == LinkTarget::AllPartitions;
            let learned = everywhere && link.link.body.is_of_classes();
            if home != Some(self.number) && !(only && learned) {
                by_topic.push(link);
                continue;
            }
            if delivered == LOCAL_LINKS_MAX {
                self.effects.counts.links_overflowed += 1;
                by_topic.push(link);
                continue;
            }
            delivered += 1;
            for subject in Detector::subjects_of_link(&link.target) {
                subject_loading::load_subject(&mut self.state, self.number, store, &subject)?;
            }
            self.detector
                .deliver_link(&mut self.state, &link, &mut self.effects);
            queue.extend(self.effects.links.drain(..));
        }
        self.effects.links = by_topic;
        Ok(())
    }
}
