//! Server-Sent Events (WHATWG HTML, 9.2) for programs that wait.
//!
//! - `EventSource` (feature `event-source`): the client that reconnects, over HTTP/1.1.
//! - `server` (feature `event-server`): a server of event streams, over HTTP/1.1.
//! - [`EventStream`]: events out of anything that can be read.

#[cfg(feature = "event-source")]
mod event_source;
mod event_stream;
#[cfg(any(feature = "event-source", feature = "event-server"))]
mod http1;
#[cfg(feature = "event-server")]
pub mod server;

#[cfg(feature = "event-source")]
pub use event_source::{ClientHandle, EventSource, TimedOut};
pub use event_stream::{EventStream, EventStreamError};
#[cfg(feature = "event-source")]
pub use tidings_endpoint::event_source::{
    Answer, AnswerCut, BoxError, ClientEvent, CodingError, DisconnectCause, EventError,
    EventSourceRequest, NextAttempt, Opened, RedirectFault, Reply, RequestFault, StreamError,
};
#[cfg(feature = "event-source")]
pub use tidings_sse::event_source::{Config, DisconnectReason, GiveUp, ReadyState, Repeat};
pub use tidings_sse::{
    Comment, Decoder, EndOfStream, Event, EventId, EventType, GrowableStorage, InvalidField, Item,
    LimitExceeded, Limits, OwnedEvent, OwnedMessageEvent, ReconnectionTime, is_event_stream,
};
