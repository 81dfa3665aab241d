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

#[cfg(feature = "alloc")]
mod assembler;
mod close_info;
mod connection;
mod deadlines;
mod event;
mod held;
mod inbound;
mod limits;
mod outbound;
mod role;
mod violation;

#[cfg(feature = "alloc")]
pub use assembler::{Assembled, Assembler, MessageRef};
pub use close_info::{CloseInfo, CloseStatus};
pub use connection::Connection;
pub use deadlines::{Timeout, Timeouts};
pub use event::{Event, MessageKind};
pub use limits::{ControlFrameRate, Limits};
pub use outbound::{ControlFrame, Data, SendError, Transmit};
pub use role::{AnyRole, Client, MaskSource, Role, Server};
pub use violation::Violation;

pub use tidings_frame as frame;
pub use tidings_time::Timestamp;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests;
