//! What is usual for a class of tasks and for agents of one type, and how much evidence an action
//! gives that somebody else steers the agent.
//!
//! Place in the flow: `detector` reads the traits of an action ([`ActionTraits`]), asks the
//! profiles of its class and of its peers what they know, and weighs both into evidence
//! ([`weigh_action`]). It notes what each task did in the agent's [`OpenTasks`]; a task that ends
//! clean is learned by the agent's own [`Profile`] and by the tenant's [`ClassTable`].
//!
//! This room must not know of rules, scopes, alerts or partitions: what a scope says of an action
//! is a few flags here ([`ActionContext`]).
//!
//! It owns the open tasks of an agent and the profiles. Limits: [`limits`]. Profiles hold hashes
//! with counts of tasks, no text that an agent has sent; an open task keeps the names of its last
//! actions for alerts.
//!
//! Read first: `evidence/tests.rs`, the table of worked examples.

#![deny(clippy::disallowed_methods)]

mod agent_commands;
mod call_run;
mod class_commands;
mod class_table;
mod denied_run;
mod effect;
mod egress;
mod evidence;
mod known_set;
mod left_out;
pub mod limits;
mod open_tasks;
mod peer_volumes;
mod profile;
mod profile_image;
mod purpose_drift;
mod self_check;
mod task_flow;
mod task_set;
mod task_trail;
mod task_version;
mod traits;
mod tried_resources;
mod weights;

pub use agent_commands::AgentCommands;
pub use call_run::CallMark;
pub use class_commands::{ClassCommands, class_of};
pub use class_table::{ClassBasis, ClassName, ClassTable, ClassView, LearnedCounts, StoredProfile};
pub use denied_run::Admitted;
pub use effect::ActionImpact;
pub use egress::EgressTarget;
pub use evidence::{ActionContext, Evidence, NovelTrait, Novelty, SignalCount, weigh_action};
pub use left_out::AskedProfile;
pub use open_tasks::{EndedTask, NotedAction, OpenTasks, TaskKey, TaskMoment, TaskName};
pub use peer_volumes::{ExpectedVolume, PeerVolumes};
pub use profile::{Learner, Profile};
pub use profile_image::ProfileImage;
pub use self_check::{ActionNames, ClassCheck, LearningLog, SetAsideTask, WeighedAction};
pub use task_flow::{ContentRead, ContentSources, TaskFlow, TrifectaSpan};
pub use task_trail::{TrailAction, TrailStep};
pub use task_version::TaskVersion;
pub use traits::{ActionTraits, hash_text};
pub use weights::{EvidenceSignal, EvidenceWeights, SignalWeights, WEIGHT_MAX, WeightSet};
