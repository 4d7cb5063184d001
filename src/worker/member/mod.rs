//! One transactional member of a consumer group: the loop that is shared by all threads that read a
//! group and write their results in transactions.
//!
//! [`MemberLoop`] runs the turns, [`GroupMember`] owns the clients, and a [`Workload`] says what is
//! read and written: the actions with their tasks, or the raw inputs with their mappings.
//!
//! | event | what the member does |
//! | --- | --- |
//! | partitions assigned | accepts them paused; the workload resumes each when it is ready |
//! | partitions released | applies and commits what was read, then drops and releases them |
//! | partitions lost | drops them without a commit: another member has them already |
//! | a transaction aborted | drops all uncommitted work, replaces the producer, backs off |
//! | fenced by another producer | as an abort; three times within a minute end the process |
//! | a record refused | as an abort; the same refusal five times in a row ends the process |
//! | trouble on the wire | replaces the producer between two transactions, keeps the work |
//! | a position out of its log | commits, then begins every partition anew from its commit |
//! | stop requested | applies and commits what was read, then closes the clients |

mod back_off;
mod clients;
mod event_loop;
mod fences;
mod refusals;
mod seek;
mod transaction;
mod workload;

pub(super) use back_off::reduced_limit;
pub(super) use clients::{GroupMember, MemberOptions};
pub(super) use event_loop::MemberLoop;
pub(super) use seek::{SeekAttempts, SeekResult};
pub(super) use workload::{BatchSize, Workload};
