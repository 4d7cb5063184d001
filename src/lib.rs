//! Scopewatch: a streaming behavioural anomaly detector for AI agents.
//!
//! Gateways write one record per agent action to Kafka. Scopewatch compares each action with what
//! the agent was declared to be allowed to do (its scope), with what it normally does (its
//! baseline) and with the rules that its operators wrote. It writes alerts, and requests to take a
//! credential back. It is never in the way of a request.
//!
//! The crate is a library under a thin program. This page says how the library is built; the
//! README and `docs/` say how the program is used.
//!
//! # One action, from room to room
//!
//! Every folder of `src` is a *room*: a module with one job, a header that says what it must not
//! know, and doors to the rooms below it. An agent deletes a table it may only read. What happens?
//!
//! 1. **`kafka`** polls a record of `agent.actions` and knows its topic, partition, offset and
//!    append time. What the bytes mean it does not ask. (Foreign records come by
//!    `worker::raw`, which maps them and writes them to that topic first.)
//! 2. **`worker`** owns a task of **[`engine`]** for each partition it was given, and pushes the
//!    record there. The task merges its inputs (scopes, control, links, actions) by
//!    time, then input, then offset, so that what has arrived is always taken in one order.
//! 3. **[`codec`]** makes an [`event::AgentAction`] of the bytes, or refuses them. A refused record
//!    goes to the dead letters with its bytes as they were, and the partition goes on.
//! 4. **[`engine`]** reads from **[`store`]** what the action needs and is not in memory yet: the
//!    states of the agent and of its tenant. From here on nothing waits for anything.
//! 5. **[`detector`]** takes over, a pure state machine. It moves stream time, lets the timers that
//!    are due go off first, and passes over an event id that it has just seen.
//! 6. **[`scope`]** fills in what the gateway left out (`resources.yaml`), finds the scope that
//!    judges the action, and gives a verdict: `verb`, for the grant says read. No scope yet? Then
//!    the action is put aside for a while, and only rules that need no scope see it.
//! 7. **[`baseline`]** says whether the open pane of a metric has become alarming. Scored before
//!    learned: the action is judged by what was known before it.
//! 8. **[`rule`]** gets all this as named facts. An index over fact slots finds the rules that
//!    might match; the Sigma engine decides each of them.
//! 9. **[`response`]** folds the findings into the agent's incidents. It decides whether a message
//!    is due, and whether the policy lets a rule ask for the credential, in shadow or in earnest.
//! 10. **[`detector`]** learns, and hands back its effects: changed states, alerts, requests, audit
//!     entries, links.
//! 11. **[`codec`]** writes the alert as OCSF or native JSON and signs the request as two security
//!     event tokens; [`engine`] gathers it all into one commit.
//! 12. **`kafka`** carries the commit in one transaction: outputs and links first and acknowledged,
//!     then the changelog and the partition's META, then the offsets of the actions. The
//!     transaction is the commit point; nothing before it counts.
//! 13. **[`store`]** gets the same states and META in one batch. A crash between 12 and 13 loses
//!     nothing: META says where in the changelog to go on.
//!
//! Beside the way stand **`console`** (is the process alive and ready, what does it count),
//! **[`telemetry`]** (log lines and metrics), **[`config`]** (settings, read once) and **[`cli`]**
//! (arguments in, exit code out). **[`run`]** builds the process from its settings and watches it.
//! **[`replay`]**, **[`demo`]** and the tests inside rules drive steps 2 to 11 with other doors:
//! files, an embedded broker, a list of events; the demo's records come from the **[`simulator`]**.
//! There is one engine.
//!
//! # What is not there
//!
//! The invariants, as things that you will not find.
//!
//! - *No clock in the core.* Time comes from records: append time, or the event's own. The pure
//!   rooms deny `Instant::now` and its kin to clippy, and the tidy test looks for the names.
//! - *No chance and no order of a hash map in a result.* Ids of incidents, messages and requests
//!   are hashes of what they name. The same records give the same bytes, in `run` and `replay`.
//! - *No output outside a transaction* under exactly-once, and no state in the store that the
//!   changelog does not have.
//! - *No verdict from a field that is missing.* Absence weakens a verdict; it never makes one.
//! - *No revocation from a baseline.* Unusual is not forbidden.
//! - *No target wider than the record names.* Without a credential id there is no request.
//! - *No token value.* The vocabulary knows a credential by its id and has no field for more.
//! - *No list, queue, text or map without a bound.* Each bound is a named constant, and hitting it
//!   is counted or told.
//! - *No half-loaded rules.* A bundle is taken whole between two batches, or the old one stays.
//! - *No panic on input.* Outside tests there is no `unwrap`, `expect` or `panic!`.
//!
//! # Who may import whom
//!
//! A room imports from every room of its row and from no other; a row names only rooms of rows
//! above it. `tests/tidy` holds the table; a new room is a new row there, and a decision.
//!
//! | room | pure | may import |
//! | --- | --- | --- |
//! | [`text`] | yes | nothing |
//! | [`event`] | yes | nothing |
//! | [`scope`] | yes | text, event |
//! | [`baseline`] | yes | nothing |
//! | [`rule`] | yes | text, event, scope |
//! | [`response`] | yes | text, event, rule |
//! | [`detector`] | yes | text, event, scope, baseline, rule, response |
//! | [`codec`] | yes | text, event, response |
//! | [`store`] | no | nothing |
//! | `kafka` | no | nothing |
//! | [`config`] | no | text, event, codec, kafka |
//! | [`telemetry`] | no | nothing |
//! | `console` | no | nothing |
//! | [`engine`] | yes | text, event, scope, rule, response, detector, codec, store |
//! | [`simulator`] | yes | text, event, scope |
//! | [`replay`] | no | text, event, scope, response, detector, codec, store, engine |
//! | `worker` | no | event, store, kafka, telemetry, engine |
//! | [`run`] | no | all but scope, baseline, rule, response, simulator, replay |
//! | [`demo`] | no | all but scope, baseline, rule, kafka, console, replay |
//! | [`cli`] | no | all but baseline, response, store, console |
//!
//! `worker`, `console` and most of [`kafka`] and [`run`] exist with the feature `kafka`, the
//! RocksDB half of [`store`] with the feature `rocksdb`; both are on unless told otherwise. Without
//! them (`--no-default-features`) every pure room, the in-memory store and [`replay`] compile and
//! are tested.
//!
//! # Where to start
//!
//! | you want to | look at | first test to read |
//! | --- | --- | --- |
//! | add a field | `event/action_fields.rs`, `schemas/` | `codec/tests/schema.rs` |
//! | read another wire format | [`codec`] | `codec/tests/hostile.rs` |
//! | change what a scope forbids | `scope/judge/dimensions.rs` | `scope/judge/tests.rs` |
//! | change what a limit counts | `scope/judge/limit_usage.rs` | the tests below it |
//! | add a fact | `rule/model/catalogue.rs`, `detector/facts.rs` | `rule/tests/refused_rules.rs` |
//! | add or change a rule | `rules/`, no Rust | the rule's own `tests:` |
//! | change how habits are learned | [`baseline::metric`] | the tests beside it |
//! | change folding, requests or budgets | [`response`] | `response/tests/folding.rs` |
//! | change what is committed, and when | `worker/member/transaction.rs` | `tests/kafka_real.rs` |
//! | add a setting | `config/keys.rs` | `tests/config.rs` |
//! | add a metric | `telemetry/metrics.rs` | `telemetry/tests.rs` |
//! | add a command | [`cli`] | `tests/cli/main.rs` |
//!
//! Each room's `mod.rs` begins with its purpose, its place in the way above, what it must not know,
//! the state it owns with its limits, and the test to read first.

#![allow(
    clippy::disallowed_methods,
    reason = "clocks, files and threads are for the outer rooms; each pure room denies them again"
)]

pub mod baseline;
pub mod cli;
pub mod codec;
pub mod config;
#[cfg(feature = "kafka")]
pub mod console;
pub mod demo;
pub mod detector;
pub mod engine;
pub mod event;
pub mod kafka;
#[cfg(test)]
#[path = "../tests/support/property.rs"]
mod property;
pub mod replay;
pub mod response;
pub mod rule;
pub mod run;
pub mod scope;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod text;
#[cfg(feature = "kafka")]
pub mod worker;
