//! Shows every committed alert on the screen, and adds it to the score.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::demo::score::ALERTS_MAX;
use crate::demo::{AlertScorer, AlertView, DemoScreen};
use crate::engine::outcome::TaskOutcome;
use crate::engine::{Engine, OutcomeObserver};
use crate::response::{Alert, AlertActivity};

/// The alerts of the pipeline, in order of their commits.
pub(super) struct CommittedAlerts(Receiver<Box<Alert>>);

impl CommittedAlerts {
    /// Makes `engine` send the alerts of every committed transaction to the returned receiver.
    pub(super) fn observe_engine(engine: Engine) -> (Engine, CommittedAlerts) {
        // The capacity equals the most alerts that the score stores, so that a slow screen never
        // makes a worker wait.
        let (sender, receiver) = sync_channel(ALERTS_MAX);
        let observer = OutcomeObserver(Box::new(move |outcomes| {
            for outcome in outcomes {
                if let TaskOutcome::Alert { alert, .. } = outcome {
                    // After the demo there is no receiver any more.
                    let _ = sender.try_send(alert.clone());
                }
            }
        }));
        (engine.with_observer(observer), CommittedAlerts(receiver))
    }
}

/// Shows alerts on the screen and adds them to the score.
pub(super) struct AlertDisplay {
    alerts: CommittedAlerts,
    /// Rule id to the last folder and name of the rule's file, without extension.
    slugs: BTreeMap<String, String>,
}

impl AlertDisplay {
    pub(super) fn new(alerts: CommittedAlerts, engine: &Engine) -> Self {
        let rules = engine.rules();
        let slugs = rules.bundle.rules.iter().map(|rule| {
            let path = rule.path.trim_end_matches(".yaml");
            let mut folders = path.rsplit('/').take(2).collect::<Vec<_>>();
            folders.reverse();
            (rule.id.to_string(), folders.join("/"))
        });
        AlertDisplay {
            alerts,
            slugs: slugs.collect(),
        }
    }

    /// Shows the alerts that arrive within `wait`.
    pub(super) fn show_alerts(
        &self,
        wait: Duration,
        score: &mut AlertScorer,
        screen: &mut DemoScreen<std::io::Stdout>,
    ) {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.alerts.0.recv_timeout(left) {
                Ok(alert) => self.show_alert(&alert, score, screen),
                Err(_) => return,
            }
        }
    }

    fn show_alert(
        &self,
        alert: &Alert,
        score: &mut AlertScorer,
        screen: &mut DemoScreen<std::io::Stdout>,
    ) {
        if matches!(alert.activity, AlertActivity::Close(_)) {
            return;
        }
        let slug = |id: &str| self.slugs.get(id).map_or(id, String::as_str).to_owned();
        let rule = slug(&alert.rule.id);
        let also: Vec<String> = alert.also.iter().map(|rule| slug(&rule.id)).collect();
        let also: Vec<&str> = also.iter().map(String::as_str).collect();
        let event_ids: Vec<&str> = alert.event_ids.iter().map(|id| id.as_str()).collect();
        let view = AlertView {
            rule: &rule,
            also: &also,
            tenant: &alert.tenant,
            agent_id: &alert.agent_id,
            event_ids: &event_ids,
            at_ms: alert.time_ms,
            severity: alert.severity.as_str(),
            message: &alert.message,
        };
        score.add_alert(&view);
        // If standard output is closed, the score is still complete.
        let _ = screen.show_alert(&view);
    }
}
