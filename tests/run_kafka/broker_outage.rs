//! A broker that dies: the process says so once, is not ready, does not know its lag, and goes on
//! when the broker is back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use super::metrics::{address_of, page};
use super::support::kafka::bootstrap;
use super::support::service::{PATIENCE, Service, Site, root};

/// Runs `.ci/kafka` and returns what it prints.
fn kafka(args: &[&str]) -> String {
    let script = root().join(".ci/kafka");
    let output = Command::new(script).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The status and the text of `/readyz`.
fn ready(address: &str) -> (bool, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    (text.starts_with("HTTP/1.1 200"), text)
}

fn wait(service: &mut Service, what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        service.check();
        assert!(Instant::now() < until, "{what}: {}", service.last_words());
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn knows_lag(address: &str) -> bool {
    page(address).unwrap().contains("\nscopewatch_lag_records ")
}

/// Lines of the log that a person would be woken by.
fn warnings(service: &Service) -> Vec<String> {
    let loud = |line: &String| line.contains("\"WARN\"") || line.contains("\"ERROR\"");
    service.said().into_iter().filter(loud).collect()
}

#[test]
fn a_broker_that_dies_is_told_once_and_makes_the_process_unready_until_it_is_back() {
    // A broker of its own: other tests use the shared one.
    if bootstrap().is_none() {
        return;
    }
    let owner = std::process::id().to_string();
    let servers = kafka(&["up", "--port", "0", "--owner", &owner]);
    let port = servers.rsplit_once(':').unwrap().1;
    let site = Site::new(&servers, "outage");
    let path = site.path("scopewatch.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("listen = \"\"", "listen = \"127.0.0.1:0\"");
    std::fs::write(&path, text).unwrap();
    site.create_topics();
    let mut service = site.start("a");
    let address = address_of(&mut service);
    service.wait_ran(4);
    wait(&mut service, "not ready", || ready(&address).0);
    wait(&mut service, "no lag", || knows_lag(&address));

    let before = warnings(&service).len();
    kafka(&["down", "--port", port, "--keep"]);
    let died = Instant::now();
    wait(&mut service, "ready", || {
        ready(&address)
            .1
            .contains("no Kafka broker has answered for")
    });
    let took = died.elapsed();
    assert!(
        took > Duration::from_secs(15),
        "{took:?}: a short outage is no trouble"
    );
    assert!(!knows_lag(&address), "the lag is not known");
    let said = warnings(&service).split_off(before);
    println!(
        "{} warnings in {} s:\n{}",
        said.len(),
        took.as_secs(),
        said.join("\n")
    );
    let most = 5 * (took.as_secs() / 10 + 2);
    assert!(
        said.len() as u64 <= most,
        "{} of {most}: {said:#?}",
        said.len()
    );
    assert!(
        said.iter()
            .any(|line| line.contains("no connection to a broker")),
        "{said:#?}"
    );

    kafka(&["up", "--port", port, "--owner", &owner, "--keep"]);
    wait(&mut service, "not ready again", || ready(&address).0);
    wait(&mut service, "no lag again", || knows_lag(&address));
    assert_eq!(service.terminate().0, Some(0));
    kafka(&["down", "--port", port]);
}
