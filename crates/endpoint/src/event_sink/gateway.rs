//! The processing of an upstream's response in a gateway: [`pass_on`] and [`refusal_event`].

use std::fmt::Write as _;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;
use http::{StatusCode, Version};
use tidings_sse::{Event, EventType, RESPONSE_HEADERS, is_event_stream};

use super::EncodedEvent;
use crate::content_type::content_type;
use crate::trace;

/// The kind of body in an upstream's response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamBody {
    /// An event stream, into which comments may be put between events.
    EventStream,
    /// Anything else: not a byte may be added or left out.
    Other,
}

/// Turns the head of an upstream's response into the gateway's own, and returns the kind of its
/// body: an event stream has status 200, the media type `text/event-stream`, and no content coding.
///
/// Drops the fields that apply to one connection only, from every response. An event stream also
/// loses the fields that describe the exact bytes of its body, such as its length, and gets
/// [`RESPONSE_HEADERS`].
///
/// ```
/// use http::Response;
/// use tidings_endpoint::event_sink::gateway::{UpstreamBody, pass_on};
///
/// let upstream = Response::builder()
///     .header("content-type", "text/event-stream")
///     .header("content-length", "27")
///     .header("connection", "close");
/// let (mut head, ()) = upstream.body(()).unwrap().into_parts();
/// assert_eq!(pass_on(&mut head), UpstreamBody::EventStream);
/// assert!(!head.headers.contains_key("content-length"));
/// assert!(!head.headers.contains_key("connection"));
/// ```
#[must_use]
pub fn pass_on(head: &mut Parts) -> UpstreamBody {
    let body = upstream_body(head);
    trace::upstream_answered(head.status, body == UpstreamBody::EventStream);
    // RFC 9110, 2.5: an intermediary sends its own version, not the one that it received.
    head.version = Version::default();
    // RFC 9112, 6.3, item 3: of the two, the length is not to be trusted.
    if head.headers.contains_key(header::TRANSFER_ENCODING) {
        head.headers.remove(header::CONTENT_LENGTH);
    }
    remove_connection_fields(&mut head.headers);
    if body == UpstreamBody::EventStream {
        DESCRIBE_THE_BYTES.iter().for_each(|name| {
            head.headers.remove(*name);
        });
        add_stream_fields(&mut head.headers);
    }
    body
}

/// The headers of a response that becomes an event stream before its upstream has answered.
#[must_use]
pub fn stream_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    add_stream_fields(&mut headers);
    headers
}

/// Returns the event that tells the client of an already open stream that the upstream has no
/// stream for it: `{"status":429,"content_type":"application/json","body":"…","truncated":false}`.
/// Without a status the upstream did not answer at all. Unknown values are `null`.
#[must_use]
pub fn refusal_event(refusal: Option<&Refusal>) -> EncodedEvent {
    let mut data = String::from("{\"status\":");
    match refusal {
        Some(refusal) => {
            data.push_str(refusal.status.as_str());
            data.push_str(",\"content_type\":");
            match &refusal.content_type {
                Some(content_type) => {
                    push_json_string(&mut data, &String::from_utf8_lossy(content_type.as_bytes()));
                }
                None => data.push_str("null"),
            }
            data.push_str(",\"body\":");
            push_json_string(&mut data, &String::from_utf8_lossy(&refusal.body));
            data.push_str(if refusal.truncated {
                ",\"truncated\":true}"
            } else {
                ",\"truncated\":false}"
            });
        }
        None => data.push_str("null,\"content_type\":null,\"body\":null,\"truncated\":false}"),
    }
    let mut event = Event::new().data(&data);
    let event_type = EventType::new(REFUSAL_EVENT_TYPE);
    debug_assert!(event_type.is_ok(), "it has no line break");
    if let Ok(event_type) = event_type {
        event = event.event_type(event_type);
    }
    event.into()
}

/// The type of the [event](refusal_event).
pub const REFUSAL_EVENT_TYPE: &str = "upstream-error";

/// An upstream's response that is not an event stream.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Vec<u8>,
    truncated: bool,
}

impl Refusal {
    /// The maximum length of a body that is reported.
    pub const MAX_BODY_LEN: usize = 16 * 1024;

    /// A response with this head, whose body follows.
    #[must_use]
    pub fn new(head: &Parts) -> Self {
        let content_type = head.headers.get(header::CONTENT_TYPE).cloned();
        Self { status: head.status, content_type, body: Vec::new(), truncated: false }
    }

    /// Takes the next chunk of the body. Returns whether more is wanted.
    #[must_use]
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        let room = Self::MAX_BODY_LEN.saturating_sub(self.body.len());
        let taken = chunk.get(..room).unwrap_or(chunk);
        self.body.extend_from_slice(taken);
        self.truncated |= taken.len() < chunk.len();
        !self.truncated
    }

    /// The body has broken off.
    pub fn cut(&mut self) {
        self.truncated = true;
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

fn upstream_body(head: &Parts) -> UpstreamBody {
    // RFC 9110, 8.4: `identity` is not a coding.
    let is_coded = head.headers.get_all(header::CONTENT_ENCODING).iter().any(|value| {
        let mut codings = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        codings.any(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"))
    });
    let is_stream_type = content_type(&head.headers).as_deref().is_some_and(is_event_stream);
    // WHATWG HTML 9.2.3: any other status or type is not an event stream.
    if head.status == StatusCode::OK && !is_coded && is_stream_type {
        UpstreamBody::EventStream
    } else {
        UpstreamBody::Other
    }
}

/// RFC 9110, 7.6.1: an intermediary removes these whether `Connection` names them or not.
const CONNECTION_FIELDS: [&str; 6] =
    ["connection", "proxy-connection", "keep-alive", "te", "transfer-encoding", "upgrade"];

fn remove_connection_fields(headers: &mut HeaderMap) {
    let values = headers.get_all(header::CONNECTION).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let named: Vec<HeaderName> =
        names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()).collect();
    for name in named {
        // How long the body is, is for everyone to know (RFC 9112, 6.3), and dropped where it is
        // not true any more.
        if name != header::CONTENT_LENGTH {
            headers.remove(name);
        }
    }
    for name in CONNECTION_FIELDS {
        headers.remove(name);
    }
}

/// The fields that describe the upstream's bytes and are wrong once comments are inserted: the
/// length (RFC 9110, 8.6), ranges and entity tags, and digests (RFC 9530, RFC 3230, RFC 1864).
const DESCRIBE_THE_BYTES: [&str; 9] = [
    "content-length",
    "content-range",
    "accept-ranges",
    "etag",
    "content-digest",
    "repr-digest",
    "digest",
    "content-md5",
    "content-encoding",
];

fn add_stream_fields(headers: &mut HeaderMap) {
    for (name, value) in RESPONSE_HEADERS {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        if name == header::CACHE_CONTROL {
            // The upstream may ask for more, such as `no-store`.
            if !headers.get_all(&name).iter().any(|other| *other == value) {
                headers.append(name, value);
            }
        } else {
            headers.insert(name, value);
        }
    }
}

/// RFC 8259, 7.
fn push_json_string(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\0'..='\u{1F}' => {
                let escaped = write!(json, "\\u{:04x}", u32::from(character));
                debug_assert!(escaped.is_ok(), "a String takes all");
            }
            _ => json.push(character),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;

    fn passed_on(status: u16, fields: &[(&str, &str)]) -> (UpstreamBody, Parts) {
        let mut response = Response::builder().status(status).version(Version::HTTP_3);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let (mut head, ()) = response.body(()).unwrap().into_parts();
        (pass_on(&mut head), head)
    }

    #[test]
    fn status_type_and_coding_make_an_event_stream() {
        let stream = ("content-type", "Text/Event-Stream; charset=utf-8");
        let body = |status, fields: &[_]| passed_on(status, fields).0;
        assert_eq!(body(200, &[stream]), UpstreamBody::EventStream);
        for coding in ["identity", "", "Identity, identity"] {
            let coding = ("content-encoding", coding);
            assert_eq!(body(200, &[stream, coding]), UpstreamBody::EventStream);
        }
        assert_eq!(body(200, &[]), UpstreamBody::Other);
        assert_eq!(body(200, &[("content-type", "application/json")]), UpstreamBody::Other);
        assert_eq!(body(200, &[stream, ("content-type", "text/html")]), UpstreamBody::Other);
        for status in [201, 204, 206, 304, 429, 500] {
            assert_eq!(body(status, &[stream]), UpstreamBody::Other, "{status}");
        }
        for coding in ["gzip", "identity, br", "made-up"] {
            let coding = ("content-encoding", coding);
            assert_eq!(body(200, &[stream, coding]), UpstreamBody::Other);
        }
    }

    /// RFC 9110, 7.6.1
    #[test]
    fn what_is_for_one_connection_is_not_passed_on() {
        let fields = [
            ("connection", "close, X-Hop"),
            ("connection", "x-other , not a name,"),
            ("x-hop", "1"),
            ("x-other", "2"),
            ("x-kept", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("retry-after", "7"),
        ];
        for media_type in ["application/json", "text/event-stream"] {
            let (_, head) =
                passed_on(200, &[&fields[..], &[("content-type", media_type)]].concat());
            let mut names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
            names.retain(|name| !["cache-control", "x-accel-buffering"].contains(name));
            names.sort_unstable();
            assert_eq!(names, ["content-type", "retry-after", "x-kept"]);
            assert_eq!(head.version, Version::HTTP_11);
        }
    }

    /// RFC 9110, 8.6
    #[test]
    fn only_a_stream_loses_its_length_and_its_digest() {
        let fields = [("content-length", "27"), ("etag", "\"7\""), ("repr-digest", "md5=:x:")];
        let (_, other) = passed_on(429, &fields);
        assert_eq!(other.headers.len(), 3);
        let stream = [&fields[..], &[("content-type", "text/event-stream")]].concat();
        let (_, stream) = passed_on(200, &stream);
        for (name, value) in RESPONSE_HEADERS {
            assert_eq!(stream.headers[name], value);
        }
        assert_eq!(stream.headers.len(), RESPONSE_HEADERS.len());
    }

    /// RFC 9112, 6.3, item 3
    #[test]
    fn a_length_beside_a_transfer_coding_is_not_passed_on() {
        let fields = [("transfer-encoding", "chunked"), ("content-length", "3")];
        assert!(passed_on(404, &fields).1.headers.is_empty());
    }

    /// A `Connection` of an attacker's cannot turn an event stream into something else.
    #[test]
    fn the_fields_that_frame_and_name_a_body_survive_a_connection_that_names_them() {
        let fields =
            [("connection", "content-type, content-length"), ("content-type", "text/event-stream")];
        let (body, head) = passed_on(200, &fields);
        assert_eq!(body, UpstreamBody::EventStream);
        assert_eq!(head.headers["content-type"], "text/event-stream");
        let (_, head) =
            passed_on(404, &[("connection", "content-length"), ("content-length", "3")]);
        assert_eq!(head.headers["content-length"], "3");
    }

    #[test]
    fn what_the_upstream_says_to_caches_is_kept() {
        let fields =
            [("content-type", "text/event-stream"), ("cache-control", "no-store, private")];
        let (_, head) = passed_on(200, &fields);
        let values: Vec<_> = head.headers.get_all("cache-control").iter().collect();
        assert_eq!(values, ["no-store, private", "no-cache, no-transform"]);
    }

    #[test]
    fn a_refusal_is_told_as_json() {
        let (_, head) = passed_on(429, &[("content-type", "application/json")]);
        let mut refusal = Refusal::new(&head);
        assert!(refusal.feed(b"{\"error\":\n"));
        assert!(refusal.feed(b"\"\\slow\xFF\"}"));
        let event = refusal_event(Some(&refusal));
        let data =
            r#"{"status":429,"content_type":"application/json","body":"{\"error\":\u000a\"\\slow"#;
        let rest = "\u{FFFD}\\\"}\",\"truncated\":false}";
        assert_eq!(event.as_bytes(), &format!("event: upstream-error\ndata: {data}{rest}\n\n"));

        let mut long = Refusal::new(&head);
        assert!(long.feed(&[b'x'; Refusal::MAX_BODY_LEN]));
        assert!(!long.feed(b"x"));
        let event = refusal_event(Some(&long));
        assert!(event.as_bytes().ends_with(b"x\",\"truncated\":true}\n\n"));
        assert!(event.as_bytes().len() < Refusal::MAX_BODY_LEN + 200);
        let data = r#"{"status":null,"content_type":null,"body":null,"truncated":false}"#;
        let expected = format!("event: upstream-error\ndata: {data}\n\n");
        assert_eq!(refusal_event(None).as_bytes(), &expected);
    }
}
