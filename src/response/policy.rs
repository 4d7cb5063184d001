//! `rules/response.yaml`: which rules may ask for a revocation, where, and how often.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::diagnostic::{Diagnostic, SourceFile, nearest};
use crate::event::yaml::{self, Node, Place};
use crate::event::{AgentAction, Text};
use crate::scope::Glob;

use super::rule_view::{Family, Mode, RuleView};

/// Agents per tenant and hour that requests may hit where the file names no number.
pub const AGENTS_PER_HOUR_DEFAULT: u32 = 10;
/// The largest number the file may name: a budget beyond it is none.
pub const AGENTS_PER_HOUR_MAX: u32 = 10_000;

/// The operator's response policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    default: Mode,
    tenants: BTreeMap<Text, Mode>,
    families: BTreeMap<Family, Mode>,
    rules: BTreeMap<Text, (Mode, Place)>,
    strict: BTreeSet<Text>,
    never_agents: Vec<Glob>,
    never_credentials: Vec<Glob>,
    agents_per_hour: u32,
    issuers: BTreeMap<Text, Text>,
}

impl Default for Policy {
    /// Shadow everywhere: what a bundle without `response.yaml` gets.
    fn default() -> Self {
        Policy {
            default: Mode::Shadow,
            tenants: BTreeMap::new(),
            families: BTreeMap::new(),
            rules: BTreeMap::new(),
            strict: BTreeSet::new(),
            never_agents: Vec::new(),
            never_credentials: Vec::new(),
            agents_per_hour: AGENTS_PER_HOUR_DEFAULT,
            issuers: BTreeMap::new(),
        }
    }
}

impl Policy {
    /// Reads the file. With any error among the diagnostics the policy must not be used.
    #[must_use]
    pub fn parse(file: &SourceFile) -> (Policy, Vec<Diagnostic>) {
        let mut reader = Reader {
            file,
            found: Vec::new(),
        };
        let mut policy = Policy::default();
        match yaml::parse(file) {
            Err(error) => reader.found.push(*error),
            Ok(documents) => match documents.as_slice() {
                [] => {}
                [root] if root.is_null() => {}
                [root] => reader.root(root, &mut policy),
                [_, second, ..] => {
                    reader.error(second.place, "a response policy is one document".to_owned());
                }
            },
        }
        (policy, reader.found)
    }

    /// The mode that holds for a rule's findings in a tenant: the most specific word of the file
    /// (rule, family, tenant, default), and never more than the rule allows itself.
    #[must_use]
    pub fn mode(&self, tenant: &str, rule: &RuleView<'_>) -> Mode {
        let asked = self
            .rules
            .get(rule.id)
            .map(|(mode, _)| mode)
            .or_else(|| self.families.get(&rule.family))
            .or_else(|| self.tenants.get(tenant))
            .unwrap_or(&self.default);
        match (*asked).min(rule.mode_max) {
            // Nobody can approve yet, so what waits for approval is only shown.
            Mode::Approve => Mode::Shadow,
            mode => mode,
        }
    }

    /// Whether requests may hit agents of this tenant that nobody declared.
    #[must_use]
    pub fn is_strict(&self, tenant: &str) -> bool {
        self.strict.contains(tenant)
    }

    /// Whether the never-revoke list covers the agent or the credential of this action.
    #[must_use]
    pub fn never_revokes(&self, action: &AgentAction) -> bool {
        let credential = action.credential_id.as_deref();
        self.never_agents
            .iter()
            .any(|pattern| pattern.matches(&action.agent_id))
            || credential.is_some_and(|id| self.never_credentials.iter().any(|p| p.matches(id)))
    }

    /// Agents that requests may hit per tenant and hour, over all partitions.
    #[must_use]
    pub fn agents_per_hour(&self) -> u32 {
        self.agents_per_hour
    }

    /// The issuer of a tenant's agents, for records that name none.
    #[must_use]
    pub fn issuer(&self, tenant: &str) -> Option<&Text> {
        self.issuers.get(tenant)
    }

    /// Errors for rules that the bundle does not have: a mistyped `off` would leave a rule on.
    #[must_use]
    pub fn check_rules(&self, file: &SourceFile, known: &BTreeSet<&str>) -> Vec<Diagnostic> {
        let unknown = self
            .rules
            .iter()
            .filter(|(id, _)| !known.contains(id.as_str()));
        unknown
            .map(|(id, (_, place))| {
                let error = Diagnostic::error(file, *place, format!("no rule has the id `{id}`"));
                match nearest(id, known.iter().copied()) {
                    Some(near) => error.with_help(format!("did you mean `{near}`?")),
                    None => error,
                }
            })
            .collect()
    }
}

const KEYS: [&str; 8] = [
    "default",
    "tenants",
    "families",
    "rules",
    "strict",
    "never-revoke",
    "budget",
    "issuers",
];

struct Reader<'f> {
    file: &'f SourceFile,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&mut self, place: Place, message: String) {
        self.found
            .push(Diagnostic::error(self.file, place, message));
    }

    fn unknown_key(&mut self, key: &Node, allowed: &[&str]) {
        let word = key.as_str().unwrap_or_default();
        let message = format!(
            "unknown key `{word}`; expected one of {}",
            allowed.join(", ")
        );
        let error = Diagnostic::error(self.file, key.place, message);
        self.found
            .push(match nearest(word, allowed.iter().copied()) {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => error,
            });
    }

    fn root(&mut self, root: &Node, policy: &mut Policy) {
        for (key, value) in self.pairs(root, "a response policy") {
            match key.as_str().unwrap_or_default() {
                "default" => policy.default = self.mode(value).unwrap_or(Mode::Shadow),
                "tenants" => {
                    for (name, mode, _) in self.modes(value) {
                        policy.tenants.insert(name, mode);
                    }
                }
                "families" => self.families(value, policy),
                "rules" => {
                    for (id, mode, place) in self.modes(value) {
                        policy.rules.insert(id, (mode, place));
                    }
                }
                "strict" => policy.strict = self.texts(value, "a tenant").into_iter().collect(),
                "never-revoke" => self.never(value, policy),
                "budget" => self.budget(value, policy),
                "issuers" => {
                    for (tenant, issuer) in self.pairs(value, "`issuers`") {
                        if let (Some(tenant), Some(issuer)) = (
                            self.text(tenant, "a tenant"),
                            self.text(issuer, "an issuer's URL"),
                        ) {
                            policy.issuers.insert(tenant, issuer);
                        }
                    }
                }
                _ => self.unknown_key(key, &KEYS),
            }
        }
    }

    fn pairs<'n>(&mut self, node: &'n Node, what: &str) -> &'n [(Node, Node)] {
        if node.is_null() {
            return &[];
        }
        node.as_mapping().unwrap_or_else(|| {
            self.error(
                node.place,
                format!("{what} is a mapping, not {}", node.kind()),
            );
            &[]
        })
    }

    fn mode(&mut self, node: &Node) -> Option<Mode> {
        match node.as_str().and_then(Mode::from_word) {
            Some(Mode::Approve) => {
                self.error(
                    node.place,
                    "`approve` is not in this version; use shadow".to_owned(),
                );
                None
            }
            Some(mode) => Some(mode),
            None => {
                let got = node.as_str().unwrap_or(node.kind());
                self.error(
                    node.place,
                    format!("expected a mode (off, shadow or auto), not `{got}`"),
                );
                None
            }
        }
    }

    fn modes(&mut self, node: &Node) -> Vec<(Text, Mode, Place)> {
        let mut modes = Vec::new();
        for (key, value) in self.pairs(node, "modes") {
            if let (Some(name), Some(mode)) = (self.text(key, "a name"), self.mode(value)) {
                modes.push((name, mode, key.place));
            }
        }
        modes
    }

    fn families(&mut self, node: &Node, policy: &mut Policy) {
        for (name, mode, place) in self.modes(node) {
            match Family::from_word(&name) {
                Some(family) => {
                    policy.families.insert(family, mode);
                }
                None => {
                    let words: Vec<_> = Family::ALL.iter().map(|family| family.as_str()).collect();
                    let message = format!(
                        "unknown family `{name}`; expected one of {}",
                        words.join(", ")
                    );
                    let error = Diagnostic::error(self.file, place, message);
                    self.found.push(match nearest(&name, words) {
                        Some(near) => error.with_help(format!("did you mean `{near}`?")),
                        None => error,
                    });
                }
            }
        }
    }

    fn never(&mut self, node: &Node, policy: &mut Policy) {
        for (key, value) in self.pairs(node, "`never-revoke`") {
            match key.as_str().unwrap_or_default() {
                "agents" => {
                    let texts = self.texts(value, "an agent id or glob");
                    policy.never_agents = texts.iter().map(|text| Glob::new(text)).collect();
                }
                "credentials" => {
                    let texts = self.texts(value, "a credential id or glob");
                    policy.never_credentials = texts.iter().map(|text| Glob::new(text)).collect();
                }
                _ => self.unknown_key(key, &["agents", "credentials"]),
            }
        }
    }

    fn budget(&mut self, node: &Node, policy: &mut Policy) {
        for (key, value) in self.pairs(node, "`budget`") {
            if key.as_str() != Some("agents-per-hour") {
                self.unknown_key(key, &["agents-per-hour"]);
                continue;
            }
            let number = value.as_i64().and_then(|number| u32::try_from(number).ok());
            match number.filter(|number| (1..=AGENTS_PER_HOUR_MAX).contains(number)) {
                Some(number) => policy.agents_per_hour = number,
                None => self.error(
                    value.place,
                    format!(
                        "`agents-per-hour` is a whole number from 1 to {AGENTS_PER_HOUR_MAX}; \
                         to send nothing, use `default: shadow`"
                    ),
                ),
            }
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<Text> {
        match node.as_str().filter(|text| !text.is_empty()) {
            Some(text) => Some(text.into()),
            None => {
                self.error(
                    node.place,
                    format!("expected {what}, not {}", empty_or_kind(node)),
                );
                None
            }
        }
    }

    fn texts(&mut self, node: &Node, what: &str) -> Vec<Text> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(items) = node.as_sequence() else {
            self.error(node.place, format!("expected a list, each entry {what}"));
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| self.text(item, what))
            .collect()
    }
}

fn empty_or_kind(node: &Node) -> &'static str {
    if node.as_str() == Some("") {
        "nothing"
    } else {
        node.kind()
    }
}

#[cfg(test)]
mod tests;
