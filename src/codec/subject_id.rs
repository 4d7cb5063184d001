//! The subject identifier of a revocation's target, as alerts and revocation requests have it.

use serde_json::{Value, json};

use crate::response::{RevocationTarget, TargetName};

/// The subject identifier: a format of RFC 9493, or `jwt_id` of the Shared Signals Framework.
#[must_use]
pub fn subject_id(target: &RevocationTarget) -> Value {
    match &target.name {
        TargetName::JwtId { iss, jti } => {
            json!({ "format": "jwt_id", "iss": iss.as_str(), "jti": jti.as_str() })
        }
        TargetName::IssSub { iss, sub } => {
            json!({ "format": "iss_sub", "iss": iss.as_str(), "sub": sub.as_str() })
        }
        TargetName::Opaque { id } => json!({ "format": "opaque", "id": id.as_str() }),
    }
}
