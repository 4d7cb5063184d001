//! `rules/resources.yaml`: what a gateway leaves out is filled in before anything is judged.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::content_marks::{ContentMark, fill_content};
use super::normal_action::{fill_destination, normalise_action};
use super::resource_entries::EntryIndex;
use crate::event::{AgentAction, AgentScope, Text};
use crate::scope::model::countable::non_empty;
use crate::text::GlobPattern;
use crate::text::normal::{Destination, DestinationPattern, fold_word};

/// The bundle's knowledge of tools and resources. The default is that of an empty file.
#[derive(Debug, Clone, Default)]
pub struct ResourceCatalogue {
    pub(crate) entries: EntryIndex,
    /// The content of resource types and hosts.
    pub(crate) content: Vec<ContentMark>,
    /// Old resource types and their new ones, folded.
    pub(crate) aliases: BTreeMap<Text, Text>,
    /// A domain covers itself and everything below it; with a wildcard it is a glob.
    pub(crate) internal_domains: Vec<DestinationPattern>,
    pub(crate) zones: TenantZones,
    /// Ids of the credentials that operators declare as shared.
    pub(crate) shared_credentials: Vec<GlobPattern>,
}

/// The tenants' time zones.
#[derive(Debug, Clone, Default)]
pub(crate) struct TenantZones {
    /// Of tenants without one of their own.
    pub(crate) all: Option<TimeZone>,
    pub(crate) by_tenant: BTreeMap<Text, TimeZone>,
}

impl ResourceCatalogue {
    /// Completes an action: brings it into normal form, renames its resource type by its alias, and
    /// fills absent fields from the first entry that matches. Then `content` says what was read,
    /// and the defaults apply: the URL of a `web.*` resource is the destination; content read from
    /// `web.*` is untrusted, and untrusted content is of the kind of its type; a destination
    /// outside `internal-domains` is external, if any domain is listed. A field that the record has
    /// is never overwritten.
    pub fn enrich_action(&self, action: &mut AgentAction) {
        normalise_action(action);
        self.rename_type(&mut action.resource_type);
        fill_destination(action);
        if let Some(entry) = self.entries.first_match(action) {
            entry.values.fill_action(action);
            fill_destination(action);
        }
        fill_content(&self.content, action);
        if action.destination_external.is_none() && !self.internal_domains.is_empty() {
            action.destination_external = self.is_external(action);
        }
    }

    pub(crate) fn has_aliases(&self) -> bool {
        !self.aliases.is_empty()
    }

    /// Renames a folded resource type by its alias. Returns whether it has one.
    pub(crate) fn rename_type(&self, resource_type: &mut Text) -> bool {
        let name = self.aliases.get(resource_type);
        name.inspect(|name| resource_type.clone_from(name))
            .is_some()
    }

    /// Renames the resource types that a scope grants, as [`Self::enrich_action`] renames those of
    /// actions: a grant under an old name would never match. Patterns are not renamed. Returns
    /// whether any name was old.
    pub fn rename_grants(&self, scope: &mut AgentScope) -> bool {
        let types = scope.grants.iter_mut().flat_map(|g| &mut g.resource_types);
        let mut renamed = false;
        for granted in types {
            if let Some(name) = self.aliases.get(&*fold_word(granted)) {
                granted.clone_from(name);
                renamed = true;
            }
        }
        renamed
    }

    /// Whether operators declare that several agents and tasks share the credential `id`.
    #[must_use]
    pub fn is_shared_credential(&self, id: &str) -> bool {
        let mut shared = self.shared_credentials.iter();
        shared.any(|pattern| pattern.matches(id))
    }

    /// The tenant's time zone; `None` means UTC.
    #[must_use]
    pub fn tenant_zone(&self, tenant: &str) -> Option<&TimeZone> {
        self.zones.by_tenant.get(tenant).or(self.zones.all.as_ref())
    }

    /// Whether an action goes outside: by its host, else by its address; of several recipients one
    /// outside is enough. An account id is neither inside nor outside.
    fn is_external(&self, action: &AgentAction) -> Option<bool> {
        if let Some(host) = non_empty(&action.destination_host) {
            let mut hosts = Destination::read_each(host).into_iter();
            return Some(hosts.any(|host| !self.is_internal(&host)));
        }
        let addresses = Destination::read_each(non_empty(&action.destination_address)?);
        let account = |one: &Destination<'_>| matches!(one, Destination::Account(_));
        let mut others = addresses.iter().filter(|one| !account(one)).peekable();
        others.peek()?;
        Some(others.any(|address| !self.is_internal(address)))
    }

    /// Whether a destination is the operator's own; loopback and private addresses always are, and
    /// what has no host never is.
    #[must_use]
    pub fn is_internal(&self, destination: &Destination<'_>) -> bool {
        destination.host().is_some_and(|host| {
            let mut domains = self.internal_domains.iter();
            host.is_private() || domains.any(|domain| domain.covers_domain(host))
        })
    }
}
