//! Several recipients in one field: each is judged.

use super::*;
use crate::scope::declared::resources::ResourceCatalogue;

/// What a field lists, and whether some recipient is outside of corp.test and lab.test.
const LISTS: &[(&str, bool)] = &[
    ("a@corp.test", false),
    ("a@corp.test, b@corp.test", false),
    ("a@corp.test;B@CORP.test.;", false),
    ("a@corp.test,,b@lab.test", false),
    ("Jane <a@corp.test>, \"Bob\" <b@lab.test>", false),
    ("Doe, Jane <a@corp.test>; b@corp.test", false),
    ("Doe, Jane <a@corp.test>", false),
    ("\"a@corp.test\" <a@corp.test>", false),
    ("mailto:a@corp.test,b@corp.test", false),
    ("a@corp.test, b@evil.test", true),
    ("b@evil.test; a@corp.test", true),
    ("b@evil.test, Jane <a@corp.test>", true),
    ("Jane <b@evil.test>, Jane <a@corp.test>", true),
    ("<b@evil.test> <a@corp.test>", true),
    ("b@evil.test/, Jane <a@corp.test>", true),
    ("\"b@evil.test, x\" <a@corp.test>", true),
    ("a@corp.test, b@corp.test, evil.test", true),
    ("a@corp.test, b@corp.test, @", true),
    ("a@corp.test b@evil.test, c@corp.test", true),
    ("x@y@corp.test, a@corp.test", true),
    ("mailto:a@corp.test,b@evil.test", true),
    ("https://evil.test/?a@corp.test,b@corp.test", true),
];

#[test]
fn each_recipient_of_a_list_is_judged() {
    let declared = AgentScope {
        destinations: vec!["*@corp.test".into(), "*@lab.test".into()],
        ..scope("s", &[("*", "send")])
    };
    for (list, outside) in LISTS {
        for in_host in [true, false] {
            let field = || Some(Text::from(*list));
            let mut act = AgentAction {
                destination_host: field().filter(|_| in_host),
                destination_address: field().filter(|_| !in_host),
                ..action("send", "email.message")
            };
            ResourceCatalogue::default().enrich_action(&mut act);
            let found = words(declared.clone(), &act) == ["destination"];
            assert_eq!(found, *outside, "{list:?} in host: {in_host}");
        }
    }
}

#[test]
fn recipients_at_one_host_are_its_accounts() {
    for (list, host, address) in [
        (
            "A@corp.test, b@Corp.test",
            "corp.test",
            Some("a@corp.test,b@corp.test"),
        ),
        ("a@corp.test;b@lab.test", "a@corp.test,b@lab.test", None),
        ("a@corp.test;b@", "a@corp.test;b@", None),
    ] {
        let mut act = AgentAction {
            destination_host: Some(list.into()),
            ..AgentAction::new("a")
        };
        for _ in 0..2 {
            ResourceCatalogue::default().enrich_action(&mut act);
            assert_eq!(act.destination_host.as_deref(), Some(host), "{list}");
            assert_eq!(act.destination_address.as_deref(), address, "{list}");
        }
    }
}
