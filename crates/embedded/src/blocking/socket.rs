//! An open WebSocket on a blocking stream: [`WebSocket`].

use core::fmt;
use core::ops::Range;

use embedded_io::{Read, Write};
use tidings_websocket::frame::{CloseFrame, ControlPayload};
use tidings_websocket::{Connection, Data, Event, Role, Timestamp};

use crate::config::Config;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::session::{CHUNK_LEN, Session};

/// A WebSocket whose opening handshake is done.
///
/// It receives; what it sends goes through its [`Sender`], which [`recv`](Self::recv) lends with each
/// event.
pub struct WebSocket<'b, S, R, C> {
    inbox: Inbox<'b>,
    sender: Sender<S, R, C>,
}

/// The sending side of a [`WebSocket`].
pub struct Sender<S, R, C> {
    stream: S,
    session: Session<R, C>,
}

impl<'b, S: Read + Write, R: Role, C: FnMut() -> Timestamp> WebSocket<'b, S, R, C> {
    /// Takes over a stream whose opening handshake was done elsewhere, without extensions. `unread`
    /// is where in the buffer the first frames are, as far as they came with the handshake.
    pub fn from_handshaken(
        stream: S,
        role: R,
        buffer: &'b mut [u8],
        unread: Range<usize>,
        clock: C,
        config: &Config,
    ) -> Self {
        let mut session = Session::new(role, config, clock);
        let inbox = Inbox::new(buffer, unread, session.now());
        Self { inbox, sender: Sender { stream, session } }
    }

    /// Receives the next event, lent from the buffer, together with the sender. `None` after the
    /// closing handshake: close the stream then, which `embedded-io` has no method for.
    ///
    /// A part of a message ends where a read ended, at the latest where the buffer ends; its
    /// `is_first` and `is_last` tell the borders. Pings are answered, and what else the protocol owes
    /// is written and flushed, before this waits for the stream.
    ///
    /// # Errors
    /// What ended the connection, once; after it comes `None`. [`Error::Io`] ends nothing by itself:
    /// if the stream has only timed out, call this again.
    #[allow(clippy::type_complexity, reason = "an alias would hide what is lent")]
    pub fn recv(&mut self) -> Result<Option<(Event<'_>, &mut Sender<S, R, C>)>, Error<S::Error>> {
        let Self { inbox, sender } = self;
        loop {
            // 2. Events out.
            if let Some(found) = inbox.next(&mut sender.session) {
                return Ok(Some((inbox.lend(found), sender)));
            }
            // A peer that sends without end keeps its deadlines too.
            if let Some(then) = inbox.emptied_at() {
                sender.session.handle_timeout_at(then);
            }
            // 3. What the protocol owes out.
            let written = sender.write_before_waiting();
            sender.session.wrote_before_waiting(written)?;
            if sender.session.is_over() {
                return sender.session.end().map(|()| None);
            }
            // 1. Bytes in.
            let read = sender.stream.read(inbox.room()?);
            inbox.received(read, &mut sender.session)?;
        }
    }

    /// The sender.
    pub const fn sender(&mut self) -> &mut Sender<S, R, C> {
        &mut self.sender
    }

    /// When [`recv`](Self::recv) should have come back, if only to be called again; `None` at the
    /// end. A read timeout of the stream that is not later keeps all deadlines in time.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.sender.session.poll_timeout()
    }

    /// Does what is due now, if anything is: fails the connection over a peer that is late, or owes
    /// a Ping, which the next `recv` writes. `recv` does this itself when the stream says `TimedOut`;
    /// this is for streams that say so in another way.
    pub fn handle_timeout(&mut self) {
        self.sender.session.handle_timeout();
    }

    /// Gives the stream back.
    pub fn into_stream(self) -> S {
        self.sender.stream
    }
}

impl<S: Read + Write, R: Role, C: FnMut() -> Timestamp> Sender<S, R, C> {
    /// Writes a message, or a piece of one, in one frame. A client's payload is masked on its way
    /// through 256 bytes of stack; a server's goes to the stream as it is. The payload is not
    /// changed.
    ///
    /// It is not flushed: `recv` does that before it waits. Call [`flush`](Self::flush) if you do not
    /// receive next and the stream holds bytes back, as TLS does.
    ///
    /// # Errors
    /// [`Error::Send`]: nothing was sent. [`Error::Io`]: the frame was cut, and is to be finished by
    /// [`resume_send`](Self::resume_send) with the same payload, if the error is one that passes.
    /// [`Error::FrameUnfinished`]: that was left out, and nothing was sent.
    pub fn send(&mut self, data: Data<'_>) -> Result<(), Error<S::Error>> {
        let payload = self.session.begin_data(data)?;
        self.write_data(payload)
    }

    /// Writes what is left of the frame that an earlier [`send`](Self::send) was cut in; nothing if
    /// none was. The payload must be the same.
    ///
    /// # Errors
    /// [`Error::FrameUnfinished`]: the payload has another length. [`Error::Send`]: the connection
    /// has ended meanwhile. [`Error::Io`]: as before.
    pub fn resume_send(&mut self, payload: &[u8]) -> Result<(), Error<S::Error>> {
        self.session.check_same_payload(payload)?;
        self.write_data(payload)
    }

    /// Sends a Ping of yours. Those of [`Timeouts::ping_interval`] are sent without your doing.
    ///
    /// [`Timeouts::ping_interval`]: tidings_websocket::Timeouts::ping_interval
    ///
    /// # Errors
    /// [`Error::Send`]: nothing was sent. [`Error::Io`]: the rest goes out with the next call.
    /// [`Error::FrameUnfinished`]: an earlier frame was cut, and nothing was sent; resume or
    /// [`flush`](Self::flush) first.
    pub fn ping(&mut self, payload: ControlPayload) -> Result<(), Error<S::Error>> {
        self.session.ping(payload)?;
        self.write_owed()
    }

    /// Starts the closing handshake, and writes the Close frame: nothing else can be sent after it.
    /// Go on with [`recv`](WebSocket::recv) until it returns `None`. Has no effect if closing has
    /// begun.
    ///
    /// # Errors
    /// [`Error::Io`]: the Close frame, or its rest, goes out with the next `recv`.
    pub fn close(&mut self, close: Option<CloseFrame>) -> Result<(), Error<S::Error>> {
        self.session.close(close);
        self.write_owed()
    }

    /// Writes what the protocol owes, and flushes the stream if anything was written.
    ///
    /// # Errors
    /// [`Error::Io`]; nothing is lost.
    pub fn flush(&mut self) -> Result<(), Error<S::Error>> {
        self.write_owed()?;
        if self.session.needs_flush() {
            let flushed = self.stream.flush();
            self.session.flushed(flushed)?;
        }
        Ok(())
    }

    /// The machine, to be asked: [`is_open`](Connection::is_open), [`close_info`](Connection::close_info),
    /// [`round_trip_time`](Connection::round_trip_time).
    pub const fn connection(&self) -> &Connection<R> {
        &self.session.connection
    }

    /// As [`flush`](Self::flush), but for a stream that is not to be flushed.
    fn write_before_waiting(&mut self) -> Result<(), Error<S::Error>> {
        self.write_owed()?;
        if self.session.wants_flush() { self.flush() } else { Ok(()) }
    }

    fn write_owed(&mut self) -> Result<(), Error<S::Error>> {
        while let Some(bytes) = self.session.owed() {
            let written = self.stream.write(bytes);
            self.session.wrote_owed(written)?;
        }
        Ok(())
    }

    fn write_data(&mut self, payload: &[u8]) -> Result<(), Error<S::Error>> {
        self.write_owed()?;
        self.session.check_not_over()?;
        let mut chunk = [0; CHUNK_LEN];
        loop {
            let mut piece = self.session.piece(payload, &mut chunk);
            if piece.is_empty() {
                return Ok(());
            }
            while !piece.is_empty() {
                let written = self.stream.write(piece);
                piece = self.session.wrote_piece(piece, written)?;
            }
        }
    }
}

impl<S, R: fmt::Debug, C> fmt::Debug for WebSocket<'_, S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl<S, R: fmt::Debug, C> fmt::Debug for Sender<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("connection", &self.session.connection)
            .finish_non_exhaustive()
    }
}
