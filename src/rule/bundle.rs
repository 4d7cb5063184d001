//! A bundle: all rules of a directory, compiled. It is loaded whole or not at all.

use std::collections::BTreeSet;

use crate::behaviour::EvidenceWeights;
use crate::scope::{ResourceCatalogue, ScopeTemplates};
use crate::text::{Diagnostic, Location, ProblemSeverity, SourceFile};

use super::compiled_rule::{Rule, RuleSet};
use super::evaluate::anchor::find_anchors;
use super::evaluate::candidate_index::CandidateIndex;
use super::evaluate::facts::Facts;
use super::model::catalogue::{FactCatalogue, FactSource};
use super::model::classification::RuleConfidence;
use super::model::metric::MetricSpec;
use super::model::numbering::{MetricIndex, RuleIndex};
use super::parse::file_kind::{FileKind, file_kind};
use super::parse::foreign_rule::ForeignRule;
use super::parse::rule_files::{ParsedFiles, ParsedRule, parse_rule_files};

/// The compiled rules, scope templates and resources of one directory. It never changes.
#[derive(Debug)]
pub struct Bundle {
    pub rules: Vec<Rule>,
    pub metrics: Vec<MetricSpec>,
    rate_metrics: Vec<MetricIndex>,
    /// Rules for other log sources.
    pub foreign: Vec<ForeignRule>,
    pub catalogue: FactCatalogue,
    /// The scopes that `scopes/*.yaml` declares for classes of agents.
    pub templates: ScopeTemplates,
    /// The tools, resources and hosts that `resources.yaml` maps.
    pub resources: ResourceCatalogue,
    /// The weights of the signals of evidence.
    pub weights: EvidenceWeights,
    /// BLAKE3 over the paths and texts of all files, sorted by path. The length of each path and
    /// text precedes it.
    pub hash: [u8; 32],
    rule_candidates: CandidateIndex<RuleIndex>,
    metric_candidates: CandidateIndex<MetricIndex>,
}

impl Bundle {
    /// Reads every file. Returns all problems of all files, sorted by path and location, and no
    /// bundle when one of the problems is an error.
    #[must_use]
    pub fn parse(files: &[SourceFile]) -> (Option<Bundle>, Vec<Diagnostic>) {
        let mut sorted: Vec<&SourceFile> = files.iter().collect();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        let hash = hash_files(&sorted);
        let (templates, resources, mut problems) = scope_files(&sorted);
        sorted.retain(|file| {
            matches!(
                file_kind(&file.path),
                FileKind::Rules(_) | FileKind::Exceptions | FileKind::Unknown
            )
        });
        let ParsedFiles {
            rules,
            foreign,
            catalogue,
            weights,
            problems: found,
        } = parse_rule_files(&sorted);
        problems.extend(found);
        problems.sort_by(|a, b| a.path.cmp(&b.path));
        if problems
            .iter()
            .any(|problem| problem.severity == ProblemSeverity::Error)
        {
            return (None, problems);
        }
        let mut bundle = Bundle {
            rules: Vec::with_capacity(rules.len()),
            metrics: Vec::new(),
            rate_metrics: Vec::new(),
            foreign,
            catalogue,
            templates,
            resources,
            weights: EvidenceWeights::new(weights),
            hash,
            rule_candidates: CandidateIndex::new(std::iter::empty()),
            metric_candidates: CandidateIndex::new(std::iter::empty()),
        };
        for loaded in rules {
            bundle.add_rule(loaded);
        }
        let rates = bundle.metrics.iter().filter(|metric| metric.is_rate());
        bundle.rate_metrics = rates.map(|metric| metric.index).collect();
        bundle.build_indices();
        bundle.mark_watched_metrics();
        (Some(bundle), problems)
    }

    fn add_rule(&mut self, loaded: ParsedRule) {
        // RULES_MAX and METRICS_MAX are far below 2^16.
        let index = RuleIndex(u16::try_from(self.rules.len()).unwrap_or(u16::MAX));
        let metric_index = MetricIndex(u16::try_from(self.metrics.len()).unwrap_or(u16::MAX));
        let mut reads = BTreeSet::new();
        loaded.condition.collect_slots(&mut reads);
        let mut baseline = None;
        if let Some(spec) = loaded.baseline
            && let Some(facts) = self.catalogue.metric_facts(&spec.name)
        {
            baseline = Some(metric_index);
            self.metrics.push(MetricSpec {
                index: metric_index,
                name: spec.name,
                rule: index,
                measure: spec.measure,
                counted: spec.counted,
                group: spec.group,
                pane_ms: spec.pane_ms,
                direction: spec.direction,
                false_alarms_per_30d: spec.false_alarms_per_30d,
                min_count: spec.min_count,
                min_ratio: spec.min_ratio,
                facts,
                watched: false,
                decided_by_index: loaded.condition.is_decided_by_index(),
            });
        }
        let needs_scope = |source| {
            matches!(
                source,
                FactSource::Scope
                    | FactSource::Delegation
                    | FactSource::Lifecycle
                    | FactSource::Behaviour
            )
        };
        let reads_scope_facts = reads
            .iter()
            .filter_map(|slot| self.catalogue.fact_info(*slot))
            .any(|info| needs_scope(info.source));
        self.rules.push(Rule {
            index,
            id: loaded.metadata.id,
            title: loaded.metadata.title,
            description: loaded.metadata.description,
            remediation: loaded.metadata.remediation,
            confidence: (loaded.metadata.confidence)
                .unwrap_or(RuleConfidence::of_family(loaded.family)),
            family: loaded.family,
            status: loaded.metadata.status,
            level: loaded.metadata.level,
            atlas: loaded.metadata.atlas,
            asi: loaded.metadata.asi,
            falsepositives: loaded.metadata.falsepositives,
            response: loaded.response,
            baseline,
            reads: reads.into_iter().collect(),
            reads_scope_facts,
            tests: loaded.tests,
            path: loaded.path,
            line: loaded.line,
            condition: loaded.condition,
        });
    }

    fn mark_watched_metrics(&mut self) {
        for metric in &mut self.metrics {
            let slots = metric.facts.all_slots();
            let others = self.rules.iter().filter(|rule| rule.index != metric.rule);
            metric.watched = others
                .flat_map(|rule| &rule.reads)
                .any(|slot| slots.contains(slot));
        }
    }

    fn build_indices(&mut self) {
        let catalogue = &self.catalogue;
        let anchors = |rule: &Rule| find_anchors(&rule.condition, catalogue);
        self.rule_candidates = CandidateIndex::new(
            self.rules
                .iter()
                .filter(|rule| rule.baseline.is_none())
                .map(|rule| (rule.index, anchors(rule))),
        );
        self.metric_candidates = CandidateIndex::new(
            self.rules
                .iter()
                .filter_map(|rule| Some((rule.baseline?, anchors(rule)))),
        );
    }

    /// Writes the rules of `set` that match to `out`, in rule order. Empties `out` first. Baseline
    /// rules are never among them: they match when their metric alarms.
    pub fn match_rules(&self, facts: &Facts<'_>, set: RuleSet, out: &mut Vec<RuleIndex>) {
        self.rule_candidates.find_candidates(facts, out);
        out.retain(|index| {
            self.rule(*index)
                .is_some_and(|rule| set.includes_rule(rule) && rule.condition.matches(facts))
        });
    }

    /// Writes the metrics that count this action to `out`, in metric order. Empties `out` first.
    pub fn match_metrics(&self, facts: &Facts<'_>, out: &mut Vec<MetricIndex>) {
        self.metric_candidates.find_candidates(facts, out);
        out.retain(|index| {
            self.metric(*index).is_some_and(|metric| {
                metric.decided_by_index
                    || self
                        .rule(metric.rule)
                        .is_some_and(|rule| rule.condition.matches(facts))
            })
        });
    }

    #[must_use]
    pub fn rule(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(index.index())
    }

    #[must_use]
    pub fn metric(&self, index: MetricIndex) -> Option<&MetricSpec> {
        self.metrics.get(index.index())
    }

    /// The metrics of rates. They count every action, whether their rule selects it or not.
    #[must_use]
    pub fn rate_metrics(&self) -> &[MetricIndex] {
        &self.rate_metrics
    }

    /// The metric of the facts `baseline.<name>.*`.
    #[must_use]
    pub fn metric_named(&self, name: &str) -> Option<&MetricSpec> {
        self.metrics.iter().find(|metric| metric.name == name)
    }
}

/// Reads the files that belong to the room `scope`: the templates, and at most one
/// `resources.yaml`.
fn scope_files(sorted: &[&SourceFile]) -> (ScopeTemplates, ResourceCatalogue, Vec<Diagnostic>) {
    let of_kind = |kind| {
        let files = sorted
            .iter()
            .filter(move |file| file_kind(&file.path) == kind);
        files.map(|file| (*file).clone()).collect::<Vec<_>>()
    };
    let (mut templates, mut problems) = ScopeTemplates::parse(&of_kind(FileKind::Template));
    let mut resources = ResourceCatalogue::default();
    for (at, file) in of_kind(FileKind::Resources).iter().enumerate() {
        if at > 0 {
            problems.push(Diagnostic::error(
                file,
                Location::WHOLE_FILE,
                "a bundle has one resources.yaml",
            ));
            continue;
        }
        let (read, found) = ResourceCatalogue::parse(file);
        resources = read;
        problems.extend(found);
    }
    templates.rename_grants(&resources);
    (templates, resources, problems)
}

fn hash_files(sorted: &[&SourceFile]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in sorted.iter().flat_map(|file| [&file.path, &file.text]) {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
