//! The head of a request (RFC 9112, sections 3 and 6): [`head`].

use bytes::Bytes;
use http::{Method, Request, header};

/// The head of a request whose headers have `Host`, but say nothing of the framing. Its target is in
/// origin form or, for a proxy, a whole URI (RFC 9112, 3.2.1 and 3.2.2).
pub(crate) fn head(request: &Request<Bytes>) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    let target = request.uri().to_string();
    let method = request.method();
    for part in [method.as_str(), " ", &target, " HTTP/1.1\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    let mut field = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    // RFC 9110, 7.2: `Host` comes first.
    if let Some(host) = request.headers().get(header::HOST) {
        field("host", host.as_bytes());
    }
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != header::HOST) {
        field(name.as_str(), value.as_bytes());
    }
    // RFC 9110, 8.6: not without content, unless the method has a meaning for it.
    let expects_content = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    if expects_content || !request.body().is_empty() {
        field("content-length", request.body().len().to_string().as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(request: Request<&'static str>) -> String {
        let request = request.map(|body| Bytes::from_static(body.as_bytes()));
        String::from_utf8([&head(&request)[..], request.body()].concat()).unwrap()
    }

    #[test]
    fn a_request_is_written_as_it_goes_over_the_wire() {
        let get = Request::get("/events?a=b|c").header("accept", "text/event-stream");
        let get = get.header("last-event-id", "é").header("host", "example.com:81");
        assert_eq!(
            sent(get.body("").unwrap()),
            "GET /events?a=b|c HTTP/1.1\r\nhost: example.com:81\r\naccept: text/event-stream\r\n\
             last-event-id: é\r\n\r\n",
        );
        assert_eq!(
            sent(Request::post("/").header("host", "x").body("{}").unwrap()),
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
        );
        assert_eq!(
            sent(Request::put("/").body("").unwrap()),
            "PUT / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        );
        assert_eq!(
            sent(Request::get("http://h:81/a?b").header("host", "h:81").body("").unwrap()),
            "GET http://h:81/a?b HTTP/1.1\r\nhost: h:81\r\n\r\n",
        );
        assert_eq!(
            sent(Request::get("/").body("x").unwrap()),
            "GET / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx",
        );
    }
}
