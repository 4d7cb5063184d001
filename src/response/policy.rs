//! `rules/response.yaml`: which rules may ask for a revocation, where, and how often.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Text;
use crate::text::{
    Diagnostic, GlobPattern, Location, Problems, SourceFile, YamlNode, suggest_near, yaml,
};

use super::rule_view::{RevocationMode, RuleFamily, RuleView};
use super::tree_plan::CascadeOrder;

/// Agents per tenant and hour that requests may hit where the file names no number.
pub const AGENTS_PER_HOUR_DEFAULT: u32 = 10;
/// The largest number the file may name: a budget beyond it is none.
pub const AGENTS_PER_HOUR_MAX: u32 = 10_000;

/// The operator's response policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    default: RevocationMode,
    tenants: BTreeMap<Text, RevocationMode>,
    families: BTreeMap<RuleFamily, RevocationMode>,
    rules: BTreeMap<Text, (RevocationMode, Location)>,
    strict: BTreeSet<Text>,
    never_agents: Vec<GlobPattern>,
    never_credentials: Vec<GlobPattern>,
    agents_per_hour: u32,
    issuers: BTreeMap<Text, Text>,
    cascade: CascadeOrder,
}

impl Default for Policy {
    /// Shadow everywhere: what a bundle without `response.yaml` gets.
    fn default() -> Self {
        Policy {
            default: RevocationMode::Shadow,
            tenants: BTreeMap::new(),
            families: BTreeMap::new(),
            rules: BTreeMap::new(),
            strict: BTreeSet::new(),
            never_agents: Vec::new(),
            never_credentials: Vec::new(),
            agents_per_hour: AGENTS_PER_HOUR_DEFAULT,
            issuers: BTreeMap::new(),
            cascade: CascadeOrder::default(),
        }
    }
}

impl Policy {
    /// Reads the file. With any error among the diagnostics the policy must not be used.
    #[must_use]
    pub fn parse(file: &SourceFile) -> (Policy, Vec<Diagnostic>) {
        let mut problems = Problems::new(file);
        let mut policy = Policy::default();
        match yaml::parse(file) {
            Err(error) => problems.report(*error),
            Ok(documents) => match documents.as_slice() {
                [] => {}
                [root] if root.is_null() => {}
                [root] => read_root(&mut problems, root, &mut policy),
                [_, second, ..] => {
                    problems.error(second.location, "a response policy is one document");
                }
            },
        }
        (policy, problems.into_found())
    }

    /// The same policy with one mode for every tenant, family and rule. Only `mode-max` of a rule
    /// still lowers it.
    #[must_use]
    pub fn with_mode_everywhere(&self, mode: RevocationMode) -> Policy {
        Policy {
            default: mode,
            tenants: BTreeMap::new(),
            families: BTreeMap::new(),
            rules: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// The mode for a rule's findings in a tenant: the most specific entry of the file (rule, then
    /// family, tenant, default), but never a more powerful one than the tenant's own entry or the
    /// rule's `mode-max`.
    #[must_use]
    pub fn mode(&self, tenant: &str, rule: &RuleView<'_>) -> RevocationMode {
        let of_tenant = self.tenants.get(tenant);
        let asked = self
            .rules
            .get(rule.id)
            .map(|(mode, _)| mode)
            .or_else(|| self.families.get(&rule.family))
            .or(of_tenant)
            .unwrap_or(&self.default);
        let ceiling = of_tenant.unwrap_or(&RevocationMode::Auto);
        (*asked).min(*ceiling).min(rule.mode_max)
    }

    /// Whether requests may hit agents of this tenant that nobody declared.
    #[must_use]
    pub fn is_strict(&self, tenant: &str) -> bool {
        self.strict.contains(tenant)
    }

    /// Whether the never-revoke list covers the agent or its credential.
    #[must_use]
    pub fn never_revokes(&self, agent: &str, credential: Option<&str>) -> bool {
        let listed =
            |globs: &[GlobPattern], id: &str| globs.iter().any(|pattern| pattern.matches(id));
        listed(&self.never_agents, agent)
            || credential.is_some_and(|id| listed(&self.never_credentials, id))
    }

    /// Agents that requests may hit per tenant and hour, over all partitions.
    #[must_use]
    pub fn agents_per_hour(&self) -> u32 {
        self.agents_per_hour
    }

    /// The issuer of the identities and credentials of a tenant's agents.
    #[must_use]
    pub fn issuer(&self, tenant: &str) -> Option<&Text> {
        self.issuers.get(tenant)
    }

    /// The order in which a delegation tree is revoked.
    #[must_use]
    pub fn cascade_order(&self) -> CascadeOrder {
        self.cascade
    }

    /// Errors for rules that the bundle does not have: a mistyped `off` would leave a rule on.
    #[must_use]
    pub fn check_rules(&self, file: &SourceFile, known: &BTreeSet<&str>) -> Vec<Diagnostic> {
        let unknown = self
            .rules
            .iter()
            .filter(|(id, _)| !known.contains(id.as_str()));
        unknown
            .map(|(id, (_, location))| Diagnostic {
                help: suggest_near(id, known.iter().copied()),
                ..Diagnostic::error(file, *location, format!("no rule has the id `{id}`"))
            })
            .collect()
    }
}

/// The modes that the file may name.
const MODES: [&str; 4] = ["off", "shadow", "approve", "auto"];
const KEYS: [&str; 9] = [
    "default",
    "tenants",
    "families",
    "rules",
    "strict",
    "never-revoke",
    "budget",
    "issuers",
    "cascade",
];

/// The root of the file, key by key.
fn read_root(problems: &mut Problems<'_>, root: &YamlNode, policy: &mut Policy) {
    let pairs = problems.read_mapping(root, "a response policy", &KEYS);
    for (key, value) in pairs.unwrap_or_default() {
        match key {
            "default" => {
                policy.default = read_mode(problems, value).unwrap_or(RevocationMode::Shadow)
            }
            "tenants" => {
                for (name, mode, _) in read_modes(problems, value) {
                    policy.tenants.insert(name, mode);
                }
            }
            "families" => read_families(problems, value, policy),
            "rules" => {
                for (id, mode, location) in read_modes(problems, value) {
                    policy.rules.insert(id, (mode, location));
                }
            }
            "strict" => {
                let tenants = read_texts(problems, value, "`strict`", "a tenant");
                policy.strict = tenants.into_iter().collect();
            }
            "never-revoke" => read_never_revoke(problems, value, policy),
            "budget" => read_budget(problems, value, policy),
            "cascade" => read_cascade(problems, value, policy),
            _ => {
                for (tenant, issuer) in free_pairs(problems, value, "`issuers`") {
                    if let (Some(tenant), Some(issuer)) = (
                        problems.read_text(tenant, "a tenant"),
                        problems.read_text(issuer, "an issuer's URL"),
                    ) {
                        policy.issuers.insert(tenant, issuer);
                    }
                }
            }
        }
    }
}

/// The pairs of a mapping with free keys; an empty value stands for an empty mapping.
fn free_pairs<'n>(
    problems: &mut Problems<'_>,
    node: &'n YamlNode,
    what: &str,
) -> &'n [(YamlNode, YamlNode)] {
    if node.is_null() {
        return &[];
    }
    problems.read_pairs(node, what).unwrap_or_default()
}

fn read_mode(problems: &mut Problems<'_>, node: &YamlNode) -> Option<RevocationMode> {
    problems.read_word(node, "mode", &MODES, RevocationMode::from_word)
}

fn read_modes(
    problems: &mut Problems<'_>,
    node: &YamlNode,
) -> Vec<(Text, RevocationMode, Location)> {
    let mut modes = Vec::new();
    for (key, value) in free_pairs(problems, node, "the modes") {
        let name = problems.read_text(key, "a name");
        if let (Some(name), Some(mode)) = (name, read_mode(problems, value)) {
            modes.push((name, mode, key.location));
        }
    }
    modes
}

fn read_families(problems: &mut Problems<'_>, node: &YamlNode, policy: &mut Policy) {
    for (name, mode, location) in read_modes(problems, node) {
        match RuleFamily::from_word(&name) {
            Some(family) => {
                policy.families.insert(family, mode);
            }
            None => problems.unknown_word(location, "family", &name, RuleFamily::WORDS),
        }
    }
}

fn read_never_revoke(problems: &mut Problems<'_>, node: &YamlNode, policy: &mut Policy) {
    for (key, value) in known_pairs(problems, node, "`never-revoke`", &["agents", "credentials"]) {
        let (globs, what) = match key {
            "agents" => (&mut policy.never_agents, "an agent id or glob"),
            _ => (&mut policy.never_credentials, "a credential id or glob"),
        };
        let texts = read_texts(problems, value, &format!("`{key}`"), what);
        *globs = texts.iter().map(|text| GlobPattern::new(text)).collect();
    }
}

fn read_budget(problems: &mut Problems<'_>, node: &YamlNode, policy: &mut Policy) {
    for (_, value) in known_pairs(problems, node, "`budget`", &["agents-per-hour"]) {
        let number = value.as_i64().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| (1..=AGENTS_PER_HOUR_MAX).contains(number)) {
            Some(number) => policy.agents_per_hour = number,
            None => problems.error(
                value.location,
                format!(
                    "`agents-per-hour` must be a whole number from 1 to {AGENTS_PER_HOUR_MAX}; \
                     to send nothing, use `default: shadow`"
                ),
            ),
        }
    }
}

fn read_cascade(problems: &mut Problems<'_>, node: &YamlNode, policy: &mut Policy) {
    for (_, value) in known_pairs(problems, node, "`cascade`", &["order"]) {
        let words = CascadeOrder::WORDS;
        let order = problems.read_word(value, "order", words, CascadeOrder::from_word);
        policy.cascade = order.unwrap_or_default();
    }
}

/// The pairs of a mapping with known keys; an empty value stands for an empty mapping.
fn known_pairs<'n>(
    problems: &mut Problems<'_>,
    node: &'n YamlNode,
    what: &str,
    known: &[&str],
) -> Vec<(&'n str, &'n YamlNode)> {
    if node.is_null() {
        return Vec::new();
    }
    problems.read_mapping(node, what, known).unwrap_or_default()
}

fn read_texts(
    problems: &mut Problems<'_>,
    node: &YamlNode,
    what: &str,
    item_what: &str,
) -> Vec<Text> {
    if node.is_null() {
        return Vec::new();
    }
    let items = problems.read_list(node, what, usize::MAX).iter();
    items
        .filter_map(|item| problems.read_text(item, item_what))
        .collect()
}

#[cfg(test)]
mod tests;
