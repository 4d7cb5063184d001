//! The keys that sign revocation requests: EdDSA (Ed25519), ES256 (P-256) and RS256, and the JWKS
//! with which receivers verify the signatures. The algorithm is that of the key.
//!
//! All three are deterministic: the same request gives the same bytes, also when it is judged again
//! after a crash. That leaves RFC 6979 for ES256 and PKCS#1 v1.5 for RS256.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, KeypairBytes};
use p256::pkcs8::EncodePrivateKey as _;
use rsa::signature::Signer as _;
use rsa::traits::PublicKeyParts;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use super::key_pem::KeyError;
use super::key_pem::{self, PublicPart, SecretKey};
use super::rs256::{Rs256Key, SecretBytes};

/// Keys that are published at once, the one that signs included. Receivers look at each.
pub const PUBLISHED_MAX: usize = 16;

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    EdDsa,
    Es256,
    Rs256,
}

impl KeyAlgorithm {
    pub const ALL: [KeyAlgorithm; 3] = [
        KeyAlgorithm::EdDsa,
        KeyAlgorithm::Es256,
        KeyAlgorithm::Rs256,
    ];

    /// The name of the algorithm in JOSE headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyAlgorithm::EdDsa => "EdDSA",
            KeyAlgorithm::Es256 => "ES256",
            KeyAlgorithm::Rs256 => "RS256",
        }
    }
}

/// A message could not be signed: the arithmetic of the machine went wrong.
#[derive(Debug, Error)]
#[error("the key {kid} gave a signature that does not verify; the machine computes wrongly")]
pub struct SignError {
    kid: String,
}

/// The public half of a key. It has no private member, so none can be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: KeyAlgorithm,
    kid: String,
    /// The members that RFC 7638 demands, in lexicographic order.
    members: Vec<(&'static str, String)>,
}

impl PublicKey {
    /// Reads the public half of a key from PEM, as `openssl pkey -pubout` writes it, or of a
    /// private key.
    ///
    /// # Errors
    /// [`KeyError`] when the text holds no key, several, or one that cannot be used here. The
    /// message never contains the text.
    pub fn from_pem(text: &str) -> Result<PublicKey, KeyError> {
        match key_pem::read_public(text)? {
            PublicPart::Private(secret) => Ok(TokenKey::new(secret).public),
            PublicPart::EdDsa(key) => Ok(PublicKey::of_ed25519(&key)),
            PublicPart::Es256(key) => Ok(PublicKey::of_p256(&key.into())),
            PublicPart::Rs256(key) => Ok(PublicKey::of_rsa(&key)),
        }
    }

    /// The key id: the JWK thumbprint of RFC 7638.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = Map::new();
        for (name, value) in &self.members {
            jwk.insert((*name).to_owned(), value.as_str().into());
        }
        jwk.insert("kid".into(), self.kid.as_str().into());
        jwk.insert("use".into(), "sig".into());
        jwk.insert("alg".into(), self.algorithm.as_str().into());
        Value::Object(jwk)
    }

    fn new(algorithm: KeyAlgorithm, members: Vec<(&'static str, String)>) -> PublicKey {
        // RFC 7638: the required members in lexicographic order, no white space. No value needs an
        // escape: they are names and base64url.
        let each: Vec<String> = members
            .iter()
            .map(|(name, value)| format!(r#""{name}":"{value}""#))
            .collect();
        let canonical = format!("{{{}}}", each.join(","));
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()));
        PublicKey {
            algorithm,
            kid,
            members,
        }
    }

    fn of_ed25519(key: &ed25519_dalek::VerifyingKey) -> PublicKey {
        let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
        let members = vec![("crv", "Ed25519".into()), ("kty", "OKP".into()), ("x", x)];
        PublicKey::new(KeyAlgorithm::EdDsa, members)
    }

    fn of_p256(key: &p256::ecdsa::VerifyingKey) -> PublicKey {
        let point = key.to_encoded_point(false);
        let [x, y] = [point.x(), point.y()]
            .map(|half| URL_SAFE_NO_PAD.encode(half.map(|half| &half[..]).unwrap_or_default()));
        let members = vec![
            ("crv", "P-256".into()),
            ("kty", "EC".into()),
            ("x", x),
            ("y", y),
        ];
        PublicKey::new(KeyAlgorithm::Es256, members)
    }

    fn of_rsa(key: &impl PublicKeyParts) -> PublicKey {
        let e = URL_SAFE_NO_PAD.encode(key.e().to_bytes_be());
        let n = URL_SAFE_NO_PAD.encode(key.n().to_bytes_be());
        let members = vec![("e", e), ("kty", "RSA".into()), ("n", n)];
        PublicKey::new(KeyAlgorithm::Rs256, members)
    }
}

/// A private key and its public half. `Debug` prints the key id only.
pub struct TokenKey {
    secret: SecretKey,
    public: PublicKey,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("kid", &self.public.kid)
            .finish_non_exhaustive()
    }
}

impl TokenKey {
    /// The Ed25519 key of a seed. The caller draws the seed: this room uses no randomness.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> TokenKey {
        let signing = ed25519_dalek::SigningKey::from_bytes(seed);
        TokenKey::new(SecretKey::EdDsa(Box::new(signing)))
    }

    /// A new key of a seed, which the caller draws; RSA keys have 2048 bits.
    ///
    /// # Errors
    /// [`KeyError`] if no RSA key comes of the seed, which is not to be expected.
    pub fn generate(algorithm: KeyAlgorithm, seed: &[u8; 32]) -> Result<TokenKey, KeyError> {
        let mut random = SecretBytes::from_seed(seed);
        Ok(match algorithm {
            KeyAlgorithm::EdDsa => TokenKey::from_seed(seed),
            KeyAlgorithm::Es256 => {
                let key = p256::ecdsa::SigningKey::random(&mut random);
                TokenKey::new(SecretKey::Es256(Box::new(key)))
            }
            KeyAlgorithm::Rs256 => {
                let key = Rs256Key::generate(&mut random).ok_or_else(KeyError::no_key)?;
                TokenKey::new(SecretKey::Rs256(Box::new(key)))
            }
        })
    }

    /// Reads PEM: PKCS#8, as [`TokenKey::to_pem`] and `openssl genpkey` write it, and the older
    /// forms for RSA and EC.
    ///
    /// # Errors
    /// [`KeyError`] when the text holds no private key, several, or one that cannot be used here.
    /// The message never contains the text.
    pub fn from_pem(text: &str) -> Result<TokenKey, KeyError> {
        key_pem::read_private(text).map(TokenKey::new)
    }

    /// Writes PKCS#8 PEM. Ed25519 keys have no public half in it, which every tool can read.
    ///
    /// # Errors
    /// [`KeyError`] if the encoder refuses the key; it accepts every key.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let der = match &self.secret {
            SecretKey::EdDsa(key) => {
                let pair = KeypairBytes {
                    secret_key: key.to_bytes(),
                    public_key: None,
                };
                let der = pair.to_pkcs8_der().map_err(|_| KeyError::no_key())?;
                return Ok(key_pem::write_private(der.as_bytes()));
            }
            SecretKey::Es256(key) => p256::SecretKey::from(key.as_ref()).to_pkcs8_der(),
            SecretKey::Rs256(key) => key.private().to_pkcs8_der(),
        };
        let der = der.map_err(|_| KeyError::no_key())?;
        Ok(key_pem::write_private(der.as_bytes()))
    }

    pub(super) fn new(secret: SecretKey) -> TokenKey {
        let public = match &secret {
            SecretKey::EdDsa(key) => PublicKey::of_ed25519(&key.verifying_key()),
            SecretKey::Es256(key) => PublicKey::of_p256(key.verifying_key()),
            SecretKey::Rs256(key) => PublicKey::of_rsa(&key.public()),
        };
        TokenKey { secret, public }
    }

    /// The half that is published.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key id.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The signature of `message`. The same message gives the same bytes.
    pub(super) fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.secret {
            SecretKey::EdDsa(key) => {
                use ed25519_dalek::Signer as _;
                Ok(key.sign(message).to_bytes().to_vec())
            }
            SecretKey::Es256(key) => {
                let signature: Result<p256::ecdsa::Signature, _> = key.try_sign(message);
                signature
                    .map(|signature| signature.to_bytes().to_vec())
                    .map_err(|_| self.sign_error())
            }
            SecretKey::Rs256(key) => key.sign(message).ok_or_else(|| self.sign_error()),
        }
    }

    fn sign_error(&self) -> SignError {
        SignError {
            kid: self.kid().to_owned(),
        }
    }
}

/// The JSON Web Key Set of `keys`, each once.
#[must_use]
pub fn jwk_set(keys: &[&PublicKey]) -> Value {
    let mut each: Vec<&PublicKey> = Vec::with_capacity(keys.len());
    for key in keys {
        if each.iter().all(|other| other.kid != key.kid) {
            each.push(key);
        }
    }
    let each: Vec<Value> = each.into_iter().map(PublicKey::jwk).collect();
    json!({ "keys": each })
}
