//! Signed control records: what a key of the identity system signed counts, whatever the algorithm,
//! and nothing else does. Another library signs. The keys in the folder `keys` are for these tests.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{decoder, schemas};
use crate::codec::control_keys::{ControlKeys, KEYS_MAX};
use crate::codec::{DecodeError, DecodeErrorKind, Decoder};
use crate::event::{CommandKind, ControlRecord};

const JWKS: &str = include_str!("keys/jwks.json");
const SHORT_RSA: &str = include_str!("keys/short-rsa.json");
const KEY: Option<&[u8]> = Some(b"acme/a");

/// The algorithms with the id of the key of each.
const SIGNERS: [(Algorithm, &str); 3] = [
    (Algorithm::RS256, "rsa"),
    (Algorithm::ES256, "ec"),
    (Algorithm::EdDSA, "ed"),
];

fn signing_key(kid: &str) -> EncodingKey {
    match kid {
        "rsa" => EncodingKey::from_rsa_pem(include_bytes!("keys/rsa.pem")),
        "ec" => EncodingKey::from_ec_pem(include_bytes!("keys/ec.pem")),
        _ => EncodingKey::from_ed_pem(include_bytes!("keys/ed.pem")),
    }
    .unwrap()
}

fn header(algorithm: Algorithm, kid: &str) -> Header {
    let mut header = Header::new(algorithm);
    header.typ = Some("secevent+jwt".to_owned());
    header.kid = Some(kid.to_owned());
    header
}

/// The claims of an identity system that says it has revoked what was asked for.
fn token() -> Value {
    json!({"iss": "https://idp", "jti": "j", "iat": 1_767_225_600, "txn": "x",
        "sub_id": {"format": "jwt_id", "iss": "https://idp", "jti": "c-1"},
        "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {}}})
}

/// Our own form of a confirmation.
fn confirmation() -> Value {
    json!({"tenant": "acme", "agent": {"id": "a"}, "by": "idp-1", "at": "2026-01-01T00:00:00Z",
        "confirmation": {"txn": "x", "target": "c-1", "result": "done"}})
}

fn strict() -> Decoder {
    Decoder::new(schemas([])).with_control_keys(ControlKeys::from_jwks(JWKS).unwrap())
}

fn decode(decoder: &Decoder, record: &str) -> Result<ControlRecord, DecodeError> {
    let decoded = decoder.decode_control(record.as_bytes(), KEY);
    decoded.map(|decoded| decoded.value)
}

fn sign(header: &Header, claims: &Value, kid: &str) -> String {
    encode(header, claims, &signing_key(kid)).unwrap()
}

#[test]
fn a_record_that_a_listed_key_signed_is_read_and_its_author_is_the_one_it_names() {
    for (algorithm, kid) in SIGNERS {
        let bare = Header::new(algorithm);
        for (header, claims, by) in [
            (header(algorithm, kid), token(), "https://idp"),
            (header(algorithm, kid), confirmation(), "idp-1"),
            (bare, confirmation(), "idp-1"),
        ] {
            let record = sign(&header, &claims, kid);
            let control = decode(&strict(), &record).unwrap();
            assert_eq!(control.by, by, "{algorithm:?}");
            assert_eq!(control.agent_key().to_string(), "acme/a", "{algorithm:?}");
            let confirms = matches!(control.command, CommandKind::Confirmation { .. });
            assert!(confirms, "{algorithm:?}");
        }
    }
}

#[test]
fn what_no_listed_key_signed_is_refused_with_the_class_of_its_own() {
    let good = sign(&header(Algorithm::ES256, "ec"), &token(), "ec");
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let other = sign(&header(Algorithm::ES256, "ec"), &confirmation(), "ec");
    let other_payload = other.split('.').nth(1).unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoic2VjZXZlbnQrand0In0";
    let hmac = encode(
        &header(Algorithm::HS256, "ec"),
        &token(),
        &EncodingKey::from_secret(JWKS.as_bytes()),
    );
    let mut untyped = header(Algorithm::EdDSA, "ed");
    untyped.typ = Some("at+jwt".to_owned());
    for (name, record, why) in [
        ("unsigned token", token().to_string(), "unsigned"),
        ("unsigned form", confirmation().to_string(), "unsigned"),
        (
            "another payload",
            format!("{head}.{other_payload}.{signature}"),
            "does not verify",
        ),
        ("cut", format!("{head}.{payload}."), "does not verify"),
        (
            "no algorithm",
            format!("{none}.{payload}."),
            "key id and algorithm",
        ),
        ("symmetric", hmac.unwrap(), "key id and algorithm"),
        (
            "the key of another",
            sign(&header(Algorithm::ES256, "rsa"), &token(), "ec"),
            "key id and algorithm",
        ),
        (
            "an unknown key",
            sign(&header(Algorithm::EdDSA, "new"), &token(), "ed"),
            "key id and algorithm",
        ),
        (
            "a token for another purpose",
            sign(&untyped, &token(), "ed"),
            "secevent+jwt",
        ),
        ("no JWS", "eyJhbGciOiJFUzI1NiJ9".to_owned(), "compact JWS"),
        ("no base64", format!("ey?.{payload}.{signature}"), "base64"),
    ] {
        let error = decode(&strict(), &record).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Signature, "{name}: {error}");
        assert!(error.message.contains(why), "{name}: {error}");
    }
}

/// People's commands need no key: the rights on the topic say who may give them.
#[test]
fn without_keys_claims_are_read_and_with_keys_people_s_commands_still_are() {
    for claims in [token(), confirmation()] {
        assert!(decode(decoder(), &claims.to_string()).is_ok());
    }
    let mut withdrawal = confirmation();
    withdrawal["confirmation"].take();
    withdrawal["withdrawal"] = json!({"txn": "x"});
    assert!(decode(&strict(), &withdrawal.to_string()).is_ok());
    let signed = sign(&header(Algorithm::EdDSA, "ed"), &token(), "ed");
    let error = decode(decoder(), &signed).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Signature);
    assert!(error.message.contains("control.keys"), "{error}");
}

#[test]
fn a_set_of_keys_that_could_verify_nothing_safely_is_refused() {
    let of = |key: Value| json!({ "keys": [key] }).to_string();
    let set: Value = serde_json::from_str(JWKS).unwrap();
    let mut private = set["keys"][2].clone();
    private["d"] = "AAAA".into();
    let mut curve = set["keys"][1].clone();
    curve["y"] = curve["x"].clone();
    let mut for_encryption = set["keys"][0].clone();
    for_encryption["use"] = "enc".into();
    let many = vec![set["keys"][2].clone(); KEYS_MAX + 1];
    for (text, why) in [
        ("{}".to_owned(), "no list `keys`"),
        ("[".to_owned(), "EOF"),
        (of(json!({"kty": "oct", "k": "AAAA"})), "it has no key"),
        (of(for_encryption), "it has no key"),
        (of(private), "keys[0]: a private key"),
        (of(curve), "no point"),
        (of(json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"})), "32"),
        (of(json!({"kty": "RSA", "n": "AA", "e": "AQAB"})), "RSA"),
        (SHORT_RSA.to_owned(), "less than 2048 bits"),
        (json!({ "keys": many }).to_string(), "more than 16 keys"),
    ] {
        let error = ControlKeys::from_jwks(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}
