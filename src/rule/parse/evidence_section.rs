//! Reads the `evidence:` of a rule: the weights of the signals, for all or for some.

use crate::behaviour::{EvidenceSignal, SignalWeights, WEIGHT_MAX, WeightSet};
use crate::text::{Problems, YamlNode};

/// The key of the weight of `L` where no scope is for the task or its class.
const PAIR_ALONE: &str = "L-alone";

/// Reads `evidence:`. `None` when there is none or it has errors.
pub(in crate::rule) fn read_evidence(
    document: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<WeightSet> {
    let node = document.get("evidence")?;
    let errors_before = problems.error_count();
    let keys = ["tenant", "task-class", "weights"];
    let mut set = WeightSet::default();
    for (key, value) in problems.read_mapping(node, "`evidence`", &keys)? {
        match key {
            "tenant" => set.tenant = problems.read_text(value, "`tenant`"),
            "task-class" => set.task_class = problems.read_text(value, "`task-class`"),
            _ => read_weights(value, &mut set.weights, problems),
        }
    }
    (problems.error_count() == errors_before).then_some(set)
}

fn read_weights(node: &YamlNode, weights: &mut SignalWeights, problems: &mut Problems<'_>) {
    let mut keys = EvidenceSignal::WORDS.to_vec();
    keys.push(PAIR_ALONE);
    let pairs = problems.read_mapping(node, "`weights`", &keys);
    for (key, value) in pairs.into_iter().flatten() {
        let weight = value.as_f64().or(value.as_i64().map(|whole| whole as f64));
        let Some(weight) = weight.filter(|weight| weight.abs() <= WEIGHT_MAX) else {
            let message =
                format!("a weight is a number of bans from -{WEIGHT_MAX} to {WEIGHT_MAX}");
            problems.error(value.location, message);
            continue;
        };
        match EvidenceSignal::from_word(key) {
            Some(signal) => weights.set_weight(signal, weight),
            None => weights.pair_new_alone = weight,
        }
    }
}
