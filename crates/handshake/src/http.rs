//! The same checks over the types of the `http` crate, for hyper, axum and their kin.

use core::fmt::{self, Display};
use std::string::{String, ToString as _};

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};

use crate::client::request::ClientRequest;
use crate::client::response::{Response, StatusLine};
use crate::client::response_error::ResponseError;
use crate::headers::Headers;
use crate::server::acceptance::Acceptance;
use crate::server::rejection::Rejection;
use crate::server::request::{HttpVersion, RequestLine, ServerRequest};
use crate::server::request_error::RequestError;

impl<'a> ServerRequest<'a> {
    /// Checks a request that hyper or another stack of the `http` crate has read.
    ///
    /// `protocol` is the `:protocol` pseudo-header of a request over HTTP/2, which hyper keeps as
    /// an extension of type `hyper::ext::Protocol`. Over HTTP/1.1 it is `None`.
    ///
    /// ```
    /// use tidings_handshake::{Rejection, ServerRequest};
    ///
    /// fn upgrade(request: &http::Request<()>) -> http::Response<String> {
    ///     match ServerRequest::from_http(request, None) {
    ///         Ok(handshake) => handshake.accept().to_http().map(|()| String::new()),
    ///         Err(error) => Rejection::from(error).to_http(request.version()),
    ///     }
    /// }
    /// # assert_eq!(upgrade(&http::Request::new(())).status(), 400);
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`ServerRequest::parse`].
    pub fn from_http<B>(
        request: &'a Request<B>,
        protocol: Option<&'a str>,
    ) -> Result<Self, RequestError> {
        let uri = request.uri();
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let target = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        let method = request.method().as_str();
        let line = match http1_version(request.version()) {
            Some(version) => RequestLine::Http1 { method, version, authority, target },
            None => RequestLine::Http2 {
                method,
                protocol,
                scheme: uri.scheme_str(),
                authority,
                path: target,
            },
        };
        Self::check(line, Headers::from(request.headers()))
    }
}

impl Acceptance<'_> {
    /// The response for hyper or another stack of the `http` crate: 101, or 200 over HTTP/2.
    #[must_use]
    pub fn to_http(&self) -> http::Response<()> {
        let mut response = http::Response::new(());
        set_status(&mut response, self.status());
        match self.status() {
            101 => {}
            _ => *response.version_mut() = Version::HTTP_2,
        }
        let headers = response.headers_mut();
        let appended = self.try_for_each_header(|name, value| append(headers, name, value));
        debug_assert!(appended.is_ok(), "each line is checked");
        response
    }
}

impl Rejection<'_> {
    /// The response for hyper or another stack of the `http` crate.
    #[must_use]
    pub fn to_http(&self, version: Version) -> http::Response<String> {
        let mut response = http::Response::new(self.body().to_string());
        set_status(&mut response, self.status());
        *response.version_mut() = version;
        let headers = response.headers_mut();
        let appended = self.try_for_each_header(|name, value| append(headers, name, value));
        debug_assert!(appended.is_ok(), "each line is checked");
        // RFC 9113, 8.2.2
        if http1_version(version).is_none() {
            headers.remove(http::header::CONNECTION);
            headers.remove(http::header::UPGRADE);
        }
        response
    }
}

impl ClientRequest<'_> {
    /// The request over HTTP/1.1, with its target as a path.
    #[must_use]
    pub fn to_http(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = uri(&self.uri().resource_name());
        let headers = request.headers_mut();
        let appended = self.try_for_each_header(|name, value| append(headers, name, value));
        debug_assert!(appended.is_ok(), "each line is checked");
        request
    }

    /// The request over HTTP/2: an extended CONNECT (RFC 8441). The `http` crate has no place for
    /// `:protocol`, so the caller adds it as its stack wants, to hyper by
    /// `request.extensions_mut().insert(hyper::ext::Protocol::from_static("websocket"))`.
    #[must_use]
    pub fn to_http2(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.version_mut() = Version::HTTP_2;
        // RFC 8441, 5: https stands for wss and http for ws.
        let scheme = if self.uri().is_secure() { "https" } else { "http" };
        let (authority, resource_name) = (self.authority(), self.uri().resource_name());
        *request.uri_mut() = uri(&format_args!("{scheme}://{authority}{resource_name}"));
        let headers = request.headers_mut();
        let appended = self.try_for_each_http2_header(|name, value| append(headers, name, value));
        debug_assert!(appended.is_ok(), "each line is checked");
        request
    }

    /// Checks a response that hyper or another stack of the `http` crate has read.
    ///
    /// # Errors
    ///
    /// Like [`ClientRequest::parse_response`].
    pub fn check_http<'r, B>(
        &self,
        response: &'r http::Response<B>,
    ) -> Result<Response<'r>, ResponseError> {
        let status = response.status().as_u16();
        let line = match http1_version(response.version()) {
            Some(version) => StatusLine::Http1 { version, status, reason: "" },
            None => StatusLine::Http2 { status },
        };
        self.check_response(line, Headers::from(response.headers()))
    }
}

/// The version, unless it is HTTP/2 or later.
fn http1_version(version: Version) -> Option<HttpVersion> {
    match version {
        Version::HTTP_09 | Version::HTTP_10 => Some(HttpVersion::Http10),
        Version::HTTP_11 => Some(HttpVersion::Http11),
        _ => None,
    }
}

fn set_status<B>(response: &mut http::Response<B>, status: u16) {
    let status = StatusCode::from_u16(status);
    debug_assert!(status.is_ok(), "every status that this crate writes is from 101 to 599");
    if let Ok(status) = status {
        *response.status_mut() = status;
    }
}

fn append(headers: &mut HeaderMap, name: &str, value: &dyn Display) -> fmt::Result {
    // Names and values have been checked against the same grammar, so neither conversion fails.
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fmt::Error)?;
    let value = HeaderValue::try_from(value.to_string()).map_err(|_| fmt::Error)?;
    headers.append(name, value);
    Ok(())
}

/// A URI that has been checked against the same grammar, so that the conversion does not fail.
fn uri(text: &dyn Display) -> Uri {
    let uri = Uri::try_from(text.to_string());
    debug_assert!(uri.is_ok(), "it is checked");
    uri.unwrap_or_default()
}
