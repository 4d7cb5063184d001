//! Links between agents and their credentials: an agent lets a credential know that it has it, and
//! the credential lets each of its agents know of the others.

use crate::event::{
    ActionField, AddressedLink, AgentAction, AgentKey, AgentScope, CredentialKey, DeclaredStatus,
    Link, LinkBody, LinkCause, LinkTarget, Text,
};
use crate::response::{
    CredentialNews, CredentialShares, CredentialUse, LinkDue, SharedUse, is_accepted,
    settle_awaited_plans,
};

use super::agent_event::record_cause;
use super::credential_users::{CredentialUsers, UserReport, UsersNews};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::{PartitionState, TenantStates};
use super::state_changes::ChangeList;
use super::subject::SubjectKey;
use super::timed_action::{RecordOrigin, TimedAction};

/// Notes for its tenant that an agent was accepted with a credential.
pub(super) fn note_holder(
    tenants: &mut TenantStates,
    changes: &mut ChangeList,
    action: &AgentAction,
) {
    if let (Some(id), Some(tenant)) = (&action.credential_id, tenants.get_mut(&action.tenant))
        && tenant.live.holders.note_holder(id, &action.agent_id)
    {
        let key = SubjectKey::Tenant(action.tenant.clone());
        changes.mark_changed(&key, &mut tenant.marks, false);
    }
}

/// Lets the credential of an accepted action know that the agent has it, where that is due.
pub(super) fn announce_use(
    shares: &mut CredentialShares,
    timed: &TimedAction<'_>,
    used: CredentialUse,
    stream_ms: i64,
    effects: &mut RecordEffects,
) {
    let action = timed.action;
    let Some(id) = &action.credential_id else {
        return;
    };
    let usable = is_accepted(action)
        && !id.is_empty()
        && !action.is_malformed(ActionField::CREDENTIAL_ID)
        && shares.may_be_due(used.same, stream_ms);
    if !usable {
        return;
    }
    match shares.next_use_link(id, stream_ms) {
        LinkDue::Not => {}
        LinkDue::Cut => effects.counts.credential_links_cut += 1,
        LinkDue::Now => {
            let readable =
                |text: &Option<Text>, field| text.clone().filter(|_| !action.is_malformed(field));
            effects.links.push(AddressedLink {
                target: credential_target(&action.tenant, id),
                link: Link {
                    cause: Some(LinkCause {
                        position: timed.origin.position.clone(),
                        append_ms: timed.origin.append_ms,
                        at_ms: timed.at_ms,
                        event_id: timed.event_id().as_ref().into(),
                    }),
                    body: LinkBody::CredentialUsed {
                        agent: action.agent_id.clone(),
                        issuer: readable(&action.credential_issuer, ActionField::CREDENTIAL_ISSUER),
                        task: readable(&action.task_id, ActionField::TASK_ID),
                        accepted: true,
                    },
                },
            });
        }
    }
}

/// The credentials that a scope record names for its agent.
pub(super) struct DeclaredCredentials {
    agent: AgentKey,
    issuer: Option<Text>,
    ids: Vec<Text>,
}

impl DeclaredCredentials {
    /// None where the record ends the scope.
    pub(super) fn of_scope(scope: &AgentScope) -> Self {
        // A scope may name the person or program that declared it; only a URL is an issuer.
        let issuer = scope.issuer.clone().filter(|issuer| issuer.contains("://"));
        let begins = scope.status == DeclaredStatus::Active;
        DeclaredCredentials {
            agent: scope.agent_key(),
            issuer,
            ids: match begins {
                true => scope.credential_ids.clone(),
                false => Vec::new(),
            },
        }
    }

    /// Lets each of them know.
    pub(super) fn announce(
        self,
        shares: &mut CredentialShares,
        origin: &RecordOrigin,
        effects: &mut RecordEffects,
    ) {
        for id in self.ids.iter().filter(|id| !id.is_empty()) {
            if shares.next_declared_link(id) == LinkDue::Now {
                effects.links.push(AddressedLink {
                    target: credential_target(&self.agent.tenant, id),
                    link: Link {
                        cause: Some(record_cause(origin)),
                        body: LinkBody::CredentialUsed {
                            agent: self.agent.agent.clone(),
                            issuer: self.issuer.clone(),
                            task: None,
                            accepted: false,
                        },
                    },
                });
            }
        }
    }
}

/// Notes at a credential that an agent has it, and lets its agents know what is new for them.
pub(super) fn note_user(
    users: &mut CredentialUsers,
    credential: &CredentialKey,
    link: &Link,
    effects: &mut RecordEffects,
) {
    let LinkBody::CredentialUsed {
        agent,
        issuer,
        task,
        accepted,
    } = &link.body
    else {
        return;
    };
    let Some(cause) = &link.cause else { return };
    let report = UserReport {
        agent,
        issuer: issuer.as_ref(),
        task: task.as_ref(),
        accepted: *accepted,
        cause,
    };
    let news = users.note_user(&report).unwrap_or_else(|| {
        effects.counts.credential_users_full += 1;
        vec![users.news_of_further(&report)]
    });
    let links = news
        .into_iter()
        .map(|one| shared_link(credential, issuer, one));
    effects.links.extend(links);
}

fn shared_link(
    credential: &CredentialKey,
    issuer: &Option<Text>,
    news: UsersNews,
) -> AddressedLink {
    AddressedLink {
        target: LinkTarget::Agent(AgentKey {
            tenant: credential.tenant.clone(),
            agent: news.agent,
        }),
        link: Link {
            cause: news.cause,
            body: LinkBody::CredentialShared {
                credential: credential.id.clone(),
                issuer: issuer.clone(),
                users: news.users,
                forwarded: news.forwarded,
                other: news.other,
                task: news.task,
            },
        },
    }
}

fn credential_target(tenant: &Text, id: &Text) -> LinkTarget {
    LinkTarget::Credential(CredentialKey {
        tenant: tenant.clone(),
        id: id.clone(),
    })
}

impl Detector {
    /// Notes at an agent who else has one of its credentials, and decides the plans that waited for
    /// it.
    pub(super) fn note_shared(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        link: &Link,
        effects: &mut RecordEffects,
    ) {
        let LinkBody::CredentialShared {
            credential,
            users,
            forwarded,
            ..
        } = &link.body
        else {
            return;
        };
        let bundle = self.bundle_context(partition.partitions);
        let stream_ms = partition.stream_ms;
        let (SubjectKey::Agent(agent), Some(state)) = (key, partition.agents.get_mut(key)) else {
            return;
        };
        let shared = SharedUse {
            users: *users,
            forwarded: *forwarded,
        };
        state.live.shares.note_users(credential, shared);
        let news = CredentialNews {
            agent,
            credential,
            users: *users,
            stream_ms,
        };
        let incidents = &mut state.live.incidents;
        settle_awaited_plans(&bundle, incidents, &news, &mut effects.outcomes);
    }
}
