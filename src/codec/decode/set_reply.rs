//! Reads a security event token (SET) of an identity system as the confirmation that it is: CAEP
//! says of a session or credential that it *was* revoked, and `txn` which request asked for it.
//! Without `txn` it reports what nobody here asked for, which changes nothing.
//!
//! Claims are read, not a signed token: whoever may write to the control topic is trusted, as with
//! every control record.

use super::bounds::{self, TENANT_DEFAULT, TIME_MS_MAX};
use super::object::{RecordObject, Refusal};
use crate::event::TextBound::{Free, Id};
use crate::event::{
    CommandKind, ConfirmedTarget, ControlRecord, RevocationResult, SubjectForm, Text,
};

/// The base of CAEP's event types.
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";

/// Whether a control record is a SET.
pub(super) fn is_token(top: &RecordObject) -> bool {
    top.has_field("events") && top.has_field("iss")
}

/// Reads a SET. It names no agent of ours: the agent stays empty, and the key of the record names
/// it.
pub(super) fn read_token(
    mut top: RecordObject,
    unknown: &mut u32,
) -> Result<ControlRecord, Refusal> {
    let by = top.required_text("iss", Id)?;
    let txn = top.take_text("txn", Id)?.unwrap_or_default();
    let issued_s = top.take_integer("iat")?;
    let subject = top.take_object("sub_id")?;
    let subject = read_subject(subject.ok_or("sub_id: required, and missing")?)?;
    let events = top
        .take_object("events")?
        .ok_or("events: required, and missing")?;
    let (kind, mut event) = events.into_only_object()?;
    match kind.strip_prefix(CAEP) {
        Some("session-revoked") => {}
        Some("credential-change") => {
            let change = event.required_text("change_type", Id)?;
            if !matches!(&*change, "revoke" | "delete") {
                return Err(format!("change_type: `{change}` is none of revoke, delete"));
            }
        }
        _ => return Err("events: neither CAEP session-revoked nor credential-change".into()),
    }
    let at_s = event.take_integer("event_timestamp")?.or(issued_s);
    let at_s = at_s.ok_or("iat: required, and missing")?;
    let reason = event.take_object("reason_admin")?;
    let reason = reason
        .map(|mut words| words.take_text("en", Free))
        .transpose()?;
    top.count_unknown(unknown);
    Ok(ControlRecord {
        tenant: TENANT_DEFAULT.into(),
        agent_id: Text::default(),
        by,
        at_ms: seconds_to_ms(at_s)?,
        reason: reason.flatten(),
        command: CommandKind::Confirmation {
            txn,
            target: Some(subject),
            result: RevocationResult::Done,
        },
    })
}

/// Reads a subject identifier in one of the formats that requests use.
pub(super) fn read_subject(mut subject: RecordObject) -> Result<ConfirmedTarget, Refusal> {
    let format = subject.required_text("format", Id)?;
    let mut issuer = || subject.required_text("iss", Id);
    let (form, id) = match &*format {
        "jwt_id" => (SubjectForm::JwtId { iss: issuer()? }, "jti"),
        "iss_sub" => (SubjectForm::IssSub { iss: issuer()? }, "sub"),
        "opaque" => (SubjectForm::Opaque, "id"),
        _ => {
            let path = subject.path_of("format");
            return Err(format!(
                "{path}: `{format}` is none of jwt_id, iss_sub, opaque"
            ));
        }
    };
    Ok(ConfirmedTarget {
        id: subject.required_text(id, Id)?,
        subject: Some(form),
    })
}

/// A time of a SET, which is in seconds.
fn seconds_to_ms(seconds: i64) -> Result<i64, Refusal> {
    let ms = seconds.checked_mul(1_000);
    ms.filter(|ms| (bounds::COMMAND_MS_MIN..=TIME_MS_MAX).contains(ms))
        .ok_or_else(|| format!("iat: {seconds} is no time in seconds after 2000"))
}
