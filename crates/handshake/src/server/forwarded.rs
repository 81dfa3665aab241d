//! The host and scheme that a proxy reports for a request: [`Forwarded`].

use crate::authority::Authority;
use crate::headers::Headers;
use crate::token::trim;

/// The host and the transport that the client of a proxy asked for, from `Forwarded` (RFC 7239) or
/// the `X-Forwarded-` headers that came before it.
///
/// Of a chain of proxies the first counts, which is the one that the browser talks to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Forwarded<'a> {
    pub(crate) host: Option<Authority<'a>>,
    /// The port, if the host has none: many proxies report the two separately.
    pub(crate) port: Option<u16>,
    pub(crate) secure: Option<bool>,
}

impl<'a> Forwarded<'a> {
    pub(crate) fn of(headers: Headers<'a>) -> Self {
        let first = |name| headers.get(name).map(first_element);
        let standard = first("Forwarded");
        let parameter = |name| standard.and_then(|element| parameter(element, name));
        let host = parameter("host").or_else(|| first("X-Forwarded-Host"));
        let port = first("X-Forwarded-Port").and_then(parse_port);
        let proto = parameter("proto").or_else(|| first("X-Forwarded-Proto"));
        Self { host: host.and_then(parse_host), port, secure: proto.and_then(parse_proto) }
    }

    pub(crate) const fn is_some(&self) -> bool {
        self.host.is_some() || self.secure.is_some()
    }
}

/// The elements are separated by commas, which no host and no scheme has.
fn first_element(list: &[u8]) -> &[u8] {
    trim(list.split(|byte| *byte == b',').next().unwrap_or_default())
}

/// RFC 7239, 4: `token "=" ( token / quoted-string )`, separated by semicolons. A host with a port
/// or in brackets is quoted; a value with an escape is not a host.
fn parameter<'a>(element: &'a [u8], name: &str) -> Option<&'a [u8]> {
    element.split(|byte| *byte == b';').find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = pair.split_at_checked(at)?;
        let value = trim(value.get(1..)?);
        let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        trim(key).eq_ignore_ascii_case(name.as_bytes()).then_some(quoted.unwrap_or(value))
    })
}

fn parse_host(value: &[u8]) -> Option<Authority<'_>> {
    Authority::parse(core::str::from_utf8(value).ok()?).ok()
}

fn parse_port(value: &[u8]) -> Option<u16> {
    // `u16::from_str` would take a sign.
    let digits = core::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'))?;
    digits.parse().ok()
}

fn parse_proto(value: &[u8]) -> Option<bool> {
    let is = |name: &str| value.eq_ignore_ascii_case(name.as_bytes());
    if is("https") || is("wss") {
        Some(true)
    } else if is("http") || is("ws") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_the_first_proxy_says_is_read() {
        for (lines, host, secure) in [
            (&[][..], None, None),
            (&[("X-Forwarded-Host", "a.example:8443")], Some("a.example:8443"), None),
            (&[("x-forwarded-host", " a , b"), ("X-Forwarded-Host", "c")], Some("a"), None),
            (&[("X-Forwarded-Proto", "https, http")], None, Some(true)),
            (&[("X-Forwarded-Proto", "WS")], None, Some(false)),
            (&[("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "a b")], None, None),
            (
                &[("Forwarded", "for=1.2.3.4;host=a.example;proto=https")],
                Some("a.example"),
                Some(true),
            ),
            (
                &[("Forwarded", "for=\"[::1]\"; HOST = \"[::1]:80\" ;by=x, host=b")],
                Some("[::1]:80"),
                None,
            ),
            (&[("Forwarded", "for=a"), ("X-Forwarded-Host", "b")], Some("b"), None),
            (
                &[("Forwarded", "host=a;proto=http"), ("X-Forwarded-Host", "b")],
                Some("a"),
                Some(false),
            ),
            (&[("Forwarded", "host=\"a")], None, None),
            (&[("Forwarded", "host;=;;\"")], None, None),
        ] {
            let pairs: Vec<_> =
                lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let found = Forwarded::of(Headers::from_pairs(&pairs));
            let shown = found.host.map(|host| host.to_string());
            assert_eq!((shown.as_deref(), found.secure), (host, secure), "{lines:?}");
            assert_eq!(found.is_some(), host.is_some() || secure.is_some());
        }
        for (value, port) in [
            ("8443", Some(8443)),
            ("8443, 80", Some(8443)),
            ("+1", None),
            ("x", None),
            ("70000", None),
        ] {
            let pairs = [("X-Forwarded-Port", value.as_bytes())];
            assert_eq!(Forwarded::of(Headers::from_pairs(&pairs)).port, port, "{value}");
        }
    }
}
