//! Which web pages may connect (RFC 6455, sections 4.2.2 item 4 and 10.2): [`OriginPolicy`].
//!
//! A browser opens a WebSocket to any host for any page, with the user's cookies, and leaves it to
//! the server to look at `Origin`. Origins are compared in parts, never as strings.

use core::fmt;

use crate::authority::{Authority, AuthorityError};
use crate::uri::{default_port, split_scheme};

/// What to do with a request that has no `Origin`: it does not come from a browser
/// (RFC 6455, 4.2.1), so it was not made by a page, but neither is it known who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingOrigin {
    /// Let programs in. Right where something else tells who they are, or all may come.
    Accept,
    /// Let only browsers in.
    Refuse,
}

/// The origins that a server accepts.
///
/// ```
/// use tidings_handshake::{Authority, MissingOrigin, OriginPattern, OriginPolicy};
///
/// let partners = [OriginPattern::parse("https://*.example.com")?];
/// let policy = OriginPolicy::same_origin(MissingOrigin::Accept).or_from(&partners);
///
/// let host = Authority::parse("chat.example.net")?;
/// let check = |origin| policy.check(origin, &host, true);
/// assert!(check(Some("https://chat.example.net")).is_ok());
/// assert!(check(Some("https://www.example.com")).is_ok());
/// assert!(check(Some("https://evilexample.com")).is_err());
/// assert!(check(Some("null")).is_err());
/// assert!(check(None).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// - Schemes and hosts are compared in any case, a default port equals no port, IPv6 addresses are
///   compared by value.
/// - A trailing dot counts, as it does for browsers: `https://example.com.` is not
///   `https://example.com`.
/// - `null`, which a sandboxed frame or a local file sends, is refused unless
///   [`OriginPolicy::or_null`] lets it in.
/// - A value that is not an origin (with a path, user information, several origins in one) is refused.
#[derive(Clone, Copy, Debug)]
pub struct OriginPolicy<'a> {
    any: bool,
    same_origin: bool,
    patterns: &'a [OriginPattern<'a>],
    null: bool,
    missing: MissingOrigin,
}

impl<'a> OriginPolicy<'a> {
    /// Pages of the host and port that the request names, over the same kind of transport.
    #[must_use]
    pub const fn same_origin(missing: MissingOrigin) -> Self {
        Self { any: false, same_origin: true, patterns: &[], null: false, missing }
    }

    /// Pages whose origin one of the patterns matches.
    #[must_use]
    pub const fn from_list(patterns: &'a [OriginPattern<'a>], missing: MissingOrigin) -> Self {
        Self { any: false, same_origin: false, patterns, null: false, missing }
    }

    /// Every page, and every program. Right only for data that is public and where no cookie and
    /// no address gives a right.
    #[must_use]
    pub const fn any() -> Self {
        Self {
            any: true,
            same_origin: false,
            patterns: &[],
            null: true,
            missing: MissingOrigin::Accept,
        }
    }

    /// These patterns too, in place of those given before.
    #[must_use]
    pub const fn or_from(mut self, patterns: &'a [OriginPattern<'a>]) -> Self {
        self.patterns = patterns;
        self
    }

    /// The opaque origin `null` too. Any page can obtain it, by a sandboxed frame.
    #[must_use]
    pub const fn or_null(mut self) -> Self {
        self.null = true;
        self
    }

    /// Decides on one request.
    ///
    /// `origin` is the header's value, `host` what the request names as its host, and `secure`
    /// tells whether the browser came over TLS, which behind a proxy only the caller knows.
    ///
    /// # Errors
    ///
    /// The origin is not accepted. The answer is 403 (RFC 6455, 4.2.2 item 4).
    pub fn check(
        &self,
        origin: Option<&str>,
        host: &Authority<'_>,
        secure: bool,
    ) -> Result<(), OriginError> {
        if self.any {
            return Ok(());
        }
        let Some(origin) = origin else {
            return match self.missing {
                MissingOrigin::Accept => Ok(()),
                MissingOrigin::Refuse => Err(OriginError::Missing),
            };
        };
        let accepted = match Origin::parse(origin)? {
            Origin::Null if self.null => true,
            Origin::Null => return Err(OriginError::Null),
            Origin::Tuple(origin) => {
                (self.same_origin && origin.is_same(host, secure))
                    || self.patterns.iter().any(|pattern| pattern.matches(&origin))
            }
        };
        if accepted { Ok(()) } else { Err(OriginError::NotAccepted) }
    }
}

/// The value of an `Origin` header (RFC 6454, 7), in parts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    Null,
    Tuple(TupleOrigin<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TupleOrigin<'a> {
    scheme: &'a str,
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    /// A list of several origins, which RFC 6454 once foresaw, is not an origin here.
    pub(crate) fn parse(text: &'a str) -> Result<Self, OriginError> {
        if text == "null" {
            return Ok(Self::Null);
        }
        let (scheme, authority) = split_scheme(text).ok_or(OriginError::Malformed)?;
        if !is_scheme(scheme) {
            return Err(OriginError::Malformed);
        }
        // What follows the scheme is all authority: a path or a query is refused with it.
        let authority = Authority::parse(authority)?;
        Ok(Self::Tuple(TupleOrigin { scheme, authority }))
    }
}

impl TupleOrigin<'_> {
    fn port(&self) -> Option<u16> {
        self.authority.port().or_else(|| scheme_port(self.scheme))
    }

    /// RFC 6454, 5, with the host and port that the request names.
    fn is_same(&self, host: &Authority<'_>, secure: bool) -> bool {
        let scheme = if secure { "https" } else { "http" };
        self.scheme.eq_ignore_ascii_case(scheme)
            && self.authority.is_same_host(host)
            && self.port() == host.port().or(Some(default_port(secure)))
    }
}

/// RFC 3986, 3.1.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn scheme_port(scheme: &str) -> Option<u16> {
    let is = |name| scheme.eq_ignore_ascii_case(name);
    if is("http") || is("ws") {
        Some(80)
    } else if is("https") || is("wss") {
        Some(443)
    } else {
        None
    }
}

/// One origin of an allow-list, or a family of them.
///
/// - `https://example.com`: that origin;
/// - `https://*.example.com`: its subdomains at any depth, but not `https://example.com` itself;
/// - `http://localhost:*`: any port;
/// - other schemes too, such as `chrome-extension://...` or `tauri://localhost`.
#[derive(Clone, Copy, Debug)]
pub struct OriginPattern<'a> {
    scheme: &'a str,
    subdomains: bool,
    authority: Authority<'a>,
    any_port: bool,
}

impl<'a> OriginPattern<'a> {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// The text is not `scheme://host`, `scheme://*.host`, or either with a port or `:*`. A star
    /// anywhere else is refused, since it would not do what it seems to.
    pub fn parse(text: &'a str) -> Result<Self, OriginPatternError> {
        let (scheme, rest) = split_scheme(text).ok_or(OriginPatternError::Scheme)?;
        if !is_scheme(scheme) {
            return Err(OriginPatternError::Scheme);
        }
        let (rest, subdomains) =
            rest.strip_prefix("*.").map_or((rest, false), |domain| (domain, true));
        let (rest, any_port) = rest.strip_suffix(":*").map_or((rest, false), |host| (host, true));
        if rest.contains('*') {
            return Err(OriginPatternError::Star);
        }
        let authority = Authority::parse(rest)?;
        if subdomains && authority.is_ipv6() {
            return Err(OriginPatternError::Star);
        }
        if any_port && authority.port().is_some() {
            return Err(OriginPatternError::Star);
        }
        Ok(Self { scheme, subdomains, authority, any_port })
    }

    fn matches(&self, origin: &TupleOrigin<'_>) -> bool {
        let port = self.authority.port().or_else(|| scheme_port(self.scheme));
        self.scheme.eq_ignore_ascii_case(origin.scheme)
            && (self.any_port || port == origin.port())
            && if self.subdomains {
                is_subdomain(origin.authority.host(), self.authority.host())
            } else {
                self.authority.is_same_host(&origin.authority)
            }
    }
}

/// Whether the host is one or more labels, a dot, and the domain.
fn is_subdomain(host: &str, domain: &str) -> bool {
    let at = host.len().checked_sub(domain.len());
    at.and_then(|at| host.split_at_checked(at)).is_some_and(|(labels, end)| {
        end.eq_ignore_ascii_case(domain)
            && labels.strip_suffix('.').is_some_and(|labels| labels.split('.').all(is_label))
    })
}

/// A label as the DNS has them, with the underscore that is in use.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The origin is not accepted: the peer's fault, answered with 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// There is no `Origin` header and the policy asks for one.
    Missing,
    /// The origin is `null`.
    Null,
    /// The value is not one origin.
    Malformed,
    /// The origin is well-formed but not among those accepted.
    NotAccepted,
}

impl From<AuthorityError> for OriginError {
    fn from(_: AuthorityError) -> Self {
        Self::Malformed
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the request has no Origin header",
            Self::Null => "the opaque origin is not accepted",
            Self::Malformed => "the Origin header is not one origin",
            Self::NotAccepted => "the origin is not accepted",
        })
    }
}

impl core::error::Error for OriginError {}

/// The caller's text is not an [`OriginPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPatternError {
    /// The pattern does not begin with a scheme and `://`.
    Scheme,
    /// A star stands where it has no meaning.
    Star,
    /// The host or port is wrong. Offsets count from after the scheme and the `*.`.
    Authority(AuthorityError),
}

impl From<AuthorityError> for OriginPatternError {
    fn from(error: AuthorityError) -> Self {
        Self::Authority(error)
    }
}

impl fmt::Display for OriginPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("the pattern does not begin with a scheme and ://"),
            Self::Star => f.write_str(
                "a star may stand for all labels before a domain, or for the port, only",
            ),
            Self::Authority(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OriginPatternError {}

#[cfg(test)]
mod tests;
