//! A gateway that numbers its records, and of which some do not come; and one whose records come
//! in another order.

use crate::event::{DeclaredStatus, GatewayNotice};

use super::super::agent::numbered_text;
use super::super::attack_kind::AttackKind;
use super::super::schedule::{MINUTE_MS, SECOND_MS};
use super::script::AttackScript;

/// Numbers of the gateway, and those of them that do not come, or come late.
const NUMBERS: u64 = 14;
const ABSENT: std::ops::Range<u64> = 5..9;

pub const KINDS: [AttackKind; 2] = [AttackKind::GatewayGap, AttackKind::TwinLateRecords];

pub fn write_gateway(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_declared(|class| class.child_class.is_none())?;
    script.declare_scope(&actor);
    let prefix = if kind.is_benign() {
        "gw-slow-"
    } else {
        "gw-cut-"
    };
    let gateway = numbered_text(prefix, script.serial());
    let late = ABSENT.filter(|_| kind.is_benign());
    let on_time = (0..NUMBERS).filter(|number| !ABSENT.contains(number));
    for number in on_time.chain(late) {
        let mut action = script.compose_benign_action(&mut actor, |_| true)?;
        action.gateway_id = Some(gateway.clone());
        action.gateway_sequence = Some(number);
        script.add_labelled_action(&mut actor, action);
        script.advance_time(10 * SECOND_MS);
    }
    script.allow_alert_about(GatewayNotice::subject_of(&actor.agent.tenant, &gateway).agent);
    script.advance_time(MINUTE_MS);
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}
