//! What a rule compares a text with: words with Sigma's wildcards.
//!
//! A pattern covers the whole text; `contains`, `startswith` and `endswith` put [`Piece::Any`] at
//! its ends. Without `cased`, both sides are folded (see `case_folding`). `?` is exactly one
//! character of the text as the record has it, and no part of a character: folding makes two
//! characters of `ß`, and `?` takes both.
//!
//! A text is read at most once for each stretch between two stars, so a hostile text costs its
//! length times the length of the pattern and no more.

use std::borrow::Cow;

use super::case_folding::{fold_case, fold_character};

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rule) enum Piece {
    Literal(String),
    /// `?`: any one character, line ends included.
    One,
    /// `*`: any text, empty or over several lines.
    Any,
    /// One of the characters that begin an option on a command line (`windash`).
    Dash,
}

/// The characters that Sigma's `windash` takes as one: hyphen, slash, en dash, em dash and
/// horizontal bar.
pub(in crate::rule) const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rule) struct TextPattern {
    cased: bool,
    shape: PatternShape,
}

/// The shapes that nearly every pattern has, and the general one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternShape {
    Equal(String),
    Start(String),
    End(String),
    Inside(String),
    General(Stretches),
}

/// A pattern cut at its stars.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretches {
    /// Without `Any` and without empty literals.
    stretches: Vec<Vec<Piece>>,
    open_start: bool,
    open_end: bool,
    /// Whether a piece takes a character whatever it is: then the ends of characters matter.
    counts_characters: bool,
}

impl TextPattern {
    pub(in crate::rule) fn new(pieces: Vec<Piece>, cased: bool) -> Self {
        let pieces = normalise(pieces, cased);
        let shape = match pieces.as_slice() {
            [] => PatternShape::Equal(String::new()),
            [Piece::Literal(text)] => PatternShape::Equal(text.clone()),
            [Piece::Literal(text), Piece::Any] => PatternShape::Start(text.clone()),
            [Piece::Any, Piece::Literal(text)] => PatternShape::End(text.clone()),
            [Piece::Any, Piece::Literal(text), Piece::Any] => PatternShape::Inside(text.clone()),
            _ => PatternShape::General(Stretches::new(&pieces)),
        };
        TextPattern { cased, shape }
    }

    pub(in crate::rule) fn is_cased(&self) -> bool {
        self.cased
    }

    /// The word that the text must equal; folded, unless the pattern is cased.
    pub(in crate::rule) fn equal_word(&self) -> Option<&str> {
        match &self.shape {
            PatternShape::Equal(word) => Some(word),
            _ => None,
        }
    }

    /// What the text must contain, if that is all.
    pub(in crate::rule) fn substring(&self) -> Option<&str> {
        match &self.shape {
            PatternShape::Inside(part) => Some(part),
            _ => None,
        }
    }

    /// Whether `text` matches.
    pub(in crate::rule) fn matches(&self, text: &str) -> bool {
        if self.cased {
            self.matches_folded(text, text)
        } else {
            self.matches_folded(text, &fold_case(text))
        }
    }

    /// The same with the folded form of `text`, for a caller that has it already. A cased pattern
    /// does not look at it.
    pub(in crate::rule) fn matches_folded(&self, text: &str, folded: &str) -> bool {
        let compared = if self.cased { text } else { folded };
        match &self.shape {
            PatternShape::Equal(word) => compared == word,
            PatternShape::Start(word) => compared.starts_with(word.as_str()),
            PatternShape::End(word) => compared.ends_with(word.as_str()),
            PatternShape::Inside(word) => compared.contains(word.as_str()),
            PatternShape::General(stretches) => {
                let characters = if self.cased || text.is_ascii() || !stretches.counts_characters {
                    Characters::of_text(compared)
                } else {
                    Characters::of_folded(text)
                };
                stretches.matches(&characters)
            }
        }
    }
}

/// Joins literals, folds them unless the pattern is `cased`, and takes several stars as one.
fn normalise(pieces: Vec<Piece>, cased: bool) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (_, Piece::Literal(text)) if text.is_empty() => {}
            (Some(Piece::Literal(before)), Piece::Literal(text)) => before.push_str(&text),
            (Some(Piece::Any), Piece::Any) => {}
            (_, piece) => joined.push(piece),
        }
    }
    if !cased {
        for piece in &mut joined {
            if let Piece::Literal(text) = piece {
                *text = fold_case(text).into_owned();
            }
        }
    }
    joined
}

/// A text and where its characters begin and end. In a folded text these are the characters before
/// folding.
struct Characters<'t> {
    text: Cow<'t, str>,
    /// The start of each character and the end of the text; `None` when every `char` is one.
    bounds: Option<Vec<usize>>,
}

impl<'t> Characters<'t> {
    fn of_text(text: &'t str) -> Self {
        Characters {
            text: Cow::Borrowed(text),
            bounds: None,
        }
    }

    fn of_folded(text: &str) -> Self {
        let mut folded = String::with_capacity(text.len());
        let mut bounds = vec![0];
        for character in text.chars() {
            fold_character(character, &mut folded);
            bounds.push(folded.len());
        }
        Characters {
            text: Cow::Owned(folded),
            bounds: Some(bounds),
        }
    }

    fn rest(&self, from: usize) -> &str {
        self.text.get(from..).unwrap_or_default()
    }

    fn before(&self, to: usize) -> &str {
        self.text.get(..to).unwrap_or_default()
    }

    /// The end of the character that begins at `from`.
    fn next(&self, from: usize) -> Option<usize> {
        match &self.bounds {
            None => Some(from + self.rest(from).chars().next()?.len_utf8()),
            Some(bounds) => bounds.get(bounds.binary_search(&from).ok()? + 1).copied(),
        }
    }

    /// The start of the character that ends at `to`.
    fn previous(&self, to: usize) -> Option<usize> {
        match &self.bounds {
            None => Some(to - self.before(to).chars().next_back()?.len_utf8()),
            Some(bounds) => {
                let at = bounds.binary_search(&to).ok()?.checked_sub(1)?;
                bounds.get(at).copied()
            }
        }
    }
}

impl Stretches {
    fn new(pieces: &[Piece]) -> Self {
        Stretches {
            stretches: pieces
                .split(|piece| *piece == Piece::Any)
                .filter(|stretch| !stretch.is_empty())
                .map(<[Piece]>::to_vec)
                .collect(),
            open_start: pieces.first() == Some(&Piece::Any),
            open_end: pieces.last() == Some(&Piece::Any),
            counts_characters: pieces.contains(&Piece::One),
        }
    }

    /// The first stretch stands at the start unless a star is before it, the last one at the end
    /// unless a star is behind it. Each of the others is taken where it ends first: that leaves
    /// most of the text to those behind it.
    fn matches(&self, characters: &Characters<'_>) -> bool {
        let end = characters.text.len();
        let mut from = 0;
        let mut stretches = self.stretches.as_slice();
        if !self.open_start
            && let Some((first, rest)) = stretches.split_first()
        {
            let Some(to) = match_forwards(first, characters, 0) else {
                return false;
            };
            if rest.is_empty() {
                return self.open_end || to == end;
            }
            (from, stretches) = (to, rest);
        }
        let mut last_start = end;
        if !self.open_end
            && let Some((last, rest)) = stretches.split_last()
        {
            let Some(start) = match_backwards(last, characters, end) else {
                return false;
            };
            (last_start, stretches) = (start, rest);
        }
        for stretch in stretches {
            let Some(to) = find_stretch(stretch, characters, from) else {
                return false;
            };
            from = to;
        }
        from <= last_start
    }
}

/// The end of `stretch` if it begins at `from`.
fn match_forwards(stretch: &[Piece], characters: &Characters<'_>, from: usize) -> Option<usize> {
    stretch.iter().try_fold(from, |at, piece| match piece {
        Piece::Literal(text) => characters
            .rest(at)
            .starts_with(text.as_str())
            .then(|| at + text.len()),
        Piece::One => characters.next(at),
        Piece::Dash => {
            let first = characters.rest(at).chars().next()?;
            DASHES.contains(&first).then(|| at + first.len_utf8())
        }
        Piece::Any => None,
    })
}

/// The start of `stretch` if it ends at `to`.
fn match_backwards(stretch: &[Piece], characters: &Characters<'_>, to: usize) -> Option<usize> {
    stretch.iter().rev().try_fold(to, |at, piece| match piece {
        Piece::Literal(text) => characters
            .before(at)
            .ends_with(text.as_str())
            .then(|| at - text.len()),
        Piece::One => characters.previous(at),
        Piece::Dash => {
            let last = characters.before(at).chars().next_back()?;
            DASHES.contains(&last).then(|| at - last.len_utf8())
        }
        Piece::Any => None,
    })
}

/// The end of the first occurrence of `stretch` at or behind `from`.
fn find_stretch(stretch: &[Piece], characters: &Characters<'_>, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        if let Some(Piece::Literal(text)) = stretch.first() {
            at += characters.rest(at).find(text.as_str())?;
        }
        if let Some(to) = match_forwards(stretch, characters, at) {
            return Some(to);
        }
        at += characters.rest(at).chars().next()?.len_utf8();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str, cased: bool) -> TextPattern {
        let pieces = text.chars().map(|c| match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '~' => Piece::Dash,
            c => Piece::Literal(c.to_string()),
        });
        TextPattern::new(pieces.collect(), cased)
    }

    /// Each row: a pattern, with `~` for a dash; texts that match; texts that do not.
    const ROWS: &[(&str, &[&str], &[&str])] = &[
        ("", &[""], &["a"]),
        ("*", &["", "a\nb"], &[]),
        ("a*b", &["ab", "A\r\nB", "aabab"], &["a", "ba", "abc"]),
        (
            "a?b",
            &["a\nb", "A\u{df}B", "a\u{1f600}b", "a\u{2028}b"],
            &["ab", "assb"],
        ),
        ("stra?e", &["Stra\u{df}e", "STRA\u{1e9e}E"], &["STRASSE"]),
        (
            "strasse",
            &["Stra\u{df}e", "STRASSE", "\u{17f}tra\u{17f}\u{17f}e"],
            &["strase"],
        ),
        (
            "*?s",
            &["as", "\u{df}s", "aSS"],
            &["s", "\u{df}", "\u{df}\u{df}"],
        ),
        ("s?*", &["sa", "\u{17f}\u{df}"], &["s", "\u{df}"]),
        ("*\u{df}*", &["xSSx", "\u{1e9e}"], &["s s"]),
        ("??", &["\u{df}\u{df}", "\u{130}i"], &["\u{df}", "ssb"]),
        (
            "*a?c*a*c",
            &["abcac", "aXcabc", "--abc-a-c"],
            &["abca", "acac", "abc"],
        ),
        ("a*bc*bc", &["abcbc", "a bc bc"], &["abc"]),
        (
            "*~x",
            &["-x", "a/x", "\u{2013}x", "\u{2014}x", "\u{2015}x"],
            &["+x", "x", "\u{2212}x"],
        ),
        ("\u{3c3}", &["\u{3a3}", "\u{3c2}"], &["s"]),
        ("\u{fb01}n?", &["FINE", "\u{fb01}ne"], &["fin"]),
    ];

    #[test]
    fn texts_match_over_lines_and_whatever_their_case() {
        for (text, matching, others) in ROWS {
            let pattern = pattern(text, false);
            for text in *matching {
                assert!(pattern.matches(text), "{pattern:?} {text:?}");
            }
            for text in *others {
                assert!(!pattern.matches(text), "{pattern:?} {text:?}");
            }
        }
    }

    #[test]
    fn a_cased_pattern_compares_exactly() {
        assert!(pattern("a?B*", true).matches("a\u{df}Bc"));
        assert!(!pattern("a?B*", true).matches("a\u{df}bc"));
        assert!(!pattern("\u{df}", true).matches("ss"));
    }

    /// A text of 64 kB that nearly matches at every character.
    #[test]
    fn a_hostile_text_costs_its_length_times_the_pattern() {
        let text = "a".repeat(65_536);
        assert!(!pattern("*aaaaaaaa?aaaaaaab*aaaa?b*", false).matches(&text));
        assert!(!pattern("*a*a*a*a*a*a*a*a*a*a*b", false).matches(&text));
    }
}
