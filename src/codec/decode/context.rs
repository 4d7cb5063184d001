//! What one decoding run carries beside the value: the refusal, if any, and the unknown fields.

use serde::de::Error;

/// The state of one run. The decoders of both forms know only their own error type, so a breach of
/// the contract is kept here, where it cannot be mistaken for malformed bytes.
#[derive(Debug, Default)]
pub(crate) struct DecodeContext {
    /// The first breach of the contract.
    pub(crate) refusal: Option<String>,
    /// Fields that the vocabulary does not have.
    pub(crate) unknown_fields: u32,
    /// Values built so far, against [`super::tree::NODES_MAX`].
    pub(crate) nodes: usize,
}

impl DecodeContext {
    /// Notes a breach and makes the error that stops the decoder.
    #[cold]
    pub(crate) fn refuse<E: Error>(&mut self, message: String) -> E {
        self.refusal.get_or_insert(message);
        E::custom("refused")
    }

    pub(crate) fn count_unknown(&mut self) {
        self.unknown_fields = self.unknown_fields.saturating_add(1);
    }
}
