//! Words: case and compatibility forms do not count.

use crate::text::normal::{fold_word, same_word};

#[test]
fn words_compare_without_case_in_all_of_unicode() {
    for (one, other) in [
        ("DELETE", "delete"),
        ("ſend", "SEND"),
        ("\u{212a}ey", "key"),
        ("Straße", "STRASSE"),
        ("ΟΔΟΣ", "οδος"),
        ("ΟΔΟΣ", "οδοσ"),
        ("ＤＥＬＥＴＥ", "delete"),
        ("re\u{301}sume\u{301}", "RÉSUMÉ"),
        ("ﬁle.read", "FILE.READ"),
    ] {
        assert!(same_word(one, other), "{one} {other}");
    }
    for (one, other) in [("send", "sent"), ("é", "e"), ("ı", "i"), ("", "a")] {
        assert!(!same_word(one, other), "{one} {other}");
    }
}

/// Every character of the planes with letters, between letters.
#[test]
fn folding_twice_is_folding_once() {
    for letter in '\0'..='\u{1ffff}' {
        let folded = fold_word(&format!("a{letter}\u{345}b")).into_owned();
        assert_eq!(fold_word(&folded), folded, "U+{:04X}", u32::from(letter));
    }
}
