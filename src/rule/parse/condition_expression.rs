//! The language of conditions: `selection and not 1 of filter_*`. `not` binds closest, then `and`,
//! then `or`; the words are in lower case.

use crate::rule::limits::CONDITION_DEPTH_MAX;
use crate::text::GlobPattern;

/// A condition as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression<'t> {
    All(Vec<Expression<'t>>),
    Any(Vec<Expression<'t>>),
    Not(Box<Expression<'t>>),
    Selection(Word<'t>),
    /// `1 of filter_*`.
    Selections(SelectionCount, Word<'t>),
}

/// How many of the selections of a pattern must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SelectionCount {
    All,
    AtLeast(u32),
}

/// A word and the index of its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'t> {
    pub text: &'t str,
    pub at: usize,
}

/// Why a text is no condition, and at which character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConditionFault {
    pub at: usize,
    pub message: String,
    pub help: Option<String>,
}

impl Word<'_> {
    /// Whether a selection of this name is one of `1 of WORD`. A name that begins with `_` is not
    /// one of `them`.
    pub(super) fn includes_selection(&self, name: &str) -> bool {
        match self.text {
            "them" => !name.starts_with('_'),
            pattern => GlobPattern::new(pattern).matches(name),
        }
    }

    /// Whether this is `keyword` in another case.
    fn is_miswritten(&self, keyword: &str) -> bool {
        self.text != keyword && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether this joins two operands, in any case, or ends one.
    fn is_operator(&self) -> bool {
        let is = |keyword| self.text.eq_ignore_ascii_case(keyword);
        is("and") || is("or") || self.text == ")"
    }
}

/// Reads a condition.
pub(super) fn parse_expression(text: &str) -> Result<Expression<'_>, ConditionFault> {
    let mut parser = ExpressionParser {
        words: split_words(text)?,
        next: 0,
        end: text.chars().count(),
    };
    let expression = parser.read_alternatives(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(word) => Err(parser.unexpected(Some(word), "`and`, `or` or the end")),
    }
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '*')
}

fn split_words(text: &str) -> Result<Vec<Word<'_>>, ConditionFault> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (at, (byte, character)) in text.char_indices().chain([(text.len(), ' ')]).enumerate() {
        if is_word_character(character) {
            open.get_or_insert((at, byte));
            continue;
        }
        if let Some((start, from)) = open.take() {
            let text = text.get(from..byte).unwrap_or_default();
            words.push(Word { text, at: start });
        }
        match character {
            '(' | ')' => {
                let text = text.get(byte..=byte).unwrap_or_default();
                words.push(Word { text, at });
            }
            _ if character.is_whitespace() => {}
            _ => {
                let help = match character {
                    '&' => Some("write `and`"),
                    '|' => Some("write `or`"),
                    '!' => Some("write `not`"),
                    _ => None,
                };
                return Err(ConditionFault {
                    at,
                    message: format!("not a condition: `{character}` has no meaning here"),
                    help: help.map(str::to_owned),
                });
            }
        }
    }
    Ok(words)
}

struct ExpressionParser<'t> {
    words: Vec<Word<'t>>,
    next: usize,
    /// Characters of the text.
    end: usize,
}

impl<'t> ExpressionParser<'t> {
    fn peek(&self) -> Option<Word<'t>> {
        self.words.get(self.next).copied()
    }

    fn next_is(&self, text: &str) -> bool {
        self.peek().is_some_and(|word| word.text == text)
    }

    fn read_alternatives(&mut self, depth: usize) -> Result<Expression<'t>, ConditionFault> {
        let mut parts = vec![self.read_conjunction(depth)?];
        while self.next_operator("or")? {
            parts.push(self.read_conjunction(depth)?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn read_conjunction(&mut self, depth: usize) -> Result<Expression<'t>, ConditionFault> {
        let mut parts = vec![self.read_operand(depth)?];
        while self.next_operator("and")? {
            parts.push(self.read_operand(depth)?);
        }
        Ok(one_or(parts, Expression::All))
    }

    /// Goes behind the operator if it is next.
    fn next_operator(&mut self, operator: &str) -> Result<bool, ConditionFault> {
        let Some(word) = self.peek() else {
            return Ok(false);
        };
        if word.is_miswritten(operator) {
            return Err(miswritten(word, operator));
        }
        let found = word.text == operator;
        self.next += usize::from(found);
        Ok(found)
    }

    fn read_operand(&mut self, depth: usize) -> Result<Expression<'t>, ConditionFault> {
        let word = self.peek();
        let Some(word) = word.filter(|word| !matches!(word.text, ")" | "and" | "or" | "of")) else {
            return Err(self.unexpected(word, "the name of a selection"));
        };
        if depth == CONDITION_DEPTH_MAX {
            return Err(ConditionFault {
                at: word.at,
                message: format!(
                    "the condition is nested deeper than {CONDITION_DEPTH_MAX} levels"
                ),
                help: None,
            });
        }
        self.next += 1;
        let follows = self.peek();
        match word.text {
            "not" => {
                let inner = self.read_operand(depth + 1)?;
                Ok(Expression::Not(Box::new(inner)))
            }
            "(" => {
                let inner = self.read_alternatives(depth + 1)?;
                if !self.next_is(")") {
                    return Err(self.unexpected(self.peek(), "`and`, `or` or `)`"));
                }
                self.next += 1;
                Ok(inner)
            }
            _ => match follows {
                Some(of) if of.text.eq_ignore_ascii_case("of") => self.read_selections(word, of),
                // `NOT filter`: no operator stands between two names.
                Some(next) if word.is_miswritten("not") && !next.is_operator() => {
                    Err(miswritten(word, "not"))
                }
                _ => Ok(Expression::Selection(word)),
            },
        }
    }

    /// Reads `of PATTERN` behind a count.
    fn read_selections(
        &mut self,
        count: Word<'t>,
        of: Word<'t>,
    ) -> Result<Expression<'t>, ConditionFault> {
        for (word, keyword) in [(count, "all"), (count, "any"), (of, "of")] {
            if word.is_miswritten(keyword) {
                return Err(miswritten(word, keyword));
            }
        }
        let selections = match (count.text, count.text.parse()) {
            ("all", _) => SelectionCount::All,
            ("any", _) => SelectionCount::AtLeast(1),
            (_, Ok(number)) => SelectionCount::AtLeast(number),
            (_, Err(_)) => return Err(self.unexpected(Some(count), "`1`, `any` or `all`")),
        };
        self.next += 1;
        let pattern = self.peek();
        let Some(pattern) = pattern.filter(|word| !matches!(word.text, "(" | ")")) else {
            return Err(self.unexpected(pattern, "`them` or names with `*`"));
        };
        if pattern.is_miswritten("them") {
            return Err(miswritten(pattern, "them"));
        }
        self.next += 1;
        Ok(Expression::Selections(selections, pattern))
    }

    fn unexpected(&self, found: Option<Word<'_>>, expected: &str) -> ConditionFault {
        let (at, found) = match found {
            Some(word) => (word.at, format!("`{}`", word.text)),
            None => (self.end, "the end".to_owned()),
        };
        ConditionFault {
            at,
            message: format!("not a condition: expected {expected}, found {found}"),
            help: None,
        }
    }
}

fn miswritten(word: Word<'_>, keyword: &str) -> ConditionFault {
    ConditionFault {
        at: word.at,
        message: format!(
            "not a condition: `{}` must be written in lower case",
            word.text
        ),
        help: Some(format!("write `{keyword}`")),
    }
}

fn one_or<'t>(
    mut parts: Vec<Expression<'t>>,
    several: fn(Vec<Expression<'t>>) -> Expression<'t>,
) -> Expression<'t> {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => several(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(expression: &Expression<'_>) -> String {
        let join = |parts: &[Expression<'_>], operator: &str| {
            let shown: Vec<String> = parts.iter().map(show).collect();
            format!("({})", shown.join(operator))
        };
        match expression {
            Expression::All(parts) => join(parts, " & "),
            Expression::Any(parts) => join(parts, " | "),
            Expression::Not(inner) => format!("!{}", show(inner)),
            Expression::Selection(word) => word.text.to_owned(),
            Expression::Selections(SelectionCount::All, word) => format!("all:{}", word.text),
            Expression::Selections(SelectionCount::AtLeast(n), word) => {
                format!("{n}:{}", word.text)
            }
        }
    }

    #[test]
    fn not_binds_before_and_and_and_before_or() {
        for (text, expected) in [
            ("a", "a"),
            ("a and b or c and not d", "((a & b) | (c & !d))"),
            ("a or b and c or d", "(a | (b & c) | d)"),
            ("not a and b", "(!a & b)"),
            ("not (a and\n b)", "!(a & b)"),
            ("not not a", "!!a"),
            ("1 of s_* and all of them", "(1:s_* & all:them)"),
            ("any of s-1* or b", "(1:s-1* | b)"),
            ("2 of them", "2:them"),
            ("android or nota and origin", "(android | (nota & origin))"),
            ("all", "all"),
            ("NOT", "NOT"),
            ("NOT and b", "(NOT & b)"),
        ] {
            let expression = parse_expression(text).expect(text);
            assert_eq!(show(&expression), expected, "{text}");
        }
    }

    #[test]
    fn a_fault_names_its_character_and_says_what_is_right() {
        for (text, at, message, help) in [
            ("a AND b", 2, "`AND` must be written in lower case", "`and`"),
            ("é Or b", 2, "`Or` must be", "`or`"),
            ("NOT a", 0, "`NOT` must be", "`not`"),
            ("a and NOT (b)", 6, "`NOT` must be", "`not`"),
            ("1 OF them", 2, "`OF` must be", "`of`"),
            ("ALL of them", 0, "`ALL` must be", "`all`"),
            ("1 of THEM", 5, "`THEM` must be", "`them`"),
            ("a && b", 2, "`&` has no meaning", "`and`"),
            ("!a", 0, "`!` has no meaning", "`not`"),
            ("a b", 2, "expected `and`, `or` or the end, found `b`", ""),
            ("a and", 5, "found the end", ""),
            ("", 0, "expected the name of a selection", ""),
            ("(a", 2, "or `)`, found the end", ""),
            ("a)", 1, "found `)`", ""),
            ("()", 1, "found `)`", ""),
            ("some of them", 0, "expected `1`, `any` or `all`", ""),
            ("1 of", 4, "expected `them`", ""),
            ("a or or b", 5, "found `or`", ""),
        ] {
            let fault = parse_expression(text).expect_err(text);
            assert_eq!(fault.at, at, "{text}: {fault:?}");
            assert!(fault.message.contains(message), "{text}: {fault:?}");
            assert!(fault.help.unwrap_or_default().contains(help), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        for (open, close) in [("(", ")"), ("not ", "")] {
            let nested = |levels| format!("{}a{}", open.repeat(levels), close.repeat(levels));
            assert!(parse_expression(&nested(CONDITION_DEPTH_MAX - 1)).is_ok());
            let fault = parse_expression(&nested(100_000)).expect_err(open);
            assert!(fault.message.contains("nested deeper"), "{fault:?}");
        }
    }
}
