//! Trees of stored states: who is shown where, by what evidence, with which scopes.

use std::collections::BTreeMap;

use super::*;
use crate::detector::delegation::OwnScope;
use crate::detector::subject::encode_value;
use crate::event::{
    AgentScope, Ancestor, ChildNotice, DeclaredStatus, EdgeSource, Grant, MemberNotice,
    NoticedMember, NoticedScope, ParentNotice, ParentScope, Verb,
};

const NOW: i64 = 1_780_315_200_000;
const HOUR_MS: i64 = 3_600_000;

/// A scope with these verbs, which the first of them names.
fn scope(agent: &str, parent: Option<&str>, verbs: &[Verb]) -> AgentScope {
    AgentScope {
        scope_id: format!("s-{agent}").into(),
        agent_id: agent.into(),
        parent: parent.map(|parent| ParentScope {
            agent_id: parent.into(),
            scope_id: Some(format!("s-{parent}").into()),
            act_chain: Vec::new(),
        }),
        expires_at_ms: Some(NOW + HOUR_MS),
        grants: vec![Grant {
            resource_types: vec!["db.*".into()],
            verbs: verbs.to_vec(),
            ..Grant::default()
        }],
        ..AgentScope::default()
    }
}

/// The learned state of an agent, as it grows.
#[derive(Default)]
struct Learned {
    learned: AgentLearned,
    state: DelegationState,
}

impl Learned {
    fn declared(mut self, scope: AgentScope) -> Self {
        self.learned.book.declare(scope.clone(), NOW - HOUR_MS);
        self.state.note_own_scope(&OwnScope {
            scope: &scope,
            record_ms: NOW - HOUR_MS,
        });
        self
    }

    /// Takes over what the parent says of its scope and of the agents above.
    fn under(mut self, parent: &AgentScope, line: &[&str]) -> Self {
        let ancestor = |agent: &&str| Ancestor {
            agent: (*agent).into(),
            edge: EdgeEvidence::of(EdgeSource::Scope),
        };
        let notice = ParentNotice {
            number: 1,
            parent: parent.agent_id.clone(),
            as_of_ms: NOW,
            spawned: false,
            templated: false,
            scopes: vec![NoticedScope {
                scope: Box::new(parent.clone()),
                terms_known: true,
                since_ms: NOW - HOUR_MS,
                taken: None,
            }],
            missing: Vec::new(),
            ancestors: line.iter().map(ancestor).collect(),
            edge: EdgeEvidence::of(EdgeSource::Token),
            ended_above: None,
            taken: None,
        };
        let book = self.learned.book.clone();
        let own = |id: &str| book.latest_of(id, NOW).map(|version| version.scope);
        self.state.note_parent(&notice, false, NOW, own);
        self
    }

    /// Takes over that `child` is one, and what it says of the agents below, each with its parent.
    fn over(mut self, child: &str, members: &[(&str, &str, u8)]) -> Self {
        let noticed = |(agent, parent, depth): &(&str, &str, u8)| NoticedMember {
            number: 0,
            agent: (*agent).into(),
            parent: (*parent).into(),
            depth: *depth,
            credential: Some((format!("c-{agent}").into(), None)),
            edge: EdgeEvidence::of(EdgeSource::Scope),
            ended: false,
        };
        let notice = ChildNotice {
            number: 0,
            child: child.into(),
            evidence: EdgeEvidence::of(EdgeSource::Scope),
            scopes: Vec::new(),
            until_ms: None,
            ended: false,
        };
        self.state.note_child(&notice, NOW);
        let members = MemberNotice {
            child: child.into(),
            members: members.iter().map(noticed).collect(),
        };
        self.state.note_members("", &members);
        self
    }

    /// Takes over that a member is below its parent no longer.
    fn without(mut self, child: &str, parent: &str) -> Self {
        let member = NoticedMember {
            number: 9,
            agent: child.into(),
            parent: parent.into(),
            depth: 1,
            credential: None,
            edge: EdgeEvidence::default(),
            ended: true,
        };
        let members = MemberNotice {
            child: child.into(),
            members: vec![member],
        };
        self.state.note_members("", &members);
        self
    }

    fn stored(mut self) -> StoredSubject {
        self.learned.delegation = Some(Box::new(self.state));
        StoredSubject {
            learned: Some(encode_value(&self.learned, &mut Vec::new())),
            ..StoredSubject::default()
        }
    }
}

/// `root` delegates to `mid` and `wide`, `mid` to `leaf`, whose scope is revoked. `gone` has lost
/// `mid`. `one` is in a cycle. `near` is a child of `far`, which is in another partition.
fn fleet() -> BTreeMap<&'static str, StoredSubject> {
    let root = scope("root", None, &[Verb::Read, Verb::Update]);
    let mid = scope("mid", Some("root"), &[Verb::Read]);
    let wide = scope("wide", Some("root"), &[Verb::Read, Verb::Delete]);
    let far = scope("far", None, &[Verb::Read]);
    let near = scope("near", Some("far"), &[Verb::Read]);
    let one = scope("one", Some("other"), &[Verb::Read]);
    let other = scope("other", Some("one"), &[Verb::Read]);
    let of_mid = [("mid", "root", 1), ("leaf", "mid", 2)];
    let begun = |scope: &AgentScope| Learned::default().declared(scope.clone());
    let mut gone = begun(&root).over("mid", &of_mid).without("mid", "root");
    gone.state.note_spawn(Some(&"stray".into()), NOW);
    let acted = StoredSubject {
        live: Some(vec![1]),
        ..StoredSubject::default()
    };
    let root_state = begun(&root).over("mid", &of_mid);
    let root_state = root_state.over("wide", &[("wide", "root", 1)]);
    let mid_state = begun(&mid).under(&root, &[]);
    let mid_state = mid_state.over("leaf", &[("leaf", "mid", 1)]);
    BTreeMap::from([
        ("root", root_state.stored()),
        ("mid", mid_state.stored()),
        ("wide", begun(&wide).under(&root, &[]).stored()),
        ("leaf", revoked_leaf(&mid).stored()),
        ("gone", gone.stored()),
        ("one", begun(&one).under(&other, &["one"]).stored()),
        ("near", begun(&near).under(&far, &[]).stored()),
        ("acted", acted),
    ])
}

/// The child of `mid`. What it knows by its own chain, no other agent knows.
fn revoked_leaf(mid: &AgentScope) -> Learned {
    let leaf = scope("leaf", Some("mid"), &[Verb::Read]);
    let revoked = AgentScope {
        status: DeclaredStatus::Revoked,
        effective_from_ms: Some(NOW),
        ..leaf.clone()
    };
    let mut learned = Learned::default().declared(leaf).declared(revoked);
    learned.state.note_chain("mid");
    learned.under(mid, &["root"])
}

fn tree(agent: &str) -> Option<AgentTree> {
    let fleet = fleet();
    let key = AgentKey::new("acme", agent);
    let stored = fleet.get(agent).cloned().unwrap_or_default();
    let mut read = |other: &AgentKey| -> Result<AgentValues, StateError> {
        assert_eq!(other.tenant, "acme");
        Ok(match other.agent.as_str() {
            "far" => AgentValues::OutOfReach { partition: 7 },
            name => AgentValues::Stored(fleet.get(name).cloned().unwrap_or_default()),
        })
    };
    build_agent_tree(&key, &stored, NOW, &mut read).unwrap()
}

/// One line for each agent: depth, id, relation, evidence, marks, scopes.
fn sketch(agent: &str) -> Vec<String> {
    let tree = tree(agent).unwrap();
    let line = |agent: &TreeAgent| {
        let evidence: Vec<&str> = agent.evidence.iter().map(Text::as_str).collect();
        let mut line = format!("{} {} {}", agent.depth, agent.agent_id, agent.relation);
        line += &format!(" [{}]", evidence.join("+"));
        for (mark, set) in [
            ("unproven", agent.parent.is_some() && !agent.proven),
            ("ended", agent.ended),
            (agent.source.as_str(), agent.source != ScopeSource::State),
        ] {
            if set {
                line += &format!(" {mark}");
            }
        }
        for scope in &agent.scopes {
            line += &format!(" {}:{}", scope.scope_id, scope.status);
            for (sign, words) in [("<", &scope.narrower), (">", &scope.wider)] {
                let words: Vec<&str> = words.iter().map(Text::as_str).collect();
                if !words.is_empty() {
                    line += &format!("{sign}{}", words.join("+"));
                }
            }
        }
        line
    };
    tree.agents.iter().map(line).collect()
}

/// The tree of the agent `root`, of whose relatives nothing is stored.
fn tree_of_root(stored: &StoredSubject) -> Result<Option<AgentTree>, StateError> {
    let key = AgentKey::new("acme", "root");
    let mut read = |_: &AgentKey| Ok(AgentValues::Stored(StoredSubject::default()));
    build_agent_tree(&key, stored, NOW, &mut read)
}

#[test]
fn each_agent_of_a_fleet_is_shown_between_those_above_and_those_below() {
    for (agent, lines) in [
        (
            "root",
            &[
                "0 root itself [] s-root:active",
                "1 mid below [scope] s-mid:active<verb",
                "2 leaf below [scope+chain] ended s-leaf:revoked",
                "1 wide below [scope] s-wide:active<verb>verb",
            ][..],
        ),
        (
            "mid",
            &[
                "0 root above [] s-root:active",
                "1 mid itself [scope] s-mid:active<verb",
                "2 leaf below [scope+chain] ended s-leaf:revoked",
            ],
        ),
        (
            "leaf",
            &[
                "0 root above [] s-root:active",
                "1 mid above [scope+token] s-mid:active<verb",
                "2 leaf itself [scope+chain] ended s-leaf:revoked",
            ],
        ),
        // A former child stays for those that are still below it; a spawn alone proves nothing.
        (
            "gone",
            &[
                "0 gone itself [] s-root:active",
                "1 mid below [] ended s-mid:active<verb",
                "2 leaf below [scope+chain] ended s-leaf:revoked",
                "1 stray below [spawn] unproven unknown",
            ],
        ),
        // The line of a cycle ends at the agent itself.
        (
            "one",
            &[
                "0 other above [] unknown",
                "1 one itself [scope] s-one:active",
            ],
        ),
        // The parent's scope is known from its link.
        (
            "near",
            &[
                "0 far above [] link s-far:active",
                "1 near itself [scope] s-near:active",
            ],
        ),
        ("acted", &["0 acted itself []"]),
    ] {
        assert_eq!(sketch(agent), lines, "{agent}");
    }
    assert!(tree("one").unwrap().cyclic);
    assert!(!tree("leaf").unwrap().cyclic);
    assert_eq!(tree("nobody"), None);
    assert_eq!(tree("near").unwrap().agents[0].partition, Some(7));
    let leaf = &tree("root").unwrap().agents[2];
    assert_eq!(leaf.credential_id.as_deref(), Some("c-leaf"));
}

#[test]
fn damaged_values_are_an_error_and_no_empty_tree() {
    let mut stored = fleet().remove("root").unwrap();
    stored.learned.as_mut().unwrap()[9] ^= 1;
    assert!(tree_of_root(&stored).is_err());
}

#[test]
fn a_tree_shows_so_many_agents_scopes_and_terms_and_counts_the_rest() {
    let mut state = Learned::default();
    for n in 0..SCOPES_SHOWN_MAX + 3 {
        state = state.declared(AgentScope {
            scope_id: format!("s{n:02}").into(),
            effective_from_ms: Some(NOW + n as i64 - 100),
            expires_at_ms: Some(if n == 0 { NOW + HOUR_MS } else { NOW }),
            ..scope("root", None, &[Verb::Read])
        });
    }
    let members = crate::detector::delegation::MEMBERS_MAX + 5;
    for n in 0..members {
        let child = format!("m{n:03}");
        state = state.over(&child, &[(&child, "root", 1)]);
    }
    // Children are known by name up to a bound of their own, members beyond it by the first child.
    let rest: Vec<String> = (0..members).map(|n| format!("m{n:03}")).collect();
    let rest: Vec<_> = rest.iter().map(|name| (name.as_str(), "m000", 2)).collect();
    let stored = state.over("m000", &rest[1..]).stored();
    let tree = tree_of_root(&stored).unwrap().unwrap();
    assert_eq!(
        tree.agents.len(),
        crate::detector::delegation::MEMBERS_MAX + 1
    );
    assert_eq!(tree.further, 5);
    let itself = &tree.agents[0];
    assert_eq!(
        (itself.scopes.len(), itself.scopes_further),
        (SCOPES_SHOWN_MAX, 3)
    );
    // What is in force comes first, whatever is newer.
    assert_eq!(itself.scopes[0].scope_id, "s00");

    let long = Grant {
        resource_types: (0..100).map(|n| format!("type.é{n}").into()).collect(),
        ..Grant::default()
    };
    let many = AgentScope {
        grants: vec![long; TERMS_SHOWN_MAX + 2],
        ..scope("root", None, &[])
    };
    let stored = Learned::default().declared(many).stored();
    let tree = tree_of_root(&stored).unwrap().unwrap();
    let shown = &tree.agents[0].scopes[0];
    assert_eq!(
        (shown.terms.len(), shown.terms_further),
        (TERMS_SHOWN_MAX, 2)
    );
    assert_eq!(shown.terms[0].chars().count(), LINE_CHARS_MAX + 1);
    assert!(shown.terms[0].starts_with("any verb on type.é0, type.é1"));
    assert!(shown.terms[0].ends_with('…'));
}

#[test]
fn every_part_of_a_scope_has_a_line() {
    use crate::event::{ChannelRule, DelegationRule, InstructionSource, Limit, Measure};
    let full = AgentScope {
        grants: vec![Grant {
            resource_types: vec!["db.*".into()],
            resource_ids: vec!["sales.*".into()],
            verbs: vec![Verb::Read, Verb::List],
            sensitivity_max: Some(crate::event::Sensitivity::Internal),
            owners: vec!["finance".into()],
        }],
        tools: vec!["sql".into()],
        destinations: vec!["*.example".into()],
        instruction_sources: vec![InstructionSource::User],
        limits: vec![Limit {
            measure: Measure::parse("count").unwrap(),
            window_ms: HOUR_MS,
            max: 5.0,
        }],
        channel: Some(ChannelRule {
            encrypted: true,
            authenticated: true,
        }),
        delegation: Some(DelegationRule {
            allowed: true,
            depth_max: Some(2),
            children_max: Some(4),
        }),
        ..scope("root", None, &[])
    };
    let stored = Learned::default().declared(full).stored();
    let tree = tree_of_root(&stored).unwrap().unwrap();
    assert_eq!(
        tree.agents[0].scopes[0].terms,
        [
            "read, list on db.*, ids sales.*, sensitivity up to internal, of owners finance",
            "tools sql",
            "destinations *.example",
            "instructions of user",
            "at most 5 of count in 1h",
            "channel encrypted, authenticated",
            "delegation: depth up to 2, up to 4 children",
        ]
    );
    let text = serde_json::to_string(&tree).unwrap();
    assert_eq!(serde_json::from_str::<AgentTree>(&text).unwrap(), tree);
}
