//! One side of a [`Pair`](crate::Pair): a connection, its commands, its output, and its events.

use std::time::Duration;

use tidings_websocket::frame::{CloseCode, CloseFrame, ControlPayload};
use tidings_websocket::{Connection, Data, Event, Role, SendError, Timeout, Timestamp, Transmit};

use crate::wire::{Unit, Wire};

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that a scenario names first.
    A,
    /// The other.
    B,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// The next step in a scenario. Bytes that a side writes are in transit until they are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sends text, or a part of it if the message continues (`more`).
    Text(Side, String, bool),
    /// Sends bytes, or a part of them if the message continues (`more`).
    Binary(Side, Vec<u8>, bool),
    /// Sends a Ping.
    Ping(Side, Vec<u8>),
    /// Sends a Pong that nobody asked for.
    Pong(Side, Vec<u8>),
    /// Starts the closing handshake.
    Close(Side, Option<(u16, String)>),
    /// The transport from this side ends, after the bytes written so far.
    Eof(Side),
    /// The transport is lost in both directions, with all that is under way.
    Reset,
    /// Time passes; everything is delivered and every deadline is met on the way.
    Advance(Duration),
    /// Time leaps, as for a suspended host; nothing is delivered before it.
    Leap(Duration),
    /// Delivers this many bytes to this side, or all there are.
    Deliver(Side, usize),
    /// Delivers everything, until nothing is under way.
    Settle,
}

impl Step {
    /// A whole text message.
    #[must_use]
    pub fn text(side: Side, text: &str) -> Self {
        Self::Text(side, text.into(), false)
    }

    /// The next part of a text message that continues.
    #[must_use]
    pub fn text_more(side: Side, text: &str) -> Self {
        Self::Text(side, text.into(), true)
    }

    /// A whole binary message.
    #[must_use]
    pub fn binary(side: Side, bytes: &[u8]) -> Self {
        Self::Binary(side, bytes.into(), false)
    }

    /// The next part of a binary message that continues.
    #[must_use]
    pub fn binary_more(side: Side, bytes: &[u8]) -> Self {
        Self::Binary(side, bytes.into(), true)
    }

    /// A Ping.
    #[must_use]
    pub fn ping(side: Side, payload: &[u8]) -> Self {
        Self::Ping(side, payload.into())
    }

    /// A Pong that nobody asked for.
    #[must_use]
    pub fn pong(side: Side, payload: &[u8]) -> Self {
        Self::Pong(side, payload.into())
    }

    /// A Close with a code and a reason.
    #[must_use]
    pub fn close(side: Side, code: u16, reason: &str) -> Self {
        Self::Close(side, Some((code, reason.into())))
    }
}

/// A connection and its books.
#[derive(Debug)]
pub struct Endpoint<R> {
    connection: Connection<R>,
    wire: Wire,
    written: Vec<u8>,
    /// The number of bytes of `written` that have reached the peer.
    delivered: usize,
    shut_down: bool,
    /// The position at which the transport ended below this side: later bytes went nowhere.
    cut_at: Option<usize>,
    end_delivered: bool,
    told: Vec<Unit>,
    told_open: Option<Unit>,
    received: Vec<Unit>,
    received_open: Option<Unit>,
    timeouts: Vec<Timeout>,
    refused: Vec<SendError>,
}

impl<R: Role> Endpoint<R> {
    /// Creates an endpoint that has sent and received nothing.
    #[must_use]
    pub fn new(connection: Connection<R>, is_client: bool) -> Self {
        Self {
            connection,
            wire: Wire::new(is_client),
            written: Vec::new(),
            delivered: 0,
            shut_down: false,
            cut_at: None,
            end_delivered: false,
            told: Vec::new(),
            told_open: None,
            received: Vec::new(),
            received_open: None,
            timeouts: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection<R> {
        &self.connection
    }

    /// Returns everything that it has received.
    #[must_use]
    pub fn received(&self) -> &[Unit] {
        &self.received
    }

    /// Returns everything that it has written, as read by an independent reader.
    #[must_use]
    pub const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The deadlines that its peer missed.
    #[must_use]
    pub fn timeouts(&self) -> &[Timeout] {
        &self.timeouts
    }

    /// The commands that it refused.
    #[must_use]
    pub fn refused(&self) -> &[SendError] {
        &self.refused
    }

    /// A command of this side's application.
    pub(crate) fn command(&mut self, now: Timestamp, step: &Step) {
        let control = |payload: &[u8]| ControlPayload::new(payload).unwrap();
        let framed = match step {
            Step::Text(_, text, more) => self.send(Unit::Text(text.clone()), *more),
            Step::Binary(_, bytes, more) => self.send(Unit::Binary(bytes.clone()), *more),
            Step::Ping(_, payload) => self.connection.ping(control(payload)).map(|frame| {
                self.told.push(Unit::Ping(payload.clone()));
                frame.as_bytes().to_vec()
            }),
            Step::Pong(_, payload) => self.connection.pong(control(payload)).map(|frame| {
                self.told.push(Unit::Pong(payload.clone()));
                frame.as_bytes().to_vec()
            }),
            Step::Close(_, close) => {
                let close = close
                    .as_ref()
                    .map(|(code, reason)| CloseFrame::new(CloseCode::new(*code).unwrap(), reason));
                self.connection.close(now, close);
                Ok(Vec::new())
            }
            other => panic!("{other:?} is not for one side"),
        };
        match framed {
            Ok(bytes) => self.write(&bytes),
            Err(refused) => self.refused.push(refused),
        }
        self.transmit();
    }

    fn send(&mut self, piece: Unit, more: bool) -> Result<Vec<u8>, SendError> {
        let data = match &piece {
            Unit::Text(text) => Data::text(text),
            Unit::Binary(bytes) => Data::binary(bytes),
            other => panic!("{other:?} is not a message"),
        };
        let frame = self.connection.send(if more { data.more() } else { data })?;
        let mut bytes = vec![0; frame.encoded_len()];
        assert_eq!(frame.encode_into(&mut bytes), Ok(bytes.len()));
        let message = joined(self.told_open.take(), piece);
        match more {
            true => self.told_open = Some(message),
            false => self.told.push(message),
        }
        Ok(bytes)
    }

    /// Receives bytes: the events are recorded, and pending output is written.
    pub(crate) fn receive(&mut self, now: Timestamp, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        let was_receiving = self.connection.is_receiving();
        while let Some(event) = self.connection.receive(now, &mut input) {
            assert!(was_receiving, "{event:?} after the end");
            self.note(event);
        }
        assert!(input.is_empty(), "all input is taken");
        self.transmit();
    }

    fn note(&mut self, event: Event<'_>) {
        let (piece, is_first, is_last) = match event {
            Event::Text { text, is_first, is_last } => {
                let mut piece: String = text.carried.into_iter().collect();
                piece.push_str(text.rest);
                (Unit::Text(piece), is_first, is_last)
            }
            Event::Binary { bytes, is_first, is_last } => {
                (Unit::Binary(bytes.to_vec()), is_first, is_last)
            }
            Event::Ping(payload) => {
                return self.received.push(Unit::Ping(payload.as_bytes().to_vec()));
            }
            Event::Pong(payload) => {
                return self.received.push(Unit::Pong(payload.as_bytes().to_vec()));
            }
            Event::Close(close) => {
                let close = close.map(|close| (close.code.get(), close.reason.as_str().into()));
                return self.received.push(Unit::Close(close));
            }
            other => panic!("the peer was accused of {other:?}"),
        };
        assert_eq!(self.received_open.is_none(), is_first, "is_first of {piece:?}");
        let message = joined(self.received_open.take(), piece);
        match is_last {
            true => self.received.push(message),
            false => self.received_open = Some(message),
        }
    }

    /// The peer's direction has ended.
    pub(crate) fn receive_eof(&mut self) {
        self.connection.receive_eof();
        self.transmit();
    }

    /// Does the work that is due.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        self.timeouts.extend(self.connection.handle_timeout(now));
        self.transmit();
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.connection.poll_transmit() {
            match transmit {
                Transmit::Frame(frame) => self.write(frame.as_bytes()),
                Transmit::Shutdown => {
                    assert!(!self.shut_down, "Shutdown comes once");
                    self.shut_down = true;
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        assert!(!self.shut_down || bytes.is_empty(), "bytes after Shutdown: {bytes:x?}");
        self.written.extend_from_slice(bytes);
        if let Err(illegal) = self.wire.push(bytes) {
            panic!("{illegal}: {bytes:x?}");
        }
    }

    /// The transport from this side ends here.
    pub(crate) fn cut(&mut self) {
        self.cut_at.get_or_insert(self.written.len());
    }

    /// The transport from this side ends here: bytes in transit are lost.
    pub(crate) fn cut_here(&mut self) {
        self.cut_at = Some(self.delivered);
    }

    /// The transport is gone, with the bytes in transit.
    pub(crate) fn reset(&mut self) {
        self.cut_at = Some(self.delivered);
        self.end_delivered = true;
    }

    /// The bytes that were written and not delivered.
    pub(crate) fn under_way(&self) -> &[u8] {
        &self.written[self.delivered..self.cut_at.unwrap_or(self.written.len())]
    }

    /// The number of written bytes that were delivered.
    pub(crate) const fn delivered(&self) -> usize {
        self.delivered
    }

    /// Takes the next bytes that are under way.
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        let bytes = self.under_way()[..len].to_vec();
        self.delivered += len;
        bytes
    }

    /// Takes the end of the transport, if it is next.
    pub(crate) fn take_end(&mut self) -> bool {
        let ends = self.has_end_under_way();
        self.end_delivered |= ends;
        ends
    }

    /// Returns whether the end of the transport is next.
    pub(crate) fn has_end_under_way(&self) -> bool {
        let ended = self.shut_down || self.cut_at.is_some();
        ended && !self.end_delivered && self.under_way().is_empty()
    }

    /// Returns the length of the rest of the next frame in transit.
    pub(crate) fn next_frame_len(&self) -> usize {
        let mut ends = self.wire.frames().iter().map(|frame| frame.end);
        let end = ends.find(|end| *end > self.delivered);
        end.map_or(0, |end| end - self.delivered).min(self.under_way().len())
    }

    /// Checks that it sent what it was told to and nothing else, and that no Pong is pending.
    pub(crate) fn check_written(&self) {
        let messages = |units: &[Unit]| -> Vec<Unit> {
            units.iter().filter(|unit| unit.is_message()).cloned().collect()
        };
        assert_eq!(messages(self.wire.units()), messages(&self.told), "written and told");
        assert!(!self.wire.is_inside_frame(), "a frame was begun and not ended");

        let mut told = self.told.iter().filter(|unit| matches!(unit, Unit::Pong(_))).peekable();
        let mut pings = self.received.iter().filter_map(ping_payload);
        let mut answered = None;
        for pong in self.wire.units() {
            let Unit::Pong(payload) = pong else { continue };
            if told.peek() == Some(&pong) {
                told.next();
            } else {
                // 5.5.3: the Pong of a Ping, of the last one or of more, in order.
                answered = pings.find(|ping| *ping == payload);
                assert!(answered.is_some(), "{pong:?} answers nothing: {:?}", self.received);
            }
        }
        assert_eq!(told.next(), None, "told and not written");
        let said_close = self.wire.units().iter().any(|unit| matches!(unit, Unit::Close(_)));
        if !said_close && !self.shut_down {
            // 5.5.2
            let last = self.received.iter().rev().find_map(ping_payload);
            assert_eq!(answered, last, "the last Ping is answered");
        }
    }

    /// Checks that `peer` received everything that this side wrote, as far as it was delivered.
    pub(crate) fn check_seen_by<P: Role>(&self, peer: &Endpoint<P>, is_client: bool) {
        let delivered = Wire::read(is_client, &self.written[..self.delivered]).unwrap();
        if peer.timeouts.is_empty() {
            assert_eq!(peer.received, delivered.units(), "received and delivered");
        } else {
            assert!(delivered.units().starts_with(&peer.received), "received and delivered");
        }
    }
}

/// A message so far, and its next piece.
fn joined(begun: Option<Unit>, piece: Unit) -> Unit {
    match (begun, piece) {
        (None, piece) => piece,
        (Some(Unit::Text(begun)), Unit::Text(piece)) => Unit::Text(begun + &piece),
        (Some(Unit::Binary(mut begun)), Unit::Binary(piece)) => {
            begun.extend(piece);
            Unit::Binary(begun)
        }
        (begun, piece) => panic!("{piece:?} goes on with {begun:?}"),
    }
}

fn ping_payload(unit: &Unit) -> Option<&Vec<u8>> {
    match unit {
        Unit::Ping(payload) => Some(payload),
        _ => None,
    }
}
