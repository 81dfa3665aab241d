//! tidings-frame: decodes a stream of frames of any kind, encodes frames masked and not.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;

use tidings_firmware_sizes::end;
use tidings_frame::{Decoder, Frame, MaskingKey, Opcode, PayloadLimit, Rsv};

/// RFC 6455, 5.7: a masked "Hello".
const RECEIVED: [u8; 11] = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut received = black_box(RECEIVED);
    let mut sent = black_box([0; 11]);
    let is_done = echo(&mut received, black_box(Some(KEY)), &mut sent) == Some(RECEIVED.len());
    end(is_done && sent == RECEIVED)
}

const KEY: MaskingKey = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);

/// Sends data back; the length of the last frame sent.
fn echo(received: &mut [u8], key: Option<MaskingKey>, out: &mut [u8]) -> Option<usize> {
    let mut decoder = Decoder::new(black_box(PayloadLimit::SERVER), Rsv::NONE);
    let mut input = received;
    let mut sent = None;
    while let Some(part) = decoder.decode(&mut input).ok()? {
        let Opcode::Data(opcode) = part.header.opcode() else { continue };
        let frame = match part.is_last {
            true => Frame::data(opcode, part.payload),
            false => Frame::fragment(opcode, part.payload),
        };
        let frame = match key {
            Some(key) => frame.with_masking_key(key),
            None => frame,
        };
        sent = frame.encode_into(out).ok();
    }
    sent
}
