//! Whole messages with payloads that are cheap to clone.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// Text, valid UTF-8.
    Text(Utf8Bytes),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// A text message.
    #[must_use]
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    #[must_use]
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// The payload's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The text, if it is a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }
}

/// A lent message is copied into memory of its own size: it never holds on to a read buffer.
impl From<tidings_websocket::Message<'_>> for Message {
    fn from(message: tidings_websocket::Message<'_>) -> Self {
        match message {
            tidings_websocket::Message::Text(Cow::Borrowed(text)) => {
                Self::Text(Utf8Bytes(Bytes::copy_from_slice(text.as_bytes())))
            }
            tidings_websocket::Message::Text(Cow::Owned(text)) => Self::text(text),
            tidings_websocket::Message::Binary(Cow::Borrowed(bytes)) => {
                Self::Binary(Bytes::copy_from_slice(bytes))
            }
            tidings_websocket::Message::Binary(Cow::Owned(bytes)) => Self::binary(bytes),
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

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

/// Shared text: [`Bytes`] that are UTF-8.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Utf8Bytes(Bytes);

impl Utf8Bytes {
    /// Text without an allocation.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Valid since it was built; checked again because this crate has no unsafe code.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same memory as bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The text's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = std::str::Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shared_not_copied() {
        let text = Utf8Bytes::from("grün");
        let clone = text.clone().into_bytes();
        assert_eq!(clone.as_ptr(), text.as_bytes().as_ptr());
        assert_eq!(Utf8Bytes::try_from(clone).unwrap(), text);
        assert!(Utf8Bytes::try_from(Bytes::from_static(b"\xFF")).is_err());
    }

    #[test]
    fn a_lent_message_is_copied_to_its_own_size() {
        let buffer = vec![b'x'; 64 * 1024];
        let lent = tidings_websocket::Message::Binary(Cow::Borrowed(&buffer[..5]));
        let message = Message::from(lent);
        assert_eq!(message.as_bytes(), b"xxxxx");
        assert_ne!(message.as_bytes().as_ptr(), buffer.as_ptr());
        assert_eq!(message.as_text(), None);
    }
}
