//! Shows every committed alert on the screen and gives it to the score.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::demo::score::ALERTS_MAX;
use crate::demo::{AlertView, Score, Screen};
use crate::engine::outcome::TaskOutcome;
use crate::engine::{Engine, OutcomeObserver};
use crate::response::{Alert, AlertActivity};

/// The alerts of the pipeline, as its transactions are committed.
pub(super) struct CommittedAlerts(Receiver<Box<Alert>>);

impl CommittedAlerts {
    /// Lets `engine` pass on the alerts of every commit that is through.
    pub(super) fn of(engine: Engine) -> (Engine, CommittedAlerts) {
        // The channel holds as many alerts as the score takes, so that no worker waits for the
        // screen.
        let (sender, receiver) = sync_channel(ALERTS_MAX);
        let observer = OutcomeObserver(Box::new(move |outcomes| {
            for outcome in outcomes {
                if let TaskOutcome::Alert { alert, .. } = outcome {
                    // When the demo is over, nobody receives any more.
                    let _ = sender.try_send(alert.clone());
                }
            }
        }));
        (engine.with_observer(observer), CommittedAlerts(receiver))
    }
}

/// Takes the alerts to the screen and the score.
pub(super) struct Observer {
    alerts: CommittedAlerts,
    /// Rule id to the name of its file, without folder root and extension.
    slugs: BTreeMap<String, String>,
}

impl Observer {
    pub(super) fn new(alerts: CommittedAlerts, engine: &Engine) -> Self {
        let rules = engine.rules();
        let slugs = rules.bundle.rules.iter().map(|rule| {
            let path = rule.path.trim_end_matches(".yaml");
            let mut folders = path.rsplit('/').take(2).collect::<Vec<_>>();
            folders.reverse();
            (rule.id.to_string(), folders.join("/"))
        });
        Observer {
            alerts,
            slugs: slugs.collect(),
        }
    }

    /// Shows the alerts that arrive within `wait`.
    pub(super) fn look(
        &self,
        wait: Duration,
        score: &mut Score,
        screen: &mut Screen<std::io::Stdout>,
    ) {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.alerts.0.recv_timeout(left) {
                Ok(alert) => self.show(&alert, score, screen),
                Err(_) => return,
            }
        }
    }

    fn show(&self, alert: &Alert, score: &mut Score, screen: &mut Screen<std::io::Stdout>) {
        if matches!(alert.activity, AlertActivity::Close(_)) {
            return;
        }
        let slug = |id: &str| self.slugs.get(id).map_or(id, String::as_str).to_owned();
        let rule = slug(&alert.rule.id);
        let also: Vec<String> = alert.also.iter().map(|id| slug(id)).collect();
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
        score.alert(&view);
        // A closed stdout ends the show, not the score.
        let _ = screen.alert(&view);
    }
}
