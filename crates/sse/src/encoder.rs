//! The encoder: an [`Event`] is built from its parts, then written to a slice or a `Vec`.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;

use memchr::memchr2;

use crate::{Comment, EventId, EventType, ReconnectionTime};

/// An event to be sent, made of optional parts.
///
/// Every event that can be built can be encoded, and decodes to the same parts. Only line breaks
/// within the data change: each of CR, LF and CRLF arrives as LF.
///
/// ```
/// use tidings_sse::{Event, EventId, EventType, ReconnectionTime};
///
/// let event = Event::new()
///     .event_type(EventType::new("greeting")?)
///     .id(EventId::new("7")?)
///     .retry(ReconnectionTime::from_ms(2_000))
///     .data("hello\nworld");
///
/// let mut buffer = [0; 80];
/// let len = event.encode_into(&mut buffer).unwrap();
/// assert_eq!(
///     &buffer[..len],
///     b"event: greeting\nid: 7\nretry: 2000\ndata: hello\ndata: world\n\n",
/// );
/// # Ok::<(), tidings_sse::InvalidField>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Event<'a> {
    pub(crate) comment: Option<Comment<'a>>,
    pub(crate) event_type: Option<EventType<'a>>,
    pub(crate) id: Option<EventId<'a>>,
    pub(crate) retry: Option<ReconnectionTime>,
    pub(crate) data: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// An event without any part. It has an effect on clients only with some.
    pub const fn new() -> Self {
        Self { comment: None, event_type: None, id: None, retry: None, data: None }
    }

    /// The data: any text, of any number of lines. Without data nothing is dispatched; the empty
    /// text is data.
    pub const fn data(self, data: &'a str) -> Self {
        Self { data: Some(data), ..self }
    }

    /// The event type. Without one it is `message`. It belongs to the data: an event that has none
    /// is encoded without its type.
    pub const fn event_type(self, event_type: EventType<'a>) -> Self {
        Self { event_type: Some(event_type), ..self }
    }

    /// The event ID, which clients remember, also from an event without data.
    pub const fn id(self, id: EventId<'a>) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The reconnection time that clients shall use from now on.
    pub const fn retry(self, time: ReconnectionTime) -> Self {
        Self { retry: Some(time), ..self }
    }

    /// A comment, which clients ignore. Alone it keeps a connection alive; WHATWG HTML 9.2.7 has
    /// one sent every 15 seconds or so.
    pub const fn comment(self, comment: Comment<'a>) -> Self {
        Self { comment: Some(comment), ..self }
    }

    /// Returns the number of bytes that [`encode_into`](Self::encode_into) writes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut counter = Counter(0);
        self.write(&mut counter);
        counter.0
    }

    /// Writes the event to the start of `buffer`, and returns how many bytes that took.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; the content of the buffer is then unspecified.
    pub fn encode_into(&self, buffer: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let mut writer = SliceWriter { buffer, written: 0, full: false };
        self.write(&mut writer);
        if writer.full {
            return Err(BufferTooSmall { needed: self.encoded_len() });
        }
        Ok(writer.written)
    }

    /// Appends the event to `buffer`.
    #[cfg(feature = "alloc")]
    pub fn append_to(&self, buffer: &mut Vec<u8>) {
        self.write(buffer);
    }

    /// WHATWG HTML 9.2.5: the `event` production. Each value gets its space after the colon, so
    /// that a leading space in the value survives.
    #[inline]
    fn write(&self, writer: &mut impl Writer) {
        if let Some(comment) = self.comment {
            writer.line(b": ", comment.as_str());
        }
        if let (Some(event_type), Some(_)) = (self.event_type, self.data) {
            writer.line(b"event: ", event_type.as_str());
        }
        if let Some(id) = self.id {
            writer.line(b"id: ", id.as_str());
        }
        if let Some(time) = self.retry {
            writer.line(b"retry: ", Decimal::new(time.as_ms()).as_str());
        }
        if let Some(data) = self.data {
            write_data(writer, data);
        }
        writer.bytes(b"\n");
    }
}

/// One `data` field for each line, whichever way it ends. A line break at the end of the data is
/// followed by one more, empty, line.
#[inline]
fn write_data(writer: &mut impl Writer, data: &str) {
    let mut rest = data.as_bytes();
    while let Some((line, line_break)) =
        memchr2(b'\r', b'\n', rest).and_then(|end| rest.split_at_checked(end))
    {
        writer.bytes(b"data: ");
        writer.bytes(line);
        writer.bytes(b"\n");
        rest = match line_break {
            [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
            [] => &[],
        };
    }
    writer.bytes(b"data: ");
    writer.bytes(rest);
    writer.bytes(b"\n");
}

/// The destination of an event.
trait Writer {
    fn bytes(&mut self, bytes: &[u8]);

    #[inline]
    fn line(&mut self, name: &[u8], value: &str) {
        self.bytes(name);
        self.bytes(value.as_bytes());
        self.bytes(b"\n");
    }
}

/// Counts, and writes nothing.
struct Counter(usize);

impl Writer for Counter {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }
}

/// Writes as much as fits, and remembers whether that was all.
struct SliceWriter<'b> {
    buffer: &'b mut [u8],
    written: usize,
    full: bool,
}

impl Writer for SliceWriter<'_> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.written..).and_then(|free| free.get_mut(..bytes.len())) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.written += bytes.len(); // within the slice
            }
            None => self.full = true,
        }
    }
}

#[cfg(feature = "alloc")]
impl Writer for Vec<u8> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A number in decimal digits.
struct Decimal {
    digits: [u8; Self::MAX_LEN],
    start: usize,
}

impl Decimal {
    /// 2^64 - 1 has 20 digits.
    const MAX_LEN: usize = 20;

    fn new(mut number: u64) -> Self {
        let mut digits = [b'0'; Self::MAX_LEN];
        let mut start = Self::MAX_LEN;
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789".get((number % 10) as usize).copied().unwrap_or_default();
            start -= 1; // at most MAX_LEN times
            number /= 10;
            if number == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    fn as_str(&self) -> &str {
        let digits = self.digits.get(self.start..).map(core::str::from_utf8);
        debug_assert!(matches!(digits, Some(Ok(_))), "they are digits");
        digits.and_then(Result::ok).unwrap_or_default()
    }
}

/// The buffer is too short for the encoded event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferTooSmall {
    /// The number of bytes that the event takes.
    pub needed: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer is too short: the encoded event takes {} bytes", self.needed)
    }
}

impl core::error::Error for BufferTooSmall {}
