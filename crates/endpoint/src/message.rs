//! Messages: owned and cheap to clone, lent, and whatever can be sent.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use tidings_websocket::frame::{CloseFrame, ControlPayload};

use crate::compression::CompressedMessage;

/// A message, or a control frame.
///
/// `recv` yields texts and binaries; the others too if
/// [`Config::deliver_control_frames`](crate::Config::deliver_control_frames) is set. All can be
/// sent.
///
/// It is five words long, so that queues of it are small: what control frames say, which is rare and
/// long, is in a box.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A text message.
    Text(SharedStr),
    /// A binary message.
    Binary(Bytes),
    /// A Ping. One that is received was answered already.
    Ping(Box<ControlPayload>),
    /// A Pong.
    Pong(Box<ControlPayload>),
    /// A Close frame. To send it is to start the closing handshake; one that is received was
    /// answered already.
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
}

/// A lent message is copied into memory of its own size: it never holds on to a read buffer.
impl From<LentMessage<'_>> for Message {
    fn from(message: LentMessage<'_>) -> Self {
        match message {
            LentMessage::Text(Cow::Borrowed(text)) => Self::text(text),
            LentMessage::Text(Cow::Owned(text)) => Self::text(text),
            LentMessage::Binary(Cow::Borrowed(bytes)) => {
                Self::Binary(Bytes::copy_from_slice(bytes))
            }
            LentMessage::Binary(Cow::Owned(bytes)) => Self::binary(bytes),
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

/// A message that lives in the read buffer if it came in one piece. Owning it is a conversion:
/// `Message::from(lent)`.
pub type LentMessage<'a> = tidings_websocket::Message<'a>;

/// What can be sent: a [`Message`], owned or borrowed, a [`LentMessage`], or the text or bytes of
/// one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outgoing<'p> {
    /// Text that is copied, or written from where it is.
    Text(&'p str),
    /// Bytes that are copied, or written from where they are.
    Binary(&'p [u8]),
    /// A message that may be queued by reference.
    Message(Message),
    /// A message that was compressed already, for peers that take it so.
    Compressed(CompressedMessage),
}

impl<'p> From<&'p str> for Outgoing<'p> {
    fn from(text: &'p str) -> Self {
        Self::Text(text)
    }
}

impl<'p> From<&'p String> for Outgoing<'p> {
    fn from(text: &'p String) -> Self {
        Self::Text(text)
    }
}

impl<'p> From<&'p [u8]> for Outgoing<'p> {
    fn from(bytes: &'p [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'p> From<&'p LentMessage<'_>> for Outgoing<'p> {
    fn from(message: &'p LentMessage<'_>) -> Self {
        match message {
            LentMessage::Text(text) => Self::Text(text),
            LentMessage::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl<'p> From<LentMessage<'p>> for Outgoing<'p> {
    fn from(message: LentMessage<'p>) -> Self {
        match message {
            LentMessage::Text(Cow::Borrowed(text)) => Self::Text(text),
            LentMessage::Binary(Cow::Borrowed(bytes)) => Self::Binary(bytes),
            owned => Self::Message(owned.into()),
        }
    }
}

impl From<Message> for Outgoing<'_> {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<&Message> for Outgoing<'_> {
    fn from(message: &Message) -> Self {
        Self::Message(message.clone())
    }
}

impl From<CompressedMessage> for Outgoing<'_> {
    fn from(message: CompressedMessage) -> Self {
        Self::Compressed(message)
    }
}

impl From<&CompressedMessage> for Outgoing<'_> {
    fn from(message: &CompressedMessage) -> Self {
        Self::Compressed(message.clone())
    }
}

impl From<String> for Outgoing<'_> {
    fn from(text: String) -> Self {
        Self::Message(text.into())
    }
}

impl From<SharedStr> for Outgoing<'_> {
    fn from(text: SharedStr) -> Self {
        Self::Message(text.into())
    }
}

impl From<Bytes> for Outgoing<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Message(bytes.into())
    }
}

impl From<Vec<u8>> for Outgoing<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Message(bytes.into())
    }
}

/// Text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// Shared text, cheap to clone.
#[derive(Clone)]
pub struct SharedStr(Shared);

#[derive(Clone)]
enum Shared {
    Static(&'static str),
    /// Text in memory of its own size.
    Short(Arc<str>),
    /// Text that was a `String`: its memory is kept, not copied.
    Long(Arc<String>),
}

/// From this length on, the second indirection costs less than the copy.
const LONG_FROM: usize = 1024;

impl SharedStr {
    /// Text without an allocation.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Shared::Static(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Shared::Static(text) => text,
            Shared::Short(text) => text,
            Shared::Long(text) => text,
        }
    }

    /// The same memory as bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Shared::Static(text) => Bytes::from_static(text.as_bytes()),
            _ => Bytes::from_owner(self),
        }
    }
}

impl Default for SharedStr {
    fn default() -> Self {
        Self::from_static("")
    }
}

impl Deref for SharedStr {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for SharedStr {
    fn as_ref(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl From<&str> for SharedStr {
    fn from(text: &str) -> Self {
        Self(Shared::Short(text.into()))
    }
}

impl From<String> for SharedStr {
    fn from(text: String) -> Self {
        match text.len() {
            ..LONG_FROM => Self(Shared::Short(text.into())),
            _ => Self(Shared::Long(Arc::new(text))),
        }
    }
}

impl TryFrom<Bytes> for SharedStr {
    type Error = std::string::FromUtf8Error;

    /// Takes the memory over if nobody else holds it, else copies.
    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        String::from_utf8(bytes.into()).map(Self::from)
    }
}

impl PartialEq for SharedStr {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SharedStr {}

impl PartialEq<str> for SharedStr {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl fmt::Debug for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shared_not_copied() {
        for text in ["grün".to_owned(), "x".repeat(LONG_FROM)] {
            let text = SharedStr::from(text);
            let clone = text.clone().into_bytes();
            assert_eq!(clone.as_ptr(), text.as_ptr());
            assert_eq!(clone, text.as_bytes());
            assert_eq!(SharedStr::try_from(clone).unwrap(), text);
        }
        assert!(SharedStr::try_from(Bytes::from_static(b"\xFF")).is_err());
        assert_eq!(SharedStr::default().into_bytes().len(), 0);
    }

    #[test]
    fn what_waits_in_a_queue_is_small() {
        let (message, outgoing) = (size_of::<Message>(), size_of::<Outgoing<'_>>());
        assert!(message <= 5 * size_of::<usize>(), "{message}");
        assert!(outgoing <= 5 * size_of::<usize>(), "{outgoing}");
    }

    #[test]
    fn a_long_string_keeps_its_memory() {
        let text = "x".repeat(LONG_FROM);
        let memory = text.as_ptr();
        assert_eq!(SharedStr::from(text).as_ptr(), memory);
    }

    #[test]
    fn a_lent_message_is_copied_to_its_own_size() {
        let buffer = vec![b'x'; 64 * 1024];
        let message = Message::from(LentMessage::Binary(Cow::Borrowed(&buffer[..5])));
        assert_eq!(message.as_binary(), Some(&b"xxxxx"[..]));
        assert_ne!(message.as_binary().unwrap().as_ptr(), buffer.as_ptr());
        assert_eq!(message.as_text(), None);
    }
}
