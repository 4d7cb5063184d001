//! `revoke: tree`: whom a plan over a tree hits and in which order, what waits for a person, who is
//! added later, and what is reported of it.

use super::*;
use crate::event::{ApprovalDecision, EdgeEvidence, EdgeSource, RevocationResult, Text};

const AUTO: &str = "default: auto\nbudget: {agents-per-hour: 100}\n";

/// A member whose edge one kind of evidence shows, with a credential of its own.
fn member(agent: &str, parent: &str, source: EdgeSource) -> TreeMember {
    TreeMember {
        agent: agent.into(),
        parent: parent.into(),
        depth: 1,
        credential: Some((format!("tok-{agent}").into(), Some("https://idp".into()))),
        edge: EdgeEvidence::of(source),
    }
}

/// `bot` with children `a` and `b`, and `c` below `a`.
fn family() -> TreeView {
    use EdgeSource::{Scope, Token};
    TreeView {
        members: vec![
            member("c", "a", Scope),
            member("a", "bot", Scope),
            member("b", "bot", Token),
        ],
        further: 0,
    }
}

/// `bot` with `count` children.
fn wide(count: usize) -> TreeView {
    let child = |n: usize| member(&format!("child-{n:03}"), "bot", EdgeSource::Scope);
    TreeView {
        members: (0..count).map(child).collect(),
        further: 0,
    }
}

fn bench(policy: &str, tree: TreeView) -> Bench {
    Bench {
        tree,
        ..Bench::new(policy)
    }
}

/// The names of the targets of a request, with order and number of targets.
fn listed(request: &RevocationRequest) -> Vec<String> {
    let shown = |planned: &PlannedTarget| {
        let (order, of) = planned.order;
        format!("{} {order}/{of}", name_of(&planned.target))
    };
    request.targets.iter().map(shown).collect()
}

fn name_of(target: &RevocationTarget) -> &str {
    match &target.name {
        TargetName::JwtId { jti, .. } => jti,
        TargetName::IssSub { sub, .. } => sub,
        TargetName::Opaque { id } => id,
    }
}

fn block(outcomes: &[ResponseOutcome]) -> RevocationBlock {
    let mut shown = alerts(outcomes).into_iter().rev();
    shown.find_map(|alert| alert.revocation.clone()).unwrap()
}

fn states(outcomes: &[ResponseOutcome], state: RequestState) -> usize {
    let targets = block(outcomes).targets;
    targets
        .iter()
        .filter(|target| target.state == state)
        .count()
}

#[test]
fn the_whole_tree_is_one_numbered_plan_in_the_order_of_the_policy() {
    for (order, expected) in [
        ("", ["bot 1/4", "tok-a 2/4", "tok-b 3/4", "tok-c 4/4"]),
        (
            "cascade: {order: root-first}\n",
            ["bot 1/4", "tok-a 2/4", "tok-b 3/4", "tok-c 4/4"],
        ),
        (
            "cascade: {order: leaves-first}\n",
            ["tok-c 1/4", "tok-b 2/4", "tok-a 3/4", "bot 4/4"],
        ),
    ] {
        let mut bench = bench(&format!("{AUTO}{order}"), family());
        let out = bench.fire(&["scope.tree"]);
        assert_eq!(requests(&out).len(), 1);
        let request = requests(&out)[0];
        assert_eq!(
            (listed(request), request.number),
            (expected.map(Into::into).into(), 1)
        );
        let of_c = request
            .targets
            .iter()
            .find(|one| name_of(&one.target) == "tok-c")
            .unwrap();
        let why = "the credential of c, child of a at depth 2 (evidence: scope)";
        assert!(of_c.reason.contains(why), "{}", of_c.reason);
        assert_eq!(block(&out).progress.requested, 4);
        let sent = bench.fire(&["scope.tree"]);
        assert!(requests(&sent).is_empty(), "asked once");
    }
}

#[test]
fn who_only_claims_a_parent_or_is_claimed_as_a_child_is_no_target() {
    for source in [EdgeSource::Chain, EdgeSource::Spawn] {
        let mut tree = family();
        tree.members.push(member("victim", "bot", source));
        tree.members
            .push(member("below", "victim", EdgeSource::Scope));
        let mut bench = bench(AUTO, tree);
        let out = bench.fire(&["scope.tree"]);
        assert_eq!(requests(&out)[0].targets.len(), 4);
        let note = "2 agents are left out: that they belong to the tree is only claimed";
        assert!(
            block(&out).notes.contains(&note.to_owned()),
            "{:?}",
            block(&out).notes
        );
    }
}

#[test]
fn a_member_on_the_never_revoke_list_is_left_out_and_the_alert_says_so() {
    for list in ["agents: ['a']", "credentials: ['tok-a']"] {
        let policy = format!("{AUTO}never-revoke: {{{list}}}\n");
        let mut bench = bench(&policy, family());
        let out = bench.fire(&["scope.tree"]);
        assert_eq!(
            listed(requests(&out)[0]),
            ["bot 1/3", "tok-b 2/3", "tok-c 3/3"]
        );
        assert!(
            block(&out)
                .notes
                .iter()
                .any(|note| note.contains("1 agents"))
        );
    }
    let mut bench = bench(
        &format!("{AUTO}never-revoke: {{agents: ['bot']}}\n"),
        family(),
    );
    assert!(
        requests(&bench.fire(&["scope.tree"])).is_empty(),
        "what is protected keeps its tree"
    );
}

#[test]
fn a_plan_over_more_than_ten_targets_waits_for_a_person() {
    for (children, sent, waiting) in [(9, 10, 0), (10, 0, 11), (200, 0, 201)] {
        let mut bench = bench(
            "default: auto\nbudget: {agents-per-hour: 1000}\n",
            wide(children),
        );
        let out = bench.fire(&["scope.tree"]);
        assert_eq!(states(&out, RequestState::Sent), sent, "{children}");
        assert_eq!(states(&out, RequestState::Waiting), waiting, "{children}");
        assert_eq!(requests(&out).len(), usize::from(sent > 0));
        let why = "needs approval: the plan has more than 10 targets";
        assert_eq!(
            block(&out).notes.iter().any(|note| note == why),
            waiting > 0
        );
        if waiting == 0 {
            continue;
        }
        let txn: Text = block(&out).txn.to_string().into();
        let decision = ApprovalDecision::Approve;
        let out = bench.say(CommandKind::Decision { txn, decision });
        assert_eq!(
            requests(&out)[0].targets.len(),
            waiting,
            "one request, as planned"
        );
        assert_eq!(requests(&out)[0].targets[0].order, (1, waiting as u32));
        assert!(requests(&out)[0].reason.contains("scope.tree explained"));
    }
}

#[test]
fn a_rule_for_the_agent_alone_is_not_held_back_by_the_size_of_its_tree() {
    let mut bench = bench("default: auto\n", wide(30));
    let out = bench.fire(&["scope.agent", "scope.tree"]);
    assert_eq!(listed(requests(&out)[0]), ["bot 1/31"]);
    assert_eq!(states(&out, RequestState::Waiting), 30);
}

#[test]
fn every_agent_that_a_cascade_hits_counts_in_the_budget_the_top_first() {
    for order in ["root-first", "leaves-first"] {
        let policy =
            format!("default: auto\nbudget: {{agents-per-hour: 3}}\ncascade: {{order: {order}}}\n");
        let mut bench = bench(&policy, family());
        let out = bench.fire(&["scope.tree"]);
        assert_eq!(states(&out, RequestState::Waiting), 1);
        let waiting = block(&out).targets;
        let waiting = waiting
            .iter()
            .find(|one| one.state == RequestState::Waiting)
            .unwrap();
        assert_eq!(name_of(&waiting.target), "tok-c", "the farthest waits");
        assert!(
            alerts(&out)
                .iter()
                .any(|alert| alert.rule.id == BUDGET_RULE)
        );
    }
}

#[test]
fn a_rule_about_what_was_taken_away_asks_for_no_tree() {
    let mut bench = bench(AUTO, family());
    bench.taken = Some(TargetKind::Credential);
    assert_eq!(
        listed(requests(&bench.fire(&["scope.tree"]))[0]),
        ["tok-1 1/1"]
    );
}

#[test]
fn a_member_that_is_seen_later_is_a_numbered_addition_under_the_same_transaction() {
    let mut bench = bench(AUTO, family());
    let first = requests(&bench.fire(&["scope.tree"]))[0].clone();
    assert!(bench.see_member().is_empty(), "nobody new");
    for (number, agent) in [(2, "d"), (3, "e")] {
        bench
            .tree
            .members
            .push(member(agent, "c", EdgeSource::Scope));
        let out = bench.see_member();
        let addition = requests(&out)[0];
        assert_eq!((addition.txn, addition.number), (first.txn, number));
        assert_eq!(listed(addition), [format!("tok-{agent} 1/1")]);
        assert_eq!(addition.message_id, Some(alerts(&out)[0].message_id));
        assert!(bench.see_member().is_empty(), "added once");
        assert!(
            bench
                .fire(&["scope.tree"])
                .iter()
                .all(|one| { !matches!(one, ResponseOutcome::Revocation(_)) })
        );
    }
    bench
        .tree
        .members
        .push(member("claims", "c", EdgeSource::Chain));
    assert!(requests(&bench.see_member()).is_empty());
}

#[test]
fn members_that_come_one_by_one_need_approval_from_the_eleventh_target_on() {
    let mut bench = bench("default: auto\nbudget: {agents-per-hour: 100}\n", wide(9));
    assert_eq!(requests(&bench.fire(&["scope.tree"]))[0].targets.len(), 10);
    bench
        .tree
        .members
        .push(member("more", "bot", EdgeSource::Scope));
    let out = bench.see_member();
    assert!(requests(&out).is_empty());
    assert_eq!(states(&out, RequestState::Waiting), 1);
}

#[test]
fn an_addition_goes_as_far_as_its_cascade_went_and_no_farther() {
    for (policy, end, sent, added) in [
        ("", None, 0, Some(RequestState::Planned)),
        ("default: approve\n", None, 0, Some(RequestState::Waiting)),
        (
            "default: approve\n",
            Some(ApprovalDecision::Approve),
            0,
            Some(RequestState::Waiting),
        ),
        ("default: approve\n", Some(ApprovalDecision::Deny), 0, None),
        ("default: auto\n", None, 1, Some(RequestState::Sent)),
    ] {
        let mut bench = bench(policy, wide(1));
        let out = bench.fire(&["scope.tree"]);
        let txn: Text = block(&out).txn.to_string().into();
        if let Some(decision) = end {
            bench.say(CommandKind::Decision { txn, decision });
        }
        bench
            .tree
            .members
            .push(member("late", "bot", EdgeSource::Scope));
        let out = bench.see_member();
        assert_eq!(requests(&out).len(), sent, "{policy} {end:?}");
        let targets = alerts(&out).last().map(|_| block(&out).targets);
        let late = targets.and_then(|all| all.last().map(|target| target.state));
        assert_eq!(late, added, "{policy} {end:?}");
    }
}

#[test]
fn a_withdrawal_takes_back_the_whole_cascade_and_nobody_is_added_any_more() {
    let mut bench = bench(AUTO, family());
    let txn = requests(&bench.fire(&["scope.tree"]))[0].txn;
    bench.tree.members.push(member("d", "c", EdgeSource::Scope));
    bench.see_member();
    let out = bench.say(CommandKind::Withdrawal {
        txn: txn.to_string().into(),
    });
    let withdrawn = requests(&out)[0];
    assert_eq!(
        (withdrawn.kind, withdrawn.txn),
        (RequestKind::Withdrawn, txn)
    );
    assert_eq!(withdrawn.targets.len(), 5);
    bench.tree.members.push(member("e", "c", EdgeSource::Scope));
    assert!(bench.see_member().is_empty());
}

#[test]
fn confirmations_name_their_targets_and_the_alert_says_how_far_the_cascade_has_come() {
    let mut bench = bench(AUTO, family());
    let txn: Text = requests(&bench.fire(&["scope.tree"]))[0]
        .txn
        .to_string()
        .into();
    for (confirmed, target) in [(1, "bot"), (2, "tok-a"), (3, "tok-b"), (4, "tok-c")] {
        bench.now_ms += 2_000;
        let out = bench.say(CommandKind::Confirmation {
            txn: txn.clone(),
            target: Some(target.into()),
            result: RevocationResult::Done,
        });
        let progress = block(&out).progress;
        assert_eq!((progress.requested, progress.confirmed), (4, confirmed));
        let remark = format!("({confirmed} of 4 targets confirmed)");
        assert!(
            alerts(&out)[0].message.ends_with(&remark),
            "{}",
            alerts(&out)[0].message
        );
        let whole = (confirmed == 4).then_some(8_000);
        assert_eq!(progress.effective_ms, whole, "known when all are confirmed");
        let audited = out.iter().find_map(|one| match one {
            ResponseOutcome::Audit(entry) => Some(entry.targets[0].clone()),
            _ => None,
        });
        assert_eq!(
            audited.unwrap().effective_ms,
            Some(i64::from(confirmed) * 2_000)
        );
    }
    let of_idp = &block(&bench.out).progress.issuers[0];
    assert_eq!(of_idp.issuer.as_deref(), Some("https://idp"));
    assert_eq!((of_idp.requested, of_idp.effective_ms), (4, Some(8_000)));
}

#[test]
fn a_tree_of_any_size_takes_no_more_than_its_room() {
    let mut bench = bench("default: approve\n", wide(400));
    bench.tree.further = 7;
    let out = bench.fire(&["scope.tree"]);
    assert_eq!(block(&out).targets.len(), 1 + TREE_TARGETS_MAX);
    let notes = block(&out).notes;
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("151 agents of the tree")),
        "{notes:?}"
    );
    for n in 0..12 {
        bench.action.task_id = Some(format!("t{n}").into());
        bench.tree.members[0].agent = format!("new-{n}").into();
        bench.fire(&["scope.tree"]);
        bench.see_member();
        let entries = &bench.agent.requests().entries;
        let members = entries.iter().filter(|entry| entry.is_of_member()).count();
        assert!(members <= MEMBER_REQUESTS_MAX);
        assert!(entries.len() - members <= REQUESTS_MAX + 1);
        assert!(bench.agent.requests().cascades.len() <= CASCADES_MAX);
    }
}
