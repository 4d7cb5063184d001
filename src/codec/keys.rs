//! The keys that sign revocation requests: Ed25519 in PKCS#8 PEM, and the JWKS with which receivers
//! verify the signatures.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Why a key was refused.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The text is not an Ed25519 private key in PKCS#8 PEM.
    #[error("not an Ed25519 private key in PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`): {0}")]
    Pem(String),
}

/// A private key and the key id (`kid`) of its public half. `Debug` prints the key id only.
pub struct TokenKey {
    signing: SigningKey,
    kid: String,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl TokenKey {
    /// The key derived from a seed. The caller draws the seed: this room uses no randomness.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> TokenKey {
        TokenKey::new(SigningKey::from_bytes(seed))
    }

    /// Reads PKCS#8 PEM, as [`TokenKey::to_pem`] and `openssl genpkey -algorithm ed25519` write it.
    ///
    /// # Errors
    /// [`KeyError::Pem`] for any other text. The message never contains the text.
    pub fn from_pem(text: &str) -> Result<TokenKey, KeyError> {
        let signing = SigningKey::from_pkcs8_pem(text.trim())
            .map_err(|error| KeyError::Pem(error.to_string()))?;
        Ok(TokenKey::new(signing))
    }

    /// Writes PKCS#8 PEM version 1, without the public key, which every tool can read.
    ///
    /// # Errors
    /// [`KeyError::Pem`] if the encoder refuses the key; it accepts every Ed25519 key.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let pair = KeypairBytes {
            secret_key: self.signing.to_bytes(),
            public_key: None,
        };
        let pem = pair
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| KeyError::Pem(error.to_string()))?;
        Ok(pem.to_string())
    }

    fn new(signing: SigningKey) -> TokenKey {
        let x = URL_SAFE_NO_PAD.encode(signing.verifying_key().as_bytes());
        // RFC 7638: the required members in lexicographic order, no white space.
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()));
        TokenKey { signing, kid }
    }

    /// The key id: the JWK thumbprint of RFC 7638.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": URL_SAFE_NO_PAD.encode(self.signing.verifying_key().as_bytes()),
            "kid": self.kid,
            "use": "sig",
            "alg": "EdDSA",
        })
    }

    /// The signature of `message`. Ed25519 is deterministic: the same message gives the same bytes.
    pub(super) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

/// The JSON Web Key Set of the current key and of the earlier keys that are still trusted.
#[must_use]
pub fn jwk_set(keys: &[&TokenKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_pem() {
        let key = TokenKey::from_seed(&[7; 32]);
        let pem = key.to_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(TokenKey::from_pem(&pem).unwrap().kid(), key.kid());
        assert!(
            TokenKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
                .is_err()
        );
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037_appendix_a() {
        let seed = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let key = TokenKey::from_seed(&seed.try_into().unwrap());
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(
            key.jwk()["x"],
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        );
    }
}
