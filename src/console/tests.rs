//! Requests each page over loopback, in each state that changes its response.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::*;

/// Status and whole response of a `GET`.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    (
        response.split(' ').nth(1).unwrap().parse().unwrap(),
        response,
    )
}

fn start(health: &Arc<ProcessHealth>) -> ConsoleServer {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    ConsoleServer::start(any, Arc::clone(health), || "scopewatch_up 1\n".to_owned()).unwrap()
}

#[test]
fn ready_needs_rules_an_assignment_of_every_worker_and_an_end_of_restoring() {
    let health = Arc::new(ProcessHealth::new(2, true));
    let console = start(&health);
    let ready = || get(console.address(), "/readyz");
    let waits_for = |what: &str| {
        let (status, response) = ready();
        assert!(status == 503 && response.contains(what), "{response}");
    };
    waits_for("no rules are loaded");
    health.set_rules_loaded();
    waits_for("worker 0 has no assignment yet");
    health.set_assigned(0, 0);
    waits_for("worker 1 has no assignment yet");
    health.set_assigned(1, 3);
    waits_for("worker 1 restores 3 partitions");
    health.set_assigned(1, 0);
    assert_eq!(ready().0, 200);
    let stopped = |numbers: &[i32]| {
        let each = numbers.iter().map(|n| format!("partition {n} is stopped"));
        health.set_stopped(each.collect());
    };
    stopped(&[3, 5]);
    waits_for("partition 3 is stopped\npartition 5 is stopped");
    stopped(&[]);
    assert_eq!(ready().0, 200);
    health.set_unassigned(0);
    waits_for("worker 0 has no assignment yet");
    health.set_assigned(0, 0);
    health.set_stopping();
    waits_for("stopping");
}

#[test]
fn live_follows_the_slowest_worker() {
    let health = Arc::new(ProcessHealth::new(2, true));
    let console = start(&health);
    assert_eq!(
        get(console.address(), "/livez").0,
        200,
        "not ready, but alive"
    );
    let stall_ms = u64::try_from(STALL_MAX.as_millis()).unwrap();
    assert_eq!(health.check_liveness_at(stall_ms), Ok(()));
    std::thread::sleep(Duration::from_millis(20));
    health.record_turn(0);
    let stuck = health.check_liveness_at(stall_ms + 10).unwrap_err();
    assert!(stuck.starts_with("no turn of worker 1 for 30 s"), "{stuck}");
    health.record_turn(1);
    let stuck = health.check_liveness_at(stall_ms + 10).unwrap_err();
    assert!(
        stuck.starts_with("no turn of the raw inputs for 30 s"),
        "{stuck}"
    );
    health.record_raw_turn();
    assert_eq!(health.check_liveness_at(stall_ms + 10), Ok(()));
}

#[test]
fn metrics_are_text_that_prometheus_takes_and_other_pages_do_not_exist() {
    let console = start(&Arc::new(ProcessHealth::new(0, false)));
    let (status, response) = get(console.address(), "/metrics");
    assert_eq!(status, 200);
    assert!(response.contains("text/plain; version=0.0.4"), "{response}");
    assert!(response.ends_with("scopewatch_up 1\n"), "{response}");
    assert_eq!(get(console.address(), "/").0, 404);
}

#[test]
fn a_taken_address_is_named_and_an_end_frees_it() {
    let console = start(&Arc::new(ProcessHealth::new(0, false)));
    let address = console.address();
    let _open = TcpStream::connect(address).unwrap();
    let second = ConsoleServer::start(address, Arc::new(ProcessHealth::new(0, false)), String::new);
    let error = second.unwrap_err().to_string();
    assert!(
        error.contains(&format!("cannot listen on {address}")),
        "{error}"
    );
    drop(console);
    assert!(TcpStream::connect(address).is_err());
}
