//! A host and a port, as in a `Host` header, a URI or an origin: [`Authority`].

use core::fmt;
use core::net::Ipv6Addr;

/// `host [":" port]` (RFC 9110, 7.2; RFC 3986, 3.2), checked.
///
/// The host is a name or an IPv4 address, or an IPv6 address in brackets. A name holds letters,
/// digits, `- . _ ~`, percent-encoded bytes and the sub-delimiters but the comma, which in a
/// `Host` header is the mark of two values made one.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    host: &'a str,
    address: Option<Ipv6Addr>,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads an authority. An empty port counts as none (RFC 3986, 3.2.3).
    ///
    /// ```
    /// use tidings_handshake::Authority;
    ///
    /// let authority = Authority::parse("[2001:db8::1]:8080")?;
    /// assert_eq!(authority.host(), "2001:db8::1");
    /// assert_eq!(authority.port(), Some(8080));
    /// # Ok::<(), tidings_handshake::AuthorityError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// There is no host, or a part breaks the grammar. User information is refused.
    pub fn parse(text: &'a str) -> Result<Self, AuthorityError> {
        // RFC 9110, 4.2.4: user information in an authority is most often an attempt to deceive.
        if let Some(offset) = text.bytes().position(|byte| byte == b'@') {
            return Err(AuthorityError::UserInfo { offset });
        }
        let (host, address, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) =
                    rest.split_once(']').ok_or(AuthorityError::Ipv6 { offset: 0 })?;
                let address = host.parse().map_err(|_| AuthorityError::Ipv6 { offset: 0 })?;
                let port = match after.strip_prefix(':') {
                    Some(port) => port,
                    None if after.is_empty() => after,
                    None => return Err(AuthorityError::Port { offset: host.len() + 2 }),
                };
                (host, Some(address), port)
            }
            None => {
                let (host, port) = text.split_once(':').unwrap_or((text, ""));
                check_name(host)?;
                (host, None, port)
            }
        };
        let port = parse_port(port)
            .map_err(|()| AuthorityError::Port { offset: text.len() - port.len() })?;
        Ok(Self { host, address, port })
    }

    /// The host, without the brackets of an IPv6 address.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// Returns whether the host is an IPv6 address.
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.address.is_some()
    }

    /// The port, if one is written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    pub(crate) const fn parts(&self) -> (&'a str, Option<Ipv6Addr>, Option<u16>) {
        (self.host, self.address, self.port)
    }

    /// With this port, if it has none.
    pub(crate) const fn or_port(mut self, port: Option<u16>) -> Self {
        if self.port.is_none() {
            self.port = port;
        }
        self
    }

    pub(crate) const fn without_port(mut self) -> Self {
        self.port = None;
        self
    }

    /// Returns whether both can name one server: the same host, and no two different ports.
    pub(crate) fn agrees_with(&self, other: &Authority<'_>) -> bool {
        let ports = self.port.zip(other.port);
        self.is_same_host(other) && ports.is_none_or(|(port, other)| port == other)
    }

    /// Returns whether both name the same host: names in any case, addresses by value.
    ///
    /// A trailing dot counts: `example.com.` is another host than `example.com`, as it is for a
    /// browser.
    pub(crate) fn is_same_host(&self, other: &Authority<'_>) -> bool {
        match (self.address, other.address) {
            (None, None) => self.host.eq_ignore_ascii_case(other.host),
            (address, other) => address == other,
        }
    }
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(_) => write!(f, "[{}]", self.host)?,
            None => f.write_str(self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// RFC 3986, 3.2.2: `reg-name`, but not empty and without the comma.
fn check_name(host: &str) -> Result<(), AuthorityError> {
    if host.is_empty() {
        return Err(AuthorityError::NoHost);
    }
    let mut rest = host.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~', _)
            | (b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=', _) => after,
            _ => return Err(AuthorityError::Host { offset: host.len() - rest.len() }),
        };
    }
    Ok(())
}

/// RFC 3986, 3.2.3: `port = *DIGIT`.
fn parse_port(digits: &str) -> Result<Option<u16>, ()> {
    if digits.is_empty() {
        return Ok(None);
    }
    // `u16::from_str` would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    digits.parse().map(Some).map_err(|_| ())
}

/// The fault of an authority. An `offset` counts bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The host is empty.
    NoHost,
    /// There is user information: `user@host`.
    UserInfo {
        /// The position of the `@`.
        offset: usize,
    },
    /// A byte that is invalid in a host name.
    Host {
        /// The position of the byte.
        offset: usize,
    },
    /// The text in brackets is not an IPv6 address, or its bracket is not closed.
    Ipv6 {
        /// The position of the bracket.
        offset: usize,
    },
    /// The port is not a number from 0 to 65535.
    Port {
        /// The start of the port.
        offset: usize,
    },
}

impl AuthorityError {
    /// The same error in a text that holds the authority at `start`.
    pub(crate) const fn at(self, start: usize) -> Self {
        match self {
            Self::NoHost => self,
            Self::UserInfo { offset } => Self::UserInfo { offset: start.saturating_add(offset) },
            Self::Host { offset } => Self::Host { offset: start.saturating_add(offset) },
            Self::Ipv6 { offset } => Self::Ipv6 { offset: start.saturating_add(offset) },
            Self::Port { offset } => Self::Port { offset: start.saturating_add(offset) },
        }
    }
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("the host is empty"),
            Self::UserInfo { offset } => {
                write!(
                    f,
                    "user information before the host is not allowed (`@` at offset {offset})"
                )
            }
            Self::Host { offset } => {
                write!(f, "the byte at offset {offset} is not allowed in a host name")
            }
            Self::Ipv6 { offset } => {
                write!(f, "the bracket at offset {offset} does not hold an IPv6 address")
            }
            Self::Port { offset } => {
                write!(f, "the port at offset {offset} is not a number from 0 to 65535")
            }
        }
    }
}

impl core::error::Error for AuthorityError {}

#[cfg(test)]
mod tests;
