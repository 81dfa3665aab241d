//! The meaning of received bytes, read frame by frame without regard to cuts (RFC 6455, 5.4, 5.5,
//! 8.1; RFC 7692, 6.1). The rate of control frames is left out.

use tidings_websocket::Limits;
use tidings_websocket::frame::{
    CloseCode, CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Header, MaskingKey, Opcode,
    ParsedHeader, Rsv,
};

use super::log::{Message, Other};

/// The meaning of all bytes that came while the connection was receiving.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) messages: Vec<Message>,
    pub(super) pings_and_pongs: Vec<Other>,
    pub(super) last: Last,
}

/// The way in which it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Last {
    Nothing,
    Close(Option<CloseFrame>),
    Violation(CloseCode),
}

/// Reads the frames that a peer sent to a server or to a client.
pub(super) fn read(
    received: &[u8],
    to_server: bool,
    may_compress: bool,
    limits: Limits,
) -> Expected {
    let last = Last::Nothing;
    let mut expected = Expected { messages: Vec::new(), pings_and_pongs: Vec::new(), last };
    expected.last = expected.read_frames(received, to_server, may_compress, limits);
    expected
}

impl Expected {
    /// Stops with the last event.
    fn read_frames(
        &mut self,
        received: &[u8],
        to_server: bool,
        may_compress: bool,
        limits: Limits,
    ) -> Last {
        let allowed = if may_compress { Rsv::RSV1 } else { Rsv::NONE };
        let protocol_error = Last::Violation(CloseCode::PROTOCOL_ERROR);
        let mut rest = received;
        let mut open: Option<Message> = None;
        let mut fragments = 0;
        loop {
            let (header, header_len) = match Header::parse(rest, allowed) {
                Ok(ParsedHeader::Complete { header, header_len }) => (header, header_len),
                Ok(ParsedHeader::Partial { .. }) => return Last::Nothing,
                Err(_) => return protocol_error,
            };
            if header.payload_len() > limits.max_frame_len {
                return Last::Violation(CloseCode::MESSAGE_TOO_BIG);
            }
            if header.masking_key().is_some() != to_server {
                return protocol_error;
            }
            let payload_len = usize::try_from(header.payload_len()).unwrap();
            let available = &rest[header_len..];
            let is_whole = payload_len <= available.len();
            let key = header.masking_key().map_or([0; 4], MaskingKey::to_bytes);
            let masked = available.iter().take(payload_len).zip(key.iter().cycle());
            let payload: Vec<u8> = masked.map(|(byte, key)| byte ^ key).collect();

            let is_compressed = header.rsv() == Rsv::RSV1;

            match header.opcode() {
                Opcode::Control(_) | Opcode::Data(DataOpcode::Continuation) if is_compressed => {
                    return protocol_error;
                }
                Opcode::Control(_) if !is_whole => return Last::Nothing,
                Opcode::Control(opcode) => {
                    let payload = ControlPayload::new(&payload).unwrap();
                    self.pings_and_pongs.push(match opcode {
                        ControlOpcode::Ping => Other::Ping(payload),
                        ControlOpcode::Pong => Other::Pong(payload),
                        ControlOpcode::Close => {
                            return match CloseFrame::parse(&payload) {
                                Ok(close) => Last::Close(close),
                                Err(error) => Last::Violation(error.close_code()),
                            };
                        }
                    });
                }
                Opcode::Data(opcode) => {
                    let mut message = match (opcode, open.take()) {
                        (DataOpcode::Continuation, Some(message)) => message,
                        (DataOpcode::Text | DataOpcode::Binary, None) => {
                            fragments = 0;
                            let is_text = opcode == DataOpcode::Text;
                            Message { is_text, is_compressed, bytes: Vec::new() }
                        }
                        _ => return protocol_error,
                    };
                    fragments += 1;
                    if fragments > limits.max_fragments {
                        return Last::Violation(CloseCode::POLICY_VIOLATION);
                    }
                    let message_len = message.bytes.len() as u64 + header.payload_len();
                    if message_len > limits.max_message_len {
                        return Last::Violation(CloseCode::MESSAGE_TOO_BIG);
                    }
                    message.bytes.extend_from_slice(&payload);
                    let is_over = is_whole && header.fin();
                    if message.is_text
                        && !message.is_compressed
                        && !may_be_text(&message.bytes, is_over)
                    {
                        return Last::Violation(CloseCode::INVALID_PAYLOAD_DATA);
                    }
                    if is_over {
                        self.messages.push(message);
                    } else {
                        open = Some(message);
                    }
                }
            }
            if !is_whole {
                return Last::Nothing;
            }
            rest = &available[payload_len..];
        }
    }
}

/// Returns whether the bytes are UTF-8, or may become so by later ones.
fn may_be_text(bytes: &[u8], is_over: bool) -> bool {
    match core::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && !is_over,
    }
}
