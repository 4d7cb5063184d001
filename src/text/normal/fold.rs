//! Words without case and without compatibility forms, in all of Unicode.

use std::borrow::Cow;

use unicase::UniCase;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Rounds of folding and composing until nothing changes: two are enough for every character of
/// Unicode, one more shows that nothing changes.
const FOLD_ROUNDS_MAX: usize = 4;

/// The word with full Unicode case folding and compatibility composition (NFKC): `STRASSE` and
/// `straße` are one word, and so are `send` and a `send` of full-width letters.
#[must_use]
pub fn fold_word(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    let mut folded = compose(text).into_owned();
    for _ in 0..FOLD_ROUNDS_MAX {
        let next = compose(&UniCase::unicode(&folded).to_folded_case()).into_owned();
        if next == folded {
            break;
        }
        folded = next;
    }
    Cow::Owned(folded)
}

/// Whether two words are one without regard to case.
#[must_use]
pub fn same_word(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        one.eq_ignore_ascii_case(other)
    } else {
        fold_word(one) == fold_word(other)
    }
}

/// Compatibility composition (NFKC).
pub(super) fn compose(text: &str) -> Cow<'_, str> {
    if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfkc().collect())
    }
}
