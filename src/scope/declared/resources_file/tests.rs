//! What is filled in, in which order, and what is never touched.

use super::*;
use crate::event::AgentAction;
use crate::scope::testing::action;

fn read(text: &str) -> (ResourceCatalogue, Vec<String>) {
    let file = SourceFile {
        path: "r.yaml".into(),
        text: text.into(),
    };
    let (resources, found) = ResourceCatalogue::parse(&file);
    (resources, found.iter().map(ToString::to_string).collect())
}

const SOME: &str = "
timezone: {acme: Europe/Berlin}
internal-domains: [Corp.example., '*.lan', '192.0.2.*']
alias: {Db.table: Database.Table}
resources:
  - {tool: 'Query*', resource: 'hr.*', type: Database.Table, verb: read,
     sensitivity: restricted, private: true}
  - {tool: [query, find], type: database.table, verb: search, owner: sales}
  - {host: 'pay.*', type: payment.transfer, verb: transfer, external: false}
  - {server: files, untrusted: true}
";

fn enriched(mut action: AgentAction) -> AgentAction {
    let (resources, found) = read(SOME);
    assert!(found.is_empty(), "{found:?}");
    resources.enrich_action(&mut action);
    action
}

fn tool(name: &str, id: Option<&str>) -> AgentAction {
    AgentAction {
        tool_name: Some(name.into()),
        resource_id: id.map(Into::into),
        ..AgentAction::new("a")
    }
}

#[test]
fn the_first_entry_that_matches_fills_and_no_other() {
    let hr = enriched(tool("query", Some("hr.people")));
    assert_eq!(hr.resource_type, "database.table");
    assert_eq!(hr.resource_sensitivity, Some(Sensitivity::Restricted));
    assert_eq!((hr.action_verb, hr.resource_owner), (Verb::Read, None));
    let sales = enriched(tool("QUERY", Some("sales.orders")));
    assert_eq!(
        (sales.action_verb, sales.resource_sensitivity),
        (Verb::Search, None)
    );
    assert_eq!(sales.resource_owner.as_deref(), Some("sales"));
    assert_eq!(enriched(tool("shell", None)), tool("shell", None));
}

#[test]
fn a_value_on_the_record_stays() {
    let mut given = tool("query", Some("hr.people"));
    given.action_verb = Verb::Delete;
    given.resource_type = "db.view".into();
    given.resource_sensitivity = Some(Sensitivity::Public);
    given.content_private = Some(false);
    assert_eq!(enriched(given.clone()), given);
}

#[test]
fn an_alias_renames_before_anything_else() {
    assert_eq!(
        enriched(action("read", "db.table")).resource_type,
        "database.table"
    );
    let shouted = enriched(action("read", "DB.Table"));
    assert_eq!(shouted.resource_type, "database.table");
    assert_eq!(enriched(action("read", "Email")).resource_type, "email");
    assert!(enriched(action("read", "Unknown")).resource_type_unmapped());
}

#[test]
fn a_grant_of_an_old_name_is_renamed_with_it() {
    let (resources, _) = read(SOME);
    let grants = [("DB.table", "read"), ("db.*", "read"), ("Email", "read")];
    let mut scope = crate::scope::testing::scope("s", &grants);
    resources.rename_grants(&mut scope);
    let types: Vec<&str> = scope
        .grants
        .iter()
        .map(|g| g.resource_types[0].as_str())
        .collect();
    assert_eq!(types, ["database.table", "db.*", "Email"]);
}

#[test]
fn web_reads_are_untrusted_unless_the_record_says_otherwise() {
    let untrusted = |verb: &str, kind: &str| enriched(action(verb, kind)).content_untrusted;
    assert_eq!(untrusted("browse", "web.page"), Some(true));
    assert_eq!(untrusted("read", "web"), Some(true));
    assert_eq!(untrusted("send", "web.form"), None);
    assert_eq!(untrusted("read", "website.page"), None);
    let trusted = AgentAction {
        content_untrusted: Some(false),
        ..action("read", "web.page")
    };
    assert_eq!(enriched(trusted).content_untrusted, Some(false));
}

#[test]
fn hosts_outside_the_internal_domains_are_external_where_there_are_any() {
    let to = |host: &str| AgentAction {
        destination_host: Some(host.into()),
        ..AgentAction::new("a")
    };
    let external = |host: &str| enriched(to(host)).destination_external;
    for inside in [
        "corp.example",
        "API.Corp.Example",
        "x.lan",
        "localhost",
        "10.1.2.3",
        "::1",
        "[fd00::1]",
        "https://api.corp.example:8443/x",
        "corp.example.",
        "[::ffff:10.1.2.3]:80",
        "192.0.2.7:53",
    ] {
        assert_eq!(external(inside), Some(false), "{inside}");
    }
    for outside in [
        "evilcorp.example",
        "corp.example.evil.net",
        "lan",
        "8.8.8.8",
        "é.example",
        "https://evil.test/.corp.example",
        "192.0.2.evil.test",
        "corp.example@evil.test",
    ] {
        assert_eq!(external(outside), Some(true), "{outside}");
    }
    assert_eq!(
        external("pay.partner.net"),
        Some(false),
        "filled by its entry"
    );
    assert_eq!(enriched(AgentAction::new("a")).destination_external, None);
    assert_eq!(external("https://"), Some(true), "no host in it");
    let address = |text: &str| AgentAction {
        destination_address: Some(text.into()),
        ..AgentAction::new("a")
    };
    for (text, expected) in [
        ("ceo@corp.example", Some(false)),
        ("ceo@evil.test", Some(true)),
        ("arn:aws:sns:eu:1:t", None),
    ] {
        assert_eq!(
            enriched(address(text)).destination_external,
            expected,
            "{text}"
        );
    }
    let mut unknown = to("example.net");
    ResourceCatalogue::default().enrich_action(&mut unknown);
    assert_eq!(unknown.destination_external, None, "nothing is configured");
    for (list, expected) in [
        ("a@corp.example, b@api.corp.example", false),
        ("a@corp.example; b@evil.test", true),
        ("b@evil.test, Jane <a@corp.example>", true),
    ] {
        assert_eq!(external(list), Some(expected), "{list}");
        let by_address = enriched(address(list)).destination_external;
        assert_eq!(by_address, Some(expected), "{list}");
    }
}

#[test]
fn a_tenant_has_its_own_zone_or_the_one_of_all() {
    let (resources, _) = read(SOME);
    assert!(resources.tenant_zone("acme").is_some() && resources.tenant_zone("other").is_none());
    let (all, _) = read("timezone: Asia/Tokyo\n");
    assert!(all.tenant_zone("other").is_some());
}

#[test]
fn mistakes_are_reported_with_their_place() {
    let (_, found) = read(
        "\
timezone: Mars/Base
alias: {a: b, b: c}
internal-domain: x
resources:
  - {tol: x, type: y}
  - {tool: x, verb: raed}
  - {tool: x}
",
    );
    let expected = [
        ("r.yaml:1:11:", "unknown time zone"),
        ("r.yaml:2:12:", "final type"),
        ("r.yaml:3:1:", "did you mean `internal-domains`?"),
        ("r.yaml:5:6:", "did you mean `tool`?"),
        ("r.yaml:5:5:", "needs one of"),
        ("r.yaml:6:21:", "did you mean `read`?"),
        ("r.yaml:7:5:", "fills nothing"),
    ];
    for (place, part) in expected {
        let hit = found
            .iter()
            .any(|line| line.starts_with(place) && line.contains(part));
        assert!(hit, "no error {place} {part} in\n{}", found.join("\n"));
    }
}

#[test]
fn the_shipped_file_is_right() {
    let (resources, found) = read(include_str!("../../../../rules/resources.yaml"));
    assert!(found.is_empty(), "{found:?}");
    let mut fetch = tool("fetch", None);
    resources.enrich_action(&mut fetch);
    assert_eq!(
        (fetch.resource_type.as_str(), fetch.action_verb),
        ("web.page", Verb::Browse)
    );
    assert_eq!(fetch.content_untrusted, Some(true));
}

#[test]
fn what_can_never_match_is_refused_or_warned_of() {
    let entries = "resources:\n  - ";
    for (text, expected) in [
        (
            "internal-domains: [corp.test, ceo@corp.test]",
            "can never match",
        ),
        (
            "internal-domains: ['arn:aws:sns:eu:1:t']",
            "can never match",
        ),
        ("internal-domains: ['https://corp.test/x']", "only the host"),
        ("internal-domains: ['https://corp.test/']", ""),
        ("alias: {'db.*': database.table}", "can never match"),
        ("{host: 'https://pay.test/v1', type: x}", "only the host"),
        ("{host: 'pay.test/v1', type: x}", "only the host"),
        ("{host: '*.pay.test/v1', type: x}", "only the host"),
        ("{host: 10.0.0.0/8, type: x}", ""),
        ("{host: '.pay.test', type: x}", "can never match"),
        ("{resource: /a/../b, type: x}", "can never match"),
        ("{resource: '', type: x}", "is empty"),
        (
            "{tool: 'q*', type: x}\n  - {tool: query, type: y}",
            "entry of line 2",
        ),
        (
            "{tool: [a, b], type: x}\n  - {tool: b, server: s, type: y}",
            "entry of line 2",
        ),
        (
            "{host: '*.test', type: x}\n  - {host: 'm@pay.test', type: y}",
            "entry of line 2",
        ),
        (
            "{resource: /a/*, type: x}\n  - {resource: /a/b/*, type: y}",
            "entry of line 2",
        ),
        ("{tool: b, server: s, type: x}\n  - {tool: b, type: y}", ""),
        ("{tool: a, type: x}\n  - {tool: [a, b], type: y}", ""),
        ("{tool: a, type: x}\n  - {server: s, type: y}", ""),
    ] {
        let file = match text.starts_with('{') {
            true => format!("{entries}{text}\n"),
            false => format!("{text}\n"),
        };
        let (_, found) = read(&file);
        match expected {
            "" => assert!(found.is_empty(), "{file}{found:?}"),
            part => assert!(
                found.iter().any(|one| one.contains(part)),
                "{file}{found:?}"
            ),
        }
    }
}

#[test]
fn an_id_that_nobody_can_follow_is_malformed_and_stays_as_it_is() {
    let endless = format!("/x/%{}41", "25".repeat(60));
    for (id, malformed) in [
        (endless.as_str(), true),
        ("/x/%00y", true),
        ("/public/%c0%ae%c0%ae/x", true),
        ("/x/%2e%2e/y", false),
        ("100% sure", false),
        ("arn:aws:s3:::bucket/key", false),
    ] {
        let mut action = tool("read", Some(id));
        ResourceCatalogue::default().enrich_action(&mut action);
        let found = action.is_malformed(crate::event::ActionField::RESOURCE_ID);
        assert_eq!(found, malformed, "{id}");
        assert!(
            !malformed || action.resource_id.as_deref() == Some(id),
            "{id}"
        );
    }
}

#[test]
fn a_resource_id_is_compared_by_where_it_leads() {
    let (resources, found) = read(
        "resources:\n  - {resource: /hr/*, sensitivity: restricted}\n  - {resource: /public/*, \
         sensitivity: public}\n",
    );
    assert!(found.is_empty(), "{found:?}");
    for (id, expected) in [
        ("/public/a", Sensitivity::Public),
        ("/public/../hr/x", Sensitivity::Restricted),
        ("/public/%252e%252e/hr/x", Sensitivity::Restricted),
        ("/public/..;/hr/x", Sensitivity::Restricted),
        ("\\hr\\x", Sensitivity::Restricted),
        ("//hr/x", Sensitivity::Restricted),
        ("/hr／x", Sensitivity::Restricted),
        // Nobody can follow these; the best guess counts.
        ("/public/%c0%ae%c0%ae/hr/x", Sensitivity::Restricted),
        ("/hr/x%00.txt", Sensitivity::Restricted),
    ] {
        let mut action = tool("read", Some(id));
        resources.enrich_action(&mut action);
        assert_eq!(action.resource_sensitivity, Some(expected), "{id}");
    }
}

/// Rules, baselines and alerts read the fields of the action.
#[test]
fn an_action_comes_out_in_normal_form() {
    let enriched = |action: AgentAction| {
        let mut action = action;
        ResourceCatalogue::default().enrich_action(&mut action);
        let once = action.clone();
        ResourceCatalogue::default().enrich_action(&mut action);
        assert_eq!(action, once, "a second time changes nothing");
        action
    };
    let to = |host: &str| AgentAction {
        destination_host: Some(host.into()),
        ..AgentAction::new("a")
    };
    for (host, normal, address) in [
        ("https://X.paste.example:443/up", "x.paste.example", None),
        ("x.paste.example.", "x.paste.example", None),
        ("[2001:DB8:0::1]:443", "2001:db8::1", None),
        ("2852039166", "169.254.169.254", None),
        ("Bob@Corp.example", "corp.example", Some("bob@corp.example")),
        ("https://", "https://", None),
    ] {
        let action = enriched(to(host));
        assert_eq!(action.destination_host.as_deref(), Some(normal), "{host}");
        assert_eq!(action.destination_address.as_deref(), address, "{host}");
    }
    let page = |kind: &str, id: &str| {
        let mut action = tool("fetch", Some(id));
        action.resource_type = kind.into();
        enriched(action).destination_host
    };
    let url = "HTTPS://user@Evil.test:443/x";
    assert_eq!(page("Web.Page", url).as_deref(), Some("evil.test"));
    assert_eq!(
        page("web.page", "https://e vil.test/").as_deref(),
        Some("e vil.test")
    );
    assert_eq!(page("web.page", "page-1"), None);
    assert_eq!(page("file", url), None);
    let account = enriched(AgentAction {
        destination_address: Some("12345678".into()),
        ..AgentAction::new("a")
    });
    assert_eq!(
        account.destination_address.as_deref(),
        Some("12345678"),
        "no IPv4"
    );
}

#[test]
fn what_can_never_match_is_refused_with_its_location() {
    let (_, found) = read(
        "internal-domains: [corp.example, 'https://']\nresources:\n  - {host: [a.test, \
         'a@b@c.test'], \
         type: x}\n  - {resource: ['/a/*', '/a/../b'], type: x}\n",
    );
    assert_eq!(found.len(), 3, "{found:?}");
    for (problem, at) in found
        .iter()
        .zip(["r.yaml:1:34", "r.yaml:3:21", "r.yaml:4:25"])
    {
        assert!(problem.starts_with(at), "{at} {problem}");
    }
}

#[test]
fn a_click_is_browsing_and_a_submitted_form_is_sending() {
    let text = include_str!("../../../../rules/resources.yaml");
    let (resources, _) = read(text);
    for (name, kind, verb) in [
        ("browser_click", "web.page", Verb::Browse),
        ("browser_type", "web.page", Verb::Browse),
        ("browser_fill_form", "web.page", Verb::Browse),
        ("puppeteer_click", "web.page", Verb::Browse),
        ("Browser_Submit_Form", "web.form", Verb::Send),
    ] {
        let mut action = tool(name, None);
        resources.enrich_action(&mut action);
        assert_eq!(
            (action.resource_type.as_str(), action.action_verb),
            (kind, verb),
            "{name}"
        );
    }
}

#[test]
fn shared_credentials_are_patterns_and_never_all_of_them() {
    let parse = |text: &str| {
        let path = "rules/resources.yaml".to_owned();
        let text = text.to_owned();
        ResourceCatalogue::parse(&SourceFile { path, text })
    };
    let (resources, problems) = parse("credentials: {shared: ['svc-*', exact]}\n");
    assert!(problems.is_empty(), "{problems:?}");
    for (id, shared) in [
        ("svc-1", true),
        ("exact", true),
        ("Exact", false),
        ("own-svc-1", false),
    ] {
        assert_eq!(resources.is_shared_credential(id), shared, "{id}");
    }
    for refused in ["['*']", "['**']", "{a: b}"] {
        let (_, problems) = parse(&format!("credentials: {{shared: {refused}}}\n"));
        assert!(!problems.is_empty(), "{refused}");
    }
}
