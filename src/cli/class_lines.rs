//! What the check of a learning time found, as lines for people.

use crate::detector::limits::{ALERT_BANS, REVOKE_BANS, SET_ASIDE_BANS};
use crate::replay::ClassSummary;

use super::diagnostics::count_noun;

/// The table of the classes, and the tasks that are too strange to teach.
pub(super) fn class_lines(classes: &[ClassSummary]) -> Vec<String> {
    if classes.is_empty() {
        return vec!["no task of a class or an agent type ended clean".to_owned()];
    }
    let mut lines = vec![format!(
        "{:<44}{:>8}{:>16}{:>16}{:>11}",
        "class",
        "tasks",
        format!("alert ({ALERT_BANS})"),
        format!("revoke ({REVOKE_BANS})"),
        "set aside"
    )];
    let share = |count: u32, tasks: u32| {
        let percent = 100.0 * f64::from(count) / f64::from(tasks.max(1));
        format!("{count} ({percent:.1} %)")
    };
    let line = |name: &str, sum: &ClassSummary, set_aside: usize| {
        format!(
            "{name:<44}{:>8}{:>16}{:>16}{set_aside:>11}",
            sum.tasks,
            share(sum.alerted, sum.tasks),
            share(sum.revoked, sum.tasks),
        )
    };
    let mut all = ClassSummary::default();
    let mut set_aside = 0;
    for sum in classes {
        all.tasks += sum.tasks;
        all.alerted += sum.alerted;
        all.revoked += sum.revoked;
        set_aside += sum.set_aside.len();
        lines.push(line(&class_name(sum), sum, sum.set_aside.len()));
    }
    lines.push(line("all", &all, set_aside));
    if set_aside > 0 {
        lines.push(format!(
            "{} with {SET_ASIDE_BANS} bans or more {} not learned from; `scopewatch accept` says \
             what of it is usual:",
            count_noun(set_aside as u64, "task"),
            if set_aside == 1 { "is" } else { "are" }
        ));
    }
    for sum in classes {
        let listed = sum.set_aside.iter();
        lines.extend(listed.map(|task| {
            let time = jiff::Timestamp::from_millisecond(task.at_ms).unwrap_or_default();
            let (tenant, agent, why) = (&sum.tenant, &task.agent, &task.why);
            let named = task.task.as_deref().map(|id| format!(" task {id}"));
            let named = named.unwrap_or_default();
            format!(
                "  {time}  {tenant}/{agent}{named}  {}: {why}",
                class_name(sum)
            )
        }));
    }
    lines
}

/// The agent type and the task class.
fn class_name(sum: &ClassSummary) -> String {
    let agent_type = match sum.agent_type.as_str() {
        "" => "-",
        named => named,
    };
    match &sum.task_class {
        Some(class) => format!("{agent_type}/{class}"),
        None => agent_type.to_owned(),
    }
}
