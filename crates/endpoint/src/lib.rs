// The README's links within this crate, where all that they name exists.
#![cfg_attr(
    all(
        not(doctest),
        feature = "event-sink",
        feature = "event-source",
        feature = "json",
        feature = "rustls",
    ),
    doc = include_str!("links.md")
)]
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "event-sink", feature = "event-source"))]
mod content_type;
mod error;
#[cfg(feature = "event-sink")]
pub mod event_sink;
#[cfg(feature = "event-source")]
pub mod event_source;
pub mod opening;
mod random;
mod trace;
pub mod websocket;

pub use error::{Declined, Error};
pub use random::{ClientRole, RandomMasks, random_u64};

#[cfg(feature = "rustls")]
pub use rustls;
pub use tidings_deflate as deflate;
pub use tidings_handshake as handshake;
