//! The output of the demo: a live line of numbers, and one line per alert.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::score::AlertView;

/// Interval of the numbers when standard error is not a terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The numbers of the live line.
#[derive(Debug, Clone, Copy, Default)]
pub struct LiveStats {
    /// Wall time since the live part began.
    pub elapsed: Duration,
    /// Stream time, epoch ms.
    pub stream_ms: i64,
    /// Actions judged in the live part.
    pub actions: u64,
    /// Actions per second of wall time since the last line.
    pub rate: f64,
    pub agents: u64,
    pub alerts: u64,
    /// Revocation requests, including shadow plans.
    pub requests: u64,
}

/// Alerts go to `out` (standard output), numbers to standard error.
#[derive(Debug)]
pub struct DemoScreen<W: Write> {
    out: W,
    bar: Option<ProgressBar>,
    plain_next: Duration,
}

impl<W: Write> DemoScreen<W> {
    /// A screen for a demo of `seconds`. `terminal`: whether standard error is a terminal.
    #[must_use]
    pub fn new(out: W, terminal: bool, seconds: u32) -> Self {
        let bar = terminal.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(8);
            let bar = ProgressBar::with_draw_target(Some(u64::from(seconds)), target);
            let style = ProgressStyle::with_template("{msg}\n{bar:40} {pos}/{len} s");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        DemoScreen {
            out,
            bar,
            plain_next: Duration::ZERO,
        }
    }

    /// Shows the numbers. Without a terminal, prints a line every few seconds.
    pub fn show_stats(&mut self, stats: &LiveStats) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(stats.elapsed.as_secs());
                bar.set_message(stats_table(stats));
            }
            None if stats.elapsed >= self.plain_next => {
                self.plain_next = stats.elapsed + PLAIN_EVERY;
                let line = stats_line(stats);
                // Standard error is closed; there is nowhere to report that.
                let _gone = writeln!(std::io::stderr(), "{line}");
            }
            None => {}
        }
    }

    /// Shows one alert.
    ///
    /// # Errors
    /// Writing to `out` fails.
    pub fn show_alert(&mut self, alert: &AlertView<'_>) -> std::io::Result<()> {
        let line = alert_line(alert);
        let out = &mut self.out;
        match &self.bar {
            Some(bar) => bar.suspend(|| writeln!(out, "{line}").and_then(|()| out.flush())),
            None => writeln!(out, "{line}").and_then(|()| out.flush()),
        }
    }

    /// Shows a text that belongs to the result, for example the final table.
    ///
    /// # Errors
    /// Writing to `out` fails.
    pub fn show_text(&mut self, text: &str) -> std::io::Result<()> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }
}

/// One alert in one line: time, severity, agent, rule, reason.
#[must_use]
pub fn alert_line(alert: &AlertView<'_>) -> String {
    let time = format_time(alert.at_ms);
    let who = format!("{}/{}", alert.tenant, alert.agent_id);
    format!(
        "{time}  {:<8} {who:<24} {:<36} {}",
        alert.severity, alert.rule, alert.message
    )
}

fn stats_table(stats: &LiveStats) -> String {
    format!(
        "stream time {}   agents {:>6}   actions {:>9}   {:>7.0}/s   alerts {:>5}   requests {:>4}",
        format_time(stats.stream_ms),
        stats.agents,
        stats.actions,
        stats.rate,
        stats.alerts,
        stats.requests
    )
}

fn stats_line(stats: &LiveStats) -> String {
    format!(
        "{:>4} s: stream time {}, {} agents, {} actions, {:.0}/s, {} alerts, {} requests",
        stats.elapsed.as_secs(),
        format_time(stats.stream_ms),
        stats.agents,
        stats.actions,
        stats.rate,
        stats.alerts,
        stats.requests
    )
}

/// Weekday and time in UTC: `Tue 10:04:31`.
fn format_time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map(|time| time.strftime("%a %H:%M:%S").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_one_line_with_its_reason() {
        let alert = AlertView {
            rule: "scope/verb-outside-grant",
            also: &[],
            tenant: "acme",
            agent_id: "coding-7",
            event_ids: &["e1"],
            at_ms: 1_767_693_600_000,
            severity: "high",
            message: "delete on code.file is not granted",
        };
        let mut out = Vec::new();
        DemoScreen::new(&mut out, false, 60)
            .show_alert(&alert)
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("Tue 10:00:00  high"), "{text}");
        assert!(
            text.contains("acme/coding-7") && text.ends_with("is not granted\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
    }
}
