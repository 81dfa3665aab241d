//! The opening handshake without its transport: it decides the operations, and the adapter does
//! them.
//!
//! - A server: [`ServerHandshake`], or a [`RequestHandshake`] whose answer is decided later.
//! - A client: [`ConnectOptions`] have its options. [`Connecting`] follows the server's redirects;
//!   for each server in turn it returns the [`Route`] to it, which may lead through a
//!   [`TunnelHandshake`], and then the [`ClientHandshake`].
//! - A client that lost its connection: [`Disconnect`] says whether to try again.
//!
//! All three handshakes are a [`Handshake`], and an adapter has one loop for them:
//!
//! ```
//! # use std::io::{self, Read, Write};
//! use tidings_endpoint::opening::{Handshake, Io};
//! use tidings_websocket::Timestamp;
//!
//! fn drive(
//!     stream: &mut (impl Read + Write),
//!     handshake: &mut impl Handshake,
//!     now: impl Fn() -> Timestamp,
//! ) {
//!     // No operation may take longer than `until`.
//!     while let Some((io, until)) = handshake.next_io(now()) {
//!         # let _ = until;
//!         let result = match io {
//!             Io::Read(room) => stream.read(room),
//!             Io::Write(bytes) => stream.write(bytes),
//!             Io::Flush => stream.flush().map(|()| 0),
//!             Io::ShutDown => Err(io::ErrorKind::Unsupported.into()),
//!         };
//!         handshake.completed(result);
//!     }
//! }
//! ```
//!
//! Then `finish` returns the result.

mod addresses;
mod client;
mod connecting;
mod deadline;
mod disconnect;
mod exchange;
mod heads;
mod options;
mod request;
mod retry_after;
mod route;
mod server;
mod socks;
#[cfg(feature = "rustls")]
mod tls;
mod tunnel;

use std::io;

use tidings_websocket::Timestamp;

use crate::websocket::Negotiated;

pub use addresses::{ATTEMPT_DELAY, interleave};
pub use client::ClientHandshake;
pub use connecting::Connecting;
pub use deadline::Deadline;
pub use disconnect::Disconnect;
pub use heads::Head;
pub use options::ConnectOptions;
pub use request::{PendingRequest, RequestHandshake};
pub use retry_after::retry_after;
pub use route::Route;
pub use server::{ServerHandshake, accept_same_origin, negotiate};
pub use socks::Socks5Proxy;
pub use tidings_handshake::opening::{Io, MAX_INTERIM_RESPONSES};
#[cfg(feature = "rustls")]
pub use tls::{TlsError, TlsTarget};
pub use tunnel::TunnelHandshake;
#[cfg(feature = "event-source")]
pub(crate) use tunnel::forwarding_refusal;

/// Header lines whose slots stand on the stack. With more, as far as the limits allow them, the slots
/// are on the heap.
const STACK_HEADERS: usize = 64;

/// A handshake, as its driver sees it. The [module](self) shows the loop.
pub trait Handshake {
    /// The next operation on the transport, and until when it may take; `None` if the handshake is
    /// over. An operation that is not complete by then is given up: call this again.
    fn next_io(&mut self, now: Timestamp) -> Option<(Io<'_>, Timestamp)>;

    /// Reports the result of the operation: the number of bytes that were read or written, any
    /// number for the others.
    fn completed(&mut self, result: io::Result<usize>);
}

/// An open WebSocket, without its transport.
#[derive(Debug)]
pub struct Opened {
    /// The result of the negotiation.
    pub negotiated: Negotiated,
    /// The first frames, as far as they came with the handshake.
    pub received: Vec<u8>,
}

#[cfg(test)]
mod tests;
