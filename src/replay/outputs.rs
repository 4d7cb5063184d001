//! The files that a replay writes, and that they are none of those it reads.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::replay::input_file::STDIN;

use super::source::files;
use super::{ReplayError, ReplayOptions};

/// Standard output, where a path is expected.
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

    pub(super) fn line(&mut self, value: &[u8]) -> Result<(), ReplayError> {
        let written = self.writer.write_all(value);
        let written = written.and_then(|()| self.writer.write_all(b"\n"));
        written.map_err(|source| self.failed(source))
    }

    pub(super) fn flush(&mut self) -> Result<(), ReplayError> {
        let flushed = self.writer.flush();
        flushed.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ReplayError {
        ReplayError::Output {
            path: self.path.clone(),
            source,
        }
    }
}

/// What makes two paths one file.
#[derive(PartialEq, Eq)]
enum Identity {
    Stdout,
    /// Device and number on it.
    File(u64, u64),
    /// Of a file yet to be made: its folder's real path and its name.
    New(PathBuf),
}

/// Refuses arguments by which a file would be overwritten while it is read or written, or
/// standard input be read twice.
pub(super) fn check(options: &ReplayOptions) -> Result<(), ReplayError> {
    let from_stdin = files(options).filter(|path| path.as_os_str() == STDIN);
    if from_stdin.count() > 1 {
        let message = "standard input (`-`) is given twice: it can be read once";
        return Err(ReplayError::Arguments(message.to_owned()));
    }
    let inputs = files(options)
        .chain(options.kept.iter().map(PathBuf::as_path))
        .filter(|path| path.as_os_str() != STDIN);
    let mut taken: Vec<(&Path, Identity, bool)> = inputs
        .filter_map(|path| Some((path, identity(path)?, true)))
        .collect();
    let outputs = [&options.alerts, &options.revocations, &options.dead_letters];
    for path in outputs.into_iter().flatten() {
        let own = if path.as_os_str() == STDOUT {
            Some(Identity::Stdout)
        } else {
            identity(path)
        };
        let Some(own) = own else { continue };
        if let Some((other, _, read)) = taken.iter().find(|(_, taken, _)| *taken == own) {
            let (shown, other) = (path.display(), other.display());
            return Err(ReplayError::Arguments(if *read {
                format!("{shown}: would overwrite {other}, which is read")
            } else {
                format!("{shown}: is written already, as {other}; give each output its own file")
            }));
        }
        taken.push((path, own, false));
    }
    Ok(())
}

/// `None` for what is no file, such as /dev/null: it can be written by many.
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    match std::fs::metadata(path) {
        Ok(found) => found
            .is_file()
            .then(|| Identity::File(found.dev(), found.ino())),
        Err(_) => {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
            Some(Identity::New(folder.join(path.file_name()?)))
        }
    }
}
