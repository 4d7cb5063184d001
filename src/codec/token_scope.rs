//! A scope record from what an authorization server issued: the claims of an access token or of its
//! introspection, with `authorization_details` (RFC 9396) and `act` (RFC 8693).
//!
//! Only claims are read, never a token. What a grant cannot express is left out and named; nothing
//! is guessed: an action without a verb of its own grants nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::event::Verb;

/// Actors of nested `act` claims that are read.
pub const ACTORS_MAX: usize = 32;

/// Actions of `authorization_details` that are not verbs themselves.
const ACTION_VERBS: [(&str, &[Verb]); 9] = [
    ("get", &[Verb::Read]),
    ("view", &[Verb::Read]),
    ("query", &[Verb::Search]),
    ("write", &[Verb::Create, Verb::Update]),
    ("modify", &[Verb::Update]),
    ("edit", &[Verb::Update]),
    ("patch", &[Verb::Update]),
    ("remove", &[Verb::Delete]),
    ("invoke", &[Verb::Execute]),
];

/// Claims that become fields of the scope, or say nothing of it.
pub const CONSUMED: [&str; 17] = [
    "active",
    "act",
    "aud",
    "auth_time",
    "authorization_details",
    "azp",
    "client_id",
    "cnf",
    "exp",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "sub",
    "token_type",
    "username",
];

/// How names of an authorization server are called here.
#[derive(Debug, Clone, Default)]
pub struct ClaimNames {
    /// Resource types by the `type` of an authorization detail.
    pub types: BTreeMap<String, String>,
    /// Verbs by an entry of `actions`.
    pub actions: BTreeMap<String, Verb>,
}

/// A scope record made of claims.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClaimedScope {
    pub record: Map<String, Json>,
    /// What of the claims the record does not express, each with its location.
    pub notes: Vec<String>,
}

/// Whether an object names claims from which [`scope_of_claims`] makes a scope.
#[must_use]
pub fn names_authorization(object: &Map<String, Json>) -> bool {
    object.contains_key("authorization_details") || object.contains_key("act")
}

/// Makes a scope record of claims. Fields of a scope that stand beside the claims are kept, and go
/// before what follows from the claims.
///
/// # Errors
/// What is wrong with the claims.
pub fn scope_of_claims(
    claims: &Map<String, Json>,
    names: &ClaimNames,
) -> Result<ClaimedScope, String> {
    if claims.get("active") == Some(&Json::Bool(false)) {
        return Err("active: the authorization server says that the token is not active".into());
    }
    let mut scope = ClaimedScope {
        record: claims.clone(),
        notes: Vec::new(),
    };
    CONSUMED
        .iter()
        .for_each(|name| drop(scope.record.remove(*name)));
    // The OAuth scopes of the token, in one text.
    if scope.record.remove("scope").is_some() {
        scope.add_note("scope", "words of OAuth scopes are not mapped");
    }
    scope.add_parties(claims)?;
    scope.add_times(claims)?;
    match claims.get("authorization_details") {
        None => {}
        Some(Json::Array(details)) => scope.add_details(details, names),
        Some(_) => return Err("authorization_details: not a list".into()),
    }
    Ok(scope)
}

/// The actors of an `act` claim, the current one first: in RFC 8693 the outermost is the one that
/// acts, and those inside acted before it.
///
/// # Errors
/// What is wrong with the claim.
pub fn actors_of(act: &Json) -> Result<Vec<String>, String> {
    let mut actors = Vec::new();
    let mut next = Some(act);
    while let Some(act) = next {
        let subject = act.get("sub").and_then(Json::as_str);
        let Some(subject) = subject.filter(|subject| !subject.is_empty()) else {
            return Err(format!("act: actor {} has no `sub`", actors.len() + 1));
        };
        if actors.len() >= ACTORS_MAX {
            return Err(format!("act: more than {ACTORS_MAX} actors"));
        }
        actors.push(subject.to_owned());
        next = act.get("act");
    }
    Ok(actors)
}

impl ClaimedScope {
    fn add_note(&mut self, location: &str, note: &str) {
        self.notes.push(format!("{location}: {note}"));
    }

    /// Sets `group.name` unless the record names it in any form.
    fn set_default(&mut self, group: &str, name: &str, value: Json) {
        let dotted = format!("{group}.{name}");
        let flat = format!("{group}_{name}");
        let nested = self.record.get(group).and_then(Json::as_object);
        let named = nested.is_some_and(|nested| nested.contains_key(name))
            || [&dotted, &flat]
                .iter()
                .any(|key| self.record.contains_key(*key));
        if !named {
            self.record.insert(dotted, value);
        }
    }

    fn set_top(&mut self, name: &str, value: Json) {
        self.record.entry(name).or_insert(value);
    }

    /// The agent that acts, for whom, who issued it, and by which credential.
    fn add_parties(&mut self, claims: &Map<String, Json>) -> Result<(), String> {
        let actors = claims.get("act").map_or(Ok(Vec::new()), actors_of)?;
        let text = |name: &str| claims.get(name).filter(|value| value.is_string()).cloned();
        let mut actors = actors.into_iter().map(Json::from);
        let acting = actors.next();
        let above: Vec<Json> = actors.rev().collect();
        let delegated = acting.is_some();
        let client = || text("client_id").or_else(|| text("azp"));
        if let Some(agent) = acting.or_else(client).or_else(|| text("sub")) {
            self.set_default("agent", "id", agent);
        }
        // Root first, as in records of actions; the last is who gave the agent its task.
        if let Some(parent) = above.last().cloned() {
            self.set_default("parent", "agent_id", parent);
            self.set_default("parent", "act_chain", above.into());
        }
        let for_whom = text("sub").filter(|_| delegated || client().is_some());
        if let Some(subject) = for_whom {
            self.set_default("principal", "id", subject);
        }
        if let Some(issuer) = text("iss") {
            self.set_top("issuer", issuer);
        }
        if let Some(id) = text("jti") {
            self.set_top("credential_ids", json!([id]));
            self.set_top("scope_id", id);
        }
        Ok(())
    }

    /// Times of claims are seconds; those of a scope are milliseconds.
    fn add_times(&mut self, claims: &Map<String, Json>) -> Result<(), String> {
        let ms = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(seconds) if (0.0..=1e11).contains(&seconds) => {
                    Ok(Some(Json::from((seconds * 1_000.0) as i64)))
                }
                _ => Err(format!("{name}: not a time in seconds")),
            },
        };
        if let Some(from) = ms("nbf")?.or(ms("iat")?) {
            self.set_top("effective_from", from);
        }
        if let Some(until) = ms("exp")? {
            self.set_top("expires_at", until);
        }
        Ok(())
    }

    fn add_details(&mut self, details: &[Json], names: &ClaimNames) {
        let mut grants = match self.record.remove("grants") {
            Some(Json::Array(grants)) => grants,
            _ => Vec::new(),
        };
        let mut hosts: Vec<Json> = Vec::new();
        let mut located = !details.is_empty();
        for (index, detail) in details.iter().enumerate() {
            let location = format!("authorization_details[{index}]");
            grants.extend(self.grant_of_detail(&location, detail, names));
            let locations = texts_of(detail, "locations");
            located &= !locations.is_empty();
            hosts.extend(locations.iter().map(|uri| Json::from(host_of(uri))));
        }
        self.record.insert("grants".into(), grants.into());
        if located {
            // A list of destinations is for the whole scope: only if each detail names its own.
            self.set_top("destinations", hosts.into());
        } else if !hosts.is_empty() {
            let note = "not every detail names locations, so none is judged";
            self.add_note("authorization_details", note);
        }
    }

    /// The grant of one authorization detail; `None` if it names no type.
    fn grant_of_detail(
        &mut self,
        location: &str,
        detail: &Json,
        names: &ClaimNames,
    ) -> Option<Json> {
        const KNOWN: [&str; 6] = [
            "type",
            "actions",
            "datatypes",
            "identifier",
            "locations",
            "privileges",
        ];
        let kind = detail
            .get("type")
            .and_then(Json::as_str)
            .unwrap_or_default();
        if kind.is_empty() || kind.contains('*') {
            self.add_note(
                location,
                "names no type that can be granted, so it grants nothing",
            );
            return None;
        }
        let kind = names.types.get(kind).map_or(kind, String::as_str);
        let mut types: Vec<String> = texts_of(detail, "datatypes")
            .into_iter()
            .map(|datatype| format!("{kind}.{datatype}"))
            .collect();
        if types.is_empty() {
            types.push(kind.to_owned());
        }
        let mut grant = json!({"resource_types": types});
        if let Some(identifier) = detail.get("identifier").and_then(Json::as_str) {
            // There is no escape in a pattern: `?` stands for the one character.
            grant["resource_ids"] = json!([identifier.replace('*', "?")]);
        }
        let verbs = self.verbs_of_detail(location, detail, names);
        if !verbs.is_empty() {
            grant["verbs"] = verbs.into();
        }
        let fields = detail.as_object().into_iter().flatten();
        for (name, _) in fields.filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
            let field = format!("{location}.{name}");
            self.add_note(
                &field,
                "no grant can express it: the scope is wider than the token",
            );
        }
        Some(grant)
    }

    /// The verbs that a detail grants; empty if it names no action, which leaves them open.
    fn verbs_of_detail(&mut self, location: &str, detail: &Json, names: &ClaimNames) -> Vec<Json> {
        let actions = texts_of(detail, "actions");
        if actions.is_empty() {
            return Vec::new();
        }
        let mut verbs: Vec<Verb> = Vec::new();
        for action in &actions {
            let found = verbs_of_action(action, names);
            if found.is_empty() {
                let note = format!("`{action}` is no verb, so it grants nothing");
                self.add_note(&format!("{location}.actions"), &note);
            }
            verbs.extend(found);
        }
        if texts_of(detail, "privileges")
            .iter()
            .any(|word| word == "admin")
        {
            verbs.push(Verb::Admin);
        }
        if verbs.is_empty() {
            // A list without a known verb must not become one without limits.
            verbs.push(Verb::Other);
        }
        verbs.into_iter().map(|verb| verb.as_str().into()).collect()
    }
}

fn verbs_of_action(action: &str, names: &ClaimNames) -> Vec<Verb> {
    if let Some(verb) = names.actions.get(action) {
        return vec![*verb];
    }
    let word = action.to_lowercase();
    let own = Verb::from_word(&word).filter(|verb| *verb != Verb::Other);
    let known = ACTION_VERBS.iter().find(|(name, _)| *name == word);
    match (own, known) {
        (Some(verb), _) => vec![verb],
        (None, Some((_, verbs))) => verbs.to_vec(),
        (None, None) => Vec::new(),
    }
}

/// The host of a URI.
fn host_of(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            name
        }
        _ => host,
    }
}

/// The texts of a list, or a single text.
fn texts_of(detail: &Json, name: &str) -> Vec<String> {
    match detail.get(name) {
        Some(Json::String(text)) => vec![text.clone()],
        Some(Json::Array(texts)) => {
            let texts = texts.iter().filter_map(Json::as_str);
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
