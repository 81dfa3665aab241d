//! An open WebSocket without its transport and its clock: the shared code of the adapters.
//!
//! There are two halves, so that a received payload can be borrowed while it is sent on:
//! [`ReceiveHalf`] has the bytes that came and the message they make, [`SendHalf`] has the machine,
//! the bytes to write and the end. An adapter is one loop over its own I/O, with the steps of
//! [`Connection`](tidings_websocket::Connection):
//!
//! 1. **Bytes in.** Read into the buffer of [`ReceiveHalf::fill`], and pass the result to
//!    [`ReceiveHalf::received`].
//! 2. **Events out.** [`ReceiveHalf::find`] says whether there is a message;
//!    [`take`](ReceiveHalf::take) and [`borrow`](ReceiveHalf::borrow) return it.
//! 3. **Pending output out.** Do the operations of [`SendHalf::next_output`], until it returns
//!    `Nothing`.
//! 4. **Sleep** until bytes, the deadline of [`SendHalf::poll_timeout`], or a command; then call
//!    [`SendHalf::handle_timeout`].
//!
//! It is over when [`SendHalf::has_ended`]; [`SendHalf::take_end`] says how.

mod chunks;
mod compression;
mod config;
mod message;
mod outgoing;
mod pool;
mod read_buffer;
mod receive;
mod send;
mod shared_str;
mod takeable;
mod write_queue;

pub use chunks::{IncomingChunks, OutgoingChunks};
pub use compression::{ClientOffer, CompressedMessage, Compression, Negotiated};
pub(crate) use compression::{accept, check, element, mandatory_extension_close, offers};
pub use config::Config;
pub use message::{Message, MessageRef};
pub use outgoing::Outgoing;
pub use receive::ReceiveHalf;
pub use send::{Output, SendHalf, SmallFrame};
pub use shared_str::SharedStr;
pub use takeable::Takeable;
