//! Reports of a connection to `tracing` (feature `tracing`): ends and their reasons at debug,
//! frames at trace. Lengths and codes are reported; payloads, headers and URIs never are, because
//! they may be secret.

/// The target of all events.
#[cfg(feature = "tracing")]
const TARGET: &str = "tidings";

/// A whole message was received, owned or borrowed.
#[inline]
pub(crate) fn message_received(is_text: bool, len: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: TARGET, is_text, len, "message received");
    #[cfg(not(feature = "tracing"))]
    let _ = (is_text, len);
}

/// A frame of a message was queued or returned for writing.
#[inline]
pub(crate) fn frame_sent(payload_len: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: TARGET, payload_len, "data frame sent");
    #[cfg(not(feature = "tracing"))]
    let _ = payload_len;
}

/// A Ping or a Pong was received.
pub(crate) fn control_received(name: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: TARGET, frame = name, "control frame received");
    #[cfg(not(feature = "tracing"))]
    let _ = name;
}

/// The peer's Close frame was received.
pub(crate) fn close_received(close: Option<&tidings_websocket::frame::CloseFrame>) {
    closes("the peer closes", close);
}

/// We start to close.
pub(crate) fn closing(close: Option<&tidings_websocket::frame::CloseFrame>) {
    closes("closing", close);
}

fn closes(who: &'static str, close: Option<&tidings_websocket::frame::CloseFrame>) {
    #[cfg(feature = "tracing")]
    match close {
        Some(close) => tracing::debug!(
            target: TARGET,
            code = u16::from(close.code),
            reason = close.reason.as_str(),
            "{who}"
        ),
        None => tracing::debug!(target: TARGET, "{who}, without a code"),
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (who, close);
}

/// The connection fails for this reason.
pub(crate) fn failed(error: &crate::Error) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, %error, "the connection failed");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// Nothing more happens on the connection.
pub(crate) fn ended(info: &tidings_websocket::CloseInfo) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, clean = info.is_clean(), "the connection has ended");
    #[cfg(not(feature = "tracing"))]
    let _ = info;
}

/// The opening handshake is done.
pub(crate) fn opened(negotiated: &crate::websocket::Negotiated) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: TARGET,
        subprotocol = negotiated.subprotocol.as_deref(),
        compressed = negotiated.compression.is_some(),
        "the WebSocket is open"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = negotiated;
}

/// The opening handshake failed for this reason.
pub(crate) fn not_opened(error: &crate::Error) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, %error, "the opening handshake failed");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// The server redirects the opening handshake; to where may be secret.
pub(crate) fn redirected() {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, "the server redirects the opening handshake");
}

/// The next step of a client that lost its connection, or could not open one.
pub(crate) fn retry(next: tidings_reconnect::Next) {
    #[cfg(feature = "tracing")]
    match next {
        tidings_reconnect::Next::Wait(wait) => {
            tracing::debug!(target: TARGET, ?wait, "disconnected, trying again");
        }
        tidings_reconnect::Next::GiveUp(reason) => {
            tracing::debug!(target: TARGET, %reason, "disconnected, giving up");
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = next;
}

/// The server opens an event stream; `resumed` by a client with a last event ID.
#[cfg(feature = "event-sink")]
pub(crate) fn event_stream_opened(resumed: bool) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, resumed, "event stream opened");
    #[cfg(not(feature = "tracing"))]
    let _ = resumed;
}

/// A client gets its missed events; without a gap those are all.
#[cfg(feature = "event-sink")]
pub(crate) fn events_replayed(events: usize, gap: bool) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, events, gap, "events replayed");
    #[cfg(not(feature = "tracing"))]
    let _ = (events, gap);
}

/// Events were dropped from the queue of a slow client, which learns of it.
#[cfg(feature = "event-sink")]
pub(crate) fn events_dropped(dropped: u64) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, dropped, "events dropped: the client is too slow");
    #[cfg(not(feature = "tracing"))]
    let _ = dropped;
}

/// A piece of an event stream was returned for writing.
#[cfg(feature = "event-sink")]
#[inline]
pub(crate) fn event_sent(len: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: TARGET, len, "event sent");
    #[cfg(not(feature = "tracing"))]
    let _ = len;
}

/// Nothing more is sent on an event stream.
#[cfg(feature = "event-sink")]
pub(crate) fn event_stream_ended(reason: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, reason, "event stream ended");
    #[cfg(not(feature = "tracing"))]
    let _ = reason;
}

/// All event streams of a responder are to end.
#[cfg(feature = "event-sink")]
pub(crate) fn event_streams_closing(open: usize) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, open, "closing all event streams");
    #[cfg(not(feature = "tracing"))]
    let _ = open;
}

/// A gateway has the head of its upstream's response.
#[cfg(feature = "event-sink")]
pub(crate) fn upstream_answered(status: http::StatusCode, is_event_stream: bool) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, status = status.as_u16(), is_event_stream, "upstream answered");
    #[cfg(not(feature = "tracing"))]
    let _ = (status, is_event_stream);
}

/// A client has an event stream open.
#[cfg(feature = "event-source")]
pub(crate) fn event_source_opened(version: http::Version) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: TARGET, ?version, "the event source is open");
    #[cfg(not(feature = "tracing"))]
    let _ = version;
}

/// A client received an event.
#[cfg(feature = "event-source")]
#[inline]
pub(crate) fn event_received(data_len: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: TARGET, data_len, "event received");
    #[cfg(not(feature = "tracing"))]
    let _ = data_len;
}

/// A client has no event stream, or no longer one, and this is its next step.
#[cfg(feature = "event-source")]
pub(crate) fn event_source_disconnected(disconnect: &tidings_sse::event_source::Disconnect) {
    #[cfg(feature = "tracing")]
    {
        use tidings_sse::event_source::{Disconnect, Next};

        let Disconnect { reason, next } = disconnect;
        match next {
            Next::Wait(wait) => {
                tracing::debug!(target: TARGET, %reason, ?wait, "no event stream, trying again");
            }
            Next::GiveUp(give_up) => {
                tracing::debug!(target: TARGET, %reason, %give_up, "no event stream, giving up");
            }
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = disconnect;
}
