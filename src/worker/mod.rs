//! The workers: threads that move records from Kafka through partition tasks into transactions.
//!
//! Place in the flow: [`supervise`] starts one thread per worker, and one for the raw inputs. Each
//! thread is a transactional member of a consumer group (`member`) with a workload. The workload of
//! a worker (`action_workload`) owns the tasks of the partitions that the group gave it, and a
//! consumer for the inputs and the changelog that it assigns itself; the workload of the raw inputs
//! ([`raw`]) maps foreign records to actions. `restore` brings a partition from its assignment to
//! its task.
//!
//! ```text
//! poll ── records ──> task.process_queued ──> task.take_commit
//!                                          │ one transaction:
//!                                          │   outputs, links  (acknowledged first)
//!                                          │   changelog, META (acknowledged)
//!                                          │   offsets of the actions, under our generation
//!                                          v
//!                        commit ──> store.write(state + META) ──> task.confirm_commit
//! ```
//!
//! `member/transaction.rs` lists the steps. Any doubt about a transaction drops its tasks, replaces
//! the producer and restores the partitions from the changelog: what the changelog has is what was
//! committed.
//!
//! This room must not know what a record or a state means, nor which store it writes to. It owns
//! the Kafka clients of its threads and one task per partition. Limits: [`settings`] names them.
//!
//! Read first: `member/mod.rs`, the tests of `commit_pace`, then `tests/kafka_real.rs`.

mod action_batch;
mod action_workload;
mod away_partitions;
mod commit_pace;
mod error;
mod index;
mod member;
mod panics;
mod partition;
mod passed_offsets;
pub mod raw;
mod record_search;
mod records;
mod refused_moves;
mod restore;
mod restore_stages;
mod schema_wait;
pub mod settings;
mod stats;
mod stop;
mod supervisor;
pub mod topic_check;
pub mod topics;
mod work_results;
mod worker_signals;

pub use error::WorkerError;
pub use settings::{GapPolicy, WorkerOptions};
pub use stats::{PartitionView, WorkerStats};
pub use stop::Stop;
pub use supervisor::{STOP_WITHIN, SupervisorOptions, TICK_AFTER, partition_count, supervise};
