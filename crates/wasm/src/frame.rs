//! The frame codec: [`FrameDecoder`] and [`encode_frame`].

use alloc::format;
use alloc::vec::Vec;

use tidings_frame::{
    ControlOpcode, DataOpcode, DecodeError, DecodeErrorKind, Decoder, Frame, HeaderError,
    MaskingKey, Opcode, Part, PayloadLimit, Rsv,
};
use wasm_bindgen::prelude::*;

use crate::close::control_payload;
use crate::number;
use crate::options::Options;
use crate::values::{self, Items};

#[wasm_bindgen(typescript_custom_section)]
const FRAME_PART: &str = include_str!("../js/frame_part.d.ts");

/// Decodes a stream of frames that comes in pieces, cut anywhere.
///
/// It knows neither roles nor the order of frames: whether a frame must be masked, and whether a
/// continuation may come, is for the layer above.
#[wasm_bindgen]
#[derive(Debug)]
pub struct FrameDecoder {
    decoder: Decoder,
}

#[wasm_bindgen]
impl FrameDecoder {
    /// A decoder at the beginning of a stream.
    ///
    /// # Errors
    /// `TypeError` or `RangeError` for an invalid option.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_optional_param_type = "FrameDecoderOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let options = Options(options);
        let limit = options.count("payloadLengthMax")?;
        let limit = limit.map_or(PayloadLimit::CLIENT, PayloadLimit::new);
        Ok(Self { decoder: Decoder::new(limit, rsv(&options)?) })
    }

    /// Decodes the next bytes, all of them. A frame that lies whole in them comes as one part, a
    /// frame that they cut in several; their payloads are unmasked, one after the other.
    ///
    /// # Errors
    /// `FrameError` if the peer broke a rule, found before any payload of that frame. Its `parts`
    /// are those of the frames before. All later calls throw the same error.
    /// `TypeError` if `chunk` is not bytes.
    #[wasm_bindgen(unchecked_return_type = "FramePart[]")]
    pub fn push(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Uint8Array | ArrayBuffer")] chunk: &JsValue,
    ) -> Result<Items, JsValue> {
        // Unmasked in place: in this copy, not in the caller's bytes.
        let mut chunk = values::bytes(chunk, "chunk")?;
        let parts = Items::new();
        let mut input = &mut chunk[..];
        loop {
            match self.decoder.decode(&mut input) {
                Ok(Some(part)) => add(&parts, &part),
                Ok(None) => return Ok(parts),
                Err(error) => return Err(to_js(&error, &parts)),
            }
        }
    }

    /// Returns whether the stream is between two frames. One that ends elsewhere was cut off.
    #[wasm_bindgen(getter, js_name = isBetweenFrames)]
    pub fn is_between_frames(&self) -> bool {
        self.decoder.is_between_frames()
    }
}

/// A frame, ready to be sent. A client must mask its frames: with a `maskingKey` of four bytes from
/// `crypto.getRandomValues`, a new one for each frame (RFC 6455, 5.3). A string is sent as UTF-8.
///
/// # Errors
/// `RangeError` for an unknown opcode, a control frame that is not final or has more than 125
/// bytes, and a key that is not four bytes. `TypeError` for a value of the wrong type.
#[wasm_bindgen(js_name = encodeFrame)]
pub fn encode_frame(
    #[wasm_bindgen(unchecked_param_type = "Opcode")] opcode: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "Uint8Array | ArrayBuffer | string")]
    payload: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "EncodeOptions")] options: &JsValue,
) -> Result<Vec<u8>, JsValue> {
    let options = Options(options);
    let name = values::string(opcode, "opcode")?;
    let Some(opcode) = opcode_named(&name) else {
        return Err(values::range_error(&format!(
            "an opcode is one of continuation, text, binary, close, ping and pong, not {name}"
        )));
    };
    let payload = if payload.is_undefined() {
        Vec::new()
    } else {
        values::bytes_or_text(payload, "payload")?
    };
    let fin = options.flag("fin")?.unwrap_or(true);
    let control;
    let mut frame = match opcode {
        Opcode::Data(opcode) if fin => Frame::data(opcode, &payload),
        Opcode::Data(opcode) => Frame::fragment(opcode, &payload),
        // 5.5: control frames "MUST NOT be fragmented".
        Opcode::Control(_) if !fin => {
            return Err(values::range_error(
                "fin cannot be false: a control frame is always final (RFC 6455, 5.5)",
            ));
        }
        Opcode::Control(opcode) => {
            control = control_payload(&payload)?;
            Frame::control(opcode, &control)
        }
    };
    frame = frame.with_rsv(rsv(&options)?);
    if let Some(key) = options.bytes("maskingKey")? {
        let Ok(key) = <[u8; MaskingKey::LEN]>::try_from(&key[..]) else {
            return Err(values::range_error(&format!(
                "maskingKey must have 4 bytes, not {} (RFC 6455, 5.3)",
                key.len()
            )));
        };
        frame = frame.with_masking_key(MaskingKey::new(key));
    }
    let mut encoded = Vec::new();
    frame.append_to(&mut encoded);
    Ok(encoded)
}

/// The reserved bits that the options name.
fn rsv(options: &Options<'_>) -> Result<Rsv, JsValue> {
    let mut rsv = Rsv::NONE;
    for (name, bit) in [("rsv1", Rsv::RSV1), ("rsv2", Rsv::RSV2), ("rsv3", Rsv::RSV3)] {
        if options.flag(name)? == Some(true) {
            rsv = rsv | bit;
        }
    }
    Ok(rsv)
}

/// Appends a part.
fn add(parts: &Items, part: &Part<'_>) {
    let header = &part.header;
    let encoded = header.encode();
    let first_byte = encoded.first().copied().unwrap_or_default(); // a header has two bytes at least
    values::add_part(
        parts,
        opcode_name(header.opcode()),
        first_byte,
        part.is_first,
        part.is_last,
        header.masking_key().map(|key| u32::from_be_bytes(key.to_bytes())),
        encoded.len(),
        number::from_u64(header.payload_len()),
        part.payload,
    );
}

fn to_js(error: &DecodeError, parts: &Items) -> JsValue {
    let fault = match error.kind {
        DecodeErrorKind::PayloadTooLong(_) => "payloadTooLong",
        DecodeErrorKind::Header(error) => match error {
            HeaderError::ReservedBits { .. } => "reservedBits",
            HeaderError::ReservedOpcode { .. } => "reservedOpcode",
            HeaderError::FragmentedControl { .. } => "fragmentedControl",
            HeaderError::OversizedControl { .. } => "oversizedControl",
            HeaderError::NonMinimalLength { .. } => "nonMinimalLength",
            HeaderError::LengthTopBit => "lengthTopBit",
            _ => "other",
        },
        _ => "other",
    };
    let frame_offset = Some(number::from_u64(error.frame_offset));
    let code = error.close_code().get();
    values::frame_error(&format!("{error}"), fault, code, frame_offset, parts)
}

const OPCODES: [(&str, Opcode); 6] = [
    ("continuation", Opcode::Data(DataOpcode::Continuation)),
    ("text", Opcode::Data(DataOpcode::Text)),
    ("binary", Opcode::Data(DataOpcode::Binary)),
    ("close", Opcode::Control(ControlOpcode::Close)),
    ("ping", Opcode::Control(ControlOpcode::Ping)),
    ("pong", Opcode::Control(ControlOpcode::Pong)),
];

fn opcode_named(name: &str) -> Option<Opcode> {
    OPCODES.iter().find(|(known, _)| *known == name).map(|(_, opcode)| *opcode)
}

fn opcode_name(opcode: Opcode) -> &'static str {
    OPCODES.iter().find(|(_, known)| *known == opcode).map_or("", |(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_has_one_name() {
        for bits in 0..=0xF {
            let Some(opcode) = Opcode::from_bits(bits) else { continue };
            assert_eq!(opcode_named(opcode_name(opcode)), Some(opcode));
        }
        assert_eq!(opcode_named(""), None);
        assert_eq!(opcode_named("Text"), None);
    }
}
