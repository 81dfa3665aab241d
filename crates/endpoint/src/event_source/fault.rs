//! The faults on the way to a stream or in it, classified by whose fault they are.

use std::fmt;
use std::io;

use http::HeaderName;
use tidings_sse::{InvalidField, LimitExceeded};

use crate::error::Error;

/// The error, where the [reason](crate::event_source::DisconnectCause::reason) alone does not
/// describe it.
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The caller's request cannot be made.
    Request(RequestFault),
    /// The server could not be reached: DNS, TCP, the proxy, TLS.
    Connect(Error),
    /// The server broke the rules of HTTP, or the transport broke.
    Http(Box<dyn std::error::Error + Send + Sync>),
    /// The server refused the request unseen, by `REFUSED_STREAM` or `GOAWAY` of HTTP/2
    /// (RFC 9113, 8.7), or the connection ended before the request was sent.
    Unprocessed(Box<dyn std::error::Error + Send + Sync>),
    /// The function that makes the request of each attempt failed.
    NotMade(Box<dyn std::error::Error + Send + Sync>),
    /// The server redirects to where this client does not go.
    Redirect(RedirectFault),
    /// The content coding is unknown, or its data is corrupt.
    Coding(CodingError),
}

/// The fault in the caller's request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestFault {
    /// It is not a valid URL.
    Url(String),
    /// The URL is not of `http` or `https`.
    Scheme(String),
    /// There are user and password in the URL, where they end up in logs.
    CredentialsInUrl,
    /// This is not a valid header name; shown escaped.
    HeaderName(String),
    /// The value of this header cannot be sent.
    HeaderValue(HeaderName),
    /// This header is made by the client itself.
    OwnHeader(HeaderName),
    /// It is not a valid event ID.
    LastEventId(InvalidField),
    /// The event ID is over its limit.
    LastEventIdTooLong(LimitExceeded),
}

/// The reason why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectFault {
    /// The response does not have exactly one `Location` header.
    Location,
    /// `Location` is not a valid URL; the text has the reason.
    Url(String),
    /// It leads to another scheme than `http` or `https`.
    Scheme(String),
    /// It leads from `https` to `http`.
    Downgrade,
    /// It contains a user or password.
    Credentials,
}

/// The fault in the content coding.
#[derive(Debug)]
#[non_exhaustive]
pub enum CodingError {
    /// A coding that was not asked for and is not known here; its name, escaped.
    Unknown(String),
    /// The data breaks the rules of the coding, or is cut.
    Corrupt(io::Error),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(fault) => fault.fmt(f),
            Self::Connect(error) => error.fmt(f),
            Self::Http(error) => write_chain(f, &**error),
            Self::Unprocessed(error) => {
                f.write_str("the server did not process the request: ")?;
                write_chain(f, &**error)
            }
            Self::NotMade(error) => {
                f.write_str("the request of this attempt could not be made: ")?;
                write_chain(f, &**error)
            }
            Self::Redirect(fault) => fault.fmt(f),
            Self::Coding(error) => error.fmt(f),
        }
    }
}

/// Errors that wrap others often say little at the top level.
fn write_chain(
    f: &mut fmt::Formatter<'_>,
    error: &(dyn std::error::Error + 'static),
) -> fmt::Result {
    fmt::Display::fmt(error, f)?;
    let mut source = error.source();
    while let Some(error) = source {
        write!(f, ": {error}")?;
        source = error.source();
    }
    Ok(())
}

/// The text shows the content of the variant, so the source is that of the inner error.
impl std::error::Error for StreamError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => error.source(),
            _ => None,
        }
    }
}

impl fmt::Display for RequestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => write!(f, "the URL: {error}"),
            Self::Scheme(scheme) => write!(f, "the URL's scheme is {scheme}, not http or https"),
            Self::CredentialsInUrl => f.write_str("put the credentials of the URL into a header"),
            Self::HeaderName(name) => {
                write!(f, "the header name \"{name}\" has a character that is not allowed there")
            }
            Self::HeaderValue(name) => {
                write!(
                    f,
                    "the value of the header {name} has a character that is not allowed there"
                )
            }
            Self::OwnHeader(name) => {
                write!(f, "the header {name} is made by the client, and cannot be set")
            }
            Self::LastEventId(error) => write!(f, "the last event ID: {error}"),
            Self::LastEventIdTooLong(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RequestFault {}

impl fmt::Display for RedirectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Location => f.write_str("the redirect must have exactly one Location header"),
            Self::Url(error) => write!(f, "the redirect's Location is not a valid URL: {error}"),
            Self::Scheme(scheme) => {
                write!(
                    f,
                    "the redirect leads to the scheme {}, not http or https",
                    scheme.escape_default()
                )
            }
            Self::Downgrade => f.write_str("the redirect leads from https to http, without TLS"),
            Self::Credentials => f.write_str("the redirect's Location has credentials"),
        }
    }
}

impl std::error::Error for RedirectFault {}

impl fmt::Display for CodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(coding) => {
                write!(
                    f,
                    "the server chose the content coding \"{coding}\", which was not asked for"
                )?;
                if cfg!(not(feature = "gzip")) {
                    f.write_str(" (gzip needs the feature `gzip`)")?;
                }
                Ok(())
            }
            Self::Corrupt(error) => write!(f, "the compressed stream is corrupt: {error}"),
        }
    }
}

impl std::error::Error for CodingError {}
