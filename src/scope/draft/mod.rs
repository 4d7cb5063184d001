//! Drafts scope templates from the recorded actions of agents, for a person to review.
//!
//! A draft read back by `ScopeTemplates::parse` judges every action it was made from as inside.

pub(crate) mod observed;
mod observed_hours;
mod patterns;
#[cfg(test)]
mod tests;
mod yaml_template;
