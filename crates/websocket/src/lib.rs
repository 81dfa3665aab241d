#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "alloc")]
mod assembler;
mod closure;
mod connection;
mod deadlines;
mod event;
mod inbound;
mod limits;
mod outbound;
mod role;
mod timestamp;
mod violation;

#[cfg(feature = "alloc")]
pub use assembler::{Assembled, Assembler, Message};
pub use closure::{CloseStatus, Closure};
pub use connection::Connection;
pub use deadlines::{Timeout, Timeouts};
pub use event::{Event, MessageType};
pub use inbound::{Inbound, Received, Reply};
pub use limits::{ControlFrameRate, Limits};
pub use outbound::{ControlFrame, Data, Outbound, SendError, Transmit};
pub use role::{Client, MaskSource, Role, Server};
pub use timestamp::Timestamp;
pub use violation::Violation;

pub use tidings_frame as frame;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests;
