//! `make quality`: what the real engine finds on seeded synthetic agents, and how often it is
//! wrong.
//!
//! It prints Markdown. Simple detectors are tuned on [`TUNING_SEEDS`]; everything is reported on
//! [`REPORTING_SEEDS`]. Nothing of the engine is tuned on either. The same program and seeds give
//! the same report. The argument is the name of a part, or `all`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a report is printed, and its time is measured"
)]

mod lab;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use lab::attacks::AttackKind;
use lab::behaviour::{BehaviourScores, SessionPlan, judge_sessions};
use lab::gateway::Delivery;
use lab::hardship::{self, Poisoning};
use lab::honest::{HonestScores, judge_honest};
use lab::report;
use lab::score::Share;
use lab::series::judge_series;
use lab::sessions::{CAREFUL, CARELESS};
use lab::simple::SimpleKind;
use lab::volume::{VolumePlan, VolumeScores, fleet, judge_engine, judge_simple, tune};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TUNING_SEEDS: [u64; 2] = [11, 12];
const REPORTING_SEEDS: [u64; 5] = [101, 102, 103, 104, 105];
/// Threads that run seeds at once.
const THREADS: usize = 2;

const PLAN: VolumePlan = VolumePlan {
    days: 28,
    attack_day: 21,
    attacked: 2,
    honest: 6,
};

const SESSIONS: SessionPlan = SessionPlan {
    manners: CAREFUL,
    learned: 8,
    judged: 12,
    scopes: true,
    hostile: 0.0,
};

/// Runs `job` for each item, on [`THREADS`] threads; results are in the order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, R>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    let result = job(item);
                    done.lock().expect("no job panics").insert(index, result);
                }
            });
        }
    });
    done.into_inner()
        .expect("no job panics")
        .into_values()
        .collect()
}

fn sum_of(all: Vec<VolumeScores>) -> VolumeScores {
    let mut sum = VolumeScores::default();
    all.into_iter().for_each(|scores| sum.add(scores));
    sum
}

fn volume() {
    println!("## Attacks of volume\n");
    let tuning = in_parallel(&TUNING_SEEDS, |seed| fleet(&PLAN, *seed));
    let settings = in_parallel(&SimpleKind::ALL, |kind| tune(*kind, &tuning));
    drop(tuning);
    let fleets = in_parallel(&REPORTING_SEEDS, |seed| fleet(&PLAN, *seed));
    let engine = in_parallel(&fleets, |fleet| judge_engine(fleet, Delivery::default()));
    let pairs: Vec<(SimpleKind, usize)> = SimpleKind::ALL.into_iter().zip(settings).collect();
    let simple = in_parallel(&pairs, |(kind, setting)| {
        let all = fleets.iter().map(|fleet| {
            let mut scores = judge_simple(*kind, fleet);
            scores.swap_remove(*setting)
        });
        (*kind, sum_of(all.collect()))
    });
    for (seed, scores) in REPORTING_SEEDS.iter().zip(&engine) {
        println!(
            "Seed {seed}: mean recall {:.3}, {:.2} false incidents per agent and 30 d, p95 {:.1}.",
            scores.mean_recall(|_| true),
            scores.false_alarms().incidents,
            scores.false_alarms().p95
        );
    }
    let engine = sum_of(engine);
    let known_weak = [AttackKind::Spike(2), AttackKind::OffHours];
    println!("\n{}", report::recall_table(&engine, &simple));
    println!(
        "Mean recall without the two kinds that volume is not made for (twice as much, a usual \
         amount at an unusual hour): {:.3}.\n",
        engine.mean_recall(|kind| !known_weak.contains(&kind))
    );
    println!(
        "False alarms per agent and 30 days:\n\n{}",
        report::family_table(&engine)
    );
    println!("{}", report::delay_table(&engine));
    println!(
        "False incidents by rule: {}.\n",
        report::rule_list(&engine.rules)
    );
}

fn honest() {
    println!("## An honest fleet\n");
    println!("200 agents over 14 days, all rules together, for each seed:\n");
    let all = in_parallel(&REPORTING_SEEDS[..2], |seed| judge_honest(200, 14, *seed));
    let mut sum = HonestScores::default();
    all.into_iter().for_each(|scores| sum.add(scores));
    println!("{}", report::honest_table(&sum));
    println!("Incidents by rule: {}.\n", report::rule_list(&sum.rules));
}

fn hardship() {
    println!("## Poisoning, new agents, missing and late records\n");
    let seeds = &REPORTING_SEEDS[..2];
    let mut table = Vec::new();
    for kind in Poisoning::ALL {
        let all = in_parallel(seeds, |seed| hardship::judge_poisoning(kind, 5, *seed));
        let mut sum = hardship::PoisoningScores::default();
        for scores in all {
            sum.any.add(scores.any);
            sum.strike.add(scores.strike);
        }
        table.push((kind, sum));
    }
    println!("{}", report::poisoning_table(&table));
    for (name, peers) in [("alone", 0), ("beside ten agents of its type", 10)] {
        let (mut found, mut honest) = (Share::default(), HonestScores::default());
        let judge = |seed: &u64| hardship::judge_cold_start(10, peers, *seed);
        for (share, scores) in in_parallel(seeds, judge) {
            found.add(share);
            honest.add(scores);
        }
        let line = report::cold_start_line(found, &honest);
        println!("- Cold start {name}: {line}.");
    }
    for (name, caught_up) in [("lost", false), ("delivered at its end", true)] {
        let all = in_parallel(seeds, |seed| hardship::judge_outage(10, caught_up, *seed));
        let mut sum = HonestScores::default();
        all.into_iter().for_each(|scores| sum.add(scores));
        let incidents: u32 = sum
            .times
            .values()
            .flatten()
            .map(|time| time.incidents)
            .sum();
        println!(
            "- Outage of six hours, records {name}: {incidents} incidents of {} agents within 30 \
             hours ({}).",
            sum.false_alarms().agents,
            report::rule_list(&sum.rules)
        );
    }
    let plan = VolumePlan {
        honest: 1,
        attacked: 1,
        ..PLAN
    };
    let all = in_parallel(seeds, |seed| {
        let on_time = judge_engine(&fleet(&plan, *seed), Delivery::default());
        (on_time, hardship::judge_late(&plan, *seed))
    });
    let (on_time, late): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    for (name, scores) in [
        ("on time", sum_of(on_time)),
        ("ten minutes late", sum_of(late)),
    ] {
        println!(
            "- Records {name}: mean recall {:.2}, {:.2} false incidents per agent and 30 d.",
            scores.mean_recall(|_| true),
            scores.false_alarms().incidents
        );
    }
    println!();
}

fn series() {
    println!("## Stand-ins for public series\n");
    let all = in_parallel(&REPORTING_SEEDS, |seed| judge_series(10, *seed));
    let mut sum = BTreeMap::new();
    for (family, scores) in all.iter().flatten() {
        let known: &mut lab::series_score::SeriesScores = sum.entry(*family).or_default();
        known.add(scores);
    }
    println!("{}", report::series_table(&sum));
}

fn behaviour() {
    println!("## Behaviour of sessions\n");
    let plans: [(&str, SessionPlan); 5] = [
        ("careful agents, 8 clean tasks a class", SESSIONS),
        (
            "careful agents, 15 clean tasks a class",
            SessionPlan {
                learned: 15,
                ..SESSIONS
            },
        ),
        (
            "careful agents, 15, no scopes of classes",
            SessionPlan {
                learned: 15,
                scopes: false,
                ..SESSIONS
            },
        ),
        (
            "careless agents, 15",
            SessionPlan {
                learned: 15,
                manners: CARELESS,
                ..SESSIONS
            },
        ),
        (
            "careful agents, 15, of which one in fifty was attacked while they taught",
            SessionPlan {
                learned: 15,
                hostile: 0.02,
                ..SESSIONS
            },
        ),
    ];
    for (name, plan) in &plans {
        let mut sum = BehaviourScores::default();
        for scores in in_parallel(&REPORTING_SEEDS, |seed| judge_sessions(plan, *seed)) {
            sum.add(scores);
        }
        println!("{name}:\n\n{}", report::behaviour_table(&sum));
        println!("{}", report::self_check_text(&sum));
        println!("{}", report::difference_text(&sum));
    }
}

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let parts: [(&str, fn()); 5] = [
        ("volume", volume),
        ("honest", honest),
        ("hardship", hardship),
        ("series", series),
        ("behaviour", behaviour),
    ];
    // `cargo bench` without a word runs every bench; this one takes minutes.
    let Some(wanted) = wanted else {
        eprintln!("quality: nothing is measured; run `make quality`");
        return;
    };
    for (name, part) in parts {
        if wanted == "all" || wanted == name {
            let start = Instant::now();
            part();
            eprintln!("quality: {name} took {} s", start.elapsed().as_secs());
        }
    }
}
