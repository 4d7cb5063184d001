//! Templates: the scope of agents without a scope of their own.

use std::sync::Arc;

use smallvec::smallvec;

use super::resources::ResourceCatalogue;
use crate::event::{AgentAction, AgentScope, Text};
use crate::scope::model::compiled::CompiledScope;
use crate::scope::model::countable::non_empty;
use crate::scope::model::selection::{ScopeSelection, SelectedScope};
use crate::scope::model::verdict_words::{ScopeBasis, ScopeStatus};
use crate::text::{GlobPattern, Location};

/// One template of `rules/scopes/*.yaml`.
#[derive(Debug, Clone)]
pub struct ScopeTemplate {
    pub(crate) scope: Arc<AgentScope>,
    pub(crate) terms: Arc<CompiledScope>,
    pub(crate) audience: TemplateAudience,
    pub(crate) path: String,
    pub(crate) location: Location,
}

/// Whom a template is for. Every part that is given must match; a list matches if one entry does.
#[derive(Debug, Clone, Default)]
pub(crate) struct TemplateAudience {
    pub(crate) tenant: Option<GlobPattern>,
    pub(crate) agents: Vec<GlobPattern>,
    pub(crate) task_classes: Vec<GlobPattern>,
    pub(crate) agent_types: Vec<GlobPattern>,
    pub(crate) tools: Vec<GlobPattern>,
}

/// How specific a template is, compared from the first part on: a template of one tenant goes
/// before one of all, one that names agents before one that names a task class, an agent type or
/// tools. Within a part a literal goes before a pattern and a longer pattern before a shorter.
/// A list is as specific as its least specific entry; 0 when absent.
pub(crate) type TemplateRank = [u64; 5];

/// The templates of a bundle, most specific first.
#[derive(Debug, Clone, Default)]
pub struct ScopeTemplates {
    pub(crate) sorted: Vec<ScopeTemplate>,
}

impl ScopeTemplates {
    /// The most specific template that applies to the action.
    #[must_use]
    pub fn for_action(&self, action: &AgentAction) -> Option<&ScopeTemplate> {
        self.sorted
            .iter()
            .find(|template| template.audience.includes(action))
    }

    /// Renames granted resource types by the aliases of `resources`.
    pub(crate) fn rename_grants(&mut self, resources: &ResourceCatalogue) {
        for template in &mut self.sorted {
            let scope = Arc::make_mut(&mut template.scope);
            resources.rename_grants(scope);
            template.terms = Arc::new(CompiledScope::compile_lenient(scope));
        }
    }

    /// Whether some template is for agents of this tenant.
    #[must_use]
    pub fn tenant_is_managed(&self, tenant: &str) -> bool {
        self.sorted
            .iter()
            .any(|t| t.audience.tenant.as_ref().is_none_or(|g| g.matches(tenant)))
    }

    /// Whether the template of this name is for classes of tasks.
    #[must_use]
    pub fn names_class(&self, name: &str) -> bool {
        let mut sorted = self.sorted.iter();
        sorted.any(|one| one.name() == name && !one.audience.task_classes.is_empty())
    }

    /// The templates, most specific first.
    pub fn iter(&self) -> impl Iterator<Item = &ScopeTemplate> {
        self.sorted.iter()
    }

    /// How many templates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

impl ScopeTemplate {
    /// The name, which becomes the fact `scope.id`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.scope.scope_id
    }

    /// The terms of the template, as a scope without agent.
    #[must_use]
    pub fn scope(&self) -> &AgentScope {
        &self.scope
    }

    /// The file of the template and its 1-based line.
    #[must_use]
    pub fn source_line(&self) -> (&str, usize) {
        (&self.path, self.location.line)
    }

    pub(crate) fn as_selection(&self) -> ScopeSelection<'_> {
        let selected = SelectedScope {
            scope: &self.scope,
            terms: &self.terms,
            terms_known: true,
            effective_ms: None,
            begun_ms: None,
            widened_ms: None,
        };
        ScopeSelection {
            status: ScopeStatus::Active,
            basis: Some(ScopeBasis::Template),
            undeclared_task: false,
            scopes: smallvec![selected],
        }
    }
}

impl TemplateAudience {
    fn includes(&self, action: &AgentAction) -> bool {
        self.tenant
            .as_ref()
            .is_none_or(|glob| glob.matches(&action.tenant))
            && (self.agents.is_empty() || self.agents.iter().any(|g| g.matches(&action.agent_id)))
            && any_matches(&self.agent_types, &action.agent_type)
            && any_matches(&self.task_classes, &action.task_class)
            && any_matches(&self.tools, &action.tool_name)
    }

    /// Whether at least one part besides the tenant is given.
    pub(crate) fn names_someone(&self) -> bool {
        let lists = [
            &self.agents,
            &self.task_classes,
            &self.agent_types,
            &self.tools,
        ];
        lists.iter().any(|list| !list.is_empty())
    }

    pub(crate) fn rank(&self) -> TemplateRank {
        let of = |list: &[GlobPattern]| {
            list.iter()
                .map(|glob| 1 + u64::from(glob.specificity()))
                .min()
                .unwrap_or(0)
        };
        let tenant = self
            .tenant
            .as_ref()
            .map_or(0, |glob| 1 + u64::from(glob.specificity()));
        [
            tenant,
            of(&self.agents),
            of(&self.task_classes),
            of(&self.agent_types),
            of(&self.tools),
        ]
    }

    /// Whether one action could fall to both.
    pub(crate) fn overlaps_with(&self, other: &TemplateAudience) -> bool {
        type Overlap = fn(&GlobPattern, &GlobPattern) -> bool;
        let both = |one: &[GlobPattern], two: &[GlobPattern], overlap: Overlap| {
            one.is_empty()
                || two.is_empty()
                || one
                    .iter()
                    .any(|one| two.iter().any(|two| overlap(one, two)))
        };
        let tenants = match (&self.tenant, &other.tenant) {
            (Some(one), Some(two)) => globs_overlap(one, two),
            _ => true,
        };
        tenants
            && both(&self.agents, &other.agents, globs_overlap)
            && both(
                &self.task_classes,
                &other.task_classes,
                GlobPattern::overlaps,
            )
            && both(&self.agent_types, &other.agent_types, GlobPattern::overlaps)
            && both(&self.tools, &other.tools, GlobPattern::overlaps)
    }
}

/// Literals are compared with case, which matters in ids; `overlaps` ignores case.
fn globs_overlap(one: &GlobPattern, two: &GlobPattern) -> bool {
    if one.is_literal() && two.is_literal() {
        one == two
    } else {
        one.overlaps(two)
    }
}

fn any_matches(list: &[GlobPattern], field: &Option<Text>) -> bool {
    let field = non_empty(field);
    list.is_empty()
        || field.is_some_and(|text| list.iter().any(|glob| glob.matches_ignore_case(text)))
}
