//! One normal form for hosts and addresses, so that destinations compare however they are written.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::text::GlobPattern;

/// The normal form of a host, address or URL: without scheme, user, port, path, query, fragment,
/// brackets and final dot, in lower case. An IPv4 address mapped into IPv6 becomes IPv4.
pub(crate) fn normalise_host(text: &str) -> Cow<'_, str> {
    strip_to_host(text, &['/', '\\', '?', '#'])
}

/// A declared destination in the same form. In a pattern `?` is a wildcard and starts no query.
pub(crate) fn compile_pattern(text: &str) -> GlobPattern {
    let host = strip_to_host(text, &['/', '\\']);
    // A text without a host is kept as it is and matches nothing.
    GlobPattern::new(if host.is_empty() { text } else { &host })
}

/// Whether `pattern` covers a host in the form of [`normalise_host`]. A pattern of digits and dots
/// covers addresses only: anybody can own the name `10.evil.test`.
pub(crate) fn covers_host(pattern: &GlobPattern, host: &str) -> bool {
    pattern.matches_ignore_case(host)
        && (!is_of_v4(pattern.as_str()) || host.parse::<Ipv4Addr>().is_ok())
}

/// Whether a normalised host is this machine or an address of a private network.
pub(crate) fn is_private(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        Ok(IpAddr::V6(v6)) => {
            v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
        Err(_) => host == "localhost",
    }
}

/// Whether `pattern` covers addresses only.
pub(crate) fn is_of_addresses(pattern: &GlobPattern) -> bool {
    let pattern = pattern.as_str();
    pattern.contains(':') || is_of_v4(pattern)
}

fn is_of_v4(pattern: &str) -> bool {
    let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '*' | '?');
    pattern.contains(|c: char| c.is_ascii_digit()) && pattern.chars().all(part)
}

fn strip_to_host<'t>(text: &'t str, ends: &[char]) -> Cow<'t, str> {
    let text = text.trim();
    // A `://` further on belongs to a path or query.
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '*');
    let text = match text.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(of_scheme) => rest,
        _ => text,
    };
    let text = text.trim_start_matches(['/', '\\']);
    let authority = text.split(ends).next().unwrap_or_default();
    let authority_host = authority.rsplit('@').next().unwrap_or_default();
    let name = without_port(authority_host).trim_end_matches('.');
    if name.contains(':')
        && let Ok(v6) = name.parse::<Ipv6Addr>()
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return Cow::Owned(v4.to_string());
    }
    if name.contains(|c: char| c.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

fn without_port(authority_host: &str) -> &str {
    if let Some(bracketed) = authority_host.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or_default();
    }
    // More than one colon is an IPv6 address without brackets.
    match authority_host.split_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        // Any port of a name, but `fd00:*` is a pattern of addresses.
        Some((name, "*")) if name.contains(['.', '*']) => name,
        _ => authority_host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_host_is_one() {
        for text in [
            "api.corp.test",
            "API.Corp.TEST.",
            "https://api.corp.test/path?q=1#f",
            "https://user:secret@api.corp.test:8443",
            "//api.corp.test/x",
            "api.corp.test:443",
            "api.corp.test?x=evil.test",
            "bob@api.corp.test",
            "https://evil.test@api.corp.test/",
        ] {
            assert_eq!(normalise_host(text), "api.corp.test", "{text}");
        }
        assert_eq!(
            normalise_host("https://evil.test/@api.corp.test"),
            "evil.test"
        );
        assert_eq!(normalise_host("https://evil.test\\.corp.test"), "evil.test");
        for text in ["[::1]", "[::1]:80", "http://[::1]/x", "::1"] {
            assert_eq!(normalise_host(text), "::1", "{text}");
        }
        assert_eq!(normalise_host("[::ffff:10.0.0.1]:80"), "10.0.0.1");
        assert_eq!(normalise_host("::FFFF:0a00:0001"), "10.0.0.1");
        assert_eq!(normalise_host("10.0.0.1:80"), "10.0.0.1");
        for text in [
            "evil.test/?to=https://api.corp.test",
            "evil.test#//api.corp.test",
        ] {
            assert_eq!(normalise_host(text), "evil.test", "{text}");
        }
        assert_eq!(normalise_host("https://"), "");
        assert!(
            matches!(normalise_host("api.corp.test"), Cow::Borrowed(_)),
            "no copy"
        );
        assert!(
            matches!(normalise_host("fd00::1"), Cow::Borrowed(_)),
            "no copy"
        );
    }

    #[test]
    fn patterns_are_read_the_same_way_and_digits_stand_for_addresses() {
        let covered =
            |text: &str, of: &str| covers_host(&compile_pattern(text), &normalise_host(of));
        assert!(covered("https://API.corp.test:443/", "api.corp.test"));
        assert!(covered("*.corp.test:*", "https://API.corp.test/"));
        assert!(covered("h?st.test", "host.test"));
        assert!(covered("[fd00::1]", "fd00::1") && covered("fd00:*", "[fd00::1]:80"));
        assert!(covered("10.*", "10.1.2.3") && covered("10.*", "::ffff:10.1.2.3"));
        assert!(!covered("10.*", "10.evil.test") && !covered("*.3", "a.3"));
        assert!(covered("*", "10.evil.test") && covered("10*.test", "10.evil.test"));
        assert!(!covered("/", "evil.test"));
    }
}
