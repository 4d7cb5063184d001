//! The bounds of a link. Scopewatch writes links itself, but who may write to the topic can write
//! one too, and its texts become keys of state.

use super::decode::bounds;
use crate::event::{
    AddressedLink, AgentKey, AgentsNotice, ClassNotice, CredentialKey, GATEWAY_NUMBERS_MAX,
    GatewayNotice, LearningChange, LinkBody, LinkCause, LinkTarget, NoticedMember, ParentNotice,
    ProfileKind, ProfileNotice, TASK_SET_MAX, TakenAway, TargetNotice, TaskNotice, Text, TextBound,
    USUAL_VOLUMES_MAX, UsualSum,
};

/// Bytes of a topic's name, as Kafka bounds it.
const TOPIC_BYTES_MAX: usize = 249;

/// Checks every text and time of a link.
pub(super) fn check_link(addressed: &AddressedLink) -> Result<(), String> {
    match &addressed.target {
        LinkTarget::AllPartitions => {}
        LinkTarget::Agent(key) => check_agent("target", key)?,
        LinkTarget::Credential(key) => check_credential("target", key)?,
    }
    if let Some(cause) = &addressed.link.cause {
        check_cause(cause)?;
    }
    check_body(&addressed.link.body)
}

fn check_body(body: &LinkBody) -> Result<(), String> {
    match body {
        LinkBody::Tick => Ok(()),
        LinkBody::TenantManaged { tenant } => check_tenant("body", tenant),
        LinkBody::BudgetRearmed { tenant, at_ms } => {
            bounds::check_time_ms("body.at_ms", *at_ms)?;
            check_tenant("body", tenant)
        }
        LinkBody::TaskEndedClean(notice) | LinkBody::TaskSetAside(notice) => check_task(notice),
        LinkBody::ClassChanged(notice) => check_class(notice),
        LinkBody::AgentsChanged(notice) => check_agents(notice),
        LinkBody::ProfileImported(notice) => check_profile(notice),
        LinkBody::ChildDeclared(notice) => {
            check_id("body.child", &notice.child)?;
            check_ids("body.scopes", &notice.scopes)
        }
        LinkBody::ParentScope(notice) => check_parent(notice),
        LinkBody::TreeMember(notice) => {
            check_id("body.child", &notice.child)?;
            notice.members.iter().try_for_each(check_member)
        }
        LinkBody::TreeFlow(notice) => {
            check_id("body.sender", &notice.sender)?;
            let reads = notice.untrusted.iter().chain(&notice.private);
            for read in reads {
                check_id("body.agent", &read.agent)?;
                bounds::check_time_ms("body.at_ms", read.at_ms)?;
            }
            Ok(())
        }
        LinkBody::GatewayNumbers(notice) => check_gateway(notice),
        LinkBody::TargetRequested(notice) => check_target(notice),
        LinkBody::TargetUsed(notice) => {
            check_id("body.member", &notice.member)?;
            check_id("body.txn", &notice.txn)?;
            bounds::check_time_ms("body.asked_ms", notice.asked_ms)?;
            bounds::check_time_ms("body.last_ms", notice.last_ms)?;
            Ok(())
        }
        LinkBody::CredentialUsed {
            agent,
            issuer,
            task,
            ..
        } => {
            check_id("body.agent", agent)?;
            check_optional("body.issuer", issuer.as_ref())?;
            check_optional("body.task", task.as_ref())
        }
        LinkBody::CredentialShared {
            credential,
            issuer,
            other,
            task,
            ..
        } => {
            check_id("body.credential", credential)?;
            check_optional("body.issuer", issuer.as_ref())?;
            check_optional("body.other", other.as_ref())?;
            check_optional("body.task", task.as_ref())
        }
        #[cfg(test)]
        LinkBody::Probe { reply_to } => reply_to
            .as_ref()
            .map_or(Ok(()), |key| check_agent("body", key)),
    }
}

fn check_task(notice: &TaskNotice) -> Result<(), String> {
    check_tenant("body", &notice.tenant)?;
    bounds::check_text("body.agent_type", &notice.agent_type, TextBound::Id)?;
    check_optional("body.task_class", notice.task_class.as_ref())?;
    bounds::check_time_ms("body.ended_ms", notice.ended_ms)?;
    let mut lists = notice.used.lists().into_iter();
    if lists.any(|list| list.len() > TASK_SET_MAX) {
        return Err(format!("body: more than {TASK_SET_MAX} of one kind"));
    }
    let volumes = &notice.volumes;
    if volumes.len() > USUAL_VOLUMES_MAX {
        return Err(format!("body.volumes: more than {USUAL_VOLUMES_MAX}"));
    }
    volumes.iter().try_for_each(|volume| {
        check_id("body.volumes.metric", &volume.metric)?;
        let numbers = volume.active.is_valid() && volume.sums.iter().all(UsualSum::is_valid);
        match volume.pane_ms > 0 && numbers {
            true => Ok(()),
            false => Err("body.volumes: no such pane or number".to_owned()),
        }
    })
}

fn check_class(notice: &ClassNotice) -> Result<(), String> {
    check_tenant("body", &notice.tenant)?;
    let class = &notice.class;
    bounds::check_text("body.agent_type", &class.agent_type, TextBound::Id)?;
    check_optional("body.task_class", class.task_class.as_ref())?;
    bounds::check_time_ms("body.at_ms", notice.at_ms)?;
    check_change(notice.change)
}

fn check_agents(notice: &AgentsNotice) -> Result<(), String> {
    check_tenant("body", &notice.tenant)?;
    check_id("body.agent_type", &notice.selection.agent_type)?;
    bounds::check_time_ms("body.at_ms", notice.at_ms)?;
    check_change(notice.change)
}

fn check_change(change: LearningChange) -> Result<(), String> {
    match change {
        LearningChange::Reset {
            since_ms: Some(since_ms),
        } => bounds::check_time_ms("body.change.since_ms", since_ms).map(|_| ()),
        _ => Ok(()),
    }
}

fn check_profile(notice: &ProfileNotice) -> Result<(), String> {
    check_tenant("body", &notice.tenant)?;
    bounds::check_text("body.agent_type", &notice.name.agent_type, TextBound::Id)?;
    if let ProfileKind::Class(class) = &notice.name.part {
        check_id("body.task_class", class)?;
    }
    bounds::check_time_ms("body.at_ms", notice.at_ms).map(|_| ())
}

fn check_parent(notice: &ParentNotice) -> Result<(), String> {
    check_id("body.parent", &notice.parent)?;
    for ancestor in &notice.ancestors {
        check_id("body.ancestors", &ancestor.agent)?;
    }
    if let Some(end) = &notice.ended_above {
        check_id("body.ended_above", &end.agent)?;
        bounds::check_time_ms("body.ended_above.since_ms", end.since_ms)?;
    }
    for one in &notice.scopes {
        check_id("body.scopes", &one.scope.scope_id)?;
        bounds::check_time_ms("body.scopes.since_ms", one.since_ms)?;
        check_taken("body.scopes.taken.since_ms", one.taken)?;
    }
    check_taken("body.taken.since_ms", notice.taken)
}

fn check_taken(path: &str, taken: Option<TakenAway>) -> Result<(), String> {
    if let Some(taken) = taken {
        bounds::check_time_ms(path, taken.since_ms)?;
    }
    Ok(())
}

fn check_gateway(notice: &GatewayNotice) -> Result<(), String> {
    check_id("body.gateway", &notice.gateway)?;
    bounds::check_time_ms("body.as_of_ms", notice.as_of_ms)?;
    if notice.steps.len() > GATEWAY_NUMBERS_MAX {
        return Err(format!("body.steps: more than {GATEWAY_NUMBERS_MAX}"));
    }
    Ok(())
}

fn check_target(notice: &TargetNotice) -> Result<(), String> {
    check_id("body.planner", &notice.planner)?;
    check_id("body.txn", &notice.txn)?;
    if let Some((id, issuer)) = &notice.credential {
        check_id("body.credential", id)?;
        bounds::check_text("body.issuer", issuer, TextBound::Free)?;
    }
    for ms in [
        Some(notice.asked_ms),
        Some(notice.until_ms),
        notice.confirmed_ms,
    ] {
        bounds::check_time_ms("body.times", ms.unwrap_or_default())?;
    }
    Ok(())
}

fn check_member(member: &NoticedMember) -> Result<(), String> {
    check_id("body.members", &member.agent)?;
    check_id("body.members.parent", &member.parent)?;
    if let Some((id, issuer)) = &member.credential {
        check_id("body.members.credential", id)?;
        if let Some(issuer) = issuer {
            bounds::check_text("body.members.issuer", issuer, TextBound::Free)?;
        }
    }
    Ok(())
}

fn check_ids(path: &str, ids: &[Text]) -> Result<(), String> {
    ids.iter().try_for_each(|id| check_id(path, id))
}

fn check_cause(cause: &LinkCause) -> Result<(), String> {
    if cause.position.topic.len() > TOPIC_BYTES_MAX {
        return Err(format!(
            "cause.position.topic: more than {TOPIC_BYTES_MAX} bytes"
        ));
    }
    for (path, ms) in [
        ("cause.append_ms", cause.append_ms),
        ("cause.at_ms", cause.at_ms),
    ] {
        bounds::check_time_ms(path, ms)?;
    }
    bounds::check_text("cause.event_id", &cause.event_id, TextBound::Free)
}

/// Checks the key of an agent in a link.
pub(super) fn check_agent(path: &str, key: &AgentKey) -> Result<(), String> {
    check_tenant(path, &key.tenant)?;
    check_id(&format!("{path}.agent"), &key.agent)
}

/// Checks the key of a credential in a link.
pub(super) fn check_credential(path: &str, key: &CredentialKey) -> Result<(), String> {
    check_tenant(path, &key.tenant)?;
    check_id(&format!("{path}.id"), &key.id)
}

fn check_tenant(path: &str, tenant: &Text) -> Result<(), String> {
    let path = format!("{path}.tenant");
    required(&path, tenant)?;
    bounds::check_text(&path, tenant, TextBound::Tenant)
}

/// Checks an id, which may not be empty.
pub(super) fn check_id(path: &str, id: &Text) -> Result<(), String> {
    required(path, id)?;
    bounds::check_text(path, id, TextBound::Id)
}

fn check_optional(path: &str, id: Option<&Text>) -> Result<(), String> {
    id.map_or(Ok(()), |id| bounds::check_text(path, id, TextBound::Id))
}

fn required(path: &str, text: &Text) -> Result<(), String> {
    match text.is_empty() {
        true => Err(format!("{path}: required, and empty")),
        false => Ok(()),
    }
}
