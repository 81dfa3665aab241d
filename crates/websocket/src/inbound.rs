//! The receiving half: the order of frames, masks by role, UTF-8 over a message's frames, limits
//! (RFC 6455, 5.1, 5.4, 5.5, 8.1).

use tidings_frame::{
    CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Decoder, Header, Opcode, Part,
    PayloadLimit, Rsv, Utf8Validator,
};

use crate::closure::CloseStatus;
use crate::event::Event;
use crate::limits::{Budget, Limits};
use crate::timestamp::Timestamp;
use crate::violation::Violation;

/// The half of a connection that receives.
///
/// It never fails and never writes: what has to be sent in answer is a [`Reply`] for the
/// [`Outbound`](crate::Outbound) half, which may live elsewhere.
#[derive(Clone, Debug)]
pub struct Inbound {
    decoder: Decoder,
    budget: Budget,
    frames_are_masked: bool,
    message: Option<MessageType>,
    utf8: Utf8Validator,
    /// The payload of a control frame that a read has cut.
    control: ControlPayload,
    is_open: bool,
    /// A Close frame came; `control` is its payload and stays so.
    close_received: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageType {
    Text,
    Binary,
}

/// An event, and what must be sent because of it.
#[derive(Debug)]
pub struct Received<'a> {
    /// What arrived.
    pub event: Event<'a>,
    /// The answer that is owed.
    pub reply: Reply,
}

/// What the sending half owes the peer for something that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "hand it to `Outbound::reply`, or the peer waits for it"]
pub enum Reply {
    /// Nothing.
    Nothing,
    /// A Pong with this payload (RFC 6455, 5.5.3).
    Pong(ControlPayload),
    /// The peer's half of the closing handshake came, with this code and reason; ours is due if
    /// it was not sent yet (RFC 6455, 5.5.1).
    Close(Option<CloseFrame>),
    /// The connection has failed: this Close, then the end (RFC 6455, 7.1.7).
    Fail(CloseFrame),
}

impl Inbound {
    /// The receiving half of a server (`frames_are_masked`) or of a client.
    pub(crate) fn new(frames_are_masked: bool, limits: Limits, now: Timestamp) -> Self {
        Self {
            decoder: Decoder::new(PayloadLimit::new(limits.frame_len_max), Rsv::NONE),
            budget: Budget::new(limits, now),
            frames_are_masked,
            message: None,
            utf8: Utf8Validator::new(),
            control: ControlPayload::EMPTY,
            is_open: true,
            close_received: false,
        }
    }

    /// Takes the next event from the front of `input`, which shrinks; `None` when it is used up.
    ///
    /// After a Close frame or a violation, all input is discarded (RFC 6455, 1.4 and 7.1.7).
    #[inline]
    pub fn receive<'a>(
        &mut self,
        now: Timestamp,
        input: &mut &'a mut [u8],
    ) -> Option<Received<'a>> {
        while self.is_open {
            let received = match self.decoder.decode(input) {
                Ok(Some(part)) => self.take_part(now, part),
                Ok(None) => return None,
                Err(error) => Err(Violation::Frame(error)),
            };
            match received {
                Ok(None) => {}
                Ok(Some(received)) => return Some(received),
                Err(violation) => return Some(self.fail(violation)),
            }
        }
        *input = &mut [];
        None
    }

    /// Whether more can be received: neither a Close frame nor a violation has come.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub const fn is_inside_message(&self) -> bool {
        self.message.is_some()
    }

    /// What the peer's Close frame said, if it came.
    #[must_use]
    pub fn close_received(&self) -> CloseStatus {
        match CloseFrame::parse(&self.control) {
            _ if !self.close_received => CloseStatus::Missing,
            Ok(Some(close)) => CloseStatus::Frame(close),
            _ => CloseStatus::Empty,
        }
    }

    /// Nothing more will come, or will be looked at.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
    }

    fn fail(&mut self, violation: Violation) -> Received<'static> {
        self.is_open = false;
        let close = CloseFrame::new(violation.close_code(), violation.close_reason());
        Received { event: Event::Violation(violation), reply: Reply::Fail(close) }
    }

    #[inline]
    fn take_part<'a>(
        &mut self,
        now: Timestamp,
        part: Part<'a>,
    ) -> Result<Option<Received<'a>>, Violation> {
        if part.is_first {
            self.judge(now, &part.header)?;
        }
        match part.header.opcode() {
            Opcode::Data(opcode) => {
                let event = self.take_data(opcode, part)?;
                Ok(event.map(|event| Received { event, reply: Reply::Nothing }))
            }
            Opcode::Control(opcode) => self.take_control(opcode, &part),
        }
    }

    /// Everything that a header can break beyond its own form.
    #[inline]
    fn judge(&mut self, now: Timestamp, header: &Header) -> Result<(), Violation> {
        // 5.1: "a client MUST mask all frames", "A server MUST NOT mask any frames".
        match (self.frames_are_masked, header.masking_key()) {
            (true, Some(_)) | (false, None) => {}
            (true, None) => return Err(Violation::UnmaskedFrame),
            (false, Some(_)) => return Err(Violation::MaskedFrame),
        }
        let opcode = match header.opcode() {
            Opcode::Control(_) => return self.budget.spend_control_frame(now),
            Opcode::Data(opcode) => opcode,
        };
        // 5.4: fragments of one message follow each other; only control frames come between.
        match (opcode, self.message) {
            (DataOpcode::Continuation, Some(_)) => {}
            (DataOpcode::Continuation, None) => return Err(Violation::UnexpectedContinuation),
            (_, Some(_)) => return Err(Violation::ExpectedContinuation),
            (DataOpcode::Text, None) => self.begin_message(MessageType::Text),
            (DataOpcode::Binary, None) => self.begin_message(MessageType::Binary),
        }
        self.budget.spend_data_frame(header.payload_len())
    }

    fn begin_message(&mut self, message: MessageType) {
        self.message = Some(message);
        self.budget.begin_message();
    }

    #[inline]
    fn take_data<'a>(
        &mut self,
        opcode: DataOpcode,
        part: Part<'a>,
    ) -> Result<Option<Event<'a>>, Violation> {
        let Part { header, payload, is_first, is_last, .. } = part;
        let is_first = is_first && opcode != DataOpcode::Continuation;
        let is_last = is_last && header.fin();
        let message = self.message;
        if is_last {
            self.message = None;
        }
        let event = match message {
            Some(MessageType::Text) => {
                let text = self.utf8.push(payload).map_err(Violation::InvalidUtf8)?;
                if is_last {
                    self.utf8.finish().map_err(Violation::InvalidUtf8)?;
                }
                let is_border = is_first || is_last;
                if !is_border && text.carried.is_none() && text.rest.is_empty() {
                    return Ok(None); // an empty fragment, or bytes of a character still cut
                }
                Event::Text { text, is_first, is_last }
            }
            _ => {
                if !is_first && !is_last && payload.is_empty() {
                    return Ok(None); // an empty fragment
                }
                Event::Binary { bytes: payload, is_first, is_last }
            }
        };
        Ok(Some(event))
    }

    fn take_control<'a>(
        &mut self,
        opcode: ControlOpcode,
        part: &Part<'a>,
    ) -> Result<Option<Received<'a>>, Violation> {
        if part.is_first {
            self.control = ControlPayload::EMPTY;
        }
        self.control.append(part.payload); // fits: the header said at most 125
        if !part.is_last {
            return Ok(None);
        }
        let payload = self.control;
        Ok(Some(match opcode {
            // 5.5.2: "an endpoint MUST send a Pong frame in response".
            ControlOpcode::Ping => {
                Received { event: Event::Ping(payload), reply: Reply::Pong(payload) }
            }
            // 5.5.3: "A response to an unsolicited Pong frame is not expected."
            ControlOpcode::Pong => Received { event: Event::Pong(payload), reply: Reply::Nothing },
            ControlOpcode::Close => {
                let close = CloseFrame::parse(&payload).map_err(Violation::CloseFrame)?;
                self.is_open = false;
                self.close_received = true;
                Received { event: Event::Close(close), reply: Reply::Close(close) }
            }
        }))
    }
}
