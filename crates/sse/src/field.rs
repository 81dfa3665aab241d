//! Values that a line of an event stream can carry. Each is checked once, when it is made, so that
//! nothing can be injected by encoding it.

use core::fmt;

use memchr::{memchr2, memchr3};

/// An event type: not empty, no CR, no LF.
///
/// An empty one cannot be made, as the stream has no way to say it: the event would be of type
/// `message`.
///
/// ```
/// use tidings_sse::{EventType, InvalidField};
///
/// assert_eq!(EventType::new("tick")?.as_str(), "tick");
/// assert_eq!(EventType::new("a\ndata: evil"), Err(InvalidField::LineBreak { at: 1 }));
/// # Ok::<(), InvalidField>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType<'a>(pub(crate) &'a str);

impl<'a> EventType<'a> {
    /// Checks an event type.
    ///
    /// # Errors
    /// [`InvalidField::LineBreak`] and [`InvalidField::Empty`].
    pub fn new(text: &'a str) -> Result<Self, InvalidField> {
        if text.is_empty() {
            return Err(InvalidField::Empty);
        }
        refuse_line_breaks(text).map(Self)
    }

    /// An event type that is known when the program is compiled.
    ///
    /// ```
    /// use tidings_sse::EventType;
    ///
    /// const TICK: EventType<'static> = EventType::from_static("tick");
    /// assert_eq!(TICK.as_str(), "tick");
    /// ```
    ///
    /// # Panics
    /// Where [`new`](Self::new) fails. In a constant, the program then does not compile.
    #[must_use]
    pub const fn from_static(text: &'static str) -> EventType<'static> {
        assert!(!text.is_empty(), "the event type is empty: leave it out instead");
        assert!(is_line(text), "the event type has a line break");
        EventType(text)
    }

    /// The type as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// An event ID: no CR, no LF, no NUL. The empty one resets the last event ID.
///
/// ```
/// use tidings_sse::{EventId, InvalidField};
///
/// assert_eq!(EventId::new("42")?.header_value(), Some(&b"42"[..]));
/// assert_eq!(EventId::new("a\0b"), Err(InvalidField::Nul { at: 1 }));
/// # Ok::<(), InvalidField>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId<'a>(pub(crate) &'a str);

impl<'a> EventId<'a> {
    /// The empty ID: clients have no last event ID after it.
    pub const EMPTY: EventId<'static> = EventId("");

    /// Checks an event ID.
    ///
    /// # Errors
    /// [`InvalidField::LineBreak`] and [`InvalidField::Nul`].
    pub fn new(text: &'a str) -> Result<Self, InvalidField> {
        match memchr3(b'\r', b'\n', b'\0', text.as_bytes()) {
            None => Ok(Self(text)),
            Some(at) if text.as_bytes().get(at) == Some(&b'\0') => Err(InvalidField::Nul { at }),
            Some(at) => Err(InvalidField::LineBreak { at }),
        }
    }

    /// An event ID that is known when the program is compiled.
    ///
    /// # Panics
    /// Where [`new`](Self::new) fails. In a constant, the program then does not compile.
    #[must_use]
    pub const fn from_static(text: &'static str) -> EventId<'static> {
        assert!(is_line(text) && !has(b'\0', text), "the event ID has a line break or a NUL");
        EventId(text)
    }

    /// The ID as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns whether there is no ID.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a server gets back exactly this ID from a `Last-Event-ID` header.
    ///
    /// WHATWG HTML 9.2.4 sends any ID, as its UTF-8 bytes. But a header value cannot hold
    /// controls other than a tab (RFC 9110, 5.5), and loses spaces and tabs around it. An empty ID
    /// is never sent.
    #[must_use]
    pub fn fits_header(self) -> bool {
        let bytes = self.0.as_bytes();
        let outer_space = |byte: Option<&u8>| matches!(byte, None | Some(b' ' | b'\t'));
        !outer_space(bytes.first())
            && !outer_space(bytes.last())
            && bytes.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t')
    }

    /// The value for a `Last-Event-ID` header, if the ID [fits](Self::fits_header): UTF-8, so not
    /// always ASCII.
    #[must_use]
    pub fn header_value(self) -> Option<&'a [u8]> {
        self.fits_header().then_some(self.0.as_bytes())
    }
}

/// The text of a comment: no CR, no LF. May be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Comment<'a>(pub(crate) &'a str);

impl<'a> Comment<'a> {
    /// The shortest comment, to keep a connection alive.
    pub const EMPTY: Comment<'static> = Comment("");

    /// Checks a comment. Line breaks are refused, not split: a comment is one line.
    ///
    /// # Errors
    /// [`InvalidField::LineBreak`].
    pub fn new(text: &'a str) -> Result<Self, InvalidField> {
        refuse_line_breaks(text).map(Self)
    }

    /// A comment that is known when the program is compiled.
    ///
    /// # Panics
    /// Where [`new`](Self::new) fails. In a constant, the program then does not compile.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Comment<'static> {
        assert!(is_line(text), "the comment has a line break");
        Comment(text)
    }

    /// The comment as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

fn refuse_line_breaks(text: &str) -> Result<&str, InvalidField> {
    match memchr2(b'\r', b'\n', text.as_bytes()) {
        None => Ok(text),
        Some(at) => Err(InvalidField::LineBreak { at }),
    }
}

const fn is_line(text: &str) -> bool {
    !has(b'\r', text) && !has(b'\n', text)
}

const fn has(byte: u8, text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == byte {
            return true;
        }
        rest = after;
    }
    false
}

/// The reason why a text is not a valid value of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidField {
    /// There is a CR or an LF.
    LineBreak {
        /// Its place, in bytes.
        at: usize,
    },
    /// There is a NUL in an event ID.
    Nul {
        /// Its place, in bytes.
        at: usize,
    },
    /// The event type is empty.
    Empty,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineBreak { at } => {
                write!(f, "the text has a line break at byte {at}, where the stream needs one line")
            }
            Self::Nul { at } => write!(f, "the event ID has a NUL at byte {at}: clients ignore it"),
            Self::Empty => f.write_str("the event type is empty: leave it out instead"),
        }
    }
}

impl core::error::Error for InvalidField {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// E-032
    #[test]
    fn line_breaks_are_refused_where_a_line_is_needed() {
        for text in ["a\nb", "a\rb", "a\r\nb"] {
            let at_1 = InvalidField::LineBreak { at: 1 };
            assert_eq!(EventType::new(text), Err(at_1), "{text:?}");
            assert_eq!(EventId::new(text), Err(at_1), "{text:?}");
            assert_eq!(Comment::new(text), Err(at_1), "{text:?}");
        }
        assert_eq!(
            EventType::new("a\nid: 9\n\ndata: evil"),
            Err(InvalidField::LineBreak { at: 1 })
        );
    }

    /// E-032
    #[test]
    fn a_nul_is_refused_in_an_id_only() {
        assert_eq!(EventId::new("a\0b"), Err(InvalidField::Nul { at: 1 }));
        assert!(EventType::new("a\0b").is_ok());
        assert!(Comment::new("\0").is_ok());
    }

    /// E-032: the same, when the program is compiled.
    #[test]
    fn a_constant_is_checked_by_the_same_rules() {
        assert_eq!(EventType::from_static("a\0b"), EventType::new("a\0b").unwrap());
        assert_eq!(EventId::from_static(""), EventId::EMPTY);
        assert_eq!(Comment::from_static(""), Comment::EMPTY);
        let refused: [fn() -> &'static str; 6] = [
            || EventType::from_static("").as_str(),
            || EventType::from_static("a\r").as_str(),
            || EventType::from_static("\na").as_str(),
            || EventId::from_static("a\0b").as_str(),
            || EventId::from_static("\n").as_str(),
            || Comment::from_static("a\r\nb").as_str(),
        ];
        for make in refused {
            assert!(std::panic::catch_unwind(make).is_err());
        }
    }

    #[test]
    fn an_event_type_is_not_empty() {
        assert_eq!(EventType::new(""), Err(InvalidField::Empty));
        assert_eq!(EventId::new(""), Ok(EventId::EMPTY));
        assert_eq!(Comment::new(""), Ok(Comment::EMPTY));
    }

    /// WHATWG HTML 9.2.6: an `id` field with an empty value empties the last event ID.
    #[test]
    fn the_empty_id_is_not_an_id() {
        assert!(EventId::EMPTY.is_empty());
        assert!(EventId::new("").unwrap().is_empty());
        assert!(!EventId::new(" ").unwrap().is_empty());
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_where() {
        for (refused, text) in [
            (
                EventType::new("a\nb").map(drop),
                "the text has a line break at byte 1, where the stream needs one line",
            ),
            (EventId::new("ab\0").map(drop), "the event ID has a NUL at byte 2: clients ignore it"),
            (EventType::new("").map(drop), "the event type is empty: leave it out instead"),
        ] {
            assert_eq!(refused.unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn an_id_fits_a_header_if_it_comes_back_unchanged() {
        for text in ["1", "a b", "a\tb", "\u{2026}", "\u{A0}x\u{A0}", "a:b, \"c\"", "\u{85}"] {
            let id = EventId::new(text).unwrap();
            assert!(id.fits_header(), "{text:?}");
            assert_eq!(id.header_value(), Some(text.as_bytes()));
        }
        for text in ["", " a", "a ", "\ta", "a\t", " ", "a\u{1}b", "\u{7F}", "a\u{1B}"] {
            let id = EventId::new(text).unwrap();
            assert!(!id.fits_header(), "{text:?}");
            assert_eq!(id.header_value(), None);
        }
    }
}
