//! One attempt's request, wherever redirects take it: [`RedirectableRequest`].

use std::fmt;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use tidings_handshake::Proxy;
use tidings_sse::event_source::Response;
use url::{Position, Url};

use super::fault::{RedirectFault, RequestFault, StreamError};
use super::request::{EventSourceRequest, LAST_EVENT_ID};
use crate::opening::{forwarding_refusal, retry_after};

/// The headers that are also sent to another origin. Any other may be a credential under a special
/// name, such as `X-Api-Key`. The position in a stream belongs to the stream, not to one server: as
/// in a browser, `Last-Event-ID` is sent.
const HEADERS_FOR_ALL: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_TYPE,
    header::USER_AGENT,
    LAST_EVENT_ID,
];

/// The request of one attempt. Each attempt begins with a new one: WHATWG HTML, 9.2.3, has a client
/// fetch the *original* request again.
#[derive(Clone)]
pub struct RedirectableRequest {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl RedirectableRequest {
    /// Creates the original request. `last_event_id` and `resumes_by_get` come from the
    /// [`Attempt`](tidings_sse::event_source::Attempt).
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(
        request: &EventSourceRequest,
        last_event_id: Option<&[u8]>,
        resumes_by_get: bool,
    ) -> Result<Self, RequestFault> {
        let url = request.url()?;
        let (method, callers, body) = request.parts();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            // WHATWG HTML, 9.2.2: "Accept" and the cache mode "no-store", which is this header.
            (header::ACCEPT, "text/event-stream"),
            (header::CACHE_CONTROL, "no-cache"),
            // A coding holds events back in its window.
            (header::ACCEPT_ENCODING, "identity"),
        ] {
            if !callers.contains_key(&name) {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        headers.extend(callers.clone());
        // WHATWG HTML, 9.2.3: the UTF-8 bytes, and never an empty header.
        if let Some(id) = last_event_id {
            let value = HeaderValue::from_bytes(id);
            headers.insert(
                LAST_EVENT_ID,
                value.map_err(|_| RequestFault::HeaderValue(LAST_EVENT_ID))?,
            );
        }
        let mut request = Self { url, method: method.clone(), headers, body: body.clone() };
        if resumes_by_get {
            request.become_get();
        }
        Ok(request)
    }

    /// Returns the current URL of the request.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The way to the server, which is that of a WebSocket to the same host and port: the same
    /// name, proxy and TLS. A URI for
    /// [`ConnectOptions::http_route`](crate::opening::ConnectOptions::http_route).
    #[must_use]
    pub fn route(&self) -> String {
        let scheme = if self.url.scheme() == "https" { "wss" } else { "ws" };
        format!("{scheme}://{}/", self.authority())
    }

    /// The request in the form of HTTP/1.1 (RFC 9112, 3.2.1), with `Host`.
    #[must_use]
    pub fn http1(&self) -> Request<Bytes> {
        self.http1_through(None)
    }

    /// The same; to a proxy that passes it on, the target is the whole URI (RFC 9112, 3.2.2).
    #[must_use]
    pub fn http1_through(&self, proxy: Option<&Proxy>) -> Request<Bytes> {
        let mut request = match proxy {
            None => self.request(self.target()),
            Some(_) => self.request(&self.url[..Position::AfterQuery]),
        };
        let authorization = proxy.and_then(Proxy::authorization).map(HeaderValue::from_str);
        debug_assert!(!matches!(authorization, Some(Err(_))), "it is Base64");
        if let Some(Ok(mut authorization)) = authorization {
            authorization.set_sensitive(true);
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
        }
        let host = HeaderValue::from_str(&self.authority());
        debug_assert!(host.is_ok(), "the host of a URL is a value of this header");
        if let Ok(host) = host {
            request.headers_mut().insert(header::HOST, host);
        }
        request
    }

    /// Checks that a response is the server's, not the refusal of the proxy that was to pass the request
    /// on.
    ///
    /// # Errors
    /// It is the proxy's.
    pub fn check_forwarded(proxy: Option<&Proxy>, head: &Parts) -> Result<(), StreamError> {
        let refusal = proxy.and_then(|proxy| forwarding_refusal(proxy, head));
        refusal.map_or(Ok(()), |error| Err(StreamError::Connect(error)))
    }

    /// The request in the form of HTTP/2 (RFC 9113, 8.3.1), whose URI says all.
    #[must_use]
    pub fn http2(&self) -> Request<Bytes> {
        self.request(self.url.as_str())
    }

    /// Goes where an answer of status 301, 302, 303, 307 or 308 sends it, by the rules of fetch.
    ///
    /// # Errors
    /// It leads nowhere, or to where this client does not go.
    pub fn follow(&mut self, status: u16, answer: &HeaderMap) -> Result<(), RedirectFault> {
        let mut locations = answer.get_all(header::LOCATION).iter();
        let (Some(location), None) = (locations.next(), locations.next()) else {
            return Err(RedirectFault::Location);
        };
        let location = std::str::from_utf8(location.as_bytes())
            .map_err(|_| RedirectFault::Url("it is not UTF-8".to_owned()))?;
        let mut target =
            self.url.join(location).map_err(|error| RedirectFault::Url(error.to_string()))?;
        target.set_fragment(None);
        fits_request(&target).map_err(RedirectFault::Url)?;
        match (self.url.scheme(), target.scheme()) {
            ("https", "http") => return Err(RedirectFault::Downgrade),
            (_, "http" | "https") => {}
            (_, other) => return Err(RedirectFault::Scheme(other.to_owned())),
        }
        if !target.username().is_empty() || target.password().is_some() {
            return Err(RedirectFault::Credentials);
        }
        // Fetch, 4.4 "HTTP-redirect fetch", item 12.
        let becomes_get = match status {
            301 | 302 => self.method == Method::POST,
            303 => self.method != Method::GET && self.method != Method::HEAD,
            _ => false,
        };
        if becomes_get {
            self.become_get();
        }
        // E-022: credentials are not for another origin. A dropped header stays dropped.
        if target.origin() != self.url.origin() {
            let kept = |name: HeaderName| self.headers.remove(&name).map(|value| (name, value));
            self.headers = HEADERS_FOR_ALL.into_iter().filter_map(kept).collect();
        }
        self.url = target;
        Ok(())
    }

    /// Fetch, "request-body-header name": they go with the body.
    fn become_get(&mut self) {
        self.method = Method::GET;
        self.body = Bytes::new();
        for name in [
            header::CONTENT_ENCODING,
            header::CONTENT_LANGUAGE,
            header::CONTENT_LOCATION,
            header::CONTENT_TYPE,
        ] {
            self.headers.remove(name);
        }
    }

    /// Path and query; a URL of `http` has at least a slash.
    fn target(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// Host, and port unless it is the scheme's.
    fn authority(&self) -> String {
        self.url[Position::BeforeHost..Position::AfterPort].to_owned()
    }

    fn request(&self, uri: &str) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        let uri = uri.parse();
        debug_assert!(uri.is_ok(), "`fits_request` has parsed it");
        *request.uri_mut() = uri.unwrap_or_default();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl fmt::Debug for RedirectableRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("RedirectableRequest")
            .field("url", &self.url())
            .field("method", &self.method)
            .field("headers", &headers)
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// Checks whether a request can be written with this URL: some are too long.
pub(super) fn fits_request(url: &Url) -> Result<(), String> {
    url.as_str().parse::<Uri>().map(drop).map_err(|error| error.to_string())
}

/// Returns the parts of the server's answer that matter to the machine.
#[must_use]
pub(super) fn response_of<'a>(
    status: StatusCode,
    headers: &HeaderMap,
    content_type: Option<&'a [u8]>,
    retry: Option<bool>,
) -> Response<'a> {
    Response {
        status: status.as_u16(),
        content_type,
        retry_after: headers
            .get(header::RETRY_AFTER)
            .and_then(|value| retry_after(value.as_bytes())),
        has_location: headers.contains_key(header::LOCATION),
        retry,
    }
}

#[cfg(test)]
mod tests;
