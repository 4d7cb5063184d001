//! The rules of the verdict one by one; `properties` holds those that hold for all records.

mod properties;
mod recipients;
mod reference;

use jiff::tz::TimeZone;

use super::*;
use crate::event::{
    AgentScope, ChannelRule, DelegationRule, Grant, Limit, Measure, Text, Verb, WorkingHours,
};
use crate::scope::model::verdict_words::{Violation, ViolationSet};
use crate::scope::testing::{action, scope};

const NOW: i64 = 1_780_315_200_000; // 2026-06-01T12:00:00Z, a Monday

fn book(scopes: impl IntoIterator<Item = AgentScope>) -> ScopeHistory {
    let mut book = ScopeHistory::default();
    for scope in scopes {
        book.declare(scope, NOW - 1_000);
    }
    book
}

fn at(at_ms: i64) -> JudgeContext<'static> {
    JudgeContext {
        at_ms,
        ..JudgeContext::default()
    }
}

fn verdict(book: &ScopeHistory, action: &AgentAction) -> Judgement {
    judge(book, || None, &mut LimitUsage::default(), action, &at(NOW))
}

fn words(scope: AgentScope, action: &AgentAction) -> Vec<&'static str> {
    verdict(&book([scope]), action).violations.words().collect()
}

#[test]
fn forgetting_the_verb_does_not_turn_to_another_grant() {
    let mut declared = scope("s", &[("email", ""), ("email", "read")]);
    declared.grants[0].resource_ids = vec!["a*".into()];
    declared.grants[1].owners = vec!["o1".into()];
    let with_verb = |verb: &str| AgentAction {
        resource_id: Some("b".into()),
        resource_owner: Some("o2".into()),
        ..action(verb, "email")
    };
    assert_eq!(words(declared.clone(), &with_verb("send")), ["resource_id"]);
    assert_eq!(words(declared.clone(), &with_verb("read")), ["owner"]);
    assert_eq!(
        words(declared.clone(), &with_verb("other")),
        ["resource_id"],
        "one of the two, and not none"
    );
    declared.grants[0].owners = vec!["o3".into()];
    let owner = with_verb("other");
    assert_eq!(
        words(declared.clone(), &owner),
        ["owner"],
        "whatever the verb is"
    );
    let found = verdict(&book([declared.clone()]), &owner);
    assert_eq!(
        found.explain(Violation::Owner, &owner, &declared),
        "email owned by o2; the grant covers owners o3, o1"
    );
}

#[test]
fn of_several_scopes_one_that_grants_the_type_explains() {
    let scopes = [
        scope("s1", &[("database.table", "read")]),
        scope("s2", &[("email", "read")]),
    ];
    let found = verdict(&book(scopes), &action("send", "email"));
    assert_eq!(found.scope_id(), Some("s2"));
    assert_eq!(found.violations, ViolationSet::of(Violation::Verb));
}

#[test]
fn an_address_is_judged_beside_a_host_that_is_an_address() {
    let declared = AgentScope {
        destinations: vec!["10.*".into()],
        ..scope("s", &[("*", "send")])
    };
    let act = AgentAction {
        destination_host: Some("10.1.2.3".into()),
        destination_address: Some("192.0.2.1".into()),
        ..action("send", "email")
    };
    assert_eq!(words(declared, &act), ["destination"]);
}

#[test]
fn unmapped_actions_violate_no_grant_but_their_tool_is_judged() {
    let declared = AgentScope {
        tools: vec!["mail.*".into()],
        ..scope("s", &[("email", "read")])
    };
    let mut unmapped = action("other", "unknown");
    unmapped.tool_name = Some("shell".into());
    let found = verdict(&book([declared]), &unmapped);
    assert!(found.unmapped);
    assert_eq!(found.violations, ViolationSet::of(Violation::Tool));
}

#[test]
fn no_scope_is_missing_pending_or_unmanaged_and_never_a_gap() {
    let mut bare = action("delete", "db.table");
    bare.outcome = Some(ActionOutcome::Allowed);
    let status = |tenant_managed, pending| {
        let ctx = JudgeContext {
            tenant_managed,
            pending,
            ..at(NOW)
        };
        let mut usage = LimitUsage::default();
        let found = judge(&ScopeHistory::default(), || None, &mut usage, &bare, &ctx);
        assert!(found.violations.is_empty() && !found.enforcement_gap && found.basis.is_none());
        found.status
    };
    assert_eq!(status(true, false), ScopeStatus::Missing);
    assert_eq!(status(false, false), ScopeStatus::Unmanaged);
    assert_eq!(status(true, true), ScopeStatus::Pending);
}

#[test]
fn an_enforcement_gap_needs_the_gateway_to_have_allowed_what_the_scope_forbids() {
    let declared = scope("s", &[("email", "read")]);
    let gap = |declared: &AgentScope, verb: &str, outcome| {
        let act = AgentAction {
            outcome,
            ..action(verb, "email")
        };
        verdict(&book([declared.clone()]), &act).enforcement_gap
    };
    assert!(gap(&declared, "send", Some(ActionOutcome::Allowed)));
    assert!(!gap(&declared, "send", Some(ActionOutcome::Denied)));
    assert!(!gap(&declared, "send", None));
    assert!(!gap(&declared, "read", Some(ActionOutcome::Allowed)));
    let ended = AgentScope {
        effective_from_ms: Some(NOW - 60_000),
        expires_at_ms: Some(NOW - 10_000),
        ..declared
    };
    assert!(
        gap(&ended, "read", Some(ActionOutcome::Allowed)),
        "an expired scope forbids everything"
    );
}

#[test]
fn channel_is_judged_only_where_the_record_speaks_of_it() {
    let rule = Some(ChannelRule {
        encrypted: true,
        authenticated: false,
    });
    let declared = AgentScope {
        channel: rule,
        ..scope("s", &[("email", "read")])
    };
    let with = |encrypted, authenticated| {
        let act = AgentAction {
            channel_encrypted: encrypted,
            channel_authenticated: authenticated,
            ..action("read", "email")
        };
        words(declared.clone(), &act)
    };
    assert_eq!(with(Some(false), None), ["channel"]);
    assert!(with(None, Some(false)).is_empty());
    assert!(with(Some(true), Some(false)).is_empty());
}

#[test]
fn hours_are_judged_in_the_scope_s_zone_else_the_tenant_s() {
    let hours = |zone: Option<&str>| {
        let zone = zone.map(Text::from);
        Some(WorkingHours {
            days: vec![],
            from_min: 13 * 60,
            to_min: 15 * 60,
            zone,
        })
    };
    let tokyo = crate::scope::model::working_hours::time_zone("Asia/Tokyo").unwrap();
    let judged = |declared: Option<&str>, tenant: Option<&TimeZone>| {
        let book = book([AgentScope {
            hours: hours(declared),
            ..scope("s", &[("*", "read")])
        }]);
        let ctx = JudgeContext {
            zone: tenant,
            ..at(NOW)
        };
        let act = action("read", "email");
        judge(&book, || None, &mut LimitUsage::default(), &act, &ctx)
            .violations
            .is_empty()
    };
    assert!(!judged(None, None), "12:00 UTC");
    assert!(
        judged(Some("Europe/Berlin"), Some(&tokyo)),
        "14:00 in Berlin"
    );
    assert!(!judged(None, Some(&tokyo)), "21:00 in Tokyo");
}

#[test]
fn delegation_counts_the_child_that_is_spawned() {
    let with = |rule: DelegationRule, verb: &str, chain: &[&str], before: u32| {
        let declared = AgentScope {
            delegation: Some(rule),
            ..scope("s", &[("*", "")])
        };
        let mut act = action(verb, "agent.child");
        act.delegation_chain = chain.iter().map(|id| (*id).into()).collect();
        act.resource_id = Some("new".into());
        let (ctx, book) = (at(NOW), book([declared]));
        let mut usage = LimitUsage::default();
        for n in 0..before {
            let other = AgentAction {
                resource_id: Some(format!("c{n}").into()),
                ..action("spawn", "agent.child")
            };
            judge(&book, || None, &mut usage, &other, &ctx);
        }
        let found = judge(&book, || None, &mut usage, &act, &ctx);
        found.violations.words().collect::<Vec<_>>()
    };
    let rule = |allowed, depth_max, children_max| DelegationRule {
        allowed,
        depth_max,
        children_max,
    };
    assert_eq!(
        with(rule(false, None, None), "spawn", &[], 0),
        ["delegation_not_allowed"]
    );
    assert!(with(rule(false, None, None), "read", &[], 1).is_empty());
    let depth = rule(true, Some(1), None);
    assert!(with(depth, "read", &["root", "a"], 0).is_empty());
    assert_eq!(
        with(depth, "spawn", &["root", "a"], 0),
        ["delegation_depth"]
    );
    assert_eq!(
        with(depth, "read", &["root", "mid", "a"], 0),
        ["delegation_depth"]
    );
    assert_eq!(
        with(depth, "read", &["root", "mid"], 0),
        ["delegation_depth"],
        "chain to parent"
    );
    let children = rule(true, None, Some(2));
    assert!(with(children, "spawn", &[], 1).is_empty());
    assert_eq!(with(children, "spawn", &[], 2), ["delegation_children"]);
    assert!(
        with(children, "read", &[], 3).is_empty(),
        "only a spawn adds a child"
    );
}

#[test]
fn a_limit_is_exceeded_by_one_more_than_its_max_the_action_included() {
    let limit = |max| Limit {
        measure: Measure::parse("count").unwrap(),
        window_ms: 60_000,
        max,
    };
    let book = book([AgentScope {
        // Further bounds on the same count do not count twice.
        limits: vec![limit(3.0), limit(9.0), limit(9.0)],
        ..scope("s", &[("*", "read")])
    }]);
    let mut usage = LimitUsage::default();
    let mut hits = Vec::new();
    for n in 0..5 {
        let act = action("read", "email");
        let found = judge(&book, || None, &mut usage, &act, &at(NOW + n));
        hits.push(found.limit_hit.map(|hit| hit.observed));
        assert_eq!(found.violations.contains(Violation::Limit), n >= 3);
        if n == 3 {
            let text = found.explain(Violation::Limit, &act, found.scope.as_ref().unwrap());
            assert_eq!(text, "count reached 4 in 1m; the scope allows 3");
        }
    }
    assert_eq!(hits, [None, None, None, Some(4.0), Some(5.0)]);
    let later = judge(
        &book,
        || None,
        &mut usage,
        &action("read", "email"),
        &at(NOW + 60_000),
    );
    assert!(later.violations.is_empty(), "the window has passed");
}

#[test]
fn sentences_say_what_was_expected() {
    let declared = scope("s", &[("database.table", "read,list")]);
    let act = action("delete", "database.table");
    let found = verdict(&book([declared.clone()]), &act);
    assert_eq!(
        found.explain(Violation::Verb, &act, &declared),
        "verb delete on database.table; the grant allows read, list"
    );
    let act = action("read", "email");
    assert_eq!(
        found.explain(Violation::ResourceType, &act, &declared),
        "resource type email; the scope grants database.table"
    );
}

#[test]
fn a_verb_granted_for_the_type_blames_the_resource_and_not_the_verb() {
    let mut declared = scope("s", &[("db.table", "read"), ("db.table", "delete")]);
    declared.grants[0].resource_ids = vec!["a*".into()];
    declared.grants[1].resource_ids = vec!["b*".into()];
    let act = AgentAction {
        resource_id: Some("a1".into()),
        ..action("delete", "db.table")
    };
    assert_eq!(words(declared, &act), ["resource_id"]);
}

#[test]
fn an_id_that_climbs_out_of_its_grant_is_a_violation() {
    let mut declared = scope("s", &[("file", "read")]);
    declared.grants[0].resource_ids = vec!["/reports/*".into()];
    let reads = |id: &str| AgentAction {
        resource_id: Some(id.into()),
        ..action("read", "file")
    };
    assert!(words(declared.clone(), &reads("/reports/a/../b")).is_empty());
    let climbs = reads("/reports/../etc/shadow");
    assert_eq!(words(declared, &climbs), ["resource_id"]);
}

#[test]
fn a_host_is_judged_in_any_spelling_and_an_address_like_it() {
    let declared = AgentScope {
        destinations: vec!["*.corp.test".into(), "10.*".into()],
        ..scope("s", &[("*", "send")])
    };
    let outside = |host: Option<&str>, address: Option<&str>| {
        let act = AgentAction {
            destination_host: host.map(Text::from),
            destination_address: address.map(Text::from),
            ..action("send", "email")
        };
        words(declared.clone(), &act) == ["destination"]
    };
    assert!(!outside(Some("https://API.corp.test:443/x"), None));
    assert!(!outside(Some("api.corp.test"), Some("192.0.2.1")));
    assert!(!outside(None, Some("10.1.2.3:80")));
    assert!(!outside(None, None) && outside(Some("https://"), None));
    assert!(outside(Some("evil.test"), Some("10.1.2.3")));
    assert!(outside(Some("10.evil.test"), None));
    assert!(outside(Some("https://evil.test/.corp.test"), None));
    assert!(outside(None, Some("192.0.2.1")), "no name explains it");
    assert!(outside(Some("https://"), Some("10.1.2.3")), "no host");
    assert!(outside(Some("api.corp.test"), Some("a@evil.test")));
    assert!(outside(Some("api.corp.test"), Some("evil.test")));
    assert!(outside(
        Some("api.corp.test"),
        Some("DE89 3704 0044 0532 0130 00")
    ));
    let declared = AgentScope {
        destinations: vec!["10.*".into(), "fd00:*".into()],
        ..scope("s", &[("*", "send")])
    };
    let outside = |address: &str| {
        let act = AgentAction {
            destination_address: Some(address.into()),
            ..action("send", "email")
        };
        words(declared.clone(), &act) == ["destination"]
    };
    assert!(outside("192.0.2.1") && !outside("10.0.0.1") && !outside("fd00::1"));
}

#[test]
fn of_a_mail_address_the_account_counts() {
    let declared = AgentScope {
        destinations: vec![
            "ceo@corp.test".into(),
            "*@mail.test".into(),
            "de89370400440532013000".into(),
        ],
        ..scope("s", &[("*", "send")])
    };
    let outside = |host: Option<&str>, address: Option<&str>| {
        let act = AgentAction {
            destination_host: host.map(Text::from),
            destination_address: address.map(Text::from),
            ..action("send", "email")
        };
        words(declared.clone(), &act) == ["destination"]
    };
    for inside in [
        "ceo@corp.test",
        "CEO@Corp.Test.",
        "any@mail.test",
        "DE89 3704 0044 0532 0130 00",
    ] {
        assert!(
            !outside(None, Some(inside)) && !outside(Some(inside), None),
            "{inside}"
        );
    }
    for other in [
        "cfo@corp.test",
        "ceo@corp.test.evil.test",
        "any@x.mail.test",
        "DE89 3704 0000",
    ] {
        assert!(
            outside(None, Some(other)) && outside(Some(other), None),
            "{other}"
        );
    }
    assert!(!outside(Some("corp.test"), Some("ceo@corp.test")));
    assert!(
        !outside(Some("corp.test"), None),
        "which account is not known"
    );
    assert!(outside(Some("corp.test"), Some("cfo@corp.test")));
    assert!(outside(Some("corp.test"), Some("192.0.2.1")), "no mail");
    let page = AgentAction {
        destination_host: Some("corp.test".into()),
        ..action("send", "web.form")
    };
    assert_eq!(words(declared.clone(), &page), ["destination"], "no mail");
}

#[test]
fn owners_and_types_compare_without_case_in_all_of_unicode() {
    let mut declared = scope("s", &[("straße.akte", "read")]);
    declared.grants[0].owners = vec!["Müller".into()];
    let reads = |kind: &str, owner: &str| AgentAction {
        resource_owner: Some(owner.into()),
        ..action("read", kind)
    };
    assert!(words(declared.clone(), &reads("strasse.akte", "MÜLLER")).is_empty());
    assert_eq!(
        words(declared, &reads("strasse.akte", "mueller")),
        ["owner"]
    );
}

#[test]
fn an_id_that_nobody_can_follow_is_outside_every_grant_that_names_ids() {
    let mut declared = scope("s", &[("file", "read")]);
    declared.grants[0].resource_ids = vec!["/reports/*".into()];
    for id in [
        "/reports/a\0b",
        "/reports/%c0%ae%c0%ae/x",
        "/reports/x%3f/../../etc",
    ] {
        let read = AgentAction {
            resource_id: Some(id.into()),
            ..action("read", "file")
        };
        assert_eq!(words(declared.clone(), &read), ["resource_id"], "{id}");
    }
}

#[test]
fn a_chain_the_wrong_way_round_is_as_deep_as_the_right_one() {
    let depth = |chain: &[&str]| {
        let chain = chain.iter().map(|id| (*id).into()).collect();
        delegation_depth(&AgentAction {
            delegation_chain: chain,
            ..AgentAction::new("worker")
        })
    };
    assert_eq!(depth(&["root", "planner", "worker"]), 2);
    assert_eq!(depth(&["worker", "planner", "root"]), 2);
    assert_eq!(depth(&["worker"]), 0);
    assert_eq!(depth(&["root", "planner"]), 2);
}
