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
//!    append time. It does not know what the bytes mean. (`worker::raw` maps foreign records and
//!    writes them to that topic first.)
//! 2. **`worker`** owns a task of **[`engine`]** for each partition that the group assigned, and
//!    pushes the record there (`receive_record`, `push`).
//! 3. The task decodes what has arrived (`process_queued`, `decode_ahead`): **[`codec`]** makes an
//!    [`event::AgentAction`] of the bytes, or rejects them. A rejected record becomes a dead letter
//!    with its original bytes, and the partition goes on.
//! 4. **[`engine`]** loads from **[`store`]** the subjects that the decoded records need and that
//!    are not in memory: agents and tenants (`load_subjects`). Then it takes the records of all
//!    inputs (scopes, control records, links, actions) by time, then input, then offset
//!    (`next_input`): what has arrived is always taken in one order. It fires the timers that are
//!    due before the record (`apply_record`, `fire_timer`).
//! 5. **[`detector`]** takes over, a pure state machine (`process_record`). It advances stream
//!    time, fills in what the gateway left out (`resources.yaml`), and ignores a repeated event id
//!    (`process_action`).
//! 6. **[`scope`]** selects the scope that judges the action, counts the action in its limits, and
//!    gives a verdict: violation `verb`, because the grant says read. An action without a scope is
//!    deferred: for a while only rules that need no scope judge it.
//! 7. **[`baseline`]** adds the action to the open pane of each metric and compares the pane with
//!    the value at which it alarms (`count_metrics`). Only closed panes are learned, so the action
//!    is judged by what was known before it.
//! 8. **[`rule`]** gets all this as named facts. An index over fact slots finds the rules that
//!    might match (`match_rules`); the Sigma engine decides each of them.
//! 9. **[`response`]** takes the findings through five stages: `rank_findings`, `fold_group`,
//!    `plan_revocations`, `write_messages`, `emit_messages`. They decide whether an alert is due,
//!    and whether the policy lets a rule request the credential, in shadow mode or for real.
//! 10. **[`detector`]** returns its effects: changed states, outcomes, links.
//! 11. **[`engine`]** keeps the outcomes typed for the next commit (`push_outcome`) and lets
//!     **[`codec`]** encode each once (`encode_outcome`): alerts as OCSF or native JSON, requests
//!     as signed security event tokens. `take_commit` gathers what one transaction carries.
//! 12. **`worker`** sends the commit in one transaction of **`kafka`** (`run_transaction`): outputs
//!     and links first, until they are acknowledged, then the changelog and the partition's META,
//!     then the offsets of the actions. The transaction is the commit point.
//! 13. **[`store`]** gets the same states and META in one batch (`write_state`). A crash between 12
//!     and 13 loses nothing: META says where in the changelog a restart resumes.
//!
//! Beside the way stand **`console`** (is the process ready, what does it count, agents' trees),
//! **[`telemetry`]** (log lines and metrics), **[`config`]** (settings, read once) and **[`cli`]**
//! (arguments in, exit code out). **[`run`]** builds the process from its settings and watches it.
//! **[`replay`]**, **[`demo`]** and the tests inside rules drive steps 2 to 11 with other doors:
//! files, an embedded broker, a list of events; the demo's records come from the **[`simulator`]**.
//! There is one engine. The example at the top of [`engine`] takes a scope and an
//! action through steps 2 to 11.
//!
//! Steps 3 and 6 alone, without the rest:
//!
//! ```
//! # use scopewatch::codec::{Decoder, SchemaSet};
//! # use scopewatch::scope::{JudgeContext, LimitUsage, ScopeHistory, judge};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let decoder = Decoder::new(SchemaSet::new([]).map_err(|_| "no schemas")?);
//! let scope = decoder.decode_scope(br#"{"scope_id": "s1", "tenant": "acme", "agent.id": "bot",
//!     "effective_from": 1000, "grants": [{"resource_types": ["db.*"], "verbs": ["read"]}]}"#)?;
//! let action = decoder.decode_action(br#"{"tenant": "acme", "agent.id": "bot",
//!     "resource.type": "db.table", "action.verb": "delete"}"#)?;
//! let mut history = ScopeHistory::default();
//! history.declare(scope.value, 1_000);
//! let context = JudgeContext { at_ms: 2_000, ..JudgeContext::default() };
//! let verdict = judge(&history, || None, &mut LimitUsage::default(), &action.value, &context);
//! assert_eq!(verdict.violations.words().collect::<Vec<_>>(), ["verb"]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is not there
//!
//! The invariants, as things that you will not find.
//!
//! - *No clock in the core.* Time comes from records: append time, or the event's own. The pure
//!   rooms deny `Instant::now` and its kin to clippy, and the tidy test looks for the names.
//! - *No chance and no order of a hash map in a result.* Ids of incidents, messages and requests
//!   are hashes of what they name. The same records give the same bytes, in `run` and in
//!   `replay --open-end`.
//! - *No output outside a transaction* under exactly-once, and no state in the store that the
//!   changelog does not have.
//! - *No verdict from a field that is missing.* Absence weakens a verdict; it never makes one.
//! - *No revocation from a baseline.* Unusual is not forbidden.
//! - *No target wider than the record names.* Without a credential id there is no request.
//! - *No token value.* The vocabulary knows a credential by its id and has no field for more.
//! - *No list, queue, text or map without a bound.* Each bound is a named constant, and hitting it
//!   is counted or reported.
//! - *No half-loaded rules.* A bundle is taken whole between two batches, or the old one stays.
//! - *No panic on input.* Outside tests there is no `unwrap`, `expect` or `panic!`.
//!
//! # Glossary
//!
//! One word has one meaning. No name contains a word of the third column: the first column says the
//! same. `tests/tidy` refuses such a name.
//!
//! | word | meaning | instead of |
//! | --- | --- | --- |
//! | **record** | the bytes of a Kafka message or of a line of a file, before decoding | |
//! | **action** | one decoded agent action | |
//! | **agent** | the AI agent that is observed; never our own process | |
//! | **principal** | the person or service that an agent acts for | |
//! | **scope** | what an agent is declared to be allowed to do | |
//! | **grant** | one resource entry of a scope | |
//! | **template** | a scope for agents without a scope of their own | |
//! | **verdict** | what a scope says of an action: its status and its violations | |
//! | **credential** | an id; a token value never enters the system | |
//! | **revocation** | taking a credential back; Kafka's partitions are *released* | |
//! | **subject** | what state is keyed by: an agent, a tenant | |
//! | **fact** | a named value that rules match on | |
//! | **bundle** | rules, templates, resources and policy that are active together | |
//! | **finding** | a rule's match on one action | |
//! | **incident** | findings of one rule on one agent and task | |
//! | **alert** | one message about an incident | telling, teller |
//! | **emit** | to add an alert or a request to the outcomes; to log a signal | tell, tells, told |
//! | **outcome** | what the core made of a record: an alert, a request, an audit entry | |
//! | **signal** | what is counted or logged about the process itself | |
//! | **deferred** | said of an action that waits for its scope | hold, holds, held, vain |
//! | **muted** | said of a rule that must not revoke for an agent after a withdrawal | |
//! | **paused** | said of an input from which nothing is fetched for a while | |
//! | **position** | topic, partition, offset and index of a record | place, places, placed |
//! | **location** | line and column in a file that a person wrote | |
//! | **offset** | always says which: `offset_next`, `offset_first`, `offset_last` | |
//! | **append time** | when the broker appended a record | |
//! | **stream time** | the greatest time that a partition's records have reached | |
//! | **pane** | the shortest span of time in which a baseline counts | |
//! | **metric** | what a baseline counts; the process exports *counters* and *gauges* | |
//! | **room** | a top-level module of this crate; what a list can hold is its *capacity* | |
//! | **dead letter** | a record that cannot be used, kept with the reason | |
//! | **changelog** | the topic that holds the state of every subject | |
//! | **META** | the last record of a commit: offsets, stream time, bundle | |
//! | **control record** | a decision, confirmation, withdrawal or verdict | answer, answers |
//! | **handle** | to do what a record or an event asks for | hand, handed |
//! | **planned** | said of a revocation that may be requested | want, wants, wanted, made |
//! | **status** | the state of a scope, a request or a partition | standing, stand, stands |
//! | **transaction batch** | what one Kafka transaction carries | parcel |
//!
//! # Who may import whom
//!
//! A room imports from every room of its row and from no other; a row names only rooms of rows
//! above it. `tests/tidy` holds the table; a new room is a new row there, and a decision.
//!
//! | room | pure | may import |
//! | --- | --- | --- |
//! | [`text`] | yes | nothing |
//! | [`event`] | yes | text |
//! | [`scope`] | yes | text, event |
//! | [`baseline`] | yes | nothing |
//! | [`behaviour`] | yes | text, event |
//! | [`rule`] | yes | text, event, scope, behaviour |
//! | [`response`] | yes | text, event, rule |
//! | [`detector`] | yes | text, event, scope, baseline, behaviour, rule, response |
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
//! | [`run`] | no | all but scope, baseline, behaviour, rule, response, simulator, replay |
//! | [`demo`] | no | all but scope, baseline, behaviour, rule, kafka, console, replay |
//! | [`cli`] | no | all but baseline, behaviour, response, store, console |
//!
//! Inside a room the files have an order too: no file uses a file that uses it, directly or through
//! others. `tests/tidy/circles.rs` lists the exceptions.
//!
//! `worker`, `console` and most of [`kafka`] and [`run`] exist with the feature `kafka`, the
//! RocksDB half of [`store`] with the feature `rocksdb`; both are on by default. Without
//! them (`--no-default-features`) every pure room, the in-memory store and [`replay`] compile and
//! are tested.
//!
//! # Where to start
//!
//! | you want to | look at | first test to read |
//! | --- | --- | --- |
//! | add a field | `event/action_fields.rs`, `schemas/` | `codec/tests/schema.rs` |
//! | read another wire format | `codec/decoder.rs`, `codec/decode/` | `codec/tests/hostile.rs` |
//! | change what a scope forbids | `scope/judge/dimensions.rs` | `scope/judge/tests/mod.rs` |
//! | change what a limit counts | `scope/model/countable.rs` | `scope/judge/limit_usage/tests.rs` |
//! | add a fact | `rule/model/catalogue.rs`, `detector/facts.rs` | `rule/tests/refused_rules.rs` |
//! | add or change a rule | `rules/`, no Rust | the rule's own `tests:` |
//! | change how habits are learned | `baseline/knowledge.rs` | `baseline/tests/mod.rs` |
//! | change when an alert is sent again | `response/fold.rs` | `response/tests/folding.rs` |
//! | change requests or budgets | `response/plan.rs` | `response/tests/requests.rs` |
//! | change what is committed, and when | `worker/member/transaction.rs` | `tests/kafka_real.rs` |
//! | add a setting | `config/keys.rs` | `tests/config.rs` |
//! | add a metric | `telemetry/metrics.rs`, `docs/metrics.md` | `telemetry/tests.rs` |
//! | add a command | [`cli`] | `tests/cli/main.rs` |
//!
//! Each room's `mod.rs` begins with its purpose, its place in the way above, what it must not know,
//! the state it owns with its limits, and the test to read first.

#![allow(
    clippy::disallowed_methods,
    reason = "clocks, files and threads are for the outer rooms; each pure room denies them again"
)]

pub mod baseline;
pub mod behaviour;
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
