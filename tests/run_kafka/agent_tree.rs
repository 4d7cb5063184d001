//! `agent tree --url`: two instances, each of which knows the agents of its own partitions.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use scopewatch::engine::partitioner::partition_of_key;
use serde_json::{Value, json};

use super::metrics::{address_of, page};
use super::support::fleet::Records;
use super::support::kafka::{bootstrap, produce};
use super::support::service::{PARTITIONS, PATIENCE, Service, Site, scopewatch};

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

fn partition(agent: &str) -> i32 {
    let partitions = u32::try_from(PARTITIONS).unwrap();
    partition_of_key(format!("acme/{agent}").as_bytes(), partitions)
}

/// A root, its child and its grandchild, each in a partition of its own.
fn family() -> [String; 3] {
    [("planner", 0), ("worker", 1), ("helper", 2)].map(|(name, home)| {
        let mut names = (0..).map(|n| format!("{name}-{n}"));
        names.find(|name| partition(name) == home).unwrap()
    })
}

/// The scopes of the family, each the child of the one before it.
fn scopes(family: &[String]) -> Records {
    let now_ms = now_ms();
    let mut parent: Option<&String> = None;
    let mut records = Records::new();
    for (n, agent) in (1_u64..).zip(family) {
        let mut scope = json!({
            "scope_id": format!("s-{agent}"), "tenant": "acme", "agent": {"id": agent},
            "effective_from": now_ms - 60_000, "expires_at": now_ms + 3_600_000 / n,
            "grants": [{"resource_types": ["database.*"], "verbs": ["read"]}],
        });
        if let Some(parent) = parent.replace(agent) {
            scope["parent"] = json!({"agent_id": parent, "scope_id": format!("s-{parent}")});
        }
        records.push((format!("acme/{agent}"), scope.to_string()));
    }
    records
}

/// What an instance knows of the agent: its tree, or why there is none.
fn ask(address: &str, agent: &str) -> Result<Value, String> {
    let (name, url) = (format!("acme/{agent}"), format!("http://{address}"));
    let output = scopewatch(&["agent", "tree", &name, "--json", "--url", &url]);
    match output.status.code() {
        Some(0) => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        Some(2) => Err(String::from_utf8(output.stderr).unwrap()),
        code => panic!("{code:?}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn names(tree: &Value) -> Vec<&str> {
    let agents = tree["agents"].as_array().unwrap().iter();
    agents
        .map(|agent| agent["agent_id"].as_str().unwrap())
        .collect()
}

/// Waits until each instance has half of the partitions.
fn wait_shared(services: &mut [Service], addresses: &[String]) {
    let until = Instant::now() + PATIENCE;
    let has_half = |address: &String| {
        let half = format!("\nscopewatch_partitions_assigned {}\n", PARTITIONS / 2);
        page(address).is_some_and(|page| page.contains(&half))
    };
    while !addresses.iter().all(has_half) {
        services.iter_mut().for_each(Service::check);
        assert!(Instant::now() < until, "{}", services[0].last_words());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Waits until one instance knows the whole family by the agent; returns the trees that both have.
fn wait_known(
    services: &mut [Service],
    addresses: &[String],
    agent: &str,
    family: &[String],
) -> Vec<Result<Value, String>> {
    let until = Instant::now() + PATIENCE;
    loop {
        let asked: Vec<_> = addresses
            .iter()
            .map(|address| ask(address, agent))
            .collect();
        if asked.iter().flatten().any(|tree| names(tree) == *family) {
            return asked;
        }
        services.iter_mut().for_each(Service::check);
        assert!(Instant::now() < until, "{agent}: {asked:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn each_instance_shows_the_trees_of_its_own_agents() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::new(&servers, "trees");
    let path = site.path("scopewatch.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("listen = \"\"", "listen = \"127.0.0.1:0\""),
    )
    .unwrap();
    site.use_append_time();
    site.create_topics();
    let family = family();
    produce(&servers, &site.topic("scopes"), &scopes(&family));
    let mut services = ["a", "b"].map(|instance| site.start(instance));
    let addresses = services.each_mut().map(address_of);
    wait_shared(&mut services, &addresses);
    for agent in &family {
        let asked = wait_known(&mut services, &addresses, agent, &family);
        let home = format!("acme/{agent}: partition {}, which", partition(agent));
        for answer in &asked {
            let Ok(tree) = answer else {
                let refused = answer.as_ref().unwrap_err();
                assert!(refused.contains(&home), "{refused}");
                continue;
            };
            for (other, shown) in family.iter().zip(tree["agents"].as_array().unwrap()) {
                // Of a parent in the other instance, its scope is known by its link.
                let scope = format!("s-{other}");
                match shown["source"].as_str().unwrap() {
                    "state" | "link" => assert_eq!(shown["scopes"][0]["scope_id"], scope.as_str()),
                    "out_of_reach" => assert_eq!(shown["partition"], partition(other)),
                    source => panic!("{source}: {tree:#}"),
                }
            }
        }
        let known = asked.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(known, 1, "{agent}: {asked:#?}");
    }
    let nobody = addresses.each_ref().map(|address| ask(address, "nobody"));
    let unknown = |answer: &&Result<Value, String>| {
        answer
            .as_ref()
            .is_err_and(|text| text.contains("nothing is known"))
    };
    assert_eq!(nobody.iter().filter(unknown).count(), 1, "{nobody:#?}");
    for service in services {
        assert_eq!(service.terminate().0, Some(0));
    }
}
