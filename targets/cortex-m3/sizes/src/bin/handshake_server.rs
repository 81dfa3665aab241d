//! tidings-handshake, the server's side: finds the head, checks it, accepts or refuses.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;

use tidings_firmware_sizes::end;
use tidings_handshake::{HeadScanner, HeaderSlots, Limits, Progress, Rejection, ServerRequest};

/// RFC 6455, 1.2.
const RECEIVED: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const SENT: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut out = [0; 256];
    let sent = answer(black_box(RECEIVED), &mut out);
    end(sent.and_then(|len| out.get(..len)) == Some(SENT))
}

fn answer(received: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut scanner = HeadScanner::request(Limits::server());
    let head = match scanner.scan(received) {
        Ok(Progress::Complete(head)) => head,
        Ok(Progress::Partial) => return None,
        Err(error) => return Rejection::from(error).encode(out).ok(),
    };
    let mut slots = HeaderSlots::<16>::new();
    match ServerRequest::parse(head, &mut slots) {
        Ok(request) => {
            let chosen = request.choose_subprotocol(&["chat"]);
            request.accept().subprotocol(chosen).ok()?.encode(out).ok()
        }
        Err(error) => Rejection::from(error).encode(out).ok(),
    }
}
