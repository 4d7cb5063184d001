//! Twelve partitions with links between them. What a partition read, links included, gives the same
//! messages, links and state for any batches, aborts and restarts.

use std::collections::VecDeque;
use std::sync::Arc;

use scopewatch::engine::Engine;
use scopewatch::engine::contract::{InputRecord, OutputRecord, OutputTopic};
use scopewatch::engine::partitioner::partition_of_key;
use scopewatch::event::Input;

use crate::fleet::{cuts, fleet_engine, records, run, same};
use crate::harness::{Harness, alerts, of, raw};

const PARTITIONS: u32 = 12;
/// Time between two records, ms: room for the links that the first leads to, one ms for each hop.
const SPACING_MS: i64 = 16;

/// The tasks of all partitions, and the log of what each read.
struct Cluster {
    engine: Arc<Engine>,
    partitions: Vec<Harness>,
    /// Next offset of each input of each partition.
    offsets: Vec<[i64; 5]>,
}

impl Cluster {
    fn new(engine: Arc<Engine>) -> Self {
        let numbers = 0..PARTITIONS as i32;
        let open = |number| Harness::of_partition(Arc::clone(&engine), number);
        Cluster {
            partitions: numbers.map(open).collect(),
            offsets: vec![[0; 5]; PARTITIONS as usize],
            engine,
        }
    }

    /// Appends a record to its partition, commits it, and does so with every link that it leads to.
    fn send(&mut self, record: &InputRecord) {
        let key = record.key.as_deref().unwrap();
        let home = partition_of_key(key, PARTITIONS);
        let mut arriving = VecDeque::from([(home, record.clone())]);
        let before_ms = record.append_ms + SPACING_MS;
        while let Some((number, mut record)) = arriving.pop_front() {
            let offset = &mut self.offsets[number as usize][record.input as usize];
            (record.position.partition, record.position.offset) = (number, *offset);
            *offset += 1;
            let partition = &mut self.partitions[number as usize];
            let sent = partition.outputs.len();
            let append_ms = record.append_ms + 1;
            assert!(
                append_ms < before_ms,
                "links that lead to links without an end"
            );
            partition.push(record);
            partition.step();
            let links = of(&partition.outputs[sent..], OutputTopic::Links);
            arriving.extend(links.map(|link| link_record(link, append_ms)));
        }
    }
}

/// A link as it arrives, and the partition where it does.
fn link_record(link: &OutputRecord, append_ms: i64) -> (i32, InputRecord) {
    let (key, value) = (link.key.as_deref(), link.value.as_deref());
    let record = raw(Input::Links, 0, append_ms, key, value);
    (link.partition.unwrap(), record)
}

#[test]
fn no_result_of_a_partition_depends_on_batches_when_links_come_from_others() {
    let partitions = |options: &mut scopewatch::engine::EngineOptions| {
        options.partitions = PARTITIONS;
    };
    for seed in crate::property::seeds(1) {
        let mut cluster = Cluster::new(fleet_engine(partitions));
        let mut append_ms = 0;
        for mut record in records(seed) {
            append_ms = record.append_ms.max(append_ms + SPACING_MS);
            record.append_ms = append_ms;
            cluster.send(&record);
        }
        let reported = |one: &Harness| alerts(&one.outputs).len();
        let reported: usize = cluster.partitions.iter().map(reported).sum();
        assert!(reported > 40, "seed {seed}: {reported} alerts");
        for (number, reference) in (0..).zip(&cluster.partitions) {
            let links = reference.log.iter().filter(|one| one.input == Input::Links);
            assert!(
                links.count() > 0,
                "seed {seed}: none for partition {number}"
            );
            for (name, cut) in cuts() {
                let empty = Harness::of_partition(Arc::clone(&cluster.engine), number);
                let other = run(empty, &reference.log, &cut, seed);
                let what = format!("seed {seed}, partition {number}, {name}");
                same(reference, &other, &what);
            }
        }
    }
}
