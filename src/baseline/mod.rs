//! What an agent normally does, per metric, and how far the present is from it.
//!
//! Place in the flow: the detector adds each counted action to its metric's open pane and asks
//! whether the pane has just become alarming; closed panes teach the metric. Scored before
//! learned: a pane teaches only when it is over, and never when it alarmed.
//!
//! This room knows nothing of rules, scopes, records or clocks; stream time is handed in. It owns
//! [`MetricLive`] (the open pane and the closed panes not yet folded) and [`MetricLearned`] (the
//! forgetting moments); both are bounded, [`PENDING_MAX`] panes at most wait to be folded.
//!
//! This version judges counts at the scale of one pane, by the negative-binomial tail of
//! exponentially forgotten moments. Read first: the tests of [`metric`].

#![deny(clippy::disallowed_methods)]

pub mod metric;
pub mod moments;
pub mod tail;

pub use metric::{Alarm, Expected, MetricLearned, MetricLive, MetricSettings, PENDING_MAX, State};
