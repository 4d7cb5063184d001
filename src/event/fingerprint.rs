//! A short hash that is stored instead of a text which need only be recognised.

/// The first eight bytes of blake3, little-endian. An agent learns nothing from it, and cannot find
/// two texts with the same fingerprint by trial. It is part of stored state.
#[must_use]
pub fn text_fingerprint(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes()
        .first_chunk()
        .map_or(0, |short| u64::from_le_bytes(*short))
}
