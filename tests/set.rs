//! Revocation requests verify with libraries that are not ours, and are valid by our schema.

#![allow(clippy::disallowed_methods, reason = "no pure room")]

mod outcomes;

use std::collections::BTreeSet;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use scopewatch::codec::keys::{KeyAlgorithm, PublicKey, TokenKey, jwk_set};
use scopewatch::codec::set::{SetSettings, TokenSigner, unsigned_tokens};
use scopewatch::response::RequestKind;
use serde_json::Value;

fn verify(token: &str, keys: &Value) -> Result<Value, String> {
    let set: JwkSet = serde_json::from_value(keys.clone()).map_err(|error| error.to_string())?;
    let header = decode_header(token).map_err(|error| error.to_string())?;
    assert_eq!(header.typ.as_deref(), Some("secevent+jwt"));
    let named = serde_json::to_value(header.alg).map_err(|error| error.to_string())?;
    let jwk = set
        .find(header.kid.as_deref().unwrap_or_default())
        .ok_or("no such kid")?;
    let algorithm = serde_json::to_value(jwk.common.key_algorithm);
    assert_eq!(algorithm.map_err(|error| error.to_string())?, named);
    let key = DecodingKey::from_jwk(jwk).map_err(|error| error.to_string())?;
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_aud = false;
    validation.validate_exp = false;
    decode::<Value>(token, &key, &validation)
        .map(|data| data.claims)
        .map_err(|error| error.to_string())
}

#[test]
fn tokens_verify_against_the_published_keys_and_no_others() {
    for algorithm in KeyAlgorithm::ALL {
        check_tokens_of(algorithm);
    }
}

fn check_tokens_of(algorithm: KeyAlgorithm) {
    let new_key = |seed: u8| TokenKey::generate(algorithm, &[seed; 32]).expect("a key");
    let jwks = |key: &PublicKey| jwk_set(&[key]);
    let outcomes = outcomes::every_kind();
    let settings = SetSettings::new("https://scopewatch.example");
    let signer = TokenSigner::new(new_key(7));
    let keys = jwks(signer.key().public());
    let mut all = vec![keys.to_string()];
    let mut ids = BTreeSet::new();
    let told: BTreeSet<_> = outcomes::alerts(&outcomes)
        .into_iter()
        .map(|alert| alert.message_id)
        .collect();
    for request in outcomes::requests(&outcomes) {
        assert!(
            request.message_id.is_some_and(|id| told.contains(&id)),
            "an alert tells of it"
        );
        let sign = || signer.sign_request(request, &settings).expect("signed");
        let tokens = sign();
        assert_eq!(tokens.len(), 2 * request.targets.len());
        assert_eq!(tokens, sign(), "byte-identical on repeat");
        for token in tokens {
            let claims = verify(&token.text, &keys).expect("it verifies");
            assert_eq!(claims["jti"], token.jti.as_str());
            assert_eq!(claims["iat"], request.requested_at_ms / 1_000);
            assert_eq!(claims["txn"], request.txn.to_string());
            assert_eq!(claims["aud"], "https://idp.example");
            assert_eq!(
                claims["events"].as_object().map(serde_json::Map::len),
                Some(1)
            );
            assert!(claims.get("sub").is_none() && claims.get("exp").is_none());
            let repeated = request.kind == RequestKind::Repeated;
            let first = ids.insert(token.jti.clone());
            assert_eq!(first, !repeated, "a jti twice, or repeated under another");
            all.push(token.text);
        }
    }
    assert!(
        ids.len() >= 8,
        "two targets, requested and withdrawn, two tokens each"
    );

    let (head, rest) = all[1].split_once('.').expect("a JWS");
    let (payload, signature) = rest.split_once('.').expect("a JWS");
    let last = if payload.ends_with('A') { 'B' } else { 'A' };
    let tampered = format!("{head}.{}{last}.{signature}", &payload[..payload.len() - 1]);
    assert!(verify(&tampered, &keys).is_err());
    let other = new_key(8);
    assert!(verify(&all[1], &jwks(other.public())).is_err());
    let mut forged = jwks(other.public());
    forged["keys"][0]["kid"] = signer.key().kid().into();
    assert!(
        verify(&all[1], &forged).is_err(),
        "a wrong key under the right kid"
    );

    if let Some((valid, said)) = outcomes::python("verify_set.py", &all.join("\n")) {
        assert!(valid, "{said}");
    }
}

#[test]
fn unsigned_claims_are_valid_by_our_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../schemas/revocation-request.schema.json"))
            .expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let outcomes = outcomes::every_kind();
    let requests = outcomes::requests(&outcomes);
    assert!(
        requests
            .iter()
            .any(|request| request.kind == RequestKind::Withdrawn)
    );
    for request in requests {
        for token in unsigned_tokens(request, &SetSettings::new("https://scopewatch.example")) {
            let value: Value = serde_json::from_str(&token.text).expect("JSON");
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{errors:?}\n{value:#}");
        }
    }
}
