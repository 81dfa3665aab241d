//! The web pages that may connect (RFC 6455, sections 4.2.2 item 4 and 10.2): [`OriginPolicy`].
//!
//! A browser opens a WebSocket to any host for any page, with the user's cookies, and leaves it to
//! the server to check `Origin`. Origins are compared in parts, never as strings.

use core::fmt;

use crate::authority::{Authority, AuthorityError};
use crate::server::forwarded::Forwarded;
use crate::uri::{default_port, split_scheme};

/// The policy for a request that has no `Origin`. It does not come from a browser (RFC 6455,
/// 4.2.1), so it was not made by a page, but its author is unknown too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingOrigin {
    /// Admits programs. Right where something else identifies them, or all may connect.
    Accept,
    /// Admits only browsers.
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
///   [`OriginPolicy::or_null`] admits it. Apps have their own origins, such as `file://` or
///   `capacitor://localhost`, which an [`OriginPattern`] admits.
/// - Behind a proxy that does not pass on the `Host` of the browser, see
///   [`OriginPolicy::behind_proxy`].
/// - A value that is not an origin (with a path, user information, several origins in one) is refused.
#[derive(Clone, Copy, Debug)]
pub struct OriginPolicy<'a> {
    any: bool,
    same_origin: bool,
    patterns: &'a [OriginPattern<'a>],
    null: bool,
    missing: MissingOrigin,
    behind_proxy: bool,
    any_transport: bool,
}

impl<'a> OriginPolicy<'a> {
    /// Admits pages of the host and port that the request names, over the same kind of transport.
    #[must_use]
    pub const fn same_origin(missing: MissingOrigin) -> Self {
        Self { same_origin: true, ..Self::from_list(&[], missing) }
    }

    /// Admits pages whose origin matches one of the patterns.
    #[must_use]
    pub const fn from_list(patterns: &'a [OriginPattern<'a>], missing: MissingOrigin) -> Self {
        Self {
            any: false,
            same_origin: false,
            patterns,
            null: false,
            missing,
            behind_proxy: false,
            any_transport: false,
        }
    }

    /// Admits every page and every program. Right only for public data, where neither a cookie nor
    /// an address grants access.
    #[must_use]
    pub const fn any() -> Self {
        Self { any: true, null: true, ..Self::from_list(&[], MissingOrigin::Accept) }
    }

    /// Also admits origins that match these patterns. It replaces earlier patterns.
    #[must_use]
    pub const fn or_from(mut self, patterns: &'a [OriginPattern<'a>]) -> Self {
        self.patterns = patterns;
        self
    }

    /// Also admits the opaque origin `null`. Any page can obtain it, by a sandboxed frame.
    #[must_use]
    pub const fn or_null(mut self) -> Self {
        self.null = true;
        self
    }

    /// Trusts the proxy in front of this server to report the host that the browser asked for:
    /// pages of the host that `Forwarded` (RFC 7239) or `X-Forwarded-Host` names are of the same
    /// origin too, over the scheme in its `proto` or `X-Forwarded-Proto`. A port may come as
    /// `X-Forwarded-Port`.
    ///
    /// Right if all connections come through a proxy that sets these headers itself; otherwise any
    /// program can write them. A page cannot: a browser lets it add no header to a handshake.
    ///
    /// [`ServerRequest::check_origin`](crate::ServerRequest::check_origin) looks at them.
    ///
    /// ```
    /// # fn decide<'r>(request: &tidings_handshake::ServerRequest<'r>) -> tidings_handshake::Decision<'r> {
    /// use tidings_handshake::{MissingOrigin, OriginPolicy};
    ///
    /// const POLICY: OriginPolicy<'static> =
    ///     OriginPolicy::same_origin(MissingOrigin::Accept).behind_proxy();
    /// request.check_origin(&POLICY, true)?;
    /// Ok(request.accept())
    /// # }
    /// ```
    #[must_use]
    pub const fn behind_proxy(mut self) -> Self {
        self.behind_proxy = true;
        self
    }

    /// Compares hosts over `http` and over `https`, for a server that does not know whether the
    /// browser came over TLS.
    #[must_use]
    pub const fn over_any_transport(mut self) -> Self {
        self.any_transport = true;
        self
    }

    /// Decides on one request.
    ///
    /// `origin` is the header's value, `host` the host that the request names, and `secure` says
    /// whether the browser used TLS, which behind a proxy only the caller knows.
    ///
    /// # Errors
    ///
    /// The origin is not accepted. The answer is 403 (RFC 6455, 4.2.2 item 4).
    pub fn check<'o>(
        &self,
        origin: Option<&'o str>,
        host: &Authority<'o>,
        secure: bool,
    ) -> Result<(), OriginError<'o>> {
        self.check_forwarded(origin, host, secure, Forwarded::default)
    }

    /// Decides on one request, for which a proxy may have reported more.
    pub(crate) fn check_forwarded<'o>(
        &self,
        origin: Option<&'o str>,
        host: &Authority<'o>,
        secure: bool,
        forwarded: impl FnOnce() -> Forwarded<'o>,
    ) -> Result<(), OriginError<'o>> {
        if self.any {
            return Ok(());
        }
        let Some(origin) = origin else {
            return match self.missing {
                MissingOrigin::Accept => Ok(()),
                MissingOrigin::Refuse => Err(OriginError::Missing),
            };
        };
        let parts = match Origin::parse(origin)? {
            Origin::Null if self.null => return Ok(()),
            Origin::Null => return Err(OriginError::Null),
            Origin::Tuple(parts) => parts,
        };
        if self.patterns.iter().any(|pattern| pattern.matches(&parts)) {
            return Ok(());
        }
        if !self.same_origin {
            return Err(OriginError::NotAccepted { origin, own: None });
        }
        let secure = Some(secure).filter(|_| !self.any_transport);
        let forwarded = if self.behind_proxy { forwarded() } else { Forwarded::default() };
        let own = OwnOrigin { host: *host, secure, is_forwarded: false };
        let by_proxy = forwarded.is_some().then(|| OwnOrigin {
            host: forwarded.host.unwrap_or(*host),
            secure: forwarded.secure.or(secure),
            is_forwarded: true,
        });
        // The port that a proxy reports with the host may be the browser's, or that of a proxy
        // after it.
        let with_port = by_proxy.filter(|_| forwarded.host.is_some()).map(|by_proxy| {
            let host = by_proxy.host.or_port(forwarded.port);
            OwnOrigin { host, ..by_proxy }
        });
        if [Some(own), by_proxy, with_port].iter().flatten().any(|own| parts.is_same(own)) {
            return Ok(());
        }
        Err(OriginError::NotAccepted { origin, own: with_port.or(by_proxy).or(Some(own)) })
    }
}

/// The origin of the pages of a server: as given by a request, or by the proxy that has passed it
/// on.
#[derive(Clone, Copy, Debug)]
pub struct OwnOrigin<'a> {
    host: Authority<'a>,
    /// `None`: over TLS or not.
    secure: Option<bool>,
    is_forwarded: bool,
}

impl<'a> OwnOrigin<'a> {
    /// The host and port that the browser asked for.
    #[must_use]
    pub const fn host(&self) -> Authority<'a> {
        self.host
    }

    /// Returns whether it comes from a [trusted proxy](OriginPolicy::behind_proxy), and not from
    /// `Host`.
    #[must_use]
    pub const fn is_forwarded(&self) -> bool {
        self.is_forwarded
    }
}

impl PartialEq for OwnOrigin<'_> {
    fn eq(&self, other: &Self) -> bool {
        let all = |own: &Self| (own.host.parts(), own.secure, own.is_forwarded);
        all(self) == all(other)
    }
}

impl Eq for OwnOrigin<'_> {}

impl fmt::Display for OwnOrigin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.secure {
            Some(true) => "https://",
            Some(false) => "http://",
            None => "",
        })?;
        write!(f, "{}", Short(&self.host))
    }
}

/// The part of a host or an origin that is shown: a name has at most 253 characters, an attack has
/// more.
struct Short<T>(T);

const MAX_SHOWN_LEN: usize = 120;

impl<T: fmt::Display> fmt::Display for Short<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Cut<'f, 'b> {
            f: &'f mut fmt::Formatter<'b>,
            left: usize,
        }
        impl fmt::Write for Cut<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                if self.left == 0 {
                    return Ok(());
                }
                // The text is ASCII, in which every place is one to cut at.
                let shown = text.get(..self.left).unwrap_or(text);
                self.left = self.left.saturating_sub(shown.len());
                self.f.write_str(shown)?;
                if shown.len() < text.len() { self.f.write_str("...") } else { Ok(()) }
            }
        }
        fmt::write(&mut Cut { f, left: MAX_SHOWN_LEN }, format_args!("{}", self.0))
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
    /// Missing in `file://`.
    authority: Option<Authority<'a>>,
}

impl<'a> Origin<'a> {
    /// A list of several origins, which RFC 6454 once foresaw, is not an origin here.
    pub(crate) fn parse(text: &'a str) -> Result<Self, OriginError<'a>> {
        if text == "null" {
            return Ok(Self::Null);
        }
        let (scheme, authority) = split_scheme(text).ok_or(OriginError::Malformed)?;
        if !is_scheme(scheme) {
            return Err(OriginError::Malformed);
        }
        // Everything after the scheme is the authority: a path or a query is refused with it.
        let authority = parse_authority(scheme, authority).map_err(|_| OriginError::Malformed)?;
        Ok(Self::Tuple(TupleOrigin { scheme, authority }))
    }
}

impl TupleOrigin<'_> {
    fn port(&self) -> Option<u16> {
        self.authority.and_then(|host| host.port()).or_else(|| scheme_port(self.scheme))
    }

    /// RFC 6454, 5, with the host and port that the browser asked for.
    fn is_same(&self, own: &OwnOrigin<'_>) -> bool {
        let Some(authority) = &self.authority else { return false };
        [("http", false), ("https", true)].into_iter().any(|(scheme, secure)| {
            own.secure.is_none_or(|own| own == secure)
                && self.scheme.eq_ignore_ascii_case(scheme)
                && authority.is_same_host(&own.host)
                && self.port() == own.host.port().or(Some(default_port(secure)))
        })
    }
}

/// The host and port of an origin. Apps and local files may have none, the web always has.
fn parse_authority<'a>(
    scheme: &str,
    authority: &'a str,
) -> Result<Option<Authority<'a>>, AuthorityError> {
    if authority.is_empty() && scheme_port(scheme).is_none() {
        return Ok(None);
    }
    Authority::parse(authority).map(Some)
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
/// - other schemes too, such as `chrome-extension://...`, `capacitor://localhost` or `file://`,
///   which has no host. The origin `null` is not one of them: see [`OriginPolicy::or_null`].
#[derive(Clone, Copy, Debug)]
pub struct OriginPattern<'a> {
    scheme: &'a str,
    subdomains: bool,
    /// Missing in `file://`.
    authority: Option<Authority<'a>>,
    any_port: bool,
}

impl<'a> OriginPattern<'a> {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// The text is not `scheme://host`, `scheme://*.host`, or either with a port or `:*`. A star
    /// anywhere else is refused, since its effect would be surprising.
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
        let authority = match subdomains || any_port {
            true => Some(Authority::parse(rest)?),
            false => parse_authority(scheme, rest)?,
        };
        if subdomains && authority.is_some_and(|authority| authority.is_ipv6()) {
            return Err(OriginPatternError::Star);
        }
        if any_port && authority.is_some_and(|authority| authority.port().is_some()) {
            return Err(OriginPatternError::Star);
        }
        Ok(Self { scheme, subdomains, authority, any_port })
    }

    fn matches(&self, origin: &TupleOrigin<'_>) -> bool {
        let Self { scheme, authority, .. } = *self;
        let port = TupleOrigin { scheme, authority }.port();
        self.scheme.eq_ignore_ascii_case(origin.scheme)
            && (self.any_port || port == origin.port())
            && match (&self.authority, &origin.authority) {
                (Some(own), Some(other)) if self.subdomains => {
                    is_subdomain(other.host(), own.host())
                }
                (Some(own), Some(other)) => own.is_same_host(other),
                (own, other) => own.is_none() && other.is_none(),
            }
    }
}

/// Returns whether the host is one or more labels, a dot, and the domain.
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
pub enum OriginError<'a> {
    /// There is no `Origin` header and the policy requires one.
    Missing,
    /// The origin is `null`.
    Null,
    /// The value is not one origin.
    Malformed,
    /// The origin is well-formed but not among those accepted.
    NotAccepted {
        /// The `Origin` of the request.
        origin: &'a str,
        /// The origin that it was compared with, if pages of the same origin are accepted.
        own: Option<OwnOrigin<'a>>,
    },
}

impl fmt::Display for OriginError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the request has no Origin header"),
            Self::Null => f.write_str("the opaque origin null is not accepted"),
            Self::Malformed => f.write_str("the Origin header is not one origin"),
            Self::NotAccepted { origin, own: None } => {
                write!(f, "the origin {} is not accepted", Short(origin))
            }
            Self::NotAccepted { origin, own: Some(own) } => {
                let from = if own.is_forwarded { "its proxy" } else { "Host" };
                let origin = Short(origin);
                write!(f, "the origin {origin} is not that of the request, {own} by {from}")
            }
        }
    }
}

impl core::error::Error for OriginError<'_> {}

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
