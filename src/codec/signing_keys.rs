//! The keys of a process: the one that signs, and those that are published.

use std::sync::Arc;

use serde_json::Value;

use super::keys::{PUBLISHED_MAX, PublicKey, TokenKey, jwk_set};
use super::set::TokenSigner;

/// The key that signs, and the set that is published. Whoever signs takes both at once, so that no
/// token is signed by a key that is not in the set.
#[derive(Debug, Clone, Default)]
pub struct SigningKeys {
    signer: Option<Arc<TokenSigner>>,
    /// The public half of the key that signs comes first. Each key once.
    published: Vec<PublicKey>,
}

impl SigningKeys {
    /// Keys of a process that signs with `key`, and publishes `others` too: the first of them, up
    /// to [`PUBLISHED_MAX`] in all.
    #[must_use]
    pub fn new(key: TokenKey, others: Vec<PublicKey>) -> Self {
        SigningKeys::with_signer(Arc::new(TokenSigner::new(key)), others)
    }

    /// The same signer with another published set.
    #[must_use]
    pub fn publishing(&self, others: Vec<PublicKey>) -> Self {
        match &self.signer {
            Some(signer) => SigningKeys::with_signer(Arc::clone(signer), others),
            None => SigningKeys::default(),
        }
    }

    fn with_signer(signer: Arc<TokenSigner>, others: Vec<PublicKey>) -> Self {
        let mut published = vec![signer.key().public().clone()];
        for key in others {
            let is_new = published.iter().all(|other| other.kid() != key.kid());
            if is_new && published.len() < PUBLISHED_MAX {
                published.push(key);
            }
        }
        SigningKeys {
            signer: Some(signer),
            published,
        }
    }

    /// `None`: requests are sent as unsigned JSON claims.
    #[must_use]
    pub fn signer(&self) -> Option<&TokenSigner> {
        self.signer.as_deref()
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> Option<&PublicKey> {
        self.signer().map(|signer| signer.key().public())
    }

    /// Whether receivers can know the key.
    #[must_use]
    pub fn publishes(&self, kid: &str) -> bool {
        self.published.iter().any(|key| key.kid() == kid)
    }

    #[must_use]
    pub fn published(&self) -> &[PublicKey] {
        &self.published
    }

    /// The JSON Web Key Set; `None` where nothing is signed.
    #[must_use]
    pub fn jwk_set(&self) -> Option<Value> {
        self.signer.as_ref()?;
        Some(jwk_set(&self.published.iter().collect::<Vec<_>>()))
    }
}

impl From<Option<TokenSigner>> for SigningKeys {
    fn from(signer: Option<TokenSigner>) -> Self {
        match signer {
            Some(signer) => SigningKeys::with_signer(Arc::new(signer), Vec::new()),
            None => SigningKeys::default(),
        }
    }
}
