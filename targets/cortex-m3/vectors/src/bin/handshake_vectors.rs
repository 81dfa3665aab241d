//! The vectors of tidings-handshake: the example of RFC 6455, the requests that a server refuses
//! and their statuses, and a client's result for each answer. Each head is scanned whole, at every
//! cut and byte by byte.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt::{self, Write as _};

use tidings_firmware_console::{end, passed, state};
use tidings_firmware_vectors::Cut;
use tidings_handshake::{
    ClientRequest, Head, HeadError, HeadScanner, HeaderSlots, Key, Limits, MissingOrigin,
    OriginPolicy, Progress, Rejection, RequestError, Response, ServerRequest, WebSocketUri,
};

#[cortex_m_rt::entry]
fn main() -> ! {
    passed("keys", keys());
    passed("the example of RFC 6455, 1.2", example());
    passed("requests", requests());
    passed("bytes that are not a request", no_requests());
    passed("origins", origins());
    passed("answers to a client", answers());
    state::<HeadScanner>("HeadScanner");
    state::<HeaderSlots<'static, 16>>("HeaderSlots<16>");
    state::<ServerRequest<'static>>("ServerRequest");
    end()
}

/// RFC 6455, 1.3, and invalid keys.
fn keys() -> usize {
    let known = [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
    ];
    for (key, accept) in known {
        let key = Key::parse(key.as_bytes()).expect("a key");
        assert_eq!(key.accept().as_str(), accept);
    }
    assert_eq!(Key::from_nonce(*b"the sample nonce").as_str(), known[0].0);
    assert!(
        Key::parse(b"dGhlIHNhbXBsZSBub25jZR==").is_ok(),
        "bits after the last byte do not count"
    );
    let refused = [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZWE=", // 17 bytes
        "dGhlIHNhbXBsZSBub25j-_==",
        "========================",
    ];
    for key in refused {
        assert!(Key::parse(key.as_bytes()).is_err(), "{key:?}");
    }
    known.len() + 2 + refused.len()
}

/// The header lines of the example, and a request made from them by leaving one out, replacing one,
/// or adding one.
const HEADERS: [(&str, &str); 7] = [
    ("Host", "server.example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Origin", "http://example.com"),
    ("Sec-WebSocket-Protocol", "chat, superchat"),
    ("Sec-WebSocket-Version", "13"),
];

const OPENED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

/// Bytes that are written as text.
struct Text {
    bytes: [u8; 1024],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [0; 1024], len: 0 }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// The example with the lines of one name replaced.
fn request(start: &str, name: &str, values: &[&str]) -> Text {
    let mut text = Text::new();
    let kept = HEADERS.iter().filter(|(other, _)| !other.eq_ignore_ascii_case(name));
    write!(text, "{start}\r\n").expect("room for the request");
    for (name, value) in kept.copied().chain(values.iter().map(|value| (name, *value))) {
        write!(text, "{name}: {value}\r\n").expect("room for the request");
    }
    text.write_str("\r\n").expect("room for the request");
    text
}

/// The head at the front of a stream that comes cut in this way.
fn scan(mut scanner: HeadScanner, stream: &[u8], cut: Cut) -> Result<Head<'_>, HeadError> {
    let mut outcome = Ok(None);
    for piece in cut.pieces(stream.len()) {
        outcome = match scanner.scan(&stream[..piece.end])? {
            Progress::Complete(head) => Ok(Some(head)),
            Progress::Partial => Ok(None),
        };
    }
    outcome.map(|head| head.expect("the head has an end"))
}

/// Returns a server's answer.
fn answer(stream: &[u8], cut: Cut, out: &mut [u8]) -> (u16, usize) {
    let mut slots = HeaderSlots::<16>::new();
    let request = scan(HeadScanner::request(Limits::server()), stream, cut)
        .map_err(RequestError::from)
        .and_then(|head| ServerRequest::parse(head, &mut slots));
    match request {
        Ok(request) => {
            let chosen = request.choose_subprotocol(&["chat"]);
            let acceptance = request.accept().subprotocol(chosen).expect("it was offered");
            (acceptance.status(), acceptance.encode(out).expect("room for the answer"))
        }
        Err(error) => {
            let rejection = Rejection::from(error);
            (rejection.status(), rejection.encode(out).expect("room for the answer"))
        }
    }
}

fn example() -> usize {
    let request = request("GET /chat HTTP/1.1", "", &[]);
    for cut in Cut::all(request.as_bytes().len()) {
        let mut out = [0; 512];
        let (status, len) = answer(request.as_bytes(), cut, &mut out);
        assert_eq!((status, &out[..len]), (101, OPENED), "{cut:?}");
    }
    1
}

/// A start line, a header with other values, and the status of the answer.
const REQUESTS: &[(&str, &str, &[&str], u16)] = &[
    // RFC 6455, 4.2.1 item 1
    ("GET /chat?room=1 HTTP/1.1", "X-Other", &["1"], 101),
    ("GET http://server.example.com/chat HTTP/1.1", "X-Other", &[], 101),
    ("POST /chat HTTP/1.1", "X-Other", &[], 405),
    ("get /chat HTTP/1.1", "X-Other", &[], 405),
    ("GET /chat HTTP/1.0", "X-Other", &[], 505),
    ("GET /chat HTTP/2.0", "X-Other", &[], 505),
    ("GET chat HTTP/1.1", "X-Other", &[], 400),
    ("GET /chat#x HTTP/1.1", "X-Other", &[], 400),
    // item 2
    ("GET / HTTP/1.1", "Host", &[], 400),
    ("GET / HTTP/1.1", "Host", &["a", "a"], 400),
    ("GET / HTTP/1.1", "Host", &["user@a"], 400),
    ("GET / HTTP/1.1", "Host", &["[::1]:8080"], 101),
    // item 3
    ("GET / HTTP/1.1", "Upgrade", &[], 426),
    ("GET / HTTP/1.1", "Upgrade", &["h2c"], 426),
    ("GET / HTTP/1.1", "Upgrade", &["websockets"], 426),
    ("GET / HTTP/1.1", "Upgrade", &["h2c", "WebSocket"], 101),
    // item 4
    ("GET / HTTP/1.1", "Connection", &[], 426),
    ("GET / HTTP/1.1", "Connection", &["keep-alive"], 426),
    ("GET / HTTP/1.1", "Connection", &["keep-alive, Upgrade"], 101),
    // item 5
    ("GET / HTTP/1.1", "Sec-WebSocket-Key", &[], 400),
    ("GET / HTTP/1.1", "Sec-WebSocket-Key", &["dGhlIHNhbXBsZSBub25jZQ"], 400),
    ("GET / HTTP/1.1", "Sec-WebSocket-Key", &[HEADERS[3].1, HEADERS[3].1], 400),
    // item 6
    ("GET / HTTP/1.1", "Sec-WebSocket-Version", &[], 426),
    ("GET / HTTP/1.1", "Sec-WebSocket-Version", &["8"], 426),
    ("GET / HTTP/1.1", "Sec-WebSocket-Version", &["13, 8"], 426),
    ("GET / HTTP/1.1", "Sec-WebSocket-Version", &["13", "13"], 400),
    // items 7 to 9
    ("GET / HTTP/1.1", "Origin", &[], 101),
    ("GET / HTTP/1.1", "Origin", &["a b"], 400),
    ("GET / HTTP/1.1", "Sec-WebSocket-Protocol", &["chat,chat"], 400),
    ("GET / HTTP/1.1", "Sec-WebSocket-Protocol", &["no token"], 400),
    ("GET / HTTP/1.1", "Sec-WebSocket-Extensions", &["permessage-deflate; x=1, y"], 101),
    ("GET / HTTP/1.1", "Sec-WebSocket-Extensions", &["; x"], 400),
    // RFC 9112, 6.3: a body would be read as frames.
    ("GET / HTTP/1.1", "Content-Length", &["0"], 101),
    ("GET / HTTP/1.1", "Content-Length", &["5"], 400),
    ("GET / HTTP/1.1", "Transfer-Encoding", &["chunked"], 400),
];

fn requests() -> usize {
    for (start, name, values, expected) in REQUESTS {
        let request = request(start, name, values);
        for cut in Cut::all(request.as_bytes().len()) {
            let mut out = [0; 512];
            let (status, len) = answer(request.as_bytes(), cut, &mut out);
            assert_eq!(status, *expected, "{start}, {name}: {values:?}, {cut:?}");
            // The answer is a head that a client can read.
            let head =
                scan(HeadScanner::response(Limits::client()), &out[..len], Cut::BYTE_BY_BYTE);
            assert!(head.is_ok(), "{start}, {name}: {values:?}");
        }
    }
    REQUESTS.len()
}

/// Refused at the very byte, whatever follows.
fn no_requests() -> usize {
    let cases: [(&[u8], usize, HeadError); 8] = [
        (b"\x16\x03\x01", 1, HeadError::Method { offset: 0 }),
        (b"GET  /", 5, HeadError::Target { offset: 4 }),
        (b"GET /\xC3\xA9", 6, HeadError::Target { offset: 5 }),
        (b"GET / HTTX/1.1", 10, HeadError::Version { offset: 9 }),
        (b"GET / HTTP/1.1\r\n folded", 17, HeadError::LineFolding { offset: 16 }),
        (b"GET / HTTP/1.1\r\nA : b", 18, HeadError::SpaceBeforeColon { offset: 17 }),
        (b"GET / HTTP/1.1\r\nA: b\0", 21, HeadError::HeaderValue { offset: 20 }),
        (b"GET / HTTP/1.1\rA", 16, HeadError::BareCarriageReturn { offset: 14 }),
    ];
    for (stream, len, error) in cases {
        let mut whole = HeadScanner::request(Limits::server());
        assert_eq!(whole.scan(stream).err(), Some(error));
        let mut scanner = HeadScanner::request(Limits::server());
        assert_eq!(scanner.scan(&stream[..len - 1]), Ok(Progress::Partial));
        assert_eq!(scanner.scan(&stream[..len]).err(), Some(error));
    }
    // And a head that is too long.
    let mut limits = Limits::server();
    limits.max_head_len = 100;
    let mut scanner = HeadScanner::request(limits);
    let request = request("GET /chat HTTP/1.1", "", &[]);
    assert_eq!(scanner.scan(&request.as_bytes()[..99]), Ok(Progress::Partial));
    let too_long = HeadError::HeadTooLong { limit: 100 };
    assert_eq!(scanner.scan(&request.as_bytes()[..100]), Err(too_long));
    cases.len() + 1
}

/// RFC 6455, 10.2.
fn origins() -> usize {
    let cases: [(&[&str], MissingOrigin, bool); 6] = [
        (&["http://server.example.com"], MissingOrigin::Refuse, true),
        (&["https://server.example.com"], MissingOrigin::Refuse, false),
        (&["http://example.com"], MissingOrigin::Refuse, false),
        (&["http://server.example.com.evil.example"], MissingOrigin::Refuse, false),
        (&[], MissingOrigin::Accept, true),
        (&[], MissingOrigin::Refuse, false),
    ];
    for (origins, missing, is_accepted) in cases {
        let text = request("GET / HTTP/1.1", "Origin", origins);
        let mut scanner = HeadScanner::request(Limits::server());
        let Ok(Progress::Complete(head)) = scanner.scan(text.as_bytes()) else {
            panic!("a whole head")
        };
        let mut slots = HeaderSlots::<16>::new();
        let request = ServerRequest::parse(head, &mut slots).expect("a handshake");
        let outcome = request.check_origin(&OriginPolicy::same_origin(missing), false);
        assert_eq!(outcome.is_ok(), is_accepted, "{origins:?}: {outcome:?}");
    }
    cases.len()
}

/// A client's result for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Opened(Option<&'static str>),
    Interim(u16),
    Declined(u16),
    Refused,
}

/// The headers of an answer that opens the WebSocket.
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
const OTHER_ACCEPT: &str = "Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n";

/// Status and reason, header lines in two parts, and the result of the answer.
const ANSWERS: &[(&str, [&str; 3], Outcome)] = &[
    ("101 Switching Protocols", [UPGRADE, ACCEPT, ""], Outcome::Opened(None)),
    ("101", [UPGRADE, ACCEPT, ""], Outcome::Opened(None)),
    (
        "101",
        ["upgrade: WebSocket\r\n", "CONNECTION: x, upgrade\r\n", ACCEPT],
        Outcome::Opened(None),
    ),
    // RFC 6455, 4.1, response item 1
    ("200 OK", ["Content-Length: 0\r\n", "", ""], Outcome::Declined(200)),
    ("302 Found", ["Location: /\r\n", "", ""], Outcome::Declined(302)),
    ("426 X", ["Sec-WebSocket-Version: 13\r\n", "", ""], Outcome::Declined(426)),
    ("503 X", ["", "", ""], Outcome::Declined(503)),
    ("103 Early Hints", ["Link: x\r\n", "", ""], Outcome::Interim(103)),
    ("600 X", ["", "", ""], Outcome::Declined(600)),
    // items 2 to 4
    ("101", ["Connection: Upgrade\r\n", ACCEPT, ""], Outcome::Refused),
    ("101", ["Upgrade: websocket\r\n", ACCEPT, ""], Outcome::Refused),
    ("101", ["Upgrade: h2c\r\n", "Connection: Upgrade\r\n", ACCEPT], Outcome::Refused),
    ("101", [UPGRADE, "", ""], Outcome::Refused),
    ("101", [UPGRADE, OTHER_ACCEPT, ""], Outcome::Refused),
    // item 5: none was offered.
    (
        "101",
        [UPGRADE, ACCEPT, "Sec-WebSocket-Extensions: permessage-deflate\r\n"],
        Outcome::Refused,
    ),
    // item 6: one of those offered.
    ("101", [UPGRADE, ACCEPT, "Sec-WebSocket-Protocol: chat\r\n"], Outcome::Opened(Some("chat"))),
    (
        "101",
        [UPGRADE, ACCEPT, "Sec-WebSocket-Protocol: superchat\r\n"],
        Outcome::Opened(Some("superchat")),
    ),
    ("101", [UPGRADE, ACCEPT, "Sec-WebSocket-Protocol: other\r\n"], Outcome::Refused),
    ("101", [UPGRADE, ACCEPT, "Sec-WebSocket-Protocol: chat, superchat\r\n"], Outcome::Refused),
];

fn answers() -> usize {
    let uri = WebSocketUri::parse("ws://server.example.com/chat").expect("a URI");
    let client = ClientRequest::new(uri, Key::from_nonce(*b"the sample nonce"))
        .subprotocols(&["chat", "superchat"])
        .expect("two tokens");
    // Our own server takes the request.
    let mut sent = [0; 512];
    let len = client.encode(&mut sent).expect("room for the request");
    let (status, _) = answer(&sent[..len], Cut::BYTE_BY_BYTE, &mut [0; 512]);
    assert_eq!(status, 101);

    for (start, lines, expected) in ANSWERS {
        let mut text = Text::new();
        let [one, two, three] = lines;
        write!(text, "HTTP/1.1 {start}\r\n{one}{two}{three}\r\n").expect("room for the answer");
        for cut in Cut::all(text.as_bytes().len()) {
            let outcome = read_answer(&client, text.as_bytes(), cut);
            assert_eq!(outcome, *expected, "{start}, {lines:?}, {cut:?}");
        }
    }
    ANSWERS.len() + 1
}

fn read_answer(client: &ClientRequest<'_>, stream: &[u8], cut: Cut) -> Outcome {
    let Ok(head) = scan(HeadScanner::response(Limits::client()), stream, cut) else {
        return Outcome::Refused;
    };
    let mut slots = HeaderSlots::<16>::new();
    match client.parse_response(head, &mut slots) {
        Ok(Response::Opened(opened)) => {
            let mut known = ["chat", "superchat"].into_iter();
            let chosen = known.find(|known| opened.subprotocol() == Some(known));
            assert_eq!(chosen.is_some(), opened.subprotocol().is_some());
            Outcome::Opened(chosen)
        }
        Ok(Response::Interim(interim)) => Outcome::Interim(interim.status()),
        Ok(Response::Declined(declined)) => Outcome::Declined(declined.status()),
        Err(_) => Outcome::Refused,
    }
}
