// The README's links within this crate, where all that they name exists.
#![cfg_attr(all(not(doctest), feature = "alloc"), doc = include_str!("links.md"))]
#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod boundaries;
mod close;
mod control;
mod cut_header;
mod decoder;
mod frame;
mod header;
mod limit;
mod mask;
mod opcode;
mod utf8;

pub use boundaries::{FrameBoundaries, FrameBoundary};
pub use close::{
    CloseCode, CloseCodeRange, CloseFrame, CloseFrameError, CloseReason, InvalidCloseCode,
};
pub use control::{ControlPayload, ControlPayloadTooLong};
pub use decoder::{DecodeError, DecodeErrorKind, Decoder, Part};
pub use frame::{BufferTooSmall, Frame};
pub use header::{Header, HeaderBytes, HeaderError, ParsedHeader, Rsv};
pub use limit::{PayloadLimit, PayloadTooLong};
pub use mask::{Masker, MaskingKey};
pub use opcode::{ControlOpcode, DataOpcode, Opcode};
pub use utf8::{InvalidUtf8, Text, Utf8Validator};

#[cfg(test)]
mod exhaustive;
