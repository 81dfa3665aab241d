// The README's links within this crate, where all that they name exists.
#![cfg_attr(
    all(not(doctest), feature = "miniz_oxide", feature = "zlib-rs"),
    doc = include_str!("links.md")
)]
// The README's examples compress with both, so a test of them needs both.
#![cfg_attr(
    all(feature = "zlib-rs", any(not(doctest), feature = "miniz_oxide")),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(feature = "zlib-rs"),
    doc = "The negotiation of `permessage-deflate` for WebSocket (RFC 7692). The stage needs a backend."
)]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "zlib-rs", feature = "miniz_oxide"))]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod answer;
mod negotiated;
mod offer;
mod parameters;
mod server;
mod window_bits;

pub use answer::{Answer, AnswerError, check_answer};
pub use negotiated::{Direction, NegotiatedCompression};
pub use offer::Offer;
pub use parameters::{EXTENSION_NAME, Parameter, ParameterError, ParameterErrorKind, Parameters};
pub use server::{Decline, ServerConfig};
pub use window_bits::{UnsupportedWindow, WindowBits};

#[cfg(any(feature = "zlib-rs", feature = "miniz_oxide"))]
mod stage;

#[cfg(any(feature = "zlib-rs", feature = "miniz_oxide"))]
pub use stage::{
    Backend, DeflateConfig, DeflateError, DeflateState, Deflater, InflateError, InflateState,
    Inflater, Level, SharedMessage,
};

#[cfg(test)]
mod negotiation_tests;
