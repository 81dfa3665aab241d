//! The receiving half: the order of frames, masks by role, UTF-8 over a message's frames, limits
//! (RFC 6455, 5.1, 5.4, 5.5, 8.1), and which messages may be compressed (RFC 7692, 6).

use tidings_frame::{
    CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Decoder, Header, InvalidUtf8, Opcode,
    Part, PayloadLimit, Rsv, Text, Utf8Validator,
};

use crate::close_info::CloseStatus;
use crate::event::{Event, MessageType};
use crate::limits::{Budget, Limits};
use crate::violation::Violation;
use tidings_time::Timestamp;

/// The half of a connection that receives.
///
/// It never fails and never writes: what has to be sent in answer is a [`Reply`] for the
/// [`Outbound`](crate::Outbound) half, which may live elsewhere.
#[derive(Clone, Debug)]
pub struct Inbound {
    decoder: Decoder,
    budget: Budget,
    frames_are_masked: bool,
    message: Option<OpenMessage>,
    utf8: Utf8Validator,
    /// The payload of a control frame that a read has cut.
    control: ControlPayload,
    is_open: bool,
    /// A Close frame came; `control` is its payload and stays so.
    close_received: bool,
}

/// A message whose last frame has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenMessage {
    Text,
    Binary,
    /// What it is when it is inflated.
    Compressed(MessageType),
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
            decoder: Decoder::new(PayloadLimit::new(limits.max_frame_len), Rsv::NONE),
            budget: Budget::new(limits, now),
            frames_are_masked,
            message: None,
            utf8: Utf8Validator::new(),
            control: ControlPayload::EMPTY,
            is_open: true,
            close_received: false,
        }
    }

    /// RFC 7692, 6: the peer may compress messages.
    pub(crate) fn allow_compression(&mut self) {
        self.decoder.allow_rsv(Rsv::RSV1);
    }

    /// Takes the next event from the front of `input`, which shrinks; `None` when it is used up.
    ///
    /// After a Close frame or a violation, all input is discarded (RFC 6455, 1.4 and 7.1.7).
    pub fn receive<'a>(
        &mut self,
        now: Timestamp,
        input: &mut &'a mut [u8],
    ) -> Option<Received<'a>> {
        let event = match self.next(now, input)? {
            Next::Data(event) => event.into(),
            Next::Control(opcode) => self.control_event(opcode),
            Next::Violation(violation) => self.fail(violation),
        };
        let reply = Reply::to(&event);
        Some(Received { event, reply })
    }

    /// As [`receive`](Self::receive), in a form that is cheap to return: a control frame's payload
    /// stays where it was gathered.
    #[inline(always)] // A part that is returned through memory costs as much as a short message.
    pub(crate) fn next<'a>(
        &mut self,
        now: Timestamp,
        input: &mut &'a mut [u8],
    ) -> Option<Next<'a>> {
        while self.is_open {
            let part = match self.decoder.decode(input) {
                Ok(Some(part)) => part,
                Ok(None) => return None,
                Err(error) => return Some(Next::Violation(Violation::Frame(error))),
            };
            if part.is_first {
                if let Err(violation) = self.judge(now, &part.header) {
                    return Some(Next::Violation(violation));
                }
            }
            match part.header.opcode() {
                Opcode::Data(opcode) => match self.take_data(opcode, part) {
                    Ok(None) => {}
                    Ok(Some(data)) => return Some(Next::Data(data)),
                    Err(error) => return Some(Next::Violation(Violation::InvalidUtf8(error))),
                },
                Opcode::Control(opcode) => {
                    if self.gather_control(&part) {
                        return Some(Next::Control(opcode));
                    }
                }
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

    /// Whether a frame or a message has begun and not ended.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.message.is_some() || !self.decoder.is_between_frames()
    }

    /// How much of the open message is still to come, as the peer announces it: known once its last
    /// frame has begun. For [`Assembler::push`](crate::Assembler::push).
    #[must_use]
    pub const fn announced_rest_len(&self) -> Option<u64> {
        match self.decoder.unfinished_frame() {
            Some((header, rest_len)) if header.fin() && !header.opcode().is_control() => {
                Some(rest_len)
            }
            _ => None,
        }
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

    /// What was received turned out, when it was inflated, to break a rule. Nothing is received
    /// any more, and the answer is owed.
    pub fn refuse(&mut self, violation: Violation) -> Reply {
        Reply::to(&self.fail(violation))
    }

    /// The event of a violation; nothing is received after it.
    #[cold]
    pub(crate) fn fail(&mut self, violation: Violation) -> Event<'static> {
        self.is_open = false;
        Event::Violation(violation)
    }

    /// The event of the control frame that was gathered last.
    #[cold]
    pub(crate) fn control_event(&mut self, opcode: ControlOpcode) -> Event<'static> {
        match opcode {
            ControlOpcode::Ping => Event::Ping(self.control),
            ControlOpcode::Pong => Event::Pong(self.control),
            ControlOpcode::Close => match CloseFrame::parse(&self.control) {
                Ok(close) => {
                    self.is_open = false;
                    self.close_received = true;
                    Event::Close(close)
                }
                Err(error) => self.fail(Violation::CloseFrame(error)),
            },
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
        // RFC 7692, 6.1: the first frame alone says that its message is compressed, and "MUST NOT set
        // the \"Per-Message Compressed\" bit of control frames and non-first fragments". Without the
        // extension the decoder lets no such bit through.
        let is_compressed = header.rsv().contains(Rsv::RSV1);
        let opcode = match header.opcode() {
            Opcode::Control(_) if is_compressed => return Err(Violation::UnexpectedCompression),
            Opcode::Control(_) => return self.budget.spend_control_frame(now),
            Opcode::Data(opcode) => opcode,
        };
        // 5.4: fragments of one message follow each other; only control frames come between.
        let message_type = match (opcode, self.message) {
            (DataOpcode::Continuation, Some(_)) if is_compressed => {
                return Err(Violation::UnexpectedCompression);
            }
            (DataOpcode::Continuation, Some(_)) => {
                return self.budget.spend_data_frame(header.payload_len());
            }
            (DataOpcode::Continuation, None) => return Err(Violation::UnexpectedContinuation),
            (_, Some(_)) => return Err(Violation::ExpectedContinuation),
            (DataOpcode::Text, None) => MessageType::Text,
            (DataOpcode::Binary, None) => MessageType::Binary,
        };
        self.message = Some(match message_type {
            message_type if is_compressed => OpenMessage::Compressed(message_type),
            MessageType::Text => OpenMessage::Text,
            MessageType::Binary => OpenMessage::Binary,
        });
        self.budget.begin_message();
        self.budget.spend_data_frame(header.payload_len())
    }

    #[inline(always)]
    fn take_data<'a>(
        &mut self,
        opcode: DataOpcode,
        part: Part<'a>,
    ) -> Result<Option<DataEvent<'a>>, InvalidUtf8> {
        let Part { header, payload, is_first, is_last, .. } = part;
        let is_first = is_first && opcode != DataOpcode::Continuation;
        let is_last = is_last && header.fin();
        let message = self.message;
        if is_last {
            self.message = None;
        }
        if message == Some(OpenMessage::Text) {
            let text = self.utf8.push(payload)?;
            if is_last {
                self.utf8.finish()?;
            }
            if !is_first && !is_last && text.carried.is_none() && text.rest.is_empty() {
                return Ok(None); // an empty fragment, or bytes of a character still cut
            }
            return Ok(Some(DataEvent::Text { text, is_first, is_last }));
        }
        if !is_first && !is_last && payload.is_empty() {
            return Ok(None); // an empty fragment
        }
        if let Some(OpenMessage::Compressed(message_type)) = message {
            let compressed =
                DataEvent::Compressed { message_type, bytes: payload, is_first, is_last };
            return Ok(Some(compressed));
        }
        Ok(Some(DataEvent::Binary { bytes: payload, is_first, is_last }))
    }

    /// Gathers the payload of a control frame; whether it is complete.
    fn gather_control(&mut self, part: &Part<'_>) -> bool {
        if part.is_first {
            self.control = ControlPayload::EMPTY;
        }
        self.control.append(part.payload); // fits: the header said at most 125
        part.is_last
    }
}

/// What came next.
pub(crate) enum Next<'a> {
    Data(DataEvent<'a>),
    /// A control frame of this opcode was gathered.
    Control(ControlOpcode),
    Violation(Violation),
}

/// A part of a message.
pub(crate) enum DataEvent<'a> {
    Text { text: Text<'a>, is_first: bool, is_last: bool },
    Binary { bytes: &'a mut [u8], is_first: bool, is_last: bool },
    Compressed { message_type: MessageType, bytes: &'a mut [u8], is_first: bool, is_last: bool },
}

impl DataEvent<'_> {
    #[inline]
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Self::Text { is_last, .. }
            | Self::Binary { is_last, .. }
            | Self::Compressed { is_last, .. } => *is_last,
        }
    }
}

impl<'a> From<DataEvent<'a>> for Event<'a> {
    #[inline]
    fn from(data: DataEvent<'a>) -> Self {
        match data {
            DataEvent::Text { text, is_first, is_last } => Self::Text { text, is_first, is_last },
            DataEvent::Binary { bytes, is_first, is_last } => {
                Self::Binary { bytes, is_first, is_last }
            }
            DataEvent::Compressed { message_type, bytes, is_first, is_last } => {
                Self::Compressed { message_type, bytes, is_first, is_last }
            }
        }
    }
}

impl Reply {
    /// What an event calls for.
    pub(crate) fn to(event: &Event<'_>) -> Self {
        match event {
            // 5.5.2: "an endpoint MUST send a Pong frame in response".
            Event::Ping(payload) => Self::Pong(*payload),
            Event::Close(close) => Self::Close(*close),
            Event::Violation(violation) => {
                Self::Fail(CloseFrame::new(violation.close_code(), violation.close_reason()))
            }
            // 5.5.3: "A response to an unsolicited Pong frame is not expected."
            Event::Pong(_)
            | Event::Text { .. }
            | Event::Binary { .. }
            | Event::Compressed { .. } => Self::Nothing,
        }
    }
}
