//! Files read whole, and files written once.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use super::exit::Failure;
use crate::codec::Mapping;
use crate::replay::input_file::STDIN;
use crate::text::SourceFile;

/// Bytes of a text file that is read whole.
pub(super) const TEXT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What some editors put before a text; it is no part of it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text file.
pub(super) fn read_text(path: &Path) -> Result<SourceFile, Failure> {
    let shown = path.display().to_string();
    let failed = |error: &dyn std::fmt::Display| Failure::input(format!("{shown}: {error}"));
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells too long a file from one that just fits.
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
pub(super) fn read_mapping(path: &Path) -> Result<Mapping, Failure> {
    let file = read_text(path)?;
    Mapping::compile(&file.path, &file.text).map_err(|problem| Failure::input(problem.to_string()))
}

/// Writes a file that must not exist yet, whole and on disk, or not at all.
pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    if path.as_os_str() == STDIN {
        return Err(Failure::input("`-` is no file to write; name one"));
    }
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::input(format!("{shown}: exists already and is not overwritten"))
        }
        io::ErrorKind::NotFound => Failure::input(format!("{shown}: {error}")),
        _ => Failure::runtime(format!("{shown}: {error}")),
    })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a file would be in the way of the next try.
        let _ = std::fs::remove_file(path);
        Failure::runtime(format!("{shown}: {error}"))
    })
}
