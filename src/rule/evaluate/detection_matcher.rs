//! The compiled detection of a rule: rsigma's, stripped of what a match would copy.

use std::sync::Arc;

use rsigma_eval::{CompiledRule, compile_rule, evaluate_rule};
use rsigma_parser::parse_sigma_yaml;

use super::fact_view::FactView;

/// A detection that decides whether an action matches.
#[derive(Debug, Clone)]
pub(in crate::rule) struct DetectionMatcher {
    pub compiled: CompiledRule,
}

impl DetectionMatcher {
    /// Compiles the `detection:` of a rule, given as JSON, which YAML readers read alike.
    ///
    /// # Errors
    /// The message of rsigma, without a location.
    pub(in crate::rule) fn new(detection: &serde_json::Value) -> Result<Self, String> {
        let document = serde_json::json!({
            "title": "t",
            "logsource": {"product": "scopewatch"},
            "detection": detection,
        });
        let parsed = parse_sigma_yaml(&document.to_string()).map_err(|error| error.to_string())?;
        if let Some(error) = parsed.errors.first() {
            return Err(error.clone());
        }
        let rule = parsed.rules.first().ok_or("no detection rule")?;
        let mut rule = compile_rule(rule).map_err(|error| error.to_string())?;
        // A match copies these into a result that nobody reads: our Rule has them.
        rule.title = String::new();
        rule.custom_attributes = Arc::default();
        rule.include_event = false;
        Ok(DetectionMatcher { compiled: rule })
    }

    pub(in crate::rule) fn matches(&self, view: &FactView<'_, '_>) -> bool {
        evaluate_rule(&self.compiled, view).is_some()
    }
}
