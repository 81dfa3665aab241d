//! The head of an event stream: the headers that a server sends, and the media type that a client
//! looks for.

/// The media type of an event stream (WHATWG HTML 9.2.5). It needs no `charset`: the stream is UTF-8,
/// always.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// The headers of a response, status 200, that carries an event stream. Names are in lower case, as
/// HTTP/2 and HTTP/3 want them.
///
/// - `content-type`: without it a client fails the connection permanently.
/// - `cache-control`: `no-cache`, because the answer to one request is not valid for a later one,
///   which has another `Last-Event-ID`. `no-transform` (RFC 9111, 5.2.2.6) keeps a proxy from
///   compressing the body, which would delay events until the compressor's block is full.
/// - `x-accel-buffering`: `no` tells nginx, and the proxies that follow it, to pass each event on at
///   once instead of filling a buffer first. Others ignore it.
///
/// ```
/// let mut head = String::from("HTTP/1.1 200 OK\r\n");
/// for (name, value) in tidings_sse::RESPONSE_HEADERS {
///     head += &format!("{name}: {value}\r\n");
/// }
/// assert!(head.contains("content-type: text/event-stream\r\n"));
/// ```
pub const RESPONSE_HEADERS: [(&str, &str); 3] = [
    ("content-type", MEDIA_TYPE),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
];

/// Returns whether the value of a `Content-Type` header says that the body is an event stream.
///
/// Fetch, "extract a MIME type": of several media types, separated by commas as after several header
/// lines, the last valid one counts. WHATWG HTML 9.2.3 looks at its essence alone, which is type and
/// subtype in any case; parameters do not matter, not even `charset`.
///
/// ```
/// use tidings_sse::is_event_stream;
///
/// assert!(is_event_stream(b"text/event-stream"));
/// assert!(is_event_stream(b" Text/Event-Stream ; charset=UTF-8"));
/// assert!(is_event_stream(b"text/event-stream, text/event-stream"));
/// assert!(!is_event_stream(b"text/html"));
/// assert!(!is_event_stream(b"text/event-stream, text/html"));
/// ```
#[must_use]
pub fn is_event_stream(content_type: &[u8]) -> bool {
    let mut rest = Some(content_type);
    let mut is_event_stream = false;
    while let Some(list) = rest {
        let element;
        (element, rest) = split_element(list);
        if let Some((essence_type, subtype)) = essence(element) {
            // "if temporaryMimeType is failure or its essence is "*/*", then continue"
            if (essence_type, subtype) != (b"*", b"*") {
                let (wanted_type, wanted_subtype) = ESSENCE;
                is_event_stream = essence_type.eq_ignore_ascii_case(wanted_type)
                    && subtype.eq_ignore_ascii_case(wanted_subtype);
            }
        }
    }
    is_event_stream
}

/// The parts of [`MEDIA_TYPE`].
const ESSENCE: (&[u8], &[u8]) = (b"text", b"event-stream");

/// Fetch, "get, decode, and split": returns the value up to the first comma outside a quoted
/// string, and the rest after the comma.
fn split_element(list: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in list.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                let rest = list.get(index..).unwrap_or_default();
                return (list.get(..index).unwrap_or_default(), rest.get(1..));
            }
            _ => {}
        }
    }
    (list, None)
}

/// MIME Sniffing, "parse a MIME type": type and subtype, if both are tokens.
fn essence(media_type: &[u8]) -> Option<(&[u8], &[u8])> {
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii();
    let slash = essence.iter().position(|byte| *byte == b'/')?;
    let (essence_type, subtype) = essence.split_at_checked(slash)?;
    let subtype = subtype.get(1..)?;
    (is_token(essence_type) && is_token(subtype)).then_some((essence_type, subtype))
}

/// RFC 9110, 5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E-024
    #[test]
    fn the_essence_decides_and_nothing_else() {
        for yes in [
            "text/event-stream",
            "TEXT/Event-Stream",
            "text/event-stream;",
            "text/event-stream;charset=UTF-8",
            "text/event-stream;charset=windows-1252",
            "text/event-stream ;x",
            "\t text/event-stream \t",
            "text/event-stream; note=\"a, b\"",
            "text/event-stream; note=\"a\\\", b\"",
            // Fetch, "extract a MIME type".
            "text/event-stream, text/event-stream",
            "text/event-stream,text/event-stream;charset=UTF-8",
            "text/html, text/event-stream",
            "text/event-stream, */*",
            "text/event-stream, bogus",
            "text/event-stream,",
            ", text/event-stream",
            "text/plain;note=\"a\", text/event-stream",
        ] {
            assert!(is_event_stream(yes.as_bytes()), "{yes}");
        }
        for no in [
            "",
            " ",
            ";",
            "text",
            "text/event-strea",
            "text/event-streams",
            "text/event-stream x",
            "x text/event-stream",
            "text /event-stream",
            "x bogus",
            "text/x-bogus",
            "text/plain; text/event-stream",
            "*/*",
            "text/",
            "/event-stream",
            "text/event-stream/x",
            "text/plain; note=\"a, text/event-stream",
            "text/event-stream;charset=UTF-8, text/html",
            "text/event-stream; note=\"a\", text/html",
            "text/event-stream\0",
        ] {
            assert!(!is_event_stream(no.as_bytes()), "{no}");
        }
        assert!(!is_event_stream(b"\xFF"));
    }

    /// E-030: a client accepts the headers, and they are valid headers.
    #[test]
    fn the_headers_open_a_stream() {
        let [(name, value), ..] = RESPONSE_HEADERS;
        assert_eq!(name, "content-type");
        assert!(is_event_stream(value.as_bytes()));
        for (name, value) in RESPONSE_HEADERS {
            assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-')), "{name}");
            assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{value}");
        }
    }
}
