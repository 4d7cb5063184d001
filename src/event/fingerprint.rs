//! The short stand-in for a text that is remembered only to be known again.

/// First eight bytes of blake3: nothing an agent could learn from, and too wide for it to find two
/// texts with one fingerprint. Part of stored state.
#[must_use]
pub fn fingerprint(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes()
        .first_chunk()
        .map_or(0, |short| u64::from_le_bytes(*short))
}
