//! No file uses a file that uses it, directly or through others: the files of a room have an order.
//!
//! A file uses what it imports and the paths of its code. A name that another file re-exports
//! counts for the file that defines it, so a `mod.rs` that only declares and re-exports is in no
//! circle. A method counts for nothing: a type may have its methods in more files than one.

use crate::modules::ModuleTree;
use crate::source::Source;

/// The files of a circle, sorted, and why that is better than an order.
type AllowedCircle = (&'static [&'static str], &'static str);

/// A circle that is not here is refused. A new one here is a decision.
const ALLOWED: &[AllowedCircle] = &[
    (
        &[
            "src/codec/avro/action_plan.rs",
            "src/codec/avro/logical_types.rs",
            "src/codec/avro/type_table.rs",
        ],
        "To be split: a table of types is read with the logical types that it names.",
    ),
    (
        &[
            "src/config/build.rs",
            "src/config/env.rs",
            "src/config/file.rs",
            "src/config/keys.rs",
            "src/config/mod.rs",
            "src/config/suggest.rs",
            "src/config/types.rs",
        ],
        "To be split: `ConfigSources` and `RawEntry` belong into a file below the others.",
    ),
    (
        &[
            "src/demo/pipeline.rs",
            "src/demo/pipeline/identity_system.rs",
            "src/demo/pipeline/learning.rs",
            "src/demo/pipeline/parts.rs",
        ],
        "To be split: `PipelineOptions` and `DemoError` belong into a file below the others.",
    ),
    (
        &[
            "src/detector/action.rs",
            "src/detector/agent_event.rs",
            "src/detector/agent_map.rs",
            "src/detector/behaviour.rs",
            "src/detector/class_volume.rs",
            "src/detector/credential_facts.rs",
            "src/detector/credential_links.rs",
            "src/detector/credential_state.rs",
            "src/detector/deferral.rs",
            "src/detector/delegation/facts.rs",
            "src/detector/dispatch.rs",
            "src/detector/effects.rs",
            "src/detector/explain.rs",
            "src/detector/explain_finding.rs",
            "src/detector/facts.rs",
            "src/detector/links.rs",
            "src/detector/metrics.rs",
            "src/detector/partition_state.rs",
            "src/detector/state_changes.rs",
            "src/detector/stored_timers.rs",
            "src/detector/subject.rs",
            "src/detector/target_links.rs",
            "src/detector/tree_actions.rs",
            "src/detector/tree_flow.rs",
            "src/detector/tree_links.rs",
        ],
        "To be split: the state of a subject and what is done to it.",
    ),
    (
        &[
            "src/detector/delegation/children.rs",
            "src/detector/delegation/coming.rs",
            "src/detector/delegation/cuts.rs",
            "src/detector/delegation/members.rs",
            "src/detector/delegation/mod.rs",
            "src/detector/delegation/parents.rs",
            "src/detector/delegation/taken.rs",
        ],
        "To be split: the state of a subject and what is done to it.",
    ),
    (
        &["src/event/action.rs", "src/event/malformed.rs"],
        "An action keeps which fields of its own table are malformed.",
    ),
    (
        &[
            "src/replay/action_files.rs",
            "src/replay/declaration_files.rs",
            "src/replay/input_sources.rs",
            "src/replay/learned_file.rs",
            "src/replay/look_ahead.rs",
            "src/replay/mod.rs",
            "src/replay/output_files.rs",
            "src/replay/output_sink.rs",
        ],
        "To be split: `ReplayOptions` and `ReplayError` belong into a file below the others.",
    ),
    (
        &[
            "src/simulator/agent_types.rs",
            "src/simulator/agent_types/office.rs",
            "src/simulator/agent_types/technical.rs",
        ],
        "To be split: `TaskClass` and `ToolCall` belong into a file below the others.",
    ),
];

/// Circles that the list may have at most.
const ALLOWED_MAX: usize = 8;

/// Rooms that have no circle, whatever the list says.
const WITHOUT_CIRCLE: [&str; 3] = ["response", "scope", "worker"];

/// Complaints about circles that the list does not allow, and about a list that allows too much.
pub fn complaints(sources: &[Source]) -> Vec<String> {
    complaints_beside(sources, ALLOWED)
}

/// The same, beside another list.
pub fn complaints_beside(sources: &[Source], allowed: &[AllowedCircle]) -> Vec<String> {
    let circles = find(sources);
    let mut complaints: Vec<String> = circles
        .iter()
        .filter_map(|circle| complaint_about(circle, allowed))
        .collect();
    for (files, why) in allowed {
        let first = files.first().copied().unwrap_or_default();
        if !circles.iter().any(|circle| circle == files) {
            complaints.push(format!(
                "{first}:1: the list allows a circle that is not there: {}",
                files.join(", ")
            ));
        }
        if why.is_empty() {
            complaints.push(format!("{first}:1: the list does not say why"));
        }
    }
    if allowed.len() > ALLOWED_MAX {
        complaints.push(format!(
            "the list allows {} circles, at most {ALLOWED_MAX}",
            allowed.len()
        ));
    }
    complaints
}

fn complaint_about(circle: &[String], allowed: &[AllowedCircle]) -> Option<String> {
    let mut rooms: Vec<&str> = circle.iter().map(|file| room_of(file)).collect();
    rooms.dedup();
    let (first, files) = (circle.first()?, circle.join(", "));
    if let [room] = rooms[..] {
        let listed = allowed.iter().any(|(files, _)| circle == *files);
        if listed && !WITHOUT_CIRCLE.contains(&room) {
            return None;
        }
        return Some(format!(
            "{first}:1: files of `{room}` use each other: {files}; move what both sides need into \
             a file below them, or pass it as an argument"
        ));
    }
    Some(format!(
        "{first}:1: files of the rooms {} use each other: {files}",
        rooms.join(", ")
    ))
}

/// The room of a file; of a file that is in none, the file.
fn room_of(file: &str) -> &str {
    let inner = file.strip_prefix("src/").unwrap_or(file);
    inner.split('/').next().unwrap_or(inner)
}

/// The files of each circle, sorted: each of them uses every other one, directly or through some
/// of them.
pub fn find(sources: &[Source]) -> Vec<Vec<String>> {
    let tree = ModuleTree::new(sources);
    let count = tree.modules().len();
    let used: Vec<Vec<usize>> = (0..count).map(|at| tree.used_files(at)).collect();
    let reached: Vec<Vec<bool>> = (0..count).map(|at| reach(&used, at)).collect();
    let mut circles: Vec<Vec<usize>> = Vec::new();
    for (at, from_here) in reached.iter().enumerate() {
        let known = circles.iter().any(|circle| circle.contains(&at));
        if !known && from_here[at] {
            let both_ways = |to: &usize| from_here[*to] && reached[*to][at];
            circles.push((0..count).filter(both_ways).collect());
        }
    }
    let name = |file: usize| tree.modules()[file].file.clone();
    let named = circles
        .into_iter()
        .map(|circle| circle.into_iter().map(name).collect());
    let mut named: Vec<Vec<String>> = named.collect();
    for circle in &mut named {
        circle.sort();
    }
    named
}

/// Which files a file uses, directly or through others.
fn reach(used: &[Vec<usize>], from: usize) -> Vec<bool> {
    let mut reached = vec![false; used.len()];
    let mut open = used[from].clone();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut reached[at], true) {
            open.extend(&used[at]);
        }
    }
    reached
}
