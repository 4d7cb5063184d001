//! The workers: threads that move records from Kafka through partition tasks into transactions.
//!
//! Place in the flow: a [`Supervisor`](supervise) starts one worker per thread; a worker owns a
//! member of the group, a consumer for everything that is assigned by hand, a transactional
//! producer, and the tasks of the partitions the group gave it.
//!
//! ```text
//! poll ── records ──> task.process ──> task.commit
//!                                          │ one transaction:
//!                                          │   outputs, links  (acknowledged first)
//!                                          │   changelog, META (acknowledged)
//!                                          │   offsets of the actions, under our generation
//!                                          v
//!                                       commit ──> store.write(state + META) ──> task.committed
//! ```
//!
//! Any doubt about a transaction drops its tasks, replaces the producer and restores the partitions
//! from the changelog, which then *is* the answer to whether the transaction happened.
//!
//! This room must not know what a record or a state means, nor which store it writes to. It owns
//! the Kafka clients of its threads and one task per partition. Limits: [`settings`] names them.
//!
//! Read first: the tests of [`pace`](self), then `tests/kafka_real.rs`.

mod action_batch;
mod action_workload;
mod commit_pace;

mod error;
mod index;
mod member;
mod partition;
mod passed_offsets;
pub mod raw;
mod records;
mod restore;
mod restore_stages;
pub mod settings;
mod stats;
mod stop;
mod supervisor;
pub mod topic_check;
pub mod topics;
mod worker_signals;

pub use error::WorkerError;
pub use settings::{Delivery, GapPolicy, WorkerOptions};
pub use stats::{PartitionView, Stats};
pub use stop::Stop;
pub use supervisor::{STOP_WITHIN, SupervisorOptions, TICK_AFTER, partition_count, supervise};
