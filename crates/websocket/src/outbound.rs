//! The sending half: the order of our own frames, and the frames that the protocol has to send (RFC
//! 6455, 5.4, 5.5, 6.1, 7.1).

use core::fmt;

use tidings_frame::{
    CloseCode, CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Frame, MaskingKey, Rsv,
};

use crate::close_info::CloseStatus;
use crate::event::Event;
use crate::held::Held;
use crate::role::Role;

/// The half of a connection that sends.
#[derive(Clone, Debug)]
pub(crate) struct Outbound<R> {
    role: R,
    allows_compression: bool,
    /// A Close frame of the peer's is answered by [`close`](Self::close), not at once.
    allows_half_close: bool,
    /// The message that was begun with [`Data::more`].
    message: Option<DataOpcode>,
    /// 5.5.3: of several Pings only the last has to be answered.
    pending_pong: Option<Held<ControlPayload>>,
    pending_ping: Option<u64>,
    close: CloseState,
    shutdown: Shutdown,
}

/// Our half of the closing handshake (RFC 6455, 7.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
enum CloseState {
    Open,
    Pending(Option<Held<CloseFrame>>),
    Sent(Option<Held<CloseFrame>>),
    /// The transport ended before we had anything to send.
    Missed,
}

/// The end of our half of the transport (RFC 6455, 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shutdown {
    /// The transport is still needed.
    NotDue,
    /// Once all pending output was transmitted.
    Pending,
    Done,
}

/// A message to send, or a part of one.
///
/// ```
/// use tidings_websocket::Data;
///
/// let whole = Data::text("all of it");
/// let first = Data::text("the beginning").more();
/// let last = Data::text(", the end");
/// # let _ = (whole, first, last);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Data<'p> {
    opcode: DataOpcode,
    payload: &'p [u8],
    more: bool,
    compressed: bool,
}

impl<'p> Data<'p> {
    /// Text.
    pub const fn text(text: &'p str) -> Self {
        Self { opcode: DataOpcode::Text, payload: text.as_bytes(), more: false, compressed: false }
    }

    /// Text that is known to be UTF-8, or a part of it that is cut anywhere. The caller guarantees
    /// that the whole message is UTF-8: otherwise the peer fails the connection.
    pub const fn utf8(text: &'p [u8]) -> Self {
        Self { opcode: DataOpcode::Text, payload: text, more: false, compressed: false }
    }

    /// Bytes.
    pub const fn binary(bytes: &'p [u8]) -> Self {
        Self { opcode: DataOpcode::Binary, payload: bytes, more: false, compressed: false }
    }

    /// The length of the payload in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.payload.len()
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// The message continues: the next data sent, of the same type, is its next part.
    pub const fn more(self) -> Self {
        Self { more: true, ..self }
    }

    /// The payload is the output of permessage-deflate for the message (RFC 7692, 7.2.1). If a
    /// message is sent in parts all are, and the first says so for all.
    pub const fn compressed(self) -> Self {
        Self { compressed: true, ..self }
    }
}

/// The output of the protocol, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transmit {
    /// Write these bytes.
    Frame(ControlFrame),
    /// All output was returned: shut down the sending side of the transport. Returned once.
    Shutdown,
}

impl<R: Role> Outbound<R> {
    pub(crate) const fn new(role: R) -> Self {
        Self {
            role,
            allows_compression: false,
            allows_half_close: false,
            message: None,
            pending_pong: None,
            pending_ping: None,
            close: CloseState::Open,
            shutdown: Shutdown::NotDue,
        }
    }

    /// RFC 7692, 6: messages may be compressed.
    pub(crate) fn allow_compression(&mut self) {
        self.allows_compression = true;
    }

    /// The peer's Close frame is answered once we have nothing more to send.
    pub(crate) fn allow_half_close(&mut self, allows: bool) {
        self.allows_half_close = allows;
    }

    /// Frames a message or a part of one. The frame must be written before the output of any later
    /// call.
    ///
    /// # Errors
    /// [`SendError`], the caller's fault; nothing has changed.
    #[inline]
    pub(crate) fn send<'p>(&mut self, data: Data<'p>) -> Result<Frame<'p>, SendError> {
        // 5.5.1: "MUST NOT send any more data frames after sending a Close frame". 6.1: only in
        // the state OPEN.
        if !self.is_open() {
            return Err(SendError::NotOpen);
        }
        if data.compressed && !self.allows_compression {
            return Err(SendError::CompressionNotNegotiated);
        }
        // 5.4: all fragments of a message have the type of the first.
        let opcode = match self.message {
            None => data.opcode,
            Some(open) if open == data.opcode => DataOpcode::Continuation,
            Some(_) => return Err(SendError::InsideOtherMessage),
        };
        self.message = data.more.then_some(data.opcode);
        let frame = match data.more {
            true => Frame::fragment(opcode, data.payload),
            false => Frame::data(opcode, data.payload),
        };
        // RFC 7692, 6.1: on the first fragment only.
        let frame = match opcode {
            DataOpcode::Text | DataOpcode::Binary if data.compressed => frame.with_rsv(Rsv::RSV1),
            _ => frame,
        };
        Ok(match self.role.masking_key() {
            Some(key) => frame.with_masking_key(key),
            None => frame,
        })
    }

    /// Frames a Ping. The answer is an [`Event::Pong`](crate::Event::Pong) with this payload.
    ///
    /// # Errors
    /// [`SendError::NotOpen`]; nothing has changed.
    pub(crate) fn ping(&mut self, payload: ControlPayload) -> Result<ControlFrame, SendError> {
        self.control_if_open(ControlOpcode::Ping, &payload)
    }

    /// Frames a Pong that nobody asked for, "a unidirectional heartbeat" (RFC 6455, 5.5.3).
    ///
    /// # Errors
    /// [`SendError::NotOpen`]; nothing has changed.
    pub(crate) fn pong(&mut self, payload: ControlPayload) -> Result<ControlFrame, SendError> {
        self.control_if_open(ControlOpcode::Pong, &payload)
    }

    fn control_if_open(
        &mut self,
        opcode: ControlOpcode,
        payload: &ControlPayload,
    ) -> Result<ControlFrame, SendError> {
        if self.is_open() { Ok(self.control(opcode, payload)) } else { Err(SendError::NotOpen) }
    }

    fn control(&mut self, opcode: ControlOpcode, payload: &ControlPayload) -> ControlFrame {
        ControlFrame::new(opcode, payload, self.role.masking_key())
    }

    /// Starts the closing handshake: the Close frame is pending from now on, and nothing else can be
    /// sent. Has no effect if it has begun already.
    pub(crate) fn close(&mut self, close: Option<CloseFrame>) {
        if self.close == CloseState::Open {
            // 7.4.1: 1010 is a client's to say; from a server it is an internal error.
            let is_server = self.role.is_server();
            let close = close.map(|close| match close.code {
                code if is_server && code == CloseCode::MANDATORY_EXTENSION => {
                    CloseFrame { code: CloseCode::INTERNAL_ERROR, ..close }
                }
                _ => close,
            });
            self.close = CloseState::Pending(close.map(Held::new));
        }
    }

    /// Makes the answer to an event pending.
    pub(crate) fn answer(&mut self, event: &Event<'_>) {
        match event {
            // 5.5.2: "an endpoint MUST send a Pong frame in response".
            Event::Ping(payload) => self.pending_pong = Some(Held::new(*payload)),
            Event::Close(_) if self.allows_half_close && self.is_open() => {}
            Event::Close(close) => {
                // 5.5.1: "typically echos the status code it received". The reason is the peer's
                // own and gives it no information. 7.4.1: a server must not send 1010.
                let is_server = self.role.is_server();
                self.close(close.map(|close| match close.code {
                    CloseCode::MANDATORY_EXTENSION if is_server => {
                        CloseFrame::new(CloseCode::NORMAL, "")
                    }
                    code => CloseFrame::new(code, ""),
                }));
                // 7.1.1: the server closes the transport first; the client waits for it.
                if is_server {
                    self.shut_down();
                }
            }
            // 7.1.7: the Close that says why, then the end.
            Event::Violation(violation) => {
                self.close(Some(CloseFrame::new(violation.close_code(), violation.close_reason())));
                self.shut_down();
            }
            // 5.5.3: "A response to an unsolicited Pong frame is not expected."
            Event::Pong(_)
            | Event::Text { .. }
            | Event::Binary { .. }
            | Event::Compressed { .. } => {}
        }
    }

    /// A Ping is due; the connection keeps the time.
    pub(crate) fn set_pending_ping(&mut self, number: u64) {
        self.pending_ping = Some(number);
    }

    /// Ends the transport once all pending output was transmitted.
    pub(crate) fn shut_down(&mut self) {
        if self.shutdown == Shutdown::NotDue {
            self.shutdown = Shutdown::Pending;
        }
    }

    /// The transport cannot deliver anything more: pending output is still returned, then the end.
    pub(crate) fn end(&mut self) {
        if self.close == CloseState::Open {
            self.close = CloseState::Missed;
        }
        self.shut_down();
    }

    /// Returns whether [`poll_transmit`](Self::poll_transmit) has something.
    #[inline]
    pub(crate) fn wants_transmit(&self) -> bool {
        self.pending_pong.is_some()
            || self.pending_ping.is_some()
            || matches!(self.close, CloseState::Pending(_))
            || self.shutdown == Shutdown::Pending
    }

    /// Returns the next pending output of the protocol. Call until it returns `None`, and write
    /// each in order. A control frame may go between two fragments, never inside a frame.
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        // 1.4: the peer discards everything after our Close, including a Pong. A half-closed peer
        // still gets its answer.
        if !matches!(self.close, CloseState::Sent(_)) {
            if let Some(payload) = self.pending_pong.take() {
                return Some(Transmit::Frame(self.control(ControlOpcode::Pong, &payload)));
            }
        }
        if self.close == CloseState::Open {
            if let Some(number) = self.pending_ping.take() {
                let payload = ping_payload(number);
                return Some(Transmit::Frame(self.control(ControlOpcode::Ping, &payload)));
            }
        }
        if let CloseState::Pending(close) = &mut self.close {
            let close = close.take();
            let payload = close.as_deref().map(CloseFrame::to_payload).unwrap_or_default();
            self.close = CloseState::Sent(close);
            return Some(Transmit::Frame(self.control(ControlOpcode::Close, &payload)));
        }
        if self.shutdown == Shutdown::Pending {
            self.shutdown = Shutdown::Done;
            return Some(Transmit::Shutdown);
        }
        None
    }

    /// Returns whether data can be sent: the closing handshake has not begun.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.close, CloseState::Open)
    }

    /// Returns the content of our Close frame, if it has been returned for writing.
    pub(crate) fn close_sent(&self) -> CloseStatus {
        match &self.close {
            CloseState::Sent(Some(close)) => CloseStatus::Frame(**close),
            CloseState::Sent(None) => CloseStatus::Empty,
            _ => CloseStatus::Missing,
        }
    }

    pub(crate) fn is_server(&self) -> bool {
        self.role.is_server()
    }

    pub(crate) const fn allows_half_close(&self) -> bool {
        self.allows_half_close
    }

    /// Returns whether messages may be compressed (RFC 7692): both sides have agreed.
    pub(crate) const fn allows_compression(&self) -> bool {
        self.allows_compression
    }

    /// Returns whether a message has begun and not ended.
    pub(crate) const fn is_inside_message(&self) -> bool {
        self.message.is_some()
    }

    /// Returns whether [`Transmit::Shutdown`] has been returned: there is nothing left to do.
    pub(crate) fn is_shut_down(&self) -> bool {
        self.shutdown == Shutdown::Done
    }
}

/// The payload of the connection's own Pings: their number.
pub(crate) fn ping_payload(number: u64) -> ControlPayload {
    let mut payload = ControlPayload::EMPTY;
    payload.append(&number.to_be_bytes());
    payload
}

/// An encoded control frame, at most 131 bytes, held inline.
#[derive(Clone, Copy)]
pub struct ControlFrame {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl ControlFrame {
    const MAX_LEN: usize = 2 + MaskingKey::LEN + ControlPayload::MAX_LEN;

    fn new(opcode: ControlOpcode, payload: &ControlPayload, key: Option<MaskingKey>) -> Self {
        let frame = Frame::control(opcode, payload);
        let frame = match key {
            Some(key) => frame.with_masking_key(key),
            None => frame,
        };
        let mut bytes = [0; Self::MAX_LEN];
        let len = frame.encode_into(&mut bytes).unwrap_or_default(); // fits by MAX_LEN
        Self { bytes, len }
    }

    /// The bytes to write.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for ControlFrame {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for ControlFrame {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ControlFrame {}

impl fmt::Debug for ControlFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlFrame({})", self.as_bytes().escape_ascii())
    }
}

/// The reason why nothing was sent. The fault is the caller's, and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The closing handshake has begun, by either side.
    NotOpen,
    /// A message of the other type was begun with [`Data::more`] and has not ended.
    InsideOtherMessage,
    /// The data is compressed, and the peer has not agreed to that.
    CompressionNotNegotiated,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the connection is closing: nothing can be sent",
            Self::InsideOtherMessage => "a message of the other type must be finished first",
            Self::CompressionNotNegotiated => "the peer has not agreed to compressed messages",
        })
    }
}

impl core::error::Error for SendError {}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString;

    use super::*;
    use crate::role::{Client, Server};

    fn client() -> Outbound<impl Role> {
        Outbound::new(Client::new(|| [0; 4])) // keys that leave the payload as it is
    }

    /// Returns the next output as bytes; nothing for the end.
    fn next<R: Role>(outbound: &mut Outbound<R>) -> Option<ControlFrame> {
        match outbound.poll_transmit()? {
            Transmit::Frame(frame) => Some(frame),
            Transmit::Shutdown => None,
        }
    }

    /// W-099: text that the caller guarantees is framed as text, cut anywhere.
    #[test]
    fn text_may_be_sent_as_bytes() {
        let mut outbound = Outbound::new(Server);
        let mut bytes = [0; 3];
        let halves = [
            (Data::utf8(b"\xC3").more(), *b"\x01\x01\xC3"),
            (Data::utf8(b"\xBC"), *b"\x80\x01\xBC"),
        ];
        for (data, expected) in halves {
            assert_eq!(outbound.send(data).unwrap().encode_into(&mut bytes), Ok(3));
            assert_eq!(bytes, expected);
        }
        assert_eq!(Data::utf8("ü".as_bytes()), Data::text("ü"));
    }

    #[test]
    fn a_message_in_pieces_is_known_to_be_open() {
        let mut outbound = Outbound::new(Server);
        for (data, is_inside) in [
            (Data::text("a"), false),
            (Data::text("a").more(), true),
            (Data::text("").more(), true),
            (Data::text("b"), false),
        ] {
            let _frame = outbound.send(data).unwrap();
            assert_eq!(outbound.is_inside_message(), is_inside, "{data:?}");
        }
    }

    /// W-087, W-117: RFC 6455, 5.5.1: a client answers with the code that it received, 1010 too; a
    /// server never sends 1010.
    #[test]
    fn a_close_with_1010_is_echoed_by_a_client_alone() {
        let close = CloseFrame::new(CloseCode::MANDATORY_EXTENSION, "x");
        let mut client = client();
        client.answer(&Event::Close(Some(close)));
        assert_eq!(next(&mut client).unwrap().as_bytes(), b"\x88\x82\0\0\0\0\x03\xF2");
        let mut server = Outbound::new(Server);
        server.answer(&Event::Close(Some(close)));
        assert_eq!(next(&mut server).unwrap().as_bytes(), b"\x88\x02\x03\xE8");
    }

    /// RFC 6455, 5.5: a control frame has at most 125 bytes; the longest one is held whole.
    #[test]
    fn the_longest_control_frame_is_held_whole() {
        let payload = ControlPayload::new(&[b'x'; ControlPayload::MAX_LEN]).unwrap();
        let frame = client().ping(payload).unwrap();
        assert_eq!((frame.as_bytes().len(), ControlFrame::MAX_LEN), (131, 131));
        let held: &[u8] = frame.as_ref();
        assert_eq!(held, frame.as_bytes());
        assert!(held.starts_with(b"\x89\xFD\0\0\0\0x") && held.ends_with(b"x"));
    }

    #[test]
    fn control_frames_are_equal_if_their_bytes_are_and_are_printed_as_these() {
        let frame = |payload| client().pong(ControlPayload::new(payload).unwrap()).unwrap();
        assert_eq!(frame(b"a"), frame(b"a"));
        assert_ne!(frame(b"a"), frame(b"b"));
        assert_ne!(frame(b"a"), frame(b"aa"));
        let printed = format!("{:?}", frame(b"a"));
        assert_eq!(printed, "ControlFrame(\\x8a\\x81\\x00\\x00\\x00\\x00a)");
    }

    #[test]
    fn a_refusal_to_send_says_why() {
        for (error, text) in [
            (SendError::NotOpen, "the connection is closing: nothing can be sent"),
            (SendError::InsideOtherMessage, "a message of the other type must be finished first"),
            (SendError::CompressionNotNegotiated, "the peer has not agreed to compressed messages"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
