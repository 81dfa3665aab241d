//! The values that can be sent: [`Outgoing`], with its conversions.

use std::borrow::Cow;

use bytes::Bytes;

use super::compression::CompressedMessage;
use super::message::{Message, MessageRef};
use super::shared_str::SharedStr;

/// A value that can be sent: a [`Message`], owned or borrowed, a [`MessageRef`], or the text or
/// bytes of one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outgoing<'p> {
    /// Text that is copied, or written directly.
    Text(&'p str),
    /// Bytes that are copied, or written directly.
    Binary(&'p [u8]),
    /// A message that may be queued by reference.
    Message(Message),
    /// A message that was already compressed, for peers that accept it.
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

impl<'p> From<&'p MessageRef<'_>> for Outgoing<'p> {
    fn from(message: &'p MessageRef<'_>) -> Self {
        match message {
            MessageRef::Text(text) => Self::Text(text),
            MessageRef::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl<'p> From<MessageRef<'p>> for Outgoing<'p> {
    fn from(message: MessageRef<'p>) -> Self {
        match message {
            MessageRef::Text(Cow::Borrowed(text)) => Self::Text(text),
            MessageRef::Binary(Cow::Borrowed(bytes)) => Self::Binary(bytes),
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

impl<'p, const N: usize> From<&'p [u8; N]> for Outgoing<'p> {
    fn from(bytes: &'p [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'p> From<&'p Vec<u8>> for Outgoing<'p> {
    fn from(bytes: &'p Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

/// Queued by reference if it is large.
impl From<&Bytes> for Outgoing<'_> {
    fn from(bytes: &Bytes) -> Self {
        bytes.clone().into()
    }
}

/// Queued by reference if it is large.
impl From<&SharedStr> for Outgoing<'_> {
    fn from(text: &SharedStr) -> Self {
        text.clone().into()
    }
}

impl<'p> From<Cow<'p, str>> for Outgoing<'p> {
    fn from(text: Cow<'p, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Text(text),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Box<str>> for Outgoing<'_> {
    fn from(text: Box<str>) -> Self {
        SharedStr::from(text).into()
    }
}
