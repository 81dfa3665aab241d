//! The opening handshake without its I/O.
//!
//! `server`: from the request of a browser to the bytes of the 101. `client request`: from the URI
//! to the bytes of a request with a random key. `client response`: from the bytes of a 101 to the
//! answer; tungstenite's check of it is not public, so it only parses here.

use std::hint::black_box;

use rand::RngExt as _;
use tidings_handshake::{
    ClientRequest, HeadScanner, HeaderSlots, Key, Limits, Progress, Response, ServerRequest,
    WebSocketUri,
};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::client::{self, generate_request};
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::handshake::server::{Request, create_response, write_response};

use crate::Case;
use crate::check::{Round, Sink, contender, writer};

const NONCE: &[u8; 16] = b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const URI: &str = "wss://server.example.com:8443/chat/rooms?room=42";
const CALLS: usize = 16;

const REQUEST: &[u8] = b"GET /chat/rooms?room=42 HTTP/1.1\r\n\
    Host: server.example.com:8443\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://server.example.com:8443\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Date: Tue, 24 Nov 2026 10:00:00 GMT\r\n\
    Server: example\r\n\r\n";

/// The cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let accepts = vec![ACCEPT; CALLS];
    let server = vec![
        writer("tidings", &accepts, accepts_in, Calls(our_server, Vec::new())),
        writer("tungstenite", &accepts, accepts_in, Calls(their_server, Vec::new())),
    ];
    let requests = vec!["GET /chat/rooms?room=42 HTTP/1.1"; CALLS];
    let client_request = vec![
        writer("tidings", &requests, requests_in, Calls(our_request, Vec::new())),
        writer("tungstenite", &requests, requests_in, Calls(their_request, Vec::new())),
    ];
    let answers = vec![ACCEPT.repeat(CALLS)];
    let client_response = vec![
        contender("tidings", &answers, Calls(our_response, Vec::new())),
        contender("tungstenite, parse only", &answers, Calls(their_response, Vec::new())),
    ];
    let case = |name: &str, head_len: usize, contenders| Case {
        name: name.into(),
        items: CALLS as u64,
        bytes: (CALLS * head_len) as u64,
        contenders,
    };
    vec![
        case("server", REQUEST.len(), server),
        case("client request", REQUEST.len(), client_request),
        case("client response", RESPONSE.len(), client_response),
    ]
}

/// The Accept value of each 101 in the stream.
fn accepts_in(stream: &[u8]) -> Vec<String> {
    heads_in(stream)
        .map(|head| {
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            assert!(has(head, "upgrade", "websocket") && has(head, "connection", "Upgrade"));
            assert!(has(head, "sec-websocket-accept", ACCEPT), "{head}");
            ACCEPT.into()
        })
        .collect()
}

/// The request line of each request in the stream.
fn requests_in(stream: &[u8]) -> Vec<String> {
    heads_in(stream)
        .map(|head| {
            assert!(has(head, "host", "server.example.com:8443"), "{head}");
            assert!(has(head, "upgrade", "websocket") && has(head, "connection", "Upgrade"));
            assert!(has(head, "sec-websocket-version", "13"), "{head}");
            assert!(head.to_lowercase().contains("\r\nsec-websocket-key: "), "{head}");
            head.split("\r\n").next().unwrap().into()
        })
        .collect()
}

fn heads_in(stream: &[u8]) -> impl Iterator<Item = &str> {
    let stream = std::str::from_utf8(stream).unwrap();
    stream.strip_suffix("\r\n\r\n").expect("the last head is open").split("\r\n\r\n")
}

fn has(head: &str, name: &str, value: &str) -> bool {
    head.split("\r\n").filter_map(|line| line.split_once(": ")).any(|(this_name, this_value)| {
        this_name.eq_ignore_ascii_case(name) && this_value.eq_ignore_ascii_case(value)
    })
}

/// A function that appends its output, called some times.
struct Calls<F>(F, Vec<u8>);

impl<F: FnMut(&mut Vec<u8>)> Round for Calls<F> {
    fn round(&mut self, sink: &mut impl Sink) {
        self.1.clear();
        for _ in 0..CALLS {
            self.0(&mut self.1);
        }
        sink.bytes(&self.1);
        sink.end();
    }
}

fn our_server(out: &mut Vec<u8>) {
    let mut scanner = HeadScanner::request(Limits::server());
    let Progress::Complete(head) = scanner.scan(black_box(REQUEST)).unwrap() else {
        panic!("the request is complete");
    };
    let mut slots = HeaderSlots::<100>::new();
    let request = ServerRequest::parse(head, &mut slots).unwrap();
    let mut response = [0; 1024];
    let len = request.accept().encode(&mut response).unwrap();
    out.extend_from_slice(&response[..len]);
}

fn their_server(out: &mut Vec<u8>) {
    let (_, request) = Request::try_parse(black_box(REQUEST)).unwrap().unwrap();
    write_response(out, &create_response(&request).unwrap()).unwrap();
}

fn our_request(out: &mut Vec<u8>) {
    let uri = WebSocketUri::parse(black_box(URI)).unwrap();
    let key = Key::from_nonce(rand::rng().random());
    let mut request = [0; 1024];
    let len = ClientRequest::new(uri, key).encode(&mut request).unwrap();
    out.extend_from_slice(&request[..len]);
}

fn their_request(out: &mut Vec<u8>) {
    let request = black_box(URI).into_client_request().unwrap();
    let (request, _) = generate_request(request).unwrap();
    out.extend_from_slice(&request);
}

fn our_response(out: &mut Vec<u8>) {
    let mut scanner = HeadScanner::response(Limits::client());
    let Progress::Complete(head) = scanner.scan(black_box(RESPONSE)).unwrap() else {
        panic!("the response is complete");
    };
    let uri = WebSocketUri::parse(URI).unwrap();
    let request = ClientRequest::new(uri, Key::from_nonce(*NONCE));
    let mut slots = HeaderSlots::<32>::new();
    match request.parse_response(head, &mut slots).unwrap() {
        Response::Opened(opened) => {
            out.extend_from_slice(opened.headers().get("sec-websocket-accept").unwrap());
        }
        other => panic!("{other:?}"),
    }
}

fn their_response(out: &mut Vec<u8>) {
    let (_, response) = client::Response::try_parse(black_box(RESPONSE)).unwrap().unwrap();
    out.extend_from_slice(response.headers()["sec-websocket-accept"].as_bytes());
}
