//! The vocabulary: an agent's action, its declared scope, a control record, a link, and the
//! position of a record in its topic.
//!
//! Place in the flow: `codec` decodes these values from bytes and encodes them again; every other
//! room reads them.
//!
//! The fields of an action are declared once, in the table of `action_fields.rs`; the rooms above
//! derive from it what they do with each field.
//!
//! This room must not know wire formats, the configuration of topics, state, rules or clocks. It
//! owns no state. `codec` enforces the limits of [`limits`] before a value exists.
//!
//! Read first: the table in `action_fields.rs`, then the tests beside `action` and `position`.

#![deny(clippy::disallowed_methods)]

mod action;
mod action_fields;
mod control;
mod declaration;
mod edge_evidence;
mod field;
mod fingerprint;
mod gateway_notice;
pub mod limits;
mod link;
mod malformed;
mod position;
mod record;
mod target_link;
mod task_notice;
mod tree_link;
mod usual_volume;
mod words;

pub use action::{ActionField, AgentAction, RESOURCE_TYPE_UNKNOWN, TENANT_DEFAULT};
pub(crate) use action_fields::action_fields;
pub use control::{
    AcceptedUse, AgentSelection, ApprovalDecision, BudgetCommand, CommandKind, ConfirmedTarget,
    ControlRecord, IncidentVerdict, LearnedImport, LearningChange, LearningCommand, LearningTarget,
    ProfileKind, ProfileName, RevocationResult, SubjectForm, TaskClass,
};
pub use declaration::{
    AgentScope, ChannelRule, DelegationRule, Grant, Limit, Measure, MeasureKind, ParentScope,
    WorkingHours,
};
pub use edge_evidence::{EdgeEvidence, EdgeSource};
pub use field::{ActionGroup, FieldInfo, FieldKind, FieldValue, TextBound};
pub(crate) use field::{FieldMut, FieldType};
pub use fingerprint::text_fingerprint;
pub use gateway_notice::{GATEWAY_NUMBERS_MAX, GatewayNotice};
pub use link::{AddressedLink, Link, LinkBody, LinkCause, LinkTarget};
pub use malformed::MalformedFields;
pub use position::{AgentKey, CredentialKey, RecordPosition, TimeSource};
pub use record::{Input, Record, RecordBody, UnreadableRecord};
pub use target_link::{TargetNotice, UsesNotice};
pub use task_notice::{
    AgentsNotice, ClassNotice, ProfileNotice, TASK_SET_MAX, TaskNotice, TaskUse,
};
pub use tree_link::{
    Ancestor, AncestorEnd, ChildNotice, FlowNotice, MemberNotice, NoticedMember, NoticedRead,
    NoticedScope, ParentNotice, TakenAway,
};
pub use usual_volume::{LogNumber, USUAL_VOLUMES_MAX, UsualSum, UsualVolume};
pub(crate) use words::words;
pub use words::{
    ActionEffect, ActionOutcome, ContentSource, DeclaredStatus, DelegationState, DelegationVerdict,
    EventKind, InstructionSource, Network, Sensitivity, Verb, WordList,
};

/// Text of the vocabulary: inline up to 24 bytes, so that most ids cost no allocation.
pub type Text = compact_str::CompactString;
