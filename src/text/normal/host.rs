//! The normal form of a host name or address, as browsers read it (WHATWG URL, UTS 46).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of the longest host name.
const NAME_BYTES_MAX: usize = 253;
/// Bytes of the longest label of a name.
const LABEL_BYTES_MAX: usize = 63;
/// Bytes of a text that is read as a host at all. Unicode and percent encoding need more than the
/// name that comes out.
const TEXT_BYTES_MAX: usize = 1_024;

/// A host in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host<'t> {
    /// A name in lower-case ASCII, without final dot.
    Name(Cow<'t, str>),
    /// An address by its value. An IPv4 address mapped into IPv6 is the IPv4 address.
    Address(IpAddr),
}

impl<'t> Host<'t> {
    /// Reads a host without port; an IPv6 address with or without brackets and zone. `None` if the
    /// text is no valid host.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        if is_plain_name(text) {
            return Some(Host::Name(Cow::Borrowed(text)));
        }
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        if text.contains(':') || text.starts_with('[') {
            return read_v6(text).map(|v6| Host::Address(canonical(v6.into())));
        }
        match url::Host::parse(text).ok()? {
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                is_name(name).then(|| Host::Name(Cow::Owned(name.to_owned())))
            }
            url::Host::Ipv4(v4) => Some(Host::Address(v4.into())),
            url::Host::Ipv6(v6) => Some(Host::Address(canonical(v6.into()))),
        }
    }

    /// The host as text. An IPv6 address is written without brackets.
    #[must_use]
    pub fn into_text(self) -> Cow<'t, str> {
        match self {
            Host::Name(name) => name,
            Host::Address(address) => Cow::Owned(address.to_string()),
        }
    }

    /// Whether the host is this machine or an address of a private network.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match self {
            Host::Address(IpAddr::V4(v4)) => {
                v4.is_loopback() || v4.is_private() || v4.is_link_local()
            }
            Host::Address(IpAddr::V6(v6)) => {
                v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
            }
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

/// The address by its value.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn read_v6(text: &str) -> Option<Ipv6Addr> {
    let inner = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        None => text,
    };
    // The zone names an interface of the machine that acts, not another host.
    let address = match inner.split_once('%') {
        // An `@` behind it would make the address a user's name.
        Some((_, zone)) if !is_zone(zone) => return None,
        Some((address, _)) => address,
        None => inner,
    };
    address.parse().ok()
}

fn is_zone(text: &str) -> bool {
    let of_zone = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
    !text.is_empty() && text.chars().all(of_zone)
}

/// Whether a text is a name in normal form already: the common case, decided by its bytes. Of
/// names that need a closer look (addresses, punycode) some that are normal are refused here.
pub(super) fn is_plain_name(text: &str) -> bool {
    let last_label = text.rsplit('.').next().unwrap_or_default();
    is_name(text) && !last_label.starts_with(|c: char| c.is_ascii_digit()) && !text.contains("xn--")
}

/// Whether every label is of lower-case ASCII letters, digits, `-` and `_`, and of a length that
/// DNS can carry.
fn is_name(text: &str) -> bool {
    if text.len() > NAME_BYTES_MAX {
        return false;
    }
    let mut label_bytes = 0;
    for byte in text.bytes() {
        match byte {
            b'.' if label_bytes == 0 => return false,
            b'.' => label_bytes = 0,
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' if label_bytes < LABEL_BYTES_MAX => {
                label_bytes += 1;
            }
            _ => return false,
        }
    }
    label_bytes > 0
}

/// Whether one label of a name may stand between dots: lower-case ASCII.
pub(super) fn is_label(text: &str) -> bool {
    is_name(text) && !text.contains('.')
}

/// The address of a plain text such as `10.1.2.3`; `None` for every other spelling.
pub(super) fn plain_v4(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok()
}
