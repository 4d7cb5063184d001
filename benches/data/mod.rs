//! The input of the benches: a seeded fleet of 100,000 agents, its declared scopes and actions, and
//! the shipped rules with synthetic ones added up to a given number.
//!
//! A few agents do most of the work. An action has twenty fields; one in two thousand is outside
//! its scope. Ids are as long as real ones: event ids are UUIDs.
//!
//! A second, small fleet consists of delegation trees.

#![allow(dead_code, reason = "each bench uses a part")]

use std::fmt::Write as _;
use std::sync::Arc;

use scopewatch::codec::SchemaSet;
use scopewatch::codec::avro::Encoder;
use scopewatch::codec::json::write_action;
use scopewatch::engine::{Rules, parse_rules, shipped_rule_files};
use scopewatch::event::{
    ActionOutcome, AgentAction, AgentScope, DeclaredStatus, Grant, InstructionSource, Limit,
    Measure, ParentScope, Sensitivity, Text, Verb,
};
use scopewatch::text::SourceFile;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AGENTS: u64 = 100_000;
const TENANTS: u64 = 20;
const CLASSES: [(&str, &str, &str); 4] = [
    ("research", "web.page", "fetch"),
    ("support", "email.message", "mail"),
    ("data", "database.table", "query"),
    ("coding", "file.content", "files"),
];
/// Start of the stream: a Monday, 10:00 UTC.
const START_MS: i64 = 1_767_607_200_000;
/// Actions per second of stream time.
const RATE: u64 = 10_000;
/// One in so many actions lies outside its scope.
const OUTSIDE: u64 = 2_000;
const TREES: u64 = 40;
/// Agents of a tree of depth 4: 1, 2, 4 and 8.
const TREE_SIZE: u64 = 15;
/// Agents of a tree that have children.
const TREE_PARENTS: u64 = 7;
/// Actions per second in a fleet of trees: an hour passes before a parent has spawned often.
const TREE_RATE: u64 = 100;
/// One in so many actions of a parent spawns one of its children again.
const SPAWNS: u64 = 100;

/// How an action's bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Avro,
    Json,
}

/// SplitMix64: small, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Heavy-tailed: one agent in ten does about half of the work.
    fn agent(&mut self) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (unit.powf(3.3) * AGENTS as f64) as u64
    }
}

/// How the agents of a fleet belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 100,000 agents without delegation.
    Single,
    /// 40 trees of 15 agents. Each has the scope of its parent, chains on its actions, and spawns.
    Trees,
    /// The agents and actions of [`Shape::Trees`], without any delegation.
    Felled,
}

impl Shape {
    pub fn agents(self) -> u64 {
        match self {
            Shape::Single => AGENTS,
            Shape::Trees | Shape::Felled => TREES * TREE_SIZE,
        }
    }

    fn rate(self) -> u64 {
        match self {
            Shape::Single => RATE,
            Shape::Trees | Shape::Felled => TREE_RATE,
        }
    }

    /// What decides on the tenant and the class of an agent.
    fn family(self, number: u64) -> u64 {
        match self {
            Shape::Single => number,
            Shape::Trees | Shape::Felled => number / TREE_SIZE,
        }
    }

    fn parent(self, number: u64) -> Option<u64> {
        let (tree, node) = (number / TREE_SIZE, number % TREE_SIZE);
        (self == Shape::Trees && node > 0).then(|| tree * TREE_SIZE + (node - 1) / 2)
    }

    /// The agents from the root to this one; empty for one without a parent.
    fn chain(self, number: u64) -> Vec<Text> {
        let above = std::iter::successors(self.parent(number), |&above| self.parent(above));
        let mut chain: Vec<Text> = above.map(|above| agent(above).into()).collect();
        chain.reverse();
        if !chain.is_empty() {
            chain.push(agent(number).into());
        }
        chain
    }

    fn tenant(self, number: u64) -> String {
        format!("tenant-{:02}", self.family(number) % TENANTS)
    }

    fn class(self, number: u64) -> (&'static str, &'static str, &'static str) {
        CLASSES[(self.family(number) % CLASSES.len() as u64) as usize]
    }
}

/// The stream of a fleet's actions.
pub struct Fleet {
    shape: Shape,
    random: Random,
    count: u64,
    schemas: SchemaSet,
}

impl Fleet {
    pub fn new(seed: u64) -> Self {
        Fleet::of_shape(Shape::Single, seed)
    }

    pub fn of_shape(shape: Shape, seed: u64) -> Self {
        let schemas = SchemaSet::new([]).expect("our own schemas");
        Fleet {
            shape,
            random: Random(seed),
            count: 0,
            schemas,
        }
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    pub fn schemas(&self) -> &SchemaSet {
        &self.schemas
    }

    /// The next action.
    pub fn action(&mut self) -> AgentAction {
        let (shape, random) = (self.shape, &mut self.random);
        // Every agent acts once; then a few act more often than the many, but not in trees.
        let number = match shape {
            _ if self.count < shape.agents() => self.count,
            Shape::Single => random.agent(),
            Shape::Trees | Shape::Felled => random.below(shape.agents()),
        };
        let (class, resource, tool) = shape.class(number);
        let verbs = [
            Verb::Read,
            Verb::Read,
            Verb::Read,
            Verb::List,
            Verb::Search,
            Verb::Update,
        ];
        let outside = random.below(OUTSIDE) == 0;
        let (high, low) = (random.next(), random.next());
        self.count += 1;
        let mut action = AgentAction {
            event_id: Some(
                format!(
                    "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                    high >> 32,
                    (high >> 16) & 0xffff,
                    (high >> 4) & 0xfff,
                    low >> 52,
                    low & 0xffff_ffff_ffff
                )
                .into(),
            ),
            occurred_at_ms: Some(START_MS + (self.count * 1_000 / shape.rate()) as i64),
            tenant: shape.tenant(number).into(),
            agent_id: agent(number).into(),
            agent_type: Some(class.into()),
            principal_id: Some(format!("user-{:05}", number % 5_000).into()),
            task_id: Some(task(number).into()),
            task_class: Some(class.into()),
            session_id: Some(format!("{:016x}", number.wrapping_mul(0x9e37_79b9)).into()),
            instruction_source: Some(InstructionSource::User),
            credential_id: Some(format!("cred-{number:010}").into()),
            tool_name: Some(tool.into()),
            action_verb: if outside {
                Verb::Delete
            } else {
                verbs[random.below(verbs.len() as u64) as usize]
            },
            resource_type: resource.into(),
            resource_id: Some(format!("{class}/{:06}/item-{:04}", number, low % 10_000).into()),
            resource_sensitivity: Some(Sensitivity::Internal),
            volume_records: Some(high % 100),
            volume_bytes_out: Some(low % 10_000),
            latency_us: Some(high % 1_000_000),
            outcome: Some(ActionOutcome::Allowed),
            delegation_chain: shape.chain(number),
            ..AgentAction::new("")
        };
        let node = number % TREE_SIZE;
        if shape == Shape::Trees && node < TREE_PARENTS && high % SPAWNS == 0 {
            let child = number + node + 1 + low % 2;
            action.action_verb = Verb::Spawn;
            action.resource_type = "agent.child".into();
            action.resource_id = Some(agent(child).into());
        }
        action
    }

    /// The next action as bytes, with its record key.
    pub fn record(&mut self, form: Form) -> (Vec<u8>, Vec<u8>) {
        let action = self.action();
        let key = format!("{}/{}", action.tenant, action.agent_id).into_bytes();
        let value = match form {
            Form::Json => write_action(&action),
            Form::Avro => {
                let encoder = Encoder::new(&self.schemas);
                encoder
                    .action_single_object(&action)
                    .expect("fits its schema")
            }
        };
        (key, value)
    }
}

fn agent(number: u64) -> String {
    format!("agent-{number:06}")
}

fn task(number: u64) -> String {
    format!("task-{number:08}")
}

/// The declared scope of every agent.
pub fn scopes(shape: Shape) -> impl Iterator<Item = AgentScope> {
    (0..shape.agents()).map(move |number| scope(shape, number))
}

fn scope(shape: Shape, number: u64) -> AgentScope {
    let (class, resource, tool) = shape.class(number);
    let grant = |kind: &str, verbs: &[Verb]| Grant {
        resource_types: vec![kind.into()],
        resource_ids: vec![format!("{class}/*").into()],
        verbs: verbs.to_vec(),
        sensitivity_max: Some(Sensitivity::Confidential),
        ..Grant::default()
    };
    let web = [
        Verb::Browse,
        Verb::Read,
        Verb::Search,
        Verb::List,
        Verb::Update,
    ];
    let own = [Verb::Read, Verb::List, Verb::Search, Verb::Update];
    let mut grants = vec![
        grant("llm.inference", &[Verb::Infer]),
        grant("web.*", &web),
        grant(resource, &own),
    ];
    if shape == Shape::Trees {
        let spawn = grant("agent.child", &[Verb::Spawn]);
        grants.push(Grant {
            resource_ids: Vec::new(),
            ..spawn
        });
    }
    AgentScope {
        scope_id: scope_id(number),
        tenant: shape.tenant(number).into(),
        agent_id: agent(number).into(),
        agent_type: Some(class.into()),
        task_id: Some(task(number).into()),
        parent: shape.parent(number).map(|parent| ParentScope {
            agent_id: agent(parent).into(),
            scope_id: Some(scope_id(parent)),
            act_chain: Vec::new(),
        }),
        status: DeclaredStatus::Active,
        grants,
        tools: vec!["infer".into(), tool.into(), "shell_*".into()],
        instruction_sources: vec![InstructionSource::Operator, InstructionSource::User],
        limits: vec![Limit {
            measure: Measure::parse("sum: volume.bytes_out").expect("a measure"),
            window_ms: 3_600_000,
            max: 1e12,
        }],
        ..AgentScope::default()
    }
}

fn scope_id(number: u64) -> Text {
    format!("scope-{number:08}").into()
}

/// `count` rules: the shipped ones and synthetic ones. Of ten synthetic rules three compare a
/// number, three search a text, four compare a word.
pub fn rules(count: usize) -> Rules {
    let mut files = shipped_rule_files();
    let shipped = parse_rules(&files, &[])
        .rules
        .expect("the shipped rules load");
    for number in shipped.bundle.rules.len()..count {
        files.push(synthetic(number));
    }
    let loaded = parse_rules(&files, &[]);
    let rules = loaded
        .rules
        .unwrap_or_else(|| panic!("{:#?}", loaded.problems));
    assert_eq!(
        rules.bundle.rules.len(),
        count.max(shipped.bundle.rules.len())
    );
    Rules {
        bundle: Arc::clone(&rules.bundle),
        policy: Arc::clone(&rules.policy),
    }
}

fn synthetic(number: usize) -> SourceFile {
    let selection = match number % 10 {
        0 => format!("volume.bytes_out|gte: {}", 10_000_000 + number),
        1 => format!("volume.records|gt: {}", 1_000_000 + number),
        2 => format!("latency_us|gte: {}", 600_000_000 + number),
        3 => format!("destination.host|endswith: '.evil-{number}.example'"),
        4 => format!("action.operation|contains: 'exfiltrate-{number}'"),
        5 => format!("destination.host|contains: 'paste-{number}'"),
        6 => format!("resource.type: 'secret.kind_{number}'"),
        7 => format!("tool.name: 'forbidden_tool_{number}'"),
        8 => format!("resource.type: 'payment.kind_{number}'"),
        _ => format!("credential.id: 'leaked-{number}'"),
    };
    let mut text = String::new();
    let _ = write!(
        text,
        "title: Synthetic {number}\n\
         id: 00000000-0000-4000-8000-{number:012}\n\
         status: test\n\
         description: Pads the bundle of a bench.\n\
         author: Scopewatch\n\
         date: 2026-03-02\n\
         tags:\n  - atlas.aml.t0053\n\
         logsource:\n  product: scopewatch\n  category: agent_action\n\
         detection:\n  selection:\n    {selection}\n  condition: selection\n\
         level: low\n\
         response:\n  risk: 1\n  revoke: none\n"
    );
    SourceFile {
        path: format!("rules/scope/synthetic-{number:04}.yaml"),
        text,
    }
}
