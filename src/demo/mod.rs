//! The simulated fleet in action: [`generate`] writes its records to files or to Kafka;
//! [`pipeline`] sends them through the real pipeline on an embedded broker, with a display and a
//! score.
//!
//! Place in the flow: [`DemoPlan`] yields the records, first those to learn from, then the live
//! ones by the wall clock. Each committed alert goes to [`DemoScreen`] and to [`AlertScorer`]. At
//! the end [`AlertScorer::compare_with_labels`] compares the alerts with the labels of the
//! simulator.
//!
//! Apart from [`pipeline`] and the Kafka sink of [`generate`], this room knows nothing of Kafka,
//! stores or the engine: its inputs are numbers, alerts and elapsed time. It owns the alerts of one
//! demo (at most [`score::ALERTS_MAX`]).
//!
//! Read first: the tests of [`score`] and [`plan`].

pub mod generate;
#[cfg(feature = "kafka")]
pub mod pipeline;
pub mod plan;
pub mod score;
pub mod screen;

pub use plan::{DemoOptions, DemoPlan, DueRecord};
pub use score::{AlertScorer, AlertView, AttackVerdict, Scoreboard};
pub use screen::{DemoScreen, LiveStats};
