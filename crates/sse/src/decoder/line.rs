//! Open lines: lines that the input cuts, and lines that are out of the ordinary (over a limit,
//! malformed UTF-8, data in parts). They are read byte range by byte range, to the same effect
//! wherever the cuts are.

use memchr::memchr;

use super::{
    Decoder, Step,
    whole_line::{find_line_end, value},
};
use crate::{
    Limit, ReconnectionTime, Storage,
    storage::Area,
    utf8::{self, Decoded},
};

/// The position of the stream in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// At the start of the stream, after this many bytes of a byte order mark.
    StreamStart { matched: u8 },
    /// At the start of a line, after a CR: an LF that follows belongs to it.
    AfterCr,
    /// At the start of a line.
    Start,
    /// Within the first bytes, which may become the name of a field.
    Name { name: [u8; MAX_NAME_LEN], len: usize },
    /// After the colon: one space is still to be dropped.
    ValueStart(Field),
    /// Within the value.
    Value(Field),
    /// Within a line whose rest does not matter.
    Ignored,
    /// Within a line that is over its limit.
    TooLong,
}

/// `event` and `retry` are the longest names.
const MAX_NAME_LEN: usize = 5;

/// The fields that mean something, and comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Data,
    EventType,
    Id,
    Retry,
    Comment,
    /// A field without a meaning, of which the whole line is kept.
    Unknown,
}

impl Field {
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"data" => Some(Self::Data),
            b"event" => Some(Self::EventType),
            b"id" => Some(Self::Id),
            b"retry" => Some(Self::Retry),
            b"" => Some(Self::Comment),
            _ => None,
        }
    }
}

/// After a malformed sequence, look no further than this for the end of the next data part, so that
/// a long line full of such sequences is not searched again for each of them.
const MIN_CHUNK_WINDOW: usize = 32;

impl<S: Storage> Decoder<S> {
    /// A line begins, and is to be [fed](Self::feed_line).
    pub(super) fn open_line(&mut self) {
        self.line = Line::Name { name: [0; MAX_NAME_LEN], len: 0 };
        self.line_len = 0;
    }

    /// Continues a line that is open, or the start of the stream. `rest` is not empty.
    #[inline(never)]
    pub(super) fn resume_line<'i>(&mut self, rest: &mut &'i [u8]) -> Option<Step<'i>> {
        if let Line::StreamStart { matched } = self.line {
            self.skip_byte_order_mark(matched, rest);
            return None;
        }
        let in_data = self.line == Line::Value(Field::Data);
        let window =
            if in_data && self.report_data_chunks { self.chunk_window } else { usize::MAX };
        let looked_at = rest.get(..window).unwrap_or(rest);
        let line_end = find_line_end(looked_at);
        if in_data && !self.report_data_chunks && self.resume_data(rest, line_end) {
            return None;
        }
        let mut piece = looked_at.get(..line_end.unwrap_or(looked_at.len())).unwrap_or_default();
        let piece_len = piece.len();
        let step = self.feed_line(&mut piece, line_end.is_some());
        let fed_len = piece_len - piece.len();
        debug_assert!(fed_len <= rest.len(), "the piece is the front of the rest");
        *rest = rest.get(fed_len..).unwrap_or_default();
        if step.is_some() || line_end.is_none() {
            return step;
        }
        let step = self.close_line();
        self.end_line(rest);
        step
    }

    /// The short way through a line of data that the input cuts and that is within its limits.
    /// Returns whether it was taken.
    #[inline]
    pub(super) fn open_data(&mut self, line: &[u8]) -> bool {
        let Some(value) = value(line, b"data") else { return false };
        // Without a value, a space that is to be dropped may still come.
        if value.is_empty() || self.skipping || self.report_data_chunks {
            return false;
        }
        let line_break: &[u8] = if self.has_data { b"\n" } else { b"" };
        let room = self.limits.max_data_len - self.areas.data.len(); // it holds no more
        if line.len() > self.limits.max_line_len || value.len() + line_break.len() > room {
            return false;
        }
        self.areas.data.push(line_break);
        self.areas.data.push(value);
        self.has_data = true;
        self.line = Line::Value(Field::Data);
        self.line_len = line.len();
        true
    }

    /// The same for the bytes after the cut.
    #[inline]
    fn resume_data(&mut self, rest: &mut &[u8], line_end: Option<usize>) -> bool {
        let split = line_end.and_then(|end| rest.split_at_checked(end));
        let (piece, after) = split.unwrap_or((rest, &[]));
        let line_room = self.limits.max_line_len - self.line_len; // it is no longer
        let data_room = self.limits.max_data_len - self.areas.data.len(); // it holds no more
        if piece.len() > line_room.min(data_room) {
            return false;
        }
        self.areas.data.push(piece);
        self.line_len += piece.len(); // up to the limit
        *rest = after;
        if line_end.is_some() {
            self.end_line(rest);
        }
        true
    }

    /// Encoding, "UTF-8 decode": one leading byte order mark is dropped, also if it is cut.
    fn skip_byte_order_mark(&mut self, mut matched: u8, rest: &mut &[u8]) {
        const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
        while let Some(&expected) = BYTE_ORDER_MARK.get(usize::from(matched)) {
            match rest.split_first() {
                None => {
                    self.line = Line::StreamStart { matched };
                    return;
                }
                Some((&byte, after)) if byte == expected => {
                    *rest = after;
                    matched += 1;
                }
                Some(_) if matched == 0 => break,
                // A part of a mark is the start of a field name that nobody knows.
                Some(_) => {
                    self.line = Line::Ignored;
                    self.line_len = usize::from(matched);
                    return;
                }
            }
        }
        self.line = Line::Start;
    }

    /// Reads `piece`, the next bytes of the open line, none of them a line end. Moves it past the
    /// bytes that were read, which are all of it if there is no step to report. `line_ends` says
    /// that the line ends after the piece.
    #[inline(never)]
    pub(super) fn feed_line<'i>(
        &mut self,
        piece: &mut &'i [u8],
        line_ends: bool,
    ) -> Option<Step<'i>> {
        loop {
            // What is not kept may be of any length.
            if matches!(self.line, Line::TooLong | Line::Ignored) {
                *piece = &[];
                return None;
            }
            debug_assert!(self.line_len <= self.limits.max_line_len, "a longer line is TooLong");
            let room = self.limits.max_line_len.saturating_sub(self.line_len);
            let (now, later) = piece.split_at_checked(room).unwrap_or((*piece, &[]));
            let Some(&first) = now.first() else {
                let step = if later.is_empty() {
                    return if line_ends { self.end_value() } else { None };
                } else {
                    self.line = Line::TooLong;
                    self.overflow(Limit::Line)
                };
                match step {
                    None => continue,
                    step => return step,
                }
            };
            let mut left = now;
            let step = match self.line {
                Line::Name { name, len } => self.read_name(name, len, &mut left),
                Line::ValueStart(field) => {
                    if first == b' ' {
                        left = now.get(1..).unwrap_or_default();
                    }
                    self.line = Line::Value(field);
                    None
                }
                Line::Value(Field::Data) if self.report_data_chunks => self.read_chunk(&mut left),
                Line::Value(field) => {
                    left = &[];
                    self.read_value(field, now)
                }
                _ => {
                    left = &[];
                    None
                }
            };
            let read_len = now.len() - left.len(); // `left` is a tail of `now`
            self.line_len = self.line_len.saturating_add(read_len);
            debug_assert!(read_len <= piece.len(), "what was read is the front of the piece");
            *piece = piece.get(read_len..).unwrap_or_default();
            if step.is_some() {
                return step;
            }
        }
    }

    /// Reads bytes that are still part of the name, and the colon after it.
    fn read_name<'i>(
        &mut self,
        mut name: [u8; MAX_NAME_LEN],
        mut len: usize,
        bytes: &mut &[u8],
    ) -> Option<Step<'i>> {
        while let Some((&byte, after)) = bytes.split_first() {
            *bytes = after;
            if byte == b':' {
                let known = Field::named(name.get(..len).unwrap_or_default()).is_some();
                return match known {
                    true => self.begin_value(name, len),
                    false => self.begin_unknown(&name, len, b":"),
                };
            }
            let Some(place) = name.get_mut(len) else {
                return self.begin_unknown(&name, len, &[byte]);
            };
            *place = byte;
            len += 1; // at most the length of `name`
        }
        self.line = Line::Name { name, len };
        None
    }

    /// The name is known.
    fn begin_value<'i>(&mut self, name: [u8; MAX_NAME_LEN], len: usize) -> Option<Step<'i>> {
        self.line = Line::Ignored;
        debug_assert!(len <= name.len(), "no more of a name is kept");
        let Some(field) = Field::named(name.get(..len).unwrap_or_default()) else {
            return self.begin_unknown(&name, len, b"");
        };
        match field {
            Field::Data | Field::EventType if self.skipping => return None,
            Field::Comment if !self.report_comments => return None,
            Field::Data => {
                self.line = Line::ValueStart(field);
                if core::mem::replace(&mut self.has_data, true) {
                    return self.join_data();
                }
            }
            Field::EventType => {
                self.areas.event_type.clear();
                self.has_event_type = false;
            }
            Field::Id => self.areas.id_field.clear(),
            Field::Retry => self.retry = None,
            Field::Comment => self.areas.comment.clear(),
            Field::Unknown => {
                debug_assert!(false, "no name is that of this field");
                return None;
            }
        }
        self.line = Line::ValueStart(field);
        None
    }

    /// The name has no meaning. `more` of the line was read.
    fn begin_unknown<'i>(&mut self, name: &[u8], len: usize, more: &[u8]) -> Option<Step<'i>> {
        self.line = Line::Ignored;
        if !self.report_unknown_fields {
            return None;
        }
        self.areas.comment.clear();
        self.line = Line::Value(Field::Unknown);
        for part in [name.get(..len).unwrap_or_default(), more] {
            let step = self.read_value(Field::Unknown, part);
            if step.is_some() {
                return step;
            }
        }
        None
    }

    /// The LF between two lines of data.
    fn join_data<'i>(&mut self) -> Option<Step<'i>> {
        if self.report_data_chunks {
            return self.chunk("\n");
        }
        if self.areas.data.len() >= self.limits.max_data_len {
            self.line = Line::Ignored;
            return self.overflow(Limit::Data);
        }
        self.areas.data.push(b"\n");
        None
    }

    /// Reads bytes of a value.
    fn read_value<'i>(&mut self, field: Field, bytes: &[u8]) -> Option<Step<'i>> {
        let (area, max_len, limit) = match field {
            Field::Data => (&mut self.areas.data, self.limits.max_data_len, Limit::Data),
            Field::EventType => {
                (&mut self.areas.event_type, self.limits.max_event_type_len, Limit::EventType)
            }
            Field::Id => {
                (&mut self.areas.id_field, self.limits.max_last_event_id_len, Limit::LastEventId)
            }
            Field::Comment | Field::Unknown => {
                (&mut self.areas.comment, self.limits.max_comment_len, Limit::Comment)
            }
            Field::Retry => {
                self.read_retry(bytes);
                return None;
            }
        };
        let (fits, over) =
            bytes.split_at_checked(max_len.saturating_sub(area.len())).unwrap_or((bytes, &[]));
        // "If the field value does not contain U+0000 NULL [...] Otherwise, ignore the field."
        if field == Field::Id && memchr(b'\0', fits).is_some() {
            self.line = Line::Ignored;
            return None;
        }
        if !over.is_empty() {
            area.clear();
            self.line = Line::Ignored;
            return self.overflow(limit);
        }
        area.push(bytes);
        None
    }

    /// "retry: If the field value consists of only ASCII digits, then interpret the field value as
    /// an integer in base ten [...] Otherwise, ignore the field."
    fn read_retry(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !byte.is_ascii_digit() {
                self.line = Line::Ignored;
                return;
            }
            // The integer is unbounded in the standard; beyond a u64 it saturates.
            let digit = u64::from(byte - b'0');
            self.retry = Some(self.retry.unwrap_or(0).saturating_mul(10).saturating_add(digit));
        }
    }

    /// The value is read to its end: returns the step that must be reported before the line can be
    /// closed.
    fn end_value<'i>(&mut self) -> Option<Step<'i>> {
        match self.line {
            // "Otherwise, the string is not empty but does not contain a U+003A COLON character:
            // Process the field [...] using the whole line as the field name, and the empty string
            // as the field value."
            Line::Name { name, len } => self.begin_value(name, len),
            // A line end breaks a sequence like any other byte.
            Line::Value(Field::Data) if self.carry.end() => self.chunk(utf8::REPLACEMENT),
            _ => None,
        }
    }

    /// The line is over: its field takes effect.
    fn close_line<'i>(&mut self) -> Option<Step<'i>> {
        let (Line::Value(field) | Line::ValueStart(field)) = self.line else { return None };
        match field {
            Field::Data => None,
            Field::EventType => {
                self.has_event_type = self.areas.event_type.len() > 0;
                match self.areas.event_type.make_text(self.limits.max_event_type_len) {
                    Ok(()) => None,
                    Err(_) => self.overflow(Limit::EventType),
                }
            }
            Field::Id => self.set_id_buffer(),
            // "Only ASCII digits" is true of an empty value, but that is not an integer. It
            // is ignored.
            Field::Retry => {
                let time = ReconnectionTime::from_ms(self.retry?);
                self.reconnection_time = Some(time);
                Some(Step::Retry(time))
            }
            Field::Comment => match self.areas.comment.make_text(self.limits.max_comment_len) {
                Ok(()) => Some(Step::Comment(None)),
                Err(_) => self.overflow(Limit::Comment),
            },
            Field::Unknown => match self.areas.comment.make_text(self.limits.max_comment_len) {
                Ok(()) => Some(Step::UnknownField(None)),
                Err(_) => self.overflow(Limit::Comment),
            },
        }
    }

    /// Makes the finished `id` field the last event ID buffer.
    fn set_id_buffer<'i>(&mut self) -> Option<Step<'i>> {
        let max_len = self.limits.max_last_event_id_len;
        if self.areas.id_field.make_text(max_len).is_err() {
            return self.overflow(Limit::LastEventId);
        }
        core::mem::swap(&mut self.areas.id_field, &mut self.areas.id_buffer);
        self.has_id = true;
        None
    }

    /// Takes the next data chunk off `bytes`.
    fn read_chunk<'i>(&mut self, bytes: &mut &'i [u8]) -> Option<Step<'i>> {
        let before = *bytes;
        match self.carry.decode(bytes)? {
            Decoded::Input(text) => {
                let all = text.len() == before.len();
                self.chunk_window =
                    if all { self.chunk_window.saturating_mul(8) } else { MIN_CHUNK_WINDOW };
                let room = self.max_chunks_len - self.chunks_len;
                if text.len() <= room {
                    return self.chunk(text);
                }
                // The part that fits is still delivered, however the input is split.
                let len = (0..=room).rev().find(|len| text.is_char_boundary(*len)).unwrap_or(0);
                let fits = text.get(..len).unwrap_or_default();
                if fits.is_empty() {
                    return self.chunk(text);
                }
                *bytes = before.get(len..).unwrap_or_default();
                self.chunk(fits)
            }
            Decoded::Character => {
                let len = self.carry.character().len();
                self.count_chunk(len, None)
            }
            Decoded::Replacement => {
                self.chunk_window = MIN_CHUNK_WINDOW;
                self.chunk(utf8::REPLACEMENT)
            }
        }
    }

    fn chunk<'i>(&mut self, text: &'i str) -> Option<Step<'i>> {
        self.count_chunk(text.len(), Some(text))
    }

    fn count_chunk<'i>(&mut self, len: usize, text: Option<&'i str>) -> Option<Step<'i>> {
        if len > self.max_chunks_len - self.chunks_len {
            self.line = Line::Ignored;
            return self.overflow(Limit::Data);
        }
        self.chunks_len += len; // up to the limit
        Some(Step::DataChunk(text))
    }
}
