//! The kinds of attack, their families, and the shipped rule that should detect each; and the kinds
//! of benign twins, which look like attacks and must cause no alert.

macro_rules! kinds {
    ($(
        $(#[$doc:meta])* $variant:ident = $family:literal / $name:literal => $rule:expr
    ),+ $(,)?) => {
        /// A kind of planted attack.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum AttackKind { $($(#[$doc])* $variant),+ }

        impl AttackKind {
            /// Every kind, grouped by family.
            pub const ALL: &'static [AttackKind] = &[$(AttackKind::$variant),+];

            /// The kind's name within its family.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(AttackKind::$variant => $name),+ }
            }

            /// The detection family of this kind, one of [`FAMILIES`].
            #[must_use]
            pub const fn family(self) -> &'static str {
                match self { $(AttackKind::$variant => $family),+ }
            }

            /// The shipped rule that should fire; `None` if this version ships no rule for the
            /// kind.
            #[must_use]
            pub const fn expected_rule(self) -> Option<&'static str> {
                match self { $(AttackKind::$variant => $rule),+ }
            }
        }
    };
}

/// The detection families.
pub const FAMILIES: [&str; 10] = [
    "scope",
    "delegation",
    "credential",
    "instruction",
    "channel",
    "volume",
    "behaviour",
    "policy",
    "risk",
    "fleet",
];

kinds! {
    UndeclaredAgent = "scope" / "undeclared-agent" => Some("scope/undeclared-agent"),
    UnmappedTool = "scope" / "unmapped-tool" => Some("scope/unmapped-tool"),
    ResourceType = "scope" / "resource-type-outside-scope"
        => Some("scope/resource-type-outside-scope"),
    VerbOutsideGrant = "scope" / "verb-outside-grant" => Some("scope/verb-outside-grant"),
    DestructiveVerb = "scope" / "destructive-verb-outside-grant"
        => Some("scope/destruction-or-egress-outside-scope"),
    Sensitivity = "scope" / "sensitivity-above-ceiling" => Some("scope/sensitivity-above-ceiling"),
    ResourceId = "scope" / "resource-id-outside-grant" => Some("scope/resource-id-outside-grant"),
    Owner = "scope" / "owner-outside-grant" => Some("scope/owner-outside-grant"),
    Tool = "scope" / "tool-outside-scope" => Some("scope/tool-outside-scope"),
    Destination = "scope" / "destination-outside-scope" => Some("scope/destination-outside-scope"),
    EgressDestination = "scope" / "egress-to-destination-outside-scope"
        => Some("scope/egress-to-destination-outside-scope"),
    InstructionSource = "scope" / "instruction-source-outside-scope"
        => Some("scope/instruction-source-outside-scope"),
    ChannelBelow = "scope" / "channel-below-scope" => Some("scope/channel-below-scope"),
    DelegationOutside = "scope" / "delegation-outside-scope"
        => Some("scope/delegation-outside-scope"),
    LimitExceeded = "scope" / "limit-exceeded" => Some("scope/limit-exceeded"),
    Expired = "scope" / "expired" => Some("scope/scope-expired"),
    NotYetValid = "scope" / "not-yet-valid" => Some("scope/scope-not-yet-valid"),
    Suspended = "scope" / "suspended" => Some("scope/scope-suspended"),
    AfterTaskEnd = "scope" / "action-after-task-end" => Some("scope/action-after-task-end"),
    AfterRevocation = "scope" / "action-after-revocation" => Some("scope/action-after-revocation"),
    OutsideHours = "scope" / "outside-declared-hours" => Some("scope/outside-declared-hours"),

    ChildWider = "delegation" / "child-wider-than-parent"
        => Some("delegation/child-wider-than-parent"),
    ParentNarrowed = "delegation" / "parent-narrowed"
        => Some("delegation/child-wider-than-parent"),
    Ambient = "delegation" / "ambient-authority" => Some("delegation/ambient-authority"),
    Orphan = "delegation" / "orphan" => Some("delegation/orphan"),
    ParentRevoked = "delegation" / "parent-revoked" => Some("delegation/parent-revoked"),
    /// A child with a child of its own acts after the revocation of its parent.
    ParentRevokedTree = "delegation" / "parent-revoked-with-children"
        => Some("delegation/parent-revoked-with-children"),
    /// A child acts while the identity system is silent about a request for its parent. It needs a
    /// response policy that sends requests.
    ParentRequested = "delegation" / "parent-revocation-requested"
        => Some("delegation/parent-revocation-requested"),
    ChainMalformed = "delegation" / "malformed-chain" => Some("delegation/malformed-chain"),
    ChainCyclic = "delegation" / "cyclic-chain" => Some("delegation/cyclic-chain"),
    ChainTruncated = "delegation" / "truncated-chain" => Some("delegation/truncated-chain"),
    Depth = "delegation" / "depth-over-limit" => Some("delegation/depth-over-limit"),
    FanOut = "delegation" / "fan-out-over-limit" => Some("delegation/fan-out-over-limit"),
    SpawnStorm = "delegation" / "spawn-storm" => Some("delegation/spawn-storm"),
    WidenThenUse = "delegation" / "widen-then-use" => Some("delegation/widened-then-used"),
    /// A child passes a part of its task on, with a narrower scope.
    TwinNarrower = "delegation" / "narrower-re-delegation" => None,
    /// A parent that ends after its child.
    TwinParentLast = "delegation" / "parent-ends-after-child" => None,
    /// An agent with a child gets a new parent, and then the old one is revoked.
    TwinNewParent = "delegation" / "new-parent-before-revocation" => None,
    /// The child of a parent for which the identity system refused a request.
    TwinRefusedParent = "delegation" / "refused-request-for-parent" => None,

    Forwarded = "credential" / "forwarded" => Some("credential/forwarded"),
    Reused = "credential" / "reused" => Some("credential/reused-across-tasks"),
    CredentialExpired = "credential" / "expired" => Some("credential/expired"),
    LongLifetime = "credential" / "long-lifetime" => Some("credential/long-lifetime"),
    OtherKey = "credential" / "bound-to-another-key" => Some("credential/bound-elsewhere"),
    NotInScope = "credential" / "not-in-scope" => Some("credential/not-in-scope"),
    SessionCarryOver = "credential" / "session-carry-over"
        => Some("credential/session-carry-over"),
    /// A credential that is replaced in the middle of a task.
    TwinRotated = "credential" / "rotated-credential" => None,
    /// Two agents with a service credential that is declared as shared.
    TwinShared = "credential" / "shared-service-credential" => None,
    /// A call that is repeated through a second gateway within a second.
    TwinGateway = "credential" / "retry-through-second-gateway" => None,

    UntrustedInstruction = "instruction" / "untrusted-data" => None,
    /// Something is deleted right after an untrusted page, which the class never does.
    DestroyAfterUntrusted = "instruction" / "destruction-after-untrusted"
        => Some("instruction/destruction-or-egress-after-untrusted"),
    Trifecta = "instruction" / "trifecta" => Some("instruction/trifecta"),
    TreeTrifecta = "instruction" / "tree-trifecta" => Some("instruction/trifecta-in-tree"),
    /// Something is shared with a new destination right after an untrusted page.
    ShareAfterUntrusted = "instruction" / "share-after-untrusted"
        => Some("instruction/new-destination-after-untrusted"),
    NewDestination = "instruction" / "new-destination-after-untrusted"
        => Some("behaviour/evidence-alert"),
    /// The usual work of a class that reads untrusted content, in another order.
    TwinReordered = "instruction" / "usual-work-in-another-order" => None,
    /// A desk reads a ticket, looks the customer up and answers the customer.
    TwinReply = "instruction" / "reply-to-customer" => None,
    /// The same in a tree: a child reads the page, its parent answers the customer.
    TwinTreeReply = "instruction" / "reply-from-a-tree" => None,

    Unauthenticated = "channel" / "unauthenticated" => Some("channel/unauthenticated"),
    Unencrypted = "channel" / "unencrypted" => Some("channel/unencrypted"),

    ActionSpike = "volume" / "actions-spike" => Some("volume/actions-spike"),
    RecordSpike = "volume" / "records-spike" => None,
    BytesSpike = "volume" / "bytes-out-spike" => None,
    TokenSpike = "volume" / "tokens-spike" => None,
    CostSpike = "volume" / "cost-spike" => None,
    ResourceSpike = "volume" / "distinct-resources-spike" => None,
    DeniedSpike = "volume" / "denied-spike" => None,
    ErrorSpike = "volume" / "errors-spike" => None,
    SpawnSpike = "volume" / "spawns-spike" => None,
    SlowDrift = "volume" / "slow-drift" => None,
    Silence = "volume" / "silence" => None,

    /// Records of a gateway that numbers them do not come. First of the family, because it takes
    /// a quarter of an hour until that is known.
    GatewayGap = "behaviour" / "gateway-gap" => Some("behaviour/gateway-gap"),
    /// A gateway that writes some of its records a minute later.
    TwinLateRecords = "behaviour" / "late-records" => None,
    Enumeration = "behaviour" / "enumeration" => Some("behaviour/enumeration"),
    DeniedThenSuccess = "behaviour" / "denied-burst-then-success"
        => Some("behaviour/denied-burst-then-success"),
    /// A call that is denied a few times, and then allowed.
    TwinRetry = "behaviour" / "retry-after-denial" => None,
    /// A call that fails on one resource until it is there.
    TwinRetrySame = "behaviour" / "retry-of-one-resource" => None,
    DestroyBurst = "behaviour" / "destroy-burst" => None,
    PurposeDrift = "behaviour" / "purpose-drift" => Some("behaviour/purpose-drift"),
    /// A task that makes one kind of the calls of its class, again and again.
    TwinOneKind = "behaviour" / "one-kind-of-call" => None,
    Loop = "behaviour" / "loop" => Some("behaviour/loop-of-identical-calls"),
    /// A task that asks once a minute whether something has finished.
    TwinPoller = "behaviour" / "poll-once-a-minute" => None,
    VersionChanged = "behaviour" / "version-changed-in-task"
        => Some("behaviour/version-changed-in-task"),
    /// A new version that begins with a new task and a new credential.
    TwinRollOut = "behaviour" / "roll-out" => None,
    /// The usual work by a model that no task of the class used.
    OtherModel = "behaviour" / "first-seen-model" => Some("behaviour/first-seen-model-class"),
    /// The usual work, routed between the models of the class in another way.
    TwinRouted = "behaviour" / "routed-between-models" => None,
    FirstTool = "behaviour" / "first-seen-tool" => None,
    FirstResource = "behaviour" / "first-seen-resource" => None,
    FirstTypeVerb = "behaviour" / "first-seen-type-verb" => None,
    FirstDestination = "behaviour" / "first-seen-destination" => None,
    FirstHour = "behaviour" / "first-seen-hour" => None,

    EnforcementGap = "policy" / "enforcement-gap" => None,
    NoDecision = "policy" / "no-decision" => None,

    RiskBuildUp = "risk" / "build-up" => None,

    Storm = "fleet" / "storm" => None,
}

impl AttackKind {
    /// The kinds of `family`. Empty if there is no such family.
    #[must_use]
    pub fn of_family(family: &str) -> Vec<AttackKind> {
        AttackKind::ALL
            .iter()
            .copied()
            .filter(|kind| kind.family() == family)
            .collect()
    }

    /// The kinds for which this version ships a rule, and the benign twins. Kinds of one family
    /// are spread over the list, because they need the same agents.
    #[must_use]
    pub fn judged() -> Vec<AttackKind> {
        let judged = |kind: &AttackKind| kind.expected_rule().is_some() || kind.is_benign();
        let mut families: Vec<Vec<AttackKind>> = FAMILIES
            .iter()
            .map(|family| AttackKind::of_family(family))
            .collect();
        let longest = families.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let mut spread: Vec<(usize, AttackKind)> = Vec::new();
        for family in &mut families {
            family.retain(judged);
            let count = family.len().max(1);
            let each = family.iter().enumerate();
            spread.extend(each.map(|(index, kind)| (index * longest / count, *kind)));
        }
        spread.sort_by_key(|(at, _)| *at);
        spread.into_iter().map(|(_, kind)| kind).collect()
    }

    /// Whether this is a benign twin: it looks like an attack and is none.
    #[must_use]
    pub const fn is_benign(self) -> bool {
        matches!(
            self,
            AttackKind::TwinGateway
                | AttackKind::TwinLateRecords
                | AttackKind::TwinNarrower
                | AttackKind::TwinParentLast
                | AttackKind::TwinNewParent
                | AttackKind::TwinRefusedParent
                | AttackKind::TwinReordered
                | AttackKind::TwinReply
                | AttackKind::TwinRetry
                | AttackKind::TwinRetrySame
                | AttackKind::TwinPoller
                | AttackKind::TwinOneKind
                | AttackKind::TwinRollOut
                | AttackKind::TwinRouted
                | AttackKind::TwinTreeReply
                | AttackKind::TwinRotated
                | AttackKind::TwinShared
        )
    }

    /// Whether an alert is about the gateway: it names no agent of the attack, and the gateway is
    /// among the accomplices.
    #[must_use]
    pub const fn is_about_gateway(self) -> bool {
        matches!(self, AttackKind::GatewayGap | AttackKind::TwinLateRecords)
    }

    /// Whether scope records of the attack are wrong by themselves. Then an alert may name no
    /// action of the attack.
    #[must_use]
    pub const fn has_wrong_scopes(self) -> bool {
        matches!(self, AttackKind::ChildWider | AttackKind::ParentNarrowed)
    }
}

impl std::fmt::Display for AttackKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.family(), self.name())
    }
}
