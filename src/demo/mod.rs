//! The simulated fleet, brought to life: written to files or Kafka ([`generate`]), or played
//! against the real pipeline on an embedded broker ([`pipeline`]), with a display and a score.
//!
//! Place in the flow: [`DemoPlan`] gives the records, learned ones first and then live ones by the
//! wall clock; each alert that comes back goes to [`Screen`] and to [`Score`]; at the end
//! [`Score::finish`] holds the alerts against the simulator's own labels.
//!
//! Apart from [`pipeline`] and the Kafka sink of [`generate`] this room knows nothing of Kafka,
//! stores or the engine: it takes numbers, alerts and elapsed time. It owns the alerts of one demo
//! ([`score::ALERTS_MAX`]).
//!
//! Read first: the tests of [`score`] and [`plan`].

pub mod generate;
#[cfg(feature = "kafka")]
pub mod pipeline;
pub mod plan;
pub mod score;
pub mod screen;

pub use plan::{DemoOptions, DemoPlan, Due};
pub use score::{AlertView, Score, Scoreboard, Verdict};
pub use screen::{Screen, Stats};
