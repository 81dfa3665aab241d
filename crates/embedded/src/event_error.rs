//! What can go wrong with Server-Sent Events on a stream. `E` is the error of the stream.

use core::fmt;

use tidings_sse::BufferTooShort;

/// Why nothing more was read of an event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventStreamError<E> {
    /// The source failed. Nothing is lost: if the error is one that passes, ask again.
    Io(E),
    /// The source claims to have read more than there was room for.
    BrokenStream,
    /// The stream ended inside an event, which is therefore none. Reported once.
    InsideEvent {
        /// Bytes since the last blank line.
        dropped_len: u64,
    },
    /// The application gave no buffer to read into.
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
            Self::NoBuffer => f.write_str("there is no buffer to read into"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for EventStreamError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::BrokenStream | Self::InsideEvent { .. } | Self::NoBuffer => None,
        }
    }
}

/// Why an event was not sent, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventWriterError<E> {
    /// The stream failed. If the error is one that passes, `flush` writes the rest of the event.
    Io(E),
    /// The stream claims to have written nothing, or more than it was given.
    BrokenStream,
    /// An earlier event was cut while it was written, and the rest of it comes first, by `flush`.
    /// Nothing of this one was written.
    Unfinished,
    /// The application's event does not fit into its buffer. Nothing was written.
    Event(BufferTooShort),
}

impl<E: fmt::Display> fmt::Display for EventWriterError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the stream failed: {error}"),
            Self::BrokenStream => {
                f.write_str("the stream wrote another number of bytes than it can have")
            }
            Self::Unfinished => f.write_str(
                "an event was cut while it was written: the rest of it must be flushed first",
            ),
            Self::Event(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for EventWriterError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Event(error) => Some(error),
            Self::BrokenStream | Self::Unfinished => None,
        }
    }
}
