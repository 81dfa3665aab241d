#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod addresses;
mod connect;
mod error;
#[cfg(feature = "event-source")]
pub mod event_source;
mod random;
mod request;
mod response;
mod retry_after;
#[cfg(feature = "rustls")]
mod tls;
mod trace;
mod tunnel;
pub mod websocket;

pub use addresses::{ATTEMPT_DELAY, interleave};
pub use connect::{ConnectOptions, Offer, OfferLines};
pub use error::{Declined, Error};
pub use random::{ClientRole, RandomMasks, random_u64};
pub use request::{RequestVerdict, accept_same_origin, agree, judge_request};
pub use response::{MAX_INTERIM_RESPONSES, ResponseVerdict, judge_response, too_many_interim};
pub use retry_after::retry_after;
#[cfg(feature = "rustls")]
pub use tls::{TlsError, TlsTarget};
pub use tunnel::{TunnelVerdict, judge_tunnel, too_many_interim_of_proxy};

#[cfg(feature = "rustls")]
pub use rustls;
pub use tidings_deflate as deflate;
pub use tidings_handshake as handshake;

use std::time::Duration;

/// How much is read and dropped behind the refusal of a request, and for how long. A socket that
/// is closed with unread bytes resets the connection, and the client may lose the answer.
pub const MAX_REFUSED_DRAIN_LEN: usize = 256 * 1024;
/// See [`MAX_REFUSED_DRAIN_LEN`].
pub const REFUSED_DRAIN_TIME: Duration = Duration::from_secs(1);
