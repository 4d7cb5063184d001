//! The core as the worker calls it: the real task, the real rules, an in-memory store. Each test
//! fails when the line of code that it guards is deleted.

mod alert_context;
mod behaviour;
mod budget;
mod bursts;
mod cascades;
mod class_volume;
mod clock;
mod credentials;
mod deferral;
mod delegation;
mod delegation_cases;
mod dodging;
mod ends;
mod events;
mod first_seen;
mod fleet;
mod flow_cases;
mod gateway_gap;
mod grouped_metrics;
mod harness;
#[path = "../../benches/quality/lab/mod.rs"]
mod lab;
mod learning;
mod learning_commands;
mod learning_imports;
mod links;
mod member_uses;
mod model_cases;
mod moved;
mod onboarding;
mod order;
mod out_of_order;
mod outage;
mod parent_requests;
mod partitions;
mod planted_attacks;
#[path = "../support/property.rs"]
mod property;
mod quality;
mod recordings;
mod records;
mod requested;
mod retries;
mod rules;
mod scopes;
mod selected_agents;
mod sharing;
mod state;
mod summaries;
mod targets;
mod task_cases;
mod tree_bounds;
mod volume_cases;
mod world;
