//! Where a credential was used last: the peer, gateway and network of the channel.

use serde::{Deserialize, Serialize};

use crate::event::{ActionField, AgentAction, Network, text_fingerprint};

/// Two uses of one credential from two networks within this time, milliseconds, are at once: no
/// workload moves so fast.
pub const TWO_NETWORKS_MS: i64 = 60_000;

/// The channel of the last accepted use of a credential; fingerprints, 0: not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct ChannelEnd {
    /// See [`end_mark`].
    peer: u64,
    gateway: u64,
    network: Option<Network>,
    /// When it was used over that network.
    at_ms: i64,
}

/// Low bits of an end's mark: what kind of name it is.
const KIND_MASK: u64 = 0xff;

/// The mark of a key or workload: the fingerprint of its name, and in the low bits that of the kind
/// of name: what stands before `:`, as in `spiffe://…` or `sha256:…`.
pub(super) fn end_mark(name: &str) -> u64 {
    let kind = name.split_once(':').map_or("", |(kind, _)| kind);
    let kind = text_fingerprint(kind) & KIND_MASK;
    // Never 0, which says that nothing is known.
    (text_fingerprint(name) & !KIND_MASK | kind).max(1)
}

/// Whether two marks are those of two ends. Names of two kinds may name one end: the digest of a
/// key and the id of the workload that has it are not comparable.
pub(super) const fn is_other_end(one: u64, other: u64) -> bool {
    one != 0 && other != 0 && one != other && one & KIND_MASK == other & KIND_MASK
}

/// Whether the names of two keys or workloads are of one kind, and two names.
#[must_use]
pub fn is_other_end_name(one: &str, other: &str) -> bool {
    let kind = |name: &'_ str| name.find(':');
    let same_kind = kind(one) == kind(other)
        && kind(one).is_none_or(|end| one.as_bytes().get(..end) == other.as_bytes().get(..end));
    one != other && same_kind
}

impl ChannelEnd {
    pub(super) fn of_action(action: &AgentAction, at_ms: i64) -> Self {
        let peer = action.channel_peer_id.as_deref();
        let peer = peer.filter(|_| !action.is_malformed(ActionField::CHANNEL_PEER_ID));
        let gateway = action.gateway_id.as_deref();
        let gateway = gateway.filter(|_| !action.is_malformed(ActionField::GATEWAY_ID));
        ChannelEnd {
            peer: peer.map_or(0, end_mark),
            gateway: gateway.map_or(0, text_fingerprint),
            network: action.channel_network,
            at_ms,
        }
    }

    /// Reads one word, to bring it into the processor's cache.
    pub(super) const fn prefetch(&self) -> u64 {
        self.peer ^ self.at_ms as u64
    }

    /// Notes one more use over the same channel.
    pub(super) fn note_time(&mut self, at_ms: i64) {
        if self.network.is_some() {
            self.at_ms = self.at_ms.max(at_ms);
        }
    }

    /// Whether `next` has another peer.
    pub(super) const fn is_other_peer(&self, next: &ChannelEnd) -> bool {
        is_other_end(self.peer, next.peer)
    }

    /// Whether `next` is another network at the same time, seen by another gateway or with another
    /// peer. One gateway may report the network of each call that it passes on, and one peer may
    /// have two networks.
    pub(super) fn is_elsewhere(&self, next: &ChannelEnd) -> bool {
        let (Some(before), Some(now)) = (self.network, next.network) else {
            return false;
        };
        let other_gateway = self.gateway != 0 && next.gateway != 0 && self.gateway != next.gateway;
        let same_peer = self.peer != 0 && self.peer == next.peer;
        before != now
            && self.at_ms.abs_diff(next.at_ms) <= TWO_NETWORKS_MS.unsigned_abs()
            && (self.is_other_peer(next) || other_gateway && !same_peer)
    }

    /// Replaces the channel with that of a later use; what it does not say stays.
    pub(super) fn replace_with(&mut self, next: ChannelEnd) {
        if next.peer != 0 {
            self.peer = next.peer;
        }
        if next.network.is_some() {
            (self.gateway, self.network) = (next.gateway, next.network);
            self.at_ms = self.at_ms.max(next.at_ms);
        }
    }
}
