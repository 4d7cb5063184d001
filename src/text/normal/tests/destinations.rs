//! Destinations: the spellings of one host are one, declared oddly or acted oddly.

use crate::text::normal::{Destination, DestinationPattern, is_repository};

fn covered(pattern: &str, destination: &str) -> bool {
    DestinationPattern::parse_lenient(pattern).covers(&Destination::read(destination))
}

fn form(text: &str) -> Option<String> {
    Destination::read(text)
        .into_text()
        .map(|text| text.into_owned())
}

/// A host in normal form and other ways to write it.
const SPELLINGS: &[(&str, &[&str])] = &[
    (
        "api.corp.test",
        &[
            "API.Corp.TEST.",
            " api.corp.test\n",
            "https://api.corp.test/path?q=1#f",
            "HTTPS:\\\\api.corp.test\\path",
            "https:/api.corp.test",
            "https:api.corp.test",
            "//api.corp.test/x",
            "https://user:secret@api.corp.test:8443",
            "https://evil.test@api.corp.test/",
            "api.corp.test:443",
            "api.corp.test?x=evil.test",
            "api.corp.test/@evil.test",
            "ａｐｉ．corp．test",
            "api。corp｡test",
            "api%2ecorp%2Etest",
            "a\u{ad}pi.corp.test",
            "https://api.corp.test/x\ny",
        ],
    ),
    (
        "evil.test",
        &[
            "https://evil.test/@api.corp.test",
            "https://evil.test\\.corp.test",
            "https://api.corp.test@evil.test",
            "https://api.corp.test:443@evil.test:443/",
            "evil.test/?to=https://api.corp.test",
            "evil.test#//api.corp.test",
        ],
    ),
    (
        "xn--bcher-kva.example",
        &[
            "bücher.example",
            "BÜCHER.example.",
            "XN--BCHER-KVA.Example",
            "bu\u{308}cher.example",
        ],
    ),
    (
        "10.1.2.3",
        &[
            "10.1.2.3:443",
            "10.1.2.3.",
            "::ffff:10.1.2.3",
            "[::FFFF:a01:203]:80",
            "0xa.1.515",
            "012.1.2.3",
            "167838211",
            "0x0A010203",
            "https://0xa010203/x",
            "１０.１.２.３",
        ],
    ),
    (
        "127.0.0.1",
        &[
            "0x7f.1",
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "[::ffff:127.0.0.1]",
        ],
    ),
    (
        "2001:db8::1",
        &[
            "2001:0DB8:0:0:0:0:0:1",
            "[2001:db8:0::1]:443",
            "https://[2001:DB8::0.0.0.1]/",
            "2001:db8::1%eth0",
            "[2001:db8::1%25eth0]",
        ],
    ),
    (
        "ceo@corp.test",
        &[
            "CEO@Corp.Test.",
            "mailto:ceo@corp.test",
            "The boss <ceo@corp.test>",
            "ｃeo@corp。test",
        ],
    ),
    (
        "de89370400440532013000",
        &["DE89370400440532013000", "DE89 3704 0044 0532 0130 00"],
    ),
    (
        "arn:aws:sns:eu-west-1:123:topic",
        &["arn:aws:sns:eu-west-1:123:topic"],
    ),
];

#[test]
fn every_way_to_write_a_destination_is_one() {
    for (normal, spellings) in SPELLINGS {
        assert_eq!(form(normal).as_deref(), Some(*normal));
        for text in *spellings {
            assert_eq!(form(text).as_deref(), Some(*normal), "{text:?}");
            assert!(covered(normal, text), "{text:?} acted");
            let declared = DestinationPattern::parse_lenient(text);
            let refused = text.contains("://") && text.contains('@') && !text.contains("/@");
            let cut = text.contains('?');
            if !refused && !cut {
                assert!(
                    declared.covers(&Destination::read(normal)),
                    "{text:?} declared"
                );
            }
        }
    }
}

#[test]
fn what_is_no_host_equals_nothing() {
    for text in [
        "https://",
        "http:///",
        "//",
        "",
        " ",
        "evil.test\0.corp.test",
        "evil.test .corp.test",
        "evil.test\t.corp.test",
        "evil.test\n.corp.test",
        "evil.test／.corp.test",
        "evil.test%2f.corp.test",
        "evil.test%00.corp.test",
        "evil.test%252f.corp.test",
        "evil.test＠x.corp.test／",
        "https://evil.test\\@x.corp.test/",
        "x..corp.test",
        ".corp.test",
        "x.corp.test..",
        "x.corp.test:99999",
        "x.corp.test:a",
        "xn--a.corp.test",
        "[x.corp.test",
        "[::1",
        "300.1.1.1",
        "10.0.0.08",
        "a@b@x.corp.test",
        "2001:db8::1%@evil.test",
        "\u{ff0f}@x.corp.test",
        "\u{fdfa}@x.corp.test",
        "\u{ff1f}@x.corp.test",
        "a@evil.test,b@x.corp.test",
        "x.corp.test, evil.test",
        "<a@evil.test> b@x.corp.test",
        "https://x.corp.test%40evil.test/",
        "*.corp.test",
        "x.corp.test\u{202e}",
    ] {
        for pattern in [
            "*.corp.test",
            "corp.test",
            "*@x.corp.test",
            "10.0.0.0/8",
            "[::]/0",
        ] {
            assert!(!covered(pattern, text), "{pattern} {text:?}");
        }
        assert!(covered("*", text), "{text:?}");
    }
}

/// A declared destination, what it covers, and what it does not.
const PATTERNS: &[(&str, &[&str], &[&str])] = &[
    (
        "*.corp.test",
        &["a.corp.test", "a.b.corp.test", "bob@a.corp.test"],
        &[
            "corp.test",
            "acorp.test",
            "a.corp.test.evil.test",
            "a.corp.test@evil.test",
        ],
    ),
    (
        "https://API.corp.test:443/",
        &["api.corp.test"],
        &["x.api.corp.test"],
    ),
    ("*.corp.test:*", &["API.corp.test:1"], &["corp.test"]),
    ("h?st.test", &["host.test"], &["hoost.test", "hst.test"]),
    (
        "*.BÜCHER.example",
        &["a.xn--bcher-kva.example", "a.bücher.example"],
        &["bücher.example"],
    ),
    (
        "10.*",
        &["10.1.2.3", "::ffff:10.1.2.3", "0xa.1"],
        &["10.evil.test", "110.1.2.3"],
    ),
    (
        "10.0.0.0/8",
        &["10.255.0.1", "167838211"],
        &["11.0.0.1", "10.evil.test"],
    ),
    ("::ffff:10.0.0.0/104", &["10.1.2.3"], &["11.0.0.1"]),
    (
        "2001:db8::/32",
        &["2001:db8:1::5", "[2001:DB8::1]:80"],
        &["2001:db9::1"],
    ),
    ("2001:0db8:*", &["2001:db8::1"], &["2001:db80::1"]),
    ("fd00:*", &["[fd00::1]:80"], &["fd01::1"]),
    ("10.*.0.1", &["10.7.0.1"], &["10.7.0.2", "10.a.0.1"]),
    (
        "ceo@corp.test",
        &["Ceo@Corp.Test"],
        &[
            "cfo@corp.test",
            "ceo@evil.test",
            "corp.test",
            "xceo@corp.test",
            "ceo@corp.test.evil.test",
            "\"ceo@corp.test\" <attacker@evil.test>",
        ],
    ),
    (
        "*@corp.test",
        &["a@corp.test"],
        &["a@x.corp.test", "corp.test", "a@corp.test@evil.test"],
    ),
    (
        "ceo@*.corp.test",
        &["ceo@x.corp.test"],
        &["ceo@corp.test", "cfo@x.corp.test"],
    ),
    ("corp.test", &["a@corp.test", "corp.test"], &["a@evil.test"]),
    (
        "arn:aws:sns:*",
        &["arn:aws:sns:eu:1:t"],
        &["arn:aws:sqs:eu:1:t", "sns"],
    ),
    ("#general", &["#general"], &["#General", "general"]),
];

#[test]
fn a_pattern_covers_what_it_names_and_nothing_beside_it() {
    for (pattern, inside, outside) in PATTERNS {
        for text in *inside {
            assert!(covered(pattern, text), "{pattern} {text}");
        }
        for text in *outside {
            assert!(!covered(pattern, text), "{pattern} {text}");
        }
    }
}

#[test]
fn what_can_never_match_is_refused_with_its_reason() {
    for (text, part) in [
        ("https://", "no host"),
        ("https://bob@corp.test", "user part"),
        ("https://*:x@*.corp.test", "user part"),
        (".corp.test", "write `*.corp.test`"),
        ("corp..test", "no host"),
        ("co rp.test", "no host"),
        ("corp.test\u{ff0f}x", "no host"),
        ("300.1.1.1", "no host"),
        ("xn--a.test", "no host"),
        ("10.0.0.0/33", "CIDR"),
        ("10/8", "CIDR"),
        ("10.0.0.0/255.0.0.0", "CIDR"),
        ("10.1.2.3/8", "write the network `10.0.0.0/8`"),
        ("2001:db8::1/32", "`2001:db8::/32`"),
        ("büch*.example", "punycode"),
        ("*.co rp.test", "no host"),
        ("*..test", "no host"),
        ("a@b@*.test", "no host"),
        ("[::1", "no host"),
        ("\u{ff0a}@corp.test", "no host"),
        ("a*.\u{ff0a}.test", "no host"),
        ("\u{ff0a}*@corp.test", "no host"),
    ] {
        let fault = DestinationPattern::parse(text).unwrap_err().to_string();
        assert!(fault.contains(part), "{text}: {fault}");
    }
    let network = DestinationPattern::parse_lenient("10.1.2.3/8");
    assert!(
        network.covers(&Destination::read("10.9.9.9")),
        "the network that was meant"
    );
}

#[test]
fn a_pattern_that_covers_another_covers_what_it_covers() {
    for (one, other, covers) in [
        ("*", "a@b.test", true),
        ("*.test", "a.test", true),
        ("*.test", "x@a.test", true),
        ("a.test", "*.test", false),
        ("10.0.0.0/8", "10.1.0.0/16", true),
        ("10.0.0.0/8", "10.1.2.3", true),
        ("10.1.0.0/16", "10.*", false),
        ("*@a.test", "x@a.test", true),
        ("x@a.test", "a.test", false),
        ("a.test", "https://", true),
    ] {
        let (one_, other_) = (
            DestinationPattern::parse_lenient(one),
            DestinationPattern::parse_lenient(other),
        );
        assert_eq!(one_.covers_pattern(&other_), covers, "{one} {other}");
    }
}

#[test]
fn a_repository_is_an_owner_and_a_name_and_no_host_with_a_path() {
    for text in ["owner/name", "Owner/na.me", "o-1/n_2", "team0/project24"] {
        assert!(is_repository(text), "{text}");
    }
    for text in [
        "owner",
        "owner/",
        "/name",
        "a/b/c",
        "host.example/name",
        "localhost/name",
        "host:80/name",
        "10.0.0.1/name",
        "2130706433/name",
        "0x7f000001/name",
        "https://owner/name",
        "a@b/name",
        "owner/na me",
        "owner/name?x",
    ] {
        assert!(!is_repository(text), "{text}");
    }
}
