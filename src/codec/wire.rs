//! The nested wire form of scopes and control records, which both encoders write. It borrows from
//! the value.

use serde::{Serialize, Serializer};

use crate::event::{
    AcceptedUse, AgentScope, CommandKind, ConfirmedTarget, ControlRecord, Grant, LearnedImport,
    LearningChange, LearningCommand, LearningTarget, Limit, ProfileKind, SubjectForm, Text,
    WorkingHours,
};
use crate::text::units::show_time_of_day;

/// Declares a group of optional fields. Absent fields are not written.
macro_rules! wire {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Serialize)]
        struct $name<'a> {
            $($(#[$attr])* #[serde(skip_serializing_if = "Option::is_none")]
              $field: Option<$type>,)+
            #[serde(skip)]
            _lifetime: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            /// The group, or `None` if all of its fields are absent.
            #[allow(clippy::too_many_arguments, reason = "one for each field")]
            fn if_any($($field: Option<$type>),+) -> Option<Self> {
                let present = false $(|| $field.is_some())+;
                present.then_some($name { $($field,)+ _lifetime: std::marker::PhantomData })
            }
        }
    };
}

wire! { WireId { id: &'a str, } }
wire! { WireTask { id: &'a str, class: &'a str, } }

#[derive(Serialize)]
struct WireAgent<'a> {
    id: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
}

/// Declares a record with required and optional parts. Absent parts are not written.
macro_rules! record {
    ($name:ident { $($required:ident: $rtype:ty,)+ ; $($field:ident: $type:ty,)+ }) => {
        #[derive(Serialize)]
        pub(super) struct $name<'a> {
            $($required: $rtype,)+
            $(#[serde(skip_serializing_if = "Option::is_none")] $field: Option<$type>,)+
        }
    };
}

fn as_text(text: &Option<Text>) -> Option<&str> {
    text.as_deref()
}

fn non_empty<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

/// A word of a closed list: text in JSON, a symbol in Avro.
pub(super) struct WireWord(pub(super) &'static str);

impl Serialize for WireWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The index is a guess that apache-avro corrects by the symbol.
        serializer.serialize_unit_variant("word", 0, self.0)
    }
}

/// A number that is an `int` in Avro; one beyond that has no Avro form.
struct WireInt(u32);

impl Serialize for WireInt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i32::try_from(self.0) {
            Ok(int) => serializer.serialize_i32(int),
            Err(_) => serializer.serialize_u32(self.0),
        }
    }
}

/// A number that is a `long` in Avro; one beyond that has no Avro form.
pub(super) struct WireLong(pub(super) u64);

impl Serialize for WireLong {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.0) {
            Ok(long) => serializer.serialize_i64(long),
            Err(_) => serializer.serialize_u64(self.0),
        }
    }
}

#[derive(Serialize)]
struct WireLimit {
    measure: String,
    window: i64,
    max: f64,
}

#[derive(Serialize)]
struct WireChannelRule {
    encrypted: bool,
    authenticated: bool,
}

#[derive(Serialize)]
struct WireDelegationRule {
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    depth_max: Option<WireInt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    children_max: Option<WireInt>,
}

#[derive(Serialize)]
struct WireHours<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<&'a [u8]>,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
}

record! { WireParent { agent_id: &'a str, ; scope_id: &'a str, act_chain: &'a [Text], } }
record! { WireGrant {
    resource_types: &'a [Text], ;
    resource_ids: &'a [Text], verbs: Vec<WireWord>, sensitivity_max: WireWord, owners: &'a [Text],
} }

record! { WireScope {
    scope_id: &'a str, tenant: &'a str, agent: WireAgent<'a>, status: WireWord, ;
    task: WireTask<'a>, purpose: &'a str, issuer: &'a str, principal: WireId<'a>,
    credential_ids: &'a [Text], parent: WireParent<'a>, effective_from: i64, expires_at: i64,
    grants: Vec<WireGrant<'a>>, tools: &'a [Text], destinations: &'a [Text],
    instruction_sources: Vec<WireWord>, limits: Vec<WireLimit>,
    channel: WireChannelRule, delegation: WireDelegationRule, hours: WireHours<'a>,
} }

impl<'a> From<&'a AgentScope> for WireScope<'a> {
    fn from(s: &'a AgentScope) -> Self {
        WireScope {
            scope_id: &s.scope_id,
            tenant: &s.tenant,
            agent: WireAgent {
                id: &s.agent_id,
                kind: as_text(&s.agent_type),
            },
            status: WireWord(s.status.as_str()),
            task: WireTask::if_any(as_text(&s.task_id), as_text(&s.task_class)),
            purpose: as_text(&s.purpose),
            issuer: as_text(&s.issuer),
            principal: WireId::if_any(as_text(&s.principal_id)),
            credential_ids: non_empty(&s.credential_ids),
            parent: s.parent.as_ref().map(|parent| WireParent {
                agent_id: &parent.agent_id,
                scope_id: as_text(&parent.scope_id),
                act_chain: non_empty(&parent.act_chain),
            }),
            effective_from: s.effective_from_ms,
            expires_at: s.expires_at_ms,
            grants: non_empty(&s.grants).map(|list| list.iter().map(wire_grant).collect()),
            tools: non_empty(&s.tools),
            destinations: non_empty(&s.destinations),
            instruction_sources: non_empty(&s.instruction_sources)
                .map(|list| list.iter().map(|word| WireWord(word.as_str())).collect()),
            limits: non_empty(&s.limits).map(|list| list.iter().map(wire_limit).collect()),
            channel: s.channel.map(|rule| WireChannelRule {
                encrypted: rule.encrypted,
                authenticated: rule.authenticated,
            }),
            delegation: s.delegation.map(|rule| WireDelegationRule {
                allowed: rule.allowed,
                depth_max: rule.depth_max.map(WireInt),
                children_max: rule.children_max.map(WireInt),
            }),
            hours: s.hours.as_ref().map(wire_hours),
        }
    }
}

fn wire_grant(grant: &Grant) -> WireGrant<'_> {
    let verbs = non_empty(&grant.verbs);
    WireGrant {
        resource_types: &grant.resource_types,
        resource_ids: non_empty(&grant.resource_ids),
        verbs: verbs.map(|list| list.iter().map(|verb| WireWord(verb.as_str())).collect()),
        sensitivity_max: grant.sensitivity_max.map(|word| WireWord(word.as_str())),
        owners: non_empty(&grant.owners),
    }
}

fn wire_limit(limit: &Limit) -> WireLimit {
    WireLimit {
        measure: limit.measure.to_string(),
        window: limit.window_ms,
        max: limit.max,
    }
}

fn wire_hours(hours: &WorkingHours) -> WireHours<'_> {
    WireHours {
        days: non_empty(&hours.days),
        from: show_time_of_day(hours.from_min),
        to: show_time_of_day(hours.to_min),
        zone: as_text(&hours.zone),
    }
}

/// The target of a confirmation: its id, or its subject identifier where that is known.
fn wire_target(target: &ConfirmedTarget) -> serde_json::Value {
    let id = &target.id;
    match &target.subject {
        None => id.as_str().into(),
        Some(SubjectForm::JwtId { iss }) => {
            serde_json::json!({ "format": "jwt_id", "iss": iss, "jti": id })
        }
        Some(SubjectForm::IssSub { iss }) => {
            serde_json::json!({ "format": "iss_sub", "iss": iss, "sub": id })
        }
        Some(SubjectForm::Opaque) => serde_json::json!({ "format": "opaque", "id": id }),
    }
}

wire! { WireAcceptance {
    agent_type: &'a str,
    task_class: &'a str,
    resource_type: &'a str,
    verb: WireWord,
    resource_id: &'a str,
    destination: &'a str,
    tool: &'a str,
} }

fn wire_acceptance(accepted: &AcceptedUse) -> Option<WireAcceptance<'_>> {
    WireAcceptance::if_any(
        as_text(&accepted.agent_type),
        as_text(&accepted.task_class),
        as_text(&accepted.resource_type),
        accepted.verb.map(|verb| WireWord(verb.as_str())),
        as_text(&accepted.resource_id),
        as_text(&accepted.destination),
        as_text(&accepted.tool),
    )
}

record! { WireControl {
    tenant: &'a str, by: &'a str, at: i64, ;
    agent: WireAgent<'a>, reason: &'a str,
    decision: serde_json::Value, confirmation: serde_json::Value,
    withdrawal: serde_json::Value, verdict: serde_json::Value, budget: serde_json::Value,
    acceptance: WireAcceptance<'a>, learning: serde_json::Value,
    import: serde_json::Value,
} }

fn wire_import(import: &LearnedImport) -> serde_json::Value {
    let mut wire = serde_json::json!({ "state": import.state });
    if let Some(profile) = &import.profile {
        if !profile.agent_type.is_empty() {
            wire["agent_type"] = serde_json::json!(profile.agent_type);
        }
        wire["part"] = match &profile.part {
            ProfileKind::Peers => "peers".into(),
            ProfileKind::Unnamed => "unnamed".into(),
            ProfileKind::Class(class) => {
                wire["task_class"] = serde_json::json!(class);
                "class".into()
            }
        };
    }
    wire
}

fn wire_learning(command: &LearningCommand) -> serde_json::Value {
    let mut wire = match command.change {
        LearningChange::Freeze => serde_json::json!({ "command": "freeze" }),
        LearningChange::Unfreeze => serde_json::json!({ "command": "unfreeze" }),
        LearningChange::Reset { since_ms: None } => serde_json::json!({ "command": "reset" }),
        LearningChange::Reset { since_ms } => {
            serde_json::json!({ "command": "reset", "since": since_ms })
        }
    };
    match &command.target {
        LearningTarget::Agent => {}
        LearningTarget::Class(class) => wire["class"] = serde_json::json!(class),
        LearningTarget::Agents(selection) => wire["where"] = serde_json::json!(selection),
    }
    wire
}

impl<'a> From<&'a ControlRecord> for WireControl<'a> {
    fn from(control: &'a ControlRecord) -> Self {
        let mut wire = WireControl {
            tenant: &control.tenant,
            agent: (!control.agent_id.is_empty()).then(|| WireAgent {
                id: &control.agent_id,
                kind: None,
            }),
            by: &control.by,
            at: control.at_ms,
            reason: as_text(&control.reason),
            decision: None,
            confirmation: None,
            withdrawal: None,
            verdict: None,
            budget: None,
            acceptance: None,
            learning: None,
            import: None,
        };
        match &control.command {
            CommandKind::Decision { txn, decision } => {
                wire.decision = Some(serde_json::json!({ "txn": txn, "decision": decision }));
            }
            CommandKind::Confirmation {
                txn,
                target,
                result,
            } => {
                let mut object = serde_json::json!({ "txn": txn, "result": result });
                if let (Some(target), Some(map)) = (target, object.as_object_mut()) {
                    map.insert("target".into(), wire_target(target));
                }
                wire.confirmation = Some(object);
            }
            CommandKind::Withdrawal { txn } => {
                wire.withdrawal = Some(serde_json::json!({ "txn": txn }));
            }
            CommandKind::Verdict {
                incident_id,
                verdict,
            } => {
                wire.verdict =
                    Some(serde_json::json!({ "incident_id": incident_id, "verdict": verdict }));
            }
            CommandKind::Budget { command } => {
                wire.budget = Some(serde_json::json!({ "command": command }));
            }
            CommandKind::Acceptance(accepted) => wire.acceptance = wire_acceptance(accepted),
            CommandKind::Learning(command) => wire.learning = Some(wire_learning(command)),
            CommandKind::Import(import) => wire.import = Some(wire_import(import)),
        }
        wire
    }
}
