//! Finding the end of an HTTP head while it arrives. Start at [`HeadScanner`].
//!
//! The scanner is a byte-wise automaton for the grammar of RFC 9112, sections 2 to 5. It looks at
//! every byte once, however the head is cut, and refuses at the first byte that cannot belong to
//! a head. A property test holds its result equal to that of `httparse`, which then finds the
//! fields.

mod error;

use core::fmt;

use crate::limits::Limits;
use crate::token::{is_field_value_byte, is_optional_white_space, is_tchar};

pub use error::HeadError;

/// The progress of a head: partial or complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress<T> {
    /// Nothing is wrong so far and more bytes are needed.
    Partial,
    /// The head is complete.
    Complete(T),
}

/// The bytes of one complete head that kept its [`Limits`], from [`HeadScanner::scan`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    bytes: &'a [u8],
}

impl<'a> Head<'a> {
    /// The head, with its blank line.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the number of bytes of the head. The bytes after it in the buffer belong to the new
    /// protocol, or are the body.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a head is never empty")]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl fmt::Debug for Head<'_> {
    // The bytes hold credentials: a log shows their number only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Looks for the end of a head in a buffer that grows.
///
/// ```
/// use tidings_handshake::{HeadScanner, Limits, Progress};
///
/// let mut scanner = HeadScanner::request(Limits::server());
/// let mut buffer = b"GET /chat HTTP/1.1\r\nHost: a".to_vec();
/// assert_eq!(scanner.scan(&buffer), Ok(Progress::Partial));
///
/// buffer.extend(b".example\r\n\r\nfirst frame");
/// let Ok(Progress::Complete(head)) = scanner.scan(&buffer) else { panic!() };
/// assert_eq!(&buffer[head.len()..], b"first frame");
/// ```
///
/// Input that cannot be HTTP is refused at its first wrong byte, a TLS record for example:
///
/// ```
/// # use tidings_handshake::{HeadError, HeadScanner, Limits};
/// let mut scanner = HeadScanner::request(Limits::server());
/// assert_eq!(scanner.scan(&[0x16]), Err(HeadError::Method { offset: 0 }));
/// ```
#[derive(Clone, Debug)]
pub struct HeadScanner {
    limits: Limits,
    kind: Kind,
    state: State,
    /// Bytes looked at.
    scanned: usize,
    /// The start of the start line: empty lines may precede it.
    start_line_offset: usize,
    headers: usize,
    /// `true` if folded lines are joined into one.
    unfolds: bool,
    /// `true` if there are such lines, still folded.
    is_folded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Request,
    Response,
}

/// The action that the bytes so far require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The start line, or an empty line before it.
    Start,
    /// The LF of an empty line before the start line.
    StartLineFeed,
    Method,
    /// The first byte of the request target.
    TargetStart,
    Target,
    /// This byte of `HTTP/1.1`.
    Version(u8),
    /// The line end of a request line.
    VersionEnd,
    /// The space before the status code.
    StatusSpace,
    /// This digit of the status code.
    Status(u8),
    /// The space before the reason phrase, or the line end.
    StatusEnd,
    Reason,
    /// The LF of a start line or header line.
    LineFeed,
    /// A header, or the blank line.
    LineStart,
    HeaderName,
    HeaderValue,
    /// The LF of the blank line.
    LastLineFeed,
    Done,
    Failed(HeadError),
}

impl HeadScanner {
    /// A scanner for the head of a request.
    #[must_use]
    pub const fn request(limits: Limits) -> Self {
        Self::new(limits, Kind::Request)
    }

    /// A scanner for the head of a response.
    #[must_use]
    pub const fn response(limits: Limits) -> Self {
        Self::new(limits, Kind::Response)
    }

    const fn new(limits: Limits, kind: Kind) -> Self {
        Self {
            limits,
            kind,
            state: State::Start,
            scanned: 0,
            start_line_offset: 0,
            headers: 0,
            unfolds: false,
            is_folded: false,
        }
    }

    /// Looks at the bytes that are new since the last call.
    ///
    /// `buffer` is all that has been received, from the first byte on: the scanner remembers how
    /// far it has looked. After an error every call returns that error.
    ///
    /// # Errors
    ///
    /// The peer sent bytes that are not a head, or more of it than the limits allow.
    pub fn scan<'a>(&mut self, buffer: &'a [u8]) -> Result<Progress<Head<'a>>, HeadError> {
        let room = self.limits.max_head_len.saturating_sub(self.scanned);
        let fresh = buffer.get(self.scanned..).unwrap_or_default();
        let mut rest = fresh.get(..room).unwrap_or(fresh);
        while !self.has_ended() {
            // Most of a head is header values, whose plain bytes change nothing.
            if self.state == State::HeaderValue {
                let special = rest.iter().position(|byte| !is_field_value_byte(*byte));
                let plain = special.unwrap_or(rest.len());
                rest = rest.get(plain..).unwrap_or_default();
                self.scanned = self.scanned.saturating_add(plain);
            }
            let [byte, after @ ..] = rest else { break };
            self.state = self.step(*byte).unwrap_or_else(State::Failed);
            self.scanned = self.scanned.saturating_add(1);
            rest = after;
        }
        if !self.has_ended() && self.scanned >= self.limits.max_head_len {
            let limit = self.limits.max_head_len;
            self.state = State::Failed(HeadError::HeadTooLong { limit });
        }
        match (self.state, buffer.get(..self.scanned)) {
            (State::Failed(error), _) => Err(error),
            (State::Done, Some(bytes)) => Ok(Progress::Complete(Head { bytes })),
            _ => Ok(Progress::Partial),
        }
    }

    /// The same, and joins the folded header lines of a response (RFC 9112, 5.2): in `buffer`,
    /// spaces take the place of their line ends. A request with such lines is refused, and so is a
    /// response by [`scan`](Self::scan): use one or the other for all of a head.
    ///
    /// ```
    /// use tidings_handshake::{HeadScanner, Limits, Progress};
    ///
    /// let mut buffer = *b"HTTP/1.1 200 OK\r\nServer: one\r\n\tand more\r\n\r\n";
    /// let mut scanner = HeadScanner::response(Limits::client());
    /// let Ok(Progress::Complete(head)) = scanner.scan_mut(&mut buffer) else { panic!() };
    /// assert_eq!(head.as_bytes(), b"HTTP/1.1 200 OK\r\nServer: one  \tand more\r\n\r\n");
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`scan`](Self::scan).
    pub fn scan_mut<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Progress<Head<'a>>, HeadError> {
        self.unfolds = true;
        let len = match self.scan(buffer)? {
            Progress::Partial => return Ok(Progress::Partial),
            Progress::Complete(head) => head.len(),
        };
        let bytes = buffer.get_mut(..len).unwrap_or_default();
        debug_assert_eq!(bytes.len(), len, "the head is the front of the buffer");
        if self.is_folded {
            unfold(bytes);
            self.is_folded = false;
        }
        Ok(Progress::Complete(Head { bytes }))
    }

    /// Header lines so far; folded ones count as one.
    pub(crate) const fn headers(&self) -> usize {
        self.headers
    }

    /// Bytes looked at so far. No byte is looked at twice.
    #[must_use]
    pub const fn scanned(&self) -> usize {
        self.scanned
    }

    /// The scanner of another head with the same limits.
    pub(crate) const fn restarted(&self) -> Self {
        Self::new(self.limits, self.kind)
    }

    /// Refuses the head, since there is room for this many bytes only.
    pub(crate) fn refuse_longer_than(&mut self, limit: usize) {
        if !self.has_ended() {
            self.state = State::Failed(HeadError::HeadTooLong { limit });
        }
    }

    /// The number of bytes that every response still has before its head ends: this many can be read
    /// without reading past the head. For a request it is 1.
    pub(crate) fn min_remaining(&self) -> usize {
        // The shortest ends are bare line feeds, of the last line and of the blank one.
        match (self.kind, self.state) {
            (_, State::Done | State::Failed(_)) => 0,
            (Kind::Request, _) => 1,
            (_, State::Start) => b"HTTP/1.1 200\n\n".len(),
            (_, State::StartLineFeed) => b"\nHTTP/1.1 200\n\n".len(),
            (_, State::Version(index)) => {
                b"HTTP/1.1 200\n\n".len().saturating_sub(usize::from(index))
            }
            (_, State::StatusSpace) => b" 200\n\n".len(),
            (_, State::Status(index)) => b"200\n\n".len().saturating_sub(usize::from(index)),
            (_, State::HeaderName) => b":\n\n".len(),
            (_, State::StatusEnd | State::Reason | State::LineFeed | State::HeaderValue) => 2,
            _ => 1,
        }
    }

    const fn has_ended(&self) -> bool {
        matches!(self.state, State::Done | State::Failed(_))
    }

    fn step(&mut self, byte: u8) -> Result<State, HeadError> {
        let offset = self.scanned;
        match self.state {
            State::Start => match byte {
                // RFC 9112, 2.2: empty lines before the start line are ignored.
                b'\r' => Ok(State::StartLineFeed),
                b'\n' => Ok(State::Start),
                _ => {
                    self.start_line_offset = offset;
                    self.start_line(offset)?;
                    self.first_byte(byte)
                }
            },
            // RFC 9112, 2.2: a bare CR is not a line end.
            State::StartLineFeed | State::LineFeed | State::LastLineFeed if byte != b'\n' => {
                Err(HeadError::BareCarriageReturn { offset: offset.saturating_sub(1) })
            }
            State::StartLineFeed => Ok(State::Start),
            State::LineFeed => Ok(State::LineStart),
            State::LastLineFeed => Ok(State::Done),
            State::Method => {
                self.start_line(offset)?;
                match byte {
                    b' ' => Ok(State::TargetStart),
                    _ if is_tchar(byte) => Ok(State::Method),
                    _ => Err(HeadError::Method { offset }),
                }
            }
            State::TargetStart | State::Target => {
                self.start_line(offset)?;
                match byte {
                    b' ' if self.state == State::Target => Ok(State::Version(0)),
                    // RFC 3986: a URI is made of visible ASCII.
                    b'!'..=b'~' => Ok(State::Target),
                    _ => Err(HeadError::Target { offset }),
                }
            }
            State::Version(index) => {
                self.start_line(offset)?;
                self.version(index, byte)
            }
            State::VersionEnd => line_end(byte).ok_or(HeadError::Version { offset }),
            State::StatusSpace => {
                self.start_line(offset)?;
                if byte == b' ' { Ok(State::Status(0)) } else { Err(HeadError::Version { offset }) }
            }
            State::Status(index) => {
                self.start_line(offset)?;
                match (byte, index) {
                    (b'0'..=b'9', 0 | 1) => Ok(State::Status(index.saturating_add(1))),
                    (b'0'..=b'9', _) => Ok(State::StatusEnd),
                    _ => Err(HeadError::Status { offset }),
                }
            }
            // RFC 9112, 4: the space is there even without a reason; many leave both out.
            State::StatusEnd | State::Reason => match line_end(byte) {
                Some(state) => Ok(state),
                None => {
                    self.start_line(offset)?;
                    let first = self.state == State::StatusEnd;
                    if if first { byte == b' ' } else { is_field_value_byte(byte) } {
                        Ok(State::Reason)
                    } else {
                        Err(HeadError::Status { offset })
                    }
                }
            },
            State::LineStart => self.line_start(byte),
            State::HeaderName => match byte {
                b':' => Ok(State::HeaderValue),
                _ if is_tchar(byte) => Ok(State::HeaderName),
                // RFC 9112, 5.1: a server refuses white space before the colon.
                _ if is_optional_white_space(byte) => Err(HeadError::SpaceBeforeColon { offset }),
                _ => Err(HeadError::HeaderName { offset }),
            },
            State::HeaderValue => match line_end(byte) {
                Some(state) => Ok(state),
                // `scan` has gone past the bytes that may stand in a value.
                None => Err(HeadError::HeaderValue { offset }),
            },
            State::Done => Ok(State::Done),
            State::Failed(error) => Err(error),
        }
    }

    fn first_byte(&self, byte: u8) -> Result<State, HeadError> {
        match self.kind {
            Kind::Request if is_tchar(byte) => Ok(State::Method),
            Kind::Request => Err(HeadError::Method { offset: self.scanned }),
            Kind::Response => self.version(0, byte),
        }
    }

    /// RFC 9112, 2.3: `HTTP-version = "HTTP/" DIGIT "." DIGIT`.
    fn version(&self, index: u8, byte: u8) -> Result<State, HeadError> {
        let offset = self.scanned;
        let next = State::Version(index.saturating_add(1));
        match (index, byte) {
            (0, b'H') | (1 | 2, b'T') | (3, b'P') | (4, b'/') | (5, b'1') | (6, b'.') => Ok(next),
            (7, b'0' | b'1') => Ok(match self.kind {
                Kind::Request => State::VersionEnd,
                Kind::Response => State::StatusSpace,
            }),
            (5 | 7, b'0'..=b'9') => Err(HeadError::VersionUnsupported { offset }),
            _ => Err(HeadError::Version { offset }),
        }
    }

    fn line_start(&mut self, byte: u8) -> Result<State, HeadError> {
        let offset = self.scanned;
        match byte {
            b'\r' => Ok(State::LastLineFeed),
            b'\n' => Ok(State::Done),
            _ if is_tchar(byte) => {
                if self.headers >= self.limits.max_headers {
                    return Err(HeadError::TooManyHeaders { limit: self.limits.max_headers });
                }
                self.headers = self.headers.saturating_add(1);
                Ok(State::HeaderName)
            }
            // RFC 9112, 5.2: a client makes folded lines one, a server refuses them. Before the first
            // header there is nothing to fold (2.2).
            _ if is_optional_white_space(byte)
                && self.unfolds
                && self.kind == Kind::Response
                && self.headers > 0 =>
            {
                self.is_folded = true;
                Ok(State::HeaderValue)
            }
            _ if is_optional_white_space(byte) => Err(HeadError::LineFolding { offset }),
            _ => Err(HeadError::HeaderName { offset }),
        }
    }

    /// Counts a byte of the start line.
    fn start_line(&self, offset: usize) -> Result<(), HeadError> {
        let limit = self.limits.max_start_line_len;
        if offset.saturating_sub(self.start_line_offset) >= limit {
            Err(HeadError::StartLineTooLong { limit })
        } else {
            Ok(())
        }
    }
}

/// RFC 9112, 5.2: `obs-fold = OWS CRLF RWS`. Each byte of the line end becomes a space.
fn unfold(head: &mut [u8]) {
    let mut rest = head;
    while let [first, second, ..] = rest {
        let after_cr = match (*first, *second) {
            (b'\r', b'\n') => rest.get(2).copied(),
            (b'\n', next) => Some(next),
            _ => None,
        };
        if after_cr.is_some_and(is_optional_white_space) {
            for byte in rest.iter_mut().take(2).filter(|byte| matches!(**byte, b'\r' | b'\n')) {
                *byte = b' ';
            }
        }
        rest = rest.get_mut(1..).unwrap_or_default();
    }
}

/// RFC 9112, 2.2: a line ends with CRLF, and a bare LF is recognised too.
const fn line_end(byte: u8) -> Option<State> {
    match byte {
        b'\r' => Some(State::LineFeed),
        b'\n' => Some(State::LineStart),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
