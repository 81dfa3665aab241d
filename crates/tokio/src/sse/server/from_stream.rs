//! Responses whose events come out of a [`Stream`].

use std::future::poll_fn;
use std::pin::pin;

use futures_core::Stream;
use http::Response;
use tidings_endpoint::event_sink::{EncodedEvent, EventSender};

use super::{EventBody, Responder};

/// A response that sends the events of a stream, and ends with it.
///
/// There is no task: `events` is polled while the response is sent, as far as the
/// [queue](Responder::queue) has room, and dropped when the client leaves. If
/// [`WhenFull`](super::WhenFull) is not to wait, `events` is not held up by a slow client, and the
/// policy decides. An event that cannot be sent, as it is larger than the queue may be or its ID is
/// [too long](Responder::max_id_len), cuts the response: it is not left out.
///
/// ```
/// use futures_util::stream;
/// use http::Response;
/// use tidings_tokio::sse::Event;
/// use tidings_tokio::sse::server::{EncodedEvent, EventBody, Responder, respond_with_stream};
///
/// fn respond(responder: &Responder) -> Response<EventBody> {
///     let lines = stream::iter(["one", "two"]);
///     respond_with_stream(responder, futures_util::StreamExt::map(lines, EncodedEvent::text))
/// }
/// # respond(&Responder::new());
/// ```
#[must_use]
pub fn respond_with_stream<S>(responder: &Responder, events: S) -> Response<EventBody>
where
    S: Stream<Item: Into<EncodedEvent>> + Send + 'static,
{
    responder.feed(|sender| feed(sender, events, |event| Some(event.into())))
}

/// Like [`respond_with_stream`], for a stream that can fail. A failure cuts the response after the
/// events before it, so that the client does not take it for complete. The client does not learn
/// the reason: to log the error, handle it in `events`; to report it to the client, convert it to
/// an event.
#[must_use]
pub fn respond_with_try_stream<S, T, E>(responder: &Responder, events: S) -> Response<EventBody>
where
    S: Stream<Item = Result<T, E>> + Send + 'static,
    T: Into<EncodedEvent>,
{
    responder.feed(|sender| feed(sender, events, |event| event.ok().map(T::into)))
}

async fn feed<S: Stream>(
    sender: EventSender,
    events: S,
    encode: impl Fn(S::Item) -> Option<EncodedEvent>,
) {
    let mut events = pin!(events);
    while let Some(event) =
        poll_fn(|cx| events.as_mut().poll_next(cx).map(|e| e.map(&encode))).await
    {
        let sent = match event {
            Some(event) => sender.send(event).await.is_ok(),
            None => false,
        };
        if !sent {
            // The cut would otherwise precede the queued events.
            let _ = sender.drained().await;
            return sender.abort();
        }
    }
}
