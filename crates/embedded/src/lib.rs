// The README's links within this crate, where all that they name exists.
#![cfg_attr(all(not(doctest), feature = "blocking"), doc = include_str!("links.md"))]
// Its examples need features.
#![cfg_attr(
    any(not(doctest), all(feature = "async", feature = "blocking")),
    doc = include_str!("../README.md")
)]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod error;
mod event_error;
mod message;
mod slice;

#[cfg(feature = "async")]
pub mod asynchronous;
#[cfg(feature = "blocking")]
pub mod blocking;

pub use config::Config;
pub use error::{Error, ErrorSource};
pub use event_error::{EventStreamError, EventWriterError};
pub use message::{Gathered, Message, MessageBuffer};

pub use tidings_handshake as handshake;
pub use tidings_sse as sse;
pub use tidings_websocket as websocket;
