//! What of an action is compared with profiles: hashes of what it used.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;
use smallvec::{SmallVec, smallvec};

use super::effect::{ActionImpact, is_fetch_verb};
use crate::event::{ActionField, AgentAction, Text, Verb};
use crate::text::normal::{Destination, Host, is_repository};

/// What of an action is compared with profiles. Its fields are in normal form already.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActionTraits {
    pub impact: ActionImpact,
    pub verb: Verb,
    /// Resource type and verb.
    pub pair: u64,
    /// The destinations outside, each with its hash.
    pub external: SmallVec<[u64; 2]>,
    /// Resource type and id, if it has an id that can be followed.
    pub resource: Option<u64>,
    /// The resource id, compared as a destination.
    pub resource_as_destination: Option<u64>,
    pub tool: Option<u64>,
    pub model: Option<u64>,
}

/// The bits of an object that are those of its pair: objects of one pair are neighbours.
const OBJECT_PAIR: u64 = 0xffff << 48;
/// The bit of an object that its task had used before.
const OBJECT_USED: u64 = 1 << 47;

/// What a hash is of: equal texts of two kinds have different hashes.
#[derive(Clone, Copy)]
enum TraitKind {
    Pair,
    Destination,
    Resource,
    Tool,
    Name,
    Model,
}

impl ActionTraits {
    /// Reads the traits of an action. `is_internal`: the operator's own destinations.
    #[must_use]
    pub fn of_action(
        action: &AgentAction,
        is_internal: &dyn Fn(&Destination<'_>) -> bool,
    ) -> ActionTraits {
        let impact = ActionImpact::of_action(action);
        let external = external_destinations(action, is_internal);
        let id = action.resource_id.as_deref().filter(|id| !id.is_empty());
        // Only of what leaves or destroys a new resource counts as evidence.
        let compared = id.filter(|_| impact.is_grave() && !external.is_empty());
        ActionTraits {
            impact,
            verb: action.action_verb,
            pair: hash_parts(
                TraitKind::Pair,
                &action.resource_type,
                action.action_verb.as_str(),
            ),
            external,
            resource: id.map(|id| hash_parts(TraitKind::Resource, &action.resource_type, id)),
            resource_as_destination: compared.and_then(|id| {
                destination_hash(&read_repository(id).unwrap_or_else(|| Destination::read(id)))
            }),
            tool: non_empty(&action.tool_name).map(|tool| hash_parts(TraitKind::Tool, tool, "")),
            model: model_of(action).map(|model| hash_parts(TraitKind::Model, model, "")),
        }
    }

    /// The resource of what leaves or is destroyed.
    #[must_use]
    pub fn grave_resource(&self) -> Option<u64> {
        self.resource.filter(|_| self.impact.is_grave())
    }

    /// The pair with the resource, of what leaves or is destroyed. `used_before`: by the same task.
    #[must_use]
    pub fn object(&self, used_before: bool) -> Option<u64> {
        let resource = self.grave_resource()?;
        let first = objects_of(self.pair, used_before).0;
        Some(first | resource & !(OBJECT_PAIR | OBJECT_USED))
    }

    /// Whether the action changes something, or fetches something from outside.
    #[must_use]
    pub fn is_weighed(&self) -> bool {
        self.impact.is_side_effect() || is_fetch_verb(self.verb) && !self.external.is_empty()
    }
}

/// The first and the last object of a pair that its task had used before, or had not.
pub(super) fn objects_of(pair: u64, used_before: bool) -> (u64, u64) {
    let used = if used_before { OBJECT_USED } else { 0 };
    let first = pair & OBJECT_PAIR | used;
    (first, first | !(OBJECT_PAIR | OBJECT_USED))
}

/// A hash of a name that only need be recognised: of an agent, a task or a class.
#[must_use]
pub fn hash_text(text: &str) -> u64 {
    hash_parts(TraitKind::Name, text, "")
}

/// Eight bytes: whoever looks for a second text with a known hash has to try 2^64 of them. Every
/// partition computes the same.
fn hash_parts(kind: TraitKind, one: &str, other: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(kind as u64, 0);
    hasher.write(one.as_bytes());
    // No text has this byte, so the parts cannot run into each other.
    hasher.write_u8(0xff);
    hasher.write(other.as_bytes());
    hasher.finish()
}

/// The model of an action. A name that cannot be read is one that nobody used: an agent that writes
/// it could hide its model otherwise.
fn model_of(action: &AgentAction) -> Option<&str> {
    const UNREADABLE: &str = "\u{fffd}";
    let unreadable = action.is_malformed(ActionField::AGENT_MODEL);
    non_empty(&action.agent_model).or(unreadable.then_some(UNREADABLE))
}

/// The destinations of an action that are not known to be inside, each once.
fn external_destinations(
    action: &AgentAction,
    is_internal: &dyn Fn(&Destination<'_>) -> bool,
) -> SmallVec<[u64; 2]> {
    let mut found = SmallVec::new();
    if action.destination_external == Some(false) {
        return found;
    }
    let host = non_empty(&action.destination_host);
    let address = non_empty(&action.destination_address);
    let mut add = |one: &Destination<'_>| {
        let is_private = one.host().is_some_and(Host::is_private);
        if let Some(hash) = destination_hash(one)
            && !is_private
            && !is_internal(one)
            && !found.contains(&hash)
        {
            found.push(hash);
        }
    };
    let repository = address.and_then(read_repository);
    let addresses = match repository {
        Some(repository) => smallvec![repository],
        None => address.map(Destination::read_each).unwrap_or_default(),
    };
    // An address that is a mailbox or an account says more than the host that it is at.
    let exact = |one: &Destination<'_>| !matches!(one, Destination::Host(_));
    let has_exact = addresses.iter().any(exact);
    if host.is_none() || has_exact {
        addresses.iter().for_each(&mut add);
    }
    let hosts = host.map(Destination::read_each).unwrap_or_default();
    for one in &hosts {
        let covered = has_exact && addresses.iter().any(|address| address.host() == one.host());
        if !covered {
            add(one);
        }
    }
    found
}

/// A repository in its most exact form: another one of the same owner is another destination.
fn read_repository(text: &str) -> Option<Destination<'_>> {
    is_repository(text).then(|| Destination::Account(text.to_ascii_lowercase().into()))
}

/// The hash of a destination in its most exact form. A text that nobody can read has none.
fn destination_hash(destination: &Destination<'_>) -> Option<u64> {
    let hash = |one: &str, other: &str| hash_parts(TraitKind::Destination, one, other);
    Some(match destination {
        Destination::Host(host) => hash(&host_text(host), ""),
        Destination::Mailbox { account, host } => hash(&host_text(host), account),
        Destination::Account(account) => hash(account, ""),
        Destination::Invalid => return None,
    })
}

/// A host without `www.`.
fn host_text(host: &Host<'_>) -> Text {
    match host {
        Host::Name(name) => name.strip_prefix("www.").unwrap_or(name).into(),
        Host::Address(address) => Text::from(address.to_string()),
    }
}

fn non_empty(text: &Option<Text>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}
