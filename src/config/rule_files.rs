//! Reads the files of a rules directory. The engine parses them.

use std::io;
use std::path::{Path, PathBuf};

use crate::text::{Diagnostic, SourceFile};

/// Files of a rules directory, at most.
pub const FILES_MAX: usize = 10_000;
/// Depth of folders below a rules directory.
const DEPTH_MAX: usize = 8;
/// Bytes of one file, at most.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why a rules directory could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ReadError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// The files of a rules directory, and the problems of those that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleFolder {
    pub files: Vec<SourceFile>,
    pub problems: Vec<Diagnostic>,
}

/// The files of `directory`.
///
/// # Errors
/// When a file or folder cannot be read, or there are too many.
pub fn read_rule_files(directory: &Path) -> Result<Vec<SourceFile>, ReadError> {
    let folder = open_rule_folder(directory)?;
    match folder.problems.into_iter().next() {
        None => Ok(folder.files),
        Some(problem) => Err(ReadError {
            path: problem.path.into(),
            source: io::Error::other(problem.message),
        }),
    }
}

/// The files of `directory`, and the problems of files that cannot be read as text.
///
/// # Errors
/// When a folder cannot be read, or there are too many files.
pub fn open_rule_folder(directory: &Path) -> Result<RuleFolder, ReadError> {
    let mut folder = RuleFolder::default();
    folder.read_directory(directory, directory, DEPTH_MAX)?;
    folder.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(folder)
}

/// Whether a path ends in `.yaml` or `.yml`, in any case.
#[must_use]
pub fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    })
}

impl RuleFolder {
    fn read_directory(
        &mut self,
        root: &Path,
        directory: &Path,
        depth: usize,
    ) -> Result<(), ReadError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| ReadError { path, source }
        };
        let entries = std::fs::read_dir(directory).map_err(failed(directory))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(failed(directory))?.path());
        }
        paths.sort();
        for path in paths {
            if path.is_dir() {
                if depth > 0 {
                    self.read_directory(root, &path, depth - 1)?;
                }
            } else if is_yaml(&path) {
                if self.files.len() == FILES_MAX {
                    let limit = io::Error::other(format!("more than {FILES_MAX} files"));
                    return Err(failed(&path)(limit));
                }
                self.read_rule_file(root, directory, &path);
            }
        }
        Ok(())
    }

    fn read_rule_file(&mut self, root: &Path, directory: &Path, path: &Path) {
        // The path below the root is part of the bundle; the root's parent is the user's choice.
        let name = path
            .strip_prefix(root.parent().unwrap_or(root))
            .unwrap_or(path);
        let mut file = SourceFile {
            path: name.display().to_string(),
            text: String::new(),
        };
        let problem = match text_of(path) {
            // Files at the root may be empty; one in a folder of rules or templates may not.
            Ok(text) if text.trim().is_empty() && directory != root => {
                "an empty file: expected a rule or a template".to_owned()
            }
            Ok(text) => {
                file.text = text;
                self.files.push(file);
                return;
            }
            Err(message) => message,
        };
        self.problems
            .push(Diagnostic::of_source(file.path, problem));
    }
}

/// The text of a file, without a byte order mark.
fn text_of(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(format!("more than {FILE_BYTES_MAX} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|b| **b == b'\n');
        format!("not UTF-8 text, in line {}", line.count() + 1)
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or(text.clone(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_file_hides_no_other_and_a_byte_order_mark_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("rules");
        std::fs::create_dir_all(root.join("scope")).unwrap();
        let put = |name: &str, bytes: &[u8]| std::fs::write(root.join(name), bytes).unwrap();
        put("scope/a.yaml", b"title: \xff\n");
        put("scope/b.YAML", b"\xef\xbb\xbftitle: x\n");
        put("scope/c.yml", b" \n");
        put("resources.yaml", b"");
        let folder = open_rule_folder(&root).unwrap();
        let read: Vec<_> = folder.files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(read, ["rules/resources.yaml", "rules/scope/b.YAML"]);
        assert_eq!(folder.files[1].text, "title: x\n");
        let messages: Vec<_> = folder.problems.iter().map(ToString::to_string).collect();
        assert!(
            messages[0].contains("rules/scope/a.yaml") && messages[0].contains("line 1"),
            "{messages:?}"
        );
        assert!(
            messages[1].contains("rules/scope/c.yml") && messages[1].contains("empty"),
            "{messages:?}"
        );
        assert!(read_error(&root).contains("a.yaml"));
    }

    fn read_error(root: &Path) -> String {
        read_rule_files(root).unwrap_err().to_string()
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = read_rule_files(Path::new("no/such/rules")).unwrap_err();
        assert!(error.to_string().starts_with("no/such/rules: "), "{error}");
    }
}
