//! The model of a scope that declaring, judging and drafting share: compiled terms, working hours,
//! the fields that limits count, the words of a verdict.

pub(crate) mod compile_cache;
pub(crate) mod compiled;
pub(crate) mod countable;
pub(crate) mod limits;
pub(crate) mod selection;
pub(crate) mod unmatchable;
pub(crate) mod verdict_words;
pub(crate) mod working_hours;
