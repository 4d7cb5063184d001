//! The fields of an action as they are named on the wire: one table for both forms.

/// Declares every field once: its variant, its group and its name within the group.
macro_rules! fields {
    (
        top { $($top:ident = $top_name:literal,)+ }
        $($group:ident = $group_name:literal { $($field:ident = $leaf:literal,)+ })+
    ) => {
        /// A field of an action.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Field { $($top,)+ $($($field,)+)+ }

        /// A group of fields: a nested object in JSON, a nested record in Avro.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Group { $($group,)+ }

        impl Field {
            /// Every field, in the order of the schema's groups.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Field] = &[$(Field::$top,)+ $($(Field::$field,)+)+];

            /// The dotted name: the one rules and messages use.
            pub(crate) const fn path(self) -> &'static str {
                match self {
                    $(Field::$top => $top_name,)+
                    $($(Field::$field => concat!($group_name, ".", $leaf),)+)+
                }
            }
        }

        impl Group {
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Group::$group => $group_name,)+ }
            }

            fn named(name: &str) -> Option<Self> {
                match name { $($group_name => Some(Group::$group),)+ _ => None }
            }

            /// The field `leaf` of this group.
            pub(crate) fn field(self, leaf: &str) -> Option<Field> {
                match self {
                    $(Group::$group => match leaf {
                        $($leaf => Some(Field::$field),)+
                        _ => None,
                    },)+
                }
            }
        }

        fn top(name: &str) -> Option<Field> {
            match name { $($top_name => Some(Field::$top),)+ _ => None }
        }
    };
}

fields! {
    top {
        EventId = "event_id", OccurredAt = "occurred_at", Tenant = "tenant",
        LatencyUs = "latency_us", Outcome = "outcome",
    }
    Agent = "agent" { AgentId = "id", AgentType = "type", AgentVersion = "version", }
    Principal = "principal" { PrincipalId = "id", }
    Gateway = "gateway" { GatewayId = "id", }
    Task = "task" { TaskId = "id", TaskClass = "class", TaskPurpose = "purpose", }
    Session = "session" { SessionId = "id", }
    Instruction = "instruction" { InstructionSource = "source", InstructionRef = "ref", }
    Credential = "credential" {
        CredentialId = "id", CredentialIssuer = "issuer", CredentialKind = "kind",
        CredentialIssuedAt = "issued_at", CredentialExpiresAt = "expires_at",
        CredentialBoundTo = "bound_to",
    }
    Delegation = "delegation" { DelegationChain = "chain", DelegationState = "state", }
    Tool = "tool" { ToolName = "name", ToolServer = "server", }
    Action = "action" { ActionVerb = "verb", ActionOperation = "operation", }
    Resource = "resource" {
        ResourceType = "type", ResourceId = "id", ResourceOwner = "owner",
        ResourceSensitivity = "sensitivity",
    }
    Destination = "destination" {
        DestinationHost = "host", DestinationAddress = "address", DestinationExternal = "external",
    }
    Volume = "volume" {
        VolumeRecords = "records", VolumeBytesIn = "bytes_in", VolumeBytesOut = "bytes_out",
        VolumeTokensIn = "tokens_in", VolumeTokensOut = "tokens_out", VolumeCostUsd = "cost_usd",
    }
    Policy = "policy" { PolicyDecisionId = "decision_id", }
    Channel = "channel" {
        ChannelEncrypted = "encrypted", ChannelAuthenticated = "authenticated",
        ChannelPeerId = "peer_id", ChannelNetwork = "network",
    }
    Content = "content" { ContentUntrusted = "untrusted", ContentPrivate = "private", }
    Trace = "trace" { TraceId = "id", }
    Span = "span" { SpanId = "id", }
    Event = "event" { EventSchemaVersion = "schema_version", }
}

/// What a name at the top of a record stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Field(Field),
    Group(Group),
    Unknown,
}

impl Slot {
    /// Reads a name at the top of a record: a field, a group, or a dotted `group.field`.
    pub(crate) fn at_top(name: &str) -> Self {
        if let Some(group) = Group::named(name) {
            return Slot::Group(group);
        }
        let field = match name.split_once('.') {
            None => top(name),
            Some((group, leaf)) => Group::named(group).and_then(|group| group.field(leaf)),
        };
        field.map_or(Slot::Unknown, Slot::Field)
    }
}

/// The field with this dotted name, for the measures of declared limits.
pub(crate) fn by_path(path: &str) -> Option<Field> {
    match Slot::at_top(path) {
        Slot::Field(field) => Some(field),
        Slot::Group(_) | Slot::Unknown => None,
    }
}
