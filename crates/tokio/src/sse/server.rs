//! The server side of an event stream: responses for hyper, axum, and whatever else takes an
//! [`http::Response`].
//!
//! A [`Responder`] opens streams. Each is a response, to be returned from the handler, and an
//! [`EventSender`] that feeds it, to be kept. An [`EncodedEvent`] is encoded once and goes out to any
//! number of senders without a copy. [`LastEventId`] and [`History`] let a client that reconnects
//! miss nothing. The rules are those of [`tidings_endpoint::event_sink`].
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use http::{HeaderMap, Response};
//! use tidings_tokio::sse::Event;
//! use tidings_tokio::sse::server::{
//!     EventBody, EventIds, EventSender, History, HistoryError, LastEventId, LastEventIdError,
//!     Responder, EncodedEvent,
//! };
//!
//! /// Events for all, in one order.
//! struct Feed {
//!     responder: Responder,
//!     /// IDs that do not mean other events after a restart.
//!     ids: EventIds,
//!     history: Arc<History>,
//!     senders: Mutex<Vec<EventSender>>,
//! }
//!
//! impl Feed {
//!     /// First into the history, then out, under one lock: so the order is the same for all.
//!     fn publish(&self, data: &str) -> Result<(), HistoryError> {
//!         let mut senders = self.senders.lock().expect("nothing panics under it");
//!         let id = self.ids.next_id();
//!         let event = EncodedEvent::from(Event::new().id(id.as_event_id()).data(data));
//!         self.history.push(event.clone())?;
//!         senders.retain(|sender| sender.try_send(&event).is_ok());
//!         Ok(())
//!     }
//!
//!     /// First registered, then replayed: what is published in between is neither lost nor doubled.
//!     fn subscribe(&self, headers: &HeaderMap) -> Result<Response<EventBody>, LastEventIdError> {
//!         let last_event_id = LastEventId::from_headers(headers)?;
//!         let (sender, response) = self.responder.replay(Arc::clone(&self.history), last_event_id);
//!         self.senders.lock().expect("nothing panics under it").push(sender);
//!         Ok(response)
//!     }
//! }
//! ```
//!
//! Events that come out of a [`Stream`](futures_core::Stream) need no task and no sender:
//! [`respond_with_stream`]. At a shutdown, [`close_all`](event_sink::Responder::close_all) ends all
//! streams, so that hyper and axum can end gracefully:
//!
//! ```
//! use tidings_tokio::sse::ReconnectionTime;
//! use tidings_tokio::sse::server::Responder;
//!
//! /// For `axum::serve(listener, app).with_graceful_shutdown(stopped(responder))`.
//! async fn stopped(responder: Responder, stop: tokio::sync::oneshot::Receiver<()>) {
//!     let _ = stop.await;
//!     responder.close_all(Some(ReconnectionTime::from_ms(5_000)));
//! }
//! ```
//!
//! A gateway that passes on the stream of another server answers with [`Relay::response`]. Below hyper,
//! a [`WriteDeadline`] ends connections whose reader takes nothing.

mod body;
mod from_stream;
mod held_error;
mod relay;
#[cfg(feature = "hyper")]
mod reset_stalled;
mod write_deadline;

use http::Response;
use tidings_endpoint::event_sink;

pub use body::EventBody;
pub use from_stream::{respond_with_stream, respond_with_try_stream};
pub use relay::{Relay, RelayError};
#[cfg(feature = "hyper")]
pub use reset_stalled::{ResetStalled, Resettable};
pub use tidings_endpoint::event_sink::{
    Capacity, EncodedEvent, EventBodyError, EventIds, EventSender, History, HistoryError,
    LastEventId, LastEventIdError, Permit, Queued, Replay, Replayed, SendError, UniqueId, WhenFull,
};
pub use write_deadline::WriteDeadline;

/// Opens event streams, all with the same settings; the response is returned from a handler of hyper
/// or of axum.
///
/// A connection that is stuck in a write does not poll its body. Its [stall
/// timeout](event_sink::Responder::stall_timeout) frees the queue and notifies the senders. The way
/// to end the client's side too depends on the version of HTTP:
///
/// | | the client takes nothing | so the client sees an end |
/// | --- | --- | --- |
/// | HTTP/1.1 | the connection is full | with a [`WriteDeadline`] below hyper |
/// | HTTP/2, one stream | its window is shut | with the executor `ResetStalled` (feature `hyper`) in hyper's builder: `RST_STREAM` within the stall timeout; without it when the window opens |
/// | HTTP/2, all streams | the connection is full | with a [`WriteDeadline`] |
///
/// `axum::serve` lets no one choose the executor or the stream: for both, serve axum's router with
/// `hyper_util::server::conn::auto::Builder`.
pub type Responder = event_sink::Responder<EventBody>;

/// Returns the response that makes an `EventSource` stop permanently: 204. A stream that merely
/// ends makes it reconnect.
#[must_use]
pub fn stop_reconnecting() -> Response<EventBody> {
    event_sink::stop_reconnecting()
}
