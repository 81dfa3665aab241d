//! What a stream may make the decoder keep. [`Limits`] is given to the decoder when it is built.

use core::fmt;

/// The most that a stream may bring, in bytes. A length of exactly the limit is accepted.
///
/// Text is measured as it is delivered: where the stream was not UTF-8, with its U+FFFD.
///
/// With [`FixedStorage`](crate::FixedStorage) the length of each lent area is a limit as well; the
/// smaller of the two counts.
///
/// ```
/// use tidings_sse::Limits;
///
/// let limits = Limits::DEFAULT.data_len_max(64 * 1024).line_len_max(64 * 1024 + 16);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) line_len_max: usize,
    pub(crate) data_len_max: usize,
    pub(crate) event_type_len_max: usize,
    pub(crate) last_event_id_len_max: usize,
    pub(crate) comment_len_max: usize,
}

impl Limits {
    /// Lines and data of 1 MiB, event IDs and comments of 1 KiB, event types of 256 bytes.
    pub const DEFAULT: Self = Self {
        line_len_max: 1 << 20,
        data_len_max: 1 << 20,
        event_type_len_max: 256,
        last_event_id_len_max: 1 << 10,
        comment_len_max: 1 << 10,
    };

    /// No limit at all: for a server that is trusted as much as the program itself.
    pub const UNBOUNDED: Self = Self {
        line_len_max: usize::MAX,
        data_len_max: usize::MAX,
        event_type_len_max: usize::MAX,
        last_event_id_len_max: usize::MAX,
        comment_len_max: usize::MAX,
    };

    /// The longest line of any kind, as received, without its line end.
    #[must_use]
    pub const fn line_len_max(self, line_len_max: usize) -> Self {
        Self { line_len_max, ..self }
    }

    /// The longest data of one event, all its lines joined.
    #[must_use]
    pub const fn data_len_max(self, data_len_max: usize) -> Self {
        Self { data_len_max, ..self }
    }

    /// The longest event type.
    #[must_use]
    pub const fn event_type_len_max(self, event_type_len_max: usize) -> Self {
        Self { event_type_len_max, ..self }
    }

    /// The longest event ID. It comes back to the server in a request header.
    #[must_use]
    pub const fn last_event_id_len_max(self, last_event_id_len_max: usize) -> Self {
        Self { last_event_id_len_max, ..self }
    }

    /// The longest comment. Counts only where comments are asked for.
    #[must_use]
    pub const fn comment_len_max(self, comment_len_max: usize) -> Self {
        Self { comment_len_max, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Which of the [`Limits`].
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
/// It costs one event, or for [`Limit::Comment`] one comment; the stream itself goes on. See
/// [`Item::Overflow`](crate::Item::Overflow).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Which limit.
    pub limit: Limit,
    /// Its value, in bytes. At least one byte more than this had arrived.
    pub len_max: usize,
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
        write!(f, "{what} is longer than the limit of {} bytes", self.len_max)
    }
}

impl core::error::Error for LimitExceeded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let expected = Limits {
            line_len_max: 1024 * 1024,
            data_len_max: 1024 * 1024,
            event_type_len_max: 256,
            last_event_id_len_max: 1024,
            comment_len_max: 1024,
        };
        assert_eq!(Limits::default(), expected);
        assert_eq!(Limits::DEFAULT, expected);
    }
}
