//! Starts the workers, watches them, and stops them within a time limit.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::action_workload::ActionWorkload;
use super::away_partitions::AwayPartitions;
use super::error::WorkerError;
use super::member::{GroupMember, MemberLoop, MemberOptions};
use super::panics::catch_panic;
use super::raw::{RawInput, RawWorkload};
use super::settings::{GapPolicy, WorkerOptions};
use super::stats::WorkerStats;
use super::stop::Stop;
use super::topic_check::check_topics;
use super::topics::Topics;
use crate::engine::contract::{PartitionNotice, TaskFactory};
use crate::kafka::{ClientError, DeliveryGuarantee, KafkaOptions, OffsetLookup, TopicAdmin};
use crate::store::Store;
use crate::telemetry::{TopicWarning, WorkerEnded, WorkerFailed};

/// Time for an orderly end, from the request to the return of [`supervise`].
pub const STOP_WITHIN: Duration = Duration::from_secs(10);
/// The part of [`STOP_WITHIN`] that is reserved for flushing the store.
const FLUSH_RESERVE: Duration = Duration::from_secs(1);
/// Time without a record before a tick, unless the settings say otherwise.
pub const TICK_AFTER: Duration = Duration::from_secs(5);

/// The settings of all workers of a process.
pub struct SupervisorOptions {
    pub kafka: KafkaOptions,
    pub topics: Topics,
    /// Worker threads, at least one.
    pub workers: usize,
    pub delivery: DeliveryGuarantee,
    pub gap: GapPolicy,
    pub tick_after: Duration,
    /// Time that a record waits for a schema which is not configured.
    pub schema_within: Duration,
    /// How long the state of a partition that moved away is kept.
    pub store_kept: Duration,
    /// Foreign topics with their mappings.
    pub raw: Vec<RawInput>,
    /// Stream time of the actions is append time, so their topic needs `LogAppendTime`.
    pub append_time: bool,
    /// Compare the topics with their specifications first. The mock cluster cannot describe topics.
    pub check_topics: bool,
}

/// Runs the workers until `stop` is requested or one worker ends; then the others are stopped too.
/// Returns when all have ended or [`STOP_WITHIN`] has passed. After an error the process should
/// exit with code 4.
///
/// # Errors
/// The first error of any worker, or of the store's last flush.
pub fn supervise<F: TaskFactory>(
    options: SupervisorOptions,
    factory: Arc<F>,
    store: Arc<dyn Store>,
    stop: &Stop,
    stats: &Arc<WorkerStats>,
) -> Result<(), WorkerError> {
    let partition_count = contact(&options)?;
    let lookup = OffsetLookup::start(&options.kafka, &options.kafka.group_id)?;
    let away = AwayPartitions::of_store(&*store, options.store_kept, Instant::now());
    let away = Arc::new(away);
    let (ended, endings) = channel();
    let mut running = 0;
    for worker in 0..options.workers.max(1) {
        let settings = worker_options(&options, worker, partition_count);
        let (factory, store) = (Arc::clone(&factory), Arc::clone(&store));
        let (stats, own_stop, lookup) = (Arc::clone(stats), stop.clone(), lookup.clone());
        let away = Arc::clone(&away);
        let run = move || {
            let member = GroupMember::join(
                action_member(&settings),
                lookup,
                Arc::clone(&stats),
                own_stop,
            )?;
            let workload = ActionWorkload::new(settings, factory, store, stats, away)?;
            MemberLoop::new(member, workload).run()
        };
        spawn_member(&format!("worker-{worker}"), stop, ended.clone(), run)?;
        running += 1;
    }
    if !options.raw.is_empty() {
        let member = raw_member(&options);
        let (topics, raw) = (options.topics, options.raw);
        let (stats, own_stop) = (Arc::clone(stats), stop.clone());
        let audit = Box::new(move |notice: &PartitionNotice| factory.audit_record(notice));
        let run = move || {
            let lookup = OffsetLookup::start(&member.kafka, &member.group_id)?;
            let member = GroupMember::join(member, lookup, Arc::clone(&stats), own_stop)?;
            MemberLoop::new(member, RawWorkload::new(topics, raw, stats, audit)).run()
        };
        spawn_member("raw", stop, ended.clone(), run)?;
        running += 1;
    }
    drop(ended);
    let outcome = watch(stop, &endings, running);
    // After a failure too: the store then need not read the last commits from the changelog again.
    let flushed = store.flush();
    outcome?;
    flushed?;
    Ok(())
}

fn worker_options(
    options: &SupervisorOptions,
    worker: usize,
    partition_count: u32,
) -> WorkerOptions {
    WorkerOptions {
        kafka: options.kafka.clone(),
        topics: options.topics.clone(),
        worker,
        delivery: options.delivery,
        gap: options.gap,
        partition_count,
        tick_after: options.tick_after,
        schema_within: options.schema_within,
    }
}

/// The member of a worker.
fn action_member(options: &WorkerOptions) -> MemberOptions {
    MemberOptions {
        kafka: options.kafka.clone(),
        delivery: options.delivery,
        name: options.worker.to_string(),
        reads: "the actions",
        group_id: options.kafka.group_id.clone(),
        topics: vec![Arc::clone(&options.topics.actions)],
        changelog: options.topics.changelog.to_string(),
        worker: Some(options.worker),
    }
}

/// The member of all raw inputs. It has no state, and a group of its own.
fn raw_member(options: &SupervisorOptions) -> MemberOptions {
    MemberOptions {
        kafka: options.kafka.clone(),
        delivery: options.delivery,
        name: "raw".into(),
        reads: "the raw inputs",
        group_id: options.kafka.raw_group_id(),
        topics: options
            .raw
            .iter()
            .map(|raw| Arc::clone(&raw.topic))
            .collect(),
        changelog: String::new(),
        worker: None,
    }
}

/// How many partitions a topic has.
///
/// # Errors
/// When no broker answers or the topic does not exist.
pub fn partition_count(kafka: &KafkaOptions, topic: &str) -> Result<u32, WorkerError> {
    let count = existing_partitions(&TopicAdmin::connect(kafka)?, topic)?;
    Ok(u32::try_from(count).unwrap_or(0))
}

fn existing_partitions(admin: &TopicAdmin, topic: &str) -> Result<i32, WorkerError> {
    admin.partition_count(topic)?.ok_or_else(|| {
        WorkerError::Topics(format!(
            "{topic}: does not exist; run: scopewatch topics create"
        ))
    })
}

/// The first contact: a broker answers, the topics exist, their partitions are counted.
fn contact(options: &SupervisorOptions) -> Result<u32, WorkerError> {
    let admin = TopicAdmin::connect(&options.kafka)?;
    let count = existing_partitions(&admin, &options.topics.actions)?;
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

/// Runs a member on a thread. A member that was asked to stop before it had a producer ended well.
fn spawn_member(
    name: &str,
    stop: &Stop,
    ended: Sender<Ending>,
    run: impl FnOnce() -> Result<(), WorkerError> + Send + 'static,
) -> Result<(), WorkerError> {
    let stop = stop.clone();
    spawn(name, ended, move || match run() {
        Err(WorkerError::Kafka(ClientError::Transient { .. })) if stop.requested() => Ok(()),
        result => result,
    })
}

/// Runs `work` on a thread of that name and sends how it ended, a panic included.
fn spawn(
    name: &str,
    ended: Sender<Ending>,
    work: impl FnOnce() -> Result<(), WorkerError> + Send + 'static,
) -> Result<(), WorkerError> {
    let label = name.to_owned();
    let run = move || {
        let outcome = catch_panic(work).unwrap_or_else(|reason| {
            Err(WorkerError::Panicked {
                worker: label.clone(),
                reason,
            })
        });
        // The receiver is gone once the time for an orderly end is over.
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
