//! Matching alone: the facts of a typical action, which no rule matches, against many rules.

mod data;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use data::Fleet;
use scopewatch::rule::{Facts, RuleSet, fact, fill_record_facts, fill_time_facts};

fn rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rules");
    group.throughput(Throughput::Elements(1));
    let action = Fleet::new(7).action();
    let at_ms = action.occurred_at_ms.expect("has a time");
    for count in [10, 60, 1_000] {
        let bundle = data::rules(count).bundle;
        let mut facts = Facts::new(&bundle.catalogue);
        fill_record_facts(&mut facts, &action);
        fill_time_facts(&mut facts, &action, at_ms, false, &jiff::tz::TimeZone::UTC);
        facts.set(fact::SCOPE_STATUS, "active");
        facts.set(fact::SCOPE_BASIS, "task");
        facts.set(fact::SCOPE_ID, "scope-00000001");
        facts.set(fact::SCOPE_AGE_S, 60_i64);
        let mut found = Vec::new();
        let id = BenchmarkId::new("evaluate", bundle.rules.len());
        group.bench_function(id, |bench| {
            bench.iter(|| {
                bundle.match_rules(std::hint::black_box(&facts), RuleSet::All, &mut found);
                assert!(found.is_empty());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
