//! What happens to a connection, told to `tracing` (feature `tracing`): ends and their reasons at
//! debug, frames at trace. Lengths and codes are told, payloads, headers and URIs never, since they
//! may be secret.

/// The target of all events.
#[cfg(feature = "tracing")]
const TARGET: &str = "tidings";

/// A message was received, whole, in memory of its own or not.
#[inline]
pub(crate) fn message_received(is_text: bool, len: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: TARGET, is_text, len, "message received");
    #[cfg(not(feature = "tracing"))]
    let _ = (is_text, len);
}

/// A frame of a message was queued or handed out to be written.
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
    #[cfg(feature = "tracing")]
    match close {
        Some(close) => tracing::debug!(
            target: TARGET,
            code = u16::from(close.code),
            reason = close.reason.as_str(),
            "the peer closes"
        ),
        None => tracing::debug!(target: TARGET, "the peer closes, without a code"),
    }
    #[cfg(not(feature = "tracing"))]
    let _ = close;
}

/// We start to close.
pub(crate) fn closing(close: Option<&tidings_websocket::frame::CloseFrame>) {
    #[cfg(feature = "tracing")]
    match close {
        Some(close) => tracing::debug!(
            target: TARGET,
            code = u16::from(close.code),
            reason = close.reason.as_str(),
            "closing"
        ),
        None => tracing::debug!(target: TARGET, "closing, without a code"),
    }
    #[cfg(not(feature = "tracing"))]
    let _ = close;
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
