// The README's links within this crate, where all that they name exists.
#![cfg_attr(
    all(not(doctest), feature = "alloc", feature = "http-body"),
    doc = include_str!("links.md")
)]
// Its examples need features.
#![cfg_attr(
    any(not(doctest), all(feature = "alloc", feature = "futures")),
    doc = include_str!("../README.md")
)]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod boundaries;
mod decoder;
mod encoder;
pub mod event_source;
#[cfg(feature = "futures")]
mod event_stream;
mod field;
mod item;
mod limits;
#[cfg(feature = "alloc")]
mod owned_event;
mod reconnection_time;
mod response;
mod storage;
mod utf8;
#[cfg(test)]
mod work;

pub use boundaries::EventBoundaries;
pub use decoder::{Decoder, EndOfStream};
pub use encoder::{BufferTooSmall, Event};
pub use event_source::EventSource;
#[cfg(feature = "http-body")]
pub use event_stream::{BodyChunks, BodyEvents};
#[cfg(feature = "futures")]
pub use event_stream::{EventStream, EventStreamError, StreamEvents};
pub use field::{Comment, EventId, EventType, InvalidField};
#[cfg(feature = "alloc")]
pub use item::OwnedMessageEvent;
pub use item::{EventEnd, Item, MessageEvent};
pub use limits::{Limit, LimitExceeded, Limits};
#[cfg(feature = "alloc")]
pub use owned_event::OwnedEvent;
pub use reconnection_time::{ReconnectionTime, RetryClamp};
pub use response::{MEDIA_TYPE, RESPONSE_HEADERS, is_event_stream};
#[cfg(feature = "alloc")]
pub use storage::GrowableStorage;
pub use storage::{FixedStorage, Storage};
pub use tidings_time::Timestamp;
