//! The errors of Server-Sent Events on a stream.

use core::fmt;

use tidings_sse::BufferTooSmall;

/// The reason why nothing more was read of an event stream. `E` is the error of the source, which
/// `Display` shows too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventStreamError<E> {
    /// The source failed. Nothing is lost: after a temporary error, try again.
    Io(E),
    /// The source claims to have read more than there was room for.
    BrokenStream,
    /// The stream ended inside an event, which is dropped. Reported once.
    InsideEvent {
        /// Bytes since the last blank line.
        dropped_len: u64,
    },
    /// The application gave an empty buffer.
    NoBuffer,
}

impl<E: fmt::Display> fmt::Display for EventStreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the source failed: {error}"),
            Self::BrokenStream => f.write_str("the source read more than there was room for"),
            Self::InsideEvent { dropped_len } => {
                write!(f, "the stream ended {dropped_len} bytes into an event")
            }
            Self::NoBuffer => f.write_str("the buffer to read into is empty"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for EventStreamError<E> {}

/// The reason why an event was not sent, or not completely. `E` is the error of the stream, which
/// `Display` shows too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventWriterError<E> {
    /// The stream failed. After a temporary error, `flush` writes the rest of the event.
    Io(E),
    /// The stream claims to have written nothing, or more than it was given.
    BrokenStream,
    /// An earlier event is unfinished, and `flush` must write the rest of it first. Nothing of this
    /// one was written.
    Unfinished,
    /// The event does not fit into the buffer. Nothing was written.
    Event(BufferTooSmall),
}

impl<E: fmt::Display> fmt::Display for EventWriterError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the stream failed: {error}"),
            Self::BrokenStream => {
                f.write_str("the stream returned an impossible number of bytes written")
            }
            Self::Unfinished => f.write_str("an earlier event is unfinished: flush it first"),
            Self::Event(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for EventWriterError<E> {}
