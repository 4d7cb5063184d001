//! A declared destination: host pattern, network, mail address or account id.

use ipnet::IpNet;
use thiserror::Error;

use super::destination::{Destination, is_account, is_mail_account, split_scheme};
use super::fold::fold_word;
use super::host::{Host, canonical, is_label, plain_v4};
use crate::text::GlobPattern;

/// Bits of an IPv6 address before an IPv4 address that is mapped into it.
const MAPPED_PREFIX_BITS: u8 = 96;

/// Why a declared destination cannot match, or not what it seems to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DestinationFault {
    #[error("`{0}` is no host, network, mail address or account id, so it can never match")]
    NoHost(String),
    #[error("`{0}`: the user part of a URL is not compared, so this can never match; leave it out")]
    UserPart(String),
    #[error("`{0}` begins with a dot, so it can never match; write `*{0}`")]
    LeadingDot(String),
    #[error("`{0}` is no network in CIDR form, such as 10.0.0.0/8 or 2001:db8::/32")]
    Network(String),
    #[error("`{written}` has bits behind its prefix; write the network `{network}`")]
    HostBits { written: String, network: IpNet },
    #[error(
        "`{0}`: a part of a host with a wildcard has only ASCII letters, digits, `-` and `_`; \
         write other letters in punycode"
    )]
    Label(String),
}

/// A declared destination, ready to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationPattern {
    /// Every destination, also one that cannot be read.
    Any,
    /// One address, or those of a network.
    Network(IpNet),
    /// A pattern of addresses that is no network, such as `10.*.0.1`.
    Addresses(GlobPattern),
    /// A host name or a pattern of names.
    Name(GlobPattern),
    /// An account at a host; the host is one of the four above.
    Mailbox {
        account: GlobPattern,
        host: Box<DestinationPattern>,
    },
    /// An account id, compared as it is written.
    Account(GlobPattern),
    /// A text that can never match.
    Nothing,
}

impl DestinationPattern {
    /// Reads a declared destination.
    ///
    /// # Errors
    /// Why it could never match, or not what it seems to.
    pub fn parse(text: &str) -> Result<Self, DestinationFault> {
        let text = text.trim();
        let wild = text.contains(['*', '?']);
        if text == "*" {
            return Ok(DestinationPattern::Any);
        }
        if split_scheme(text).is_some_and(|(scheme, rest)| {
            !scheme.eq_ignore_ascii_case("mailto") && authority_of(rest).contains('@')
        }) {
            return Err(DestinationFault::UserPart(text.to_owned()));
        }
        if text.starts_with('.') {
            return Err(DestinationFault::LeadingDot(text.to_owned()));
        }
        if wild {
            parse_wild(text)
        } else if is_written_as_network(text) {
            parse_network(text)
        } else {
            parse_literal(text)
        }
    }

    /// The path in the text of a pattern of hosts: it is not compared, so the pattern covers more
    /// than it seems to.
    fn uncompared_path<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = text.trim();
        if !self.is_of_hosts() || is_written_as_network(text) {
            return None;
        }
        let slashes = ['/', '\\'];
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let rest = rest.trim_start_matches(slashes);
        let path = rest.get(authority_of(rest).len()..)?;
        (!path.trim_matches(slashes).is_empty()).then_some(path)
    }

    /// Whether the pattern covers hosts, and not only accounts.
    #[must_use]
    pub fn is_of_hosts(&self) -> bool {
        matches!(
            self,
            DestinationPattern::Any
                | DestinationPattern::Name(_)
                | DestinationPattern::Network(_)
                | DestinationPattern::Addresses(_)
        )
    }

    /// What is said of a text whose path is not compared.
    #[must_use]
    pub fn path_warning(&self, text: &str) -> Option<String> {
        self.uncompared_path(text).map(|path| {
            format!(
                "`{text}`: only the host is compared, so this covers more than `{path}`; write the \
                 host"
            )
        })
    }

    /// The same, but what [`Self::parse`] refuses covers its network if it names one, and otherwise
    /// nothing.
    #[must_use]
    pub fn parse_lenient(text: &str) -> Self {
        match Self::parse(text) {
            Ok(pattern) => pattern,
            Err(DestinationFault::HostBits { network, .. }) => DestinationPattern::Network(network),
            Err(_) => DestinationPattern::Nothing,
        }
    }

    /// Whether the pattern covers a destination. A host pattern covers every account at the host.
    #[must_use]
    pub fn covers(&self, destination: &Destination<'_>) -> bool {
        match (self, destination) {
            (DestinationPattern::Any, _) => true,
            (_, Destination::Host(host)) => self.covers_host(host),
            (
                DestinationPattern::Mailbox { account, host },
                Destination::Mailbox {
                    account: named,
                    host: at,
                },
            ) => account.matches(named) && host.covers_host(at),
            (_, Destination::Mailbox { host, .. }) => self.covers_host(host),
            (DestinationPattern::Account(account), Destination::Account(named)) => {
                account.matches(named)
            }
            _ => false,
        }
    }

    /// Whether the pattern covers a host, whatever the account.
    #[must_use]
    pub fn covers_host(&self, host: &Host<'_>) -> bool {
        match (self, host) {
            (DestinationPattern::Any, _) => true,
            (DestinationPattern::Network(network), Host::Address(address)) => {
                network.contains(address)
            }
            (DestinationPattern::Addresses(glob), Host::Address(address)) => {
                glob.matches(&address.to_string())
            }
            (DestinationPattern::Name(glob), Host::Name(name)) => glob.matches(name),
            _ => false,
        }
    }

    /// Whether the pattern is a mail address at this host, whatever its account.
    #[must_use]
    pub fn names_mailbox_at(&self, host: &Host<'_>) -> bool {
        matches!(self, DestinationPattern::Mailbox { host: at, .. } if at.covers_host(host))
    }

    /// Whether a name is the pattern or lies below it: a domain without wildcard covers both.
    #[must_use]
    pub fn covers_domain(&self, host: &Host<'_>) -> bool {
        self.covers_host(host)
            || match (self, host) {
                (DestinationPattern::Name(domain), Host::Name(name)) => {
                    let head = name.strip_suffix(domain.as_str());
                    domain.is_literal() && head.is_some_and(|head| head.ends_with('.'))
                }
                _ => false,
            }
    }

    /// Whether the pattern covers addresses only.
    #[must_use]
    pub fn is_of_addresses(&self) -> bool {
        matches!(
            self,
            DestinationPattern::Network(_) | DestinationPattern::Addresses(_)
        )
    }

    /// Whether every destination that `other` covers is covered by this pattern too. Sound: `true`
    /// is certain; a few true cases are reported as `false`.
    #[must_use]
    pub fn covers_pattern(&self, other: &DestinationPattern) -> bool {
        use DestinationPattern as P;
        match (self, other) {
            (P::Any, _) | (_, P::Nothing) => true,
            (P::Network(one), P::Network(two)) => one.contains(two),
            (P::Name(one), P::Name(two))
            | (P::Addresses(one), P::Addresses(two))
            | (P::Account(one), P::Account(two)) => one.covers(two),
            (
                P::Mailbox {
                    account: one,
                    host: at,
                },
                P::Mailbox { account: two, host },
            ) => one.covers(two) && at.covers_pattern(host),
            (_, P::Mailbox { host, .. }) => self.covers_pattern(host),
            _ => false,
        }
    }
}

/// The part of a URL behind its scheme that names user, host and port. A `?` is a wildcard here.
fn authority_of(rest: &str) -> &str {
    rest.split(['/', '\\', '#']).next().unwrap_or_default()
}

fn parse_literal(text: &str) -> Result<DestinationPattern, DestinationFault> {
    Ok(match Destination::read(text) {
        Destination::Host(host) => pattern_of_host(host),
        Destination::Mailbox { account, .. } if account.contains('*') => {
            return Err(DestinationFault::NoHost(text.to_owned()));
        }
        Destination::Mailbox { account, host } => DestinationPattern::Mailbox {
            account: GlobPattern::new(&account),
            host: Box::new(pattern_of_host(host)),
        },
        Destination::Account(account) => DestinationPattern::Account(GlobPattern::new(&account)),
        Destination::Invalid => return Err(DestinationFault::NoHost(text.to_owned())),
    })
}

fn pattern_of_host(host: Host<'_>) -> DestinationPattern {
    match host {
        Host::Name(name) => DestinationPattern::Name(GlobPattern::new(&name)),
        Host::Address(address) => DestinationPattern::Network(IpNet::from(address)),
    }
}

/// Whether a text without scheme is an address, a slash and a number.
fn is_written_as_network(text: &str) -> bool {
    let of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']');
    let of_prefix = |c: char| c.is_ascii_digit() || c == '.';
    text.split_once('/').is_some_and(|(address, prefix)| {
        address.chars().all(of_address)
            && !prefix.is_empty()
            && prefix.chars().all(of_prefix)
            && (address.contains(':') || !address.contains(|c: char| c.is_ascii_alphabetic()))
    })
}

fn parse_network(text: &str) -> Result<DestinationPattern, DestinationFault> {
    let plain: String = text.chars().filter(|c| !matches!(c, '[' | ']')).collect();
    let parsed: Result<IpNet, _> = plain.parse();
    let network = parsed.map_err(|_| DestinationFault::Network(text.to_owned()))?;
    let address = canonical(network.addr());
    let unmapped = match (network, address) {
        (IpNet::V6(v6), std::net::IpAddr::V4(_)) => v6
            .prefix_len()
            .checked_sub(MAPPED_PREFIX_BITS)
            .and_then(|bits| IpNet::new(address, bits).ok()),
        _ => None,
    };
    let network = unmapped.unwrap_or(network);
    if network.trunc() == network {
        Ok(DestinationPattern::Network(network))
    } else {
        Err(DestinationFault::HostBits {
            written: text.to_owned(),
            network: network.trunc(),
        })
    }
}

/// The pattern folded; `None` if that makes a wildcard of a full-width letter.
fn fold_pattern(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    let wildcards = |text: &str| text.matches(['*', '?']).count();
    Some(fold_word(text)).filter(|folded| wildcards(folded) == wildcards(text))
}

/// A pattern with `*` or `?`.
fn parse_wild(text: &str) -> Result<DestinationPattern, DestinationFault> {
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '*');
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(of_scheme) => (Some(scheme), rest),
        _ => (None, text),
    };
    let authority = authority_of(rest.trim_start_matches(['/', '\\']));
    if let Some((account, host)) = authority.rsplit_once('@') {
        if scheme.is_some() {
            return Err(DestinationFault::UserPart(text.to_owned()));
        }
        let folded = fold_pattern(account).filter(|_| authority.len() == rest.len());
        let account = folded
            .filter(|account| is_mail_account(&account.replace('?', "*")))
            .ok_or_else(|| DestinationFault::NoHost(text.to_owned()))?;
        let host = if host == "*" {
            DestinationPattern::Any
        } else if host.contains(['*', '?']) {
            parse_wild_host(host, text)?
        } else {
            parse_literal(host)?
        };
        return Ok(DestinationPattern::Mailbox {
            account: GlobPattern::new(&account),
            host: Box::new(host),
        });
    }
    match parse_wild_host(authority, text) {
        Err(_) if scheme.is_none() && is_account(text) && !authority.contains('.') => {
            Ok(DestinationPattern::Account(GlobPattern::new(text)))
        }
        parsed => parsed,
    }
}

fn parse_wild_host(authority: &str, text: &str) -> Result<DestinationPattern, DestinationFault> {
    let host = without_port(authority);
    if host == "*" {
        return Ok(DestinationPattern::Any);
    }
    if host.contains(':') {
        return parse_v6_glob(host).ok_or_else(|| DestinationFault::NoHost(text.to_owned()));
    }
    // Full-width and ideographic dots separate labels too.
    let host = fold_pattern(host).ok_or_else(|| DestinationFault::NoHost(text.to_owned()))?;
    let host = host.replace('\u{3002}', ".");
    let host = host.strip_suffix('.').unwrap_or(&host);
    if is_of_v4(host) {
        return Ok(network_of_octets(host)
            .unwrap_or_else(|| DestinationPattern::Addresses(GlobPattern::new(host))));
    }
    let mut labels = Vec::new();
    for label in host.split('.') {
        let letters = label.replace(['*', '?'], "w");
        if is_label(&letters) {
            labels.push(label.to_owned());
            continue;
        }
        if label.contains(['*', '?']) && !label.is_ascii() {
            return Err(DestinationFault::Label(text.to_owned()));
        }
        match Host::read(label) {
            Some(Host::Name(name)) if !label.contains(['*', '?']) => labels.push(name.into_owned()),
            _ => return Err(DestinationFault::NoHost(text.to_owned())),
        }
    }
    Ok(DestinationPattern::Name(GlobPattern::new(
        &labels.join("."),
    )))
}

/// The pattern without brackets and port. `fd00:*` is a pattern of addresses, not any port.
fn without_port(authority: &str) -> &str {
    if let Some(bracketed) = authority.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or_default();
    }
    match authority.split_once(':') {
        Some((name, port)) if !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()) => name,
        Some((name, "*")) if name.contains(['.', '*']) => name,
        _ => authority,
    }
}

/// Whether a pattern is of digits and dots: it covers addresses only, because anybody can own the
/// name `10.evil.test`.
fn is_of_v4(pattern: &str) -> bool {
    let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '*' | '?');
    pattern.contains(|c: char| c.is_ascii_digit()) && pattern.chars().all(part)
}

/// `10.*` is the network 10.0.0.0/8.
fn network_of_octets(pattern: &str) -> Option<DestinationPattern> {
    let head = pattern.strip_suffix(".*")?;
    let octets = head.split('.').count();
    let missing = 4_usize.checked_sub(octets).filter(|count| *count > 0)?;
    let padded = format!("{head}{}", ".0".repeat(missing));
    let address = plain_v4(&padded)?;
    let bits = u8::try_from(octets * 8).ok()?;
    IpNet::new(address.into(), bits)
        .ok()
        .map(DestinationPattern::Network)
}

/// `2001:db8:*` is the network 2001:db8::/32. Any other pattern compares with the shortest way to
/// write an address.
fn parse_v6_glob(pattern: &str) -> Option<DestinationPattern> {
    let of_v6 = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '*' | '?');
    if !pattern.chars().all(of_v6) || !pattern.contains(['*', '?']) {
        return None;
    }
    let network = pattern.strip_suffix(":*").and_then(|head| {
        let groups = head.split(':').count();
        let bits = u8::try_from(groups * 16).ok().filter(|bits| *bits < 128)?;
        let address = format!("{head}::").parse().ok()?;
        (!head.contains(['*', '?']) && !head.contains("::"))
            .then(|| IpNet::new(address, bits).ok())
            .flatten()
    });
    Some(match network {
        Some(network) => DestinationPattern::Network(network),
        None => DestinationPattern::Addresses(GlobPattern::new(&pattern.to_ascii_lowercase())),
    })
}
