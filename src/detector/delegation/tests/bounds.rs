//! Whatever is invented costs bounded state and takes no room from what is proven.

use super::*;

#[test]
fn invented_children_cost_bounded_state_and_push_out_no_proven_one() {
    let mut state = DelegationState::default();
    for n in 0..10_000 {
        state.note_spawn(Some(&format!("invented-{n}").into()), NOW);
        state.note_spawn(None, NOW);
    }
    for n in 0..CHILDREN_KNOWN_MAX {
        assert!(
            state.note_child(&child(n, EdgeSource::Scope, false), NOW),
            "{n}"
        );
    }
    assert!(
        !state.note_child(&child(999, EdgeSource::Chain, false), NOW),
        "its own claim"
    );
    for n in 0..1_000 {
        state.note_spawn(Some(&format!("more-{n}").into()), NOW);
    }
    let known = state.children.known();
    assert_eq!(known.len(), CHILDREN_KNOWN_MAX);
    assert!(
        known
            .iter()
            .all(|edge| edge.evidence.has(EdgeSource::Scope))
    );
    assert!(state.children.count() > 10_000, "counted");
    assert!(!state.note_child(&child(0, EdgeSource::Scope, true), NOW));
    assert!(
        state.note_child(&child(70, EdgeSource::Scope, false), NOW),
        "an end makes room"
    );
    let stored = postcard::to_stdvec(&state).unwrap().len();
    assert!(stored < 16 * 1024, "{stored}");
}

#[test]
fn invented_parents_take_no_room_from_proven_ones() {
    let mut state = declared();
    for n in 0..1_000 {
        let spawned = ParentNotice {
            spawned: true,
            ..notice(&format!("p{n}"), Vec::new())
        };
        state.note_parent(&spawned, false, NOW, |_| None);
    }
    assert_eq!(state.parents.len(), 1 + UNPROVEN_PARENTS_MAX);
    assert_eq!(state.parents_further, 1_000 - UNPROVEN_PARENTS_MAX as u32);
    assert_eq!(state.parent_edge(Some("s1")).unwrap().0, "boss");
    for n in 0..1_000 {
        own(
            &mut state,
            &scope(&format!("t{n}"), Some((&format!("q{n}"), None))),
        );
    }
    assert_eq!(state.scopes.len(), DELEGATED_SCOPES_MAX);
    assert!(state.parents.len() <= PARENTS_MAX + UNPROVEN_PARENTS_MAX);
}

#[test]
fn a_tree_is_known_whole_up_to_its_bound_and_counted_beyond() {
    let mut state = DelegationState::default();
    let members = |range: std::ops::Range<usize>| MemberNotice {
        child: "c0".into(),
        members: range
            .map(|n| NoticedMember {
                number: 1,
                agent: format!("m{n}").into(),
                parent: "c0".into(),
                depth: 2,
                credential: None,
                edge: EdgeEvidence::of(EdgeSource::Scope),
                ended: false,
            })
            .collect(),
    };
    assert!(
        state.note_members("root", &members(0..9)).is_empty(),
        "of no child"
    );
    state.note_child(&child(0, EdgeSource::Scope, false), NOW);
    let passed_on = state.note_members("root", &members(0..MEMBERS_MAX));
    assert_eq!(passed_on.len(), MEMBERS_MAX);
    assert_eq!(passed_on[0].depth, 3);
    for _ in 0..3 {
        state.note_members("root", &members(0..MEMBERS_MAX + 40));
    }
    let view = state.tree_view();
    assert_eq!(
        (view.members.len(), view.further),
        (MEMBERS_MAX, 40),
        "a repeat counts nothing"
    );
    let itself = state.note_members("m300", &members(300..301));
    assert!(itself.is_empty(), "a cycle ends at the agent itself");
    assert!(
        state.note_members("root", &members(0..1)).is_empty(),
        "no news passes on"
    );
}
