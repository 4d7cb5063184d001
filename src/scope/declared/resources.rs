//! `rules/resources.yaml`: what a gateway leaves out is filled in before anything is judged.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::resource_entries::EntryIndex;
use crate::event::{ActionEffect, AgentAction, AgentScope, Text};
use crate::scope::model::countable::non_empty;
use crate::scope::model::host;
use crate::text::GlobPattern;

/// The bundle's knowledge of tools and resources. The default is that of an empty file.
#[derive(Debug, Clone, Default)]
pub struct ResourceCatalogue {
    pub(crate) entries: EntryIndex,
    /// Old resource types and their new ones, in lower case.
    pub(crate) aliases: BTreeMap<Text, Text>,
    /// A domain covers itself and everything below it; with a wildcard it is a glob.
    pub(crate) internal_domains: Vec<GlobPattern>,
    pub(crate) zones: TenantZones,
}

/// The tenants' time zones.
#[derive(Debug, Clone, Default)]
pub(crate) struct TenantZones {
    /// Of tenants without one of their own.
    pub(crate) all: Option<TimeZone>,
    pub(crate) by_tenant: BTreeMap<Text, TimeZone>,
}

impl ResourceCatalogue {
    /// Completes an action: puts the resource type in lower case, renames it by its alias, and
    /// fills absent fields from the first entry that matches. Then the defaults apply: content
    /// read from `web.*` is untrusted; a host outside `internal-domains` is external, if any
    /// domain is listed. A field that the record has is never overwritten.
    pub fn enrich_action(&self, action: &mut AgentAction) {
        action.resource_type.make_ascii_lowercase();
        self.rename_type(&mut action.resource_type);
        if let Some(entry) = self.entries.first_match(action) {
            entry.values.fill_action(action);
        }
        if action.content_untrusted.is_none()
            && action.effect_class() == ActionEffect::Observe
            && (action.resource_type == "web" || action.resource_type.starts_with("web."))
        {
            action.content_untrusted = Some(true);
        }
        if action.destination_external.is_none()
            && !self.internal_domains.is_empty()
            && let Some(host) = non_empty(&action.destination_host).map(host::normalise_host)
            && !host.is_empty()
        {
            action.destination_external = Some(!self.is_internal(&host));
        }
    }

    pub(crate) fn has_aliases(&self) -> bool {
        !self.aliases.is_empty()
    }

    /// Renames a resource type in lower case by its alias. Returns whether it has one.
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
            if let Some(name) = self.aliases.get(granted.to_ascii_lowercase().as_str()) {
                granted.clone_from(name);
                renamed = true;
            }
        }
        renamed
    }

    /// The tenant's time zone; `None` means UTC.
    #[must_use]
    pub fn tenant_zone(&self, tenant: &str) -> Option<&TimeZone> {
        self.zones.by_tenant.get(tenant).or(self.zones.all.as_ref())
    }

    /// Whether a normalised host is the operator's own; loopback and private addresses always are.
    fn is_internal(&self, host: &str) -> bool {
        host::is_private(host)
            || self
                .internal_domains
                .iter()
                .any(|domain| within_domain(domain, host))
    }
}

fn within_domain(domain: &GlobPattern, host: &str) -> bool {
    if host::covers_host(domain, host) {
        return true;
    }
    let below = host
        .strip_suffix(domain.as_str())
        .is_some_and(|head| head.ends_with('.'));
    domain.is_literal() && below
}
