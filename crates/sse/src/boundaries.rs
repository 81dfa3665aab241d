//! The boundaries between events, for code that passes an event stream on unread:
//! [`EventBoundaries`].

use memchr::memrchr2;

/// Follows a stream that is forwarded as it arrives, and finds its boundaries: the positions after
/// a blank line.
///
/// At a boundary, and nowhere else, a gateway can insert its own lines such as a keep-alive
/// comment, end the stream without cutting an event, or continue with another stream.
///
/// Memory is constant. Only the bytes of a chunk after its last boundary are read.
///
/// ```
/// use tidings_sse::EventBoundaries;
///
/// let mut boundaries = EventBoundaries::new();
/// assert_eq!(boundaries.feed(b"data: one\n\ndata: t"), Some(11));
/// assert!(!boundaries.at_boundary()); // a comment here would become data
/// assert_eq!(boundaries.feed(b"wo\n"), None);
/// assert_eq!(boundaries.feed(b"\n"), Some(1));
/// assert!(boundaries.at_boundary()); // a comment here changes nothing
/// ```
///
/// - CR, LF and CRLF end a line, wherever the stream is split. After the CR of a blank line there
///   is a boundary at once: an LF that follows is read as one more blank line, if something is
///   inserted before it.
/// - Before the first byte there is no boundary: a byte order mark may follow, which counts only at
///   the very start. Code that sends its own lines first, or appends a stream to another one, must
///   remove it.
/// - An event that a decoder skips, as it is over a limit, ends at a boundary like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventBoundaries {
    place: Place,
}

/// The position of the stream in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of the stream, after this many bytes of a byte order mark.
    StreamStart { matched: u8 },
    /// Within a line.
    Line,
    /// At the start of a line: after the byte order mark, or after a line end.
    LineStart {
        /// The last byte is a CR: an LF that follows belongs to it.
        after_cr: bool,
        /// The line that has ended was blank.
        after_blank: bool,
    },
}

impl EventBoundaries {
    /// At the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { place: Place::StreamStart { matched: 0 } }
    }

    /// Follows the stream through its next chunk. Returns the position of its last boundary in the
    /// chunk, if there is one: `chunk[..boundary]` ends after a blank line.
    pub fn feed(&mut self, chunk: &[u8]) -> Option<usize> {
        let rest = self.skip_byte_order_mark(chunk);
        let (&last, _) = rest.split_last()?;
        let before = self.place;
        self.place = match last {
            b'\n' | b'\r' => Place::LineStart {
                after_cr: last == b'\r',
                after_blank: ends_blank_line(rest, rest.len() - 1, before), // `rest` is not empty
            },
            _ => Place::Line,
        };
        let mut unread = rest;
        while let Some(at) = memrchr2(b'\n', b'\r', unread) {
            #[cfg(test)]
            crate::work::count(unread.len() - at);
            if ends_blank_line(rest, at, before) {
                let mark_len = chunk.len() - rest.len(); // `rest` is a tail of `chunk`
                return Some(mark_len + at + 1); // `at` is in `chunk`
            }
            debug_assert!(at < unread.len(), "a line end was found there");
            unread = unread.get(..at).unwrap_or_default();
        }
        #[cfg(test)]
        crate::work::count(unread.len());
        None
    }

    /// Returns whether the bytes so far end with a blank line: whole lines can be inserted here.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        matches!(self.place, Place::LineStart { after_blank: true, .. })
    }

    /// WHATWG HTML 9.2.6: the stream is decoded by "UTF-8 decode", which drops one byte order mark
    /// at the very start. A part of one is the start of a line.
    fn skip_byte_order_mark<'c>(&mut self, chunk: &'c [u8]) -> &'c [u8] {
        let mut rest = chunk;
        while let (Place::StreamStart { matched }, Some((&byte, after))) =
            (self.place, rest.split_first())
        {
            self.place = match (matched, byte) {
                (0, 0xEF) => Place::StreamStart { matched: 1 },
                (1, 0xBB) => Place::StreamStart { matched: 2 },
                (2, 0xBF) => Place::LineStart { after_cr: false, after_blank: false },
                (0, _) => {
                    self.place = Place::LineStart { after_cr: false, after_blank: false };
                    return rest;
                }
                _ => {
                    self.place = Place::Line;
                    return rest;
                }
            };
            rest = after;
        }
        rest
    }
}

impl Default for EventBoundaries {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns whether the CR or LF at `at` ends a blank line, or is the LF of a CRLF that does.
/// `before` is the position of the stream before these bytes.
fn ends_blank_line(bytes: &[u8], at: usize, before: Place) -> bool {
    let byte_before = at.checked_sub(1).and_then(|at| bytes.get(at));
    match (bytes.get(at), byte_before) {
        // One line end of two bytes: the LF ends the same line as its CR.
        (Some(b'\n'), Some(b'\r')) => ends_blank_line(bytes, at - 1, before), // there is a byte before
        (_, Some(byte)) => matches!(byte, b'\n' | b'\r'),
        (Some(b'\n'), None) => {
            matches!(
                before,
                Place::LineStart { after_cr: false, .. }
                    | Place::LineStart { after_blank: true, .. }
            )
        }
        (_, None) => matches!(before, Place::LineStart { .. }),
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::work;

    /// Returns the length of the input at each boundary, found byte by byte.
    fn boundaries(stream: &[u8]) -> Vec<usize> {
        let mut boundaries = EventBoundaries::new();
        let mut found = Vec::new();
        for (at, byte) in stream.chunks(1).enumerate() {
            let boundary = boundaries.feed(byte);
            assert_eq!(boundary, boundaries.at_boundary().then_some(1));
            found.extend(boundary.map(|len| at + len));
        }
        found
    }

    /// E-002, E-003, E-005
    #[test]
    fn a_boundary_follows_each_blank_line() {
        let cases: [(&[u8], &[usize]); 18] = [
            (b"", &[]),
            (b"\n", &[1]),
            (b"\r\n", &[1, 2]),
            (b"\n\n", &[1, 2]),
            (b"a\n", &[]),
            (b"a\n\nb", &[3]),
            (b"a\r\rb", &[3]),
            (b"a\r\nb\r\n", &[]),
            (b"a\r\n\r\nb", &[4, 5]),
            (b"a\n\rb", &[3]),
            (b"a\n\r\nb", &[3, 4]),
            (b"a\r\n\nb", &[4]),
            (b"a\n\n\n", &[3, 4]),
            (b"\xEF\xBB\xBF\n", &[4]),
            (b"\xEF\xBB\xBF\r\n", &[4, 5]),
            (b"\xEF\xBB\n\n", &[4]),
            (b"\xEF\n\xEF\xBB\xBF\n\n", &[7]),
            (b"\xEF\xBB\xBF\xEF\xBB\xBF\n", &[]),
        ];
        for (stream, expected) in cases {
            assert_eq!(boundaries(stream), expected, "{:?}", stream.escape_ascii());
        }
    }

    /// E-003: a byte order mark counts only at the very start, so that is not a boundary.
    #[test]
    fn there_is_no_boundary_before_the_first_byte() {
        let mut boundaries = EventBoundaries::default();
        assert_eq!(boundaries, EventBoundaries::new());
        assert!(!boundaries.at_boundary());
        assert_eq!(boundaries.feed(b""), None);
        assert_eq!(boundaries, EventBoundaries::new());
    }

    /// Every stream of these bytes, in every three chunks, as byte by byte.
    fn at_any_cut(max_len: u32) {
        const ALPHABET: [u8; 6] = [b'\r', b'\n', b'x', 0xEF, 0xBB, 0xBF];
        for len in 0..=max_len {
            for number in 0..6usize.pow(len) {
                let stream: Vec<u8> =
                    (0..len).map(|place| ALPHABET[number / 6usize.pow(place) % 6]).collect();
                let expected = boundaries(&stream);
                for first in 0..=stream.len() {
                    for second in first..=stream.len() {
                        let mut boundaries = EventBoundaries::new();
                        for (from, to) in [(0, first), (first, second), (second, stream.len())] {
                            let last = expected.iter().rfind(|at| (from + 1..=to).contains(*at));
                            let boundary = boundaries.feed(&stream[from..to]);
                            assert_eq!(boundary.map(|at| from + at), last.copied(), "{stream:?}");
                            assert_eq!(
                                boundaries.at_boundary(),
                                expected.contains(&to),
                                "{stream:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn boundaries_are_the_same_at_any_cut() {
        at_any_cut(4);
    }

    #[test]
    #[ignore = "exhaustive: run in release by CI"]
    fn exhaustive_boundaries_are_the_same_at_any_cut() {
        at_any_cut(8);
    }

    /// A chunk is read backwards, up to its last boundary, and never twice.
    #[test]
    fn no_more_is_read_than_what_is_after_the_last_boundary() {
        let work = |stream: &[u8]| {
            work::measure(|| {
                let mut boundaries = EventBoundaries::new();
                boundaries.feed(b"\n");
                boundaries.feed(stream);
            })
        };
        let events = b"data: 1\n\n".repeat(1000);
        assert_eq!(work(&events), 2);
        let one_event = b"data: 1\r\n".repeat(1000);
        assert_eq!(work(&one_event), one_event.len() + 1);
        let one_line = [b'x'; 1000];
        assert_eq!(work(&one_line), one_line.len() + 1);
    }
}
