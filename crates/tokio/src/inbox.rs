//! The receiving side of a WebSocket: bytes that came, and the message they are put together to.

use std::task::{Context, Poll, ready};

use tidings_websocket::frame::{CloseFrame, ControlPayload};
use tidings_websocket::{Assembled, Assembler, Event, Message as Whole, Role, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Error;
use crate::link::Link;
use crate::read_buffer::{Place, ReadBuffer};

#[derive(Debug)]
pub(crate) struct Inbox {
    read: ReadBuffer,
    /// When the bytes in `read` came.
    received_at: Timestamp,
    assembler: Assembler,
    parts: Parts,
}

/// Whether a message is handed out part by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parts {
    /// None is.
    No,
    /// One is, and its end has not come.
    Inside,
    /// One was, and the rest of it is not wanted.
    Skip,
}

/// What was received, borrowed from the buffer it was read into.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    Message(Whole<'a>),
    Part(MessagePart<'a>),
    Ping(ControlPayload),
    Pong(ControlPayload),
    Close(Option<CloseFrame>),
}

/// A part of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessagePart<'a> {
    /// The character of a text that began in an earlier part; it comes before `bytes`.
    pub(crate) carried: Option<char>,
    /// The payload of this part. Of a text it is whole characters.
    pub(crate) bytes: &'a [u8],
    /// Whether the message is a text.
    pub(crate) is_text: bool,
    /// Whether the part begins the message.
    pub(crate) is_first: bool,
    /// Whether the part ends the message.
    pub(crate) is_last: bool,
}

/// Where the bytes of the read buffer stood in memory, to find again what was borrowed from them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    addr: usize,
    start: usize,
}

impl Origin {
    /// The place of `bytes`, which are borrowed from the buffer.
    pub(crate) fn place_of(self, bytes: &[u8]) -> Place {
        let offset = bytes.as_ptr().addr().wrapping_sub(self.addr);
        Place { start: self.start.wrapping_add(offset), len: bytes.len() }
    }
}

impl Inbox {
    pub(crate) fn new(received: &[u8]) -> Self {
        Self {
            read: ReadBuffer::with(received),
            received_at: Timestamp::default(),
            assembler: Assembler::new(),
            parts: Parts::No,
        }
    }

    /// Whether received bytes wait to be taken.
    pub(crate) fn has_more(&self) -> bool {
        !self.read.is_empty()
    }

    /// The rest of a message that was begun in parts is not wanted.
    pub(crate) fn skip_rest(&mut self) {
        if self.parts == Parts::Inside {
            self.parts = Parts::Skip;
        }
    }

    /// Steps 1 to 4 of the loop of [`Connection`](tidings_websocket::Connection), until `take`
    /// yields something for what was received, or the end. Messages come part by part if
    /// `in_parts`.
    pub(crate) fn poll_recv<S, R, T>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut Link<S, R>,
        in_parts: bool,
        mut take: impl FnMut(Incoming<'_>, Origin) -> Option<T>,
    ) -> Poll<Result<Option<T>, Error>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        R: Role,
    {
        if !in_parts {
            self.skip_rest();
        }
        loop {
            // 2. Events out.
            if let Some(taken) = self.next(link, in_parts, &mut take) {
                return Poll::Ready(Ok(Some(taken)));
            }
            // 3. What the protocol owes out, behind what was queued before.
            link.transmit();
            if link.is_ending() {
                return link.poll_end(cx, &mut self.read).map_ok(|()| None);
            }
            // Not waiting for the peer to take it: it may itself wait for us to read.
            if let Poll::Ready(Err(error)) = link.poll_write(cx) {
                return Poll::Ready(Err(link.abort(error.into())));
            }
            // 1. Bytes in.
            match self.read.poll_fill(cx, &mut link.stream) {
                Poll::Ready(Ok(0)) => link.receive_eof(),
                Poll::Ready(Ok(_)) => self.received_at = link.now(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(link.abort(error.into()))),
                // 4. Sleep until bytes or the deadline.
                Poll::Pending => ready!(link.poll_deadline(cx))?,
            }
        }
    }

    /// What `take` makes of the events among the bytes that were received.
    fn next<S, R: Role, T>(
        &mut self,
        link: &mut Link<S, R>,
        in_parts: bool,
        take: &mut impl FnMut(Incoming<'_>, Origin) -> Option<T>,
    ) -> Option<T> {
        loop {
            let start = self.read.start();
            let mut input = self.read.filled();
            let origin = Origin { addr: input.as_ptr().addr(), start };
            let before = input.len();
            let Some(event) = link.connection.receive(self.received_at, &mut input) else {
                // All of it was taken.
                self.read.consume(usize::MAX);
                return None;
            };
            let taken_len = before.saturating_sub(input.len());
            let taken = match event {
                Event::Violation(violation) => {
                    link.fail(Error::Violation(violation));
                    None
                }
                Event::Ping(payload) => take(Incoming::Ping(payload), origin),
                Event::Pong(payload) => take(Incoming::Pong(payload), origin),
                Event::Close(close) => take(Incoming::Close(close), origin),
                event => match self.parts.route(&event, in_parts) {
                    Route::Part(part) => take(Incoming::Part(part), origin),
                    Route::Skip => None,
                    Route::Whole => match self.assembler.push(event) {
                        Assembled::Message(message) => take(Incoming::Message(message), origin),
                        Assembled::Incomplete | Assembled::Other(_) => None,
                    },
                },
            };
            self.read.consume(taken_len);
            if taken.is_some() {
                return taken;
            }
        }
    }

    /// What was borrowed from the read buffer; it stays there until the next `poll_recv`.
    pub(crate) fn lent(&self, place: Place) -> &[u8] {
        self.read.at(place)
    }
}

/// Where a part of a message goes.
enum Route<'a> {
    /// To the caller.
    Part(MessagePart<'a>),
    /// To the assembler.
    Whole,
    /// Nowhere.
    Skip,
}

impl Parts {
    /// A message goes where its first part went.
    fn route<'a>(&mut self, event: &'a Event<'_>, in_parts: bool) -> Route<'a> {
        let part = match event {
            Event::Text { text, is_first, is_last } => MessagePart {
                carried: text.carried,
                bytes: text.rest.as_bytes(),
                is_text: true,
                is_first: *is_first,
                is_last: *is_last,
            },
            Event::Binary { bytes, is_first, is_last } => MessagePart {
                carried: None,
                bytes,
                is_text: false,
                is_first: *is_first,
                is_last: *is_last,
            },
            _ => return Route::Whole,
        };
        if *self == Self::No {
            if !(in_parts && part.is_first) {
                return Route::Whole;
            }
            *self = Self::Inside;
        }
        let skip = *self == Self::Skip;
        if part.is_last {
            *self = Self::No;
        }
        if skip { Route::Skip } else { Route::Part(part) }
    }
}
