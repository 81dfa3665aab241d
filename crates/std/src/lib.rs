#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accept;
mod byte_stream;
mod connect;
mod deadline;
mod halves;
mod line;
mod link;
mod opening;
mod pieces;
mod socket;
#[cfg(feature = "sse")]
pub mod sse;
mod transport;

pub use accept::{accept, accept_with};
pub use byte_stream::ByteStream;
pub use connect::{ClientStream, client_handshake, connect, connect_with};
pub use halves::{Receiver, Sender};
pub use pieces::{MessageReader, MessageWriter};
pub use socket::WebSocket;
pub use transport::{Transport, Untimed};

#[cfg(feature = "rustls")]
pub use rustls;
pub use tidings_endpoint::deflate;
#[cfg(feature = "rustls")]
pub use tidings_endpoint::opening::TlsError;
pub use tidings_endpoint::opening::{ConnectOptions, accept_same_origin};
pub use tidings_endpoint::{
    ClientOffer, ClientRole, CompressedMessage, Compression, Config, Declined, Error, LentMessage,
    Message, MessageKind, Negotiated, Outgoing, RandomMasks, SharedStr,
};
pub use tidings_handshake as handshake;
pub use tidings_handshake::Proxy;
pub use tidings_websocket as websocket;
pub use tidings_websocket::Server as ServerRole;
pub use tidings_websocket::frame::{CloseCode, CloseFrame};
