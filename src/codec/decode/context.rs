//! The state of decoding one record: the refusal, the number of unknown fields, the values built.

use serde::de::Error;

/// The state of decoding one record. The deserializers return their own error types, which cannot
/// tell a breach of the contract from malformed bytes; so a breach is recorded here.
#[derive(Debug, Default)]
pub(crate) struct DecodeContext {
    /// The first breach of the contract.
    pub(crate) refusal: Option<String>,
    /// Number of fields that the vocabulary does not have.
    pub(crate) unknown_fields: u32,
    /// Number of values built so far, at most [`super::tree::NODES_MAX`].
    pub(crate) nodes: usize,
}

impl DecodeContext {
    /// Records a breach of the contract and returns the error that stops the deserializer.
    #[cold]
    pub(crate) fn refuse<E: Error>(&mut self, message: String) -> E {
        self.refusal.get_or_insert(message);
        E::custom("refused")
    }

    pub(crate) fn count_unknown(&mut self) {
        self.unknown_fields = self.unknown_fields.saturating_add(1);
    }
}
