//! A Rust file with code, comments and texts told apart, and test code marked.
//!
//! A lexer, not a parser: it knows comments, texts, characters and braces, which is all that the
//! checks need.

/// One line, in parts.
#[derive(Debug, Default, Clone)]
pub struct Line {
    pub raw: String,
    /// The line with comments and the insides of texts blanked.
    pub code: String,
    pub comment: String,
    /// Compiled for tests only.
    pub test: bool,
    /// How many inline `mod name {` the line stands in.
    pub inline_modules: usize,
}

/// One file.
#[derive(Debug)]
pub struct Source {
    /// Relative to the root, with `/`.
    pub path: String,
    pub lines: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    LineComment,
    BlockComment(usize),
    Text,
    /// With this many `#`.
    RawText(usize),
}

impl Source {
    pub fn parse(path: &str, text: &str) -> Self {
        let mut source = Source {
            path: path.to_owned(),
            lines: split(text),
        };
        source.mark();
        source
    }

    /// The room: `src/<room>/…`.
    pub fn room(&self) -> Option<&str> {
        let (room, _) = self.path.strip_prefix("src/")?.split_once('/')?;
        Some(room)
    }

    /// Lines with their 1-based number.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines
            .iter()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The `//!` lines the file opens with.
    pub fn header(&self) -> String {
        let header = self
            .lines
            .iter()
            .map_while(|line| line.raw.strip_prefix("//!"));
        header.collect::<Vec<_>>().join("\n")
    }

    /// The modules in files of their own that the file declares for tests only, as paths without
    /// `.rs`: `src/scope/testing`.
    pub fn test_modules(&self) -> Vec<String> {
        let folder = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let declared = self
            .lines
            .iter()
            .filter(|line| line.test)
            .filter_map(|line| {
                let (before, after) = line.code.split_once("mod ")?;
                let name = after.trim_end().strip_suffix(';')?;
                (before.is_empty() || before.starts_with("pub")).then(|| format!("{folder}/{name}"))
            });
        declared.collect()
    }

    /// Marks every line as compiled for tests only.
    pub fn mark_as_test(&mut self) {
        for line in &mut self.lines {
            line.test = true;
        }
    }

    /// A complaint about a line.
    pub fn complain(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    /// Marks test code and inline modules by following the braces.
    fn mark(&mut self) {
        let whole = self.path.starts_with("tests/")
            || self.path.starts_with("benches/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/");
        let mut depth = 0_usize;
        let mut test_until: Option<usize> = None;
        let mut pending = false;
        let mut modules: Vec<usize> = Vec::new();
        for line in &mut self.lines {
            let code = line.code.trim().to_owned();
            pending |= is_test_attribute(&code);
            line.test = whole || pending || test_until.is_some();
            line.inline_modules = modules.len();
            let opens_module = code.contains("mod ") && code.ends_with('{');
            for c in code.chars() {
                match c {
                    '{' => {
                        if pending && test_until.is_none() {
                            test_until = Some(depth);
                        }
                        pending = false;
                        depth += 1;
                    }
                    '}' => {
                        depth = depth.saturating_sub(1);
                        test_until = test_until.filter(|until| depth > *until);
                        modules.retain(|opened| depth > *opened);
                    }
                    ';' => pending = false,
                    _ => {}
                }
            }
            if opens_module {
                modules.push(depth.saturating_sub(1));
            }
        }
    }
}

/// Marks the files that another file declares for tests only, and what is below them.
pub fn mark_test_modules(sources: &mut [Source]) {
    let modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in sources {
        let inside = |module: &String| {
            source
                .path
                .strip_prefix(module.as_str())
                .is_some_and(|rest| rest.starts_with(['.', '/']))
        };
        if modules.iter().any(inside) {
            source.mark_as_test();
        }
    }
}

fn is_test_attribute(code: &str) -> bool {
    let cfg = code.starts_with("#[cfg(") && !code.contains("not(test");
    let word = code.contains("(test)") || code.contains("(test,") || code.contains(" test)");
    code.starts_with("#[test]") || (cfg && word && !code.contains("any("))
}

/// Splits a text into lines with code and comments apart.
fn split(text: &str) -> Vec<Line> {
    let mut state = State::Code;
    let mut lines = Vec::new();
    for raw in text.lines() {
        let mut line = Line {
            raw: raw.to_owned(),
            ..Line::default()
        };
        let chars: Vec<char> = raw.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            at += step(&chars, at, &mut state, &mut line);
        }
        if state == State::LineComment {
            state = State::Code;
        }
        lines.push(line);
    }
    lines
}

/// Takes what stands at `at`; gives how many characters that was.
fn step(chars: &[char], at: usize, state: &mut State, line: &mut Line) -> usize {
    let c = chars[at];
    let next = chars.get(at + 1).copied().unwrap_or(' ');
    match *state {
        State::LineComment => {
            line.comment.push(c);
            1
        }
        State::BlockComment(depth) => {
            line.comment.push(c);
            match (c, next) {
                ('*', '/') if depth == 1 => *state = State::Code,
                ('*', '/') => *state = State::BlockComment(depth - 1),
                ('/', '*') => *state = State::BlockComment(depth + 1),
                _ => return 1,
            }
            2
        }
        State::Text => match c {
            '\\' => 2,
            '"' => {
                line.code.push('"');
                *state = State::Code;
                1
            }
            _ => 1,
        },
        State::RawText(hashes) => {
            let closes = c == '"'
                && chars[at + 1..]
                    .iter()
                    .take(hashes)
                    .filter(|c| **c == '#')
                    .count()
                    == hashes;
            if closes {
                line.code.push('"');
                *state = State::Code;
                return 1 + hashes;
            }
            1
        }
        State::Code => code_step(chars, at, state, line),
    }
}

fn code_step(chars: &[char], at: usize, state: &mut State, line: &mut Line) -> usize {
    let c = chars[at];
    let next = chars.get(at + 1).copied().unwrap_or(' ');
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (c, next) {
        ('/', '/') => {
            *state = State::LineComment;
            2
        }
        ('/', '*') => {
            *state = State::BlockComment(1);
            2
        }
        ('"', _) => {
            line.code.push('"');
            *state = State::Text;
            1
        }
        ('r', '"' | '#') if !in_word || chars[at - 1] == 'b' => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if chars.get(at + 1 + hashes) == Some(&'"') {
                line.code.push('"');
                *state = State::RawText(hashes);
                return 2 + hashes;
            }
            line.code.push(c);
            1
        }
        ('\'', '\\') => {
            line.code.push_str("''");
            let end = chars[at + 3..].iter().position(|c| *c == '\'');
            end.map_or(chars.len() - at, |end| end + 4)
        }
        ('\'', _) if chars.get(at + 2) == Some(&'\'') => {
            line.code.push_str("''");
            3
        }
        _ => {
            line.code.push(c);
            1
        }
    }
}
