//! Brings an action into normal form, once, before anything is judged or learned.

use crate::event::{ActionField, AgentAction, Text};
use crate::scope::model::countable::non_empty;
use crate::text::normal::{Destination, ResourcePath, fold_word, is_repository, url_authority};

/// Brings resource type, resource id and destination into normal form. What has none, such as an
/// invalid host, stays as it is: every list refuses it. A resource id that nobody can follow is
/// malformed.
pub(super) fn normalise_action(action: &mut AgentAction) {
    replace_if_changed(&mut action.resource_type, |text| Some(fold_word(text)));
    if let Some(id) = &mut action.resource_id {
        let mut hostile = false;
        replace_if_changed(id, |text| {
            let path = ResourcePath::read(text);
            hostile = path.hostile;
            (!hostile).then_some(path.text)
        });
        if hostile {
            action.malformed.insert_field(ActionField::RESOURCE_ID);
        }
    }
    if let Some(host) = &mut action.destination_host {
        replace_if_changed(host, |text| Destination::normalise(text));
    }
    // A number without dots is rather an account than an address, and `owner/name` a repository.
    if let Some(address) = &mut action.destination_address
        && !address.bytes().all(|byte| byte.is_ascii_digit())
    {
        replace_if_changed(address, |text| match is_repository(text) {
            true => Some(text.to_ascii_lowercase().into()),
            false => Destination::normalise(text),
        });
    }
    split_mailbox(action);
}

fn replace_if_changed<'t>(
    field: &'t mut Text,
    normalise: impl for<'n> FnOnce(&'n str) -> Option<std::borrow::Cow<'n, str>>,
) {
    // Nearly every text is normal already and is not copied.
    let normal = normalise(field).filter(|normal| **normal != **field);
    if let Some(text) = normal.map(|normal| Text::from(&*normal)) {
        *field = text;
    }
}

/// A mail address that a record has as its host: the whole is the address, the part behind the `@`
/// the host, so that rules and baselines see a host. So are several at one host; those at several
/// hosts stay where they are.
fn split_mailbox(action: &mut AgentAction) {
    let Some(text) = non_empty(&action.destination_host).filter(|text| text.contains('@')) else {
        return;
    };
    if non_empty(&action.destination_address).is_some() {
        return;
    }
    if let Some(host) = common_host(text) {
        action.destination_address = action.destination_host.replace(host);
    }
}

/// The host at which all recipients of a text are.
fn common_host(text: &str) -> Option<Text> {
    let recipients = Destination::read_each(text);
    let Some(Destination::Mailbox { host, .. }) = recipients.first() else {
        return None;
    };
    let mut others = recipients.iter();
    let here =
        |one: &Destination<'_>| matches!(one, Destination::Mailbox { host: at, .. } if at == host);
    others
        .all(here)
        .then(|| Text::from(&*host.clone().into_text()))
}

/// The host of a URL that is the id of a web resource is the destination that the record lacks.
pub(super) fn fill_destination(action: &mut AgentAction) {
    if !is_web_type(&action.resource_type)
        || non_empty(&action.destination_host).is_some()
        || non_empty(&action.destination_address).is_some()
    {
        return;
    }
    let Some(authority) = non_empty(&action.resource_id).and_then(url_authority) else {
        return;
    };
    let host = match Destination::read(authority) {
        Destination::Host(host) | Destination::Mailbox { host, .. } => {
            Text::from(&*host.into_text())
        }
        // No valid host: outside of every list, whatever it is.
        Destination::Account(_) | Destination::Invalid => Text::from(authority),
    };
    action.destination_host = Some(host);
}

/// Whether a resource type is `web` or below it.
pub(super) fn is_web_type(resource_type: &str) -> bool {
    is_below(resource_type, "web")
}

/// Whether a resource type is `family` or below it.
pub(super) fn is_below(resource_type: &str, family: &str) -> bool {
    let rest = resource_type.strip_prefix(family);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
