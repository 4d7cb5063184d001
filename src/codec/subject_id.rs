//! The subject identifier of a revocation's target, as alerts and revocation requests have it.

use serde_json::{Value, json};

use crate::response::{RevocationTarget, TargetName};

/// The first letters of the ids of AWS access keys: long-term, temporary, of services.
const AWS_KEYS: [&str; 4] = ["AKIA", "ASIA", "ACCA", "ABIA"];

/// How the fingerprint of a key or certificate begins, in small letters.
const FINGERPRINTS: [&str; 10] = [
    "sha256:", "sha-256:", "sha1:", "sha-1:", "sha384:", "sha512:", "md5:", "fp:", "fp-", "spki:",
];

/// Pairs of digits of the shortest fingerprint that is written `AB:CD:…`.
const PAIRS_MIN: usize = 8;

/// Whether an id can be the `jti` of a token. What is called one without being it, an identity
/// system looks for in vain among its tokens.
fn is_token_id(issuer: &str, id: &str) -> bool {
    let capitals = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit();
    let is_aws_key = AWS_KEYS.iter().any(|start| id.starts_with(start)) && id.bytes().all(capitals);
    // AWS issues keys, and names itself so; the issuer of a token is a URL.
    let is_aws = issuer.ends_with(".amazonaws.com") && !issuer.contains("://");
    let small = id.to_ascii_lowercase();
    let is_fingerprint = FINGERPRINTS.iter().any(|start| small.starts_with(start));
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    let is_pairs = id.split(':').count() >= PAIRS_MIN && id.split(':').all(is_pair);
    !(is_aws_key || is_aws || is_fingerprint || is_pairs)
}

/// The subject identifier: a format of RFC 9493, or `jwt_id` of the Shared Signals Framework. The
/// id of a key or a fingerprint is `opaque`.
#[must_use]
pub fn subject_id(target: &RevocationTarget) -> Value {
    match &target.name {
        TargetName::JwtId { iss, jti } if !is_token_id(iss, jti) => {
            json!({ "format": "opaque", "id": jti.as_str() })
        }
        TargetName::JwtId { iss, jti } => {
            json!({ "format": "jwt_id", "iss": iss.as_str(), "jti": jti.as_str() })
        }
        TargetName::IssSub { iss, sub } => {
            json!({ "format": "iss_sub", "iss": iss.as_str(), "sub": sub.as_str() })
        }
        TargetName::Opaque { id } => json!({ "format": "opaque", "id": id.as_str() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::TargetKind;

    #[test]
    fn only_a_token_is_called_one() {
        for (iss, id, format) in [
            ("https://idp.example", "B70BA622", "jwt_id"),
            (
                "https://idp.example",
                "0f8fad5b-d9cb-469f-a165-70867728950e",
                "jwt_id",
            ),
            ("https://idp.example", "AKIAnd-more", "jwt_id"),
            ("https://idp.example", "a:b:c", "jwt_id"),
            (
                "https://cognito-idp.eu-central-1.amazonaws.com/pool",
                "t-1",
                "jwt_id",
            ),
            ("iam.amazonaws.com", "AKIAEXAMPLE", "opaque"),
            ("sts.amazonaws.com", "ASIAEXAMPLE", "opaque"),
            ("https://idp.example", "AKIAIOSFODNN7EXAMPLE", "opaque"),
            ("iam.amazonaws.com", "ssh-key-7", "opaque"),
            (
                "https://idp.example",
                "SHA256:uNiVztksCsDhcc0u9e8BrrJhYGpJqLYD",
                "opaque",
            ),
            ("https://idp.example", "fp-1", "opaque"),
            ("https://idp.example", "0A:1B:2C:3D:4E:5F:60:71", "opaque"),
        ] {
            let target = RevocationTarget {
                kind: TargetKind::Credential,
                name: TargetName::JwtId {
                    iss: iss.into(),
                    jti: id.into(),
                },
            };
            assert_eq!(subject_id(&target)["format"], format, "{iss} {id}");
        }
    }
}
