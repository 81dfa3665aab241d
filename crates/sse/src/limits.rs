//! The limits of a decoder's memory. [`Limits`] is passed to the decoder when it is built.

use core::fmt;

/// The limits of a stream, in bytes. A length of exactly the limit is accepted.
///
/// Text is measured as it is delivered: where the stream was not UTF-8, with its U+FFFD.
///
/// With [`FixedStorage`](crate::FixedStorage) the length of each area is a limit as well; the
/// smaller of the two counts.
///
/// ```
/// use tidings_sse::Limits;
///
/// let limits = Limits::DEFAULT.max_data_len(64 * 1024).max_line_len(64 * 1024 + 16);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) max_line_len: usize,
    pub(crate) max_data_len: usize,
    pub(crate) max_event_type_len: usize,
    pub(crate) max_last_event_id_len: usize,
    pub(crate) max_comment_len: usize,
}

impl Limits {
    /// Lines and data of 1 MiB, event IDs and comments of 1 KiB, event types of 256 bytes.
    pub const DEFAULT: Self = Self {
        max_line_len: 1 << 20,
        max_data_len: 1 << 20,
        max_event_type_len: 256,
        max_last_event_id_len: 1 << 10,
        max_comment_len: 1 << 10,
    };

    /// No limit at all: for a server that is trusted as much as the program itself.
    pub const UNBOUNDED: Self = Self {
        max_line_len: usize::MAX,
        max_data_len: usize::MAX,
        max_event_type_len: usize::MAX,
        max_last_event_id_len: usize::MAX,
        max_comment_len: usize::MAX,
    };

    /// The longest line of any kind, as received, without its line end. Lines that are ignored, such as
    /// comments that nobody asked for, have no limit: nothing of them is kept.
    #[must_use]
    pub const fn max_line_len(self, max_line_len: usize) -> Self {
        Self { max_line_len, ..self }
    }

    /// The longest data of one event, all its lines joined.
    #[must_use]
    pub const fn max_data_len(self, max_data_len: usize) -> Self {
        Self { max_data_len, ..self }
    }

    /// The longest event type.
    #[must_use]
    pub const fn max_event_type_len(self, max_event_type_len: usize) -> Self {
        Self { max_event_type_len, ..self }
    }

    /// The longest event ID. It comes back to the server in a request header.
    #[must_use]
    pub const fn max_last_event_id_len(self, max_last_event_id_len: usize) -> Self {
        Self { max_last_event_id_len, ..self }
    }

    /// The longest comment. Counts only where comments are asked for.
    #[must_use]
    pub const fn max_comment_len(self, max_comment_len: usize) -> Self {
        Self { max_comment_len, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// One of the [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The length of a line.
    Line,
    /// The length of an event's data.
    Data,
    /// The length of an event type.
    EventType,
    /// The length of an event ID.
    LastEventId,
    /// The length of a comment.
    Comment,
}

/// The stream brought more than a limit allows.
///
/// It costs one event, or for [`Limit::Comment`] one comment; the stream itself continues. See
/// [`Item::Overflow`](crate::Item::Overflow).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The limit that was exceeded.
    pub limit: Limit,
    /// Its value, in bytes. At least one byte more than this had arrived.
    pub max_len: usize,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.limit {
            Limit::Line => "a line of the event stream",
            Limit::Data => "the data of an event",
            Limit::EventType => "an event type",
            Limit::LastEventId => "an event ID",
            Limit::Comment => "a comment of the event stream",
        };
        write!(f, "{what} is longer than the limit of {} bytes", self.max_len)
    }
}

impl core::error::Error for LimitExceeded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let expected = Limits {
            max_line_len: 1024 * 1024,
            max_data_len: 1024 * 1024,
            max_event_type_len: 256,
            max_last_event_id_len: 1024,
            max_comment_len: 1024,
        };
        assert_eq!(Limits::default(), expected);
        assert_eq!(Limits::DEFAULT, expected);
    }
}
