//! The target of a revocation, and how the identity system knows it.

use serde::{Deserialize, Serialize};

use crate::event::{AgentAction, ConfirmedTarget, SubjectForm, Text};

/// One thing that the identity system is asked to revoke.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RevocationTarget {
    pub kind: TargetKind,
    pub name: TargetName,
}

/// What kind of thing a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    Credential,
    Session,
    Agent,
}

/// How the identity system knows a target: the subject formats of RFC 9493 and SSF 1.0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TargetName {
    /// `jwt_id`: one token.
    JwtId { iss: Text, jti: Text },
    /// `iss_sub`: an identity at an issuer.
    IssSub { iss: Text, sub: Text },
    /// `opaque`: an id without an issuer.
    Opaque { id: Text },
}

impl TargetKind {
    /// The word in alerts and requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            TargetKind::Credential => "credential",
            TargetKind::Session => "session",
            TargetKind::Agent => "agent",
        }
    }
}

/// A target with the reason why it is in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTarget {
    pub target: RevocationTarget,
    pub reason: String,
    /// Which request about the target it is, from 1: it enters the id of the token.
    pub attempt: u32,
    /// Its position in the plan, from 1, and how many targets the plan has.
    pub order: (u32, u32),
}

impl RevocationTarget {
    /// Whether both name one thing. An agent is one target whatever issuer its credentials name.
    /// Both must be of one tenant, as all requests of a store are.
    #[must_use]
    pub fn is_same(&self, other: &RevocationTarget) -> bool {
        self.kind == other.kind
            && match self.kind {
                TargetKind::Agent => self.agent_name() == other.agent_name(),
                TargetKind::Credential | TargetKind::Session => self.name == other.name,
            }
    }

    /// The agent's own name, without issuer or tenant.
    pub(super) fn agent_name(&self) -> &str {
        match &self.name {
            TargetName::IssSub { sub, .. } => sub,
            TargetName::Opaque { id } => id.split_once('/').map_or(id, |(_, agent)| agent),
            TargetName::JwtId { jti, .. } => jti,
        }
    }

    /// Whether a confirmation is about this target. An issuer that both name is the same; a request
    /// without one named the agent to whoever knows it.
    #[must_use]
    pub fn is_named(&self, named: &ConfirmedTarget) -> bool {
        let (id, subject) = (&named.id, &named.subject);
        match &self.name {
            TargetName::JwtId { iss, jti } => {
                let form = SubjectForm::JwtId { iss: iss.clone() };
                jti == id && subject.as_ref().is_none_or(|subject| *subject == form)
            }
            TargetName::IssSub { iss, sub } => {
                let form = SubjectForm::IssSub { iss: iss.clone() };
                sub == id && subject.as_ref().is_none_or(|subject| *subject == form)
            }
            TargetName::Opaque { id: own } if self.kind == TargetKind::Agent => {
                let token = matches!(subject, Some(SubjectForm::JwtId { .. }));
                !token && (own == id || self.agent_name() == id.as_str())
            }
            TargetName::Opaque { id: own } => {
                let opaque = matches!(subject, None | Some(SubjectForm::Opaque));
                own == id && opaque
            }
        }
    }

    /// Whether an action was done with this target, which was revoked at `revoked_ms`: a credential
    /// issued later is a new one, also where the whole agent was revoked.
    #[must_use]
    pub fn used_by(&self, action: &AgentAction, revoked_ms: i64) -> bool {
        if action
            .credential_issued_at_ms
            .is_some_and(|issued_ms| issued_ms > revoked_ms)
        {
            return false;
        }
        match (&self.kind, &self.name) {
            (TargetKind::Credential, TargetName::JwtId { iss, jti }) => {
                action.credential_id.as_ref() == Some(jti)
                    && action
                        .credential_issuer
                        .as_ref()
                        .is_none_or(|issuer| issuer == iss)
            }
            (TargetKind::Session, TargetName::Opaque { id }) => {
                action.session_id.as_ref() == Some(id)
            }
            // The id is compared because undeclared agents beyond the onboarding cap share a store.
            (TargetKind::Agent, _) => action.agent_id == self.agent_name(),
            _ => false,
        }
    }

    /// The issuer of the target, to which requests are addressed.
    #[must_use]
    pub fn issuer(&self) -> Option<&Text> {
        match &self.name {
            TargetName::JwtId { iss, .. } | TargetName::IssSub { iss, .. } => Some(iss),
            TargetName::Opaque { .. } => None,
        }
    }

    /// The subject format and its members, for hashing.
    pub(super) fn hash_parts(&self) -> [&str; 3] {
        match &self.name {
            TargetName::JwtId { iss, jti } => ["jwt_id", iss, jti],
            TargetName::IssSub { iss, sub } => ["iss_sub", iss, sub],
            TargetName::Opaque { id } => ["opaque", self.kind.as_str(), id],
        }
    }
}

/// The targets as a sentence names them.
pub(super) fn name_targets(targets: &[RevocationTarget]) -> String {
    let named: Vec<String> = targets
        .iter()
        .map(|target| match &target.name {
            TargetName::JwtId { jti, .. } => format!("credential {jti}"),
            TargetName::IssSub { sub, .. } => format!("agent {sub}"),
            TargetName::Opaque { id } => format!("{} {id}", target.kind.as_str()),
        })
        .collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action() -> AgentAction {
        AgentAction {
            credential_id: Some("tok-1".into()),
            credential_issuer: Some("https://idp".into()),
            ..AgentAction::new("bot")
        }
    }

    fn agent(name: TargetName) -> RevocationTarget {
        RevocationTarget {
            kind: TargetKind::Agent,
            name,
        }
    }

    #[test]
    fn an_agent_is_one_target_whatever_its_name_says() {
        let named = agent(TargetName::IssSub {
            iss: "https://c".into(),
            sub: "bot".into(),
        });
        let opaque = agent(TargetName::Opaque {
            id: "default/bot".into(),
        });
        assert!(opaque.is_same(&named), "one agent is one target");
        assert!(opaque.is_named(&"bot".into()) && opaque.is_named(&"default/bot".into()));
        let bare = AgentAction::new("bot");
        let another = agent(TargetName::Opaque {
            id: "default/bot-2".into(),
        });
        let other = AgentAction::new("bot-2");
        assert!(!another.is_same(&named) && !named.used_by(&other, 0));
        assert!(named.used_by(&bare, 0) && opaque.used_by(&bare, 0));
    }

    /// Every form of a target against every form in which a confirmation may name it.
    #[test]
    fn a_confirmation_names_a_target_by_its_form_and_issuer_or_by_its_id_alone() {
        let of = |kind, name| RevocationTarget { kind, name };
        let (iss, id): (Text, Text) = ("https://idp".into(), "x".into());
        let jti = of(
            TargetKind::Credential,
            TargetName::JwtId {
                iss: iss.clone(),
                jti: id.clone(),
            },
        );
        let sub = agent(TargetName::IssSub {
            iss: iss.clone(),
            sub: id.clone(),
        });
        let opaque = TargetName::Opaque { id: id.clone() };
        let session = of(TargetKind::Session, opaque.clone());
        let bare = agent(TargetName::Opaque { id: "t/x".into() });
        let other: Text = "https://other".into();
        for (subject, named) in [
            (None, [true, true, true, true]),
            (
                Some(SubjectForm::JwtId { iss: iss.clone() }),
                [true, false, false, false],
            ),
            (
                Some(SubjectForm::JwtId { iss: other.clone() }),
                [false, false, false, false],
            ),
            (
                Some(SubjectForm::IssSub { iss }),
                [false, true, false, true],
            ),
            (
                Some(SubjectForm::IssSub { iss: other }),
                [false, false, false, true],
            ),
            (Some(SubjectForm::Opaque), [false, false, true, true]),
        ] {
            let confirmed = |id: &str| ConfirmedTarget {
                id: id.into(),
                subject: subject.clone(),
            };
            let targets = [&jti, &sub, &session, &bare];
            assert_eq!(
                targets.map(|target| target.is_named(&confirmed("x"))),
                named
            );
            let never = targets.map(|target| target.is_named(&confirmed("y")));
            assert_eq!(never, [false; 4], "another id");
        }
    }

    #[test]
    fn a_credential_issued_after_the_revocation_is_a_new_one() {
        let target = RevocationTarget {
            kind: TargetKind::Credential,
            name: TargetName::JwtId {
                iss: "https://idp".into(),
                jti: "tok-1".into(),
            },
        };
        assert!(target.used_by(&action(), 100));
        let newer = AgentAction {
            credential_issued_at_ms: Some(101),
            ..action()
        };
        assert!(!target.used_by(&newer, 100));
        let same = AgentAction {
            credential_issued_at_ms: Some(100),
            ..action()
        };
        assert!(target.used_by(&same, 100));
        let other = AgentAction {
            credential_id: Some("tok-2".into()),
            ..action()
        };
        assert!(!target.used_by(&other, 100));
    }
}
