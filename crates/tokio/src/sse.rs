//! Server-Sent Events (WHATWG HTML, 9.2), both ends.
//!
//! - [`EventSource`] (feature `event-source`): the client that comes back, over HTTP/1.1 and HTTP/2.
//! - [`EventStream`]: events out of a body or stream of bytes that another client has fetched.
//! - [`server`]: responses for hyper, axum, and whatever takes an `http::Response`.

#[cfg(feature = "event-source")]
mod event_source;
pub mod server;

#[cfg(feature = "event-source")]
pub use crate::client_handle::ClientHandle;
#[cfg(feature = "event-source")]
pub use event_source::EventSource;
#[cfg(feature = "event-source")]
pub use tidings_endpoint::event_source::{
    Answer, AnswerCut, BoxError, ClientEvent, CodingError, DisconnectCause, EventError,
    EventSourceRequest, NextAttempt, Opened, RedirectFault, Reply, RequestFault, StreamError,
};
#[cfg(feature = "event-source")]
pub use tidings_sse::event_source::{Config, DisconnectReason, GiveUp, ReadyState, Repeat};
pub use tidings_sse::{
    BodyChunks, BodyEvents, Comment, Decoder, EndOfStream, Event, EventId, EventStream,
    EventStreamError, EventType, GrowableStorage, InvalidField, Limit, LimitExceeded, Limits,
    OwnedEvent, OwnedMessageEvent, ReconnectionTime, RetryClamp, StreamEvents, is_event_stream,
};
