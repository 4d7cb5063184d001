//! The compiled detection of a rule: compiled and matched by rsigma, without the parts of a rule
//! that rsigma would copy into the result of each match.

use std::sync::Arc;

use rsigma_eval::{CompiledRule, compile_rule, evaluate_rule};
use rsigma_parser::parse_sigma_yaml;

use super::fact_view::FactView;

/// Decides whether an action matches a detection.
#[derive(Debug, Clone)]
pub(in crate::rule) struct DetectionMatcher {
    pub compiled: CompiledRule,
}

impl DetectionMatcher {
    /// Compiles the `detection:` of a rule, given as JSON. rsigma reads rules as YAML, and JSON is
    /// YAML.
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
        // rsigma copies these into the result of each match. Nobody reads that result: the bundle's
        // own `Rule` has the title and everything else.
        rule.title = String::new();
        rule.custom_attributes = Arc::default();
        rule.include_event = false;
        Ok(DetectionMatcher { compiled: rule })
    }

    /// Whether the facts of an action match.
    pub(in crate::rule) fn matches(&self, view: &FactView<'_, '_>) -> bool {
        evaluate_rule(&self.compiled, view).is_some()
    }
}
