//! Who may be hit: whether the credential of an action may be a target, and who issues it.
//!
//! A record is written by a gateway, but an agent may choose what stands in it. What it names is
//! no reason to take it away from whoever has it: a target is *proven* by the agent's declared
//! scope, or by an action that was accepted while no other agent is known to have the credential.

use crate::event::{AgentAction, AgentScope, Text};

use super::credential_uses::{CredentialUses, is_accepted};
use super::rule_view::RevokeTarget;
use super::target::{RevocationTarget, TargetKind, TargetName};

/// More users of one credential than this, and a person must approve that all of them lose it.
pub const USERS_MAX: u32 = 3;

/// What is known of an action's credential besides the action itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CredentialProof<'a> {
    /// The judging scope names the credential.
    pub listed: bool,
    /// An action with the credential was accepted: this one or an earlier one of the agent.
    pub accepted: bool,
    /// Other agents that have it; `None` until the credential has said so.
    pub others: Option<u32>,
    /// The issuer that the judging scope names.
    pub declared_issuer: Option<&'a Text>,
    /// The issuer of the credential by the latest accepted action that names both.
    pub accepted_issuer: Option<&'a Text>,
    /// The issuer of the credential that the agent was accepted with last.
    pub newest_issuer: Option<&'a Text>,
}

impl<'a> CredentialProof<'a> {
    /// What the agent's accepted credentials and the scope that judges the action say of the
    /// action's credential. `others` counts the other agents that have it, where that is known.
    #[must_use]
    pub fn of_action(
        action: &'a AgentAction,
        uses: &'a CredentialUses,
        scope: Option<&'a AgentScope>,
        others: Option<u32>,
    ) -> Self {
        let id = action.credential_id.as_ref();
        let accepted = is_accepted(action);
        let claimed = action.credential_issuer.as_ref().filter(|_| accepted);
        let listed = |scope: &AgentScope| id.is_some_and(|id| scope.credential_ids.contains(id));
        CredentialProof {
            listed: scope.is_some_and(listed),
            accepted: accepted || id.is_some_and(|id| uses.is_known(id)),
            others,
            // A scope may name the person or program that declared it; only a URL is an issuer.
            declared_issuer: scope
                .and_then(|scope| scope.issuer.as_ref())
                .filter(|issuer| issuer.contains("://")),
            accepted_issuer: claimed.or_else(|| id.and_then(|id| uses.issuer_of_id(id))),
            newest_issuer: uses.newest_issuer(),
        }
    }

    /// How many agents are known to use the credential, this one included.
    #[must_use]
    pub fn users(&self) -> u32 {
        self.others.unwrap_or(0).saturating_add(1)
    }
}

/// The target of kind `asked` that the action names. `configured` is the issuer that the response
/// policy names for the tenant. Never a larger target than the rule asks for.
///
/// # Errors
/// Why there is no such target: the sentence goes into the alert.
pub(super) fn name_target(
    asked: RevokeTarget,
    action: &AgentAction,
    proof: &CredentialProof<'_>,
    configured: Option<&Text>,
) -> Result<RevocationTarget, &'static str> {
    // What is declared goes before what is configured, and that before what a record claims.
    let trusted = proof.declared_issuer.or(configured);
    let (kind, name) = match asked {
        RevokeTarget::None => return Err("the rule asks for no revocation"),
        RevokeTarget::Credential => {
            let (iss, jti) = prove_credential(action, proof, trusted)?;
            (TargetKind::Credential, TargetName::JwtId { iss, jti })
        }
        RevokeTarget::Session => match &action.session_id {
            Some(id) if is_accepted(action) => {
                (TargetKind::Session, TargetName::Opaque { id: id.clone() })
            }
            Some(_) => {
                return Err("no request: session not proven: the action with it was denied");
            }
            None => return Err("no request: the record names no session id"),
        },
        // The agents below are targets of their own: `tree_plan` names them.
        RevokeTarget::Agent | RevokeTarget::Tree => {
            let claimed = action.credential_issuer.as_ref();
            let claimed = claimed.filter(|_| is_accepted(action));
            let issuer = trusted.or(claimed).or(proof.newest_issuer);
            let name = match issuer {
                Some(iss) => TargetName::IssSub {
                    iss: iss.clone(),
                    sub: action.agent_id.clone(),
                },
                None => TargetName::Opaque {
                    id: action.agent_key().to_string().into(),
                },
            };
            (TargetKind::Agent, name)
        }
    };
    Ok(RevocationTarget { kind, name })
}

/// Issuer and id of a credential that may be asked back.
fn prove_credential(
    action: &AgentAction,
    proof: &CredentialProof<'_>,
    trusted: Option<&Text>,
) -> Result<(Text, Text), &'static str> {
    let Some(id) = &action.credential_id else {
        return Err("no request: the record names no credential id");
    };
    if !proof.listed {
        if !proof.accepted {
            return Err("no request: credential not proven: no action with it was accepted");
        }
        if proof.others.is_some_and(|others| others > 0) {
            return Err("no request: credential not proven: another agent has it too");
        }
        // The accepted credential is one of another issuer: under the trusted one, the same id
        // names a credential that somebody else may have.
        if let (Some(trusted), Some(accepted)) = (trusted, proof.accepted_issuer)
            && !is_same_issuer(trusted, accepted)
        {
            return Err("no request: credential not proven: its issuer is not the declared one");
        }
    }
    match trusted.or(proof.accepted_issuer) {
        Some(issuer) => Ok((issuer.clone(), id.clone())),
        None => Err("no request: no scope, setting or accepted action names the issuer"),
    }
}

/// Whether two URLs name one issuer: a slash at the end makes no difference.
pub(super) fn is_same_issuer(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The target to ask for where the rule is about acting after something was taken away: never a
/// larger one than that.
pub(super) fn cap_target(asked: RevokeTarget, taken: Option<TargetKind>) -> RevokeTarget {
    let taken = match taken {
        None => return asked,
        Some(TargetKind::Credential) => RevokeTarget::Credential,
        Some(TargetKind::Session) => RevokeTarget::Session,
        Some(TargetKind::Agent) => RevokeTarget::Agent,
    };
    asked.min(taken)
}
