//! Starts the workers, watches them, and brings them down within a time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::error::WorkerError;
use super::raw::{RawInput, RawWorker};
use super::settings::{Delivery, GapPolicy, WorkerOptions};
use super::stats::Stats;
use super::topic_check::check_topics;
use super::topics::Topics;
use super::worker::Worker;
use crate::engine::contract::TaskFactory;
use crate::kafka::{ClientError, KafkaOptions, OffsetLookup, TopicAdmin};
use crate::store::Store;
use crate::telemetry::{TopicWarning, WorkerEnded, WorkerFailed};

/// Time for an orderly end, from the request to the return of [`supervise`].
pub const STOP_WITHIN: Duration = Duration::from_secs(10);
/// What of it is kept for flushing the store.
const FLUSH_RESERVE: Duration = Duration::from_secs(1);
/// Quiet time before a tick when nothing else is said.
pub const TICK_AFTER: Duration = Duration::from_secs(5);

/// A request to end, shared by everybody who has to hear of it.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    /// Set by the signal handler, where the process has one.
    signalled: Option<&'static AtomicBool>,
}

impl Stop {
    /// A request that nobody has made yet.
    #[must_use]
    pub fn new() -> Self {
        Stop::default()
    }

    /// One that a flag of the process can make too; see `run::signals`.
    #[must_use]
    pub fn with_flag(flag: &'static AtomicBool) -> Self {
        Stop {
            asked: Arc::default(),
            signalled: Some(flag),
        }
    }

    /// Makes the request.
    pub fn request(&self) {
        self.asked.store(true, Ordering::Release);
    }

    /// Whether it was made.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.asked.load(Ordering::Acquire)
            || self
                .signalled
                .is_some_and(|flag| flag.load(Ordering::Acquire))
    }
}

/// Everything a process of workers is told.
pub struct SupervisorOptions {
    pub kafka: KafkaOptions,
    pub topics: Topics,
    /// Worker threads, at least one.
    pub workers: usize,
    pub delivery: Delivery,
    pub gap: GapPolicy,
    pub tick_after: Duration,
    /// Foreign topics with their mappings.
    pub raw: Vec<RawInput>,
    /// Stream time of the actions is append time, so their topic must have LogAppendTime.
    pub append_time: bool,
    /// Compare the topics with what they have to be first. The mock cluster cannot answer that.
    pub check_topics: bool,
}

/// Runs the workers until `stop` is requested or one of them dies; the others are then stopped
/// too. Returns when all are down or [`STOP_WITHIN`] has passed; after an error the process should
/// exit with code 4.
///
/// # Errors
/// The first thing that went wrong.
pub fn supervise<F: TaskFactory>(
    options: SupervisorOptions,
    factory: Arc<F>,
    store: Arc<dyn Store>,
    stop: &Stop,
    stats: &Arc<Stats>,
) -> Result<(), WorkerError> {
    let partition_count = contact(&options)?;
    let lookup = OffsetLookup::start(&options.kafka, &options.kafka.group_id)?;
    let (ended, endings) = channel();
    let mut running = 0;
    for worker in 0..options.workers.max(1) {
        let settings = WorkerOptions {
            kafka: options.kafka.clone(),
            topics: options.topics.clone(),
            worker,
            delivery: options.delivery,
            gap: options.gap,
            partition_count,
            tick_after: options.tick_after,
        };
        let (factory, store) = (Arc::clone(&factory), Arc::clone(&store));
        let (stats, own_stop, lookup) = (Arc::clone(stats), stop.clone(), lookup.clone());
        spawn(&format!("worker-{worker}"), ended.clone(), move || {
            let stop = own_stop.clone();
            match Worker::open(settings, factory, store, stats, own_stop, lookup) {
                Ok(worker) => worker.run(),
                // Told to stop before it had a producer.
                Err(WorkerError::Kafka(ClientError::Transient { .. })) if stop.requested() => {
                    Ok(())
                }
                Err(error) => Err(error),
            }
        })?;
        running += 1;
    }
    if !options.raw.is_empty() {
        let (stats, own_stop) = (Arc::clone(stats), stop.clone());
        let (kafka, topics, raw) = (options.kafka, options.topics, options.raw);
        let delivery = options.delivery;
        spawn("raw", ended.clone(), move || {
            RawWorker::open(kafka, topics, delivery, raw, stats, own_stop)?.run()
        })?;
        running += 1;
    }
    drop(ended);
    let outcome = watch(stop, &endings, running);
    // Also after a failure: what was committed need not be read again.
    let flushed = store.flush();
    outcome?;
    flushed?;
    Ok(())
}

/// How many partitions a topic has.
///
/// # Errors
/// When no broker answers or the topic does not exist.
pub fn partition_count(kafka: &KafkaOptions, topic: &str) -> Result<u32, WorkerError> {
    let missing = || {
        WorkerError::Topics(format!(
            "{topic}: does not exist; run: scopewatch topics create"
        ))
    };
    let count = TopicAdmin::connect(kafka)?
        .partition_count(topic)?
        .ok_or_else(missing)?;
    Ok(u32::try_from(count).unwrap_or(0))
}

/// The first contact: somebody answers, the topics are there, their partitions are counted.
fn contact(options: &SupervisorOptions) -> Result<u32, WorkerError> {
    let admin = TopicAdmin::connect(&options.kafka)?;
    let actions = &options.topics.actions;
    let Some(count) = admin.partition_count(actions)? else {
        let missing = format!("{actions}: does not exist; run: scopewatch topics create");
        return Err(WorkerError::Topics(missing));
    };
    for raw in &options.raw {
        if admin.partition_count(&raw.topic)?.is_none() {
            let missing = format!("{}: the topic of a raw input does not exist", raw.topic);
            return Err(WorkerError::Topics(missing));
        }
    }
    if options.check_topics {
        let specs = options.topics.specs(count, 1, options.append_time);
        let raw: Vec<&str> = options.raw.iter().map(|raw| &*raw.topic).collect();
        let mut refusals = Vec::new();
        for report in check_topics(&admin, &options.topics, &specs, &raw)? {
            for warning in &report.warnings {
                TopicWarning {
                    topic: &report.topic,
                    warning,
                }
                .emit();
            }
            refusals.extend(
                report
                    .refusals
                    .iter()
                    .map(|r| format!("{}: {r}", report.topic)),
            );
        }
        if !refusals.is_empty() {
            return Err(WorkerError::Topics(refusals.join("\n")));
        }
    }
    Ok(u32::try_from(count).unwrap_or(0))
}

type Ending = (String, Result<(), WorkerError>);

/// Runs `work` on a thread of that name and tells how it ended, a panic included.
fn spawn(
    name: &str,
    ended: Sender<Ending>,
    work: impl FnOnce() -> Result<(), WorkerError> + Send + 'static,
) -> Result<(), WorkerError> {
    let label = name.to_owned();
    let run = move || {
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no reason given".into());
            Err(WorkerError::Panicked {
                worker: label.clone(),
                reason: text,
            })
        });
        // Nobody listens once the time for an orderly end is over.
        let _ = ended.send((label, outcome));
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map(drop)
        .map_err(|error| WorkerError::Panicked {
            worker: name.to_owned(),
            reason: error.to_string(),
        })
}

/// Waits for the end of all threads. The first failure stops the rest.
fn watch(stop: &Stop, endings: &Receiver<Ending>, mut running: usize) -> Result<(), WorkerError> {
    let mut failure = None;
    let mut deadline: Option<Instant> = None;
    while running > 0 {
        if stop.requested() && deadline.is_none() {
            deadline = Some(Instant::now() + STOP_WITHIN.saturating_sub(FLUSH_RESERVE));
        }
        if deadline.is_some_and(|at| Instant::now() >= at) {
            let within_ms = STOP_WITHIN.as_millis();
            return Err(failure.unwrap_or(WorkerError::Late { within_ms }));
        }
        match endings.recv_timeout(Duration::from_millis(100)) {
            Ok((name, outcome)) => {
                running -= 1;
                if let Err(error) = outcome {
                    WorkerFailed {
                        worker: &name,
                        error: &error.to_string(),
                    }
                    .emit();
                    failure.get_or_insert(error);
                } else if !stop.requested() {
                    WorkerEnded { worker: &name }.emit();
                }
                stop.request();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    failure.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_and_stops_the_rest() {
        let stop = Stop::new();
        let (ended, endings) = channel();
        spawn("a", ended.clone(), || panic!("boom")).unwrap();
        let seen = stop.clone();
        spawn("b", ended.clone(), move || {
            while !seen.requested() {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        })
        .unwrap();
        drop(ended);
        let error = watch(&stop, &endings, 2).unwrap_err();
        assert_eq!(error.to_string(), "worker a panicked: boom");
        assert!(stop.requested());
    }
}
