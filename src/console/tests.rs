//! Requests each page over loopback, in each state that changes its response.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::agent_page::is_local;
use super::*;

/// Status and whole response of a `GET`.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    get_from(address, path, &address.to_string())
}

/// The same, of a request that names this host.
fn get_from(address: SocketAddr, path: &str, host: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    (
        response.split(' ').nth(1).unwrap().parse().unwrap(),
        response,
    )
}

/// Pages of a process that has one agent, `a/b` of `acme`.
fn sources() -> PageSources {
    PageSources {
        metrics: Box::new(|| "scopewatch_up 1\n".to_owned()),
        key_set: Box::new(|| Some("{\"keys\":[]}".to_owned())),
        agent_tree: Box::new(|tenant, agent| match (tenant, agent) {
            ("acme", "a/b") => TreePage::Found("{}".to_owned()),
            ("acme", "broken") => TreePage::Failed("the disk".to_owned()),
            ("acme", "panics") => std::panic::resume_unwind(Box::new("on purpose")),
            _ => TreePage::Missing(format!("{tenant}/{agent}: nothing is known")),
        }),
    }
}

fn start(health: &Arc<ProcessHealth>) -> ConsoleServer {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    ConsoleServer::start(any, Arc::clone(health), sources()).unwrap()
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
fn a_process_to_which_no_broker_answers_is_not_ready_and_says_why() {
    let health = Arc::new(ProcessHealth::new(0, false));
    let silent_ms = u64::try_from(BROKER_SILENT_MAX.as_millis()).unwrap() + 1_000;
    health.set_broker_trouble("nobody asks".to_owned());
    assert_eq!(
        health.check_broker_at(silent_ms),
        Ok(()),
        "no broker is asked"
    );
    health.set_rules_loaded();
    health.record_broker_reply();
    assert_eq!(health.check_broker_at(silent_ms - 2_000), Ok(()));
    let said = health.check_broker_at(silent_ms).unwrap_err();
    assert!(said.ends_with(" s: no reply"), "{said}");
    health.set_broker_trouble("ends of t-0: refused".to_owned());
    let said = health.check_broker_at(silent_ms).unwrap_err();
    assert!(
        said.starts_with("no Kafka broker has answered for 3") && said.ends_with("t-0: refused"),
        "{said}"
    );
    assert_eq!(health.check_readiness(), Ok(()));
    health.record_broker_reply();
    let later_ms = silent_ms - 2_000;
    assert_eq!(health.check_broker_at(later_ms), Ok(()));
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
fn the_key_set_has_its_type_and_may_be_kept_for_minutes_and_is_missing_without_keys() {
    let health = || Arc::new(ProcessHealth::new(0, false));
    let console = start(&health());
    let (status, response) = get(console.address(), "/.well-known/jwks.json");
    let response = response.to_lowercase();
    assert_eq!(status, 200);
    for line in [
        "content-type: application/jwk-set+json\r\n",
        "cache-control: public, max-age=300\r\n",
        "\r\n\r\n{\"keys\":[]}",
    ] {
        assert!(response.contains(line), "{response}");
    }
    let unsigned = PageSources {
        key_set: Box::new(|| None),
        ..sources()
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let console = ConsoleServer::start(any, health(), unsigned).unwrap();
    let (status, response) = get(console.address(), "/.well-known/jwks.json");
    assert!(
        status == 404 && response.contains("signing.key_file"),
        "{response}"
    );
}

#[test]
fn a_taken_address_is_named_and_an_end_frees_it() {
    let console = start(&Arc::new(ProcessHealth::new(0, false)));
    let address = console.address();
    let _open = TcpStream::connect(address).unwrap();
    let second = ConsoleServer::start(address, Arc::new(ProcessHealth::new(0, false)), sources());
    let error = second.unwrap_err().to_string();
    assert!(
        error.contains(&format!("cannot listen on {address}")),
        "{error}"
    );
    drop(console);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_tree_is_for_callers_on_this_machine_that_name_it() {
    use std::net::IpAddr;
    for (caller, host, local) in [
        ("127.0.0.1", Some("127.0.0.1:9464"), true),
        ("127.0.0.1", Some("localhost"), true),
        ("127.0.0.1", Some("LOCALHOST:9464"), true),
        ("::1", Some("[::1]:9464"), true),
        ("::1", Some("[::1]"), true),
        ("::ffff:127.0.0.1", Some("127.0.0.1"), true),
        ("127.0.0.1", None, false),
        ("127.0.0.1", Some(""), false),
        ("127.0.0.1", Some("scopewatch.example:9464"), false),
        ("127.0.0.1", Some("127.0.0.1.example"), false),
        ("127.0.0.1", Some("10.0.0.7:9464"), false),
        ("10.0.0.7", Some("127.0.0.1:9464"), false),
        ("::ffff:10.0.0.7", Some("localhost"), false),
        ("fe80::1", Some("[::1]"), false),
    ] {
        let caller: IpAddr = caller.parse().unwrap();
        assert_eq!(is_local(caller, host), local, "{caller} {host:?}");
    }
    let console = start(&Arc::new(ProcessHealth::new(0, false)));
    let (status, response) = get_from(console.address(), "/agents/acme/a%2Fb/tree", "evil.example");
    assert_eq!(status, 403, "{response}");
    assert!(response.contains("same machine"), "{response}");
}

#[test]
fn a_tree_is_json_and_what_is_missing_is_named() {
    let console = start(&Arc::new(ProcessHealth::new(0, false)));
    let long = format!("/agents/acme/{}/tree", "x".repeat(NAME_BYTES_MAX + 1));
    for (path, status, text) in [
        ("/agents/acme/a%2Fb/tree", 200, "application/json"),
        ("/agents/acme/none/tree", 404, "acme/none: nothing is known"),
        ("/agents/acme/broken/tree", 500, "the disk"),
        ("/agents/acme/panics/tree", 500, "could not be read"),
        ("/agents/acme/a%2Fb/tree", 200, "{}"),
        ("/agents/acme/%FF/tree", 400, ""),
        ("/agents/acme/tree", 404, ""),
        (long.as_str(), 404, "so long a name"),
    ] {
        let (found, response) = get(console.address(), path);
        assert_eq!(found, status, "{path}: {response}");
        assert!(response.contains(text), "{path}: {response}");
    }
}

#[test]
fn one_tree_is_read_at_a_time_and_the_other_pages_go_on() {
    use std::sync::mpsc;
    let (begin, begun) = mpsc::channel();
    let (finish, finished) = mpsc::channel::<()>();
    let channels = std::sync::Mutex::new((begin, finished));
    let slow = PageSources {
        agent_tree: Box::new(move |_, _| {
            let channels = channels.lock().unwrap();
            channels.0.send(()).unwrap();
            channels.1.recv().unwrap();
            TreePage::Found("{}".to_owned())
        }),
        ..sources()
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let health = Arc::new(ProcessHealth::new(0, false));
    let console = ConsoleServer::start(any, health, slow).unwrap();
    let address = console.address();
    let first = std::thread::spawn(move || get(address, "/agents/acme/one/tree").0);
    begun.recv().unwrap();
    assert_eq!(get(address, "/agents/acme/two/tree").0, 503);
    assert_eq!(get(address, "/livez").0, 200);
    finish.send(()).unwrap();
    assert_eq!(first.join().unwrap(), 200);
}
