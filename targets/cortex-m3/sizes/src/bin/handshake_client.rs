//! tidings-handshake, the client's side: the request, and the check of its answer.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;

use tidings_firmware_sizes::end;
use tidings_handshake::{
    ClientRequest, HeadScanner, HeaderSlots, Key, Limits, Progress, Response, WebSocketUri,
};

/// RFC 6455, 1.2.
const RECEIVED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut out = [0; 256];
    let uri = black_box("ws://server.example.com/chat");
    let nonce = black_box(*b"the sample nonce");
    let is_sent_and_opened = open(uri, nonce, black_box(RECEIVED), &mut out) == Some(true);
    end(is_sent_and_opened && out.starts_with(b"GET /chat HTTP/1.1\r\n"))
}

/// Returns whether the answer opens the WebSocket; `None` if something is wrong with it.
fn open(uri: &str, nonce: [u8; 16], received: &[u8], out: &mut [u8]) -> Option<bool> {
    let uri = WebSocketUri::parse(uri).ok()?;
    let request = ClientRequest::new(uri, Key::from_nonce(nonce)).subprotocols(&["chat"]).ok()?;
    request.encode(out).ok()?;

    let mut scanner = HeadScanner::response(Limits::client());
    let Ok(Progress::Complete(head)) = scanner.scan(received) else { return None };
    let mut slots = HeaderSlots::<16>::new();
    let answer = request.parse_response(head, &mut slots).ok()?;
    Some(matches!(answer, Response::Opened(opened) if opened.subprotocol() == Some("chat")))
}
