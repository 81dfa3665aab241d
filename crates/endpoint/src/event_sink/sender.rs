//! The sending end of a stream: [`EventSender`].

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use tidings_sse::{Comment, Event};

use super::sink::EventBodyError;
use super::stream::{End, Stream};
use super::{EncodedEvent, Permit, thread_waker};

/// Sends events to one client. Clones feed the same stream; when the last is dropped, the stream
/// ends as by [`finish`](Self::finish).
///
/// [`WhenFull`](super::WhenFull) is the policy for events for which there is no room.
pub struct EventSender {
    stream: Arc<Stream>,
}

impl EventSender {
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        stream.add_sender();
        Self { stream }
    }

    /// Queues an event. It waits for room only under [`WhenFull::Wait`](super::WhenFull::Wait),
    /// after earlier callers.
    ///
    /// It can be cancelled: the event is queued only when this returns `Ok`.
    ///
    /// An event that the client has already received from the [replay](super::Replay), by its ID,
    /// is left out and `Ok` is returned.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, event: impl Into<EncodedEvent>) -> Result<(), SendError> {
        let event = event.into();
        let mut place = InLine { stream: &self.stream, ticket: None, leave: Stream::leave_room };
        poll_fn(|cx| self.stream.poll_push(cx, &event, &mut place.ticket)).await
    }

    /// Like [`send`](Self::send), for a thread: it blocks.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn blocking_send(&self, event: impl Into<EncodedEvent>) -> Result<(), SendError> {
        block_on(self.send(event))
    }

    /// Queues an event without waiting.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn try_send(&self, event: impl Into<EncodedEvent>) -> Result<(), SendError> {
        self.stream.try_push(event.into())
    }

    /// Reserves room for an event of at most this encoded length
    /// ([`EncodedEvent::as_bytes`]), before the event is made or taken from elsewhere. Where
    /// [`WhenFull`](super::WhenFull) drops events, it drops them for this one now.
    ///
    /// ```
    /// use tidings_endpoint::event_sink::{EncodedEvent, EventSender, SendError};
    /// # use std::collections::VecDeque;
    ///
    /// /// No job is taken off the list that cannot be passed on.
    /// async fn pass_on(jobs: &mut VecDeque<String>, sender: &EventSender) -> Result<(), SendError> {
    ///     let permit = sender.reserve(1024).await?;
    ///     match jobs.pop_front() {
    ///         Some(job) => permit.send(EncodedEvent::text(&job)),
    ///         None => Ok(()),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] or [`SendError::Stalled`].
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future gives up its place in line.
    pub async fn reserve(&self, max_len: usize) -> Result<Permit<'_>, SendError> {
        let mut place = InLine { stream: &self.stream, ticket: None, leave: Stream::leave_room };
        let reserve = poll_fn(|cx| self.stream.poll_reserve(cx, max_len, &mut place.ticket));
        reserve.await.map(|reserved| Permit::new(&self.stream, reserved))
    }

    /// Waits until the connection has taken the whole queue, including events of other senders.
    /// Then they have left this program or are about to: they are in the buffers of the HTTP
    /// server, of the system, or of the client. Only the client knows whether it has received them.
    ///
    /// [`send`](Self::send) only queues.
    ///
    /// # Errors
    /// The stream has ended before: [`SendError::Closed`] or [`SendError::Stalled`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn drained(&self) -> Result<(), SendError> {
        let mut place = InLine { stream: &self.stream, ticket: None, leave: Stream::leave_drain };
        poll_fn(|cx| self.stream.poll_drained(cx, &mut place.ticket)).await
    }

    /// Like [`drained`](Self::drained), for a thread: it blocks.
    ///
    /// # Errors
    /// As for [`drained`](Self::drained).
    pub fn blocking_drained(&self) -> Result<(), SendError> {
        block_on(self.drained())
    }

    /// Queues a comment. It never displaces an event: without room there is no comment, whatever
    /// [`WhenFull`](super::WhenFull) says.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn comment(&self, comment: Comment<'_>) -> Result<(), SendError> {
        self.stream.try_push_comment(EncodedEvent::new(&Event::new().comment(comment)))
    }

    /// Waits until the stream has ended: the client is gone, or took nothing for too long, or
    /// everything was sent after [`finish`](Self::finish).
    pub async fn closed(&self) {
        let mut place = InLine { stream: &self.stream, ticket: None, leave: Stream::leave_end };
        poll_fn(|cx| self.stream.poll_ended(cx, &mut place.ticket)).await;
    }

    /// Returns whether the stream has ended, as in [`closed`](Self::closed).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.stream.has_ended()
    }

    /// Ends the stream cleanly, after the queued events. No more can be sent. The client of a
    /// stream that has ended reconnects; see [`stop_reconnecting`](super::stop_reconnecting).
    pub fn finish(&self) {
        self.stream.finish();
    }

    /// Ends the stream at once, with an error: the connection is cut. What is queued is lost. What the
    /// connection has taken already is still written.
    pub fn abort(&self) {
        self.stream.end(End::Failed(EventBodyError::Aborted));
    }

    /// Returns the size of the queue.
    #[must_use]
    pub fn queued(&self) -> Queued {
        self.stream.queued()
    }
}

impl Clone for EventSender {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.stream))
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        self.stream.remove_sender();
    }
}

impl fmt::Debug for EventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSender").field("queued", &self.queued()).finish_non_exhaustive()
    }
}

/// Lets the thread wait.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = thread_waker();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A place in a line, given up when the task no longer waits.
struct InLine<'s> {
    stream: &'s Stream,
    ticket: Option<u64>,
    leave: fn(&Stream, Option<u64>),
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        (self.leave)(self.stream, self.ticket.take());
    }
}

/// The size of a client's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    /// The number of events.
    pub events: usize,
    /// The sum of their encoded lengths.
    pub bytes: usize,
}

/// The reason why an event was not queued.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The stream has ended: the client is gone, or a sender has ended it.
    Closed,
    /// There is no room; this is the event. Under
    /// [`WhenFull::Disconnect`](super::WhenFull::Disconnect) the stream has ended.
    Full(EncodedEvent),
    /// The stream has ended, as the client took nothing for longer than the
    /// [stall timeout](super::Responder::stall_timeout).
    Stalled,
    /// Alone the event is larger than the queue may be; here it is.
    TooLarge(EncodedEvent),
    /// The event's ID is longer than
    /// [`Responder::max_id_len`](super::Responder::max_id_len); here it is.
    IdTooLong(EncodedEvent),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the event stream has ended"),
            Self::Full(_) => f.write_str("the client's queue has no room for the event"),
            Self::Stalled => f.write_str("the event stream has ended: the client took nothing"),
            Self::TooLarge(event) => {
                write!(f, "the event of {} bytes is larger than the queue may be", event.len())
            }
            Self::IdTooLong(event) => write_id_too_long(f, event, "Responder"),
        }
    }
}

impl Error for SendError {}

/// Returns the text for an ID that is longer than the limit of `owner`.
pub(super) fn write_id_too_long(
    f: &mut fmt::Formatter<'_>,
    event: &EncodedEvent,
    owner: &str,
) -> fmt::Result {
    write!(
        f,
        "the event's ID is {} bytes long, so a client that sends it back would be refused: shorten \
         it, or raise {owner}::max_id_len and read the header by LastEventId::from_headers_within",
        event.id_len()
    )
}
