//! The list in `no_proxy`: [`Exclusions`]. `ProxyRules::from_variables` documents its syntax.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use crate::uri::WebSocketUri;

/// The hosts that are reached without a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exclusions(Vec<Exclusion>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Exclusion {
    hosts: Hosts,
    /// This port only.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Any,
    /// This host and those below it.
    Domain(String),
    Network(Network),
}

impl Exclusions {
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t', '\r', '\n']);
        Self(entries.filter_map(Exclusion::parse).collect())
    }

    pub(super) fn contain(&self, uri: &WebSocketUri<'_>) -> bool {
        let address = uri.host().parse().ok();
        self.0.iter().any(|exclusion| {
            exclusion.port.is_none_or(|port| port == uri.port())
                && match &exclusion.hosts {
                    Hosts::Any => true,
                    Hosts::Domain(domain) => is_in_domain(uri.host(), domain),
                    Hosts::Network(network) => address.is_some_and(|ip| network.contains(ip)),
                }
        })
    }
}

impl Exclusion {
    /// `None` for an entry without meaning.
    fn parse(entry: &str) -> Option<Self> {
        // Before the port, which an IPv6 address without brackets seems to have.
        if let Some(network) = Network::parse(entry) {
            return Some(Self { hosts: Hosts::Network(network), port: None });
        }
        if let Some(rest) = entry.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            let port = match port.strip_prefix(':') {
                Some(port) => Some(port.parse().ok()?),
                None if port.is_empty() => None,
                None => return None,
            };
            return Some(Self { hosts: Hosts::Network(Network::single(address.into())), port });
        }
        let (host, port) = match entry.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let hosts = match host.parse() {
            Ok(address) => Hosts::Network(Network::single(address)),
            Err(_) if host == "*" => Hosts::Any,
            Err(_) => {
                let domain = host.strip_prefix('*').unwrap_or(host);
                let domain = domain.strip_prefix('.').unwrap_or(domain);
                let domain = domain.strip_suffix('.').unwrap_or(domain);
                if domain.is_empty() {
                    return None;
                }
                Hosts::Domain(domain.to_owned())
            }
        };
        Some(Self { hosts, port })
    }
}

/// Whole labels, in any case; a dot at the end makes no difference.
fn is_in_domain(host: &str, domain: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let at = host.len().checked_sub(domain.len());
    at.and_then(|at| host.split_at_checked(at)).is_some_and(|(labels, end)| {
        end.eq_ignore_ascii_case(domain) && (labels.is_empty() || labels.ends_with('.'))
    })
}

/// The addresses that share a prefix. An IPv4 address inside IPv6 (`::ffff:192.0.2.1`) counts as
/// IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix_len: u32,
}

impl Network {
    /// An address, or one with the length of its prefix.
    fn parse(text: &str) -> Option<Self> {
        let Some((address, prefix_len)) = text.split_once('/') else {
            return text.parse().ok().map(Self::single);
        };
        let (address, prefix_len): (IpAddr, u32) =
            (address.parse().ok()?, prefix_len.parse().ok()?);
        (prefix_len <= address_len(address)).then_some(Self { address, prefix_len })
    }

    fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix_len: address_len(address) }
    }

    fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        // The bits after the prefix.
        let rest = address_len(self.address).saturating_sub(self.prefix_len);
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(rest).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(rest).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

const fn address_len(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_entry_excludes_what_it_stands_for() {
        for (list, excluded, proxied) in [
            ("*", &["ws://a/", "wss://[::1]:9/"][..], &[][..]),
            ("*:8080", &["ws://a:8080/"], &["ws://a/"]),
            ("", &[], &["ws://a/"]),
            (" , ,", &[], &["ws://a/"]),
            (
                "example.com",
                &["ws://example.com/", "wss://EXAMPLE.com:8/", "ws://a.b.example.com/"],
                &["ws://example.com.evil/", "ws://notexample.com/", "ws://com/"],
            ),
            (
                ".example.com",
                &["ws://example.com/", "ws://a.example.com/", "ws://example.com./"],
                &["ws://example.co/", "ws://xexample.com/"],
            ),
            ("*.example.com", &["ws://a.example.com/"], &["ws://a.example.org/"]),
            ("example.com.", &["ws://example.com/"], &[]),
            ("example.com:8080", &["ws://example.com:8080/"], &["ws://example.com/"]),
            ("example.com:443", &["wss://example.com/"], &["ws://example.com/"]),
            ("a,b c\td", &["ws://a/", "ws://b/", "ws://c/", "ws://d/"], &["ws://e/"]),
            ("192.0.2.1", &["ws://192.0.2.1/"], &["ws://192.0.2.10/", "ws://1.192.0.2.1/"]),
            ("192.0.2.1:81", &["ws://192.0.2.1:81/"], &["ws://192.0.2.1/"]),
            (
                "10.0.0.0/8",
                &["ws://10.255.0.1/", "ws://[::ffff:10.0.0.1]/"],
                &["ws://11.0.0.0/", "ws://10.example/", "ws://[::a00:1]/"],
            ),
            ("10.1.2.3/31", &["ws://10.1.2.2/"], &["ws://10.1.2.4/"]),
            ("0.0.0.0/0", &["ws://1.2.3.4/"], &["ws://[::1]/", "ws://a/"]),
            ("1.2.3.4/32", &["ws://1.2.3.4/"], &["ws://1.2.3.5/"]),
            ("::1", &["ws://[::1]/", "ws://[0:0::1]:8/"], &["ws://[::2]/"]),
            ("[::1]", &["ws://[::1]:8/"], &["ws://[::2]/"]),
            ("[::1]:8", &["ws://[::1]:8/"], &["ws://[::1]/"]),
            ("::ffff:1.2.3.4", &["ws://1.2.3.4/"], &["ws://1.2.3.5/"]),
            ("fd00::/8", &["ws://[fdff::1]/"], &["ws://[fe00::1]/", "ws://127.0.0.1/"]),
            ("::/0", &["ws://[fe80::1]/"], &["ws://1.2.3.4/"]),
            // An entry without meaning excludes nothing, and does not affect the rest.
            ("10.0.0.0/33,::/129,x/8,a:b,[::1,[::1]x,[1.2.3.4],.,*.,a", &["ws://a/"], &["ws://x/"]),
            ("10.0.0.0/x,[::1]x,[::1]:x,[::1]:", &[], &["ws://10.0.0.0/", "ws://[::1]/"]),
            ("a:99999", &[], &["ws://a/"]),
        ] {
            let exclusions = Exclusions::parse(list);
            for (uris, expected) in [(excluded, true), (proxied, false)] {
                for uri in uris {
                    let parsed = WebSocketUri::parse(uri).unwrap();
                    assert_eq!(exclusions.contain(&parsed), expected, "{list:?} {uri}");
                }
            }
        }
    }
}
