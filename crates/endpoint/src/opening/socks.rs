//! A SOCKS5 proxy on the way to the server: [`Socks5Proxy`].

use std::fmt;

use tidings_handshake::{Authority, AuthorityError};

/// RFC 1928, 3.
const DEFAULT_PORT: u16 = 1080;

/// A SOCKS5 proxy (RFC 1928), which connects to the server by its name: nothing is looked up here.
///
/// ```
/// use tidings_endpoint::opening::{ConnectOptions, Socks5Proxy};
///
/// let tor = Socks5Proxy::parse("127.0.0.1:9050")?;
/// let options = ConnectOptions::new().socks5_proxy(tor);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Its `Debug` shows that there are credentials, not which.
#[derive(Clone, PartialEq, Eq)]
pub struct Socks5Proxy {
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
}

impl Socks5Proxy {
    /// Parses `host[:port]`; without a port it is 1080.
    ///
    /// # Errors
    /// It is not a host, with or without a port.
    pub fn parse(address: &str) -> Result<Self, AuthorityError> {
        let authority = Authority::parse(address)?;
        Ok(Self {
            host: authority.host().to_owned(),
            port: authority.port().unwrap_or(DEFAULT_PORT),
            credentials: None,
        })
    }

    /// The same proxy, with this user and password (RFC 1929), each of 1 to 255 bytes. The way to the
    /// proxy is not encrypted, so a passer-by there reads them.
    #[must_use]
    pub fn credentials(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { credentials: Some((user.into(), password.into())), ..self }
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

    /// User and password, if there are some.
    #[must_use]
    pub fn user_and_password(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (&**user, &**password))
    }
}

impl fmt::Debug for Socks5Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks5Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("has_credentials", &self.credentials.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn a_proxy_is_a_host_with_or_without_a_port() {
        for (text, host, port) in
            [("p", "p", 1080), ("p:9050", "p", 9050), ("[::1]:1", "::1", 1), ("::1", "", 0)]
        {
            match Socks5Proxy::parse(text) {
                Ok(proxy) => assert_eq!((proxy.host(), proxy.port()), (host, port)),
                Err(_) => assert!(host.is_empty(), "{text}"),
            }
        }
        let shown = format!("{:?}", Socks5Proxy::parse("p").unwrap().credentials("u", "secret"));
        assert!(shown.contains("has_credentials: true") && !shown.contains("secret"), "{shown}");
    }
}
