//! An action with a value in every field.

use crate::event::{AgentAction, Text, WordList, action_fields};

/// A value for each type of a field.
trait Sample {
    fn sample() -> Self;
}

impl Sample for Text {
    fn sample() -> Self {
        "sample".into()
    }
}

impl Sample for Vec<Text> {
    fn sample() -> Self {
        vec!["planner".into(), "worker".into()]
    }
}

impl Sample for i64 {
    fn sample() -> Self {
        1_772_407_800_000
    }
}

impl Sample for u64 {
    fn sample() -> Self {
        100
    }
}

impl Sample for f64 {
    fn sample() -> Self {
        0.02
    }
}

impl Sample for bool {
    fn sample() -> Self {
        false
    }
}

impl<W: WordList> Sample for W {
    fn sample() -> Self {
        W::from_record(W::WORDS[0]).unwrap()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample() -> Self {
        Some(T::sample())
    }
}

macro_rules! declare_full_action {
    ($(#[$doc:meta] $id:ident $field:ident: $type:ty { $($row:tt)* })+) => {
        /// An action with a value in every field.
        pub(in crate::rule) fn full_action() -> AgentAction {
            AgentAction {
                $($field: Sample::sample(),)+
                malformed: Default::default(),
            }
        }
    };
}

action_fields!(declare_full_action);
