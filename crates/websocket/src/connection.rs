//! The state machine of a connection: both halves and its clock.

use core::time::Duration;

use tidings_frame::{CloseFrame, ControlPayload, Frame};

use crate::close_info::CloseInfo;
use crate::deadlines::{Deadlines, Due, Timeout, Timeouts};
use crate::event::Event;
use crate::inbound::Inbound;
use crate::limits::Limits;
use crate::outbound::{ControlFrame, Data, Outbound, SendError, Transmit};
use crate::role::Role;
use crate::violation::Violation;
use tidings_time::Timestamp;

/// A WebSocket connection after its opening handshake.
///
/// Methods are of four kinds: *inputs* ([`receive`](Self::receive),
/// [`receive_eof`](Self::receive_eof), [`handle_timeout`](Self::handle_timeout)), *commands*
/// ([`send`](Self::send), [`ping`](Self::ping), [`close`](Self::close)), *polls*
/// ([`poll_transmit`](Self::poll_transmit), [`poll_timeout`](Self::poll_timeout)) and getters.
/// After any input or command, both polls may have something new. The loop:
///
/// 1. **Bytes in.** Read into any buffer and pass it to `receive`.
/// 2. **Events out.** Call `receive` until it returns `None`. Sending inside an event is fine.
/// 3. **Pending output out.** Call `poll_transmit` until it returns `None`; write, or shut
///    down.
/// 4. **Sleep** until bytes, the deadline of `poll_timeout`, or a command.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use tidings_websocket::{Connection, Data, Event, Limits, Server, Timeouts, Timestamp, Transmit};
///
/// let now = Timestamp::default();
/// let mut connection = Connection::new(Server, Limits::server(), Timeouts::server(), now);
/// let mut out = Vec::new();
///
/// // 1. A masked "Hello", then a masked Close without a code.
/// let mut read = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x00\x00\x00\x00";
/// let mut input = &mut read[..];
/// // 2.
/// while let Some(event) = connection.receive(now, &mut input) {
///     if let Event::Text { text, .. } = event {
///         connection.send(Data::text(text.rest))?.append_to(&mut out); // echo
///     }
/// }
/// // 3.
/// while let Some(transmit) = connection.poll_transmit() {
///     match transmit {
///         Transmit::Frame(frame) => out.extend_from_slice(frame.as_bytes()),
///         Transmit::Shutdown => assert_eq!(out, b"\x81\x05Hello\x88\x00"),
///     }
/// }
/// assert!(connection.is_finished());
/// # }
/// # Ok::<(), tidings_websocket::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Connection<R> {
    inbound: Inbound,
    outbound: Outbound<R>,
    deadlines: Deadlines,
}

impl<R: Role> Connection<R> {
    /// Creates a connection whose opening handshake has just been completed.
    #[must_use]
    pub fn new(role: R, limits: Limits, timeouts: Timeouts, now: Timestamp) -> Self {
        Self {
            // 5.1: a server receives masked frames.
            inbound: Inbound::new(role.is_server(), limits, now),
            outbound: Outbound::new(role),
            deadlines: Deadlines::new(timeouts, now),
        }
    }

    /// Allows permessage-deflate (RFC 7692), which both sides have negotiated: messages that are
    /// marked as compressed are returned as [`Event::Compressed`], and [`Data::compressed`] may be
    /// sent. Call it before anything is received.
    #[must_use]
    pub fn allow_compression(mut self) -> Self {
        self.inbound.allow_compression();
        self.outbound.allow_compression();
        self
    }

    /// Lets each side end separately, as for a stream of bytes: the peer's Close frame is not
    /// answered until [`close`](Self::close) is called, and data from the peer after our Close
    /// frame is still received. RFC 6455, 5.5.1 lets an endpoint finish the current message before
    /// it answers. While only one side has closed, there is no deadline.
    pub fn allow_half_close(&mut self, allows: bool) {
        self.outbound.allow_half_close(allows);
    }

    /// Fails the connection because a compressed message proved invalid once inflated, exactly as
    /// an [`Event::Violation`] does.
    pub fn refuse(&mut self, now: Timestamp, violation: Violation) {
        let event = self.inbound.fail(violation);
        self.answer(now, &event);
    }

    /// Returns whether the front of `input`, the next bytes of the stream, is a whole unfragmented
    /// and uncompressed message: [`receive`](Self::receive) then returns it in one event, or
    /// reports its violation.
    #[inline]
    #[must_use]
    pub fn has_whole_message(&self, input: &[u8]) -> bool {
        self.inbound.has_whole_message(input)
    }

    /// Takes the next event from the front of `input`, which shrinks; `None` when it is used up.
    ///
    /// Receiving cannot fail: a fault of the peer is an [`Event::Violation`], the last event, and
    /// the answer to it is already pending.
    #[inline(always)] // An event that is returned through memory costs as much as a short message.
    pub fn receive<'a>(&mut self, now: Timestamp, input: &mut &'a mut [u8]) -> Option<Event<'a>> {
        let available = input.len();
        if available > 0 {
            self.deadlines.bytes_received(now);
        }
        let event = self.inbound.next(now, input);
        match &event {
            Some(
                Event::Text { is_last, .. }
                | Event::Binary { is_last, .. }
                | Event::Compressed { is_last, .. },
            ) => {
                let taken = available.saturating_sub(input.len()); // `input` only shrinks
                self.deadlines.data_received(now, *is_last, taken);
            }
            Some(event) => self.answer(now, event),
            None => self.deadlines.input_taken(now, self.inbound.is_incomplete(), available),
        }
        event
    }

    /// Nobody has waited for bytes since the last ones were handed to [`receive`](Self::receive):
    /// the application was busy until `now`. That time is not charged to the peer, whose bytes may
    /// be waiting. To be called before the read, or before what it brought is handed on.
    ///
    /// Time in which the peer takes what was sent is told by [`alive_until`](Self::alive_until).
    pub fn resume(&mut self, now: Timestamp) {
        let pause = self.deadlines.resume(now);
        self.inbound.resume(now, pause);
    }

    /// Reports that the peer takes what was sent, and may need until `then` for it: it is alive,
    /// and its answer to a Ping that is queued after that output may take this long.
    pub fn alive_until(&mut self, then: Timestamp) {
        self.deadlines.alive_until(then);
    }

    /// The consequence of an event that is not data.
    #[cold]
    fn answer(&mut self, now: Timestamp, event: &Event<'_>) {
        if let Event::Pong(payload) = event {
            self.deadlines.pong_received(now, payload);
        }
        self.deadlines.input_taken(now, self.inbound.is_incomplete(), 0);
        self.outbound.answer(event);
        if !self.outbound.is_open() {
            self.deadlines.closing(now);
            if self.outbound.allows_half_close() {
                self.deadlines.restart_closing(now);
            }
        }
    }

    /// Reports that the transport has ended on the peer's side. Pending output may still be
    /// written; then [`Transmit::Shutdown`] follows.
    pub fn receive_eof(&mut self) {
        self.inbound.close();
        self.outbound.end();
    }

    /// Frames a message or a part of one, to be written before the output of any later call.
    ///
    /// # Errors
    /// [`SendError`], the caller's fault; nothing has changed.
    #[inline]
    pub fn send<'p>(&mut self, data: Data<'p>) -> Result<Frame<'p>, SendError> {
        self.outbound.send(data)
    }

    /// Frames a Ping. The connection sends Pings by itself every [`Timeouts::ping_interval`]; use
    /// this for your own payloads.
    ///
    /// # Errors
    /// [`SendError::NotOpen`]; nothing has changed.
    pub fn ping(&mut self, payload: ControlPayload) -> Result<ControlFrame, SendError> {
        self.outbound.ping(payload)
    }

    /// Frames a Pong that nobody asked for.
    ///
    /// # Errors
    /// [`SendError::NotOpen`]; nothing has changed.
    pub fn pong(&mut self, payload: ControlPayload) -> Result<ControlFrame, SendError> {
        self.outbound.pong(payload)
    }

    /// Starts the closing handshake: the Close frame becomes pending, nothing else can be sent, and
    /// the peer has [`Timeouts::closing`] to answer. Has no effect if closing has begun.
    pub fn close(&mut self, now: Timestamp, close: Option<CloseFrame>) {
        self.outbound.close(close);
        self.deadlines.closing(now);
        // 7.1.1: both have sent a Close; the server closes the transport first.
        if !self.inbound.is_open() && self.outbound.is_server() {
            self.outbound.shut_down();
        }
    }

    /// Reports that the Close frame has left only now: the peer's time to answer it begins. Has no
    /// effect while the connection is open.
    pub fn restart_closing(&mut self, now: Timestamp) {
        self.deadlines.restart_closing(now);
    }

    /// Fails the connection for a reason of the driver: the peer gets this Close frame, unless one
    /// was sent, and nothing more is received.
    pub fn fail(&mut self, now: Timestamp, close: CloseFrame) {
        self.inbound.close();
        self.outbound.close(Some(close));
        self.outbound.end();
        self.deadlines.closing(now);
    }

    /// Returns whether [`poll_transmit`](Self::poll_transmit) may have something, without taking
    /// it.
    #[inline]
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        self.outbound.wants_transmit()
    }

    /// Returns the next pending output of the protocol. Call until it returns `None`, and handle
    /// each in order.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbound.poll_transmit()
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout); `None` once all
    /// is finished.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.has_deadlines().then(|| self.deadlines.next())
    }

    /// A peer that has said Close, and waits for us to have sent our rest, cannot be late; nor can one
    /// that may send its rest after our Close.
    fn has_deadlines(&self) -> bool {
        let is_half_closed = match (self.inbound.is_open(), self.outbound.is_open()) {
            (true, true) | (false, false) => false,
            (false, true) => true,
            (true, false) => self.outbound.allows_half_close(),
        };
        !self.is_finished() && !is_half_closed
    }

    /// Does the work that is due at `now`: makes a Ping pending, or fails the connection and
    /// returns the reason. Harmless if nothing is due.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<Timeout> {
        if !self.has_deadlines() {
            return None;
        }
        match self.deadlines.take_due(now)? {
            Due::Ping(number) => {
                self.outbound.set_pending_ping(number);
                None
            }
            Due::Late(timeout) => {
                self.fail(now, timeout.close_frame());
                Some(timeout)
            }
        }
    }

    /// Returns whether data can be sent: the closing handshake has not begun.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.outbound.is_open()
    }

    /// Returns whether messages may be compressed: [`allow_compression`](Self::allow_compression)
    /// was called.
    #[must_use]
    pub const fn allows_compression(&self) -> bool {
        self.outbound.allows_compression()
    }

    /// Returns whether a message of ours was begun with [`Data::more`] and has not ended.
    #[must_use]
    pub const fn is_sending_message(&self) -> bool {
        self.outbound.is_inside_message()
    }

    /// Returns whether more can be received: there was no Close frame, no violation and no end.
    #[must_use]
    pub const fn is_receiving(&self) -> bool {
        self.inbound.is_open()
    }

    /// Returns the length still to come of the open message, as the peer announces it: known once
    /// its last frame has begun. For [`Assembler::push`](crate::Assembler::push).
    #[must_use]
    pub const fn announced_rest_len(&self) -> Option<u64> {
        self.inbound.announced_rest_len()
    }

    /// Returns whether [`Transmit::Shutdown`] was returned: there is nothing left to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.outbound.is_shut_down()
    }

    /// Returns the Close frames of both sides, as far as they were received and sent.
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        CloseInfo { received: self.inbound.close_received(), sent: self.outbound.close_sent() }
    }

    /// Returns the round-trip time of the last answered Ping that the connection sent by itself.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.deadlines.round_trip_time()
    }
}
