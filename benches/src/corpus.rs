//! The input of the contenders, made the same way each time, and the plain readers that check their
//! output.

use std::fmt::Write as _;

use tidings_testkit::{RawFrame, raw_frame};

/// A small generator (xorshift64), so that each run has the same input.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// Always the same numbers.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "the numbers are not of no consequence")]
    pub const fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// The next one.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The content of payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Any bytes.
    Binary,
    /// Text in ASCII.
    Ascii,
    /// Text with characters of one to four bytes, most of them not ASCII.
    MultiByte,
}

impl Content {
    /// Returns its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ascii => "ASCII text",
            Self::MultiByte => "multi-byte text",
        }
    }

    /// Exactly `len` bytes of it.
    #[must_use]
    pub fn bytes(self, len: usize) -> Vec<u8> {
        let mut numbers = Numbers::new();
        let mut bytes = Vec::with_capacity(len + 4);
        while bytes.len() < len {
            let number = numbers.draw() >> 20;
            match self {
                Self::Binary => bytes.push(number as u8),
                Self::Ascii => bytes.push(b' ' + (number % 95) as u8),
                Self::MultiByte => {
                    let character =
                        ['a', ' ', 'é', 'ж', 'こ', '漢', '語', '😀'][number as usize % 8];
                    if bytes.len() + character.len_utf8() <= len {
                        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    } else {
                        bytes.resize(len, b'.');
                    }
                }
            }
        }
        bytes
    }
}

/// A size as people write it.
#[must_use]
pub fn size_name(len: usize) -> String {
    match len {
        _ if len % (1 << 20) == 0 => format!("{} MiB", len >> 20),
        _ if len % (1 << 10) == 0 => format!("{} KiB", len >> 10),
        _ => format!("{len} B"),
    }
}

/// The bytes of one final frame, encoded step by step as RFC 6455, 5.2 draws it.
#[must_use]
pub fn frame(is_text: bool, masking_key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    raw_frame(if is_text { 0x81 } else { 0x82 }, payload, masking_key)
}

/// Returns the number of frames of this length in one round: about a full read, at least two.
#[must_use]
pub fn frames_per_round(frame_len: usize) -> usize {
    (crate::pipe::READ_LEN / frame_len).max(2)
}

/// The payloads of a stream of final data frames, read as plainly as [`frame`] writes them.
///
/// # Panics
/// If it is not such a stream, or the frames are not masked as stated.
#[must_use]
pub fn payloads(mut stream: &[u8], are_masked: bool) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while !stream.is_empty() {
        let (frame, rest) = RawFrame::split_first(stream).expect("a whole frame");
        assert!(matches!(frame.first, 0x81 | 0x82), "{:x} is not a final data frame", frame.first);
        assert_eq!(frame.key.is_some(), are_masked);
        payloads.push(frame.payload);
        stream = rest;
    }
    payloads
}

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Its type, empty if it names none.
    pub event_type: String,
    /// Its ID, empty if it has none.
    pub id: String,
    /// Its data.
    pub data: String,
}

impl SseEvent {
    /// Returns the output that a contender must show: the type, a space, the data.
    #[must_use]
    pub fn shown(&self) -> Vec<u8> {
        let event_type = match &*self.event_type {
            "" => "message",
            named => named,
        };
        format!("{event_type} {}", self.data).into_bytes()
    }

    /// Appends it as a server writes it, with this line end.
    pub fn write(&self, line_end: &str, stream: &mut String) {
        if !self.event_type.is_empty() {
            write!(stream, "event: {}{line_end}", self.event_type).unwrap();
        }
        if !self.id.is_empty() {
            write!(stream, "id: {}{line_end}", self.id).unwrap();
        }
        for line in self.data.split('\n') {
            write!(stream, "data: {line}{line_end}").unwrap();
        }
        stream.push_str(line_end);
    }

    /// Reads a stream of events back whose lines end with LF and whose fields are as
    /// [`write`](Self::write) has them, in any order.
    ///
    /// # Panics
    /// If there is anything else.
    #[must_use]
    pub fn read(stream: &str) -> Vec<Self> {
        let blocks = stream.strip_suffix("\n\n").expect("the last event is open");
        blocks.split("\n\n").map(Self::read_block).collect()
    }

    fn read_block(block: &str) -> Self {
        let mut event = Self::default();
        let mut data = Vec::new();
        for line in block.split('\n') {
            match line.split_once(": ").expect("a field has a colon and a space") {
                ("event", value) => event.event_type = value.into(),
                ("id", value) => event.id = value.into(),
                ("data", value) => data.push(value),
                (other, _) => panic!("an unexpected field: {other}"),
            }
        }
        event.data = data.join("\n");
        event
    }
}

/// Printable text without line breaks, as it may stand in JSON.
#[must_use]
pub fn line(numbers: &mut Numbers, len: usize) -> String {
    (0..len).map(|_| char::from(b'a' + ((numbers.draw() >> 20) % 26) as u8)).collect()
}

/// An event as a language model streams them: one line of JSON, about 190 bytes.
#[must_use]
pub fn token(numbers: &mut Numbers) -> SseEvent {
    let len = 1 + (numbers.draw() >> 20) % 9;
    let data = format!(
        "{{\"id\":\"chatcmpl-{}\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
         \"model\":\"example-4\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" {}\"}},\
         \"finish_reason\":null}}]}}",
        line(numbers, 16),
        line(numbers, len as usize)
    );
    SseEvent { data, ..SseEvent::default() }
}

/// Data of `lines` lines, with this many bytes in all.
#[must_use]
pub fn lines(numbers: &mut Numbers, lines: usize, len: usize) -> String {
    let line_len = (len + 1) / lines - 1;
    let mut all: Vec<_> = (1..lines).map(|_| line(numbers, line_len)).collect();
    all.push(line(numbers, len - (lines - 1) * (line_len + 1)));
    all.join("\n")
}
