//! What the demo shows while it runs: one live line of numbers, and a readable line per alert.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::score::AlertView;

/// Without a terminal, numbers are shown this often.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The numbers of the live table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Wall time since the live part began.
    pub elapsed: Duration,
    /// Stream time, epoch ms.
    pub stream_ms: i64,
    /// Actions judged in the live part.
    pub actions: u64,
    /// Actions per wall second, lately.
    pub rate: f64,
    pub agents: u64,
    pub alerts: u64,
    /// Revocation requests, shadow plans included.
    pub requests: u64,
}

/// Alerts go to `out` (stdout), numbers to stderr.
#[derive(Debug)]
pub struct Screen<W: Write> {
    out: W,
    bar: Option<ProgressBar>,
    plain_next: Duration,
}

impl<W: Write> Screen<W> {
    /// A screen for `seconds` of demo; `terminal`: stderr is one.
    #[must_use]
    pub fn new(out: W, terminal: bool, seconds: u32) -> Self {
        let bar = terminal.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(8);
            let bar = ProgressBar::with_draw_target(Some(u64::from(seconds)), target);
            let style = ProgressStyle::with_template("{msg}\n{bar:40} {pos}/{len} s");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Screen {
            out,
            bar,
            plain_next: Duration::ZERO,
        }
    }

    /// Shows the numbers; without a terminal, a line every few seconds.
    pub fn stats(&mut self, stats: &Stats) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(stats.elapsed.as_secs());
                bar.set_message(table(stats));
            }
            None if stats.elapsed >= self.plain_next => {
                self.plain_next = stats.elapsed + PLAIN_EVERY;
                let line = line(stats);
                // Nobody is left to tell when stderr is gone.
                let _gone = writeln!(std::io::stderr(), "{line}");
            }
            None => {}
        }
    }

    /// Shows one alert.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn alert(&mut self, alert: &AlertView<'_>) -> std::io::Result<()> {
        let line = alert_line(alert);
        let out = &mut self.out;
        match &self.bar {
            Some(bar) => bar.suspend(|| writeln!(out, "{line}").and_then(|()| out.flush())),
            None => writeln!(out, "{line}").and_then(|()| out.flush()),
        }
    }

    /// Shows something else that belongs to the result, such as the final table.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn text(&mut self, text: &str) -> std::io::Result<()> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }
}

/// One alert on one line: when, how bad, who, which rule, why.
#[must_use]
pub fn alert_line(alert: &AlertView<'_>) -> String {
    let time = clock(alert.at_ms);
    let who = format!("{}/{}", alert.tenant, alert.agent_id);
    format!(
        "{time}  {:<8} {who:<24} {:<36} {}",
        alert.severity, alert.rule, alert.message
    )
}

fn table(stats: &Stats) -> String {
    format!(
        "stream time {}   agents {:>6}   actions {:>9}   {:>7.0}/s   alerts {:>5}   requests {:>4}",
        clock(stats.stream_ms),
        stats.agents,
        stats.actions,
        stats.rate,
        stats.alerts,
        stats.requests
    )
}

fn line(stats: &Stats) -> String {
    format!(
        "{:>4} s: stream time {}, {} agents, {} actions, {:.0}/s, {} alerts, {} requests",
        stats.elapsed.as_secs(),
        clock(stats.stream_ms),
        stats.agents,
        stats.actions,
        stats.rate,
        stats.alerts,
        stats.requests
    )
}

/// Weekday and time of a moment in UTC: `Tue 10:04:31`.
fn clock(at_ms: i64) -> String {
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
        Screen::new(&mut out, false, 60).alert(&alert).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("Tue 10:00:00  high"), "{text}");
        assert!(
            text.contains("acme/coding-7") && text.ends_with("is not granted\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
    }
}
