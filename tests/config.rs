//! The configuration as an operator meets it: four sources, every problem at once, no secrets.

#![allow(clippy::disallowed_methods, reason = "no pure room")]

#[path = "config/lists.rs"]
mod lists;
#[path = "support/property.rs"]
mod property;

use proptest::prelude::*;
use scopewatch::codec::AlertFormat;
use scopewatch::config::{
    Config, ConfigSources, KEYS, StoreKind, ValueKind, load_config, settings_reference,
    show_settings,
};
use scopewatch::event::TimeSource;
use scopewatch::kafka::DeliveryGuarantee;
use scopewatch::text::{Diagnostic, SourceFile};

/// The example of the design, with its comments.
const EXAMPLE: &str = r#"
workers = 2                                 # default: cores
delivery = "exactly_once"
time = "append"

[kafka]
bootstrap_servers = "127.0.0.1:9092"
group_id = "scopewatch"
instance_id = "host-1"
properties = { "security.protocol" = "ssl" }

[topics]
actions = "agent.actions"
partitions = 12
replication = 3

[[raw]]
topic = "cloudtrail"
mapping = "schemas/mappings/cloudtrail.jq"
time = "occurred_at"

[store]
path = "/var/lib/scopewatch"
[rules]
path = "rules"
[alerts]
format = "ocsf"
[signing]
key_file = "signing.pem"
issuer = "https://scopewatch.example"
[http]
listen = "127.0.0.1:9464"
[schema.ids]
17 = "schemas/agent-action.avsc"
"#;

fn sources(text: &str) -> ConfigSources {
    ConfigSources {
        file: Some(SourceFile {
            path: "s.toml".into(),
            text: text.into(),
        }),
        host: "host-7".into(),
        cores: 3,
        ..ConfigSources::default()
    }
}

fn pairs(items: &[(&str, &str)]) -> Vec<(String, String)> {
    items
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn good(sources: &ConfigSources) -> Config {
    load_config(sources)
        .unwrap_or_else(|problems| panic!("{}", all(&problems)))
        .config
}

fn bad(sources: &ConfigSources) -> Vec<Diagnostic> {
    load_config(sources)
        .map(|loaded| show_settings(&loaded.config))
        .unwrap_err()
}

fn all(problems: &[Diagnostic]) -> String {
    problems
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}

#[test]
fn the_example_of_the_design_is_read_as_it_says() {
    let config = good(&sources(EXAMPLE));
    assert_eq!(
        (config.workers, config.delivery),
        (2, DeliveryGuarantee::ExactlyOnce)
    );
    assert_eq!(config.kafka.instance_id, "host-1");
    assert_eq!(
        config.kafka.properties.get("security.protocol"),
        Some("ssl")
    );
    assert_eq!(config.raw[0].topic, "cloudtrail");
    assert_eq!(config.raw[0].time, TimeSource::Event);
    assert_eq!(
        config.schema_ids[&17].to_str(),
        Some("schemas/agent-action.avsc")
    );
    assert_eq!(config.http.listen.unwrap().port(), 9464);
    assert_eq!(
        config.signing.key_file.unwrap().to_str(),
        Some("signing.pem")
    );
}

#[test]
fn without_a_file_the_defaults_hold() {
    let config = good(&ConfigSources {
        file: None,
        ..sources("")
    });
    assert_eq!(
        (config.workers, config.kafka.instance_id.as_str()),
        (3, "host-7")
    );
    assert_eq!(config.topics.backfill, "agent.backfill");
    assert_eq!(config.topics.dead_letter, "scopewatch.dlq");
    assert_eq!(
        (config.store.kind, config.alerts.format),
        (StoreKind::RocksDb, AlertFormat::Ocsf)
    );
    assert_eq!(
        (
            config.limits.agents_undeclared_max,
            config.limits.deferral_ms
        ),
        (5_000, 30_000)
    );
    assert_eq!(config.signing.key_file, None);
    assert_eq!(config.time, TimeSource::Append);
}

#[test]
fn every_default_passes_its_own_check() {
    let shown = show_settings(&good(&ConfigSources {
        file: None,
        ..sources("")
    }));
    good(&sources(&shown));
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let mut sources = sources("workers = 4\n[topics]\npartitions = 5\n[store]\nkind = 'memory'");
    sources.env = pairs(&[
        ("SCOPEWATCH_WORKERS", "8"),
        ("SCOPEWATCH_TOPICS__PARTITIONS", "6"),
        ("SCOPEWATCH_KAFKA__BOOTSTRAP_SERVERS", "a:1, b:2"),
        ("SCOPEWATCH_KAFKA__PROPERTIES__SECURITY_PROTOCOL", "ssl"),
        ("SCOPEWATCH_SCHEMA__IDS__9", "nine.avsc"),
        ("SCOPEWATCH_TEST_PYTHON", "/usr/bin/python3"),
        ("PATH", "/bin"),
    ]);
    sources.flags = pairs(&[
        ("topics.partitions", "7"),
        ("kafka.properties.client.id", "me"),
    ]);
    let config = good(&sources);
    assert_eq!((config.workers, config.topics.partitions), (8, 7));
    assert_eq!(config.store.kind, StoreKind::Memory);
    assert_eq!(config.kafka.bootstrap_servers, "a:1, b:2");
    assert_eq!(
        config.kafka.properties.get("security.protocol"),
        Some("ssl")
    );
    assert_eq!(config.kafka.properties.get("client.id"), Some("me"));
    assert_eq!(config.schema_ids[&9].to_str(), Some("nine.avsc"));
    let shown = show_settings(&config);
    assert!(
        shown.contains("workers = 8  # SCOPEWATCH_WORKERS"),
        "{shown}"
    );
    assert!(shown.contains("partitions = 7  # flag"), "{shown}");
    assert!(shown.contains("kind = \"memory\"  # s.toml:5"), "{shown}");
    assert!(
        shown.contains("group_id = \"scopewatch\"  # default"),
        "{shown}"
    );
}

#[test]
fn every_problem_is_told_in_one_run_with_its_place() {
    let text = "\
workers = 0
delivery = \"exactly_onse\"
[kafka]
bootstrap_server = \"127.0.0.1:9092\"
group_id = 7
[topics]
actions = \"bad topic\"
partitions = \"twelve\"
[alert]
format = \"native\"
[[raw]]
topic = \"x\"
maping = \"m.jq\"
[schema.ids]
zero = \"a.avsc\"
";
    let mut sources = sources(text);
    sources.env = pairs(&[
        ("SCOPEWATCH_KAFKA__GRUOP_ID", "x"),
        ("SCOPEWATCH_HTTP__LISTEN", "no"),
    ]);
    sources.flags = pairs(&[("store.kind", "rocks"), ("alerts.format", "ecs")]);
    let problems = bad(&sources);
    let places: Vec<(usize, usize)> = problems.iter().map(|p| (p.line, p.column)).collect();
    let in_file = [
        (1, 11),
        (2, 12),
        (4, 1),
        (5, 12),
        (7, 11),
        (8, 14),
        (9, 2),
        (13, 1),
        (15, 1),
    ];
    assert_eq!(places[..in_file.len()], in_file, "{}", all(&problems));
    let text = all(&problems);
    for wanted in [
        "s.toml:1:11: error: `workers`: 0 is out of range: expected a whole number from 1 to 256",
        "  1 | workers = 0\n    |           ^",
        "did you mean `exactly_once`?",
        "s.toml:4:1: error: unknown key `kafka.bootstrap_server`",
        "did you mean `kafka.bootstrap_servers`?",
        "s.toml:8:14: error: `topics.partitions`: expected a whole number from 1 to 10000",
        "unknown key `alert`",
        "did you mean `alerts`?",
        "did you mean `mapping`?",
        "expected a schema id",
        "environment variable SCOPEWATCH_KAFKA__GRUOP_ID: error: unknown key `kafka.gruop_id`",
        "did you mean `kafka.group_id`?",
        "environment variable SCOPEWATCH_HTTP__LISTEN: error: `http.listen`: expected an address",
        "did you mean `rocksdb`?",
        "`ecs` is not in this version: expected one of `ocsf`, `native`",
    ] {
        assert!(text.contains(wanted), "no `{wanted}` in:\n{text}");
    }
    assert_eq!(problems.len(), in_file.len() + 4, "{text}");
}

#[test]
fn a_key_in_the_wrong_section_is_sent_to_the_right_one() {
    let text = all(&bad(&sources(
        "bootstrap_servers = \"a:1\"\n[kafka]\nlisten = \"x\"\n[limits]\nheld_per_agent_max = 1",
    )));
    let new = "its name is `limits.deferred_per_agent_max` now";
    assert!(text.contains(new), "{text}");
    assert!(
        text.contains("did you mean `kafka.bootstrap_servers`?"),
        "{text}"
    );
    assert!(text.contains("did you mean `http.listen`?"), "{text}");
}

#[test]
fn syntax_errors_have_a_place_and_do_not_hide_the_rest() {
    let problems = bad(&sources("workers = \n\n[store]\nkid = \"memory\"\n"));
    let text = all(&problems);
    assert!(text.contains("s.toml:1:1"), "{text}");
    assert!(
        text.contains("s.toml:4:1: error: unknown key `store.kid`"),
        "{text}"
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let text = "\
[topics]
actions = \"agent.alerts\"
[[raw]]
topic = \"agent.scopes\"
mapping = \"m.jq\"
[signing]
key_file = \"k.pem\"
[limits]
deferred_per_agent_max = 100
deferred_per_partition_max = 10
";
    let text = all(&bad(&sources(text)));
    for wanted in [
        "s.toml:2: error: `topics.alerts` and `topics.actions` are both `agent.alerts`",
        "s.toml:4: error: `raw.topic`: `agent.scopes` is also topics.scopes",
        "s.toml:7: error: `signing.key_file` needs `signing.issuer`",
        "s.toml:9: error: `limits.deferred_per_agent_max` is above",
    ] {
        assert!(text.contains(wanted), "no `{wanted}` in:\n{text}");
    }
}

#[test]
fn properties_that_would_break_a_guarantee_are_refused_from_every_source() {
    for name in [
        "isolation.level",
        "enable.idempotence",
        "transactional.id",
        "group.id",
    ] {
        let file = format!("[kafka]\nproperties = {{ \"{name}\" = \"x\" }}");
        assert!(
            all(&bad(&sources(&file))).contains("is not yours to set"),
            "{name}"
        );
        let flags = pairs(&[(&format!("kafka.properties.{name}"), "x")]);
        let problems = bad(&ConfigSources {
            flags,
            ..sources("")
        });
        assert!(all(&problems).contains("is not yours to set"), "{name}");
        let variable = format!("SCOPEWATCH_KAFKA__PROPERTIES__{}", name.replace('.', "_"));
        let env = pairs(&[(&variable.to_uppercase(), "x")]);
        let problems = bad(&ConfigSources { env, ..sources("") });
        assert!(all(&problems).contains("is not yours to set"), "{name}");
    }
}

#[test]
fn an_open_connection_beyond_this_machine_and_a_retired_setting_are_warnings() {
    let warn = |text: &str| all(&load_config(&sources(text)).unwrap().warnings);
    assert_eq!(warn(""), "");
    let open = "[kafka]\nbootstrap_servers = \"kafka.example:9092\"";
    assert!(warn(open).contains("s.toml:2: warning"), "{}", warn(open));
    let retired = warn("[topics]\nclasses = \"c\"\n");
    assert!(retired.contains("`topics.classes` has no effect"));
    let ssl = "\nproperties = { \"security.protocol\" = \"SASL_SSL\" }";
    assert_eq!(warn(&format!("{open}{ssl}")), "");
}

#[test]
fn a_misspelt_top_level_variable_is_a_warning() {
    let env = pairs(&[
        ("SCOPEWATCH_WORKER", "3"),
        ("SCOPEWATCH_STORE_CRASH_ROLE", "x"),
    ]);
    let loaded = load_config(&ConfigSources { env, ..sources("") }).unwrap();
    let text = all(&loaded.warnings);
    assert_eq!(loaded.warnings.len(), 1, "{text}");
    assert!(
        text.contains("did you mean `SCOPEWATCH_WORKERS`?"),
        "{text}"
    );
}

#[test]
fn what_is_shown_reads_back_to_the_same_settings() {
    let first = show_settings(&good(&sources(EXAMPLE)));
    let again = show_settings(&good(&sources(&first)));
    let bare = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split("  # ").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(bare(&first), bare(&again));
}

#[test]
fn the_reference_names_every_setting_and_the_page_holds_it() {
    let table = settings_reference();
    for key in KEYS {
        assert!(
            table.contains(&format!("| `{}` |", key.path)),
            "{}",
            key.path
        );
        assert!(!matches!(key.kind, ValueKind::Choice([])), "{}", key.path);
    }
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    // The page wraps its sentences.
    let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        unwrapped(&page).contains(&unwrapped(&table)),
        "docs/configuration.md does not hold the table of settings; paste this:\n\n{table}"
    );
}

/// Ways to write a secret into the sources, and to be wrong next to it.
fn secretive(secret: &str, way: usize) -> ConfigSources {
    let file = match way {
        0 => format!("[kafka]\nproperties = {{ \"sasl.password\" = \"{secret}\" }}"),
        1 => format!("[kafka]\ngroup_id = 5\nproperties = {{ \"ssl.key.pem\" = '''{secret}''' }}"),
        2 => {
            format!("[kafka]\nproperties = {{ \"sasl.password\" = \"{secret}\", \"acks\" = \"1\"}}")
        }
        3 => format!("[kafka]\nsasl_password = \"{secret}\""),
        4 => format!("[kafka.properties]\n\"sasl.password\" = \"{secret}\nx = 1"),
        5 => format!("[kafka.properties]\n\"sasl.password\" = {secret}"),
        6 => format!("[signing]\nkey = \"{secret}\""),
        7 => format!("[signing]\nkeyfile = \"{secret}\"\n"),
        8 => format!(
            "kafka = {{ properties = {{ \"sasl.jaas.config\" =\n\"{secret}\" }}, group_id = 5 }}"
        ),
        9 => format!("[kafka.properties]\n\"sasl.oauthbearer.client.secret\" = [\"{secret}\"]"),
        10 => format!("token = \"{secret}\"\nworkers = \"x\""),
        15 => format!("[kafka]\nproperties = {{ \"sasl.passwrd\" = \"{secret}\", \"acks\" = 1 }}"),
        16 => format!("[kafka.properties]\n\"sasl.usr\" = \"{secret}\"\n[kafka]\ngroup_id = 1"),
        17 => format!("[kafka.properties]\nsasl.pw = \"{secret}\""),
        18 => format!("[kafka.properties]\nsasl.pw = {secret}"),
        19 => format!("[kafka]\nproperties = \"{secret}\""),
        20 => format!("[kafka]\nproperties = [\n\"{secret}\",\n]"),
        21 => format!("kafka = {{ pw = \"{secret}\", group_id = 5 }}"),
        22 => format!("kafka = {{ pw = {secret}, group_id = 5 }}"),
        23 => format!("[kafka]\nbootstrap_servers = \"sasl://u:{secret}@b:9092\""),
        24 => format!("[kafka]\nbootstrap_servers = \"u:{secret}@b:9092\""),
        25 => format!("[kafka]\nproprties.x = \"\"\"\n{secret}\n\"\"\"\nworkers = ["),
        26 => format!("[signing]\nkey_file = \"\"\"\n-----BEGIN\n{secret}\n\"\"\"\nissuer = \"i\""),
        27 => format!("[signing]\nkey_file = \"-----BEGIN {secret}\"\nissuer = \"i\""),
        28 => format!("[signing]\nissuer = [\"{secret}\"]\nevent_uri = {secret}"),
        29 => format!("[[raw]]\ntopic = \"t\"\npw = \"{secret}\"\n[http]\npw = \"{secret}\""),
        30 => format!("raw = [\"{secret}\"]\nstore = \"{secret}\""),
        31 => format!("{secret} = 1 = 2\n\"{secret}"),
        32 => format!("[kafka.properties]\n\"sasl.pw\" = '{secret}' '{secret}'"),
        33 => format!("[kafka.properties]\nx = '''\n{secret}\n''' y\n{secret}=\n= {secret}"),
        34 => format!("[schema.ids]\nx = \"{secret}\"\n[signing.audiences]\n\"\" = \"{secret}\""),
        _ => String::new(),
    };
    let mut sources = sources(&file);
    match way {
        11 => sources.env = pairs(&[("SCOPEWATCH_KAFKA__PROPERTIES__SASL_PASSWORD", secret)]),
        12 => sources.env = pairs(&[("SCOPEWATCH_KAFKA__SASL_PASSWORD", secret)]),
        13 => sources.flags = pairs(&[("kafka.properties.ssl.key.password", secret)]),
        14 => sources.flags = pairs(&[("kafka.password", secret)]),
        35 => sources.env = pairs(&[("SCOPEWATCH_KAFKA__PROPERTIES__SASL_PASSWRD", secret)]),
        36 => sources.env = pairs(&[("SCOPEWATCH_KAFKA__PROPERTIES", secret)]),
        37 => sources.env = pairs(&[("SCOPEWATCH_KAFKA__PROPERTIES__ACKS", secret)]),
        38 => {
            sources.env = pairs(&[
                ("SCOPEWATCH_PASSWORD", secret),
                ("SCOPEWATCH_TIME_", secret),
            ])
        }
        39 => {
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n");
            sources.env = pairs(&[("SCOPEWATCH_SIGNING__KEY_FILE", &pem)]);
        }
        40 => {
            let servers = format!("u:{secret}@b:9092");
            sources.env = pairs(&[("SCOPEWATCH_KAFKA__BOOTSTRAP_SERVERS", &servers)]);
        }
        41 => sources.flags = pairs(&[("kafka.properties.sasl.pw", secret)]),
        42 => sources.flags = pairs(&[("kafka.properties", secret), ("workers", secret)]),
        _ => {}
    }
    sources
}

proptest! {
    #![proptest_config(property::config(1_024))]

    #[test]
    fn no_secret_leaves_through_debug_show_or_a_problem(
        secret in "[A-Za-z0-9+/]{12,40}",
        way in 0..43_usize,
        broken in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut sources = secretive(&secret, way);
        // A file that ends too early is another fault beside the secret.
        if let (Some(file), true) = (&mut sources.file, is_cut) {
            let at = cut.index(file.text.len() + 1);
            if !file.text[at..].contains(&secret) {
                file.text.truncate(at);
            }
        }
        if broken {
            sources.flags.push(("workers".into(), "none".into()));
        }
        let told = match load_config(&sources) {
            Ok(loaded) => {
                let shown = show_settings(&loaded.config);
                format!("{:?}{shown}{}", loaded, all(&loaded.warnings))
            }
            Err(problems) => format!("{:?}{}", problems, all(&problems)),
        };
        prop_assert!(!told.contains(&secret), "way {}: {}", way, told);
    }

    #[test]
    fn no_file_makes_the_reader_panic(text in "[a-z\\[\\]={}\"'\\n .0-9ä]{0,200}") {
        let _ = load_config(&sources(&text));
    }
}
