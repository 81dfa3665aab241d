//! The choice of a proxy for a URI: [`ProxyRules`].

use alloc::string::String;

use crate::proxy::exclusions::Exclusions;
use crate::proxy::{Proxy, ProxyUriError};
use crate::uri::WebSocketUri;

/// The rules that choose a proxy for each URI.
///
/// ```
/// use tidings_handshake::{ProxyRules, WebSocketUri};
///
/// // What `std::env::var(name).ok()` would say:
/// let rules = ProxyRules::from_variables(|name| match name {
///     "https_proxy" => Some("http://proxy.example:3128".to_owned()),
///     "no_proxy" => Some("localhost,.internal.example,10.0.0.0/8".to_owned()),
///     _ => None,
/// });
/// let proxy_for = |uri| rules.proxy_for(&WebSocketUri::parse(uri).unwrap()).unwrap();
/// assert_eq!(proxy_for("wss://server.example/").unwrap().host(), "proxy.example");
/// assert_eq!(proxy_for("wss://chat.internal.example/"), None);
/// assert_eq!(proxy_for("wss://10.1.2.3/"), None);
/// assert_eq!(proxy_for("ws://server.example/"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyRules {
    /// For `ws`.
    plain: Option<Result<Proxy, ProxyUriError>>,
    /// For `wss`.
    secure: Option<Result<Proxy, ProxyUriError>>,
    exclusions: Exclusions,
}

impl ProxyRules {
    /// No proxy at all.
    #[must_use]
    pub fn direct() -> Self {
        Self::default()
    }

    /// This proxy for every URI.
    #[must_use]
    pub fn always(proxy: Proxy) -> Self {
        let secure = Some(Ok(proxy.clone()));
        Self { plain: Some(Ok(proxy)), secure, exclusions: Exclusions::default() }
    }

    /// The rules of the usual environment variables. `variable` looks one up by name.
    ///
    /// - `wss`: `https_proxy` or `HTTPS_PROXY`, else `all_proxy` or `ALL_PROXY`;
    /// - `ws`: `http_proxy`, else `all_proxy` or `ALL_PROXY`. `HTTP_PROXY` is not read: in a CGI
    ///   program it is the client's `Proxy` header;
    /// - `no_proxy` or `NO_PROXY` lists the hosts that are reached without a proxy, separated by
    ///   commas or white space.
    ///
    /// The lower case goes first, and an empty variable counts as unset.
    ///
    /// | in `no_proxy` | stands for |
    /// |---|---|
    /// | `*` | everything |
    /// | `example.com`, `.example.com`, `*.example.com` | that host and all below it, in any case |
    /// | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | that address |
    /// | `10.0.0.0/8`, `fd00::/8` | the addresses of that network |
    /// | any of them but the last, with `:8080` (IPv6 in brackets) | the same, at that port only |
    ///
    /// Names are not looked up, so an address never matches a name. Any other entry matches
    /// nothing. `localhost` is not excluded by default.
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))
        };
        let proxy = |names: &[&str]| first(names).map(|uri| Proxy::parse(uri.trim()));
        Self {
            plain: proxy(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            secure: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            exclusions: first(&["no_proxy", "NO_PROXY"])
                .map_or_else(Exclusions::default, |list| Exclusions::parse(&list)),
        }
    }

    /// The proxy to go through, if any.
    ///
    /// # Errors
    ///
    /// The variable that applies does not hold the URI of an HTTP proxy. To connect directly
    /// instead could show the connection to someone it should be hidden from.
    pub fn proxy_for(&self, uri: &WebSocketUri<'_>) -> Result<Option<&Proxy>, ProxyUriError> {
        let proxy = if uri.is_secure() { &self.secure } else { &self.plain };
        match proxy {
            None => Ok(None),
            Some(_) if self.exclusions.contain(uri) => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(error)) => Err(*error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::ToOwned as _;

    use super::*;

    fn rules(variables: &[(&str, &str)]) -> ProxyRules {
        ProxyRules::from_variables(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_variables_are_looked_up_in_their_order() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
        const WS: &str = "ws://a/";
        const WSS: &str = "wss://a/";
        let cases: [Case<'_>; 13] = [
            (&[], WS, None),
            (&[], WSS, None),
            (&[("https_proxy", "one")], WSS, Some("one")),
            (&[("https_proxy", "one")], WS, None),
            (&[("HTTPS_PROXY", "one")], WSS, Some("one")),
            (&[("HTTPS_PROXY", "one"), ("https_proxy", "two")], WSS, Some("two")),
            (&[("HTTPS_PROXY", "one"), ("https_proxy", "")], WSS, Some("one")),
            (&[("http_proxy", " one ")], WS, Some("one")),
            // httpoxy: in CGI this is a request header.
            (&[("HTTP_PROXY", "one")], WS, None),
            (&[("ALL_PROXY", "one")], WS, Some("one")),
            (&[("ALL_PROXY", "one"), ("all_proxy", "two")], WSS, Some("two")),
            (&[("all_proxy", "one"), ("https_proxy", "two")], WSS, Some("two")),
            (&[("all_proxy", "one"), ("NO_PROXY", "a")], WSS, None),
        ];
        for (variables, uri, expected) in cases {
            let rules = rules(variables);
            let proxy = rules.proxy_for(&WebSocketUri::parse(uri).unwrap()).unwrap();
            assert_eq!(proxy.map(Proxy::host), expected, "{variables:?} {uri}");
        }
    }

    /// A wrong variable is neither ignored nor an error for URIs that it does not concern.
    #[test]
    fn a_wrong_variable_is_an_error_where_it_applies() {
        let rules =
            rules(&[("http_proxy", "p"), ("all_proxy", "socks5://p"), ("no_proxy", "local")]);
        let proxy_for = |uri| rules.proxy_for(&WebSocketUri::parse(uri).unwrap());
        assert_eq!(proxy_for("wss://a/"), Err(ProxyUriError::Scheme));
        assert_eq!(proxy_for("wss://local/"), Ok(None));
        assert_eq!(proxy_for("ws://a/").unwrap().unwrap().host(), "p");
    }

    #[test]
    fn a_proxy_that_was_asked_for_is_always_used() {
        let rules = ProxyRules::always(Proxy::parse("p").unwrap());
        for uri in ["ws://localhost/", "wss://a/"] {
            assert!(rules.proxy_for(&WebSocketUri::parse(uri).unwrap()).unwrap().is_some());
        }
        let uri = WebSocketUri::parse("ws://a/").unwrap();
        assert_eq!(ProxyRules::direct().proxy_for(&uri), Ok(None));
    }
}
