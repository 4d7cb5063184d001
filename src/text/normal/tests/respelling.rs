//! Properties over hostile spellings: reading is idempotent, no spelling of what is outside gets
//! in, and every legal spelling of what is inside stays inside.

use proptest::prelude::*;
use proptest::sample::select;

use crate::text::normal::{Destination, DestinationPattern, PathPattern, ResourcePath};

/// Pieces of which hostile texts consist.
const PIECES: &[&str] = &[
    "/",
    "\\",
    ".",
    "..",
    "...",
    "..;",
    ";",
    "%",
    "%2e",
    "%2E",
    "%252e",
    "%2f",
    "%5c",
    "%00",
    "%25",
    "%c0%ae",
    "%e0%80%af",
    "%u002e",
    "%ff",
    "\0",
    " ",
    "\t",
    "\n",
    "@",
    ":",
    "://",
    "//",
    "?",
    "#",
    "[",
    "]",
    "*",
    "<",
    ">",
    ",",
    "http",
    "HTTPS://",
    "https:",
    "file://",
    "s3://",
    "mailto:",
    "::1",
    "::ffff:",
    "10.0.0.1",
    "0x7f.1",
    "2130706433",
    ":80",
    ":99999",
    "%eth0",
    "xn--",
    "xn--bcher-kva",
    "bücher",
    "B\u{dc}CHER",
    "ß",
    "ﬁ",
    "\u{3002}",
    "\u{ff0e}",
    "\u{ff0f}",
    "\u{ff3c}",
    "\u{2025}",
    "\u{2024}",
    "\u{2044}",
    "\u{2215}",
    "\u{29f8}",
    "\u{200b}",
    "\u{202e}",
    "\u{ad}",
    "\u{feff}",
    "\u{fdfa}",
    "\u{f8f0}",
    "½",
    "evil.test",
    "x.corp.test",
    "corp",
    "/hr/",
    "reports",
    "C:",
    "a",
    "DE89 3704 0044 0532 0130 00",
    "arn:aws:x:1:",
    "\u{ff05}2e",
    "\u{ff1f}",
];

pub(super) fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[ -~]{1,6}",
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

/// A text with some letters written otherwise, as browsers read them all the same.
fn respelled_host(host: &'static str) -> impl Strategy<Value = String> {
    let count = host.chars().count();
    prop::collection::vec(0_u8..8, count).prop_map(move |ways| {
        let letters = host.chars().zip(ways);
        letters
            .map(|(letter, way)| respell_host_letter(letter, way))
            .collect()
    })
}

fn respell_host_letter(letter: char, way: u8) -> String {
    let wide = |letter: char| char::from_u32(u32::from(letter) + 0xfee0).unwrap();
    match way {
        0 => letter.to_uppercase().to_string(),
        1 if letter.is_ascii() => format!("%{:02x}", u32::from(letter)),
        2 if letter.is_ascii_alphanumeric() => wide(letter).to_string(),
        3 if letter == '.' => "\u{3002}".to_owned(),
        4 if letter == '.' => "\u{ff0e}".to_owned(),
        5 if letter.is_ascii_alphabetic() => format!("\u{ad}{letter}"),
        _ => letter.to_string(),
    }
}

const INSIDE_PATTERNS: &[&str] = &[
    "*.corp.test",
    "api.partner.test",
    "10.0.0.0/8",
    "2001:db8::/48",
    "ceo@corp.test",
    "*@mail.test",
    "bücher.example",
    "192.168.*",
    "arn:aws:sns:*",
];

fn is_inside(text: &str) -> bool {
    let destination = Destination::read(text);
    let mut patterns = INSIDE_PATTERNS
        .iter()
        .map(|text| DestinationPattern::parse(text).unwrap());
    patterns.any(|pattern| pattern.covers(&destination))
}

/// Around a host: what comes before it and behind it does not change where it leads.
fn wrapped(host: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let before = select(
        &[
            "",
            "",
            "https://",
            "HTTP://",
            "//",
            "https:/",
            "https:\\\\",
            " ",
            "https://x.corp.test@",
            "https://a:b@",
            "wss://x.corp.test:443@",
            "\n",
            "https://api.partner.test%2f@",
        ][..],
    );
    let behind = select(
        &[
            "",
            "",
            ".",
            ":443",
            ":80/",
            "/x.corp.test",
            "?x.corp.test",
            "#.corp.test",
            "/@x.corp.test",
            "\\.corp.test",
            " ",
            "/a\tb",
            ".:8080/..;/x.corp.test",
            "/https://x.corp.test",
        ][..],
    );
    (before, host, behind)
        .prop_filter("no dot behind brackets", |(_, host, behind)| {
            !(host.ends_with(']') && behind.starts_with('.'))
        })
        .prop_map(|(before, host, behind)| format!("{before}{host}{behind}"))
}

/// What a hostile author puts between a host and a name that is declared.
const SEPARATORS: &[&str] = &[
    "/",
    "\\",
    "?",
    "#",
    "\0",
    " ",
    "\t",
    "\n",
    "\r",
    "%00",
    "%20",
    "%09",
    "%2f",
    "%252f",
    "%5c",
    "%3f",
    "%23",
    "\u{ff0f}",
    "\u{ff3c}",
    ":",
    ":80",
    ":@",
    "@",
    "%40",
    ",",
    ";",
    "|",
    "..",
    ".\u{3002}",
    "\u{ff20}",
    "%2f@",
    "\\@",
    "&",
    "=",
    "\u{202e}/",
    "[",
    "]",
    "<",
];

fn outside_host() -> impl Strategy<Value = String> {
    let names = prop_oneof![
        respelled_host("evil.test"),
        respelled_host("corp.test.evil.example"),
        respelled_host("xcorp.test"),
        respelled_host("bucher.example"),
        respelled_host("10.evil.test"),
        select(
            &[
                "6.6.6.6",
                "0x6060606",
                "101058054",
                "[::ffff:6.6.6.6]",
                "2001:db9::1",
                "06.6.6.6",
                "[2001:DB9::1%25eth0]",
                "11.0.0.0",
                "[::ffff:0b00:1]",
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let separated = (
        respelled_host("evil.test"),
        select(SEPARATORS),
        select(&[".corp.test", "x.corp.test", "api.partner.test", "10.0.0.1"][..]),
    )
        .prop_filter("a host of its own", |(_, separator, _)| {
            // Behind an `@` stands the host that counts.
            !separator.ends_with('@')
        });
    let separated =
        separated.prop_map(|(host, separator, tail)| format!("{host}{separator}{tail}"));
    let mail = respelled_host("attacker@evil.test");
    prop_oneof![4 => wrapped(names), 2 => separated, 1 => mail]
}

fn inside_host() -> impl Strategy<Value = String> {
    let names = prop_oneof![
        respelled_host("x.corp.test"),
        respelled_host("api.partner.test"),
        respelled_host("bücher.example"),
        select(
            &[
                "10.1.2.3",
                "0xa.1",
                "[::ffff:10.1.2.3]",
                "[2001:DB8:0:0::1]",
                "[2001:db8::1%25eth0]",
                "192.168.1",
                "3232235777",
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let mail = select(
        &[
            "CEO@corp.test",
            "mailto:ceo@Corp.test",
            "Boss <ceo@corp.test>",
            "anyone@MAIL.test.",
        ][..],
    );
    prop_oneof![6 => wrapped(names), 1 => mail.prop_map(str::to_owned)]
}

/// Ways to write `..`.
const UPS: &[&str] = &[
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "%25252e.",
    "..;",
    "..;a=b",
    ".. ",
    " ..",
    ". .",
    "..%20",
    "..\t",
    "..%09",
    "..\n",
    "\u{ff0e}\u{ff0e}",
    "\u{2025}",
    "\u{2024}.",
    "\u{3002}.",
    "..\u{200b}",
    ".\u{ad}.",
    "%u002e%u002e",
    "%c0%ae%c0%ae",
    "%c0%ae.",
    "%e0%80%ae.",
    "..%00",
    "..\0",
    "\u{ff05}2e.",
    "..\u{feff}",
    "%ef%bc%8e.",
];

/// Ways to write `/`.
const SLASHES: &[&str] = &[
    "/",
    "//",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    "%252f",
    "/./",
    "\u{ff0f}",
    "\u{2215}",
    "\u{2044}",
    "/.;/",
    "%c0%af",
    "\u{ff3c}",
    "/%2e/",
    "%ef%bc%8f",
];

fn walk_out() -> impl Strategy<Value = String> {
    let step = (select(SLASHES), select(UPS)).prop_map(|(slash, up)| format!("{slash}{up}"));
    let down = (
        select(SLASHES),
        select(&["a", "b.txt", "%61", "x y"][..]),
        select(SLASHES),
        select(UPS),
    )
        .prop_map(|(one, name, two, up)| format!("{one}{name}{two}{up}"));
    let first = (
        select(&["", "https://h.test", "HTTPS://H.test:443"][..]),
        select(&["/", "//"][..]),
    );
    (
        first,
        prop::collection::vec(down, 0..3),
        step,
        prop::collection::vec(
            (select(SLASHES), select(UPS)).prop_map(|(slash, up)| format!("{slash}{up}")),
            0..3,
        ),
        select(SLASHES),
        select(&["etc/shadow", "hr/x", "report", "reportsx/y"][..]),
    )
        .prop_map(|((root, slash), downs, step, more, last, target)| {
            format!(
                "{root}{slash}reports{}{step}{}{last}{target}",
                downs.concat(),
                more.concat()
            )
        })
}

fn legal_path() -> impl Strategy<Value = String> {
    let slash = || select(&["/", "//", "/./", "/a/../", "%2f", "\\"][..]);
    let name = |name: &'static str| {
        prop::collection::vec(any::<bool>(), name.len()).prop_map(move |encoded| {
            let letters = name.chars().zip(encoded);
            letters
                .map(|(letter, encoded)| match encoded {
                    true => format!("%{:02X}", u32::from(letter)),
                    false => letter.to_string(),
                })
                .collect::<String>()
        })
    };
    (
        slash(),
        name("reports"),
        slash(),
        name("2026"),
        slash(),
        name("q1.csv"),
    )
        .prop_map(|(a, b, c, d, e, f)| format!("{a}{b}{c}{d}{e}{f}"))
}

proptest! {
    #![proptest_config(crate::property::config(1024))]

    #[test]
    fn reading_a_destination_twice_is_reading_it_once(text in hostile_text()) {
        if let Some(normal) = Destination::read(&text).into_text() {
            let again = Destination::read(&normal);
            prop_assert_eq!(&again, &Destination::read(&text), "{:?} {:?}", text, normal);
            prop_assert_eq!(again.into_text(), Some(normal.clone()));
        }
    }

    #[test]
    fn no_spelling_of_an_outside_host_is_inside(text in outside_host()) {
        prop_assert!(!is_inside(&text), "{:?} {:?}", text, Destination::read(&text));
    }

    #[test]
    fn every_legal_spelling_of_an_inside_host_is_inside(text in inside_host()) {
        prop_assert!(is_inside(&text), "{:?} {:?}", text, Destination::read(&text));
    }

    /// What `covers` says of a declared destination, it says of the same destination acted.
    #[test]
    fn a_literal_that_is_declared_covers_itself_acted(text in hostile_text()) {
        if let Ok(pattern) = DestinationPattern::parse(&text)
            && !text.contains(['*', '?'])
            && !text.contains('/')
        {
            prop_assert!(pattern.covers(&Destination::read(&text)), "{:?} {:?}", text, pattern);
        }
    }

    #[test]
    fn reading_a_path_twice_is_reading_it_once(text in hostile_text()) {
        let once = ResourcePath::read(&text);
        if !once.hostile {
            let twice = ResourcePath::read(&once.text);
            prop_assert!(!twice.hostile, "{:?} {:?}", text, once);
            prop_assert_eq!(&twice.text, &once.text, "{:?}", text);
        }
    }

    #[test]
    fn no_spelling_of_a_way_out_stays_inside(id in walk_out()) {
        let path = ResourcePath::read(&id);
        for pattern in ["/reports/*", "https://h.test/reports/*"] {
            let pattern = PathPattern::parse(pattern).unwrap();
            prop_assert!(!pattern.covers(&path), "{:?} {:?}", id, path);
        }
    }

    #[test]
    fn every_legal_spelling_of_an_inside_path_is_inside(id in legal_path()) {
        let path = ResourcePath::read(&id);
        prop_assert_eq!(&path.text, "/reports/2026/q1.csv", "{:?}", id);
        prop_assert!(PathPattern::parse("/reports/*").unwrap().covers(&path), "{:?}", id);
    }

    /// A pattern that is read is in normal form: reading it again changes nothing.
    #[test]
    fn reading_a_pattern_of_paths_is_idempotent(text in hostile_text(), id in hostile_text()) {
        if let Ok(pattern) = PathPattern::parse(&text) {
            let again = PathPattern::parse(pattern.as_str());
            prop_assert_eq!(again.as_ref(), Ok(&pattern), "{:?}", text);
            let path = ResourcePath::read(&id);
            if pattern.covers(&path) && !path.hostile {
                prop_assert!(pattern.covers(&ResourcePath::read(&path.text)), "{:?}", id);
            }
        }
    }

    /// A draft writes such patterns.
    #[test]
    fn a_pattern_written_from_an_id_or_destination_covers_it(text in hostile_text()) {
        let path = ResourcePath::read(&text);
        if let Ok(pattern) = PathPattern::parse(&path.text.replace('*', "?"))
            && !path.hostile
        {
            prop_assert!(pattern.covers(&path), "{:?} {:?} {:?}", text, path, pattern);
        }
        let destination = Destination::read(&text);
        if let Some(normal) = destination.clone().into_text()
            && !normal.contains(['*', '?'])
            && let Ok(pattern) = DestinationPattern::parse(&normal)
        {
            prop_assert!(pattern.covers(&destination), "{:?} {:?}", text, pattern);
        }
    }
}
