//! The receiving side of a WebSocket: bytes that came, and the message they are put together to.

use std::borrow::Cow;
use std::task::{Poll, ready};

use tidings_websocket::frame::{CloseFrame, ControlPayload};
use tidings_websocket::{Assembled, Assembler, Event, Message as Whole, Role, Timestamp};

use crate::compression::{Inflated, Inflating, Negotiated};
use crate::config::Config;
use crate::driver::Driver;
use crate::error::Error;
use crate::message::{LentMessage, Message};
use crate::read_buffer::{Place, ReadBuffer};
use crate::session::Session;

/// The receiving side of a WebSocket.
#[derive(Debug)]
pub struct Inbox {
    read: ReadBuffer,
    /// When the bytes in `read` came.
    received_at: Timestamp,
    assembler: Assembler,
    parts: Parts,
    /// `None`: compressed messages were not agreed on.
    inflating: Option<Box<Inflating>>,
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
    /// `received` is what came behind the opening handshake, which has agreed on this: the first
    /// frames.
    #[must_use]
    pub fn new<R: Role>(received: &[u8], config: &Config, negotiated: &Negotiated) -> Self {
        let inflating = negotiated.compression.map(|agreement| {
            let theirs = if R::IS_SERVER { agreement.client } else { agreement.server };
            Box::new(Inflating::new(theirs, config.limits.max_message_len))
        });
        Self {
            read: ReadBuffer::with(received),
            received_at: Timestamp::default(),
            assembler: Assembler::new(),
            parts: Parts::No,
            inflating,
        }
    }

    /// Receives the next message, to be owned; `None` after the closing handshake. Also control
    /// frames if `control_frames`.
    ///
    /// # Errors
    /// What ended the connection otherwise, once.
    pub fn poll_owned<R: Role>(
        &mut self,
        session: &mut Session<R>,
        driver: &mut impl Driver,
        control_frames: bool,
    ) -> Poll<Result<Option<Message>, Error>> {
        self.poll_recv(session, driver, false, |incoming, _| match incoming {
            Incoming::Message(message) => Some(message.into()),
            Incoming::Ping(payload) => control_frames.then_some(Message::ping(payload)),
            Incoming::Pong(payload) => control_frames.then_some(Message::pong(payload)),
            Incoming::Close(close) => control_frames.then_some(Message::close(close)),
            Incoming::Part(_) => None,
        })
    }

    /// Receives the next message, to be lent; `None` after the closing handshake.
    ///
    /// # Errors
    /// As [`poll_owned`](Self::poll_owned).
    pub fn poll_found<R: Role>(
        &mut self,
        session: &mut Session<R>,
        driver: &mut impl Driver,
    ) -> Poll<Result<Option<Found>, Error>> {
        self.poll_recv(session, driver, false, Found::of)
    }

    /// Drops what still comes until the end.
    ///
    /// # Errors
    /// As [`poll_owned`](Self::poll_owned).
    pub fn poll_closed<R: Role>(
        &mut self,
        session: &mut Session<R>,
        driver: &mut impl Driver,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_recv(session, driver, false, |_, _| None::<()>))?;
        Poll::Ready(Ok(()))
    }

    /// Whether received bytes wait to be taken.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.read.is_empty()
    }

    /// The rest of a message that was begun in parts is not wanted.
    pub fn skip_rest(&mut self) {
        if self.parts == Parts::Inside {
            self.parts = Parts::Skip;
        }
    }

    /// Steps 1 to 4 of the loop of [`Connection`](tidings_websocket::Connection), until `take`
    /// yields something for what was received, or the end. Messages come part by part if
    /// `in_parts`.
    pub(crate) fn poll_recv<R: Role, T>(
        &mut self,
        session: &mut Session<R>,
        driver: &mut impl Driver,
        in_parts: bool,
        mut take: impl FnMut(Incoming<'_>, Origin) -> Option<T>,
    ) -> Poll<Result<Option<T>, Error>> {
        if !in_parts {
            self.skip_rest();
        }
        loop {
            // 2. Events out.
            if let Some(taken) = self.next(session, in_parts, &mut take) {
                return Poll::Ready(Ok(Some(taken)));
            }
            // 3. What the protocol owes out, behind what was queued before.
            session.transmit();
            if session.is_ending() {
                return session.poll_end(driver, &mut self.read).map_ok(|()| None);
            }
            // Not waiting for the peer to take it: it may itself wait for us to read.
            if let Poll::Ready(Err(error)) = session.poll_write(driver) {
                return Poll::Ready(Err(session.abort(error.into())));
            }
            // 1. Bytes in.
            let until = session.deadline();
            match self.read.fill(|bytes| driver.read(bytes, until)) {
                Poll::Ready(Ok(0)) => session.receive_eof(),
                Poll::Ready(Ok(_)) => self.received_at = driver.now(),
                // Both sides have said what they had to: how the transport ends is its own affair.
                Poll::Ready(Err(_)) if !session.connection.is_receiving() => session.receive_eof(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(session.abort(error.into()))),
                // 4. Sleep until bytes or the deadline.
                Poll::Pending => ready!(session.poll_deadline(driver))?,
            }
        }
    }

    /// What `take` makes of the events among the bytes that were received.
    fn next<R: Role, T>(
        &mut self,
        session: &mut Session<R>,
        in_parts: bool,
        take: &mut impl FnMut(Incoming<'_>, Origin) -> Option<T>,
    ) -> Option<T> {
        loop {
            let start = self.read.start();
            let mut input = self.read.filled();
            let origin = Origin { addr: input.as_ptr().addr(), start };
            let before = input.len();
            let Some(event) = session.connection.receive(self.received_at, &mut input) else {
                // All of it was taken.
                self.read.consume(usize::MAX);
                return None;
            };
            let taken_len = before.saturating_sub(input.len());
            let taken = match event {
                Event::Violation(violation) => {
                    session.fail(Error::Violation(violation));
                    None
                }
                Event::Ping(payload) => {
                    session.transmit_pong();
                    take(Incoming::Ping(payload), origin)
                }
                Event::Pong(payload) => take(Incoming::Pong(payload), origin),
                Event::Close(close) => take(Incoming::Close(close), origin),
                Event::Compressed { message_type, bytes, is_last, .. } => {
                    let inflated = self
                        .inflating
                        .as_mut()
                        .map(|inflating| inflating.push(message_type, bytes, is_last));
                    match inflated {
                        Some(Ok(Inflated::Message(message))) => {
                            take(Incoming::Message(message), origin)
                        }
                        Some(Err(violation)) => {
                            session.connection.refuse(self.received_at, violation);
                            session.fail(Error::Violation(violation));
                            None
                        }
                        // Without an agreement the machine yields no such event.
                        Some(Ok(Inflated::Incomplete)) | None => None,
                    }
                }
                event => match self.parts.route(&event, in_parts) {
                    Route::Part(part) => take(Incoming::Part(part), origin),
                    Route::Skip => None,
                    Route::Whole => {
                        let rest_len = session.connection.announced_rest_len();
                        match self.assembler.push(event, rest_len) {
                            Assembled::Message(message) => take(Incoming::Message(message), origin),
                            Assembled::Incomplete | Assembled::Other(_) => None,
                        }
                    }
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

/// A message that was found, without borrowing what it was found in.
#[derive(Debug)]
pub struct Found(At);

#[derive(Debug)]
enum At {
    Text(Place),
    Binary(Place),
    Owned(LentMessage<'static>),
}

impl Found {
    fn of(incoming: Incoming<'_>, origin: Origin) -> Option<Self> {
        let Incoming::Message(message) = incoming else { return None };
        Some(Self(match message {
            LentMessage::Text(Cow::Borrowed(text)) => At::Text(origin.place_of(text.as_bytes())),
            LentMessage::Binary(Cow::Borrowed(bytes)) => At::Binary(origin.place_of(bytes)),
            LentMessage::Text(Cow::Owned(text)) => At::Owned(LentMessage::Text(text.into())),
            LentMessage::Binary(Cow::Owned(bytes)) => At::Owned(LentMessage::Binary(bytes.into())),
        }))
    }

    /// The message, lent from the inbox that found it last.
    #[must_use]
    pub fn lend(self, inbox: &Inbox) -> LentMessage<'_> {
        match self.0 {
            At::Owned(message) => message,
            At::Binary(place) => LentMessage::Binary(Cow::Borrowed(inbox.lent(place))),
            At::Text(place) => {
                // Valid when it was found; this crate has no unsafe code to say so.
                let text = std::str::from_utf8(inbox.lent(place)).unwrap_or_default();
                LentMessage::Text(Cow::Borrowed(text))
            }
        }
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
