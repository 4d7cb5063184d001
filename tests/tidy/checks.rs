//! Sizes and file headers.

use crate::source::Source;

pub const FILE_LINES_MAX: usize = 500;
pub const FUNCTION_LINES_MAX: usize = 70;
pub const LINE_CHARS_MAX: usize = 100;

/// Complaints about a missing header, a long file, long lines.
pub fn sizes(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    if source.header().trim().is_empty() {
        complaints.push(source.complain(1, "no `//!` line; open with what the file is for"));
    }
    let count = source.lines.len();
    if count > FILE_LINES_MAX {
        let what = format!("{count} lines, at most {FILE_LINES_MAX}; split it by idea");
        complaints.push(source.complain(FILE_LINES_MAX + 1, &what));
    }
    for (number, line) in source.numbered() {
        let chars = line.raw.chars().count();
        if chars > LINE_CHARS_MAX {
            let what = format!("{chars} columns, at most {LINE_CHARS_MAX}; break the line");
            complaints.push(source.complain(number, &what));
        }
    }
    complaints
}

/// Complaints about long functions, counted from `fn` to the closing brace.
pub fn functions(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in source.numbered() {
        let Some(name) = function_name(&line.code) else {
            continue;
        };
        let Some(count) = body_lines(source, number - 1) else {
            continue;
        };
        if count > FUNCTION_LINES_MAX {
            let what =
                format!("`{name}` has {count} lines, at most {FUNCTION_LINES_MAX}; name its parts");
            complaints.push(source.complain(number, &what));
        }
    }
    complaints
}

/// The name of the function that a line declares.
fn function_name(code: &str) -> Option<&str> {
    let code = code.trim_start();
    let (before, after) = code.split_once("fn ")?;
    let declares = before.split_whitespace().all(|word| {
        word.starts_with("pub")
            || word.ends_with(')')
            || matches!(word, "const" | "async" | "unsafe" | "extern" | "\"\"")
    });
    let end = after.find(['(', '<'])?;
    (declares && end > 0).then(|| &after[..end])
}

/// Lines from `first` to the brace that closes what opens there; `None` without a body.
fn body_lines(source: &Source, first: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (count, line) in source.lines[first..].iter().enumerate() {
        for c in line.code.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => return Some(count + 1),
                '}' => depth = depth.checked_sub(1)?,
                ';' if depth == 0 => return None,
                _ => {}
            }
        }
    }
    None
}
