//! Answers that send the client elsewhere (RFC 6455, 4.1; RFC 9110, 15.4): [`Redirects`].

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use crate::client::response::DeclinedResponse;
use crate::token::trim;
use crate::uri::{UriError, WebSocketUri};

/// The headers of the caller that are also sent to another origin. All others are dropped, since
/// any of them may be a credential under a special name, such as `X-Api-Key`.
const HEADERS_FOR_ALL: [&str; 4] = ["accept", "accept-language", "accept-encoding", "user-agent"];

/// The number of redirects that a client follows, and their targets.
///
/// ```
/// use tidings_handshake::{
///     Response, ClientRequest, Headers, HttpVersion, Key, Redirects, StatusLine, WebSocketUri,
/// };
///
/// let uri = WebSocketUri::parse("wss://old.example/chat")?;
/// let request = ClientRequest::new(uri, Key::from_nonce([0; 16]));
/// let line = StatusLine::Http1 { version: HttpVersion::Http11, status: 308, reason: "" };
/// let headers = [("Location", &b"https://new.example/chat"[..])];
/// let answer = request.check_response(line, Headers::from_pairs(&headers))?;
/// let Response::Declined(answer) = answer else { panic!() };
///
/// let mut redirects = Redirects::new(5);
/// let redirect = redirects.follow(&uri, &answer)?.expect("308 is a redirect");
/// assert_eq!(redirect.uri(), "wss://new.example/chat");
/// assert!(!redirect.is_same_origin() && !redirect.keeps_header("Authorization"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A client that shows its credentials to one server does not mean to show them to another that
/// this one names. So headers survive only within one origin, which is scheme, host and port; and a
/// connection that was requested with TLS never continues without.
#[derive(Clone, Debug)]
pub struct Redirects {
    max: u32,
    followed: u32,
}

impl Redirects {
    /// Follows at most this many; with 0 a redirect is a response like any other.
    #[must_use]
    pub const fn new(max: u32) -> Self {
        Self { max, followed: 0 }
    }

    /// Returns where the answer to a request for `current` sends the client. `None`: it is not a
    /// redirect, or no redirect is to be followed.
    ///
    /// # Errors
    ///
    /// It leads to where a WebSocket client cannot or must not go, or there were too many.
    pub fn follow(
        &mut self,
        current: &WebSocketUri<'_>,
        answer: &DeclinedResponse<'_>,
    ) -> Result<Option<Redirect>, RedirectError> {
        // RFC 9110, 15.4: 300 leaves the choice to a user and 304 to a cache. The method is GET
        // in any case, so 303 is as good as the others.
        if self.max == 0 || !matches!(answer.status(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let headers = answer.headers();
        let mut locations = headers.get_all("Location");
        let Some(location) = locations.next() else { return Ok(None) };
        // RFC 9110, 10.2.2: one URI reference.
        if locations.next().is_some() {
            return Err(RedirectError::LocationRepeated);
        }
        if self.followed >= self.max {
            return Err(RedirectError::TooMany { max: self.max });
        }
        self.followed = self.followed.saturating_add(1);
        let uri = resolve(current, trim(location))?;
        let target = WebSocketUri::parse(&uri)?;
        if current.is_secure() && !target.is_secure() {
            return Err(RedirectError::Downgrade);
        }
        let same_origin = target.is_secure() == current.is_secure()
            && target.authority().is_same_host(&current.authority())
            && target.port() == current.port();
        Ok(Some(Redirect { uri, same_origin }))
    }
}

/// The next target, from [`Redirects::follow`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    uri: String,
    same_origin: bool,
}

impl Redirect {
    /// The next URI, of scheme `ws` or `wss`, which [`WebSocketUri::parse`] takes.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The next URI, to keep.
    #[must_use]
    pub fn into_uri(self) -> String {
        self.uri
    }

    /// Returns whether scheme, host and port stay the same.
    #[must_use]
    pub const fn is_same_origin(&self) -> bool {
        self.same_origin
    }

    /// Returns whether the request that follows may still have this header of the application:
    /// within one origin every header, otherwise only `User-Agent`, `Accept`, `Accept-Language` and
    /// `Accept-Encoding`. A dropped header stays dropped.
    ///
    /// An `Origin` becomes `null` when the origin changes, as it does in a browser: the server
    /// that redirects could else speak in the name of the page.
    #[must_use]
    pub fn keeps_header(&self, name: &str) -> bool {
        self.same_origin || HEADERS_FOR_ALL.iter().any(|kept| kept.eq_ignore_ascii_case(name))
    }
}

/// RFC 3986, 5.2, without the fragment, which no request has, and with `http` read as `ws`.
fn resolve(current: &WebSocketUri<'_>, location: &[u8]) -> Result<String, UriError> {
    let location = core::str::from_utf8(location)
        .map_err(|error| UriError::Character { offset: error.valid_up_to() })?;
    let reference = location.split_once('#').map_or(location, |(reference, _)| reference);
    let current_scheme = if current.is_secure() { "wss" } else { "ws" };
    // RFC 3986, 4.2: a colon in the first segment makes it a scheme.
    let first_segment = reference.split(['/', '?']).next().unwrap_or_default();
    let (scheme, rest) = match first_segment.split_once(':') {
        Some((scheme, _)) => {
            let rest = reference.get(scheme.len().saturating_add(1)..).unwrap_or_default();
            (web_socket_scheme(scheme).ok_or(UriError::Scheme)?, rest)
        }
        None => (current_scheme, reference),
    };
    if let Some(rest) = rest.strip_prefix("//") {
        let (authority, resource) = split_at_first(rest, &['/', '?']);
        let (path, query) = split_at_first(resource, &['?']);
        return Ok(format!("{scheme}://{authority}{}{query}", remove_dot_segments(path)));
    }
    if rest.len() != reference.len() {
        // `https:chat`: a scheme without an authority.
        return Err(UriError::Scheme);
    }
    let authority = current.authority();
    let (path, query) = split_at_first(rest, &['?']);
    let resource = match (path, query) {
        ("", "") => current.resource_name().to_string(),
        ("", query) => format!("{}{query}", current.path()),
        (path, query) if path.starts_with('/') => format!("{}{query}", remove_dot_segments(path)),
        // RFC 3986, 5.2.3: all but the last segment of the base, and the reference.
        (path, query) => {
            let base = current.path().rsplit_once('/').map_or("", |(base, _)| base);
            format!("{}{query}", remove_dot_segments(&format!("{base}/{path}")))
        }
    };
    Ok(format!("{scheme}://{authority}{resource}"))
}

/// A server that redirects writes `http` as often as `ws`: the handshake is a request of HTTP.
fn web_socket_scheme(scheme: &str) -> Option<&'static str> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("ws") || is("http") {
        Some("ws")
    } else if is("wss") || is("https") {
        Some("wss")
    } else {
        None
    }
}

fn split_at_first<'a>(text: &'a str, characters: &[char]) -> (&'a str, &'a str) {
    let end = text.find(characters).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// RFC 3986, 5.2.4, of a path that is empty or begins with a slash.
fn remove_dot_segments(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    // Whether the path ends with the slash that a removed segment leaves.
    let mut ends_with_slash = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        ends_with_slash = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    if ends_with_slash {
        segments.push("");
    }
    format!("/{}", segments.join("/"))
}

/// A redirect that is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// The server redirects again, and this is the limit.
    TooMany {
        /// The redirects that were followed.
        max: u32,
    },
    /// It leads from `wss` to `ws`.
    Downgrade,
    /// There are several `Location` headers.
    LocationRepeated,
    /// `Location` does not lead to the URI of a WebSocket. Offsets count in the whole URI.
    Location(UriError),
}

impl From<UriError> for RedirectError {
    fn from(error: UriError) -> Self {
        Self::Location(error)
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { max } => {
                write!(f, "the server redirects once more after {max} redirects")
            }
            Self::Downgrade => f.write_str("the server redirects from wss to ws, without TLS"),
            Self::LocationRepeated => {
                f.write_str("the redirect must have exactly one Location header")
            }
            Self::Location(error) => {
                write!(f, "the redirect's Location is not a valid URL: {error}")
            }
        }
    }
}

impl core::error::Error for RedirectError {}

#[cfg(test)]
mod tests;
