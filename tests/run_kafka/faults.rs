//! Processes that are killed, frozen, replaced and stopped: no output is lost, none is repeated.

use std::time::{Duration, Instant};

use super::support::fleet::{Fleet, feed};
use super::support::kafka::bootstrap;
use super::support::service::{ISSUER, PATIENCE, SESSION, Service, Site};
use super::support::verdicts::Verdicts;

/// Seed of the fleet and of the moments of the kills.
const SEED: u64 = 11;
/// Time over which the actions arrive.
const FEED: Duration = Duration::from_secs(40);

/// Pseudo-random moments, the same on every run.
struct Moments(u64);

impl Moments {
    fn next(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(from_ms + (self.0 >> 33) % (to_ms - from_ms))
    }
}

fn actions_expected() -> usize {
    let said = std::env::var("SCOPEWATCH_TEST_ACTIONS").ok();
    said.map_or(20_000, |text| {
        text.parse().expect("SCOPEWATCH_TEST_ACTIONS: a number")
    })
}

/// A site whose requests are signed and sent at once, and the published keys.
fn signing_site(servers: &str, name: &str) -> (Site, serde_json::Value) {
    let site = Site::new(servers, name);
    let keys = site.make_key();
    let signing = format!(
        "[signing]\nkey_file = {:?}\nissuer = \"{ISSUER}\"\n",
        site.path("signing.pem")
    );
    site.append_config(&signing);
    site.revoke_at_once();
    site.create_topics();
    (site, keys)
}

/// Checks the outputs once all actions are committed: the same causes as `replay`, every request
/// signed, no transaction open.
fn verify(site: &Site, keys: &serde_json::Value) {
    site.check_no_open_transaction();
    let found = Verdicts::of_topics(site);
    let truth = Fleet::replayed(site);
    let causes = truth.causes();
    let events: usize = causes.values().map(std::collections::BTreeSet::len).sum();
    println!(
        "{} alerts and {} requests over {} pairs of rule and agent with {events} event ids",
        found.alerts.len(),
        found.requests.len(),
        causes.len(),
    );
    assert!(
        causes.len() >= 5 && !truth.requests.is_empty(),
        "too little to compare"
    );
    found.check_same(&truth);
    found.check_schema();
    found.check_signatures(keys);
    assert_eq!(site.read_all("dead_letter"), Vec::new());
}

#[test]
fn kills_a_freeze_and_a_takeover_lose_nothing_and_repeat_nothing() {
    let Some(servers) = bootstrap() else { return };
    let (site, keys) = signing_site(&servers, "faults");
    let fleet = Fleet::generate(&site, actions_expected(), SEED);
    fleet.declare(&site);
    let (topic, actions) = (site.topic("actions"), fleet.actions);
    let feeder = std::thread::spawn(move || feed(&servers, &topic, &actions, FEED));
    let began = Instant::now();
    let mut moments = Moments(SEED);

    let mut first = site.start("a");
    let mut done = site.wait_commit(0, &mut first);
    println!(
        "first commit ever after {} ms",
        first.started.elapsed().as_millis()
    );
    for kill in 1..=3 {
        std::thread::sleep(moments.next(500, 4_000));
        first.kill();
        done = site.committed().max(done);
        first = site.start("a");
        site.wait_commit(done, &mut first);
        let took = first.started.elapsed();
        println!(
            "kill {kill} after {done} actions: first commit {} ms after the restart",
            took.as_millis()
        );
    }

    let mut second = site.start("b");
    second.wait_ran(1);
    std::thread::sleep(moments.next(500, 2_000));
    first.signal(libc::SIGSTOP);
    let frozen = Instant::now();
    let own = second.ran().len();
    second.wait_ran(4);
    let took = frozen.elapsed();
    println!(
        "takeover: {} ms after the freeze ({own} of 4 before)",
        took.as_millis()
    );
    std::thread::sleep(SESSION.saturating_sub(took) + Duration::from_secs(2));
    first.signal(libc::SIGCONT);
    println!(
        "all faults {} s after the first action",
        began.elapsed().as_secs()
    );

    feeder.join().unwrap();
    site.wait_settled(PATIENCE);
    println!(
        "all committed {} s after the first action",
        began.elapsed().as_secs()
    );
    for (name, service) in [("frozen", first), ("second", second)] {
        stop(name, service);
    }
    verify(&site, &keys);
}

fn stop(name: &str, service: Service) {
    let (code, took) = service.terminate();
    println!(
        "SIGTERM to the {name}: exit {code:?} after {} ms",
        took.as_millis()
    );
    // A process that does not end within its limit reports another code.
    assert_eq!(code, Some(0));
}

#[test]
fn sigterm_in_the_middle_ends_in_time_with_everything_committed() {
    let Some(servers) = bootstrap() else { return };
    let (site, keys) = signing_site(&servers, "sigterm");
    let fleet = Fleet::generate(&site, 12_000, SEED + 1);
    fleet.declare(&site);
    let actions = site.topic("actions");
    let mut service = site.start("a");
    for part in fleet.actions.chunks(4_000) {
        let before = site.committed();
        feed(&servers, &actions, part, Duration::ZERO);
        site.wait_commit(before, &mut service);
        stop("one at work", service);
        // The next process must find no open transaction of its predecessor.
        site.check_no_open_transaction();
        service = site.start("a");
    }
    site.wait_settled(PATIENCE);
    stop("one at rest", service);
    verify(&site, &keys);
}

#[test]
fn a_full_disk_ends_the_process_and_costs_nothing() {
    let Some(servers) = bootstrap() else { return };
    let (site, keys) = signing_site(&servers, "disk");
    let fleet = Fleet::generate(&site, 12_000, SEED + 2);
    fleet.declare(&site);
    feed(
        &servers,
        &site.topic("actions"),
        &fleet.actions,
        Duration::ZERO,
    );
    let full = Service::start_on_a_small_disk(&site.arguments("a"), 512);
    let (code, said) = full.wait();
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("disk full: free some space"), "{said}");
    assert!(site.committed() < 12_000, "the disk was never full");
    // Now there is space again.
    let again = site.start("a");
    site.wait_settled(PATIENCE);
    stop("one with space", again);
    verify(&site, &keys);
}
