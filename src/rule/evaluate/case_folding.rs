//! Unicode case folding: two texts that differ only in case have the same folded form.
//!
//! The folding is full and without a locale: `ß`, `ẞ` and `SS` fold to `ss`, the long `ſ` to `s`,
//! the Kelvin sign to `k`, final and medial sigma to one letter. Dotless and dotted Turkish letters
//! stay different from `i`. Compatibility forms stay different, too: a rule can look for full-width
//! letters. Each character folds by itself, so the folded form of a part is a part of the folded
//! form.

use std::borrow::Cow;

use unicase::UniCase;

/// The folded form of `text`. Most texts of records are ASCII and in lower case already: they are
/// borrowed.
pub(in crate::rule) fn fold_case(text: &str) -> Cow<'_, str> {
    // One pass without a branch per byte, so that the compiler vectorises it.
    let folded_ascii = text
        .bytes()
        .fold(true, |all, b| all & b.is_ascii() & !b.is_ascii_uppercase());
    if folded_ascii {
        Cow::Borrowed(text)
    } else if text.is_ascii() {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Owned(UniCase::unicode(text).to_folded_case())
    }
}

/// Appends the folded form of one character: one to three characters.
pub(in crate::rule) fn fold_character(character: char, into: &mut String) {
    if character.is_ascii() {
        into.push(character.to_ascii_lowercase());
    } else {
        let mut bytes = [0; 4];
        let text = character.encode_utf8(&mut bytes);
        into.push_str(&UniCase::unicode(&*text).to_folded_case());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_case_only_fold_alike() {
        for (one, other) in [
            ("Straße", "STRASSE"),
            ("\u{1e9e}", "ss"),
            ("\u{17f}", "S"),
            ("\u{212a}elvin", "kELVIN"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{fb01}n", "FIN"),
            ("\u{130}", "i\u{307}"),
            ("Ǆ", "ǆ"),
        ] {
            assert_eq!(fold_case(one), fold_case(other), "{one} {other}");
        }
        for (one, other) in [("\u{131}", "i"), ("\u{130}", "i"), ("é", "e")] {
            assert_ne!(fold_case(one), fold_case(other), "{one} {other}");
        }
    }

    #[test]
    fn a_text_folds_as_its_characters_do() {
        let text = "aB Straße \u{130}\u{1e9e} ΟΔΟΣ \u{1f600} \u{390}";
        let mut folded = String::new();
        text.chars().for_each(|c| fold_character(c, &mut folded));
        assert_eq!(folded, fold_case(text));
    }

    #[test]
    fn lower_case_ascii_is_borrowed() {
        assert!(matches!(fold_case("drop table\n"), Cow::Borrowed(_)));
    }
}
