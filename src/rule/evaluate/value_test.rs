//! The test of one field of a selection on the value of its fact.

use std::borrow::Cow;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use regex::Regex;

use crate::rule::model::catalogue::FactSlot;

use super::case_folding::fold_case;
use super::facts::{FactValue, Facts};
use super::network::Network;
use super::number::{Comparison, Number};
use super::text_pattern::{Piece, TextPattern};

/// From so many substrings on, one automaton looks for all of them at once.
const SUBSTRINGS_MIN: usize = 8;

/// Compares the value of a fact with the values of a rule, of which one must match. An absent fact
/// passes no test, `neq` included: there is nothing to compare.
#[derive(Debug, Clone)]
pub(in crate::rule) struct ValueTest {
    matchers: Arc<[ValueMatcher]>,
    /// `neq`: the field passes when no value matches.
    negated: bool,
    /// Long lists of one kind, found at once instead of one by one.
    found_at_once: Option<ValueSet>,
}

/// One value of a rule. For a list fact, it matches when a member does.
#[derive(Debug, Clone)]
pub(in crate::rule) enum ValueMatcher {
    Text(TextPattern),
    Regex(Regex),
    Network(Network),
    Number(Comparison, Number),
    Flag(bool),
    Fact(FactReference),
}

/// `fieldref`: the text of another fact, in which nothing is a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) struct FactReference {
    pub slot: FactSlot,
    pub part: ComparedPart,
    pub cased: bool,
}

/// Where in the text of the fact a value is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum ComparedPart {
    Whole,
    Start,
    End,
    Inside,
}

/// The values of a field that accepts any of them and ignores case.
#[derive(Debug, Clone)]
enum ValueSet {
    /// Sorted folded words.
    Words(Arc<[Box<str>]>),
    /// Folded substrings.
    Substrings(AhoCorasick),
}

impl ComparedPart {
    /// A pattern that expects `pieces` at this part of a text.
    pub(in crate::rule) fn anchor_pieces(self, mut pieces: Vec<Piece>) -> Vec<Piece> {
        if matches!(self, ComparedPart::Start | ComparedPart::Inside) {
            pieces.push(Piece::Any);
        }
        if matches!(self, ComparedPart::End | ComparedPart::Inside) {
            pieces.insert(0, Piece::Any);
        }
        pieces
    }
}

impl ValueTest {
    pub(in crate::rule) fn new(matchers: Vec<ValueMatcher>, negated: bool) -> Self {
        ValueTest {
            found_at_once: ValueSet::new(&matchers),
            matchers: matchers.into(),
            negated,
        }
    }

    pub(in crate::rule) fn matchers(&self) -> &[ValueMatcher] {
        &self.matchers
    }

    pub(in crate::rule) fn is_negated(&self) -> bool {
        self.negated
    }

    /// The words that the fact, or a member of its list, must equal one of; `None` when the test
    /// is another one.
    pub(in crate::rule) fn equal_words(&self) -> Option<Vec<&str>> {
        if self.negated {
            return None;
        }
        self.matchers.iter().map(ValueMatcher::equal_word).collect()
    }

    /// Whether the fact passes. `facts` has the facts that a `fieldref` names.
    pub(in crate::rule) fn passes(&self, value: FactValue<'_>, facts: &Facts<'_>) -> bool {
        let matched = match value {
            FactValue::Absent => return false,
            FactValue::Text(text) => self.match_texts(std::iter::once(text), facts),
            FactValue::List(items) => self.match_texts(items.iter().copied(), facts),
            FactValue::Texts(items) => self.match_texts(items.iter().map(|item| &**item), facts),
            FactValue::Flag(flag) => self.matchers.iter().any(|matcher| match matcher {
                ValueMatcher::Flag(expected) => *expected == flag,
                _ => false,
            }),
            FactValue::Int(number) => self.match_number(Number::Int(number)),
            FactValue::Float(number) => self.match_number(Number::Float(number)),
        };
        if self.refers_to_absent(facts) {
            return false;
        }
        matched != self.negated
    }

    /// Another fact that is absent cannot differ either.
    fn refers_to_absent(&self, facts: &Facts<'_>) -> bool {
        self.negated
            && self.matchers.iter().any(|matcher| match matcher {
                ValueMatcher::Fact(other) => facts.get(other.slot).is_absent(),
                _ => false,
            })
    }

    fn match_number(&self, number: Number) -> bool {
        self.matchers.iter().any(|matcher| match matcher {
            ValueMatcher::Number(comparison, expected) => comparison.is_true(number, *expected),
            _ => false,
        })
    }

    fn match_texts<'t>(&self, mut texts: impl Iterator<Item = &'t str>, facts: &Facts<'_>) -> bool {
        if let Some(set) = &self.found_at_once {
            return texts.any(|text| set.matches(&fold_case(text)));
        }
        texts.any(|text| {
            let text = FoldedText::new(text);
            self.matchers
                .iter()
                .any(|matcher| matcher.matches_text(&text, facts))
        })
    }
}

/// A text beside its folded form, so that a field with many values folds it once.
struct FoldedText<'t> {
    text: &'t str,
    folded: Cow<'t, str>,
}

impl<'t> FoldedText<'t> {
    fn new(text: &'t str) -> Self {
        FoldedText {
            text,
            folded: fold_case(text),
        }
    }
}

impl ValueMatcher {
    fn equal_word(&self) -> Option<&str> {
        match self {
            ValueMatcher::Text(pattern) => pattern.equal_word(),
            _ => None,
        }
    }

    fn matches_text(&self, text: &FoldedText<'_>, facts: &Facts<'_>) -> bool {
        match self {
            ValueMatcher::Text(pattern) => pattern.matches_folded(text.text, &text.folded),
            ValueMatcher::Regex(regex) => regex.is_match(text.text),
            ValueMatcher::Network(network) => network.contains_text(text.text),
            ValueMatcher::Fact(other) => match facts.get(other.slot) {
                FactValue::Text(expected) => other.matches(text, expected),
                _ => false,
            },
            ValueMatcher::Number(..) | ValueMatcher::Flag(_) => false,
        }
    }
}

impl FactReference {
    fn matches(self, text: &FoldedText<'_>, expected: &str) -> bool {
        let (text, expected) = if self.cased {
            (text.text, Cow::Borrowed(expected))
        } else {
            (&*text.folded, fold_case(expected))
        };
        match self.part {
            ComparedPart::Whole => text == expected,
            ComparedPart::Start => text.starts_with(&*expected),
            ComparedPart::End => text.ends_with(&*expected),
            ComparedPart::Inside => text.contains(&*expected),
        }
    }
}

impl ValueSet {
    /// `None` when the values are of several kinds, or too few for a set to be faster.
    fn new(matchers: &[ValueMatcher]) -> Option<ValueSet> {
        if matchers.len() < SUBSTRINGS_MIN {
            return None;
        }
        let each = |part: fn(&TextPattern) -> Option<&str>| {
            let parts = matchers.iter().map(|matcher| match matcher {
                ValueMatcher::Text(pattern) if !pattern.is_cased() => part(pattern),
                _ => None,
            });
            parts.collect::<Option<Vec<&str>>>()
        };
        if let Some(mut words) = each(TextPattern::equal_word) {
            words.sort_unstable();
            return Some(ValueSet::Words(words.into_iter().map(Box::from).collect()));
        }
        let substrings = each(TextPattern::substring)?;
        AhoCorasick::new(substrings).ok().map(ValueSet::Substrings)
    }

    fn matches(&self, folded: &str) -> bool {
        match self {
            ValueSet::Words(words) => words.binary_search_by(|word| (**word).cmp(folded)).is_ok(),
            ValueSet::Substrings(automaton) => automaton.is_match(folded),
        }
    }
}
