//! One transaction, step by step. The numbers are used by comments elsewhere in the room.
//!
//! 1. Begin a transaction.
//! 2. Send the outputs: alerts, requests, links, audit entries, dead letters, mapped actions.
//! 3. Wait until the broker has acknowledged them.
//! 4. Send the changed state to the changelog, META as the last record of each partition.
//! 5. Wait for the acknowledgements, and note for each partition where its changelog goes on.
//! 6. Send the next offsets of the group's partitions, under the generation of this moment.
//! 7. Commit the transaction. This is the commit point: nothing before it counts.
//! 8. Write state and META to the store in one batch, then inform the tasks. A crash between 7 and
//!    8 loses nothing: the restore reads the changelog from where the store's META ends.
//!
//! Why outputs are acknowledged (3) before state is sent (4): the old transaction protocol cannot
//! rule out that a delayed commit of the transaction before commits the first part of this one. The
//! part that then becomes visible early is the outputs, and they come again under the same ids. The
//! other order could make the state visible, and lose the alerts that belong to it.
//!
//! With `delivery = "at_least_once"` there is no transaction: 1 does nothing, 6 and 7 are left
//! out, and the offsets are committed after 8. A crash then repeats outputs instead of losing them.

use super::clients::GroupMember;
use super::workload::Workload;
use crate::kafka::{DeliveryGuarantee, TransactionAbort};

/// Steps 1 to 7. After an error nothing is known of the transaction: it may have been committed.
pub(super) fn run_transaction<W: Workload>(
    member: &GroupMember,
    workload: &mut W,
    batch: &mut W::Batch,
) -> Result<(), TransactionAbort> {
    let producer = &member.producer;
    producer.begin_transaction()?;
    workload.send_outputs(batch, producer)?;
    producer.drain_deliveries()?;
    if workload.send_state(batch, producer)? > 0 {
        producer.drain_deliveries()?;
        workload.note_state_offsets(batch, producer)?;
    }
    if member.options.delivery == DeliveryGuarantee::AtLeastOnce {
        return Ok(());
    }
    let offsets = W::offsets(batch);
    if !offsets.is_empty() {
        // Asked for now, not earlier: every rebalance changes the generation, and the broker
        // refuses offsets under a past one. That refusal keeps a member that has lost a partition
        // without noticing from writing to it.
        let metadata = member
            .group
            .group_metadata()
            .ok_or_else(TransactionAbort::no_group_metadata)?;
        producer.send_offsets(offsets, &metadata)?;
    }
    producer.commit_transaction()
}
