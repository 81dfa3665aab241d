//! A message that is owned and cheap to clone: [`Message`]. A borrowed one is a [`MessageRef`].

use std::borrow::Cow;

use bytes::Bytes;
use tidings_websocket::frame::{CloseFrame, ControlPayload};

pub use tidings_websocket::MessageRef;

use super::shared_str::SharedStr;

/// A message, or a control frame.
///
/// `recv` returns text and binary messages, and the others if
/// [`Config::deliver_control_frames`](crate::websocket::Config::deliver_control_frames) is set. All can be
/// sent.
///
/// It is five words long, so that queues of it are small: the content of control frames, which is
/// rare and long, is boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A text message.
    Text(SharedStr),
    /// A binary message.
    Binary(Bytes),
    /// A Ping. A received one was already answered.
    Ping(Box<ControlPayload>),
    /// A Pong.
    Pong(Box<ControlPayload>),
    /// A Close frame. Sending it starts the closing handshake; a received one was already
    /// answered.
    Close(Option<Box<CloseFrame>>),
}

impl Message {
    /// A text message.
    #[must_use]
    pub fn text(text: impl Into<SharedStr>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    #[must_use]
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// A Ping.
    #[must_use]
    pub fn ping(payload: ControlPayload) -> Self {
        Self::Ping(Box::new(payload))
    }

    /// A Pong.
    #[must_use]
    pub fn pong(payload: ControlPayload) -> Self {
        Self::Pong(Box::new(payload))
    }

    /// A Close frame.
    #[must_use]
    pub fn close(close: Option<CloseFrame>) -> Self {
        Self::Close(close.map(Box::new))
    }

    /// The text, if it is a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if it is a binary message.
    #[must_use]
    pub fn as_binary(&self) -> Option<&[u8]> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the content of a Close frame; `None` if it is empty, or if this is another message.
    #[must_use]
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        match self {
            Self::Close(close) => close.as_deref(),
            _ => None,
        }
    }

    /// The text, if it is a text message.
    ///
    /// # Errors
    /// The message, if it is something else.
    pub fn into_text(self) -> Result<SharedStr, Self> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other),
        }
    }

    /// The payload of a text or a binary message.
    ///
    /// # Errors
    /// The message, if it is a control frame.
    pub fn into_bytes(self) -> Result<Bytes, Self> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Binary(bytes) => Ok(bytes),
            control => Err(control),
        }
    }

    /// Returns whether it is a text message.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Returns whether it is a binary message.
    #[must_use]
    pub const fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Returns whether it is a Close frame.
    #[must_use]
    pub const fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// The length of the payload in bytes. That of a Close frame counts code and reason.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.as_str().len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Ping(payload) | Self::Pong(payload) => payload.as_bytes().len(),
            Self::Close(close) => {
                close.as_ref().map_or(0, |close| close.to_payload().as_bytes().len())
            }
        }
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A borrowed message is copied into memory of its exact size: it never keeps a read buffer alive.
impl From<MessageRef<'_>> for Message {
    #[inline]
    fn from(message: MessageRef<'_>) -> Self {
        match message {
            MessageRef::Text(Cow::Borrowed(text)) => Self::text(text),
            MessageRef::Text(Cow::Owned(text)) => Self::text(text),
            MessageRef::Binary(Cow::Borrowed(bytes)) => Self::Binary(Bytes::copy_from_slice(bytes)),
            MessageRef::Binary(Cow::Owned(bytes)) => Self::binary(bytes),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<SharedStr> for Message {
    fn from(text: SharedStr) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

#[cfg(test)]
mod tests {
    use tidings_websocket::frame::CloseCode;

    use super::super::outgoing::Outgoing;
    use super::*;

    #[test]
    fn what_waits_in_a_queue_is_small() {
        let (message, outgoing) = (size_of::<Message>(), size_of::<Outgoing<'_>>());
        assert!(message <= 5 * size_of::<usize>(), "{message}");
        assert!(outgoing <= 5 * size_of::<usize>(), "{outgoing}");
    }

    #[test]
    fn a_borrowed_message_is_copied_to_its_own_size() {
        let buffer = vec![b'x'; 64 * 1024];
        let message = Message::from(MessageRef::Binary(Cow::Borrowed(&buffer[..5])));
        assert_eq!(message.as_binary(), Some(&b"xxxxx"[..]));
        assert_ne!(message.as_binary().unwrap().as_ptr(), buffer.as_ptr());
        assert_eq!(message.as_text(), None);
    }

    #[test]
    fn a_message_gives_out_what_it_holds_and_nothing_else() {
        let close = CloseFrame::new(CloseCode::GOING_AWAY, "bye");
        let messages = [
            (Message::text("ab"), Some("ab"), Some(2), false),
            (Message::binary(vec![1, 2, 3]), None, Some(3), false),
            (Message::ping(ControlPayload::EMPTY), None, None, false),
            (Message::close(Some(close)), None, None, true),
        ];
        for (message, text, bytes_len, is_close) in messages {
            assert_eq!(message.as_text(), text);
            assert_eq!(message.is_close(), is_close);
            assert_eq!(message.close_frame(), is_close.then_some(&close));
            assert_eq!(message.clone().into_bytes().ok().map(|bytes| bytes.len()), bytes_len);
            assert_eq!(message.into_text().ok().as_deref(), text);
        }
        assert_eq!(Message::close(Some(close)).len(), 5);
        assert!(Message::close(None).is_empty());
    }
}
