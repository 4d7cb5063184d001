//! A progress bar over files, on a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Records between two updates of the bar.
const RECORDS_PER_STEP: u64 = 512;
/// Time between two redraws of the bar, milliseconds.
const TICK_MS: u64 = 200;

/// The progress of reading a file; draws nothing unless stderr is a terminal.
#[derive(Debug)]
pub(super) struct ReadProgress {
    bar: ProgressBar,
    records: u64,
}

impl ReadProgress {
    /// A bar for a file of `size_bytes`; a spinner for a pipe. `quiet` draws nothing: for
    /// commands that write their output to the same terminal.
    pub(super) fn new(name: &str, size_bytes: Option<u64>, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return ReadProgress {
                bar: ProgressBar::hidden(),
                records: 0,
            };
        }
        let (bar, template) = match size_bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{msg} {wide_bar} {bytes}/{total_bytes} {eta}",
            ),
            None => (ProgressBar::no_length(), "{msg} {spinner} {bytes}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(TICK_MS));
        ReadProgress { bar, records: 0 }
    }

    /// A counter of records, when their number is not known in advance.
    pub(super) fn counting_records(name: &str, quiet: bool) -> Self {
        let progress = Self::new(name, None, quiet);
        if let Ok(style) = ProgressStyle::with_template("{msg} {spinner} {human_pos} records") {
            progress.bar.set_style(style);
        }
        progress
    }

    /// Counts one record; calls `read_bytes` when the bar is updated.
    pub(super) fn count_record(&mut self, read_bytes: impl FnOnce() -> u64) {
        self.records += 1;
        if self.records.is_multiple_of(RECORDS_PER_STEP) {
            self.bar.set_position(read_bytes());
        }
    }

    /// Sets the number of records.
    pub(super) fn set_count(&self, records: u64) {
        self.bar.set_position(records);
    }

    /// Hides the bar while `print` runs.
    pub(super) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }
}

impl Drop for ReadProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
