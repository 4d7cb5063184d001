//! The turns of a group member.
//!
//! Everything happens on one thread: the group takes a partition away only where this loop polls
//! and looks for rebalances, never between two other lines of it.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::back_off::back_off_pause;
use super::clients::GroupMember;
use super::transaction::run_transaction;
use super::workload::Workload;
use crate::kafka::{
    AbortCause, ClientError, DeliveryGuarantee, Message, PollResult, RebalanceEvent,
    TopicPartition, TransactionAbort,
};
use crate::telemetry::{ConsumerAbandoned, OffsetCommitFailed, ProducerRetried, ReleaseFailed};
use crate::worker::error::WorkerError;
use crate::worker::panics::catch_panic;

/// Time for the consumers to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);
/// One wait for rebalances while there is no producer.
const SERVE_WITHIN: Duration = Duration::from_millis(50);
/// Polls after a producer was replaced. A member that did not poll for a while learns only in these
/// polls which partitions it has lost.
const POLLS_AFTER_REPLACEMENT: u32 = 4;
/// After more fences than this, the replacement of a producer fails.
const REPLACEMENT_FENCES_MAX: u32 = 3;

/// A group member with its workload.
pub(in crate::worker) struct MemberLoop<W> {
    member: GroupMember,
    workload: W,
}

impl<W: Workload> MemberLoop<W> {
    pub fn new(member: GroupMember, workload: W) -> Self {
        MemberLoop { member, workload }
    }

    /// Runs until a stop is requested, then commits what was read and closes the clients.
    pub fn run(mut self) -> Result<(), WorkerError> {
        // Caught here, so that the clients are closed as after any other error.
        let result = catch_panic(|| self.run_turns()).unwrap_or_else(|reason| {
            Err(WorkerError::Panicked {
                worker: self.member.options.name.clone(),
                reason,
            })
        });
        // After an error too the group is left in order; uncommitted work is read again later.
        self.member.producer.discard_client();
        let MemberLoop { member, workload } = self;
        let name = member.options.name;
        if !(workload.close(CLOSE_WITHIN) & member.group.close(CLOSE_WITHIN)) {
            ConsumerAbandoned { worker: &name }.emit();
        }
        result
    }

    fn run_turns(&mut self) -> Result<(), WorkerError> {
        while !self.member.stop.requested() {
            self.run_turn()?;
        }
        self.apply_and_commit()
    }

    fn run_turn(&mut self) -> Result<(), WorkerError> {
        self.member.note_alive();
        self.member.producer.poll();
        if self.member.producer.is_suspect() {
            // Before the next transaction, not in it: an abort would cost all uncommitted work.
            self.replace_producer()?;
        }
        self.handle_rebalances(true)?;
        if std::mem::take(&mut self.member.out_of_range) {
            self.restart_after_gap()?;
        }
        self.workload.advance(&mut self.member)?;
        self.read_group()?;
        self.workload.apply_records(&self.member)?;
        if self.workload.commit_due(&self.member) {
            self.commit()?;
        }
        Ok(())
    }

    /// Reads a batch from the group; waits for its first record only.
    fn read_group(&mut self) -> Result<(), WorkerError> {
        let mut wait = self.workload.poll_wait(&self.member);
        while self
            .workload
            .unapplied()
            .is_below_limits(self.member.aborts)
        {
            match self.member.group.poll(wait) {
                PollResult::Record(message) => self.workload.receive_record(&message),
                // A rebalance may have been recorded: it is handled before the next poll, because
                // the group waits for the answer.
                PollResult::Nothing => break,
                PollResult::OutOfRange => {
                    self.member.out_of_range = true;
                    break;
                }
                PollResult::Trouble => {}
                PollResult::Fatal(reason) => return Err(self.member.consumer_ended(&reason)),
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Carries out what the group decided. `may_commit`: there is a producer and no transaction is
    /// in doubt, so the work on released partitions can be committed.
    fn handle_rebalances(&mut self, may_commit: bool) -> Result<(), WorkerError> {
        while let Some(event) = self.member.group.next_rebalance() {
            match event {
                RebalanceEvent::Assigned(partitions) => self.accept_partitions(&partitions)?,
                RebalanceEvent::Released(partitions) => {
                    self.release_partitions(&partitions, may_commit)?;
                }
            }
        }
        Ok(())
    }

    fn accept_partitions(&mut self, partitions: &[TopicPartition]) -> Result<(), WorkerError> {
        let starts = self.workload.add_partitions(partitions)?;
        self.member.group.accept_assignment(&starts)?;
        self.member.note_assignment(true);
        Ok(())
    }

    fn release_partitions(
        &mut self,
        partitions: &[TopicPartition],
        may_commit: bool,
    ) -> Result<(), WorkerError> {
        let lost = self.member.group.assignment_lost();
        if lost {
            self.member.note_assignment(false);
        }
        // Committed now, the work need not be done again by the next member. A lost partition
        // belongs to that member already, and the broker would refuse our offsets.
        if may_commit && !lost && !partitions.is_empty() {
            self.apply_and_commit()?;
        }
        self.workload.remove_partitions(partitions, lost);
        if let Err(error) = self.member.group.release_partitions(partitions) {
            // librdkafka cannot unassign what it no longer has assigned, and the group waits for an
            // answer all the same: an empty list is one that it always takes.
            ReleaseFailed {
                worker: &self.member.options.name,
                error: &error.to_string(),
            }
            .emit();
            self.member.group.release_partitions(&[])?;
        }
        Ok(())
    }

    fn apply_and_commit(&mut self) -> Result<(), WorkerError> {
        self.workload.apply_records(&self.member)?;
        self.commit()
    }

    /// Commits what is ready. An abort is handled here; an error ends the process.
    fn commit(&mut self) -> Result<(), WorkerError> {
        let began_at = Instant::now();
        let Some(mut batch) = self.workload.collect_batch(&self.member) else {
            return Ok(());
        };
        if let Err(mut abort) = run_transaction(&self.member, &mut self.workload, &mut batch) {
            let handled = self.workload.batch_aborted(batch, &abort);
            if handled {
                abort.set_handled();
            }
            return self.recover_from_abort(&abort, handled);
        }
        self.workload.batch_committed(&batch, began_at.elapsed())?;
        if self.member.options.delivery == DeliveryGuarantee::AtLeastOnce
            && let Err(error) = self.member.group.commit_offsets(W::offsets(&batch))
        {
            // The outputs are written and the state is stored; the next commit carries these
            // offsets or later ones.
            OffsetCommitFailed {
                worker: &self.member.options.name,
                error: &error.to_string(),
            }
            .emit();
        }
        self.member.note_commit();
        Ok(())
    }

    /// A position fell out of its log. What was read is committed, then every partition begins
    /// anew: its start compares the position with the log, and names the gap.
    fn restart_after_gap(&mut self) -> Result<(), WorkerError> {
        self.apply_and_commit()?;
        self.workload
            .restart_partitions(&self.member.group, Instant::now());
        Ok(())
    }

    /// Drops all uncommitted work. Only Kafka knows whether the transaction was committed, so every
    /// partition starts again from what Kafka has.
    fn recover_from_abort(
        &mut self,
        abort: &TransactionAbort,
        handled: bool,
    ) -> Result<(), WorkerError> {
        self.member.note_abort(abort)?;
        if handled {
            // A record is at fault and not the broker: waiting longer and longer would not help.
            self.member.aborts = 1;
        }
        self.workload
            .restart_partitions(&self.member.group, Instant::now());
        self.replace_producer()?;
        let until = Instant::now() + back_off_pause(self.member.aborts);
        let mut polls = 0;
        while polls < POLLS_AFTER_REPLACEMENT || Instant::now() < until {
            if self.member.stop.requested() {
                break;
            }
            self.serve_group()?;
            polls += 1;
        }
        Ok(())
    }

    /// Makes a new producer with the same id, between transactions. It fences the old one. The
    /// workload keeps its work: no part of it is in a transaction. Meanwhile the group is served;
    /// partitions that it takes away are dropped without a commit, for lack of a producer.
    fn replace_producer(&mut self) -> Result<(), WorkerError> {
        self.member.producer.discard_client();
        // The polls below are for rebalances: nothing may arrive that nobody applies.
        self.workload.set_flow(&self.member.group, false);
        let mut fences = 0;
        loop {
            let mut next = self.member.options.new_producer();
            let mut failed = None;
            let rebuilt = next.rebuild_client(&mut |trouble| {
                if let Some(trouble) = trouble {
                    ProducerRetried {
                        worker: &self.member.options.name,
                        error: trouble,
                    }
                    .emit();
                }
                match self.serve_group() {
                    Ok(()) if self.member.stop.requested() => ControlFlow::Break(()),
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
            match rebuilt {
                Ok(()) => {
                    self.member.producer = next;
                    self.workload.set_flow(&self.member.group, true);
                    self.member.stats.rebuilds.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err(ClientError::Abort(abort)) if abort.cause == AbortCause::Fenced => {
                    fences += 1;
                    self.member.note_fence(&abort.reason)?;
                    if fences > REPLACEMENT_FENCES_MAX {
                        return Err(ClientError::Abort(abort).into());
                    }
                }
                // A stop was requested while the broker is away: the work stays uncommitted.
                Err(ClientError::Transient { .. }) if self.member.stop.requested() => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Polls the group for rebalances only, for [`SERVE_WITHIN`], while its partitions are paused.
    fn serve_group(&mut self) -> Result<(), WorkerError> {
        // A member that waits for a broker is alive.
        self.member.note_alive();
        let until = Instant::now() + SERVE_WITHIN;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let skipped = match self.member.group.poll(left) {
                PollResult::Record(message) => {
                    Some(TopicPartition::new(message.topic(), message.partition()))
                }
                PollResult::Nothing | PollResult::Trouble => None,
                PollResult::OutOfRange => {
                    self.member.out_of_range = true;
                    None
                }
                PollResult::Fatal(reason) => return Err(self.member.consumer_ended(&reason)),
            };
            if let Some(partition) = skipped {
                // A record that arrived in spite of the pause is not applied, and the consumer's
                // position is behind it now. Only a new beginning at the commit reads it again.
                let group = &self.member.group;
                self.workload
                    .restart_partition(group, &partition, Instant::now());
            }
            self.handle_rebalances(false)?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }
}
