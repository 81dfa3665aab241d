// The README's links within this crate, where all that they name exists.
#![cfg_attr(all(not(doctest), feature = "frame", feature = "sse"), doc = include_str!("links.md"))]
#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
// Elsewhere the package is built for its unit tests alone; memory and an end come from here.
#[cfg(not(target_arch = "wasm32"))]
extern crate std;

#[cfg(feature = "frame")]
mod close;
#[cfg(feature = "sse")]
mod disconnect;
#[cfg(feature = "sse")]
mod event_source;
#[cfg(feature = "sse")]
mod event_stream;
#[cfg(feature = "frame")]
mod frame;
#[cfg(feature = "sse")]
mod items;
#[cfg(any(feature = "sse", feature = "frame"))]
mod number;
#[cfg(any(feature = "sse", feature = "frame"))]
mod options;
#[cfg(target_arch = "wasm32")]
mod runtime;
#[cfg(any(feature = "sse", feature = "frame"))]
mod values;

#[cfg(feature = "frame")]
pub use close::{close_payload, parse_close_payload};
#[cfg(feature = "sse")]
pub use event_source::EventSourceMachine;
#[cfg(feature = "sse")]
pub use event_stream::EventStreamDecoder;
#[cfg(feature = "frame")]
pub use frame::{FrameDecoder, encode_frame};
