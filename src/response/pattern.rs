//! A glob of the never-revoke list: `*` any run of characters, `?` one, case-sensitive.

/// A pattern; matching takes time linear in the text for each `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<char>);

impl Pattern {
    pub(super) fn new(text: &str) -> Pattern {
        Pattern(text.chars().collect())
    }

    /// Greedy with one point to return to: the last `*` seen.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text.chars());
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let here = rest.clone();
            match (self.0.get(at), rest.next()) {
                (Some('*'), _) => {
                    at += 1;
                    rest = here.clone();
                    retry = Some((at, here));
                    continue;
                }
                (None, None) => return true,
                (Some(&wanted), Some(got)) if wanted == '?' || wanted == got => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
            // No match from here: let the last `*` take one character more.
            let Some((after, mut from)) = retry.take() else {
                return false;
            };
            if from.next().is_none() {
                return false;
            }
            (at, rest) = (after, from.clone());
            retry = Some((after, from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_any_run_and_question_marks_one_character() {
        for (pattern, text, expected) in [
            ("ops-*", "ops-1/x", true),
            ("*-ops", "a-ops-ops", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxb", true),
            ("*a*b", "xbxa", false),
            ("", "", true),
            ("", "a", false),
            ("Ops", "ops", false),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
