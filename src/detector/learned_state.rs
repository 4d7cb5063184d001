//! What was learned, as text: an export of a replay writes it, and a command imports it.
//!
//! The text of a profile takes the place of that profile in every partition; that of an agent takes
//! the place of the metrics and habits that it names.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::baseline::{MetricImage, Outage};
use crate::behaviour::{Learner, Profile, ProfileImage, StoredProfile, class_of};
use crate::event::limits::STATE_BYTES_MAX;
use crate::event::{
    ControlRecord, LearnedImport, LinkBody, ProfileKind, ProfileName, ProfileNotice, Text,
};
use crate::response::{AuditKind, audit_command};

use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::learning_commands::{NO_ROOM, begin_tenant_command};
use super::limits::METRICS_MAX;
use super::links::LinkArrival;
use super::partition_state::PartitionState;
use super::subject::{
    AgentLearned, AgentLive, AgentState, StateError, StoredSubject, SubjectKey, decode_value,
};
use super::timed_action::RecordOrigin;

/// No number of an image is larger: the square of the largest value of a metric.
const NUMBER_MAX: f64 = 1e37;
/// Fields of a metric whose numbers may be less than zero: its values, and steps of its hours.
const MAY_BE_NEGATIVE: [&str; 9] = [
    "observed",
    "mean",
    "sum",
    "last",
    "hour_means",
    "steps",
    "closed",
    "highest",
    "reported",
];

/// Why an import is ignored.
const UNREADABLE: &str = "what is to be imported cannot be read";

/// A part of what was learned of an agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentImage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    habits: Option<ProfileImage>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metrics: BTreeMap<Text, MetricImage>,
    #[serde(default)]
    acted_last_ms: i64,
    /// Until when the metrics were learned, epoch milliseconds.
    #[serde(default)]
    learned_until: i64,
}

/// Checks what an import says, as the partitions will. `until_ms`: when it was learned at the
/// latest.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn check_import(import: &LearnedImport, until_ms: i64) -> Result<(), String> {
    match &import.profile {
        Some(name) => read_profile(name, &import.state, until_ms).map(|_| ()),
        None => read_agent(&import.state, until_ms).map(|_| ()),
    }
}

fn read_profile(name: &ProfileName, state: &str, until_ms: i64) -> Result<Profile, String> {
    let learner = match name.part {
        ProfileKind::Peers => Learner::AgentType,
        ProfileKind::Unnamed | ProfileKind::Class(_) => Learner::Class,
    };
    ProfileImage::read_profile(state, learner, until_ms)
}

fn read_agent(state: &str, until_ms: i64) -> Result<AgentImage, String> {
    let value: serde_json::Value = serde_json::from_str(state).map_err(|e| e.to_string())?;
    check_numbers("", &value["metrics"])?;
    let image: AgentImage = read_image(state)?;
    // A number that is too large for its field would have become infinite.
    let again = serde_json::to_value(&image).map_err(|error| error.to_string())?;
    serde_json::from_value::<AgentImage>(again).map_err(|error| error.to_string())?;
    if image.metrics.len() > METRICS_MAX {
        return Err(format!("more than {METRICS_MAX} metrics"));
    }
    let (acted_ms, learned_ms) = (image.acted_last_ms, image.learned_until);
    if !(0..=learned_ms).contains(&acted_ms) || learned_ms > until_ms {
        return Err("it is learned later than it is imported".to_owned());
    }
    for (name, metric) in &image.metrics {
        let read = metric.clone().into_metric(learned_ms);
        read.map_err(|problem| format!("metric `{name}`: {problem}"))?;
    }
    if let Some(habits) = &image.habits {
        let read = habits.clone().into_profile(Learner::Agent, until_ms);
        read.map_err(|problem| format!("`habits`: {problem}"))?;
    }
    Ok(image)
}

fn read_image<T: DeserializeOwned>(state: &str) -> Result<T, String> {
    serde_json::from_str(state).map_err(|error| error.to_string())
}

/// Checks the numbers of metrics, which are in the field `name`.
fn check_numbers(name: &str, value: &serde_json::Value) -> Result<(), String> {
    match value {
        serde_json::Value::Number(number) => {
            let known = number.as_f64().unwrap_or(f64::INFINITY);
            if known.abs() > NUMBER_MAX {
                return Err(format!("{number} is larger than any number of a metric"));
            }
            if known < 0.0 && !MAY_BE_NEGATIVE.contains(&name) {
                return Err(format!("`{name}`: {number} is less than zero"));
            }
            Ok(())
        }
        serde_json::Value::Array(list) => list.iter().try_for_each(|one| check_numbers(name, one)),
        serde_json::Value::Object(fields) => fields
            .iter()
            .try_for_each(|(name, one)| check_numbers(name, one)),
        _ => Ok(()),
    }
}

/// A stored profile of a tenant as an import.
///
/// # Errors
/// When the stored bytes are not a state of this version.
pub fn export_profile(key: &SubjectKey, stored: &[u8]) -> Result<LearnedImport, StateError> {
    let StoredProfile { name, profile } = decode_value(key, stored)?;
    let image = ProfileImage::of_profile(&profile);
    Ok(LearnedImport {
        profile: Some(name),
        state: serde_json::to_string(&image).unwrap_or_default(),
    })
}

impl Detector {
    /// What was learned of an agent, in as many parts as it takes; none if nothing was.
    ///
    /// # Errors
    /// When the stored bytes are not a state of this version.
    pub fn export_agent(
        &self,
        key: &SubjectKey,
        stored: &StoredSubject,
        learned_until: i64,
    ) -> Result<Vec<LearnedImport>, StateError> {
        let (Some(live), Some(learned)) = (&stored.live, &stored.learned) else {
            return Ok(Vec::new());
        };
        let live: AgentLive = decode_value(key, live)?;
        let learned: AgentLearned = decode_value(key, learned)?;
        let offset = self.local_offset(key.tenant());
        let mut parts: Vec<AgentImage> = Vec::new();
        // A task that was set aside may have been the only one.
        if let Some(habits) = learned.habits.as_ref().filter(|habits| habits.tasks() > 0) {
            parts.push(AgentImage {
                habits: Some(ProfileImage::of_profile(habits)),
                ..AgentImage::default()
            });
        }
        let mut metrics = BTreeMap::new();
        for (live, (name, learned)) in live.metrics.iter().zip(&learned.metrics) {
            if let Some((_, settings)) = self.metric_stored(name) {
                let image = MetricImage::of_metric(live, learned, settings, &offset);
                metrics.insert(name.clone(), image);
            }
        }
        let mut bytes = STATE_BYTES_MAX;
        for (name, metric) in metrics {
            let size = serde_json::to_string(&metric).map_or(0, |text| text.len());
            // Half of what may be: quotes take twice the bytes within a text.
            bytes += name.len() + size;
            if bytes > STATE_BYTES_MAX / 2 {
                parts.push(AgentImage {
                    acted_last_ms: live.acted_last_ms,
                    learned_until,
                    ..AgentImage::default()
                });
                bytes = size;
            }
            if let Some(part) = parts.last_mut() {
                part.metrics.insert(name, metric);
            }
        }
        let states = parts.iter().map(|part| LearnedImport {
            profile: None,
            state: serde_json::to_string(part).unwrap_or_default(),
        });
        Ok(states.collect())
    }

    /// Takes over what was learned elsewhere: of an agent here, of a class in every partition.
    pub(super) fn import_learned(
        &self,
        partition: &mut PartitionState,
        origin: &RecordOrigin,
        (control, import): (&ControlRecord, &LearnedImport),
        effects: &mut RecordEffects,
    ) {
        let at_ms = origin.command_ms(control);
        if let Some(name) = &import.profile {
            return order_import(partition, origin, (control, name, &import.state), effects);
        }
        let key = SubjectKey::Agent(control.agent_key());
        let Some(state) = effects.apply_record_once(&mut partition.agents, &key, origin) else {
            return;
        };
        effects.counts.controls += 1;
        let (what, did) = match read_agent(&import.state, at_ms) {
            Ok(image) => {
                // A replay begins with the file at the end of its learning time.
                let given_ms = control.at_ms.min(at_ms);
                let did = self.take_over(state, key.tenant(), image, given_ms);
                (AuditKind::LearningImported, did)
            }
            Err(problem) => {
                let why = format!("{UNREADABLE}: {problem}");
                (AuditKind::ControlIgnored, why)
            }
        };
        state.known = true;
        audit_command(control, origin.append_ms, what, &did, &mut effects.outcomes);
        partition.mark_changed(&key, true);
        partition.set_timer(&key);
    }

    fn take_over(
        &self,
        state: &mut AgentState,
        tenant: &Text,
        image: AgentImage,
        given_ms: i64,
    ) -> String {
        self.adapt_metrics(state);
        let offset = self.local_offset(tenant);
        let unknown = Outage {
            from_ms: image.learned_until,
            to_ms: given_ms,
        };
        let (mut metrics, mut refused) = (0, 0);
        let has_habits = image.habits.is_some();
        if let Some(habits) = image
            .habits
            .and_then(|one| one.into_profile(Learner::Agent, i64::MAX).ok())
        {
            state.learned.habits = Some(Box::new(habits));
        }
        for (name, metric) in image.metrics {
            let Ok((mut live, mut learned)) = metric.into_metric(image.learned_until) else {
                continue;
            };
            if let Some((_, settings)) = self.metric_stored(&name) {
                live.skip_time(&mut learned, settings, &offset, unknown);
            }
            let known = state.learned.metrics.iter();
            let known = known.map(|(name, _)| name).position(|one| *one == name);
            match known {
                Some(slot) => {
                    state.live.metrics[slot] = live;
                    state.learned.metrics[slot].1 = learned;
                }
                None if state.live.metrics.len() < METRICS_MAX => {
                    state.live.metrics.push(live);
                    state.learned.metrics.push((name, learned));
                }
                None => {
                    refused += 1;
                    continue;
                }
            }
            metrics += 1;
        }
        state.live.acted_last_ms = state.live.acted_last_ms.max(image.acted_last_ms);
        self.adapt_metrics(state);
        if state.live.frozen {
            // The open panes would teach.
            self.freeze_metrics(state, tenant);
        }
        self.await_silences(state, tenant);
        let habits = if has_habits { "its habits and " } else { "" };
        let full = match refused {
            0 => String::new(),
            more => format!("; there was no room for {more} more"),
        };
        format!("the agent has {habits}{metrics} volume baselines from elsewhere{full}")
    }

    /// Sets when the silence of an agent's metrics is looked at.
    fn await_silences(&self, state: &mut AgentState, tenant: &Text) {
        let offset = self.local_offset(tenant);
        let halves = state.live.metrics.iter_mut();
        for (live, (name, learned)) in halves.zip(&mut state.learned.metrics) {
            let known = self.metric_stored(name);
            if let Some((_, settings)) = known.filter(|(_, settings)| settings.sides.silence) {
                let due_ms = live.silence_due_ms(learned, settings, &offset);
                let next_ms = state.live.silence_due_ms.into_iter().chain(due_ms).min();
                state.live.silence_due_ms = next_ms;
            }
        }
    }
}

/// Lets every partition take over a profile.
fn order_import(
    partition: &mut PartitionState,
    origin: &RecordOrigin,
    (control, name, state): (&ControlRecord, &ProfileName, &str),
    effects: &mut RecordEffects,
) {
    let Some(tenant) = begin_tenant_command(partition, origin, &control.tenant, effects) else {
        return;
    };
    let at_ms = origin.command_ms(control);
    let outcomes = &mut effects.outcomes;
    let refused = match read_profile(name, state, at_ms) {
        Err(problem) => Some(format!("{UNREADABLE}: {problem}")),
        Ok(_) if !tenant.live.class_commands.has_room_for(&class_of(name)) => {
            effects.counts.class_commands_full += 1;
            Some(NO_ROOM.to_owned())
        }
        Ok(profile) if !tenant.classes.has_room_for(name, &profile) => {
            effects.counts.profiles_full += 1;
            Some("the profiles of the tenant's classes have no room for it".to_owned())
        }
        Ok(_) => None,
    };
    if let Some(why) = refused {
        let what = AuditKind::ControlIgnored;
        return audit_command(control, origin.append_ms, what, &why, outcomes);
    }
    let did = "a profile from elsewhere takes its place in every partition";
    let what = AuditKind::LearningImported;
    audit_command(control, origin.append_ms, what, did, outcomes);
    effects.inform_all_partitions(LinkBody::ProfileImported(Box::new(ProfileNotice {
        tenant: control.tenant.clone(),
        name: name.clone(),
        at_ms,
        order: (origin.position.offset, origin.position.index),
        state: state.to_owned(),
    })));
}

impl PartitionState {
    /// Takes over a profile in this partition.
    pub(super) fn import_profile(
        &mut self,
        arrival: LinkArrival<'_>,
        notice: &ProfileNotice,
        effects: &mut RecordEffects,
    ) {
        let Some(tenant) = self.tenant_of_link(&notice.tenant, arrival, effects) else {
            return;
        };
        if let Ok(profile) = read_profile(&notice.name, &notice.state, notice.at_ms)
            && tenant.live.class_commands.note_import(notice)
        {
            if !tenant.classes.import(notice.name.clone(), profile) {
                effects.counts.profiles_full += 1;
            }
            tenant.live.profiles = u32::try_from(tenant.classes.len()).unwrap_or(u32::MAX);
        }
        self.mark_changed(&SubjectKey::Tenant(notice.tenant.clone()), false);
    }
}
