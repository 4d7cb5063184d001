//! The one glob of the project: `*` is any run of characters, `/` included, `?` exactly one.

use compact_str::CompactString;

use super::normal::fold_word;

/// A compiled glob. There is no escape: a pattern with `*` or `?` is never literal.
///
/// Matching never returns to an earlier `*`, so it takes at most the length of the text times the
/// length of the longest piece between two stars.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GlobPattern {
    pattern: CompactString,
    shape: GlobShape,
}

/// Shapes with a fast path: most patterns that people write have one of the first four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum GlobShape {
    Any,
    Literal,
    Prefix,
    Suffix,
    /// Stars only, so that pieces compare as bytes.
    Stars,
    General,
}

/// How a character of the pattern compares with one of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MatchMode {
    Exact,
    IgnoreCase,
    /// The text is itself a pattern: a `?` cannot match its `*`.
    Pattern,
}

impl GlobPattern {
    /// Compiles a pattern; every text is one.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let stars = pattern.matches('*').count();
        let shape = match (stars, pattern.contains('?')) {
            (0, false) => GlobShape::Literal,
            (1, false) if pattern == "*" => GlobShape::Any,
            (1, false) if pattern.ends_with('*') => GlobShape::Prefix,
            (1, false) if pattern.starts_with('*') => GlobShape::Suffix,
            (_, false) => GlobShape::Stars,
            _ => GlobShape::General,
        };
        GlobPattern {
            pattern: pattern.into(),
            shape,
        }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern has no wildcard.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.shape == GlobShape::Literal
    }

    /// Whether the whole of `text` matches, case included.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self.shape {
            GlobShape::Any => true,
            GlobShape::Literal => self.pattern == text,
            GlobShape::Prefix => text.as_bytes().starts_with(self.head()),
            GlobShape::Suffix => text.as_bytes().ends_with(self.tail()),
            GlobShape::Stars => walk_bytes(&self.pattern, text),
            GlobShape::General => walk(&self.pattern, text, MatchMode::Exact),
        }
    }

    /// Whether the whole of `text` matches without regard to case, as tool names do. Beyond ASCII
    /// both are folded as in [`super::normal::fold_word`], or compared letter by letter: a `?` is
    /// one character of either.
    #[must_use]
    pub fn matches_ignore_case(&self, text: &str) -> bool {
        self.matches_ascii_case(text)
            || !(text.is_ascii() && self.pattern.is_ascii()) && self.matches_folded(text)
    }

    fn matches_folded(&self, text: &str) -> bool {
        // Full-width wildcards are letters, and folding must not make wildcards of them.
        let wildcards = |text: &str| text.matches(['*', '?']).count();
        let folded = fold_word(&self.pattern);
        wildcards(&folded) == wildcards(&self.pattern)
            && GlobPattern::new(&folded).matches(&fold_word(text))
    }

    fn matches_ascii_case(&self, text: &str) -> bool {
        match self.shape {
            GlobShape::Any => true,
            GlobShape::Literal => self.pattern.eq_ignore_ascii_case(text),
            GlobShape::Prefix => {
                let (head, text) = (self.head(), text.as_bytes());
                text.get(..head.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(head))
            }
            GlobShape::Suffix => {
                let (tail, text) = (self.tail(), text.as_bytes());
                let at = text.len().checked_sub(tail.len());
                at.and_then(|at| text.get(at..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(tail))
            }
            GlobShape::Stars | GlobShape::General => {
                walk(&self.pattern, text, MatchMode::IgnoreCase)
            }
        }
    }

    /// Whether an ASCII text that begins with this byte, in lower case, can match without case. If
    /// not, no such text matches.
    pub(crate) fn may_begin(&self, letter: u8) -> bool {
        match self.pattern.bytes().next() {
            Some(b'*' | b'?') => true,
            // What is folded may begin with any letter.
            Some(first) => !first.is_ascii() || first.to_ascii_lowercase() == letter,
            None => false,
        }
    }

    /// The text before the one `*` at the end.
    fn head(&self) -> &[u8] {
        self.pattern
            .as_bytes()
            .split_last()
            .map_or(&[], |(_, head)| head)
    }

    /// The text behind the one `*` at the start.
    fn tail(&self) -> &[u8] {
        self.pattern
            .as_bytes()
            .split_first()
            .map_or(&[], |(_, tail)| tail)
    }

    /// How narrow the pattern is: a literal is narrowest, otherwise the count of its fixed
    /// characters; 0 for `*`.
    #[must_use]
    pub fn specificity(&self) -> u32 {
        if self.is_literal() {
            return u32::MAX;
        }
        let fixed = self
            .pattern
            .chars()
            .filter(|c| !matches!(c, '*' | '?'))
            .count();
        u32::try_from(fixed).unwrap_or(u32::MAX - 1)
    }

    /// Whether every text that `other` matches is matched by this pattern too. Sound: `true` is
    /// certain; a few true cases are reported as `false`.
    #[must_use]
    pub fn covers(&self, other: &GlobPattern) -> bool {
        self.pattern == other.pattern || walk(&self.pattern, &other.pattern, MatchMode::Pattern)
    }

    /// Whether some text matches both patterns, ASCII case ignored. Takes time in the product of
    /// both lengths: for loading only.
    #[must_use]
    pub fn overlaps(&self, other: &GlobPattern) -> bool {
        let theirs: Vec<char> = other
            .pattern
            .chars()
            .map(|c| c.to_ascii_lowercase())
            .collect();
        // reachable[j]: our pattern so far and the first j of theirs can match one text.
        let mut reachable = vec![false; theirs.len() + 1];
        if let Some(start) = reachable.first_mut() {
            *start = true;
        }
        close_over_stars(&mut reachable, &theirs);
        for ours in self.pattern.chars().map(|c| c.to_ascii_lowercase()) {
            reachable = step(ours, &reachable, &theirs);
        }
        reachable.last().copied().unwrap_or(false)
    }
}

/// Their `*` may match nothing.
fn close_over_stars(reachable: &mut [bool], theirs: &[char]) {
    let mut before = false;
    for (index, slot) in reachable.iter_mut().enumerate() {
        let star = index.checked_sub(1).and_then(|i| theirs.get(i)) == Some(&'*');
        *slot |= before && star;
        before = *slot;
    }
}

/// Reads one character of our pattern against every state of theirs.
fn step(ours: char, reachable: &[bool], theirs: &[char]) -> Vec<bool> {
    let mut next = vec![false; reachable.len()];
    let mut reached = false;
    for (index, slot) in next.iter_mut().enumerate() {
        let here = reachable.get(index).copied().unwrap_or(false);
        let last = index.checked_sub(1);
        let before = last
            .and_then(|i| reachable.get(i))
            .copied()
            .unwrap_or(false);
        let theirs_last = last.and_then(|i| theirs.get(i)).copied();
        *slot = if ours == '*' {
            // Matches nothing, or all that their pattern has matched since.
            reached |= here;
            reached
        } else {
            // Their `*` matches one more character; otherwise both match the same character.
            let in_star = here && theirs_last == Some('*');
            let both = before
                && theirs_last.is_some_and(|t| t != '*' && (t == ours || t == '?' || ours == '?'));
            in_star || both
        };
    }
    close_over_stars(&mut next, theirs);
    next
}

/// [`walk`] for a pattern without `?`, compared exactly.
fn walk_bytes(pattern: &str, text: &str) -> bool {
    let Some((head, pieces)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (pieces, tail) = pieces.rsplit_once('*').unwrap_or(("", pieces));
    let middle = text
        .strip_prefix(head)
        .and_then(|rest| rest.strip_suffix(tail));
    let Some(mut rest) = middle else {
        return false;
    };
    for piece in pieces.split('*').filter(|piece| !piece.is_empty()) {
        match rest.find(piece).and_then(|at| rest.get(at + piece.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

fn walk(pattern: &str, text: &str, mode: MatchMode) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = eat(pieces.next().unwrap_or_default(), text, mode) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        // The leftmost match leaves the most text for the pieces that follow.
        match seek(piece, rest, mode) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    let Some(back) = last.chars().count().checked_sub(1) else {
        return true;
    };
    rest.char_indices()
        .nth_back(back)
        .and_then(|(start, _)| rest.get(start..))
        .is_some_and(|tail| eat(last, tail, mode).is_some())
}

fn seek<'t>(piece: &str, mut text: &'t str, mode: MatchMode) -> Option<&'t str> {
    loop {
        if let Some(after) = eat(piece, text, mode) {
            return Some(after);
        }
        let mut chars = text.chars();
        chars.next()?;
        text = chars.as_str();
    }
}

/// The rest of `text` after `piece`, which has no `*`; `None` if it does not match.
fn eat<'t>(piece: &str, text: &'t str, mode: MatchMode) -> Option<&'t str> {
    let mut chars = text.chars();
    for wanted in piece.chars() {
        let got = chars.next()?;
        let same = match mode {
            MatchMode::Exact => wanted == '?' || wanted == got,
            MatchMode::IgnoreCase => wanted == '?' || wanted.eq_ignore_ascii_case(&got),
            MatchMode::Pattern => got != '*' && (wanted == '?' || wanted == got),
        };
        if !same {
            return None;
        }
    }
    Some(chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The textbook recursion, exponential and obviously right.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            Some(('?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((c, rest)) => text.first() == Some(c) && naive(rest, &text[1..]),
        }
    }

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn a_star_crosses_slashes_and_a_question_mark_is_one_character() {
        assert!(GlobPattern::new("s3://bucket/*").matches("s3://bucket/a/b/c"));
        assert!(GlobPattern::new("a?c").matches("aéc"));
        assert!(!GlobPattern::new("a?c").matches("ac"));
        assert!(!GlobPattern::new("a*").matches("ba"));
        assert!(!GlobPattern::new("*.example.com").matches("example.com"));
        assert!(GlobPattern::new("*.Example.com").matches_ignore_case("API.EXAMPLE.COM"));
        assert!(!GlobPattern::new("*.Example.com").matches("api.example.com"));
        assert!(GlobPattern::new("lösche_*").matches_ignore_case("LÖSCHE_ALLES"));
        assert!(GlobPattern::new("*STRASSE").matches_ignore_case("hauptstraße"));
        assert!(GlobPattern::new("key_?").matches_ignore_case("\u{212a}ey_é"));
        assert!(!GlobPattern::new("a\u{ff0a}").matches_ignore_case("abc"));
    }

    #[test]
    fn a_literal_is_more_specific_than_any_wildcard() {
        assert!(
            GlobPattern::new("a").specificity()
                > GlobPattern::new("research-agent-*").specificity()
        );
        assert!(GlobPattern::new("ab*").specificity() > GlobPattern::new("a*").specificity());
        assert_eq!(GlobPattern::new("*").specificity(), 0);
    }

    #[test]
    fn a_hostile_pattern_and_text_take_no_exponential_time() {
        let pattern = GlobPattern::new(&"a*".repeat(200));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(100))));
        assert!(GlobPattern::new(&"*a".repeat(100)).matches(&"a".repeat(4000)));
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]

        #[test]
        fn matching_agrees_with_the_naive_recursion(
            pattern in "[abA*?é]{0,7}", text in "[abAé]{0,9}",
        ) {
            let glob = GlobPattern::new(&pattern);
            prop_assert_eq!(glob.matches(&text), naive(&chars(&pattern), &chars(&text)));
            let lower = |s: &str| s.to_ascii_lowercase();
            prop_assert_eq!(
                glob.matches_ignore_case(&text),
                naive(&chars(&lower(&pattern)), &chars(&lower(&text)))
            );
        }

        #[test]
        fn covering_and_overlapping_agree_with_the_texts_they_speak_of(
            a in "[ab*?]{0,5}", b in "[ab*?]{0,5}", text in "[ab]{0,6}",
        ) {
            let (one, two) = (GlobPattern::new(&a), GlobPattern::new(&b));
            if one.covers(&two) && two.matches(&text) {
                prop_assert!(one.matches(&text), "{a} covers {b} but not {text}");
            }
            if one.matches(&text) && two.matches(&text) {
                prop_assert!(one.overlaps(&two), "{a} and {b} share {text}");
            }
            prop_assert_eq!(one.overlaps(&two), two.overlaps(&one));
        }

        #[test]
        fn an_overlap_is_real(a in "[ab*?]{0,4}", b in "[ab*?]{0,4}") {
            let (one, two) = (GlobPattern::new(&a), GlobPattern::new(&b));
            let shared = (0..=8).any(|n| (0..1u32 << n).any(|bits| {
                let letter = |i: u32| if bits >> i & 1 == 1 { 'a' } else { 'b' };
                let text: String = (0..n).map(letter).collect();
                one.matches(&text) && two.matches(&text)
            }));
            prop_assert_eq!(one.overlaps(&two), shared, "{} {}", a, b);
        }
    }
}
