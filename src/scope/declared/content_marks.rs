//! What operators say of the content of resource types and hosts: where text from strangers comes
//! from, and where private data are.

use crate::event::{ActionEffect, AgentAction, ContentSource};
use crate::scope::model::compiled::TypePattern;
use crate::scope::model::countable::non_empty;
use crate::text::normal::{Destination, DestinationPattern};

use super::normal_action::{is_below, is_web_type};

/// The content of what a resource type or a host gives to whoever reads it.
#[derive(Debug, Clone)]
pub(crate) struct ContentMark {
    pub(crate) types: Vec<TypePattern>,
    pub(crate) hosts: Vec<DestinationPattern>,
    pub(crate) untrusted: Option<bool>,
    pub(crate) source: Option<ContentSource>,
    pub(crate) private: Option<bool>,
}

impl ContentMark {
    fn covers_action(&self, action: &AgentAction) -> bool {
        let resource_type = &action.resource_type;
        let of_type =
            self.types.is_empty() || self.types.iter().any(|one| one.covers_type(resource_type));
        of_type && (self.hosts.is_empty() || self.covers_a_destination(action))
    }

    /// Whether one of the destinations is covered: of several that were read, one is enough.
    fn covers_a_destination(&self, action: &AgentAction) -> bool {
        let named = non_empty(&action.destination_host);
        let text = named.or(non_empty(&action.destination_address));
        let found = text.map(Destination::read_each).unwrap_or_default();
        let covered = |one| self.hosts.iter().any(|pattern| pattern.covers(one));
        found.iter().any(covered)
    }
}

/// Fills in what the record does not say of the content that an action read: by the first mark that
/// says it, then by the resource type.
pub(super) fn fill_content(marks: &[ContentMark], action: &mut AgentAction) {
    if action.effect_class() == ActionEffect::Observe {
        for mark in marks {
            if action.content_untrusted.is_some() && action.content_private.is_some() {
                break;
            }
            if mark.covers_action(action) {
                if action.content_untrusted.is_none() {
                    action.content_untrusted = mark.untrusted;
                    action.content_source = action.content_source.or(mark.source);
                }
                action.content_private = action.content_private.or(mark.private);
            }
        }
        if action.content_untrusted.is_none() && is_web_type(&action.resource_type) {
            action.content_untrusted = Some(true);
        }
    }
    if action.content_untrusted == Some(true) && action.content_source.is_none() {
        action.content_source = Some(source_of(action));
    }
}

/// What untrusted content is of which nobody says it.
fn source_of(action: &AgentAction) -> ContentSource {
    let resource_type = &action.resource_type;
    let families = [
        ("web", ContentSource::Web),
        ("email", ContentSource::Email),
        ("document", ContentSource::Document),
        ("file", ContentSource::Document),
        ("memory", ContentSource::Memory),
    ];
    let mut families = families.into_iter();
    let known = families.find(|(family, _)| is_below(resource_type, family));
    known.map_or_else(
        || match non_empty(&action.tool_name) {
            Some(_) => ContentSource::Tool,
            None => ContentSource::Other,
        },
        |(_, source)| source,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::testing::action;

    #[test]
    fn the_first_mark_that_says_it_counts_and_the_type_says_the_rest() {
        let mark = |kind: &str, untrusted, source, private| ContentMark {
            types: vec![TypePattern::new(kind)],
            hosts: Vec::new(),
            untrusted,
            source,
            private,
        };
        let email = Some(ContentSource::Email);
        let marks = [
            mark("crm.*", None, None, Some(true)),
            mark("crm.note", Some(true), email, Some(false)),
            mark("ticket.*", Some(true), None, None),
            mark("web.wiki", Some(false), None, None),
        ];
        for (verb, kind, untrusted, source, private) in [
            ("read", "crm.note", Some(true), email, Some(true)),
            ("read", "crm.customer", None, None, Some(true)),
            ("update", "crm.note", None, None, None),
            (
                "read",
                "ticket.case",
                Some(true),
                Some(ContentSource::Other),
                None,
            ),
            (
                "read",
                "web.page",
                Some(true),
                Some(ContentSource::Web),
                None,
            ),
            ("read", "web.wiki", Some(false), None, None),
            ("read", "database.table", None, None, None),
        ] {
            let mut read = action(verb, kind);
            fill_content(&marks, &mut read);
            let found = (
                read.content_untrusted,
                read.content_source,
                read.content_private,
            );
            assert_eq!(found, (untrusted, source, private), "{verb} {kind}");
        }
    }

    #[test]
    fn what_the_record_says_stays() {
        let marks = [ContentMark {
            types: Vec::new(),
            hosts: vec![DestinationPattern::parse("*.example").unwrap()],
            untrusted: Some(true),
            source: Some(ContentSource::Web),
            private: Some(true),
        }];
        let mut read = action("read", "a.b");
        fill_content(&marks, &mut read);
        assert_eq!(read.content_untrusted, None, "it names no host");
        read.destination_host = Some("forum.example".into());
        let unmarked = read.clone();
        fill_content(&marks, &mut read);
        assert_eq!(read.content_source, Some(ContentSource::Web));
        let mut read = AgentAction {
            content_untrusted: Some(false),
            content_private: Some(false),
            ..unmarked.clone()
        };
        fill_content(&marks, &mut read);
        assert_eq!(read.content_untrusted, Some(false));
        assert_eq!(
            (read.content_source, read.content_private),
            (None, Some(false))
        );
        let mut read = AgentAction {
            content_source: Some(ContentSource::Memory),
            ..unmarked
        };
        fill_content(&marks, &mut read);
        assert_eq!(read.content_source, Some(ContentSource::Memory));
    }
}
