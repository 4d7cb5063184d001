//! Reads the `response:` of a rule.

use crate::rule::model::classification::{RuleLevel, RuleStatus};
use crate::rule::model::rule_response::{IncidentFold, ResponseSpec, RevocationMode, RevokeTarget};
use crate::text::{Location, Problems, YamlNode};

use super::metadata::RuleMetadata;

const RISK_MAX: i64 = 100;

/// Reads `response:`. A key with an error keeps its default.
pub(in crate::rule) fn read_response(
    document: &YamlNode,
    metadata: Option<&RuleMetadata>,
    problems: &mut Problems<'_>,
) -> ResponseSpec {
    let mut spec = ResponseSpec::default();
    let Some(node) = document.get("response") else {
        return spec;
    };
    let keys = ["risk", "revoke", "mode-max", "fold", "task-clean"];
    let pairs = problems.read_mapping(node, "`response`", &keys);
    for (key, value) in pairs.unwrap_or_default() {
        match key {
            "risk" => match value.as_i64().filter(|risk| (0..=RISK_MAX).contains(risk)) {
                Some(risk) => spec.risk = u8::try_from(risk).unwrap_or_default(),
                None => problems.error(
                    value.location,
                    format!("risk is a number from 0 to {RISK_MAX}"),
                ),
            },
            "revoke" => {
                if let Some(target) = read_revoke(value, problems) {
                    spec.revoke = target;
                    check_revoke(document, metadata, target, value.location, problems);
                }
            }
            "mode-max" => {
                let mode = problems.read_word(
                    value,
                    "mode",
                    RevocationMode::WORDS,
                    RevocationMode::from_word,
                );
                spec.mode_max = mode.unwrap_or(spec.mode_max);
            }
            "task-clean" => match value.as_bool() {
                Some(clean) => spec.task_clean = clean,
                None => problems.error(value.location, "`task-clean` is true or false"),
            },
            _ => {
                let fold =
                    problems.read_word(value, "fold", IncidentFold::WORDS, IncidentFold::from_word);
                spec.fold = fold.unwrap_or(spec.fold);
            }
        }
    }
    check_fold(node, spec, problems);
    check_task_clean(node, spec, problems);
    spec
}

/// Refuses a rule that asks for a revocation and would let the same task teach.
fn check_task_clean(response: &YamlNode, spec: ResponseSpec, problems: &mut Problems<'_>) {
    if spec.revoke == RevokeTarget::None || !spec.task_clean {
        return;
    }
    let location = response
        .get("task-clean")
        .map_or(response.location, |clean| clean.location);
    problems.error_with_help(
        location,
        "what asks for a revocation keeps its task from teaching",
        "leave out `task-clean`, or write `revoke: none`",
    );
}

/// Refuses a revocation by a rule whose findings are folded over several agents: such an incident
/// plans nothing, and the rule would promise what never happens.
fn check_fold(response: &YamlNode, spec: ResponseSpec, problems: &mut Problems<'_>) {
    if spec.revoke == RevokeTarget::None || spec.fold == IncidentFold::Agent {
        return;
    }
    let location = response
        .get("fold")
        .map_or(response.location, |fold| fold.location);
    problems.error_with_help(
        location,
        format!("a rule with `fold: {}` requests no revocation", spec.fold),
        "write `fold: agent`, or `revoke: none`",
    );
}

/// Reads a revocation target.
pub(in crate::rule) fn read_revoke(
    node: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<RevokeTarget> {
    let words = RevokeTarget::WORDS;
    problems.read_word(node, "revocation target", words, RevokeTarget::from_word)
}

/// Refuses a revocation by a baseline rule, by an informational one, and by one that is not
/// stable.
fn check_revoke(
    document: &YamlNode,
    metadata: Option<&RuleMetadata>,
    target: RevokeTarget,
    location: Location,
    problems: &mut Problems<'_>,
) {
    if target == RevokeTarget::None {
        return;
    }
    let status = metadata.map(|metadata| metadata.status);
    if document.get("baseline").is_some() {
        problems.error_with_help(
            location,
            "a baseline rule may not revoke: unusual is not forbidden",
            "write `revoke: none`",
        );
    } else if metadata.is_some_and(|metadata| metadata.level == RuleLevel::Informational) {
        problems.error_with_help(
            location,
            "an informational rule may not revoke: it makes no alert of its own",
            "write `revoke: none`, or a higher level",
        );
    } else if let Some(status) = status.filter(|status| *status != RuleStatus::Stable) {
        problems.error_with_help(
            location,
            format!("a rule with status {status} may not revoke"),
            "write `revoke: none` until the rule is stable",
        );
    }
}
