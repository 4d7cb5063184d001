//! The files that a replay writes. None of them may be an input file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::replay::input_file::STDIN;

use super::{ReplayError, ReplayOptions};

/// The path that means standard output.
const STDOUT: &str = "-";

/// An open output file.
pub(super) struct OutputFile {
    path: String,
    writer: BufWriter<Box<dyn Write>>,
}

impl OutputFile {
    pub(super) fn create(path: &Path) -> Result<Self, ReplayError> {
        let name = path.display().to_string();
        let out: Box<dyn Write> = if name == STDOUT {
            Box::new(io::stdout())
        } else {
            let failed = |source| ReplayError::Output {
                path: name.clone(),
                source,
            };
            Box::new(File::create(path).map_err(failed)?)
        };
        Ok(OutputFile {
            path: name,
            writer: BufWriter::new(out),
        })
    }

    pub(super) fn write_line(&mut self, value: &[u8]) -> Result<(), ReplayError> {
        let written = self.writer.write_all(value);
        let written = written.and_then(|()| self.writer.write_all(b"\n"));
        written.map_err(|source| self.output_error(source))
    }

    pub(super) fn flush(&mut self) -> Result<(), ReplayError> {
        let flushed = self.writer.flush();
        flushed.map_err(|source| self.output_error(source))
    }

    fn output_error(&self, source: io::Error) -> ReplayError {
        ReplayError::Output {
            path: self.path.clone(),
            source,
        }
    }
}

/// Two paths with equal identity are one file.
#[derive(PartialEq, Eq)]
enum FileIdentity {
    Stdout,
    /// Device number and inode number.
    File(u64, u64),
    /// A file that does not exist yet: real path of its folder, and its name.
    New(PathBuf),
}

/// Rejects options that would overwrite a file that is read or written, or would read standard
/// input twice.
pub(super) fn check_paths(options: &ReplayOptions) -> Result<(), ReplayError> {
    let from_stdin = options
        .input_paths()
        .filter(|path| path.as_os_str() == STDIN);
    if from_stdin.count() > 1 {
        let message = "standard input (`-`) is given twice: it can be read once";
        return Err(ReplayError::Arguments(message.to_owned()));
    }
    let inputs = options
        .input_paths()
        .chain(options.kept.iter().map(PathBuf::as_path))
        .filter(|path| path.as_os_str() != STDIN);
    let mut claimed: Vec<(&Path, FileIdentity, bool)> = inputs
        .filter_map(|path| Some((path, file_identity(path)?, true)))
        .collect();
    for path in options.output_paths().into_iter().flatten() {
        let own = if path.as_os_str() == STDOUT {
            Some(FileIdentity::Stdout)
        } else {
            file_identity(path)
        };
        let Some(own) = own else { continue };
        if let Some((other, _, read)) = claimed.iter().find(|(_, claimed, _)| *claimed == own) {
            let (shown, other) = (path.display(), other.display());
            return Err(ReplayError::Arguments(if *read {
                format!("{shown}: would overwrite {other}, which is read")
            } else {
                format!("{shown}: is written already, as {other}; give each output its own file")
            }));
        }
        claimed.push((path, own, false));
    }
    Ok(())
}

/// The identity of a path. `None` if it is not a regular file: `/dev/null` can be written twice.
fn file_identity(path: &Path) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt;
    match std::fs::metadata(path) {
        Ok(found) => found
            .is_file()
            .then(|| FileIdentity::File(found.dev(), found.ino())),
        Err(_) => {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
            Some(FileIdentity::New(folder.join(path.file_name()?)))
        }
    }
}
