//! Which word was probably meant, and the one wording of that suggestion.

/// The longest list of known words that a problem shows.
const WORDS_SHOWN_MAX: usize = 32;

/// The candidate with the smallest edit distance to `word` (Damerau-Levenshtein), if the distance
/// is at most 1 plus a third of the characters of `word`.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + word.chars().count() / 3)
        .map(|(_, candidate)| candidate)
}

/// The wording of every suggestion: ``did you mean `name`?``.
#[must_use]
pub fn format_suggestion(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// A suggestion of the known word nearest to `word`, if one is near.
#[must_use]
pub fn suggest_near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(format_suggestion)
}

/// A suggestion of the known word nearest to `word`, otherwise the list of known words. `None` if
/// no word is known, or more than `WORDS_SHOWN_MAX`.
#[must_use]
pub fn suggest_or_list(word: &str, known: &[&str]) -> Option<String> {
    suggest_near(word, known.iter().copied()).or_else(|| {
        (1..=WORDS_SHOWN_MAX)
            .contains(&known.len())
            .then(|| format!("known: {}", quote_words(known)))
    })
}

/// The words in backticks, separated by commas.
#[must_use]
pub fn quote_words(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_otherwise_the_known_words_are_listed() {
        let known = ["read", "list"];
        let help = |word: &str| suggest_or_list(word, &known);
        assert_eq!(help("raed").as_deref(), Some("did you mean `read`?"));
        assert_eq!(help("xyzzy").as_deref(), Some("known: `read`, `list`"));
        assert_eq!(suggest_or_list("x", &[]), None);
        assert_eq!(
            suggest_or_list("xyzzy", &["read"; WORDS_SHOWN_MAX + 1]),
            None
        );
    }
}
