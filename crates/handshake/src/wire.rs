//! The encoding of messages: written once, as text, and either counted or stored.

use core::fmt::{self, Write};

/// The caller's buffer cannot hold the message. Its content is now useless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferTooSmall {
    /// Bytes that the message takes.
    pub needed: usize,
    /// Bytes that the buffer has.
    pub available: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, available } = self;
        write!(f, "the message takes {needed} bytes but the buffer has {available}")
    }
}

impl core::error::Error for BufferTooSmall {}

/// Writes a message to a slice and returns its length.
pub(crate) fn encode(
    out: &mut [u8],
    message: impl Fn(&mut dyn Write) -> fmt::Result,
) -> Result<usize, BufferTooSmall> {
    let available = out.len();
    let mut writer = SliceWriter { out, len: 0 };
    match message(&mut writer) {
        Ok(()) => Ok(writer.len),
        Err(fmt::Error) => Err(BufferTooSmall { needed: encoded_len(message), available }),
    }
}

/// Bytes that a message takes.
pub(crate) fn encoded_len(message: impl Fn(&mut dyn Write) -> fmt::Result) -> usize {
    let mut counter = Counter(0);
    let result = message(&mut counter);
    debug_assert!(result.is_ok(), "a counter does not fail");
    counter.0
}

/// Encodes a message into a new vector.
#[cfg(feature = "alloc")]
pub(crate) fn to_vec(message: impl Fn(&mut dyn Write) -> fmt::Result) -> alloc::vec::Vec<u8> {
    let mut text = alloc::string::String::with_capacity(encoded_len(&message));
    let result = message(&mut text);
    debug_assert!(result.is_ok(), "a string does not fail");
    text.into_bytes()
}

struct SliceWriter<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Write for SliceWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len.checked_add(text.len()).ok_or(fmt::Error)?;
        self.out.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

struct Counter(usize);

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        Ok(())
    }
}
