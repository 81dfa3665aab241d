//! The beginning of the body of a declined handshake: [`DeclinedBody`].

use alloc::vec::Vec;

use crate::client::response::DeclinedResponse;
use crate::token::{list_elements, trim};

/// Collects the beginning of the body of a [`DeclinedResponse`], for people to read.
///
/// ```
/// use tidings_handshake::{
///     Response, ClientRequest, DeclinedBody, Headers, HttpVersion, Key, StatusLine, WebSocketUri,
/// };
///
/// let uri = WebSocketUri::parse("ws://server.example/")?;
/// let request = ClientRequest::new(uri, Key::from_nonce([0; 16]));
/// let line = StatusLine::Http1 { version: HttpVersion::Http11, status: 403, reason: "" };
/// let headers = [("Transfer-Encoding", &b"chunked"[..])];
/// let answer = request.check_response(line, Headers::from_pairs(&headers))?;
/// let Response::Declined(answer) = answer else { panic!() };
///
/// let mut body = DeclinedBody::new(&answer, 64 * 1024);
/// body.receive(b"4\r\nsorr");
/// assert!(body.wants_more());
/// body.receive(b"y"); // a longer chunk than was announced
/// assert!(!body.wants_more());
/// assert_eq!(body.into_bytes(), b"sorr");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It cannot fail: where the framing of the body makes no sense, the body ends. The connection is
/// of no further use in any case.
///
/// An event stream (`text/event-stream`) is complete at its head: it does not end, it says nothing
/// about the handshake, and whoever waits for it would keep the user waiting.
#[derive(Clone, Debug)]
pub struct DeclinedBody {
    bytes: Vec<u8>,
    framing: Framing,
    /// Bytes that are still taken from the connection.
    room: usize,
}

/// RFC 9112, 6.3: the end of the body.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length { left: u64 },
    Chunked(Chunk),
    EndOfConnection,
    Ended,
}

/// RFC 9112, 7.1: where in a chunk.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    Size {
        size: u64,
        digits: u8,
    },
    /// Up to the end of the line with the size.
    Extension {
        size: u64,
    },
    Data {
        left: u64,
    },
    /// The line end after the data.
    DataEnd {
        carriage_return: bool,
    },
}

impl DeclinedBody {
    /// For the body of this answer: at most `max_len` bytes, framing included, are taken from the
    /// connection.
    #[must_use]
    pub fn new(answer: &DeclinedResponse<'_>, max_len: usize) -> Self {
        Self { bytes: Vec::new(), framing: Framing::of(answer), room: max_len }
    }

    /// Takes the bytes that follow the head, or those that came next. Bytes over the limit are dropped.
    pub fn receive(&mut self, bytes: &[u8]) {
        let mut rest = bytes.get(..self.room).unwrap_or(bytes);
        debug_assert!(rest.len() <= self.room);
        self.room = self.room.saturating_sub(rest.len());
        while !rest.is_empty() {
            rest = self.step(rest);
        }
    }

    /// Returns whether more of the body is to come and there is room for it.
    #[must_use]
    pub const fn wants_more(&self) -> bool {
        self.room > 0 && !matches!(self.framing, Framing::Ended)
    }

    /// The body as far as it has come, without its framing.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Takes some of the bytes, which are not empty, and returns the others.
    fn step<'i>(&mut self, input: &'i [u8]) -> &'i [u8] {
        match self.framing {
            Framing::EndOfConnection => {
                self.bytes.extend_from_slice(input);
                &[]
            }
            Framing::Length { left } => {
                let (left, rest) = self.take(left, input);
                self.framing = if left == 0 { Framing::Ended } else { Framing::Length { left } };
                rest
            }
            Framing::Chunked(Chunk::Data { left }) => {
                let (left, rest) = self.take(left, input);
                self.framing = Framing::Chunked(if left == 0 {
                    Chunk::DataEnd { carriage_return: false }
                } else {
                    Chunk::Data { left }
                });
                rest
            }
            Framing::Chunked(chunk) => match input {
                [byte, rest @ ..] => {
                    self.framing = chunk.next(*byte).map_or(Framing::Ended, Framing::Chunked);
                    rest
                }
                [] => input,
            },
            Framing::Ended => &[],
        }
    }

    /// Moves up to `left` bytes to the body. Returns how many are left to come, and the others.
    fn take<'i>(&mut self, left: u64, input: &'i [u8]) -> (u64, &'i [u8]) {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let (taken, rest) = input.split_at_checked(len).unwrap_or((input, &[]));
        self.bytes.extend_from_slice(taken);
        let taken = u64::try_from(taken.len()).unwrap_or(u64::MAX);
        (left.saturating_sub(taken), rest)
    }
}

impl Framing {
    fn of(answer: &DeclinedResponse<'_>) -> Self {
        // RFC 9112, 6.3 item 1
        if matches!(answer.status(), 204 | 304) || is_event_stream(answer) {
            return Self::Ended;
        }
        // Items 3 and 4: Transfer-Encoding goes before Content-Length.
        let mut codings = answer.headers().get_all("Transfer-Encoding").flat_map(list_elements);
        if let Some(last) = codings.by_ref().last() {
            return if last.eq_ignore_ascii_case(b"chunked") {
                Self::Chunked(Chunk::SIZE)
            } else {
                Self::EndOfConnection
            };
        }
        // Items 5, 6 and 8. A length that cannot be read says no less than none.
        match answer.header("Content-Length").map(|value| content_length(trim(value))) {
            Some(Some(0)) => Self::Ended,
            Some(Some(left)) => Self::Length { left },
            Some(None) | None => Self::EndOfConnection,
        }
    }
}

/// Compares the media type alone: without parameters, in any case (RFC 9110, 8.3.1).
fn is_event_stream(answer: &DeclinedResponse<'_>) -> bool {
    answer.header("Content-Type").is_some_and(|value| {
        let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default();
        trim(media_type).eq_ignore_ascii_case(b"text/event-stream")
    })
}

fn content_length(value: &[u8]) -> Option<u64> {
    // `u64::from_str` would take a sign.
    let digits = core::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'))?;
    digits.parse().ok()
}

impl Chunk {
    const SIZE: Self = Self::Size { size: 0, digits: 0 };

    /// Returns the state after this byte of the framing; `None` at the end of the body, or at an
    /// invalid byte.
    fn next(self, byte: u8) -> Option<Self> {
        match self {
            Self::Size { size, digits } => match (char::from(byte).to_digit(16), byte) {
                // Sixteen digits are all that 64 bits hold.
                (Some(digit), _) if digits < 16 => {
                    Some(Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 })
                }
                // No digit at all is a size of 0 too, and ends the body.
                (None, b'\n') => Self::data(size),
                (None, b'\r' | b';' | b' ' | b'\t') if digits > 0 => Some(Self::Extension { size }),
                _ => None,
            },
            Self::Extension { size } if byte == b'\n' => Self::data(size),
            Self::Extension { size } => Some(Self::Extension { size }),
            Self::DataEnd { carriage_return: false } if byte == b'\r' => {
                Some(Self::DataEnd { carriage_return: true })
            }
            Self::DataEnd { .. } if byte == b'\n' => Some(Self::SIZE),
            Self::DataEnd { .. } | Self::Data { .. } => None,
        }
    }

    /// RFC 9112, 7.1: the chunk of size 0 is the last; the trailers after it are of no use here.
    const fn data(size: u64) -> Option<Self> {
        if size == 0 { None } else { Some(Self::Data { left: size }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::Headers;

    /// The body, and whether it is known to be complete.
    fn collect(
        status: u16,
        headers: &[(&str, &str)],
        received: &[u8],
        max_len: usize,
    ) -> (Vec<u8>, bool) {
        let pairs: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let answer = DeclinedResponse::new(status, "", Headers::from_pairs(&pairs), 0);
        let mut whole = DeclinedBody::new(&answer, max_len);
        whole.receive(received);
        let expected = (!whole.wants_more(), whole.into_bytes());

        // At every cut, and byte by byte.
        let mut bytes = DeclinedBody::new(&answer, max_len);
        for byte in received {
            bytes.receive(&[*byte]);
        }
        assert_eq!((!bytes.wants_more(), bytes.into_bytes()), expected);
        for cut in 0..=received.len() {
            let mut body = DeclinedBody::new(&answer, max_len);
            body.receive(&received[..cut]);
            body.receive(&received[cut..]);
            assert_eq!((!body.wants_more(), body.into_bytes()), expected, "cut at {cut}");
        }
        (expected.1, expected.0)
    }

    #[test]
    fn the_body_ends_where_its_framing_says() {
        type Case =
            (u16, &'static [(&'static str, &'static str)], &'static str, &'static str, bool);
        const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");
        let cases: [Case; 31] = [
            (404, &[("Content-Length", "4")], "sorry", "sorr", true),
            (404, &[("content-length", " 5 ")], "sorry", "sorry", true),
            (404, &[("Content-Length", "6")], "sorry", "sorry", false),
            (404, &[("Content-Length", "0")], "sorry", "", true),
            (404, &[("Content-Length", "99999999999999999999")], "sorry", "sorry", false),
            (404, &[("Content-Length", "+5")], "sorry!", "sorry!", false),
            (404, &[("Content-Length", "18446744073709551615")], "sorry", "sorry", false),
            (404, &[], "sorry", "sorry", false),
            (404, &[("Transfer-Encoding", "gzip")], "sorry", "sorry", false),
            (204, &[], "sorry", "", true),
            (304, &[("Content-Length", "4")], "sorry", "", true),
            (404, &[CHUNKED], "3\r\nsor\r\n2;x=y\r\nry\r\n0\r\n\r\nmore", "sorry", true),
            (404, &[CHUNKED], "0003 \nsor\n2\nry\n0\n\n", "sorry", true),
            (404, &[CHUNKED], "A\r\n0123456789", "0123456789", false),
            (404, &[CHUNKED], "11\r\n0123456789ABCDEFG\r\n0\r\n", "0123456789ABCDEFG", true),
            (404, &[CHUNKED], "1f\n0123456789ABCDEFG", "0123456789ABCDEFG", false),
            (404, &[CHUNKED, ("Content-Length", "1")], "2\r\nab\r\n0\r\n\r\n", "ab", true),
            (404, &[("Transfer-Encoding", "gzip, Chunked")], "1\r\na\r\n0\r\n", "a", true),
            (404, &[("Transfer-Encoding", "gzip"), CHUNKED], "1\r\na\r\n0\r\n", "a", true),
            (404, &[CHUNKED], "ffffffffffffffff\r\nab", "ab", false),
            (404, &[CHUNKED], "00000000000000001\r\nab", "", true),
            (404, &[CHUNKED], "\r\nab", "", true),
            (404, &[CHUNKED], "\nab", "", true),
            (404, &[CHUNKED], ";\r\nab", "", true),
            (404, &[CHUNKED], ";", "", true),
            (404, &[CHUNKED], "x", "", true),
            (404, &[CHUNKED], "2\r\nabc\r\n", "ab", true),
            (404, &[CHUNKED], "2\r\nabc1\r\nd\r\n", "ab", true),
            (404, &[CHUNKED], "2\r\nab\rc1\r\nd\r\n", "ab", true),
            (404, &[CHUNKED], "2\r\nab\r\r\n", "ab", true),
            (404, &[CHUNKED], "", "", false),
        ];
        for (status, headers, received, body, ended) in cases {
            let found = collect(status, headers, received.as_bytes(), 1024);
            assert_eq!(found, (body.as_bytes().to_vec(), ended), "{headers:?} {received:?}");
        }
    }

    #[test]
    fn an_event_stream_is_complete_at_its_head() {
        for (media_type, ended) in [
            ("text/event-stream", true),
            ("Text/Event-Stream ; charset=utf-8", true),
            ("text/event-streams", false),
            ("text/html; x=text/event-stream", false),
        ] {
            for framing in [("Transfer-Encoding", "chunked"), ("Content-Length", "99")] {
                let (body, is_complete) =
                    collect(200, &[("Content-Type", media_type), framing], b"5\r\n: a\n\n", 1024);
                assert_eq!((body.is_empty(), is_complete), (ended, ended), "{media_type}");
            }
        }
    }

    #[test]
    fn no_more_is_taken_than_there_is_room_for() {
        let endless = [b'x'; 1000];
        assert_eq!(collect(404, &[], &endless, 10), (b"xxxxxxxxxx".to_vec(), true));
        let headers = [("Content-Length", "1000")];
        assert_eq!(collect(404, &headers, &endless, 10).0.len(), 10);
        let headers = [("Transfer-Encoding", "chunked")];
        // An endless extension counts too.
        let extension = [b"3;".as_slice(), &endless].concat();
        assert_eq!(collect(404, &headers, &extension, 10), (Vec::new(), true));
        assert_eq!(collect(404, &headers, b"", 0), (Vec::new(), true));
    }
}
