//! The shared code of servers of event streams: everything but the connection.
//!
//! A [`Responder`] opens streams. Each is an [`EventSender`], to be kept, and a response whose body
//! is made of an [`EventSink`], which the adapter writes. Between them are the [queue](WhenFull),
//! the [replay](Replay) of missed events, keep-alive comments, and gap notices. An [`EncodedEvent`]
//! is encoded once and goes out to any number of senders without a copy. With [`LastEventId`] and
//! [`History`] a client that reconnects misses nothing.
//!
//! Only the sink is given the time: [`EventSink::poll_next`] is the loop of an adapter.

mod encoded_event;
mod event_ids;
pub mod gateway;
mod history;
mod last_event_id;
mod open_streams;
mod permit;
mod piece;
mod queue;
mod replay;
mod responder;
mod sender;
mod sink;
mod stream;
mod waiters;

pub use encoded_event::EncodedEvent;
pub use event_ids::{EventIds, UniqueId};
pub use history::{History, HistoryError};
pub use last_event_id::{LastEventId, LastEventIdError};
pub use permit::Permit;
pub use piece::take_piece;
pub use queue::{Capacity, WhenFull};
pub use replay::{Replay, Replayed};
pub use responder::{Responder, stop_reconnecting};
pub use sender::{EventSender, Queued, SendError};
pub use sink::{EventBodyError, EventSink, Watchdog};
pub use waiters::thread_waker;

pub use tidings_sse as sse;
