//! `ws` and `wss` URIs (RFC 6455, section 3): [`WebSocketUri`].

use core::fmt;

use crate::authority::{Authority, AuthorityError};

/// A checked `ws` or `wss` URI.
///
/// ```
/// use tidings_handshake::WebSocketUri;
///
/// let uri = WebSocketUri::parse("wss://[2001:db8::1]/chat?room=1")?;
/// assert!(uri.is_secure());
/// assert_eq!(uri.host(), "2001:db8::1");
/// assert_eq!(uri.port(), 443);
/// assert_eq!(uri.resource_name().to_string(), "/chat?room=1");
/// assert_eq!(uri.authority().to_string(), "[2001:db8::1]");
/// # Ok::<(), tidings_handshake::UriError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WebSocketUri<'a> {
    secure: bool,
    authority: Authority<'a>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> WebSocketUri<'a> {
    /// Reads a URI by the grammar of RFC 3986, with one allowance: square brackets may stand in
    /// the query. Other text than ASCII must be percent-encoded.
    ///
    /// # Errors
    ///
    /// The text is not a `ws` or `wss` URI, or has a fragment or user information.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let (scheme, rest) = split_scheme(text).ok_or(UriError::Scheme)?;
        // RFC 6455, 3: the scheme in any case.
        let secure = if scheme.eq_ignore_ascii_case("ws") {
            false
        } else if scheme.eq_ignore_ascii_case("wss") {
            true
        } else {
            return Err(UriError::Scheme);
        };
        // RFC 6455, 3: a fragment is meaningless and must not be there.
        if let Some(offset) = text.bytes().position(|byte| byte == b'#') {
            return Err(UriError::Fragment { offset });
        }
        let authority_offset = text.len() - rest.len();
        let (authority, resource) = split_before(rest, &['/', '?']);
        let authority = Authority::parse(authority).map_err(|error| error.at(authority_offset))?;
        let (path, query) = split_before(resource, &['?']);
        let path_offset = text.len() - resource.len();
        check_characters(path, path_offset, false)?;
        check_characters(query, path_offset + path.len(), true)?;
        // RFC 6455, 3: the port defaults to 80, or 443 if secure. A default port is not kept.
        let default = default_port(secure);
        let authority =
            if authority.port() == Some(default) { authority.without_port() } else { authority };
        Ok(Self {
            secure,
            authority,
            path: if path.is_empty() { "/" } else { path },
            query: query.strip_prefix('?').filter(|query| !query.is_empty()),
        })
    }

    /// Returns whether the connection is to be made over TLS: the scheme is `wss`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host to connect to, without the brackets of an IPv6 address.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.authority.host()
    }

    /// The port to connect to, which is 80 or 443 if the URI has none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self.authority.port() {
            Some(port) => port,
            None => default_port(self.secure),
        }
    }

    /// The host, in brackets if it is an IPv6 address, and the port unless it is the default:
    /// the value of the `Host` header.
    #[must_use]
    pub const fn authority(&self) -> Authority<'a> {
        self.authority
    }

    /// The path, at least `/`.
    #[must_use]
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// The query, if it is there and not empty.
    #[must_use]
    pub const fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The resource name (RFC 6455, 3): the path, and the query after a question mark.
    #[must_use]
    pub const fn resource_name(&self) -> ResourceName<'a> {
        ResourceName { path: self.path, query: self.query }
    }
}

impl fmt::Display for WebSocketUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority, self.resource_name())
    }
}

/// The resource name of a [`WebSocketUri`], which is written with `Display`.
#[derive(Clone, Copy, Debug)]
pub struct ResourceName<'a> {
    path: &'a str,
    query: Option<&'a str>,
}

impl fmt::Display for ResourceName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path)?;
        self.query.map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

/// RFC 6455, 3; RFC 9110, 4.2.
pub(crate) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// `scheme "://" rest` (RFC 3986, 3). A search for the three characters would add a kilobyte of
/// code, and no scheme has a colon.
pub(crate) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    Some((scheme, rest.strip_prefix("//")?))
}

/// The text up to the first of these characters, and the rest from it on.
fn split_before<'a>(text: &'a str, characters: &[char]) -> (&'a str, &'a str) {
    let end = text.find(characters).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// RFC 3986, 3.3 and 3.4: `pchar`, `/`, and in a query `?`.
fn check_characters(part: &str, start: usize, query: bool) -> Result<(), UriError> {
    let mut rest = part.as_bytes();
    while let [byte, after @ ..] = rest {
        let offset = start + (part.len() - rest.len());
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (b'%', _) => return Err(UriError::PercentEncoding { offset }),
            (b'?' | b'[' | b']', _) if query => after,
            (
                b'A'..=b'Z'
                | b'a'..=b'z'
                | b'0'..=b'9'
                | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/',
                _,
            ) => after,
            _ => return Err(UriError::Character { offset }),
        };
    }
    Ok(())
}

/// The caller's text is not a `ws` or `wss` URI. An `offset` counts bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// The text does not begin with `ws://` or `wss://`.
    Scheme,
    /// There is a fragment. A number sign that is meant must be written `%23`.
    Fragment {
        /// The position of the `#`.
        offset: usize,
    },
    /// The host or port is wrong, or there is user information.
    Authority(AuthorityError),
    /// A character that must be percent-encoded.
    Character {
        /// The position of the character.
        offset: usize,
    },
    /// A percent sign without two hexadecimal digits.
    PercentEncoding {
        /// The position of the percent sign.
        offset: usize,
    },
}

impl From<AuthorityError> for UriError {
    fn from(error: AuthorityError) -> Self {
        Self::Authority(error)
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("the URI does not begin with ws:// or wss://"),
            Self::Fragment { offset } => write!(
                f,
                "a WebSocket URI has no fragment: write %23 for the number sign at offset {offset}"
            ),
            Self::Authority(error) => error.fmt(f),
            Self::Character { offset } => {
                write!(f, "the character at offset {offset} of the URI must be percent-encoded")
            }
            Self::PercentEncoding { offset } => write!(
                f,
                "the percent sign at offset {offset} of the URI lacks two hexadecimal digits"
            ),
        }
    }
}

impl core::error::Error for UriError {}

#[cfg(test)]
mod tests;
