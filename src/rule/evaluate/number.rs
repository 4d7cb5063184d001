//! Numbers compared exactly: a whole number of a record has 63 bits, and an `f64` cannot tell all
//! of them apart.

use std::cmp::Ordering;

/// A number of a rule or of a fact. A float is finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::rule) enum Number {
    Int(i64),
    Float(f64),
}

/// How a fact is compared with the number of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// 2^63: the first whole number above every `i64`.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

impl Number {
    /// The nearest `f64`. Of two numbers the greater never gets the smaller one.
    pub(in crate::rule) fn to_f64(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }

    fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(one), Number::Int(other)) => Some(one.cmp(&other)),
            (Number::Float(one), Number::Float(other)) => one.partial_cmp(&other),
            (Number::Int(one), Number::Float(other)) => compare_int(one, other),
            (Number::Float(one), Number::Int(other)) => {
                compare_int(other, one).map(Ordering::reverse)
            }
        }
    }
}

impl Comparison {
    /// Whether `fact` stands in this relation to `number`.
    pub(in crate::rule) fn is_true(self, fact: Number, number: Number) -> bool {
        let Some(order) = fact.compare(number) else {
            return false;
        };
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Compares without rounding: by the whole part first, then by what is behind the point.
fn compare_int(int: i64, float: f64) -> Option<Ordering> {
    if float >= INT_END {
        return Some(Ordering::Less);
    }
    if float < -INT_END {
        return Some(Ordering::Greater);
    }
    // The cast is exact: the whole part lies within the range of an `i64`.
    let whole = int.cmp(&(float.trunc() as i64));
    Some(whole.then(0.0_f64.partial_cmp(&float.fract())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_and_fractions_compare_without_rounding() {
        let exact = 9_007_199_254_740_993_i64;
        for (fact, number, order) in [
            (
                Number::Int(exact),
                Number::Int(exact - 1),
                Ordering::Greater,
            ),
            (
                Number::Int(exact),
                Number::Float(exact as f64),
                Ordering::Greater,
            ),
            (
                Number::Int(i64::MAX),
                Number::Float(INT_END),
                Ordering::Less,
            ),
            (
                Number::Int(i64::MIN),
                Number::Float(-INT_END),
                Ordering::Equal,
            ),
            (
                Number::Int(i64::MIN),
                Number::Float(-1e300),
                Ordering::Greater,
            ),
            (Number::Int(2), Number::Float(2.5), Ordering::Less),
            (Number::Int(-2), Number::Float(-2.5), Ordering::Greater),
            (Number::Int(0), Number::Float(-0.0), Ordering::Equal),
            (Number::Float(0.1), Number::Float(0.1), Ordering::Equal),
            (Number::Float(0.1), Number::Int(0), Ordering::Greater),
        ] {
            assert_eq!(fact.compare(number), Some(order), "{fact:?} {number:?}");
            assert_eq!(
                number.compare(fact),
                Some(order.reverse()),
                "{fact:?} {number:?}"
            );
        }
    }
}
