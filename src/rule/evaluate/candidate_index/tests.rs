//! Which part of a rule leads to it. That no rule which matches is missed is a part of
//! `rule/tests/sigma_differential.rs`.

use super::*;
use crate::rule::evaluate::anchor::find_anchors;
use crate::rule::evaluate::condition::{Condition, FieldTest, SelectionField};
use crate::rule::evaluate::number::{Comparison, Number};
use crate::rule::evaluate::text_pattern::{Piece, TextPattern};
use crate::rule::evaluate::value_test::{ValueMatcher, ValueTest};
use crate::rule::model::catalogue::{FactCatalogue, fact};
use crate::text::Location;

fn field(slot: FactSlot, matcher: ValueMatcher) -> Condition {
    Condition::Field(SelectionField {
        slot,
        location: Location::START,
        test: FieldTest::Value(ValueTest::new(vec![matcher], false)),
    })
}

fn word(text: &str) -> ValueMatcher {
    ValueMatcher::Text(TextPattern::new(vec![Piece::Literal(text.into())], false))
}

/// The purpose of the index: a rule that cannot match costs nothing.
#[test]
fn a_rule_is_found_by_its_most_selective_part() {
    let catalogue = FactCatalogue::new();
    let least = ValueMatcher::Number(Comparison::GreaterOrEqual, Number::Int(10));
    let all = Condition::All(vec![
        field(fact::EVENT_KIND, word("action")),
        field(fact::VOLUME_BYTES_OUT, least),
        field(fact::SCOPE_VIOLATIONS, word("Verb")),
    ]);
    assert_eq!(
        find_anchors(&all, &catalogue),
        AnchorSet::AnyOf(vec![Anchor::Word(fact::SCOPE_VIOLATIONS, "verb".into())])
    );
    let negated = Condition::Not(Box::new(all));
    assert_eq!(find_anchors(&negated, &catalogue), AnchorSet::Always);
}
