#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod compression;
mod config;
mod driver;
mod error;
#[cfg(feature = "event-source")]
pub mod event_source;
mod inbox;
mod message;
pub mod opening;
mod pieces;
mod pool;
mod random;
mod read_buffer;
mod session;
mod write_queue;

pub use compression::{ClientOffer, CompressedMessage, Compression, Negotiated};
pub use config::Config;
pub use driver::Driver;
pub use error::{Declined, Error};
pub use inbox::{Found, Inbox};
pub use message::{LentMessage, Message, MessageKind, Outgoing, SharedStr};
pub use pieces::{OutgoingPieces, Pieces};
pub use random::{ClientRole, RandomMasks, random_u64};
pub use session::Session;

#[cfg(feature = "rustls")]
pub use rustls;
pub use tidings_deflate as deflate;
pub use tidings_handshake as handshake;
pub use tidings_websocket as websocket;
