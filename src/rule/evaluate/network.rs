//! Addresses and networks for `cidr`. An address counts by its value and not by its spelling.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Bits of an IPv6 address before the IPv4 address that is mapped into it.
const MAPPED_PREFIX: u8 = 96;

/// A network of a rule. A network of IPv4 addresses mapped into IPv6 is the network of the IPv4
/// addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) struct Network(IpNet);

impl Network {
    /// Reads `10.0.0.0/8`, `fe80::/10` or one address.
    pub(in crate::rule) fn parse(text: &str) -> Option<Network> {
        let network = match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
        };
        Some(Network(match network {
            IpNet::V6(wide) => unmap(wide).map_or(network, IpNet::V4),
            IpNet::V4(_) => network,
        }))
    }

    /// Whether the network has the address that `text` spells. A text that spells none is in no
    /// network.
    pub(in crate::rule) fn contains_text(&self, text: &str) -> bool {
        let Some(address) = read_address(text) else {
            return false;
        };
        let mapped = match address {
            IpAddr::V6(wide) => wide.to_ipv4_mapped().map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        self.0.contains(&address) || mapped.is_some_and(|address| self.0.contains(&address))
    }
}

fn unmap(network: Ipv6Net) -> Option<Ipv4Net> {
    let bits = network.prefix_len().checked_sub(MAPPED_PREFIX)?;
    Ipv4Net::new(network.addr().to_ipv4_mapped()?, bits).ok()
}

/// Reads an address in the forms that records have: plain, in brackets, with a port, with a zone.
fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix('[') {
        let (address, rest) = inside.split_once(']')?;
        let port = rest.strip_prefix(':');
        return if rest.is_empty() || port.is_some_and(is_port) {
            read_wide(address).map(IpAddr::V6)
        } else {
            None
        };
    }
    match text.split_once(':') {
        None => text.parse().ok().map(IpAddr::V4),
        // One colon is that of a port; every IPv6 address has two at least.
        Some((address, port)) if !port.contains(':') => {
            let address = address.parse().ok().map(IpAddr::V4);
            address.filter(|_| is_port(port))
        }
        Some(_) => read_wide(text).map(IpAddr::V6),
    }
}

/// An IPv6 address without its zone, which names an interface of the machine that wrote it.
fn read_wide(text: &str) -> Option<Ipv6Addr> {
    text.split('%').next()?.parse().ok()
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: a network; addresses that it has; addresses that it does not have.
    const ROWS: &[(&str, &[&str], &[&str])] = &[
        (
            "169.254.0.0/16",
            &[
                "169.254.169.254",
                "::ffff:169.254.169.254",
                "::FFFF:a9fe:a9fe",
                "0:0:0:0:0:ffff:a9fe:a9fe",
                "169.254.169.254:80",
                "[::ffff:169.254.169.254]:80",
                "::ffff:169.254.169.254%eth0",
                " 169.254.1.2 ",
            ],
            &[
                "169.255.0.1",
                "169.254.169.254:80:80",
                "169.254.169.254:http",
                "169.254.169.254/16",
                "[169.254.169.254]",
                "::a9fe:a9fe",
                "x169.254.169.254",
                "",
            ],
        ),
        (
            "::ffff:10.0.0.0/104",
            &["10.1.2.3", "::ffff:10.1.2.3", "::ffff:a00:1"],
            &["11.0.0.1", "::a00:1"],
        ),
        (
            "::/0",
            &["::1", "fe80::1%eth0", "::ffff:10.0.0.1"],
            &["10.0.0.1"],
        ),
        ("0.0.0.0/0", &["10.0.0.1", "::ffff:10.0.0.1"], &["::1"]),
        (
            "fe80::/10",
            &[
                "fe80::1",
                "FE80:0:0::1%en0",
                "[fe80::1%25eth0]:443",
                "[febf::1]",
            ],
            &["fec0::1", "[fe80::1]x", "[fe80::1"],
        ),
        ("10.1.2.3", &["10.1.2.3", "10.1.2.3:1"], &["10.1.2.4"]),
        ("10.1.2.3/8", &["10.9.9.9"], &["11.1.2.3"]),
        ("2001:db8::7", &["2001:0DB8:0::0007"], &["2001:db8::8"]),
    ];

    #[test]
    fn an_address_counts_by_its_value() {
        for (network, inside, outside) in ROWS {
            let read = Network::parse(network).unwrap();
            for text in *inside {
                assert!(read.contains_text(text), "{text} is in {network}");
            }
            for text in *outside {
                assert!(!read.contains_text(text), "{text} is not in {network}");
            }
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.*",
            "10.0.0/8",
            "example.org",
            "::/129",
            "[::1]/128",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
