//! Frames written by hand, and sockets on a script.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test file needs some of it"
)]

use crate::script::Script;
use tidings_embedded::websocket::{Client, Server, Timestamp};
use tidings_embedded::{Config, asynchronous, blocking};
use tidings_testkit::{Unit, raw_frame};

pub(crate) fn keys() -> impl FnMut() -> [u8; 4] {
    let mut random = tidings_testkit::Random::new(1);
    move || random.key()
}

/// A frame from a client, masked.
pub(crate) fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    raw_frame(first_byte, payload, Some([0x37, 0xfa, 0x21, 0x3d]))
}

/// A frame from a server.
pub(crate) fn plain(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    raw_frame(first_byte, payload, None)
}

pub(crate) fn text(text: &str) -> Unit {
    Unit::Text(text.into())
}

pub(crate) fn close(code: u16, reason: &str) -> Unit {
    Unit::Close(Some((code, reason.into())))
}

/// A server's socket on a script.
pub(crate) fn blocking_server<'b>(
    script: &Script,
    buffer: &'b mut [u8],
) -> blocking::WebSocket<'b, Script, Server, impl FnMut() -> Timestamp + use<>> {
    let clock = script.clock();
    let config = Config::server();
    blocking::WebSocket::from_handshaken(script.clone(), Server, buffer, 0..0, clock, &config)
}

pub(crate) fn async_client<'b>(
    script: &Script,
    buffer: &'b mut [u8],
) -> asynchronous::WebSocket<
    'b,
    Script,
    Client<impl FnMut() -> [u8; 4] + use<>>,
    impl FnMut() -> Timestamp + use<>,
> {
    let (clock, config, role) = (script.clock(), Config::client(), Client::new(keys()));
    asynchronous::WebSocket::from_handshaken(script.clone(), role, buffer, 0..0, clock, &config)
}
