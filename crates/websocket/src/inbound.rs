//! The receiving half: the order of frames, masks by role, UTF-8 over a message's frames, limits
//! (RFC 6455, 5.1, 5.4, 5.5, 8.1), and which messages may be compressed (RFC 7692, 6).

use core::time::Duration;

use tidings_frame::{
    CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Decoder, Header, InvalidUtf8, Opcode,
    Part, PayloadLimit, Rsv, Utf8Validator,
};
use tidings_time::Timestamp;

use crate::close_info::CloseStatus;
use crate::event::{Event, MessageKind};
use crate::held::Held;
use crate::limits::{Budget, Limits};
use crate::violation::Violation;

/// The half of a connection that receives.
///
/// It never fails and never writes: [`Outbound::answer`](crate::outbound::Outbound::answer) derives
/// the answer from the event.
#[derive(Clone, Debug)]
pub(crate) struct Inbound {
    decoder: Decoder,
    budget: Budget,
    frames_are_masked: bool,
    message: Option<OpenMessage>,
    utf8: Utf8Validator,
    /// The payload of a control frame that has begun to come; that of a Close frame stays.
    control: Option<Held<ControlPayload>>,
    is_open: bool,
    /// A Close frame came; `control` is its payload.
    close_received: bool,
}

/// A message whose last frame has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenMessage {
    Text,
    Binary,
    /// The kind of the message once inflated.
    Compressed(MessageKind),
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
            control: None,
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
    #[inline(always)] // A part that is returned through memory costs as much as a short message.
    pub(crate) fn next<'a>(
        &mut self,
        now: Timestamp,
        input: &mut &'a mut [u8],
    ) -> Option<Event<'a>> {
        if self.is_open && self.message.is_none() {
            if let Some(part) = self.decoder.decode_whole_message(input) {
                return Some(match self.take_whole(part) {
                    Ok(event) => event,
                    Err(violation) => self.fail(violation),
                });
            }
        }
        self.next_part(now, input)
    }

    /// Like [`next`](Self::next), for whatever comes.
    #[inline(never)]
    fn next_part<'a>(&mut self, now: Timestamp, input: &mut &'a mut [u8]) -> Option<Event<'a>> {
        while self.is_open {
            let part = match self.decoder.decode(input) {
                Ok(Some(part)) => part,
                Ok(None) => return None,
                Err(error) => return Some(self.fail(Violation::Frame(error))),
            };
            if let Some(event) = self.take_part(now, part) {
                return Some(event);
            }
        }
        *input = &mut [];
        None
    }

    /// The next bytes may have been sent at any time in the last `pause`.
    pub(crate) fn resume(&mut self, now: Timestamp, pause: Duration) {
        self.budget.resume(now, pause);
    }

    /// Returns whether [`next`](Self::next) finds a whole message at the front of `input`.
    #[inline]
    pub(crate) fn has_whole_message(&self, input: &[u8]) -> bool {
        self.message.is_none() && self.is_open && self.decoder.has_whole_message(input)
    }

    /// The event of a whole message: the rules of [`take_part`](Self::take_part), where neither
    /// order nor earlier frames count.
    #[inline(always)]
    fn take_whole<'a>(&mut self, part: Part<'a>) -> Result<Event<'a>, Violation> {
        let Part { header, payload, .. } = part;
        self.check_mask(&header)?;
        self.budget.spend_whole_message(header.payload_len())?;
        if header.opcode() == Opcode::Data(DataOpcode::Text) {
            let text = self.utf8.whole(payload).map_err(Violation::InvalidUtf8)?;
            return Ok(Event::Text { text, is_first: true, is_last: true });
        }
        Ok(Event::Binary { bytes: payload, is_first: true, is_last: true })
    }

    /// The event of any part, if there is one.
    fn take_part<'a>(&mut self, now: Timestamp, part: Part<'a>) -> Option<Event<'a>> {
        if part.is_first {
            if let Err(violation) = self.check_header(now, &part.header) {
                return Some(self.fail(violation));
            }
        }
        match part.header.opcode() {
            Opcode::Data(opcode) => match self.take_data(opcode, part) {
                Ok(event) => event,
                Err(error) => Some(self.fail(Violation::InvalidUtf8(error))),
            },
            Opcode::Control(opcode) => {
                self.gather_control(&part).then(|| self.control_event(opcode))
            }
        }
    }

    /// Returns whether more can be received: there was neither a Close frame nor a violation.
    pub(crate) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns whether a frame or a message has begun and not ended.
    pub(crate) const fn is_incomplete(&self) -> bool {
        self.message.is_some() || !self.decoder.is_between_frames()
    }

    /// Returns the length still to come of the open message, as the peer announces it: known once
    /// its last frame has begun. For [`Assembler::push`](crate::Assembler::push).
    pub(crate) const fn announced_rest_len(&self) -> Option<u64> {
        match self.decoder.unfinished_frame() {
            Some((header, rest_len)) if header.fin() && !header.opcode().is_control() => {
                Some(rest_len)
            }
            _ => None,
        }
    }

    /// Returns the content of the peer's Close frame, if it was received.
    pub(crate) fn close_received(&self) -> CloseStatus {
        if !self.close_received {
            return CloseStatus::Missing;
        }
        match CloseFrame::parse(self.control.as_deref().unwrap_or(&ControlPayload::EMPTY)) {
            Ok(Some(close)) => CloseStatus::Frame(close),
            _ => CloseStatus::Empty,
        }
    }

    /// Nothing more will come, or will be looked at.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
    }

    /// The event of a violation; nothing is received after it.
    #[cold]
    pub(crate) fn fail(&mut self, violation: Violation) -> Event<'static> {
        self.is_open = false;
        Event::Violation(violation)
    }

    /// The event of the control frame that was gathered last.
    #[cold]
    fn control_event(&mut self, opcode: ControlOpcode) -> Event<'static> {
        let payload = self.control.as_deref().copied().unwrap_or_default();
        match opcode {
            ControlOpcode::Ping => {
                self.control = None;
                Event::Ping(payload)
            }
            ControlOpcode::Pong => {
                self.control = None;
                Event::Pong(payload)
            }
            ControlOpcode::Close => match CloseFrame::parse(&payload) {
                Ok(close) => {
                    self.is_open = false;
                    self.close_received = true;
                    Event::Close(close)
                }
                Err(error) => self.fail(Violation::CloseFrame(error)),
            },
        }
    }

    /// 5.1: "a client MUST mask all frames", "A server MUST NOT mask any frames".
    #[inline(always)]
    fn check_mask(&self, header: &Header) -> Result<(), Violation> {
        match (self.frames_are_masked, header.masking_key()) {
            (true, Some(_)) | (false, None) => Ok(()),
            (true, None) => Err(Violation::UnmaskedFrame),
            (false, Some(_)) => Err(Violation::MaskedFrame),
        }
    }

    /// Everything that a header can break beyond its own form.
    fn check_header(&mut self, now: Timestamp, header: &Header) -> Result<(), Violation> {
        self.check_mask(header)?;
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
        let kind = match (opcode, self.message) {
            (DataOpcode::Continuation, Some(_)) if is_compressed => {
                return Err(Violation::UnexpectedCompression);
            }
            (DataOpcode::Continuation, Some(_)) => {
                return self.budget.spend_data_frame(header.payload_len());
            }
            (DataOpcode::Continuation, None) => return Err(Violation::UnexpectedContinuation),
            (_, Some(_)) => return Err(Violation::ExpectedContinuation),
            (DataOpcode::Text, None) => MessageKind::Text,
            (DataOpcode::Binary, None) => MessageKind::Binary,
        };
        self.message = Some(match kind {
            kind if is_compressed => OpenMessage::Compressed(kind),
            MessageKind::Text => OpenMessage::Text,
            MessageKind::Binary => OpenMessage::Binary,
        });
        self.budget.begin_message();
        self.budget.spend_data_frame(header.payload_len())
    }

    /// Returns the event of a part of a data frame; `None` if it has none.
    fn take_data<'a>(
        &mut self,
        opcode: DataOpcode,
        part: Part<'a>,
    ) -> Result<Option<Event<'a>>, InvalidUtf8> {
        let Part { header, payload, is_first, is_last, .. } = part;
        let is_first = is_first && opcode != DataOpcode::Continuation;
        let is_last = is_last && header.fin();
        let message = self.message;
        debug_assert!(message.is_some(), "a checked header opens a message");
        if is_last {
            self.message = None;
        }
        let is_between = !is_first && !is_last;
        Ok(Some(match message {
            Some(OpenMessage::Text) => {
                let text = self.utf8.push(payload)?;
                if is_last {
                    self.utf8.finish()?;
                }
                if is_between && text.carried.is_none() && text.rest.is_empty() {
                    return Ok(None); // an empty fragment, or bytes of a character still cut
                }
                Event::Text { text, is_first, is_last }
            }
            _ if is_between && payload.is_empty() => return Ok(None), // an empty fragment
            Some(OpenMessage::Compressed(kind)) => {
                Event::Compressed { kind, bytes: payload, is_first, is_last }
            }
            Some(OpenMessage::Binary) | None => Event::Binary { bytes: payload, is_first, is_last },
        }))
    }

    /// Gathers the payload of a control frame; whether it is complete.
    fn gather_control(&mut self, part: &Part<'_>) -> bool {
        if part.is_first {
            self.control = None;
        }
        let control = self.control.get_or_insert_with(|| Held::new(ControlPayload::EMPTY));
        let appended = control.append(part.payload);
        debug_assert_eq!(appended, part.payload.len(), "the header said at most 125");
        part.is_last
    }
}
