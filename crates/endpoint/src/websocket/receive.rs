//! The receiving side of a WebSocket: [`ReceiveHalf`] has the bytes that came, and puts messages
//! together out of them.

use std::borrow::Cow;
use std::io;
use std::mem;
use std::task::Poll;
use std::time::Duration;

use tidings_websocket::{Assembled, Assembler, Event, Role, Timestamp};

use super::chunks::IncomingChunk;
use super::compression::{Inflated, Inflating, Negotiated};
use super::config::Config;
use super::message::{Message, MessageRef};
use super::read_buffer::ReadBuffer;
use super::send::{Ahead, SendHalf};
use crate::error::Error;
use crate::trace;

/// By how much a timer may be late while bytes are waited for.
const MAX_TIMER_DELAY: Duration = Duration::from_millis(100);

/// The receiving side of a WebSocket.
#[derive(Debug)]
pub struct ReceiveHalf {
    read: ReadBuffer,
    /// The arrival time of the bytes in `read`.
    received_at: Timestamp,
    /// Bytes are being waited for, since the last were taken.
    is_waiting: bool,
    assembler: Assembler,
    chunking: Chunking,
    /// The message that is ready.
    at_hand: AtHand,
    /// A message that is ready and not in the read buffer; rare, and so boxed.
    found: Option<Box<Message>>,
    delivers_control_frames: bool,
    /// `None`: compressed messages were not negotiated.
    inflating: Option<Box<Inflating>>,
}

/// The kind of message that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtHand {
    /// Not known to be any.
    Nothing,
    /// The one at the front of the read buffer.
    Front,
    /// The one in `found`.
    Found,
    /// The one in `found` was borrowed, and goes with the next.
    Borrowed,
}

/// The form in which a message is returned: whole, or chunk by chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunking {
    /// Messages are assembled.
    Whole,
    /// A message is being returned, and its end has not arrived.
    Inside,
    /// The rest of such a message is not wanted.
    Skipping,
}

/// The result of the next event.
enum Step {
    /// All input was taken.
    UsedUp,
    /// Nothing to return.
    Nothing,
    /// A message or control frame is in `found`.
    Found,
    /// A chunk, which was asked for.
    Chunk(IncomingChunk),
}

impl ReceiveHalf {
    /// Creates the half. `received` has the bytes after the opening handshake, which are the first
    /// frames; `negotiated` is the result of that handshake.
    #[must_use]
    pub fn new(is_server: bool, received: &[u8], config: &Config, negotiated: &Negotiated) -> Self {
        let inflating = negotiated.compression.map(|compression| {
            let theirs = if is_server { compression.client } else { compression.server };
            Box::new(Inflating::new(theirs, config.limits.max_message_len))
        });
        Self {
            read: ReadBuffer::with(received),
            received_at: Timestamp::default(),
            is_waiting: false,
            assembler: Assembler::new(),
            chunking: Chunking::Whole,
            at_hand: AtHand::Nothing,
            found: None,
            delivers_control_frames: config.deliver_control_frames,
            inflating,
        }
    }

    /// Nothing was received, and nothing is wanted: for a connection that only has to end.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self::new(true, &[], &Config::server(), &Negotiated::default())
    }

    /// Step 2: returns whether a message is ready. [`take`](Self::take) or [`borrow`](Self::borrow)
    /// returns it.
    #[inline]
    pub fn find<R: Role>(&mut self, send: &mut SendHalf<R>) -> bool {
        match self.at_hand {
            AtHand::Front | AtHand::Found => true,
            AtHand::Nothing | AtHand::Borrowed => self.look(send),
        }
    }

    #[inline(never)]
    fn look<R: Role>(&mut self, send: &mut SendHalf<R>) -> bool {
        self.drop_borrowed();
        self.skip_rest();
        loop {
            if self.has_whole_message(send) {
                return true;
            }
            match self.step(send, false) {
                Step::UsedUp => return false,
                Step::Found => return true,
                Step::Nothing | Step::Chunk(_) => {}
            }
        }
    }

    /// Like [`find`](Self::find), but skips control frames, which are only returned as
    /// owned messages.
    #[inline]
    pub fn find_data<R: Role>(&mut self, send: &mut SendHalf<R>) -> bool {
        while self.find(send) {
            match self.found.as_deref() {
                Some(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => {
                    self.at_hand = AtHand::Borrowed;
                }
                _ => return true,
            }
        }
        false
    }

    /// Returns the ready message, owned. `None` if it proves invalid, which ends the connection.
    #[inline]
    pub fn take<R: Role>(&mut self, send: &mut SendHalf<R>) -> Option<Message> {
        if self.at_hand == AtHand::Found {
            return self.take_found(send);
        }
        self.take_front(send, Message::from)
    }

    #[inline(never)]
    fn take_found<R: Role>(&mut self, send: &mut SendHalf<R>) -> Option<Message> {
        self.at_hand = AtHand::Nothing;
        send.next_is_whole = self.has_whole_message(send);
        self.found.take().map(|message| *message)
    }

    /// The message that [`find_data`](Self::find_data) found, borrowed until the next one is looked
    /// for. `None` if it proves invalid, which ends the connection.
    #[inline]
    pub fn borrow<R: Role>(&mut self, send: &mut SendHalf<R>) -> Option<MessageRef<'_>> {
        if self.at_hand != AtHand::Found {
            return self.take_front(send, |message| message);
        }
        self.at_hand = AtHand::Borrowed;
        send.next_is_whole = send.connection.has_whole_message(self.read.filled());
        match self.found.as_deref()? {
            Message::Text(text) => Some(MessageRef::Text(Cow::Borrowed(text))),
            Message::Binary(bytes) => Some(MessageRef::Binary(Cow::Borrowed(bytes))),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {
                debug_assert!(false, "`find_data` passes over control frames");
                None
            }
        }
    }

    /// Returns what `make` makes of the whole message at the front of the read buffer. Inlined, so
    /// that the borrowed message does not pass through memory.
    #[inline(always)]
    fn take_front<'a, R: Role, T>(
        &'a mut self,
        send: &mut SendHalf<R>,
        make: impl FnOnce(MessageRef<'a>) -> T,
    ) -> Option<T> {
        debug_assert_eq!(self.at_hand, AtHand::Front, "`find` comes first");
        let event = self.read.take_front(|input| {
            let event = send.connection.receive(self.received_at, input);
            send.next_is_whole = send.connection.has_whole_message(input);
            event
        });
        self.at_hand = if send.next_is_whole { AtHand::Front } else { AtHand::Nothing };
        match event? {
            Event::Text { text, is_first: true, is_last: true } => {
                trace::message_received(true, text.rest.len());
                Some(make(MessageRef::Text(Cow::Borrowed(text.rest))))
            }
            Event::Binary { bytes, is_first: true, is_last: true } => {
                trace::message_received(false, bytes.len());
                Some(make(MessageRef::Binary(Cow::Borrowed(bytes))))
            }
            Event::Violation(violation) => {
                send.fail(Error::Violation(violation));
                None
            }
            event => {
                debug_assert!(false, "a whole message was at hand: {event:?}");
                None
            }
        }
    }

    /// Returns whether the next message is whole in the read buffer: then it is ready.
    #[inline]
    fn has_whole_message<R: Role>(&mut self, send: &SendHalf<R>) -> bool {
        let is_whole = self.chunking == Chunking::Whole
            && send.connection.has_whole_message(self.read.filled());
        if is_whole {
            debug_assert_eq!(self.at_hand, AtHand::Nothing, "one message is at hand at a time");
            self.at_hand = AtHand::Front;
        }
        is_whole
    }

    /// Drops all messages that are at hand.
    pub fn discard<R: Role>(&mut self, send: &mut SendHalf<R>) {
        while self.find(send) {
            drop(self.take(send));
        }
    }

    fn drop_borrowed(&mut self) {
        if self.at_hand == AtHand::Borrowed {
            self.at_hand = AtHand::Nothing;
            self.found = None;
        }
    }

    /// Step 2 for a message that is returned in chunks: the next chunk.
    pub fn find_chunk<R: Role>(&mut self, send: &mut SendHalf<R>) -> Option<IncomingChunk> {
        self.drop_borrowed();
        if mem::replace(&mut self.at_hand, AtHand::Nothing) == AtHand::Found {
            if let Some(chunk) =
                self.found.take().and_then(|message| IncomingChunk::of_message(*message))
            {
                return Some(chunk);
            }
        }
        loop {
            match self.step(send, true) {
                Step::UsedUp => return None,
                Step::Chunk(chunk) => return Some(chunk),
                Step::Nothing => {}
                Step::Found => {
                    self.at_hand = AtHand::Nothing;
                    if let Some(chunk) =
                        self.found.take().and_then(|message| IncomingChunk::of_message(*message))
                    {
                        return Some(chunk);
                    }
                }
            }
        }
    }

    /// The rest of a message that was begun in chunks is not wanted.
    pub fn skip_rest(&mut self) {
        if self.chunking == Chunking::Inside {
            self.chunking = Chunking::Skipping;
        }
    }

    /// Step 1: reads into the empty buffer, or takes the bytes that a waiting sender has already
    /// read. Pass the result to [`received`](Self::received).
    ///
    /// # Errors
    /// The error of `read`, or an impossible length that it claims.
    pub fn fill<R: Role>(
        &mut self,
        send: &mut SendHalf<R>,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let filled = match send.take_ahead() {
            None => self.read.fill(read),
            Some(Ahead::Bytes(buffer, len)) => {
                self.is_waiting = false;
                self.read.replace(buffer, len);
                Poll::Ready(Ok(len))
            }
            Some(Ahead::End(end)) => Poll::Ready(end),
        };
        if filled.is_pending() {
            self.is_waiting = true;
        }
        filled
    }

    /// Reports that the adapter waits for bytes from now on. Needed only if its reads wait.
    pub fn wait<R: Role>(&mut self, send: &mut SendHalf<R>, now: Timestamp) {
        if !mem::replace(&mut self.is_waiting, true) {
            send.resume(now);
        }
    }

    /// Reports the result of reading, and its time.
    pub fn received<R: Role>(
        &mut self,
        send: &mut SendHalf<R>,
        read: io::Result<usize>,
        now: Timestamp,
    ) {
        // Bytes that were there at once arrived while the application was busy; so did bytes after
        // a deadline at which nobody read. The peer is not late in these cases.
        let was_waiting = mem::replace(&mut self.is_waiting, false);
        let late = send.connection.poll_timeout().map(|due| due.after(MAX_TIMER_DELAY));
        if !was_waiting || late.is_some_and(|late| late < now) {
            send.resume(now);
        }
        self.received_at = now;
        send.received(read);
    }

    /// Takes the next event from the read buffer.
    fn step<R: Role>(&mut self, send: &mut SendHalf<R>, in_chunks: bool) -> Step {
        let Self { read, received_at, assembler, chunking, inflating, .. } = self;
        let (found, control) =
            match read.take_front_at(|input| send.connection.receive(*received_at, input)) {
                None => return Step::UsedUp,
                Some((Event::Violation(violation), _)) => {
                    send.fail(Error::Violation(violation));
                    return Step::Nothing;
                }
                Some((Event::Ping(payload), _)) => {
                    trace::control_received("Ping");
                    send.transmit_pong();
                    (None, Some(Message::ping(payload)))
                }
                Some((Event::Pong(payload), _)) => {
                    trace::control_received("Pong");
                    (None, Some(Message::pong(payload)))
                }
                Some((Event::Close(close), _)) => {
                    trace::close_received(close.as_ref());
                    send.close_received();
                    (None, Some(Message::close(close)))
                }
                Some((Event::Compressed { kind, bytes, is_last, .. }, _)) => {
                    debug_assert!(inflating.is_some(), "the machine was not told of compression");
                    let Some(inflating) = inflating else { return Step::Nothing };
                    match inflating.push(kind, bytes, is_last) {
                        Ok(Inflated::Message(message)) => (Some(message.into()), None),
                        Ok(Inflated::Incomplete) => return Step::Nothing,
                        Err(violation) => {
                            send.connection.refuse(*received_at, violation);
                            send.fail(Error::Violation(violation));
                            return Step::Nothing;
                        }
                    }
                }
                Some((event, origin)) => match chunking.route(&event, in_chunks) {
                    Route::Skip => return Step::Nothing,
                    Route::Chunk => {
                        return IncomingChunk::of_event(&event, origin)
                            .map_or(Step::Nothing, Step::Chunk);
                    }
                    Route::Whole => {
                        let rest_len = send.connection.announced_rest_len();
                        match assembler.push(event, rest_len) {
                            Assembled::Message(message) => (Some(message.into()), None),
                            Assembled::Incomplete | Assembled::Other(_) => return Step::Nothing,
                        }
                    }
                },
            };
        self.found = found.or(control.filter(|_| self.delivers_control_frames)).map(Box::new);
        if self.found.is_none() {
            return Step::Nothing;
        }
        if let Some(message @ (Message::Text(_) | Message::Binary(_))) = self.found.as_deref() {
            trace::message_received(message.is_text(), message.len());
        }
        self.at_hand = AtHand::Found;
        Step::Found
    }

    /// Bytes of the read buffer that a chunk stands at; they stay there until the next read.
    pub(super) fn read_buffer(&self) -> &ReadBuffer {
        &self.read
    }
}

/// The destination of a part of a message.
enum Route {
    /// To the caller.
    Chunk,
    /// To the assembler.
    Whole,
    /// Nowhere.
    Skip,
}

impl Chunking {
    /// A message goes where its first part went.
    fn route(&mut self, event: &Event<'_>, in_chunks: bool) -> Route {
        let (Event::Text { is_first, is_last, .. } | Event::Binary { is_first, is_last, .. }) =
            *event
        else {
            return Route::Whole;
        };
        if *self == Self::Whole {
            if !(in_chunks && is_first) {
                return Route::Whole;
            }
            *self = Self::Inside;
        }
        let is_skipped = *self == Self::Skipping;
        if is_last {
            *self = Self::Whole;
        }
        if is_skipped { Route::Skip } else { Route::Chunk }
    }
}
