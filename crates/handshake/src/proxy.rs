//! An HTTP proxy on the way to the server (RFC 6455, 4.1, "Proxy Usage"): [`Proxy`].
//!
//! [`ProxyRules`] choose the proxy; [`TunnelRequest`] is the request to it.

pub(crate) mod rules;
pub(crate) mod tunnel;

mod exclusions;

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use crate::authority::{Authority, AuthorityError};
use crate::proxy::tunnel::TunnelRequest;
use crate::uri::{WebSocketUri, split_scheme};

/// An HTTP proxy that is asked for a tunnel by CONNECT.
///
/// ```
/// use tidings_handshake::{Proxy, WebSocketUri};
///
/// let proxy = Proxy::parse("http://user:secret@proxy.example:3128")?;
/// assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
///
/// let uri = WebSocketUri::parse("wss://server.example/chat")?;
/// let request = proxy.tunnel_to(uri).to_vec();
/// assert!(request.starts_with(b"CONNECT server.example:443 HTTP/1.1\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Its `Debug` shows that there are credentials, not which.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

impl Proxy {
    /// Reads the URI of a proxy: `http://[user[:password]@]host[:port]`.
    ///
    /// The scheme may be left out, as many do in environment variables. Without a port it is 80.
    /// User and password are percent-decoded and sent unchanged (RFC 7617). The connection to
    /// the proxy itself is not encrypted, so a passer-by there reads them.
    ///
    /// # Errors
    ///
    /// The text is not such a URI. Proxies of other kinds (`https`, `socks5`) are refused by their
    /// scheme.
    pub fn parse(uri: &str) -> Result<Self, ProxyUriError> {
        let rest = match split_scheme(uri) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(ProxyUriError::Scheme),
            None => uri,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(ProxyUriError::Resource);
        }
        // The last one: many write an `@` in the password without encoding it.
        let (credentials, authority) = match authority.rsplit_once('@') {
            Some((credentials, authority)) => (Some(credentials), authority),
            None => (None, authority),
        };
        let authority = Authority::parse(authority)?;
        let proxy = Self {
            host: authority.host().to_owned(),
            port: authority.port().unwrap_or(80),
            authorization: None,
        };
        match credentials {
            None => Ok(proxy),
            Some(credentials) => {
                let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
                proxy.with_credentials(&percent_decode(user)?, &percent_decode(password)?)
            }
        }
    }

    /// The same proxy, with this user and password in place of those of its URI.
    ///
    /// # Errors
    ///
    /// Either holds a control character, or there is a colon in the user.
    pub fn credentials(self, user: &str, password: &str) -> Result<Self, ProxyUriError> {
        self.with_credentials(user.as_bytes(), password.as_bytes())
    }

    fn with_credentials(self, user: &[u8], password: &[u8]) -> Result<Self, ProxyUriError> {
        // RFC 7617, 2: no colon in the user-id, and no control characters in either.
        if user.contains(&b':') || user.iter().chain(password).any(u8::is_ascii_control) {
            return Err(ProxyUriError::Credentials);
        }
        let mut credentials = Vec::from(user);
        credentials.push(b':');
        credentials.extend_from_slice(password);
        let mut authorization = "Basic ".to_owned();
        authorization.push_str(&Base64Display::new(&credentials, &STANDARD).to_string());
        Ok(Self { authorization: Some(authorization), ..self })
    }

    /// The host to connect to, without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The value of `Proxy-Authorization`, if there are credentials.
    ///
    /// A [tunnel](Self::tunnel_to) is asked for with it. So is a request of plain HTTP that goes to
    /// the proxy itself, with the whole URI as its target (RFC 9112, 3.2.2).
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The request for a tunnel to the server of this URI.
    ///
    /// Also for `ws`: a proxy that sees the handshake itself may not understand it, and RFC 6455,
    /// 4.1, asks for a tunnel in any case.
    #[must_use]
    pub fn tunnel_to<'a>(&'a self, uri: WebSocketUri<'a>) -> TunnelRequest<'a> {
        TunnelRequest::new(uri, self.authorization.as_deref())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("has_credentials", &self.authorization.is_some())
            .finish()
    }
}

/// RFC 3986, 2.1.
fn percent_decode(text: &str) -> Result<Vec<u8>, ProxyUriError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let (byte, after) = match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                let value = digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low);
                let value = value.and_then(|value| u8::try_from(value).ok());
                (value.ok_or(ProxyUriError::PercentEncoding)?, after)
            }
            (b'%', _) => return Err(ProxyUriError::PercentEncoding),
            (byte, after) => (*byte, after),
        };
        decoded.push(byte);
        rest = after;
    }
    Ok(decoded)
}

/// The text is not the URI of an HTTP proxy: the fault of the caller, or of an environment
/// variable. It holds no part of the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyUriError {
    /// The scheme is not `http`: a proxy of another kind.
    Scheme,
    /// The host or port is wrong. Offsets count from after the credentials.
    Authority(AuthorityError),
    /// There is a path, a query or a fragment.
    Resource,
    /// A percent sign in the credentials without two hexadecimal digits.
    PercentEncoding,
    /// A control character in the credentials, or a colon in the user.
    Credentials,
}

impl From<AuthorityError> for ProxyUriError {
    fn from(error: AuthorityError) -> Self {
        Self::Authority(error)
    }
}

impl fmt::Display for ProxyUriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("the URI of the proxy must begin with http://"),
            Self::Authority(error) => write!(f, "the proxy's address: {error}"),
            Self::Resource => {
                f.write_str("the URI of the proxy has more than a host and a port (write / as %2F)")
            }
            Self::PercentEncoding => f.write_str(
                "a percent sign in the proxy's credentials lacks two hexadecimal digits",
            ),
            Self::Credentials => f.write_str(
                "the proxy's user holds a colon, or its credentials a control character",
            ),
        }
    }
}

impl core::error::Error for ProxyUriError {}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_proxy_is_read_from_its_uri() {
        for (uri, host, port, authorization) in [
            ("http://proxy.example", "proxy.example", 80, None),
            ("http://proxy.example:3128", "proxy.example", 3128, None),
            ("HTTP://proxy.example:3128/", "proxy.example", 3128, None),
            ("proxy.example:3128", "proxy.example", 3128, None),
            ("127.0.0.1", "127.0.0.1", 80, None),
            ("http://[::1]:8080", "::1", 8080, None),
            // RFC 7617, 2, the example.
            ("http://Aladdin:open%20sesame@p", "p", 80, Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            ("user@p:1", "p", 1, Some("Basic dXNlcjo=")),
            ("http://user:@p", "p", 80, Some("Basic dXNlcjo=")),
            ("http://u:a:b@p", "p", 80, Some("Basic dTphOmI=")),
            ("http://u:p@ss@p", "p", 80, Some("Basic dTpwQHNz")),
            ("http://u:%c3%A9@p", "p", 80, Some("Basic dTrDqQ==")),
        ] {
            let proxy = Proxy::parse(uri).unwrap_or_else(|error| panic!("{uri}: {error}"));
            let found = (proxy.host(), proxy.port(), proxy.authorization());
            assert_eq!(found, (host, port, authorization), "{uri}");
        }
    }

    #[test]
    fn an_invalid_http_proxy_is_refused() {
        use ProxyUriError::{Credentials, PercentEncoding, Resource, Scheme};
        for (uri, error) in [
            ("https://p", Scheme),
            ("socks5h://p", Scheme),
            ("://p", Scheme),
            ("", AuthorityError::NoHost.into()),
            ("http://", AuthorityError::NoHost.into()),
            ("http://u:p@", AuthorityError::NoHost.into()),
            ("http://p:x", AuthorityError::Port { offset: 2 }.into()),
            ("http://p\r\nX: y", AuthorityError::Host { offset: 1 }.into()),
            ("http://p/path", Resource),
            ("http://p?", Resource),
            ("http://p#", Resource),
            ("http://u:%4@p", PercentEncoding),
            ("http://u:%+1@p", PercentEncoding),
            ("http://u%@p", PercentEncoding),
            ("http://u:%0d%0aX@p", Credentials),
            ("http://u%3Av:w@p", Credentials),
        ] {
            assert_eq!(Proxy::parse(uri), Err(error), "{uri:?}");
        }
        let proxy = Proxy::parse("p").unwrap();
        assert_eq!(proxy.clone().credentials("a:b", ""), Err(Credentials));
        assert_eq!(proxy.credentials("a", "\n"), Err(Credentials));
    }

    /// It is shown without a part of the URI, which may contain a password.
    #[test]
    fn an_error_says_what_is_wrong() {
        for (error, shown) in [
            (ProxyUriError::Scheme, "the URI of the proxy must begin with http://"),
            (
                ProxyUriError::Authority(AuthorityError::NoHost),
                "the proxy's address: the host is empty",
            ),
            (
                ProxyUriError::Resource,
                "the URI of the proxy has more than a host and a port (write / as %2F)",
            ),
            (
                ProxyUriError::PercentEncoding,
                "a percent sign in the proxy's credentials lacks two hexadecimal digits",
            ),
            (
                ProxyUriError::Credentials,
                "the proxy's user holds a colon, or its credentials a control character",
            ),
        ] {
            assert_eq!(format!("{error}"), shown);
        }
    }

    #[test]
    fn debug_output_shows_no_credentials() {
        let proxy = Proxy::parse("http://user:secret@p").unwrap();
        let shown = format!("{proxy:?}");
        assert!(!shown.contains("secret") && !shown.contains("Basic"), "{shown}");
        assert!(shown.contains("has_credentials: true"), "{shown}");
    }
}
