#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accept;
mod byte_stream;
mod config;
mod connect;
mod error;
mod halves;
mod handshake_io;
mod inbox;
mod link;
mod message;
mod pieces;
mod pool;
mod random;
mod read_buffer;
mod socket;
mod split;
#[cfg(feature = "futures")]
mod stream_sink;
#[cfg(feature = "hyper")]
mod upgrade;
mod write_queue;

pub use accept::{accept, accept_with};
pub use byte_stream::ByteStream;
pub use config::Config;
#[cfg(feature = "rustls")]
pub use connect::TlsError;
pub use connect::{ClientStream, Connector, connect};
pub use error::{Declined, Error};
pub use halves::{Receiver, Sender};
pub use message::{LentMessage, Message, Outgoing, SharedStr};
pub use pieces::{MessageReader, MessageWriter};
pub use random::{ClientRole, RandomMasks};
pub use socket::{MessageKind, WebSocket};
pub use split::{OwnedReceiver, OwnedSender};
#[cfg(feature = "hyper")]
pub use upgrade::{Upgrade, UpgradedIo, upgrade};

pub use tidings_handshake as handshake;
pub use tidings_handshake::Proxy;
pub use tidings_websocket as websocket;
pub use tidings_websocket::Server as ServerRole;
pub use tidings_websocket::frame::{CloseCode, CloseFrame};
#[cfg(feature = "rustls")]
pub use tokio_rustls::rustls;
