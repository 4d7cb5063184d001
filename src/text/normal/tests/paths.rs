//! Resource ids: where an id leads decides, not how it is written.

use crate::text::normal::{PathPattern, ResourcePath, url_authority};

fn covered(pattern: &str, id: &str) -> bool {
    PathPattern::parse_lenient(pattern).covers(&ResourcePath::read(id))
}

/// A path in normal form and other ways to write it.
const SPELLINGS: &[(&str, &[&str])] = &[
    (
        "/hr/salaries",
        &[
            "//hr/salaries",
            "/./hr/salaries",
            "/public/../hr/salaries",
            "/hr//salaries",
            "/public/%2e%2e/hr/salaries",
            "/public/%252e%252E/hr/salaries",
            "\\hr\\salaries",
            "/public/..;/hr/salaries",
            "/public/..;a=b/hr/salaries",
            "/public/.. /hr/salaries",
            "/public/ ../hr/salaries",
            "/public/. ./hr/salaries",
            "/public/．．/hr/salaries",
            "/public/\u{2025}/hr/salaries",
            "/public/..\u{200b}/hr/salaries",
            "/hr／salaries",
            "/public/..%2fhr%2Fsalaries",
            "/public/..%5chr/salaries",
            "/public/。。/hr/salaries",
            "/public/%u002e%u002e/hr/salaries",
            "/public/..\u{2215}hr/salaries",
            "/../../hr/salaries",
            "%2fhr%2fsalaries",
            " /hr/salaries ",
            "/h%72/salaries",
            "/public/..\t/hr/salaries",
            "/public/x/../.%2e/hr/salaries",
            "/hr/x/../salaries",
        ],
    ),
    (
        "https://api.corp.test/reports/q1",
        &[
            "HTTPS://API.corp.test:443/reports/q1",
            "https://bob@api.corp.test/reports/q1",
            "https://api.corp.test./x/../reports/q1",
            "https:\\\\api.corp.test\\reports\\q1",
            "https://api.corp.test/../reports/q1",
            "https%3A%2F%2Fapi.corp.test/reports/q1",
            "ht\ntps://api.corp.test/rep\torts/q1",
            "https:api.corp.test/reports/q1",
        ],
    ),
    ("https://[::1]:8080/", &["https://[0:0::1]:8080"]),
    (
        "s3://bucket/a/x",
        &["S3://bucket/a/./b/../x", "s3://bucket//a/x"],
    ),
    ("C:/data/x", &["C:\\data\\y\\..\\x", "C:/../data/x"]),
    ("data/x", &["data/./x", "data/y/../x", "./data/x"]),
    ("../x", &["data/../../x"]),
    ("/", &["/.", "/..", "//"]),
    ("/reports/", &["/reports/.", "/reports/a/..", "/reports//"]),
    ("/reports/a..b", &[]),
    ("/reports/...", &[]),
    ("/reports/..hidden", &["/reports/%2e.hidden"]),
    ("/reports/100%", &["/reports/100%25"]),
    ("/caf%E9/x", &["/caf%e9/./x"]),
    ("order-17", &["order%2d17"]),
];

#[test]
fn every_way_to_write_a_path_is_one() {
    for (normal, spellings) in SPELLINGS {
        for id in std::iter::once(normal).chain(*spellings) {
            let form = ResourcePath::read(id);
            assert_eq!(form.text, *normal, "{id:?}");
            assert!(!form.hostile, "{id:?}");
            // Of a path that leads out of its folder there is no pattern.
            if !normal.starts_with("..") {
                assert!(covered(normal, id), "{id:?}");
            }
        }
    }
}

#[test]
fn the_query_of_a_url_is_no_path() {
    let form = ResourcePath::read("https://API.corp.test/a/../b?f=/x/../y%20z#/../w");
    assert_eq!(form.text, "https://api.corp.test/b?f=/x/../y z#/../w");
    assert!(!form.hostile);
    // Of a pattern too, where a `?` is a wildcard.
    let id = "https://x.test/r?u=https://y.test//z/../w";
    assert!(covered(id, id));
    assert!(covered("https://x.test/.?", "https://x.test/.*"));
}

#[test]
fn an_id_that_nobody_can_follow_is_covered_by_no_pattern() {
    for id in [
        "/reports/%c0%ae%c0%ae/etc/shadow",
        "/reports/x\0.csv",
        "/reports/x%00.csv",
        "/reports/%e0%80%ae%e0%80%ae/x",
        "/reports/x?/../../etc/shadow",
        "/reports/x%3f/../../etc/shadow",
        "https://api.corp.test/reports/x%3f/../../etc/shadow",
        "https://api.corp.test\\@evil.test/reports/x",
        "https://evil test/reports/x",
        "s3://bucket/../other/x",
        "/reports/%252525252525252525252525252e/x",
    ] {
        for pattern in ["/reports/*", "*/reports/*", "s3://bucket/*", "*x*", "*e*"] {
            assert!(!covered(pattern, id), "{pattern} {id:?}");
        }
        assert!(
            covered("*", id),
            "every id is granted, wherever it leads: {id:?}"
        );
    }
    let guess = ResourcePath::read("/public/%c0%ae%c0%ae/hr/x\0y");
    assert!(guess.hostile && guess.text == "/hr/x", "{guess:?}");
    assert!(PathPattern::parse_lenient("/hr/*").may_cover(&guess));
}

#[test]
fn an_id_that_walks_out_of_its_grant_is_outside() {
    for outside in [
        "/reports/../etc/shadow",
        "/reports/a/../../etc/shadow",
        "/reports/x//../../etc/shadow",
        "/reports/.%2e/etc/shadow",
        "/reports/..\\etc\\shadow",
        "/reports/..",
    ] {
        assert!(!covered("/reports/*", outside), "{outside}");
    }
    assert!(covered("/reports/*", "/etc/../reports/x"));
    assert!(covered("C:\\data\\*", "c:/data/x") || covered("C:\\data\\*", "C:/data/x"));
    assert!(!covered("C:\\data\\*", "C:\\data\\..\\Windows"));
    assert!(!covered("data/*", "data/../../x"));
    assert!(
        covered("//reports/./*", "/reports/x"),
        "a pattern is read the same way"
    );
    assert!(covered("/a%20b/*", "/a b/x") && covered("/a b/*", "/a%20b/x"));
    assert!(!covered("/a%2a", "/abc"), "an encoded star is no wildcard");
}

/// A star of the host must not reach into the path.
#[test]
fn the_host_of_a_pattern_of_urls_is_compared_with_the_host() {
    let pattern = "https://*.corp.test/*";
    assert!(covered(pattern, "https://api.CORP.test:443/x"));
    for id in [
        "https://evil.test/x.corp.test/y",
        "https://evil.test/?.corp.test/y",
        "https://evil.test\\x.corp.test/y",
        "https://x.corp.test@evil.test/y",
        "https://evil.test#.corp.test/y",
        "http://api.corp.test/x",
    ] {
        assert!(!covered(pattern, id), "{id}");
    }
    assert!(!covered(
        "*://api.corp.test/*",
        "https://evil.test/?://api.corp.test/"
    ));
    assert!(covered("https://api.corp.test", "https://api.corp.test/"));
}

#[test]
fn a_pattern_that_can_never_match_is_refused() {
    for (pattern, part) in [
        ("/reports/../x", "`..`"),
        ("/reports/%2e%2e/*", "`..`"),
        ("../*", "`..`"),
        ("/x\0", "NUL"),
        ("/%c0%ae/*", "NUL"),
        ("https://bob@corp.test/*", "host"),
        ("https://co rp.test/*", "host"),
    ] {
        let fault = PathPattern::parse(pattern).unwrap_err().to_string();
        assert!(fault.contains(part), "{pattern}: {fault}");
        assert!(!covered(pattern, pattern), "{pattern}");
    }
}

#[test]
fn the_host_of_a_url_is_found_as_browsers_find_it() {
    for (url, authority) in [
        ("https://evil.test/x", Some("evil.test")),
        ("HTTPS:\\\\evil.test\\x", Some("evil.test")),
        ("https:evil.test?x", Some("evil.test")),
        ("https:6.6.6.6/x", Some("6.6.6.6")),
        ("https:443", None),
        ("//evil.test/x", Some("evil.test")),
        ("ftp://a@evil.test:21/x", Some("a@evil.test:21")),
        ("file:///etc", None),
        ("page-1", None),
        ("/a/b", None),
        ("mailto:a@b.test", None),
    ] {
        assert_eq!(url_authority(url), authority, "{url}");
    }
}
