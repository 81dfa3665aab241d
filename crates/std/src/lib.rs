#![doc = include_str!("../README.md")]
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
mod socket;
#[cfg(feature = "sse")]
pub mod sse;
mod timed;
mod transport;

pub use accept::{accept, accept_with};
pub use byte_stream::ByteStream;
pub use chunks::{MessageReader, MessageWriter};
pub use connect::{ClientStream, client_handshake, connect, connect_with};
pub use halves::{Receiver, Sender};
pub use socket::WebSocket;
pub use transport::{Transport, Untimed};

#[cfg(feature = "rustls")]
pub use rustls;
pub use tidings_endpoint::deflate;
#[cfg(feature = "rustls")]
pub use tidings_endpoint::opening::TlsError;
pub use tidings_endpoint::opening::{ConnectOptions, accept_same_origin};
pub use tidings_endpoint::websocket::{
    ClientOffer, CompressedMessage, Compression, Config, Message, MessageRef, Negotiated, Outgoing,
    SharedStr,
};
pub use tidings_endpoint::{ClientRole, Declined, Error, RandomMasks};
pub use tidings_handshake as handshake;
pub use tidings_handshake::Proxy;
pub use tidings_websocket as websocket;
pub use tidings_websocket::MessageKind;
pub use tidings_websocket::Server as ServerRole;
pub use tidings_websocket::frame::{CloseCode, CloseFrame};
