//! What an agent normally does, per metric, and how far the present is from it.
//!
//! Place in the flow: the detector adds each counted action to its metric's open pane and asks
//! whether it has become alarming. A metric learns from closed panes only, so an action is scored
//! before it is learned. A pane that alarmed teaches less.
//!
//! This room knows nothing of rules, scopes, records or clocks; stream time and the tenant's local
//! time are arguments. It owns [`MetricLive`] (the open pane and the closed ones that the store may
//! not have) and [`MetricLearned`] (what was learned from closed panes); both are bounded: at most
//! [`PENDING_MAX`] closed panes wait, histograms have 64 buckets, habits four slots.
//!
//! Two channels judge, and the share of empty panes decides which of them (`zero_share`):
//!
//! - **`level`**: dense series. The deviation from a slow mean, and its rarity at this hour.
//! - **`agent_channel`**: bursty counts. Sums over a pane, an hour and half a day that are rare by
//!   their distribution and rare in their history; the open pane alarms as soon as it is.
//!
//! `alarm_process` bounds the alarms of both in wall-clock time, `habit` knows bursts that come at
//! their time of the day, `silence` when nothing comes any more. Read first: the worked examples in
//! `tests/`.

#![deny(clippy::disallowed_methods)]

mod agent_channel;
mod alarm_process;
mod class_start;
mod comparison;
mod distinct;
mod explained;
mod frozen;
mod habit;
mod image;
mod knowledge;
mod learned;
mod level;
pub mod metric;
mod negative_binomial;
mod open_pane;
mod outage;
mod pane_length;
mod silence;
mod sparse_counts;
mod spike;
#[cfg(test)]
mod tests;
mod wall_time;
mod zero_share;

pub use agent_channel::UsualSums;
pub use comparison::{
    AlarmKind, AlarmSides, MetricSettings, MetricState, PaneComparison, PaneHistory,
};
pub use image::MetricImage;
pub use learned::MetricLearned;
pub use metric::{CountedAction, MetricAction, MetricLive, MetricShare, PENDING_MAX};
pub use outage::Outage;
pub use spike::SpikeSize;
pub use wall_time::{LocalOffset, UTC};
