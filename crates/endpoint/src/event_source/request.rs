//! The request of a client: [`EventSourceRequest`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tidings_sse::event_source::{Config, Repeat};
use tidings_sse::{Decoder, EventId, GrowableStorage, Limits};
use url::Url;

use super::fault::RequestFault;
use super::redirectable_request::fits_request;

/// A request for an event stream, and the options for its response.
///
/// By default it behaves like a browser's `EventSource`: GET, reconnect whenever the stream ends,
/// fail permanently on any answer but a stream. Everything else has to be requested.
///
/// ```
/// use std::time::Duration;
/// use tidings_endpoint::event_source::EventSourceRequest;
/// use tidings_endpoint::event_source::sse::event_source::Config;
///
/// // A client of a chat model: one request, one stream.
/// let request = EventSourceRequest::post("http://127.0.0.1:9/v1/messages", r#"{"stream":true}"#)
///     .header("content-type", "application/json")
///     .header("authorization", "Bearer 12345");
///
/// // A watcher that stays for ever, through restarts of the server.
/// let mut config = Config::client();
/// config.idle_timeout = Duration::from_secs(60);
/// let request = EventSourceRequest::get("http://127.0.0.1:9/events").config(config);
/// ```
///
/// An invalid request is reported when it is used, before anything is sent. Its `Debug` shows no
/// value of a header and nothing of the body.
#[derive(Clone)]
#[must_use = "a request does nothing by itself"]
pub struct EventSourceRequest {
    url: Result<Url, RequestFault>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    last_event_id: String,
    repeat: Option<Repeat>,
    resume_by_get: bool,
    retry_if: Option<RetryIf>,
    config: Config,
    limits: Limits,
    report_comments: bool,
    report_unknown_fields: bool,
    report_unfinished: bool,
    max_answer_len: usize,
    answer_timeout: Duration,
    fault: Option<RequestFault>,
}

type RetryIf = Arc<dyn Fn(StatusCode, &HeaderMap) -> bool + Send + Sync>;

/// The headers for the framing of the message or the position in the stream: they are created here.
const OWN_HEADERS: [HeaderName; 8] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    LAST_EVENT_ID,
];

/// WHATWG HTML, 9.2.4.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl EventSourceRequest {
    /// `GET` this `http` or `https` URL.
    pub fn get(url: impl AsRef<str>) -> Self {
        Self {
            url: parse(url.as_ref()),
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            last_event_id: String::new(),
            repeat: None,
            resume_by_get: false,
            retry_if: None,
            config: Config::event_source(),
            limits: Limits::DEFAULT,
            report_comments: false,
            report_unknown_fields: false,
            report_unfinished: false,
            max_answer_len: 1024 * 1024,
            answer_timeout: Duration::from_secs(10),
            fault: None,
        }
    }

    /// `POST` this body. It is sent once: see [`repeat`](Self::repeat). The head of the response
    /// must arrive within 30 s: for a server that needs longer, see
    /// [`response_timeout`](Self::response_timeout).
    pub fn post(url: impl AsRef<str>, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, body: body.into(), ..Self::get(url) }
    }

    /// Sets another method, such as `PUT`.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets a body; the method is unchanged.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header. It replaces our own header of this name (`Accept`, `Cache-Control`,
    /// `Accept-Encoding`).
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let parsed = match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) if OWN_HEADERS.contains(&name) => Err(RequestFault::OwnHeader(name)),
            Ok(name) => match HeaderValue::from_bytes(value.as_ref()) {
                Ok(value) => Ok((name, value)),
                Err(_) => Err(RequestFault::HeaderValue(name)),
            },
            Err(_) => Err(RequestFault::HeaderName(name.escape_default().to_string())),
        };
        match parsed {
            Ok((name, value)) => drop(self.headers.append(name, value)),
            Err(fault) => drop(self.fault.get_or_insert(fault)),
        }
        self
    }

    /// Resumes after this event: the first request already has `Last-Event-ID`.
    pub fn last_event_id(mut self, id: impl Into<String>) -> Self {
        self.last_event_id = id.into();
        self
    }

    /// Sets whether the request may be repeated: [`Repeat::Never`], or after any failure. After a
    /// stream that ended cleanly, only a `GET` is repeated.
    ///
    /// See [`repeat`](Self::repeat) for the choices in between.
    pub fn repeats(self, repeats: bool) -> Self {
        let repeat = match repeats {
            false => Repeat::Never,
            true if self.method == Method::GET => Repeat::Always,
            true => Repeat::UntilEnd,
        };
        self.repeat(repeat)
    }

    /// Sets when the request may be repeated. By default, a `GET` may be at any time, and any other
    /// method never: the server could do twice what was requested once.
    ///
    /// ```
    /// use tidings_endpoint::event_source::EventSourceRequest;
    /// use tidings_endpoint::event_source::sse::event_source::Repeat;
    ///
    /// // A server that is not there yet, or says by 429 or 503 when to come again, has done nothing.
    /// let request = EventSourceRequest::post("http://127.0.0.1:9/v1/messages", "{}")
    ///     .repeat(Repeat::Unprocessed);
    /// ```
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = Some(repeat);
        self
    }

    /// Resumes by a GET of the same URL: once a stream was open and gave an event ID, each further
    /// attempt has that method, no body, and `Last-Event-ID`, as in the Model Context Protocol.
    pub fn resume_by_get(mut self) -> Self {
        self.resume_by_get = true;
        self
    }

    /// Asks this function, for each response that is not a stream, whether to try again: by its
    /// status and headers. Without it, [`Config::retry_statuses`] decides. It does not allow more
    /// than [`repeat`](Self::repeat) does.
    ///
    /// ```
    /// use tidings_endpoint::event_source::EventSourceRequest;
    ///
    /// // The load balancer of this service answers 404, or a page, while there is no server.
    /// let request = EventSourceRequest::get("http://127.0.0.1:9/events")
    ///     .retry_if(|status, headers| {
    ///         status == 404 || headers.get("content-type").is_some_and(|value| value == "text/html")
    ///     });
    /// ```
    pub fn retry_if(
        mut self,
        retry_if: impl Fn(StatusCode, &HeaderMap) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.retry_if = Some(Arc::new(retry_if));
        self
    }

    /// The most that is read of the body of a response that is not a stream, see
    /// [`Answer`](super::Answer); 1 MiB without this. More is cut.
    pub fn max_answer_len(mut self, max_len: usize) -> Self {
        self.max_answer_len = max_len;
        self
    }

    /// Sets the time limit for the body of a response that is not a stream, from its head on; by
    /// default 10 s. The bytes received by then are the answer.
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// Treats the connection as lost after this much silence on an open stream; comments count as
    /// activity. It is [`Config::idle_timeout`], so call it after [`config`](Self::config).
    ///
    /// Without it, a `GET` as a browser makes it waits for ever on a connection that died without a
    /// word, such as one that a NAT forgot.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.config.idle_timeout = timeout;
        self
    }

    /// Sets the time limit for the head of the response, for a server that thinks before it
    /// answers. It is [`Config::response_timeout`], so call it after [`config`](Self::config).
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.config.response_timeout = timeout;
        self
    }

    /// Times, back-off, conditions for another attempt. [`Config::repeat`] is not taken from it,
    /// see [`repeat`](Self::repeat).
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the limits of a line and an event.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Also returns comments.
    pub fn report_comments(mut self) -> Self {
        self.report_comments = true;
        self
    }

    /// Also returns the lines whose field has no meaning in the standard, as
    /// [`ClientEvent::UnknownField`](super::ClientEvent::UnknownField).
    pub fn report_unknown_fields(mut self) -> Self {
        self.report_unknown_fields = true;
        self
    }

    /// Returns the event that was cut by the end of the stream, as
    /// [`ClientEvent::Unfinished`](super::ClientEvent::Unfinished): some servers do not end their
    /// last event with a blank line. By the standard it is dropped. With methods that return only
    /// events, such as `EventSource::event`, it is the last event, and then the end is reported,
    /// which is not a clean one.
    pub fn report_unfinished(mut self) -> Self {
        self.report_unfinished = true;
        self
    }

    /// Creates the machine that makes the decisions: WHATWG HTML, 9.2.
    ///
    /// # Errors
    /// The [last event ID](Self::last_event_id) is not a valid ID, or is longer than its limit.
    pub fn machine(&self) -> Result<tidings_sse::EventSource<GrowableStorage>, RequestFault> {
        let mut decoder = Decoder::with_limits(self.limits);
        if self.report_comments {
            decoder = decoder.report_comments();
        }
        if self.report_unknown_fields {
            decoder = decoder.report_unknown_fields();
        }
        let mut config = self.config;
        let is_get = self.method == Method::GET;
        config.repeat = self.repeat.unwrap_or(if is_get { Repeat::Always } else { Repeat::Never });
        config.resume_by_get |= self.resume_by_get;
        let mut machine = tidings_sse::EventSource::new(decoder, config);
        let id = EventId::new(&self.last_event_id).map_err(RequestFault::LastEventId)?;
        machine.set_last_event_id(id).map_err(RequestFault::LastEventIdTooLong)?;
        Ok(machine)
    }

    /// Returns the first URL.
    pub(super) fn url(&self) -> Result<Url, RequestFault> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => self.url.clone(),
        }
    }

    /// Returns whether to try again after a response that is not a stream, if the caller decides
    /// that.
    pub(super) fn wants_retry(&self, status: StatusCode, headers: &HeaderMap) -> Option<bool> {
        self.retry_if.as_ref().map(|retry_if| retry_if(status, headers))
    }

    pub(super) const fn reports_unfinished(&self) -> bool {
        self.report_unfinished
    }

    pub(super) const fn answer_bounds(&self) -> (usize, Duration) {
        (self.max_answer_len, self.answer_timeout)
    }

    pub(super) const fn parts(&self) -> (&Method, &HeaderMap, &Bytes) {
        (&self.method, &self.headers, &self.body)
    }
}

fn parse(text: &str) -> Result<Url, RequestFault> {
    let mut url = Url::parse(text).map_err(|error| RequestFault::Url(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RequestFault::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RequestFault::CredentialsInUrl);
    }
    // RFC 9110, 7.1: it is not part of a request.
    url.set_fragment(None);
    fits_request(&url).map_err(RequestFault::Url)?;
    Ok(url)
}

impl fmt::Debug for EventSourceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("EventSourceRequest")
            .field("url", &self.url.as_ref().map(Url::as_str))
            .field("method", &self.method)
            .field("headers", &headers)
            .field("body_len", &self.body.len())
            .field("last_event_id", &self.last_event_id)
            .field("config", &self.config)
            .field("max_answer_len", &self.max_answer_len)
            .field("answer_timeout", &self.answer_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_source::RedirectableRequest;

    fn fault(request: &EventSourceRequest) -> String {
        RedirectableRequest::new(request, None, false).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_asked_for_is_told_before_anything_is_sent() {
        let get = || EventSourceRequest::get("http://127.0.0.1/");
        for (request, expected) in [
            (EventSourceRequest::get("x"), "the URL: relative URL without a base"),
            (EventSourceRequest::get("ftp://x/"), "the URL's scheme is ftp, not http or https"),
            (
                EventSourceRequest::get("http://u:p@x/"),
                "put the credentials of the URL into a header",
            ),
            (
                get().header("a b", ""),
                "the header name \"a b\" has a character that is not allowed there",
            ),
            (
                get().header("a", "b\nc"),
                "the value of the header a has a character that is not allowed there",
            ),
            (get().header("Host", "x"), "the header host is made by the client, and cannot be set"),
            (
                get().header("last-event-id", "x"),
                "the header last-event-id is made by the client, and cannot be set",
            ),
        ] {
            assert_eq!(fault(&request), expected);
        }
    }

    #[test]
    fn the_first_fault_is_the_one_that_is_told() {
        let request = EventSourceRequest::get("http://x/").header("Host", "").header("a b", "");
        assert!(fault(&request).contains("host"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let request = EventSourceRequest::post("http://x/", "the body").header("x-key", "hush");
        let shown = format!("{request:?}");
        assert!(shown.contains("x-key"), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains("the body"), "{shown}");
    }
}
