//! Decoding alone: one action of twenty fields from its bytes.

mod data;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use data::{Fleet, Form};
use scopewatch::codec::Decoder;

/// Records decoded in turn: so many that the branch predictor cannot learn them.
const RECORDS: usize = 10_000;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (name, form) in [("avro", Form::Avro), ("json", Form::Json)] {
        let mut fleet = Fleet::new(7);
        let decoder = Decoder::new(fleet.schemas().clone());
        let records: Vec<Vec<u8>> = (0..RECORDS).map(|_| fleet.record(form).1).collect();
        let mut next = records.iter().cycle();
        group.bench_function(name, |bench| {
            bench.iter(|| {
                decoder
                    .decode_action(next.next().expect("a cycle"))
                    .expect("a good record")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
