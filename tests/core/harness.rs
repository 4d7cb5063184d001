//! The real task of a partition over an in-memory store. The harness does the work of the worker:
//! it keeps a log of the records that arrived, stores commits, and after an abort opens the task
//! again and repeats every record that META does not cover.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use scopewatch::codec::set::SetSettings;
use scopewatch::codec::{AlertFormat, Decoder, SchemaSet};
use scopewatch::detector;
use scopewatch::engine::contract::{
    InputRecord, OutputRecord, OutputTopic, PartitionCommit, PartitionMeta, PartitionTask,
    TaskError,
};
use scopewatch::engine::{
    Engine, EngineOptions, EngineTask, Rules, parse_rules, shipped_rule_files,
};
use scopewatch::event::{Input, RecordPosition, TimeSource};
use scopewatch::rule::TEST_START_MS;
use scopewatch::store::{MemoryStore, Store, WriteBatch};
use scopewatch::text::SourceFile;
use serde_json::{Value as Json, json};

/// Monday 2026-03-02, 09:00 UTC.
pub const T0: i64 = TEST_START_MS;
pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 3_600_000;

/// The shipped rules, with `more` files beside or instead of them.
pub fn rules_with(more: &[SourceFile]) -> Rules {
    let mut files = shipped_rule_files();
    files.retain(|file| more.iter().all(|other| other.path != file.path));
    files.extend(more.iter().cloned());
    let loaded = parse_rules(&files, &[]);
    loaded
        .rules
        .unwrap_or_else(|| panic!("{:#?}", loaded.problems))
}

pub fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.into(),
        text: text.into(),
    }
}

pub fn options() -> EngineOptions {
    EngineOptions {
        partitions: 1,
        time: TimeSource::Append,
        detector: detector::DetectorSettings::default(),
        alert_format: AlertFormat::Native,
        set: SetSettings::new("https://scopewatch.test"),
        agents_cached_max: 10_000,
        ticks: true,
    }
}

pub fn engine(rules: Rules, options: EngineOptions) -> Arc<Engine> {
    let decoder = Decoder::new(SchemaSet::new([]).unwrap());
    Arc::new(Engine::new(decoder, rules, None, options))
}

/// State of a partition by key, without META.
pub type Entries = BTreeMap<String, Vec<u8>>;

pub struct Harness {
    pub engine: Arc<Engine>,
    pub store: MemoryStore,
    pub task: EngineTask,
    number: i32,
    /// Everything that arrived, in order of arrival.
    pub log: Vec<InputRecord>,
    /// The outputs of the committed transactions.
    pub outputs: Vec<OutputRecord>,
    pub changelog: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub metas: Vec<PartitionMeta>,
    offsets: BTreeMap<Input, i64>,
}

impl Harness {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self::of_partition(engine, 0)
    }

    pub fn of_partition(engine: Arc<Engine>, number: i32) -> Self {
        let store = MemoryStore::new();
        store.open_partition(number).unwrap();
        let task = EngineTask::open(Arc::clone(&engine), number, &store).unwrap();
        Harness {
            number,
            engine,
            store,
            task,
            log: Vec::new(),
            outputs: Vec::new(),
            changelog: Vec::new(),
            metas: Vec::new(),
            offsets: BTreeMap::new(),
        }
    }

    /// A harness with the shipped rules and options that `change` has changed.
    pub fn with(change: impl FnOnce(&mut EngineOptions)) -> Self {
        let mut options = options();
        change(&mut options);
        Self::new(engine(rules_with(&[]), options))
    }

    /// Adds a record to the log and pushes it to the task.
    pub fn push(&mut self, record: InputRecord) {
        self.log.push(record.clone());
        self.task.push(record);
    }

    /// A JSON record of acme/a1, or of the agent that it names.
    pub fn send(&mut self, input: Input, append_ms: i64, body: &Json) -> InputRecord {
        let offset = self.offsets.entry(input).or_default();
        let record = record(input, *offset, append_ms, body);
        *offset += 1;
        self.push(record.clone());
        record
    }

    pub fn action(&mut self, append_ms: i64, body: Json) {
        self.send(Input::Actions, append_ms, &body);
    }

    pub fn scope(&mut self, append_ms: i64, body: Json) {
        self.send(Input::Scopes, append_ms, &body);
    }

    pub fn tick(&mut self, append_ms: i64) {
        self.send(Input::Links, append_ms, &json!({"body": "tick"}));
    }

    pub fn process(&mut self) -> Result<(), TaskError> {
        self.task.process_queued(&self.store)
    }

    /// Processes and takes the commit without storing it, as the worker does before its
    /// transaction.
    pub fn take(&mut self) -> Option<PartitionCommit> {
        self.process().unwrap();
        self.task.take_commit()
    }

    /// Stores a commit, as after its transaction has been committed.
    pub fn store(&mut self, commit: &PartitionCommit) {
        let batch = WriteBatch::for_partition(
            commit.partition,
            commit.store_entries(),
            commit.meta.to_bytes(),
        );
        self.store.write(batch).unwrap();
        self.task.confirm_commit(commit);
        self.outputs.extend(commit.outputs.iter().cloned());
        self.changelog.extend(commit.changelog.iter().cloned());
        self.metas.push(commit.meta.clone());
    }

    /// Processes and commits; returns the alerts of this step.
    pub fn step(&mut self) -> Vec<Json> {
        match self.take() {
            None => Vec::new(),
            Some(commit) => {
                self.store(&commit);
                alerts(&commit.outputs)
            }
        }
    }

    /// Drops the task with everything since the last stored commit, and opens it from the store.
    pub fn reopen(&mut self) {
        let task = EngineTask::open(Arc::clone(&self.engine), self.number, &self.store);
        self.task = task.unwrap();
        for record in &self.log {
            let next = self.task.meta().offset_next(record.input).unwrap_or(0);
            if record.position.offset >= next {
                self.task.push(record.clone());
            }
        }
    }

    /// All alerts committed so far.
    pub fn alerts(&self) -> Vec<Json> {
        alerts(&self.outputs)
    }

    pub fn count(&self, name: &str) -> u64 {
        let named = self.engine.totals().detector.named();
        named.iter().find(|(known, _)| *known == name).unwrap().1
    }

    pub fn entries(&self) -> Entries {
        entries_of(&self.store, self.number)
    }
}

pub fn entries(store: &MemoryStore) -> Entries {
    entries_of(store, 0)
}

fn entries_of(store: &MemoryStore, number: i32) -> Entries {
    let mut found = Entries::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        if key != b"#meta" {
            found.insert(String::from_utf8(key.to_vec()).unwrap(), value.to_vec());
        }
        ControlFlow::Continue(())
    };
    store.scan_prefix(number, b"", &mut visit).unwrap();
    found
}

/// A record as a gateway would key it.
pub fn record(input: Input, offset: i64, append_ms: i64, body: &Json) -> InputRecord {
    let mut body = body.clone();
    if input != Input::Links {
        let object = body.as_object_mut().unwrap();
        object.entry("tenant").or_insert("acme".into());
        let learning = object.get("learning");
        let names =
            |learning: &Json| learning["class"].is_object() || learning["where"].is_object();
        let of_tenant = learning.is_some_and(names)
            || object
                .get("import")
                .is_some_and(|import| import["part"].is_string());
        if !object.contains_key("agent_id") && !of_tenant {
            object.entry("agent.id").or_insert("a1".into());
        }
        if input == Input::Scopes {
            object.entry("scope_id").or_insert("s1".into());
        }
    }
    let agent = body
        .get("agent.id")
        .or(body.get("agent_id"))
        .and_then(Json::as_str);
    let key = match (agent, input) {
        (Some(agent), _) => format!("{}/{agent}", body["tenant"].as_str().unwrap()),
        (None, Input::Links) => "#link".to_owned(),
        (None, _) => format!("{}/", body["tenant"].as_str().unwrap()),
    };
    raw(
        input,
        offset,
        append_ms,
        Some(key.as_bytes()),
        Some(body.to_string().as_bytes()),
    )
}

pub fn raw(
    input: Input,
    offset: i64,
    append_ms: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> InputRecord {
    let topic = match input {
        Input::Scopes => "agent.scopes",
        Input::Control => "agent.control",
        Input::Links => "scopewatch.links",
        Input::Actions => "agent.actions",
        Input::Backfill => "agent.backfill",
    };
    InputRecord {
        input,
        position: RecordPosition {
            topic: topic.into(),
            partition: 0,
            offset,
            index: 0,
        },
        append_ms,
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: Vec::new(),
    }
}

/// The alerts among messages.
pub fn alerts(outputs: &[OutputRecord]) -> Vec<Json> {
    of(outputs, OutputTopic::Alerts)
        .map(|output| serde_json::from_slice(output.value.as_ref().unwrap()).unwrap())
        .collect()
}

pub fn of(outputs: &[OutputRecord], topic: OutputTopic) -> impl Iterator<Item = &OutputRecord> {
    outputs.iter().filter(move |output| output.topic == topic)
}

/// Messages without the journal, which is the only output that depends on batches.
pub fn messages(outputs: &[OutputRecord]) -> Vec<&OutputRecord> {
    let journal = |output: &OutputRecord| {
        output.topic == OutputTopic::Audit && output.key.as_deref() == Some(b"#journal")
    };
    outputs.iter().filter(|output| !journal(output)).collect()
}

/// Title of the alert's rule, and its activity.
pub fn said(alert: &Json) -> (String, String) {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    (text(&alert["rule"]["title"]), text(&alert["activity"]))
}

/// Titles of the incidents that were opened.
pub fn created(alerts: &[Json]) -> Vec<String> {
    let opened = alerts.iter().filter(|alert| alert["activity"] == "create");
    opened.map(|alert| said(alert).0).collect()
}

/// A grant of everything.
pub fn anything() -> Json {
    json!([{"resource_types": ["*"]}])
}

/// A grant of reading databases.
pub fn databases() -> Json {
    json!([{"resource_types": ["database.*"], "verbs": ["read", "list"]}])
}

/// A read that [`databases`] grants.
pub fn read(id: &str) -> Json {
    json!({"event_id": id, "resource.type": "database.table", "action.verb": "read"})
}

/// A send that [`databases`] does not grant.
pub fn mail(id: &str) -> Json {
    json!({"event_id": id, "resource.type": "email.message", "action.verb": "read"})
}
