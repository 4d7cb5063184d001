//! What an agent normally does, per metric, and how far the present is from it.
//!
//! Place in the flow: the detector adds each counted action to its metric's open pane and asks
//! whether the pane has just become alarming. A metric learns from closed panes only, so an action
//! is scored before it is learned. A pane that alarmed teaches less.
//!
//! This room knows nothing of rules, scopes, records or clocks; stream time is an argument. It owns
//! [`MetricLive`] (the open pane and the closed panes not yet learned) and [`MetricLearned`] (the
//! decayed moments); both are bounded, at most [`PENDING_MAX`] closed panes wait.
//!
//! Each alarm raises the threshold for a while (`alarm_lift`), so that the number of alarms is
//! bounded whatever the data do.
//!
//! A count is judged by the upper tail of the negative-binomial distribution with the mean and
//! variance of the decayed moments. Read first: the tests of [`metric`].

#![deny(clippy::disallowed_methods)]

mod alarm_lift;
pub mod metric;
pub mod moments;
pub mod tail;

pub use metric::{
    MetricLearned, MetricLive, MetricSettings, MetricState, PENDING_MAX, PaneAlarm, PaneComparison,
};
