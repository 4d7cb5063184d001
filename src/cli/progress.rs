//! A progress bar over files, where somebody watches.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Records between two looks at how far the reading is.
const RECORDS_PER_STEP: u64 = 512;
/// Redrawn this often while a record takes its time, milliseconds.
const TICK_MS: u64 = 200;

/// How far the reading of a file is; draws nothing unless stderr is a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    records: u64,
}

impl Progress {
    /// A bar for a file of `size_bytes`; a spinner for a pipe. `quiet` draws nothing at all: for
    /// commands whose own output runs over the same terminal.
    pub(super) fn new(name: &str, size_bytes: Option<u64>, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Progress {
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
        Progress { bar, records: 0 }
    }

    /// A count of records, of which nobody knows how many there will be.
    pub(super) fn counting(name: &str, quiet: bool) -> Self {
        let progress = Self::new(name, None, quiet);
        if let Ok(style) = ProgressStyle::with_template("{msg} {spinner} {human_pos} records") {
            progress.bar.set_style(style);
        }
        progress
    }

    /// One more record; `read_bytes` is asked now and then.
    pub(super) fn record(&mut self, read_bytes: impl FnOnce() -> u64) {
        self.records += 1;
        if self.records.is_multiple_of(RECORDS_PER_STEP) {
            self.bar.set_position(read_bytes());
        }
    }

    /// So many records are done.
    pub(super) fn at(&self, records: u64) {
        self.bar.set_position(records);
    }

    /// Runs `print` while the bar is out of the way.
    pub(super) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
