//! Revocation requests as Security Event Tokens (SET, RFC 8417). Each target gets two tokens under
//! one `txn`, each with exactly one event: Scopewatch's own event and CAEP `risk-level-change`.
//!
//! Scopewatch never sends CAEP `session-revoked`: that event reports a revocation that happened,
//! and only the identity system can report it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::response::{
    DerivedId, PlannedTarget, RequestKind, RevocationRequest, RevocationTarget, RuleLevel,
    TargetKind,
};

use super::keys::{SignError, TokenKey};
use super::native;
use super::subject_id::subject_id;

/// Path of the URI of a request's event, below the issuer.
const EVENT_PATH: &str = "event-type/revocation-requested";
/// Path of the URI of a withdrawal's event, below the issuer.
const WITHDRAWAL_PATH: &str = "event-type/revocation-withdrawn";
/// The base of both URIs if the issuer is no URL: the type of an event must be a URI.
const BASE_DEFAULT: &str = "https://scopewatch.example";
/// CAEP 1.0 `risk-level-change`.
pub const RISK_LEVEL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";

/// The issuer, event types and audiences of a deployment's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSettings {
    /// `iss`: the name of this deployment.
    pub issuer: String,
    pub event_uri: String,
    pub withdrawal_uri: String,
    /// `aud` by credential issuer. An issuer that is not in the map is its own audience.
    pub audiences: BTreeMap<String, String>,
    /// `aud` of a target without an issuer; `None` leaves the claim out.
    pub audience_default: Option<String>,
}

impl SetSettings {
    /// The default settings of an issuer.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        let is_url = issuer.contains("://");
        let base = if is_url { issuer } else { BASE_DEFAULT }.trim_end_matches('/');
        SetSettings {
            issuer: issuer.to_owned(),
            event_uri: format!("{base}/{EVENT_PATH}"),
            withdrawal_uri: format!("{base}/{WITHDRAWAL_PATH}"),
            audiences: BTreeMap::new(),
            audience_default: None,
        }
    }
}

/// A token's id and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEventToken {
    pub jti: String,
    /// A JWS in compact form, or the claims as JSON.
    pub text: String,
}

/// Signs tokens with one key.
#[derive(Debug)]
pub struct TokenSigner {
    key: TokenKey,
    header: String,
}

impl TokenSigner {
    /// A signer whose tokens name `key` by its `kid`.
    #[must_use]
    pub fn new(key: TokenKey) -> Self {
        let header = json!({
            "alg": key.public().algorithm().as_str(),
            "kid": key.kid(),
            "typ": "secevent+jwt",
        });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        TokenSigner { key, header }
    }

    /// A signer from PKCS#8 PEM.
    ///
    /// # Errors
    /// [`super::keys::KeyError`] when the text is no key that can sign.
    pub fn from_pem(text: &str) -> Result<Self, super::keys::KeyError> {
        TokenKey::from_pem(text).map(TokenSigner::new)
    }

    /// The signing key, whose public half is published.
    #[must_use]
    pub fn key(&self) -> &TokenKey {
        &self.key
    }

    /// The signed tokens of a request, in the order of its targets.
    ///
    /// # Errors
    /// [`SignError`] when the machine computes wrongly.
    pub fn sign_request(
        &self,
        request: &RevocationRequest,
        settings: &SetSettings,
    ) -> Result<Vec<SecurityEventToken>, SignError> {
        let each = token_claims(request, settings)
            .into_iter()
            .map(|(jti, claims)| {
                let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
                let input = format!("{}.{payload}", self.header);
                let signature = self.key.sign_bytes(input.as_bytes())?;
                let signature = URL_SAFE_NO_PAD.encode(signature);
                Ok(SecurityEventToken {
                    jti,
                    text: format!("{input}.{signature}"),
                })
            });
        each.collect()
    }
}

/// The tokens of a request without a signature: the claims of each as a JSON object.
#[must_use]
pub fn unsigned_tokens(
    request: &RevocationRequest,
    settings: &SetSettings,
) -> Vec<SecurityEventToken> {
    let each = token_claims(request, settings).into_iter();
    each.map(|(jti, claims)| SecurityEventToken {
        jti,
        text: claims.to_string(),
    })
    .collect()
}

/// The id and claims of every token of a request.
#[must_use]
pub fn token_claims(request: &RevocationRequest, settings: &SetSettings) -> Vec<(String, Value)> {
    let own_uri = match request.kind {
        RequestKind::Withdrawn => &settings.withdrawal_uri,
        _ => &settings.event_uri,
    };
    let mut tokens = Vec::with_capacity(request.targets.len() * 2);
    for planned in &request.targets {
        let own = own_event(request, planned);
        tokens.push(claims_of_token(
            request, planned, settings, own_uri, own_uri, own,
        ));
        // The id of a token is a hash of its event type. A withdrawal also sends
        // `risk-level-change`, so its hash needs another text.
        let id_uri = match request.kind {
            RequestKind::Withdrawn => format!("{RISK_LEVEL_CHANGE}#withdrawn"),
            _ => RISK_LEVEL_CHANGE.to_owned(),
        };
        let risk = risk_event(request, planned);
        tokens.push(claims_of_token(
            request,
            planned,
            settings,
            RISK_LEVEL_CHANGE,
            &id_uri,
            risk,
        ));
    }
    tokens
}

fn claims_of_token(
    request: &RevocationRequest,
    planned: &PlannedTarget,
    settings: &SetSettings,
    event_uri: &str,
    id_uri: &str,
    event: Map<String, Value>,
) -> (String, Value) {
    let (target, incident) = (&planned.target, request.incident_id);
    let jti = DerivedId::jti(target, incident, id_uri, planned.attempt).to_string();
    let mut claims = Map::new();
    claims.insert("iss".into(), settings.issuer.clone().into());
    claims.insert("jti".into(), jti.clone().into());
    claims.insert("iat".into(), floor_to_s(request.requested_at_ms).into());
    if let Some(audience) = token_audience(&planned.target, settings) {
        claims.insert("aud".into(), audience.into());
    }
    claims.insert("txn".into(), request.txn.to_string().into());
    claims.insert("sub_id".into(), subject_id(&planned.target));
    claims.insert("events".into(), json!({ event_uri: event }));
    (jti, Value::Object(claims))
}

fn token_audience(target: &RevocationTarget, settings: &SetSettings) -> Option<String> {
    match target.issuer() {
        Some(issuer) => Some(
            settings
                .audiences
                .get(issuer.as_str())
                .cloned()
                .unwrap_or(issuer.to_string()),
        ),
        None => settings.audience_default.clone(),
    }
}

/// The optional claims of CAEP, which both events of a target have.
fn caep_claims(request: &RevocationRequest, reason: &str) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert(
        "event_timestamp".into(),
        floor_to_s(request.requested_at_ms).into(),
    );
    let initiator = match request.kind {
        RequestKind::Requested | RequestKind::Repeated => "policy",
        // A person decided.
        RequestKind::Approved | RequestKind::Withdrawn => "admin",
    };
    event.insert("initiating_entity".into(), initiator.into());
    event.insert("reason_admin".into(), json!({ "en": reason }));
    event
}

fn own_event(request: &RevocationRequest, planned: &PlannedTarget) -> Map<String, Value> {
    let mut event = caep_claims(request, &request.reason);
    event.insert("plan".into(), request.number.into());
    if planned.attempt > 1 {
        event.insert("attempt".into(), planned.attempt.into());
    }
    let (order, of) = planned.order;
    event.insert("order".into(), order.into());
    event.insert("of".into(), of.into());
    event.insert("target".into(), planned.target.kind.as_str().into());
    event.insert("why".into(), planned.reason.clone().into());
    event.insert("tenant".into(), request.tenant.as_str().into());
    event.insert("agent_id".into(), request.agent_id.as_str().into());
    if let Some(task) = &request.task_id {
        event.insert("task_id".into(), task.as_str().into());
    }
    event.insert("incident_id".into(), request.incident_id.to_string().into());
    if let Some(message) = request.message_id {
        event.insert("message_id".into(), message.to_string().into());
    }
    event.insert("rule".into(), native::rule_json(&request.rule));
    event.insert("severity".into(), request.severity.as_str().into());
    let events: Vec<&str> = request.event_ids.iter().map(|id| id.as_str()).collect();
    event.insert("event_ids".into(), events.into());
    event.insert("bundle".into(), request.bundle.as_str().into());
    event
}

fn risk_event(request: &RevocationRequest, planned: &PlannedTarget) -> Map<String, Value> {
    let mut event = caep_claims(request, &request.reason);
    // CAEP has users, devices and sessions. The agent is a user of the identity system; a token has
    // a start and an end as a session has.
    let principal = match planned.target.kind {
        TargetKind::Agent => "USER",
        TargetKind::Session | TargetKind::Credential => "SESSION",
    };
    event.insert("principal".into(), principal.into());
    match request.kind {
        RequestKind::Requested | RequestKind::Approved | RequestKind::Repeated => {
            let level = if request.severity >= RuleLevel::High {
                "HIGH"
            } else {
                "MEDIUM"
            };
            event.insert("current_level".into(), level.into());
        }
        RequestKind::Withdrawn => {
            event.insert("current_level".into(), "LOW".into());
        }
    }
    event.insert("risk_reason".into(), request.rule.id.as_str().into());
    event
}

/// Seconds, rounded down, which JWT and CAEP use.
fn floor_to_s(ms: i64) -> i64 {
    ms.div_euclid(1_000)
}
