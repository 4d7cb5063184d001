//! Hosts and addresses as destinations are compared: one form for all the ways they are written.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::text::Glob;

/// The host of what a record calls a host or an address: without scheme, user, port, path, query,
/// fragment, brackets and final dot, in lower case; an IPv4 address mapped into IPv6 as IPv4.
pub(crate) fn host(text: &str) -> Cow<'_, str> {
    bare(text, &['/', '\\', '?', '#'])
}

/// A declared destination in the same form. A `?` of a pattern is a wildcard, not a query.
pub(crate) fn pattern(text: &str) -> Glob {
    let host = bare(text, &['/', '\\']);
    // What has no host in it stays as it is and matches nothing.
    Glob::new(if host.is_empty() { text } else { &host })
}

/// Whether `pattern` covers a host in the form of [`host`]. A pattern of digits and dots stands
/// for addresses: anybody can own the name `10.evil.test`.
pub(crate) fn covers(pattern: &Glob, host: &str) -> bool {
    pattern.matches_ignore_case(host)
        && (!is_of_v4(pattern.as_str()) || host.parse::<Ipv4Addr>().is_ok())
}

/// Whether a host in the form of [`host`] is on the machine or in a private network.
pub(crate) fn is_private(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        Ok(IpAddr::V6(v6)) => {
            v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
        Err(_) => host == "localhost",
    }
}

/// Whether `pattern` stands for addresses alone.
pub(crate) fn is_of_addresses(pattern: &Glob) -> bool {
    let pattern = pattern.as_str();
    pattern.contains(':') || is_of_v4(pattern)
}

fn is_of_v4(pattern: &str) -> bool {
    let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '*' | '?');
    pattern.contains(|c: char| c.is_ascii_digit()) && pattern.chars().all(part)
}

fn bare<'t>(text: &'t str, ends: &[char]) -> Cow<'t, str> {
    let text = text.trim();
    // A `://` further on belongs to a path or query.
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '*');
    let text = match text.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(of_scheme) => rest,
        _ => text,
    };
    let text = text.trim_start_matches(['/', '\\']);
    let authority = text.split(ends).next().unwrap_or_default();
    let place = authority.rsplit('@').next().unwrap_or_default();
    let name = without_port(place).trim_end_matches('.');
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

fn without_port(place: &str) -> &str {
    if let Some(bracketed) = place.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or_default();
    }
    // More than one colon is an IPv6 address without brackets.
    match place.split_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        // Any port of a name, but `fd00:*` is a pattern of addresses.
        Some((name, "*")) if name.contains(['.', '*']) => name,
        _ => place,
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
            assert_eq!(host(text), "api.corp.test", "{text}");
        }
        assert_eq!(host("https://evil.test/@api.corp.test"), "evil.test");
        assert_eq!(host("https://evil.test\\.corp.test"), "evil.test");
        for text in ["[::1]", "[::1]:80", "http://[::1]/x", "::1"] {
            assert_eq!(host(text), "::1", "{text}");
        }
        assert_eq!(host("[::ffff:10.0.0.1]:80"), "10.0.0.1");
        assert_eq!(host("::FFFF:0a00:0001"), "10.0.0.1");
        assert_eq!(host("10.0.0.1:80"), "10.0.0.1");
        for text in [
            "evil.test/?to=https://api.corp.test",
            "evil.test#//api.corp.test",
        ] {
            assert_eq!(host(text), "evil.test", "{text}");
        }
        assert_eq!(host("https://"), "");
        assert!(matches!(host("api.corp.test"), Cow::Borrowed(_)), "no copy");
        assert!(matches!(host("fd00::1"), Cow::Borrowed(_)), "no copy");
    }

    #[test]
    fn patterns_are_read_the_same_way_and_digits_stand_for_addresses() {
        let covered = |text: &str, of: &str| covers(&pattern(text), &host(of));
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
