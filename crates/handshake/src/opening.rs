//! The opening handshake as a machine: bytes in, bytes out, then "open, with these first bytes" or
//! an error. It does no I/O, has no clock and no heap; it works in the caller's buffer.
//!
//! [`Opening`] is one exchange of a request and its response, at a [`Server`], at a [`Client`], or
//! with a proxy that is asked for a [`Tunnel`]. All three are driven by the same loop:
//!
//! 1. Call [`next`](Opening::next) with the time. It returns the next step:
//! 2. [`Step::Io`]: do this operation on the transport, and pass the result to
//!    [`completed`](Opening::completed). Do not wait longer than
//!    [`poll_timeout`](Opening::poll_timeout).
//! 3. [`Step::Head`]: a head has arrived. Answer the request, or check the response.
//! 4. [`Step::Done`]: the handshake is over. If the WebSocket is open, the bytes that follow the
//!    head are at [`first_bytes`](Opening::first_bytes).
//!
//! ```
//! use std::io::{self, Read, Write};
//! use std::time::{Duration, Instant};
//!
//! use tidings_handshake::opening::{Io, Opening, Refusal, Server, Step};
//! use tidings_handshake::{Limits, Timestamp};
//!
//! /// Returns the bytes that follow the request: the first frames.
//! fn accept(stream: &mut (impl Read + Write)) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//!     let epoch = Instant::now();
//!     let now = || Timestamp::from_epoch(epoch.elapsed());
//!     let mut buffer = [0; 4096];
//!     let mut opening = Opening::server(Limits::server(), now().after(Duration::from_secs(10)));
//!     let mut refusal = None;
//!     loop {
//!         match opening.next(&mut buffer, now())? {
//!             Step::Io(io) => {
//!                 let result = match io {
//!                     Io::Read(room) => stream.read(room),
//!                     Io::Write(bytes) => stream.write(bytes),
//!                     Io::Flush => stream.flush().map(|()| 0),
//!                     Io::ShutDown => Err(io::ErrorKind::Unsupported.into()),
//!                 };
//!                 opening.completed(result)?;
//!             }
//!             Step::Head => {
//!                 // Any path and any Origin: see `ServerRequest::check_origin`.
//!                 let answer = opening.answer::<_, 32>(&mut buffer, |request| Ok(request.accept()));
//!                 refusal = answer.err();
//!             }
//!             Step::Done => break,
//!         }
//!     }
//!     match refusal {
//!         Some(refusal) => Err(refusal.to_string().into()),
//!         None => Ok(buffer[opening.first_bytes()].to_vec()),
//!     }
//! }
//! #
//! # struct Memory(&'static [u8], Vec<u8>);
//! # impl Read for Memory {
//! #     fn read(&mut self, room: &mut [u8]) -> io::Result<usize> { self.0.read(room) }
//! # }
//! # impl Write for Memory {
//! #     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> { self.1.write(bytes) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//! # let mut memory = Memory(
//! #     b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
//! #       Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//! #       Sec-WebSocket-Version: 13\r\n\r\nfirst frame",
//! #     Vec::new(),
//! # );
//! # assert_eq!(accept(&mut memory).unwrap(), b"first frame");
//! # assert!(memory.1.starts_with(b"HTTP/1.1 101 "));
//! ```

mod client;
mod io;
mod server;
#[cfg(feature = "alloc")]
mod tunnel;

use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use core::time::Duration;

use tidings_time::Timestamp;

use crate::head::{Head, HeadError, HeadScanner, Progress};

pub use client::Client;
pub use io::{Io, Step};
pub use server::{Refusal, Server};
#[cfg(feature = "alloc")]
pub use tunnel::Tunnel;

/// The number of interim responses, such as 103, that may precede the response.
pub const MAX_INTERIM_RESPONSES: usize = 8;

/// The number of bytes read and dropped after a refusal. A socket that is closed with unread bytes
/// resets the connection, and the client may lose the response.
pub const MAX_REFUSED_DRAIN_LEN: usize = 256 * 1024;

/// The time for which a refused client is read from; see [`MAX_REFUSED_DRAIN_LEN`].
pub const REFUSED_DRAIN_TIME: Duration = Duration::from_secs(1);

/// One exchange of the opening handshake; `R` is its role: [`Server`], [`Client`] or `Tunnel`.
///
/// The [module](self) shows the loop that drives it. Every call takes the same buffer, in which
/// only this machine and the operations that it asks for may write. The caller may exchange it for
/// a longer one with the same contents at any time.
#[derive(Clone, Debug)]
pub struct Opening<R> {
    scanner: HeadScanner,
    phase: Phase,
    deadline: Timestamp,
    /// The length of the received bytes, at the front of the buffer.
    received_len: usize,
    /// The length of the head among them that was handled.
    head_len: usize,
    interim_responses: usize,
    /// `true` if bytes that follow the head are left in the transport.
    reads_the_head_alone: bool,
    role: PhantomData<R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Bytes of the buffer are to be written.
    Writing {
        start: usize,
        end: usize,
        then: Then,
    },
    Flushing {
        then: Then,
    },
    Reading,
    /// A head is complete, or the received bytes cannot be one.
    Head,
    ShuttingDown,
    /// Reads the remaining input of a refused client.
    Draining {
        left: usize,
    },
    Done,
    /// The transport did something impossible.
    Broken,
    /// The transport ended in the middle of a head.
    Ended,
}

/// The state after writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// A request: the response.
    Read,
    /// A refusal: the end of the connection, in a way that lets the refusal arrive.
    ShutDown,
    /// An acceptance: frames.
    Open,
    /// The last words of a handshake that has failed. If they do not arrive, so be it.
    End,
}

impl<R> Opening<R> {
    const fn new(scanner: HeadScanner, phase: Phase, deadline: Timestamp) -> Self {
        Self {
            scanner,
            phase,
            deadline,
            received_len: 0,
            head_len: 0,
            interim_responses: 0,
            reads_the_head_alone: false,
            role: PhantomData,
        }
    }

    /// Returns the next step. Without a call to another method in between, it is the same again,
    /// unless the time is over.
    ///
    /// # Errors
    ///
    /// The handshake failed, and nothing is to be sent.
    pub fn next<'b>(
        &mut self,
        buffer: &'b mut [u8],
        now: Timestamp,
    ) -> Result<Step<'b>, OpeningError> {
        self.drop_interim_response(buffer);
        let is_waiting = self.poll_timeout().is_some();
        if is_waiting && self.deadline <= now {
            let is_over = self.is_over_but_for_courtesy();
            self.phase = Phase::Done;
            return if is_over { Ok(Step::Done) } else { Err(OpeningError::TimedOut) };
        }
        if self.phase == Phase::Reading {
            self.scan(buffer)?;
        }
        Ok(Step::Io(match self.phase {
            Phase::Reading => Io::Read(self.room(buffer)),
            Phase::Writing { start, end, .. } => {
                let bytes = buffer.get(start..end);
                debug_assert!(bytes.is_some_and(|bytes| !bytes.is_empty()), "{start}..{end}");
                Io::Write(bytes.unwrap_or_default())
            }
            Phase::Flushing { .. } => Io::Flush,
            Phase::ShuttingDown => {
                self.deadline = self.deadline.min(now.after(REFUSED_DRAIN_TIME));
                Io::ShutDown
            }
            Phase::Draining { .. } if buffer.is_empty() => {
                self.phase = Phase::Done;
                return Ok(Step::Done);
            }
            Phase::Draining { left } => {
                let len = buffer.len().min(left);
                Io::Read(buffer.get_mut(..len).unwrap_or_default())
            }
            Phase::Head => return Ok(Step::Head),
            Phase::Done => return Ok(Step::Done),
            Phase::Broken => return Err(self.fail(OpeningError::BrokenTransport)),
            Phase::Ended => return Err(self.fail(OpeningError::Eof)),
        }))
    }

    /// Reports the result of the operation that [`next`](Self::next) asked for: the number of bytes
    /// that were read or written; any number for the others.
    ///
    /// # Errors
    ///
    /// The error of the transport, if the handshake fails by it.
    pub fn completed<E>(&mut self, result: Result<usize, E>) -> Result<(), E> {
        let len = match result {
            Ok(len) => len,
            Err(error) => {
                let is_over = self.is_over_but_for_courtesy();
                self.phase = Phase::Done;
                return if is_over { Ok(()) } else { Err(error) };
            }
        };
        self.phase = match self.phase {
            Phase::Writing { start, end, then } => match end.checked_sub(start) {
                Some(left) if len == left => Phase::Flushing { then },
                Some(left) if (1..left).contains(&len) => {
                    Phase::Writing { start: start.saturating_add(len), end, then }
                }
                _ => Phase::Broken,
            },
            Phase::Flushing { then } => match then {
                Then::Read => Phase::Reading,
                Then::ShutDown => Phase::ShuttingDown,
                Then::Open | Then::End => Phase::Done,
            },
            Phase::Reading if len == 0 => Phase::Ended,
            Phase::Reading => {
                self.received_len = self.received_len.saturating_add(len);
                Phase::Reading
            }
            Phase::ShuttingDown => Phase::Draining { left: MAX_REFUSED_DRAIN_LEN },
            Phase::Draining { left } => match left.checked_sub(len) {
                Some(left) if left > 0 && len > 0 => Phase::Draining { left },
                _ => Phase::Done,
            },
            phase @ (Phase::Head | Phase::Done | Phase::Broken | Phase::Ended) => {
                debug_assert!(false, "no operation was asked for");
                phase
            }
        };
        Ok(())
    }

    /// Returns the time at which to call [`next`](Self::next) again at the latest, even if the
    /// operation that it asked for is not complete.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Head | Phase::Done | Phase::Broken | Phase::Ended => None,
            _ => Some(self.deadline),
        }
    }

    /// Puts another deadline in place of the one from the start: for example after
    /// [`Step::Head`], so that the time that the application takes to decide is not the peer's.
    pub const fn set_deadline(&mut self, deadline: Timestamp) {
        self.deadline = deadline;
    }

    /// Returns the number of received bytes in the buffer.
    #[must_use]
    pub const fn received_len(&self) -> usize {
        self.received_len
    }

    /// Returns the range of the buffer with the bytes that follow the head, after [`Step::Done`]:
    /// the first frames, or the beginning of the body of a declined handshake.
    #[must_use]
    pub const fn first_bytes(&self) -> Range<usize> {
        self.head_len..self.received_len
    }

    /// The number of header lines so far. After [`Step::Head`] it is the number of slots that the head
    /// needs: with the feature `alloc`, `HeaderSlots::with_room_for` makes them.
    #[must_use]
    pub const fn headers(&self) -> usize {
        self.scanner.headers()
    }

    /// The head that is complete, after [`Step::Head`].
    ///
    /// # Errors
    ///
    /// The peer sent bytes that are not a head, or too many.
    pub fn head<'b>(&mut self, buffer: &'b [u8]) -> Result<Head<'b>, HeadError> {
        debug_assert_eq!(self.phase, Phase::Head, "only after Step::Head");
        debug_assert!(self.received_len <= buffer.len(), "always the same buffer");
        let received = buffer.get(..self.received_len).unwrap_or_default();
        match self.scanner.scan(received)? {
            Progress::Complete(head) => Ok(head),
            Progress::Partial => Err(HeadError::HeadTooLong { limit: received.len() }),
        }
    }

    /// Scans the bytes received since the last call.
    fn scan(&mut self, buffer: &mut [u8]) -> Result<(), OpeningError> {
        let len = buffer.len();
        let Some(received) = buffer.get_mut(..self.received_len) else {
            return Err(self.fail(OpeningError::BrokenTransport));
        };
        match self.scanner.scan_mut(received) {
            Ok(Progress::Partial) if self.received_len < len => {}
            Ok(Progress::Partial) => {
                self.scanner.refuse_longer_than(len);
                self.phase = Phase::Head;
            }
            Ok(Progress::Complete(_)) | Err(_) => self.phase = Phase::Head,
        }
        Ok(())
    }

    /// Makes room for the next response, if the last one was an interim one.
    fn drop_interim_response(&mut self, buffer: &mut [u8]) {
        if self.phase == Phase::Reading && self.head_len > 0 {
            debug_assert!(self.head_len <= self.received_len && self.received_len <= buffer.len());
            let after = self.first_bytes();
            self.received_len = after.len();
            self.head_len = 0;
            buffer.copy_within(after, 0);
        }
    }

    fn room<'b>(&self, buffer: &'b mut [u8]) -> &'b mut [u8] {
        let room = buffer.get_mut(self.received_len..).unwrap_or_default();
        debug_assert!(!room.is_empty(), "a full buffer is refused");
        let len = match self.reads_the_head_alone {
            true => self.scanner.min_remaining().min(room.len()),
            false => room.len(),
        };
        room.get_mut(..len).unwrap_or_default()
    }

    /// Returns whether the outcome is known, and the remaining steps serve only the peer.
    const fn is_over_but_for_courtesy(&self) -> bool {
        match self.phase {
            Phase::ShuttingDown | Phase::Draining { .. } | Phase::Done => true,
            Phase::Writing { then, .. } | Phase::Flushing { then } => matches!(then, Then::End),
            Phase::Reading | Phase::Head | Phase::Broken | Phase::Ended => false,
        }
    }

    /// The bytes in this range of the buffer are to be written; `then` follows.
    fn write(&mut self, Range { start, end }: Range<usize>, then: Then) {
        debug_assert_eq!(self.phase, Phase::Head, "only after Step::Head");
        self.phase = Phase::Writing { start, end, then };
    }

    fn fail(&mut self, error: OpeningError) -> OpeningError {
        self.phase = Phase::Done;
        error
    }
}

/// The reason why a handshake failed without an answer to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpeningError {
    /// The transport ended before the head was complete.
    Eof,
    /// The deadline has passed.
    TimedOut,
    /// The transport claims to have read or written more than it was given, or to have written
    /// nothing.
    BrokenTransport,
}

impl fmt::Display for OpeningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eof => "the transport ended in the opening handshake",
            Self::TimedOut => "the opening handshake did not end in time",
            Self::BrokenTransport => "the transport reported an impossible number of bytes",
        })
    }
}

impl core::error::Error for OpeningError {}

#[cfg(test)]
mod tests;
