//! The keys of an identity system, and its signatures on control records: a JSON Web Key Set (RFC
//! 7517) verifies records that are signed as compact JWS (RFC 7515) by EdDSA, ES256 or RS256.
//!
//! The algorithm is that of the key, never that which a header names: a header that names another
//! one is refused, so nobody may choose a weaker one. No algorithm is symmetric.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier as _;
use rsa::sha2::Sha256;
use rsa::{BigUint, RsaPublicKey, pkcs1v15};
use serde_json::{Map, Value};
use thiserror::Error;

/// Keys in a set. Each key without the right id costs a verification.
pub const KEYS_MAX: usize = 16;
/// The least size of an RSA key, bytes: 2048 bits.
const RSA_BYTES_MIN: usize = 256;
/// What a security event token says that it is (RFC 8417).
const TOKEN_TYPE: &str = "secevent+jwt";

/// Why a set of keys was refused.
#[derive(Debug, Error)]
#[error("not a JSON Web Key Set for control records: {0}")]
pub struct KeySetError(String);

/// The public keys that control records may be signed with.
#[derive(Debug, Clone)]
pub struct ControlKeys {
    keys: Vec<ControlKey>,
}

#[derive(Debug, Clone)]
struct ControlKey {
    kid: Option<String>,
    public: PublicKey,
}

#[derive(Debug, Clone)]
enum PublicKey {
    EdDsa(Box<ed25519_dalek::VerifyingKey>),
    Es256(Box<p256::ecdsa::VerifyingKey>),
    Rs256(Box<pkcs1v15::VerifyingKey<Sha256>>),
}

/// What a verified signature covers.
#[derive(Debug)]
pub(super) struct SignedRecord {
    /// The JSON text of the record.
    pub(super) payload: Vec<u8>,
    /// The header says that it is a security event token.
    pub(super) is_token: bool,
}

impl ControlKeys {
    /// Reads a key set. Keys for another use or of another kind are left out; a key that claims to
    /// be of one of ours and is not readable is an error.
    ///
    /// # Errors
    /// No key set, an unreadable key, more than [`KEYS_MAX`] keys, or none that could be used.
    pub fn from_jwks(text: &str) -> Result<Self, KeySetError> {
        let set: Value =
            serde_json::from_str(text).map_err(|error| KeySetError(error.to_string()))?;
        let listed = set.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| KeySetError("it has no list `keys`".into()))?;
        if listed.len() > KEYS_MAX {
            return Err(KeySetError(format!("more than {KEYS_MAX} keys")));
        }
        let mut keys = Vec::new();
        for (index, jwk) in listed.iter().enumerate() {
            let unreadable = |why: &str| KeySetError(format!("keys[{index}]: {why}"));
            if jwk.get("d").is_some() {
                return Err(unreadable(
                    "a private key; only its public half belongs here",
                ));
            }
            if jwk.get("use").is_some_and(|use_for| use_for != "sig") {
                continue;
            }
            if let Some(public) = PublicKey::from_jwk(jwk).map_err(unreadable)? {
                let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
                keys.push(ControlKey { kid, public });
            }
        }
        if keys.is_empty() {
            let why = "it has no key for EdDSA (Ed25519), ES256 or RS256";
            return Err(KeySetError(why.into()));
        }
        Ok(ControlKeys { keys })
    }

    /// Verifies a signed record; the error says what is wrong with it.
    pub(super) fn verify_record(&self, text: &str) -> Result<SignedRecord, &'static str> {
        let (signed, signature) = text.rsplit_once('.').ok_or("it is no compact JWS")?;
        let (header, payload) = signed.split_once('.').ok_or("it is no compact JWS")?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part);
        let header = decode(header).map_err(|_| "its header is no base64url")?;
        let header: Map<String, Value> =
            serde_json::from_slice(&header).map_err(|_| "its header is no JSON object")?;
        let payload = decode(payload).map_err(|_| "its payload is no base64url")?;
        let signature = decode(signature).map_err(|_| "its signature is no base64url")?;
        if header.contains_key("crit") {
            return Err("its header demands an extension (`crit`)");
        }
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.ok_or("its header names no algorithm")?;
        let kid = header.get("kid").and_then(Value::as_str);
        let fits = |key: &&ControlKey| {
            let named = match (kid, &key.kid) {
                (Some(kid), Some(own)) => kid == own,
                _ => true,
            };
            named && key.public.algorithm() == algorithm
        };
        let mut keys = self.keys.iter().filter(fits).peekable();
        if keys.peek().is_none() {
            return Err("no key of `control.keys` has its key id and algorithm");
        }
        if !keys.any(|key| key.public.verifies(signed.as_bytes(), &signature)) {
            return Err("its signature does not verify");
        }
        let kind = header
            .get("typ")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let kind = kind.strip_prefix("application/").unwrap_or(kind);
        Ok(SignedRecord {
            payload,
            is_token: kind.eq_ignore_ascii_case(TOKEN_TYPE),
        })
    }
}

impl PublicKey {
    /// The key of a JWK; `None` where it is of a kind that is not ours.
    fn from_jwk(jwk: &Value) -> Result<Option<Self>, &'static str> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)).unwrap_or_default();
        let key = match (text("kty"), text("crv")) {
            ("OKP", "Ed25519") => {
                let x = bytes("x").try_into().map_err(|_| "`x` has not 32 bytes")?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(&x);
                PublicKey::EdDsa(Box::new(key.map_err(|_| "`x` is no point of the curve")?))
            }
            ("EC", "P-256") => {
                let (x, y) = (bytes("x"), bytes("y"));
                if x.len() != 32 || y.len() != 32 {
                    return Err("`x` or `y` has not 32 bytes");
                }
                let point = [&[4], &x[..], &y[..]].concat();
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
                PublicKey::Es256(Box::new(
                    key.map_err(|_| "`x` and `y` are no point of the curve")?,
                ))
            }
            ("RSA", _) => {
                let (n, e) = (bytes("n"), bytes("e"));
                let key = RsaPublicKey::new(BigUint::from_bytes_be(&n), BigUint::from_bytes_be(&e));
                let key = key.map_err(|_| "`n` and `e` are no RSA key of at most 4096 bits")?;
                if rsa::traits::PublicKeyParts::size(&key) < RSA_BYTES_MIN {
                    return Err("an RSA key of less than 2048 bits");
                }
                PublicKey::Rs256(Box::new(pkcs1v15::VerifyingKey::new(key)))
            }
            _ => return Ok(None),
        };
        let named = text("alg");
        Ok((named.is_empty() || named == key.algorithm()).then_some(key))
    }

    /// The algorithm, as headers name it.
    const fn algorithm(&self) -> &'static str {
        match self {
            PublicKey::EdDsa(_) => "EdDSA",
            PublicKey::Es256(_) => "ES256",
            PublicKey::Rs256(_) => "RS256",
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            PublicKey::EdDsa(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
            PublicKey::Es256(key) => {
                let signature = p256::ecdsa::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            PublicKey::Rs256(key) => {
                let signature = pkcs1v15::Signature::try_from(signature);
                signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }
}
