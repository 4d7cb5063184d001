//! The program as a process: its configuration, start, signals and output.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use scopewatch::engine::contract::PartitionMeta;
use scopewatch::event::Input;
use scopewatch::store::META_KEY;
use tempfile::TempDir;

use super::kafka::{ReadRecord, committed, ends, read_all, unique};

/// The session timeout: short for tests. Bounds on recovery are stated relative to it.
pub const SESSION: Duration = Duration::from_secs(6);
pub const PARTITIONS: i32 = 4;
pub const ISSUER: &str = "https://scopewatch.example";
/// How long to wait for anything, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program to its end, without our variables in its environment.
pub fn scopewatch<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Output {
    command().args(args).output().unwrap()
}

/// Runs the program to its end; panics with its output when the exit code is not the expected one.
pub fn expect_code<S: AsRef<std::ffi::OsStr>>(code: i32, args: &[S]) -> (String, String) {
    let output = scopewatch(args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

fn command() -> Command {
    prepared(Command::new(env!("CARGO_BIN_EXE_scopewatch")))
}

/// A command that runs in the repository, without our variables in its environment.
fn prepared(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SCOPEWATCH_") {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command
}

/// The topics, configuration file, rules and stores of one test.
pub struct Site {
    pub folder: TempDir,
    pub servers: String,
    pub name: String,
    /// Partitions of each topic.
    pub partitions: i32,
}

impl Site {
    /// Creates the topics, writes the configuration and copies the shipped rules.
    pub fn new(servers: &str, name: &str) -> Site {
        Site::with_partitions(servers, name, PARTITIONS)
    }

    /// As [`Site::new`], with another number of partitions.
    pub fn with_partitions(servers: &str, name: &str, partitions: i32) -> Site {
        let site = Site {
            folder: tempfile::tempdir().unwrap(),
            servers: servers.to_owned(),
            name: unique(name),
            partitions,
        };
        site.configure();
        copy_tree(&root().join("rules"), &site.path("rules"));
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn topic(&self, word: &str) -> String {
        format!("{}.{word}", self.name)
    }

    fn configure(&self) {
        let mut topics = format!("partitions = {}\nreplication = 1\n", self.partitions);
        for word in ["actions", "scopes", "control", "backfill", "links"] {
            topics += &format!("{word} = \"{}\"\n", self.topic(word));
        }
        for word in ["changelog", "alerts", "revocations", "dead_letter", "audit"] {
            topics += &format!("{word} = \"{}\"\n", self.topic(word));
        }
        let (servers, name, rules) = (&self.servers, &self.name, self.path("rules"));
        let session_ms = SESSION.as_millis();
        let text = format!(
            "workers = 2\ntime = \"event\"\n\
             [kafka]\nbootstrap_servers = \"{servers}\"\ngroup_id = \"{name}\"\n\
             properties = {{ \"heartbeat.interval.ms\" = \"500\" }}\n\
             [topics]\n{topics}\
             [rules]\npath = {rules:?}\n\
             [alerts]\nformat = \"native\"\n\
             [http]\nlisten = \"\"\n\
             [internal]\nsession_timeout_ms = {session_ms}\ntransaction_timeout_ms = 5000\n"
        );
        std::fs::write(self.path("scopewatch.toml"), text).unwrap();
    }

    /// Lets the broker's times count, as in production; to be called before the topics are created.
    pub fn use_append_time(&self) {
        let path = self.path("scopewatch.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = text.replace("time = \"event\"", "time = \"append\"");
        assert_ne!(text, changed);
        std::fs::write(path, changed).unwrap();
    }

    /// Adds tables to the end of the configuration.
    pub fn append_config(&self, more: &str) {
        let path = self.path("scopewatch.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text + more).unwrap();
    }

    pub fn create_topics(&self) {
        let config = self.text("scopewatch.toml");
        expect_code(0, &["topics", "create", "--config", &config]);
    }

    /// Makes a signing key and configures it; returns the published keys.
    pub fn make_key(&self) -> serde_json::Value {
        let key = self.text("signing.pem");
        expect_code(0, &["keys", "generate", "--out", &key]);
        let (keys, _) = expect_code(0, &["keys", "jwks", &key]);
        serde_json::from_str(&keys).unwrap()
    }

    /// Sets a policy that sends every request at once.
    pub fn revoke_at_once(&self) {
        self.set_default_mode("auto");
    }

    /// Sets the mode of every rule that has none of its own.
    pub fn set_default_mode(&self, mode: &str) {
        let path = self.path("rules/response.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = text.replace("default: shadow", &format!("default: {mode}"));
        assert_ne!(text, changed);
        std::fs::write(path, changed).unwrap();
    }

    /// The arguments of `run` for one instance, each with a store of its own.
    pub fn arguments(&self, instance: &str) -> Vec<String> {
        let (config, store) = (
            self.text("scopewatch.toml"),
            self.text(&format!("store-{instance}")),
        );
        let sets = [
            format!("kafka.instance_id={instance}"),
            format!("store.path={store}"),
        ];
        let mut arguments = vec!["run".to_owned(), "--config".to_owned(), config];
        for set in sets {
            arguments.extend(["--set".to_owned(), set]);
        }
        arguments
    }

    pub fn start(&self, instance: &str) -> Service {
        Service::start(&self.arguments(instance))
    }

    /// Number of actions that the group has committed, over all partitions.
    pub fn committed(&self) -> i64 {
        let (topic, partitions) = (self.topic("actions"), self.partitions);
        let offsets = committed(&self.servers, &self.name, &topic, partitions);
        offsets.values().sum()
    }

    /// Waits until more than `before` actions are committed; returns how many are.
    pub fn wait_commit(&self, before: i64, service: &mut Service) -> i64 {
        let until = Instant::now() + PATIENCE;
        loop {
            let now = self.committed();
            if now > before {
                return now;
            }
            service.check();
            assert!(
                Instant::now() < until,
                "no commit after {now}; {}",
                service.last_words()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until every record of the inputs is applied and committed, also the links between
    /// partitions, and none follows.
    pub fn wait_settled(&self, within: Duration) {
        let until = Instant::now() + within;
        while !self.is_settled() {
            assert!(Instant::now() < until, "records are not applied");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn is_settled(&self) -> bool {
        // The state first: a link that is sent after it was read is then found to be unapplied.
        let applied = self.applied();
        let inputs = Input::ALL
            .iter()
            .zip(["scopes", "control", "links", "actions"]);
        let is_applied =
            |(input, word): (&Input, &str)| self.unapplied(&applied, *input, word) == 0;
        inputs.into_iter().all(is_applied)
    }

    /// The last committed META of each partition.
    fn applied(&self) -> BTreeMap<i32, PartitionMeta> {
        let changelog = self.read_all("changelog").into_iter();
        let metas = changelog.filter(|record| record.key.as_deref() == Some(META_KEY));
        let decode = |value: Option<Vec<u8>>| PartitionMeta::from_bytes(&value.unwrap()).unwrap();
        metas
            .map(|record| (record.partition, decode(record.value)))
            .collect()
    }

    /// How many partitions of a topic have records behind what was applied.
    fn unapplied(&self, applied: &BTreeMap<i32, PartitionMeta>, input: Input, word: &str) -> usize {
        let mut last = BTreeMap::new();
        for record in self.read_all(word) {
            last.insert(record.partition, record.offset);
        }
        let index = Input::ALL.iter().position(|one| *one == input).unwrap();
        let is_behind = |(partition, offset): &(i32, i64)| {
            let meta = applied.get(partition);
            let next = meta.and_then(|meta| meta.offsets_next[index]);
            next.is_none_or(|next| next <= *offset)
        };
        last.into_iter().filter(is_behind).count()
    }

    /// Every record that a `read_committed` reader finds in one of the site's topics.
    pub fn read_all(&self, word: &str) -> Vec<ReadRecord> {
        read_all(&self.servers, &self.topic(word), self.partitions)
    }

    /// Checks that no transaction is open on any output topic.
    pub fn check_no_open_transaction(&self) {
        for word in [
            "alerts",
            "revocations",
            "dead_letter",
            "audit",
            "links",
            "changelog",
        ] {
            let (servers, topic) = (&self.servers, self.topic(word));
            let until = Instant::now() + Duration::from_secs(30);
            loop {
                let high = ends(servers, &topic, self.partitions, "read_uncommitted");
                let stable = ends(servers, &topic, self.partitions, "read_committed");
                if high == stable {
                    break;
                }
                assert!(
                    Instant::now() < until,
                    "a transaction stays open on {topic}"
                );
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// A running `scopewatch run`, which ends with the test.
pub struct Service {
    process: Child,
    lines: Arc<Mutex<Vec<String>>>,
    pub started: Instant,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Service {
    pub fn start(arguments: &[String]) -> Service {
        Service::spawn(command().args(arguments))
    }

    /// Starts it with a limit of `blocks` of 512 bytes on the size of every file.
    pub fn start_on_a_small_disk(arguments: &[String], blocks: u32) -> Service {
        let limited = format!(r#"trap "" XFSZ; ulimit -f {blocks}; exec "$0" "$@""#);
        Service::spawn(
            prepared(Command::new("sh"))
                .args(["-c", &limited, env!("CARGO_BIN_EXE_scopewatch")])
                .args(arguments),
        )
    }

    fn spawn(command: &mut Command) -> Service {
        let started = Instant::now();
        let mut process = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let read = BufReader::new(process.stderr.take().unwrap()).lines();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in read.map_while(Result::ok) {
                heard.lock().unwrap().push(line);
            }
        });
        Service {
            process,
            lines,
            started,
        }
    }

    pub fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.process.id()).unwrap();
        // SAFETY: a signal to a process of our own that has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Panics when the process has ended by itself.
    pub fn check(&mut self) {
        let ended = self.process.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "it ended: {ended:?}; {}",
            self.last_words()
        );
    }

    /// Sends SIGTERM; returns the exit code and how long the process took to end.
    pub fn terminate(mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.signal(libc::SIGTERM);
        let status = self.process.wait().unwrap();
        let took = asked.elapsed();
        assert!(status.success(), "{status}: {}", self.last_words());
        (status.code(), took)
    }

    /// Waits for the end; returns the exit code and the whole output.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                // The thread that reads the output may be a line behind.
                std::thread::sleep(Duration::from_millis(100));
                return (status.code(), self.lines.lock().unwrap().join("\n"));
            }
            assert!(
                Instant::now() < until,
                "it does not end: {}",
                self.last_words()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Partitions that the log names as running.
    pub fn ran(&self) -> BTreeSet<i64> {
        let lines = self.lines.lock().unwrap();
        let events = lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        let running =
            events.filter(|event: &serde_json::Value| event["message"] == "partition restored");
        running
            .filter_map(|event| event["partition"].as_i64())
            .collect()
    }

    /// Waits until the log names `count` partitions as running.
    pub fn wait_ran(&mut self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.ran().len() < count {
            self.check();
            assert!(
                Instant::now() < until,
                "runs {:?}; {}",
                self.ran(),
                self.last_words()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The output so far.
    pub fn said(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub fn last_words(&self) -> String {
        let lines = self.lines.lock().unwrap();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// Copies the files below a folder.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
