//! An event that has begun and is not complete: [`BegunEvent`].

use super::mark::BYTE_ORDER_MARK;

/// The fields that are part of an event. A comment, `retry` and unknown fields need no blank line
/// (WHATWG HTML 9.2.6).
const EVENT_FIELDS: [&[u8]; 3] = [b"data", b"event", b"id"];
/// The length of the byte order mark and the longest name.
const MAX_NAME_LEN: usize = 8;

/// Reads the names of the fields after the last boundary, up to the first that is part of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct BegunEvent {
    has_field: bool,
    line: Line,
    /// In the first line of the stream.
    may_have_mark: bool,
}

/// Where in a line the stream stands.
#[derive(Clone, Copy, Debug)]
enum Line {
    /// In the name of a field, after these bytes.
    Name { bytes: [u8; MAX_NAME_LEN], len: usize },
    /// In a line whose field makes no event.
    Other,
}

impl BegunEvent {
    /// At the start of a stream.
    pub(super) const fn new() -> Self {
        Self { has_field: false, line: Line::START, may_have_mark: true }
    }

    /// A blank line has ended the event.
    pub(super) fn end(&mut self) {
        *self = Self { may_have_mark: false, ..Self::new() };
    }

    /// Follows the stream through bytes without a blank line.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let (false, Some((&byte, rest))) = (self.has_field, bytes.split_first()) {
            bytes = rest;
            match (&mut self.line, byte) {
                (_, b'\n' | b'\r') => self.end_line(),
                (Line::Other, _) => {
                    let line_end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                    bytes = line_end.and_then(|at| rest.get(at..)).unwrap_or_default();
                }
                (Line::Name { .. }, b':') => {
                    self.has_field = EVENT_FIELDS.contains(&self.name());
                    self.line = Line::Other;
                }
                (Line::Name { bytes, len }, byte) => match bytes.get_mut(*len) {
                    Some(place) => {
                        *place = byte;
                        *len = len.saturating_add(1);
                    }
                    None => self.line = Line::Other,
                },
            }
        }
    }

    /// Returns whether the end of the stream would cut an event. A name that is cut counts as the event's if
    /// it may be.
    pub(super) fn is_begun(&self) -> bool {
        let name = self.name();
        let may_be = || EVENT_FIELDS.iter().any(|field| field.starts_with(name));
        self.has_field || (!name.is_empty() && may_be())
    }

    fn end_line(&mut self) {
        self.has_field = EVENT_FIELDS.contains(&self.name());
        self.line = Line::START;
        self.may_have_mark = false;
    }

    /// The name so far, in a line that may have one.
    fn name(&self) -> &[u8] {
        let Line::Name { bytes, len } = &self.line else { return &[] };
        let name = bytes.get(..*len).unwrap_or_default();
        match name.strip_prefix(BYTE_ORDER_MARK) {
            Some(name) if self.may_have_mark => name,
            _ => name,
        }
    }
}

impl Line {
    const START: Self = Self::Name { bytes: [0; MAX_NAME_LEN], len: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether an event has begun after these bytes, which is the same at any cut.
    fn is_begun(stream: &str) -> bool {
        let bytes = stream.as_bytes();
        let begun = |parts: [&[u8]; 2]| {
            let mut event = BegunEvent::new();
            parts.iter().for_each(|part| event.feed(part));
            event.is_begun()
        };
        let whole = begun([bytes, b""]);
        for cut in 0..bytes.len() {
            assert_eq!(begun([&bytes[..cut], &bytes[cut..]]), whole, "{stream:?} cut at {cut}");
        }
        whole
    }

    #[test]
    fn only_the_fields_of_an_event_begin_one() {
        for stream in [
            "data",
            "data: a",
            "data:a\n",
            "data\n",
            "event: x",
            "id\r",
            ": c\ndata: a",
            "da",
            "i",
            "retry: 5\nid: 1\n: c\n",
            "\u{FEFF}data: a",
            "\u{FEFF}event:\n",
            "\r\n\nid:",
            ":\u{FEFF}\ne",
        ] {
            assert!(is_begun(stream), "{stream:?}");
        }
        for stream in [
            "",
            "\u{FEFF}",
            ":",
            ": data: a",
            ": a\n",
            "retry: 5\n",
            "retry: 5",
            "re",
            "x",
            "datas: a\n",
            "eventual",
            " data: a",
            "a\u{FEFF}data: a",
            "\n\u{FEFF}data: a",
            "\u{FEFF}: c\n",
            "\u{FEFF}\u{FEFF}id: a",
            "very long name: data\n: c",
        ] {
            assert!(!is_begun(stream), "{stream:?}");
        }
    }

    #[test]
    fn the_end_of_an_event_is_a_new_beginning() {
        let mut event = BegunEvent::new();
        event.feed(b"data: a\n");
        event.end();
        assert!(!event.is_begun());
        event.feed(b": c\nid");
        assert!(event.is_begun());
        event.end();
        event.feed("\u{FEFF}data: a".as_bytes());
        assert!(!event.is_begun(), "the mark counts at the start alone");
    }
}
