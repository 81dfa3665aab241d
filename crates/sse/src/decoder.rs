//! The decoder: an event stream in, [`Item`]s out. The way in is [`Decoder::decode`].
//!
//! An event of one line is read right there. All others go line by line: a line that is whole in
//! the input through [`whole_line`], which leaves its content in place; a line that is split by the
//! input, and every unusual case, through [`line`].

mod end;
mod line;
#[cfg(test)]
mod tests;
mod whole_line;

use core::fmt;

#[cfg(feature = "alloc")]
use crate::GrowableStorage;
use crate::{
    EventEnd, EventId, Item, Limit, LimitExceeded, Limits, MessageEvent, ReconnectionTime, Storage,
    storage::{Area, Areas},
    utf8::{self, Carry},
};
use line::{Field, Line};
use whole_line::{Borrowed, WholeLine, find_line_end, value};

/// Decodes an event stream, after WHATWG HTML 9.2.5 and 9.2.6.
///
/// The stream is passed in slices, split anywhere. No byte sequence is an error; exceeding a
/// [limit](Limits) costs one event. An event is returned at the very byte that ends its blank line.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use tidings_sse::{Decoder, Item};
///
/// let mut decoder = Decoder::new();
/// let mut received = Vec::new();
/// for mut slice in [&b"data: one\r"[..], b"\n\r\nid: 7\nda", b"ta: two\n\n"] {
///     while let Some(item) = decoder.decode(&mut slice) {
///         if let Item::Event(event) = item {
///             received.push(event.data.to_owned());
///         }
///     }
/// }
/// assert_eq!(received, ["one", "two"]);
/// assert_eq!(decoder.last_event_id(), "7");
/// # }
/// ```
pub struct Decoder<S: Storage> {
    areas: Areas<S::Area>,
    /// At most the size of the areas.
    limits: Limits,
    report_comments: bool,
    report_unknown_fields: bool,
    report_data_chunks: bool,

    /// The position of the stream in a line.
    line: Line,
    /// Bytes of the open line.
    line_len: usize,
    /// Bytes since the last blank line.
    open_len: u64,

    /// The open event has a `data` field.
    has_data: bool,
    /// The open event has an event type in the area.
    has_event_type: bool,
    /// The open event has set the last event ID buffer.
    has_id: bool,
    /// The open event went over a limit: nothing of it is dispatched.
    skipping: bool,
    /// The areas hold the event that was returned last.
    returned: bool,

    /// Length of the data chunks of the open event.
    chunks_len: usize,
    /// [`Limits::max_data_len`] as it was given: chunks do not need the data area.
    max_chunks_len: usize,
    /// The length of input that is searched for the next data chunk.
    chunk_window: usize,
    /// A character that the input cuts within a data chunk.
    carry: Carry,
    /// The digits of an open `retry` field.
    retry: Option<u64>,

    reconnection_time: Option<ReconnectionTime>,
}

/// The type of an event whose event type buffer is empty.
const DEFAULT_EVENT_TYPE: &str = "message";

/// The way in which an event stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOfStream {
    /// Between events: all that came was delivered.
    BetweenEvents,
    /// Inside an event, which is therefore not dispatched.
    InsideEvent {
        /// Bytes since the last blank line.
        dropped_len: u64,
    },
}

#[cfg(feature = "alloc")]
impl Decoder<GrowableStorage> {
    /// A decoder on the heap with [`Limits::DEFAULT`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::DEFAULT)
    }

    /// A decoder on the heap with limits of the caller's choice.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self::with_storage(GrowableStorage::new(), limits)
    }
}

#[cfg(feature = "alloc")]
impl Default for Decoder<GrowableStorage> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Storage> Decoder<S> {
    /// Creates a decoder that keeps its data in `storage`.
    #[must_use]
    pub fn with_storage(storage: S, limits: Limits) -> Self {
        let areas = storage.into_areas();
        let max_id_len = areas.id_string.max_len().min(areas.id_field.max_len());
        let max_chunks_len = limits.max_data_len;
        let limits = Limits {
            max_line_len: limits.max_line_len,
            max_data_len: limits.max_data_len.min(areas.data.max_len()),
            max_event_type_len: limits.max_event_type_len.min(areas.event_type.max_len()),
            max_last_event_id_len: limits.max_last_event_id_len.min(max_id_len),
            max_comment_len: limits.max_comment_len.min(areas.comment.max_len()),
        };
        Self {
            areas,
            limits,
            report_comments: false,
            report_unknown_fields: false,
            report_data_chunks: false,
            line: Line::StreamStart { matched: 0 },
            line_len: 0,
            open_len: 0,
            has_data: false,
            has_event_type: false,
            has_id: false,
            skipping: false,
            returned: false,
            chunks_len: 0,
            max_chunks_len,
            chunk_window: usize::MAX,
            carry: Carry::default(),
            retry: None,
            reconnection_time: None,
        }
    }

    /// Also returns comments, as [`Item::Comment`], for example as a sign of life. By default they
    /// are skipped.
    #[must_use]
    pub fn report_comments(self) -> Self {
        Self { report_comments: true, ..self }
    }

    /// Also returns each line whose field has no meaning in the standard, as
    /// [`Item::UnknownField`]: for servers that extend the standard. By default these lines are
    /// skipped. Their length has the same limit as that of a comment.
    ///
    /// ```
    /// # #[cfg(feature = "alloc")] {
    /// use tidings_sse::{Decoder, Item};
    ///
    /// let mut decoder = Decoder::new().report_unknown_fields();
    /// let mut input: &[u8] = b"trace: 7\ndata: hello\n\n";
    /// assert_eq!(decoder.decode(&mut input), Some(Item::UnknownField("trace: 7")));
    /// assert!(matches!(decoder.decode(&mut input), Some(Item::Event(_))));
    /// # }
    /// ```
    #[must_use]
    pub fn report_unknown_fields(self) -> Self {
        Self { report_unknown_fields: true, ..self }
    }

    /// Returns data as it arrives, as [`Item::DataChunk`], and [`Item::EventEnd`] where it is
    /// dispatched, so that an event of any length needs constant memory. Limits still apply; raise
    /// [`Limits::max_line_len`] and [`Limits::max_data_len`] as needed.
    ///
    /// ```
    /// # #[cfg(feature = "alloc")] {
    /// use tidings_sse::{Decoder, Item};
    ///
    /// let mut decoder = Decoder::new().report_data_chunks();
    /// let mut first: &[u8] = b"data: once upon";
    /// assert_eq!(decoder.decode(&mut first), Some(Item::DataChunk("once upon")));
    /// let mut second: &[u8] = b" a time\n\n";
    /// assert_eq!(decoder.decode(&mut second), Some(Item::DataChunk(" a time")));
    /// assert!(matches!(decoder.decode(&mut second), Some(Item::EventEnd(_))));
    /// # }
    /// ```
    #[must_use]
    pub fn report_data_chunks(self) -> Self {
        Self { report_data_chunks: true, ..self }
    }

    /// Decodes up to the next item, and moves `input` past what it consumed. `None` means that
    /// `input` is consumed to its end. Call again with the same `input` until then.
    ///
    /// Work and memory are linear in the input, however it is cut: each byte is searched once, and
    /// copied at most once where it is UTF-8. An event with one `data` line that lies whole in
    /// `input` is not copied.
    #[inline(always)] // An item returned through memory costs as much as a short event.
    pub fn decode<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8]) -> Option<Item<'d>> {
        let mut first_line_end = None;
        if let (true, Some(value)) = (self.expects_whole_event(), value(input, b"data")) {
            // Most events of most streams are one line of data.
            let line_end = find_line_end(value);
            if let Some((data, after)) = self.whole_event(value, line_end) {
                *input = after;
                self.open_len = 0;
                let last_event_id = self.last_event_id();
                return Some(Item::Event(MessageEvent {
                    event_type: DEFAULT_EVENT_TYPE,
                    data,
                    last_event_id,
                }));
            }
            let name_len = input.len() - value.len(); // `value` is a tail of `input`
            first_line_end = Some(line_end.map(|end| end + name_len));
        }
        self.decode_lines(input, first_line_end)
    }

    /// Returns the last event ID string: that of the last event whose blank line was seen, or the
    /// one that was [set](Self::set_last_event_id). A reconnection sends it as `Last-Event-ID`.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.areas.id_string.text()
    }

    /// Sets the last event ID string, for a stream that continues an earlier one.
    ///
    /// # Errors
    /// [`LimitExceeded`] if the ID is over the limit or larger than its area. The old one stays.
    pub fn set_last_event_id(&mut self, id: EventId<'_>) -> Result<(), LimitExceeded> {
        let max_len = self.limits.max_last_event_id_len;
        if id.as_str().len() > max_len {
            return Err(LimitExceeded { limit: Limit::LastEventId, max_len });
        }
        self.areas.id_string.set_text(id.as_str());
        Ok(())
    }

    /// Returns the value of the last valid `retry` field, unchanged. See [`RetryClamp`].
    ///
    /// [`RetryClamp`]: crate::RetryClamp
    #[must_use]
    pub fn reconnection_time(&self) -> Option<ReconnectionTime> {
        self.reconnection_time
    }

    /// The event that the stream is in the middle of, as far as its data has come; of a line that is
    /// cut, too. For a stream that is over, before [`finish`](Self::finish): some servers do not end
    /// their last event with a blank line. By the standard such an event is dropped.
    ///
    /// Its ID is that of the event before, because a resumed stream sends the event again.
    /// Nothing is returned for an event that is over a limit, or whose data is
    /// [reported in chunks](Self::report_data_chunks).
    ///
    /// ```
    /// # #[cfg(feature = "alloc")] {
    /// use tidings_sse::{Decoder, EndOfStream};
    ///
    /// let mut decoder = Decoder::new();
    /// let mut input: &[u8] = b"event: done\ndata: the las";
    /// assert!(decoder.decode(&mut input).is_none());
    /// let event = decoder.unfinished().unwrap();
    /// assert_eq!((event.event_type, event.data), ("done", "the las"));
    /// assert_eq!(decoder.finish(), EndOfStream::InsideEvent { dropped_len: 25 });
    /// # }
    /// ```
    pub fn unfinished(&mut self) -> Option<MessageEvent<'_>> {
        if !self.has_data || self.skipping || self.returned || self.report_data_chunks {
            return None;
        }
        self.areas.data.make_text(self.limits.max_data_len).ok()?;
        // A type whose line is cut is not known.
        let is_typed = self.has_event_type && self.line != Line::Value(Field::EventType);
        let event_type = if is_typed { self.areas.event_type.text() } else { DEFAULT_EVENT_TYPE };
        Some(MessageEvent {
            event_type,
            data: self.areas.data.text(),
            last_event_id: self.last_event_id(),
        })
    }

    /// Ends the stream: returns how it ended, and prepares the decoder for the next one.
    ///
    /// An unfinished event is discarded. The last event ID string and the reconnection time stay.
    pub fn finish(&mut self) -> EndOfStream {
        // WHATWG HTML 9.2.6: "Once the end of the file is reached, any pending data must be
        // discarded." (An unterminated last line is pending data too, so its field is not
        // processed. A CR as the very last byte is a line end.)
        let between = matches!(self.line, Line::Start | Line::AfterCr)
            || matches!(self.line, Line::StreamStart { matched: 0 });
        let pending = self.has_data || self.has_event_type || self.has_id || self.skipping;
        let end = if between && !pending {
            EndOfStream::BetweenEvents
        } else {
            EndOfStream::InsideEvent { dropped_len: self.open_len }
        };
        self.discard_event();
        self.areas.comment.clear();
        // The standard gives each stream a new, empty last event ID buffer. Read literally,
        // the first event without an ID would then wipe the last event ID string, against the note
        // under "dispatch the event" that such an event keeps "the last seen" value. So the buffer
        // of the next stream starts as the string; here, as an unset buffer.
        self.has_id = false;
        self.skipping = false;
        self.open_len = 0;
        self.line_len = 0;
        self.line = Line::StreamStart { matched: 0 };
        end
    }

    /// Returns whether the open event has not begun, and is to be returned whole.
    #[inline]
    fn expects_whole_event(&self) -> bool {
        let begun = self.has_data | self.has_event_type | self.has_id | self.skipping;
        self.line == Line::Start && !(begun | self.returned | self.report_data_chunks)
    }

    /// Returns the data of an event that is one line, and the rest after the event. `value` begins
    /// after the name of that line, which ends at `line_end`.
    #[inline]
    fn whole_event<'i>(
        &self,
        value: &'i [u8],
        line_end: Option<usize>,
    ) -> Option<(&'i str, &'i [u8])> {
        let (data, after) = value.split_at_checked(line_end?)?;
        let after = match after {
            [b'\n', b'\n', after @ ..] | [b'\r', b'\n', b'\r', b'\n', after @ ..] => after,
            _ => return None,
        };
        let line_len = data.len().saturating_add(b"data: ".len());
        if line_len > self.limits.max_line_len || data.len() > self.limits.max_data_len {
            return None;
        }
        Some((utf8::validate(data).ok()?, after))
    }

    /// Decodes up to the next item, line by line. `first_line_end` is where the first line ends, if
    /// that was looked up already.
    #[inline(never)]
    fn decode_lines<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
        first_line_end: Option<Option<usize>>,
    ) -> Option<Item<'d>> {
        let item = match self.advance(input, first_line_end)? {
            Step::Event { event_type, data } => Item::Event(MessageEvent {
                event_type: event_type.unwrap_or_else(|| self.areas.event_type.text()),
                data: data.unwrap_or_else(|| self.areas.data.text()),
                last_event_id: self.last_event_id(),
            }),
            Step::EventEnd { event_type } => Item::EventEnd(EventEnd {
                event_type: event_type.unwrap_or_else(|| self.areas.event_type.text()),
                last_event_id: self.last_event_id(),
            }),
            Step::DataChunk(text) => {
                Item::DataChunk(text.unwrap_or_else(|| self.carry.character()))
            }
            Step::Comment(text) => Item::Comment(text.unwrap_or_else(|| self.areas.comment.text())),
            Step::UnknownField(text) => {
                Item::UnknownField(text.unwrap_or_else(|| self.areas.comment.text()))
            }
            Step::Retry(time) => Item::Retry(time),
            Step::Overflow(exceeded) => Item::Overflow(exceeded),
        };
        Some(item)
    }

    /// Consumes input up to the next item.
    #[inline]
    fn advance<'i>(
        &mut self,
        input: &mut &'i [u8],
        mut first_line_end: Option<Option<usize>>,
    ) -> Option<Step<'i>> {
        if self.returned {
            self.areas.data.clear();
            self.areas.event_type.clear();
            self.returned = false;
        }
        let mut rest = *input;
        if self.line == Line::AfterCr {
            self.swallow_lf(&mut rest);
        }
        let mut open_from = rest.len();
        let mut borrowed = Borrowed::default();
        let step = loop {
            let Some(&first) = rest.first() else { break None };
            if self.line != Line::Start {
                // Nothing is borrowed: a line is left open only where that is kept.
                match self.resume_line(&mut rest) {
                    None => continue,
                    step => break step,
                }
            }
            // WHATWG HTML 9.2.6: "If the line is empty (a blank line): Dispatch the event".
            if matches!(first, b'\n' | b'\r') {
                self.end_line(&mut rest);
                self.open_len = 0;
                open_from = rest.len();
                match self.dispatch(&mut borrowed) {
                    None => continue,
                    step => break step,
                }
            }
            let line_end = first_line_end.take().unwrap_or_else(|| find_line_end(rest));
            let (line, after) = match line_end.and_then(|end| rest.split_at_checked(end)) {
                Some(split) => split,
                None => (rest, &[][..]),
            };
            let whole = if line_end.is_some() && line.len() <= self.limits.max_line_len {
                self.read_line(line, first, &mut borrowed)
            } else {
                WholeLine::Open
            };
            match whole {
                WholeLine::Read(step) => {
                    rest = after;
                    self.end_line(&mut rest);
                    if step.is_some() {
                        break step;
                    }
                }
                WholeLine::Open => {
                    self.keep(&mut borrowed);
                    if line_end.is_none() && self.open_data(line) {
                        rest = &[];
                        break None;
                    }
                    self.open_line();
                    let mut piece = line;
                    let step = self.feed_line(&mut piece, line_end.is_some());
                    let fed_len = line.len() - piece.len();
                    debug_assert!(fed_len <= rest.len(), "a line is the front of the rest");
                    rest = rest.get(fed_len..).unwrap_or_default();
                    if step.is_some() {
                        break step;
                    }
                }
            }
        };
        if borrowed.event_type.is_some() || borrowed.data.is_some() {
            self.keep(&mut borrowed);
        }
        let consumed = open_from - rest.len(); // `rest` only ever gets shorter
        debug_assert!(consumed <= open_from, "the rest is a tail of the input");
        self.open_len = self.open_len.saturating_add(consumed as u64);
        *input = rest;
        step
    }
}

/// The result of [`Decoder::advance`]. Text that is `None` is in its area.
enum Step<'i> {
    Event { event_type: Option<&'i str>, data: Option<&'i str> },
    EventEnd { event_type: Option<&'i str> },
    DataChunk(Option<&'i str>),
    Comment(Option<&'i str>),
    UnknownField(Option<&'i str>),
    Retry(ReconnectionTime),
    Overflow(LimitExceeded),
}

impl<S: Storage> fmt::Debug for Decoder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("line", &self.line)
            .field("open_len", &self.open_len)
            .field("last_event_id", &self.last_event_id())
            .field("reconnection_time", &self.reconnection_time)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
