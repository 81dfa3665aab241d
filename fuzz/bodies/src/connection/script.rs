//! The steps that an input spells.

use core::time::Duration;

use arbitrary::{Result, Unstructured};
use tidings_websocket::Data;
use tidings_websocket::frame::{
    CloseCode, CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Frame, MaskingKey, Rsv,
};

/// One thing that happens to a connection.
pub(super) enum Step {
    Receive(Vec<u8>),
    Send(Message),
    Ping(ControlPayload),
    Pong(ControlPayload),
    Close(Option<CloseFrame>),
    EndOfInput,
    TransmitOne,
    TransmitAll,
    Wait(Duration),
    /// Until the deadline, and this much longer.
    WaitForDeadline(Duration),
}

/// Data to send.
pub(super) struct Message {
    pub(super) content: Content,
    pub(super) more: bool,
}

pub(super) enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Message {
    pub(super) fn as_data(&self) -> Data<'_> {
        let data = match &self.content {
            Content::Text(text) => Data::text(text),
            Content::Binary(bytes) => Data::binary(bytes),
        };
        if self.more { data.more() } else { data }
    }
}

impl Step {
    /// Takes a step off the input.
    pub(super) fn take(
        input: &mut Unstructured<'_>,
        is_server: bool,
        may_compress: bool,
    ) -> Result<Self> {
        Ok(match byte(input)? % 16 {
            0 => Self::Receive(bytes(input)?),
            1..=4 => Self::Receive(frame(input, is_server, may_compress)?),
            5 | 6 => {
                let settings = byte(input)?;
                let bytes = bytes(input)?;
                let content = match settings & 1 {
                    0 => Content::Text(String::from_utf8_lossy(&bytes).into_owned()),
                    _ => Content::Binary(bytes),
                };
                Self::Send(Message { content, more: settings & 2 != 0 })
            }
            7 => Self::Ping(payload(input)?),
            8 => Self::Pong(payload(input)?),
            9 => {
                let code = CloseCode::new(u16::from_be_bytes([byte(input)?, byte(input)?]));
                let reason = bytes(input)?;
                let reason = String::from_utf8_lossy(&reason);
                Self::Close(code.map(|code| CloseFrame::new(code, &reason)))
            }
            10 => Self::EndOfInput,
            11 => Self::TransmitOne,
            12 | 13 => Self::TransmitAll,
            14 => Self::Wait(Duration::from_millis(u64::from(byte(input)?) * 10)),
            _ => Self::WaitForDeadline(Duration::from_millis(u64::from(byte(input)?) * 10)),
        })
    }
}

/// A legal frame in the legal direction, so that inputs get deep; the input chooses the order, and
/// which frames are marked as compressed where that is allowed.
fn frame(input: &mut Unstructured<'_>, is_server: bool, may_compress: bool) -> Result<Vec<u8>> {
    let first = byte(input)?;
    let payload = bytes(input)?;
    let control = ControlPayload::new(&payload[..payload.len().min(125)]).unwrap_or_default();
    let data = |opcode| match first & 0x80 {
        0 => Frame::fragment(opcode, &payload),
        _ => Frame::data(opcode, &payload),
    };
    let frame = match first & 0x0F {
        0 | 3 | 4 => data(DataOpcode::Continuation),
        1 | 5 | 6 | 7 => data(DataOpcode::Text),
        8 => Frame::control(ControlOpcode::Close, &control),
        9 | 11 => Frame::control(ControlOpcode::Ping, &control),
        10 | 12 => Frame::control(ControlOpcode::Pong, &control),
        _ => data(DataOpcode::Binary),
    };
    let frame = match may_compress && first & 0x40 != 0 {
        true => frame.with_rsv(Rsv::RSV1),
        false => frame,
    };
    let frame = match is_server {
        true => frame.with_masking_key(MaskingKey::new([first, 0x37, 0xFA, 0x21])),
        false => frame,
    };
    let mut bytes = vec![0; frame.encoded_len()];
    frame.encode_into(&mut bytes).expect("it is as long as it says");
    Ok(bytes)
}

fn payload(input: &mut Unstructured<'_>) -> Result<ControlPayload> {
    let bytes = bytes(input)?;
    Ok(ControlPayload::new(&bytes[..bytes.len().min(125)]).unwrap_or_default())
}

/// A length and this many bytes, or as many as there are.
fn bytes(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = usize::from(byte(input)?).min(input.len());
    Ok(input.bytes(len)?.to_vec())
}

/// The next byte; 0 at the end of the input.
fn byte(input: &mut Unstructured<'_>) -> Result<u8> {
    input.arbitrary()
}
