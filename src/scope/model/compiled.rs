//! The compiled form of a scope: patterns compiled, words as bit sets.
//!
//! Only what a scope permits is compiled, not whom it is for, so that agents with the same terms
//! share one compiled form.

use thiserror::Error;

use super::countable::CountedField;
use super::limits::CHILDREN_MAX;
use super::working_hours::CompiledHours;
use crate::event::limits::{GRANTS_MAX, SCOPE_LIMITS_MAX, SCOPE_LIST_MAX};
use crate::event::{
    AgentScope, ChannelRule, DelegationRule, Grant, InstructionSource, Limit, Measure, Sensitivity,
    Text, Verb, WorkingHours, text_fingerprint,
};
use crate::text::normal::{DestinationPattern, PathPattern, fold_word};
use crate::text::units::DAY_MIN;
use crate::text::{GlobPattern, format_suggestion};

/// The shortest window of a limit: 1 s.
pub const WINDOW_MIN_MS: i64 = 1_000;
/// The longest window of a limit: 31 d.
pub const WINDOW_MAX_MS: i64 = 31 * 86_400_000;

/// Why a declared scope cannot be judged by as written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScopeError {
    #[error("{what} has {count} entries; at most {limit} are allowed")]
    TooMany {
        what: &'static str,
        count: usize,
        limit: usize,
    },
    #[error("grant {index} names no resource type")]
    GrantWithoutType { index: usize },
    #[error(
        "resource type `{pattern}`: `*` may only stand alone or as the last part, as in `email.*`"
    )]
    TypePattern { pattern: Text },
    #[error("limit {index}: unknown field in `{measure}`{}", format_nearest(*nearest))]
    UnknownMeasure {
        index: usize,
        measure: String,
        nearest: Option<&'static str>,
    },
    #[error("limit {index}: the window of {window_ms} ms is outside 1 s to 31 d")]
    Window { index: usize, window_ms: i64 },
    #[error("limit {index}: max must be a number not below 0")]
    Max { index: usize },
    #[error(
        "children are counted up to {CHILDREN_MAX}, so children_max must be lower; leave it out \
         for no bound"
    )]
    ChildrenMax,
    #[error("unknown time zone `{zone}`")]
    Zone { zone: Text },
    #[error("hours: weekdays are 1 to 7 and times 00:00 to 24:00")]
    Hours,
}

fn format_nearest(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!("; {}", format_suggestion(name)))
        .unwrap_or_default()
}

/// A resource type or a family of them, folded as
/// [`crate::scope::ResourceCatalogue::enrich_action`] leaves the types of actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TypePattern {
    Any,
    /// `email.*`, which covers `email` and everything below it; the field is `email`.
    Below(Text),
    Exact(Text),
}

impl TypePattern {
    pub(crate) fn new(pattern: &str) -> Self {
        let pattern = fold_word(pattern);
        match pattern.strip_suffix(".*") {
            _ if pattern == "*" => TypePattern::Any,
            Some(family) => TypePattern::Below(family.into()),
            None => TypePattern::Exact((*pattern).into()),
        }
    }

    pub(crate) fn covers_type(&self, resource_type: &str) -> bool {
        match self {
            TypePattern::Any => true,
            TypePattern::Exact(exact) => exact == resource_type,
            TypePattern::Below(family) => match resource_type.strip_prefix(family.as_str()) {
                Some(rest) => rest.is_empty() || rest.starts_with('.'),
                None => false,
            },
        }
    }

    /// Whether every type of `other` is covered.
    pub(crate) fn covers_family(&self, other: &TypePattern) -> bool {
        match other {
            TypePattern::Any => *self == TypePattern::Any,
            TypePattern::Exact(exact) => self.covers_type(exact),
            TypePattern::Below(family) => match self {
                TypePattern::Any => true,
                TypePattern::Exact(_) => false,
                TypePattern::Below(_) => self.covers_type(family),
            },
        }
    }
}

/// A grant ready to match. An empty list leaves its part open.
#[derive(Debug, Clone)]
pub(crate) struct CompiledGrant {
    pub(crate) types: Box<[TypePattern]>,
    pub(crate) ids: Box<[PathPattern]>,
    /// Bit set by [`verb_bit`]; all ones when the grant lists no verb.
    pub(crate) verbs: u16,
    pub(crate) sensitivity_max: Option<Sensitivity>,
    /// Folded, as words are compared.
    pub(crate) owners: Box<[Text]>,
}

impl CompiledGrant {
    /// Whether one of the grant's type patterns covers the resource type.
    pub(crate) fn covers_type(&self, resource_type: &str) -> bool {
        self.types
            .iter()
            .any(|pattern| pattern.covers_type(resource_type))
    }
}

/// A limit ready to count.
#[derive(Debug, Clone)]
pub(crate) struct CompiledLimit {
    /// Its index in the declared list.
    pub(crate) index: usize,
    pub(crate) measure: Measure,
    /// Fingerprint of the measure, by which its count is stored.
    pub(crate) measure_hash: u64,
    pub(crate) counted: CountedField,
    pub(crate) window_ms: i64,
    pub(crate) max: f64,
}

impl CompiledLimit {
    /// Whether `other` bounds the count that this limit keeps: of several bounds on one count the
    /// widest keeps it, once.
    pub(crate) fn counts_for(&self, other: &CompiledLimit) -> bool {
        self.index != other.index
            && self.window_ms == other.window_ms
            && self.measure == other.measure
            && (self.max > other.max || self.max == other.max && self.index < other.index)
    }
}

/// The compiled terms of a scope; shared by every scope with the same terms.
#[derive(Debug, Clone)]
pub struct CompiledScope {
    pub(crate) grants: Box<[CompiledGrant]>,
    pub(crate) tools: Box<[GlobPattern]>,
    pub(crate) destinations: Box<[DestinationPattern]>,
    /// Bit set by [`source_bit`]; `None` when the scope lists none.
    pub(crate) sources: Option<u16>,
    pub(crate) channel: ChannelRule,
    pub(crate) delegation: Option<DelegationRule>,
    pub(crate) hours: Option<CompiledHours>,
    pub(crate) limits: Box<[CompiledLimit]>,
}

pub(crate) const fn verb_bit(verb: Verb) -> u16 {
    1 << verb as u16
}

pub(crate) const fn source_bit(source: InstructionSource) -> u16 {
    1 << source as u16
}

impl CompiledScope {
    /// Compiles a scope's terms.
    ///
    /// # Errors
    /// The first term that cannot be judged by as written.
    pub fn compile(scope: &AgentScope) -> Result<Self, ScopeError> {
        validate_scope(scope)?;
        Ok(Self::compile_lenient(scope))
    }

    /// Compiles what can be judged; a term that cannot is left unjudged. For scopes read back
    /// from state, which were valid when they were declared.
    #[must_use]
    pub(crate) fn compile_lenient(scope: &AgentScope) -> Self {
        let limits = scope.limits.iter().enumerate();
        CompiledScope {
            grants: scope.grants.iter().map(compile_grant).collect(),
            tools: compile_globs(&scope.tools),
            destinations: scope
                .destinations
                .iter()
                .map(|d| DestinationPattern::parse_lenient(d))
                .collect(),
            sources: join_bits(scope.instruction_sources.iter().map(|s| source_bit(*s))),
            channel: scope.channel.unwrap_or_default(),
            delegation: scope.delegation,
            hours: scope.hours.as_ref().and_then(CompiledHours::compile),
            limits: limits
                .filter_map(|(index, limit)| compile_limit(index, limit).ok())
                .collect(),
        }
    }
}

fn compile_grant(grant: &Grant) -> CompiledGrant {
    CompiledGrant {
        types: grant
            .resource_types
            .iter()
            .map(|t| TypePattern::new(t))
            .collect(),
        ids: grant
            .resource_ids
            .iter()
            .map(|id| PathPattern::parse_lenient(id))
            .collect(),
        verbs: join_bits(grant.verbs.iter().map(|v| verb_bit(*v))).unwrap_or(u16::MAX),
        sensitivity_max: grant.sensitivity_max,
        owners: grant
            .owners
            .iter()
            .map(|o| (*fold_word(o)).into())
            .collect(),
    }
}

fn compile_globs(patterns: &[Text]) -> Box<[GlobPattern]> {
    patterns.iter().map(|p| GlobPattern::new(p)).collect()
}

/// Whether a list forbids a value that the record has and that cannot be read. Only a list that
/// restricts nothing allows it: an empty one, or one with the pattern `*`.
pub(crate) fn excludes_unreadable<P>(patterns: &[P], is_any: impl Fn(&P) -> bool) -> bool {
    !patterns.is_empty() && !patterns.iter().any(is_any)
}

/// The bits together; `None` for an empty list.
fn join_bits(bits: impl Iterator<Item = u16>) -> Option<u16> {
    bits.reduce(|all, bit| all | bit)
}

/// Compiles one limit.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn compile_limit(index: usize, limit: &Limit) -> Result<CompiledLimit, ScopeError> {
    let measure = limit.measure.clone();
    let counted =
        CountedField::resolve_field(&measure).map_err(|nearest| ScopeError::UnknownMeasure {
            index,
            measure: measure.to_string(),
            nearest,
        })?;
    let (window_ms, max) = (limit.window_ms, limit.max);
    if !(WINDOW_MIN_MS..=WINDOW_MAX_MS).contains(&window_ms) {
        return Err(ScopeError::Window { index, window_ms });
    }
    if !max.is_finite() || max < 0.0 {
        return Err(ScopeError::Max { index });
    }
    Ok(CompiledLimit {
        index,
        measure_hash: text_fingerprint(&measure.to_string()),
        measure,
        counted,
        window_ms,
        max,
    })
}

fn validate_scope(scope: &AgentScope) -> Result<(), ScopeError> {
    at_most("grants", scope.grants.len(), GRANTS_MAX)?;
    at_most("limits", scope.limits.len(), SCOPE_LIMITS_MAX)?;
    at_most("tools", scope.tools.len(), SCOPE_LIST_MAX)?;
    at_most("destinations", scope.destinations.len(), SCOPE_LIST_MAX)?;
    at_most("credential_ids", scope.credential_ids.len(), SCOPE_LIST_MAX)?;
    for (index, grant) in scope.grants.iter().enumerate() {
        validate_grant(index, grant)?;
    }
    for (index, limit) in scope.limits.iter().enumerate() {
        compile_limit(index, limit)?;
    }
    validate_delegation(scope.delegation.as_ref())?;
    scope.hours.as_ref().map_or(Ok(()), validate_hours)
}

fn validate_grant(index: usize, grant: &Grant) -> Result<(), ScopeError> {
    if grant.resource_types.is_empty() {
        return Err(ScopeError::GrantWithoutType { index });
    }
    at_most("resource_types", grant.resource_types.len(), SCOPE_LIST_MAX)?;
    at_most("resource_ids", grant.resource_ids.len(), SCOPE_LIST_MAX)?;
    at_most("owners", grant.owners.len(), SCOPE_LIST_MAX)?;
    grant
        .resource_types
        .iter()
        .try_for_each(|pattern| validate_type(pattern))
}

/// Checks a resource type pattern.
///
/// # Errors
/// A `*` where it would be read as a letter.
pub(crate) fn validate_type(pattern: &str) -> Result<(), ScopeError> {
    let fixed = match TypePattern::new(pattern) {
        TypePattern::Any => return Ok(()),
        TypePattern::Below(fixed) | TypePattern::Exact(fixed) => fixed,
    };
    if fixed.contains('*') || fixed.is_empty() {
        return Err(ScopeError::TypePattern {
            pattern: pattern.into(),
        });
    }
    Ok(())
}

/// Checks declared hours.
///
/// # Errors
/// A weekday or time out of range, or an unknown zone.
pub(crate) fn validate_hours(hours: &WorkingHours) -> Result<(), ScopeError> {
    let days = hours.days.iter().all(|day| (1..=7).contains(day));
    if !days || hours.from_min >= DAY_MIN || hours.to_min > DAY_MIN {
        return Err(ScopeError::Hours);
    }
    match (&hours.zone, CompiledHours::compile(hours)) {
        (Some(zone), None) => Err(ScopeError::Zone { zone: zone.clone() }),
        _ => Ok(()),
    }
}

/// Checks a delegation rule.
///
/// # Errors
/// A count that could never be exceeded.
pub(crate) fn validate_delegation(rule: Option<&DelegationRule>) -> Result<(), ScopeError> {
    let max = rule.and_then(|rule| rule.children_max).unwrap_or(0);
    if usize::try_from(max).is_ok_and(|max| max < CHILDREN_MAX) {
        Ok(())
    } else {
        Err(ScopeError::ChildrenMax)
    }
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), ScopeError> {
    if count > limit {
        Err(ScopeError::TooMany { what, count, limit })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_covers_itself_and_what_is_below_it_and_nothing_else() {
        let email = TypePattern::new("email.*");
        for (resource_type, covered) in [
            ("email", true),
            ("email.message", true),
            ("email.a.b", true),
            ("emails", false),
        ] {
            assert_eq!(email.covers_type(resource_type), covered, "{resource_type}");
        }
        assert!(TypePattern::new("Email.*").covers_type("email.message"));
        assert!(TypePattern::new("*").covers_type("anything"));
        assert!(!TypePattern::new("email").covers_type("email.message"));
        assert!(email.covers_family(&TypePattern::new("email.message.*")));
        assert!(!email.covers_family(&TypePattern::new("*")));
        assert!(!TypePattern::new("email").covers_family(&email));
    }

    #[test]
    fn what_cannot_be_judged_is_refused_with_its_reason() {
        let limit = |measure: &str, window_ms, max| AgentScope {
            limits: vec![Limit {
                measure: Measure::parse(measure).unwrap(),
                window_ms,
                max,
            }],
            ..AgentScope::default()
        };
        let grant = |types: &[&str]| AgentScope {
            grants: vec![Grant {
                resource_types: types.iter().map(|t| (*t).into()).collect(),
                ..Grant::default()
            }],
            ..AgentScope::default()
        };
        let cases = [
            (
                limit("sum: volume.byte_out", 1000, 1.0),
                "did you mean `volume.bytes_out`",
            ),
            (limit("sum: resource.id", 1000, 1.0), "unknown field"),
            (limit("count", 999, 1.0), "outside 1 s to 31 d"),
            (limit("count", 1000, f64::NAN), "not below 0"),
            (
                AgentScope {
                    delegation: Some(DelegationRule {
                        children_max: Some(64),
                        ..DelegationRule::default()
                    }),
                    ..AgentScope::default()
                },
                "children_max must be lower",
            ),
            (grant(&[]), "names no resource type"),
            (grant(&["ema*"]), "`ema*`"),
            (grant(&["x"; 257]), "at most 256"),
        ];
        for (scope, part) in cases {
            let error = CompiledScope::compile(&scope).unwrap_err().to_string();
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }
}
