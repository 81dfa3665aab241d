#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod addresses;
mod compression;
mod config;
mod connect;
mod driver;
mod error;
#[cfg(feature = "event-sink")]
pub mod event_sink;
#[cfg(feature = "event-source")]
pub mod event_source;
mod inbox;
mod message;
mod pieces;
mod pool;
mod random;
mod read_buffer;
mod request;
mod response;
mod retry_after;
mod session;
#[cfg(feature = "rustls")]
mod tls;
mod tunnel;
mod write_queue;

pub use addresses::{ATTEMPT_DELAY, interleave};
pub use compression::{
    ClientOffer, CompressedMessage, Compression, Negotiated, mandatory_extension_close,
};
pub use config::Config;
pub use connect::{ConnectOptions, Offer, OfferLines};
pub use driver::Driver;
pub use error::{Declined, Error};
pub use inbox::{Found, Inbox};
pub use message::{LentMessage, Message, MessageKind, Outgoing, SharedStr};
pub use pieces::{OutgoingPieces, Pieces};
pub use random::{ClientRole, RandomMasks, random_u64};
pub use request::{RequestVerdict, accept_same_origin, agree, judge_request};
pub use response::{MAX_INTERIM_RESPONSES, ResponseVerdict, judge_response, too_many_interim};
pub use retry_after::retry_after;
pub use session::Session;
#[cfg(feature = "rustls")]
pub use tls::{TlsError, TlsTarget};
pub use tunnel::{TunnelVerdict, judge_tunnel, too_many_interim_of_proxy};

#[cfg(feature = "rustls")]
pub use rustls;
pub use tidings_deflate as deflate;
pub use tidings_handshake as handshake;
pub use tidings_websocket as websocket;

use std::time::Duration;

/// How much is read and dropped behind the refusal of a request, and for how long. A socket that
/// is closed with unread bytes resets the connection, and the client may lose the answer.
pub const MAX_REFUSED_DRAIN_LEN: usize = 256 * 1024;
/// See [`MAX_REFUSED_DRAIN_LEN`].
pub const REFUSED_DRAIN_TIME: Duration = Duration::from_secs(1);
