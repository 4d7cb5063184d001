//! Reads whole text files, and writes new files.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use super::exit::CommandFailure;
use crate::codec::Mapping;
use crate::replay::input_file::STDIN;
use crate::text::SourceFile;

/// Bytes of a text file, at most.
pub(super) const TEXT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Some editors write it at the start of a file; it is not part of the text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text file.
pub(super) fn read_text(path: &Path) -> Result<SourceFile, CommandFailure> {
    let shown = path.display().to_string();
    let failed =
        |error: &dyn std::fmt::Display| CommandFailure::bad_input(format!("{shown}: {error}"));
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    // Reads one byte more than allowed, so that a file of exactly the limit is accepted.
    file.take(TEXT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > TEXT_BYTES_MAX {
        return Err(failed(&format!("larger than {TEXT_BYTES_MAX} bytes")));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| failed(&"not UTF-8 text"))?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    Ok(SourceFile { path: shown, text })
}

/// Reads and compiles a jq program.
pub(super) fn read_mapping(path: &Path) -> Result<Mapping, CommandFailure> {
    let file = read_text(path)?;
    Mapping::compile(&file.path, &file.text)
        .map_err(|problem| CommandFailure::bad_input(problem.to_string()))
}

/// Writes a new file and flushes it to the disk; on an error no file is left.
pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CommandFailure> {
    use std::os::unix::fs::OpenOptionsExt;
    if path.as_os_str() == STDIN {
        return Err(CommandFailure::bad_input(
            "`-` is no file to write; name one",
        ));
    }
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            CommandFailure::bad_input(format!("{shown}: exists already and is not overwritten"))
        }
        io::ErrorKind::NotFound => CommandFailure::bad_input(format!("{shown}: {error}")),
        _ => CommandFailure::at_runtime(format!("{shown}: {error}")),
    })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // A partial file would block the next attempt.
        let _ = std::fs::remove_file(path);
        CommandFailure::at_runtime(format!("{shown}: {error}"))
    })
}
