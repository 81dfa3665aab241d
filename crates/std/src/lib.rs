// The README's links within this crate, where all that they name exists.
#![cfg_attr(
    all(not(doctest), feature = "event-source", feature = "json", feature = "rustls"),
    doc = include_str!("links.md")
)]
// Its examples need features.
#![cfg_attr(
    any(not(doctest), all(feature = "event-server", feature = "event-source")),
    doc = include_str!("../README.md")
)]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accept;
mod byte_stream;
mod chunks;
mod connect;
mod deadline;
mod halves;
mod link;
mod opening;
pub mod socket;
#[cfg(feature = "sse")]
pub mod sse;
mod timed;
mod transport;

pub use accept::{accept, accept_with};
pub use connect::{connect, connect_with};
pub use socket::WebSocket;
pub use transport::{Transport, Untimed};

pub use tidings_endpoint::Error;
pub use tidings_endpoint::opening::ConnectOptions;
pub use tidings_endpoint::websocket::{Config, Message};
pub use tidings_handshake as handshake;
pub use tidings_websocket as websocket;
pub use tidings_websocket::frame::CloseCode;

/// The types of received and sent messages, in addition to [`Message`].
pub mod message {
    pub use tidings_endpoint::websocket::{MessageRef, Outgoing, SharedStr};
    pub use tidings_websocket::MessageKind;
    pub use tidings_websocket::frame::CloseFrame;
}

/// permessage-deflate (RFC 7692): the negotiation, and messages that are compressed once for many.
pub mod compression {
    pub use tidings_endpoint::deflate;
    pub use tidings_endpoint::websocket::{ClientOffer, CompressedMessage, Compression};
}

/// The types of a client, in addition to [`connect`](crate::connect()) and [`ConnectOptions`].
pub mod client {
    pub use crate::connect::{ClientStream, client_handshake};
    #[cfg(feature = "rustls")]
    pub use rustls;
    pub use tidings_endpoint::opening::HandshakeTimeout;
    #[cfg(feature = "rustls")]
    pub use tidings_endpoint::opening::{TlsError, TlsFailure};
    pub use tidings_endpoint::{ClientRole, Declined, RandomMasks};
    pub use tidings_handshake::Proxy;
}

/// The types of a server, in addition to [`accept`](crate::accept()).
pub mod server {
    pub use crate::accept::{PendingAccept, read_request};
    pub use tidings_endpoint::opening::accept_same_origin;
    pub use tidings_endpoint::websocket::Negotiated;
    pub use tidings_websocket::Server as ServerRole;
}
