//! Signals: one struct for each event worth knowing. Its `emit` writes the log line, and moves the
//! metrics where the event has any.
//!
//! A log line is a noun phrase and fields. A signal that only logs is declared in `log_signals!`,
//! one that also moves metrics in `counted_signals!`; any other is a struct with an `emit` of its
//! own. An event that can happen per record is logged as a sample: the first twenty of its kind,
//! then every doubling and every thousandth, with the count.

/// Declares signals that only log: for each a struct, and an `emit` that writes its log line.
macro_rules! log_signals {
    ($(
        $(#[$doc:meta])*
        $level:ident $name:ident $(<$life:lifetime>)? $text:literal {
            $( $(#[$field_doc:meta])* $field:ident: $type:ty, )*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name $(<$life>)? {
            $( $(#[$field_doc])* pub $field: $type, )*
        }

        impl $(<$life>)? $name $(<$life>)? {
            pub fn emit(&self) {
                tracing::$level!( $( $field = self.$field, )* $text );
            }
        }
    )*};
}

/// Declares signals with metrics: `emit` runs the `counts` expression, then writes the log line.
macro_rules! counted_signals {
    ($(
        $(#[$doc:meta])*
        $level:ident $name:ident $(<$life:lifetime>)? $text:literal {
            $( $(#[$field_doc:meta])* $field:ident: $type:ty, )*
        }
        counts |$signal:ident, $metrics:ident| $count:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name $(<$life>)? {
            $( $(#[$field_doc])* pub $field: $type, )*
        }

        impl $(<$life>)? $name $(<$life>)? {
            pub fn emit(&self, $metrics: &crate::telemetry::Metrics) {
                let $signal = self;
                $count;
                tracing::$level!( $( $field = self.$field, )* $text );
            }
        }
    )*};
}

mod clients;
mod keys;
mod outcomes;
mod partitions;
mod rules;
mod workers;

pub use clients::*;
pub use keys::*;
pub use outcomes::*;
pub use partitions::*;
pub use rules::*;
pub use workers::*;

/// Every this many of a kind is logged, however many there were.
const SAMPLE_EVERY: u64 = 1_000;
/// So many of a kind are logged one by one: the first ones show what is wrong.
const SAMPLE_FIRST: u64 = 20;

fn is_sample(count: u64) -> bool {
    count <= SAMPLE_FIRST || count.is_power_of_two() || count.is_multiple_of(SAMPLE_EVERY)
}

#[cfg(test)]
mod tests {
    use super::is_sample;

    #[test]
    fn a_flood_is_logged_as_a_trickle() {
        assert!(is_sample(1) && is_sample(20) && !is_sample(21) && is_sample(32));
        assert_eq!(
            (1..=100_000).filter(|count| is_sample(*count)).count(),
            20 + 12 + 100
        );
    }
}
