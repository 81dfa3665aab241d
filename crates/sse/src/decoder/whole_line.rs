//! Lines that are whole in the input, within their limits and well-formed: nearly all lines. Their
//! content stays in the input for as long as it can.

use memchr::{memchr, memchr2};

use super::{Decoder, Step};
use crate::{Storage, storage::Area, utf8};

/// Fields of the open event that still lie in the input.
#[derive(Default)]
pub(super) struct Borrowed<'i> {
    pub(super) event_type: Option<&'i str>,
    /// The value of the first `data` field, not yet checked to be UTF-8.
    pub(super) data: Option<&'i [u8]>,
}

/// The result for a line that is whole in the input.
pub(super) enum WholeLine<'i> {
    /// It is read.
    Read(Option<Step<'i>>),
    /// It is out of the ordinary: read it as an open line.
    Open,
}

impl<S: Storage> Decoder<S> {
    /// Reads a line that lies whole in the input, is not blank, and is within the limit.
    ///
    /// WHATWG HTML 9.2.6: field names are compared "literally, with no case folding performed".
    #[inline]
    pub(super) fn read_line<'i>(
        &mut self,
        line: &'i [u8],
        first: u8,
        borrowed: &mut Borrowed<'i>,
    ) -> WholeLine<'i> {
        match first {
            b'd' => match value(line, b"data") {
                Some(value) => self.read_data(value, borrowed),
                None => self.read_unknown_field(line),
            },
            b'e' => match value(line, b"event") {
                Some(value) => self.read_event_type(value, borrowed),
                None => self.read_unknown_field(line),
            },
            b'i' => match value(line, b"id") {
                Some(value) => self.read_id(value),
                None => self.read_unknown_field(line),
            },
            b'r' => match value(line, b"retry") {
                Some(_) => WholeLine::Open,
                None => self.read_unknown_field(line),
            },
            // "If the line starts with a U+003A COLON character (:): Ignore the line."
            b':' if self.report_comments => self.read_comment(line),
            b':' => WholeLine::Read(None),
            // "Otherwise: The field is ignored."
            _ => self.read_unknown_field(line),
        }
    }

    /// "data: Append the field value to the data buffer, then append a single U+000A LINE FEED (LF)
    /// character to the data buffer." Dispatching removes the last LF, so here it goes in front of
    /// each line but the first.
    #[inline]
    fn read_data<'i>(&mut self, value: &'i [u8], borrowed: &mut Borrowed<'i>) -> WholeLine<'i> {
        if self.skipping {
            return WholeLine::Read(None);
        }
        if self.report_data_chunks {
            return self.read_data_part(value);
        }
        if !self.has_data && borrowed.data.is_none() {
            if value.len() > self.limits.max_data_len {
                return WholeLine::Open;
            }
            borrowed.data = Some(value);
            return WholeLine::Read(None);
        }
        self.keep_data(borrowed);
        if value.len() >= self.limits.max_data_len - self.areas.data.len() {
            return WholeLine::Open; // there is no room for the LF and the value
        }
        self.areas.data.push(b"\n");
        self.areas.data.push(value);
        WholeLine::Read(None)
    }

    /// The first line of data, if it is one part; all else is read as an open line.
    fn read_data_part<'i>(&mut self, value: &'i [u8]) -> WholeLine<'i> {
        match utf8::validate(value) {
            Ok(text) if !self.has_data && text.len() <= self.max_chunks_len => {
                self.has_data = true;
                self.chunks_len = text.len();
                WholeLine::Read(if text.is_empty() {
                    None
                } else {
                    Some(Step::DataChunk(Some(text)))
                })
            }
            _ => WholeLine::Open,
        }
    }

    /// "event: Set the event type buffer to field value."
    fn read_event_type<'i>(
        &mut self,
        value: &'i [u8],
        borrowed: &mut Borrowed<'i>,
    ) -> WholeLine<'i> {
        if self.skipping {
            return WholeLine::Read(None);
        }
        match utf8::validate(value) {
            Ok(text) if text.len() <= self.limits.max_event_type_len => {
                borrowed.event_type = Some(text);
                WholeLine::Read(None)
            }
            _ => WholeLine::Open,
        }
    }

    /// "id: If the field value does not contain U+0000 NULL, then set the last event ID buffer to
    /// the field value. Otherwise, ignore the field."
    fn read_id<'i>(&mut self, value: &'i [u8]) -> WholeLine<'i> {
        if memchr(b'\0', value).is_some() {
            return WholeLine::Open;
        }
        match utf8::validate(value) {
            Ok(text) if text.len() <= self.limits.max_last_event_id_len => {
                self.areas.id_buffer.set_text(text);
                self.has_id = true;
                WholeLine::Read(None)
            }
            _ => WholeLine::Open,
        }
    }

    #[inline(never)]
    fn read_comment<'i>(&mut self, line: &'i [u8]) -> WholeLine<'i> {
        let text = line.strip_prefix(b":").unwrap_or(line);
        match utf8::validate(text.strip_prefix(b" ").unwrap_or(text)) {
            Ok(text) if text.len() <= self.limits.max_comment_len => {
                WholeLine::Read(Some(Step::Comment(Some(text))))
            }
            _ => WholeLine::Open,
        }
    }

    #[inline]
    fn read_unknown_field<'i>(&mut self, line: &'i [u8]) -> WholeLine<'i> {
        if !self.report_unknown_fields {
            return WholeLine::Read(None);
        }
        match utf8::validate(line) {
            Ok(text) if text.len() <= self.limits.max_comment_len => {
                WholeLine::Read(Some(Step::UnknownField(Some(text))))
            }
            _ => WholeLine::Open,
        }
    }

    /// Keeps the parts borrowed from the input, before the input goes away.
    #[inline(never)]
    pub(super) fn keep(&mut self, borrowed: &mut Borrowed<'_>) {
        if let Some(event_type) = borrowed.event_type.take() {
            self.has_event_type = !event_type.is_empty();
            self.areas.event_type.set_text(event_type);
        }
        self.keep_data(borrowed);
    }

    #[inline]
    pub(super) fn keep_data(&mut self, borrowed: &mut Borrowed<'_>) {
        if let Some(data) = borrowed.data.take() {
            self.areas.data.push(data);
            self.has_data = true;
        }
    }
}

/// The value of a line if its field has this name.
///
/// WHATWG HTML 9.2.6: the value is what comes after the first colon; "if value starts with a U+0020
/// SPACE character, remove it from value". A line without a colon is a name with an empty value.
#[inline]
pub(super) fn value<'i, const N: usize>(line: &'i [u8], name: &[u8; N]) -> Option<&'i [u8]> {
    match line.strip_prefix(name)? {
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        [] => Some(&[]),
        _ => None,
    }
}

/// Returns the end of the line: its first CR or LF.
#[inline]
pub(super) fn find_line_end(bytes: &[u8]) -> Option<usize> {
    let line_end = memchr2(b'\n', b'\r', bytes);
    #[cfg(test)]
    crate::work::count(line_end.map_or(bytes.len(), |at| at + 1));
    line_end
}
