//! The vectors of tidings-frame: the examples of RFC 6455, 5.7, every beginning of a header, the
//! limits of lengths, masks at every phase, UTF-8 at every cut, every close code.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use tidings_firmware_console::{end, passed, state};
use tidings_firmware_vectors::Cut;
use tidings_frame::{
    CloseCode, CloseFrame, CloseFrameError, ControlOpcode, ControlPayload, DataOpcode, Decoder,
    Frame, Header, HeaderError, InvalidUtf8, Masker, MaskingKey, Opcode, ParsedHeader,
    PayloadLimit, Rsv, Utf8Validator,
};

#[cortex_m_rt::entry]
fn main() -> ! {
    passed("examples of RFC 6455, 5.7", examples());
    passed("a 64 KiB frame through 256 bytes of buffer", large_frame());
    passed("first two bytes of headers", headers());
    passed("limits of the forms of lengths", lengths());
    passed("masks", masks());
    passed("UTF-8", utf8());
    passed("close codes", close_codes());
    passed("payloads of Close frames", close_frames());
    state::<Decoder>("Decoder");
    state::<Header>("Header");
    state::<Utf8Validator>("Utf8Validator");
    end()
}

/// Frames, and how they look on the wire.
struct Example {
    wire: &'static [u8],
    frames: &'static [ExampleFrame],
}

struct ExampleFrame {
    opcode: Opcode,
    fin: bool,
    masking_key: Option<[u8; 4]>,
    payload: &'static [u8],
}

const TEXT: Opcode = Opcode::Data(DataOpcode::Text);
const BINARY: Opcode = Opcode::Data(DataOpcode::Binary);
const CONTINUATION: Opcode = Opcode::Data(DataOpcode::Continuation);
const PING: Opcode = Opcode::Control(ControlOpcode::Ping);
const PONG: Opcode = Opcode::Control(ControlOpcode::Pong);

const fn unmasked(opcode: Opcode, fin: bool, payload: &'static [u8]) -> ExampleFrame {
    ExampleFrame { opcode, fin, masking_key: None, payload }
}

const fn masked(opcode: Opcode, payload: &'static [u8]) -> ExampleFrame {
    let masking_key = Some([0x37, 0xfa, 0x21, 0x3d]);
    ExampleFrame { opcode, fin: true, masking_key, payload }
}

/// RFC 6455, 5.7: 256 bytes of binary data in an unmasked frame.
const BINARY_256: [u8; 4 + 256] = {
    let mut wire = [0xA5; 4 + 256];
    wire[0] = 0x82;
    wire[1] = 0x7E;
    wire[2] = 0x01;
    wire[3] = 0x00;
    wire
};

const EXAMPLES: &[Example] = &[
    Example { wire: b"\x81\x05Hello", frames: &[unmasked(TEXT, true, b"Hello")] },
    Example {
        wire: b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        frames: &[masked(TEXT, b"Hello")],
    },
    Example {
        wire: b"\x01\x03Hel\x80\x02lo",
        frames: &[unmasked(TEXT, false, b"Hel"), unmasked(CONTINUATION, true, b"lo")],
    },
    Example { wire: b"\x89\x05Hello", frames: &[unmasked(PING, true, b"Hello")] },
    Example {
        wire: b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        frames: &[masked(PONG, b"Hello")],
    },
    Example { wire: &BINARY_256, frames: &[unmasked(BINARY, true, &[0xA5; 256])] },
];

/// Each example decodes to its frames however it is cut, and its frames encode to it.
fn examples() -> usize {
    let mut buffer = [0; BINARY_256.len()];
    for Example { wire, frames } in EXAMPLES {
        for cut in Cut::all(wire.len()) {
            let buffer = &mut buffer[..wire.len()];
            buffer.copy_from_slice(wire);
            decode(buffer, cut, frames);
        }
        let mut encoded_len = 0;
        for frame in *frames {
            encoded_len += encode(frame, &mut buffer[encoded_len..]);
        }
        assert_eq!(&buffer[..encoded_len], *wire);
    }
    EXAMPLES.len()
}

fn decode(wire: &mut [u8], cut: Cut, frames: &[ExampleFrame]) {
    let mut decoder = Decoder::new(PayloadLimit::SERVER, Rsv::NONE);
    let mut frames = frames.iter();
    let mut current = None;
    let mut payload_len = 0;
    for piece in cut.pieces(wire.len()) {
        let mut input = &mut wire[piece];
        while let Some(part) = decoder.decode(&mut input).expect("a legal frame") {
            if part.is_first {
                current = frames.next();
                payload_len = 0;
            }
            let frame = current.expect("no more frames than there are");
            check_header(&part.header, frame);
            let end = payload_len + part.payload.len();
            assert_eq!(frame.payload.get(payload_len..end), Some(&*part.payload), "{cut:?}");
            payload_len = end;
            assert_eq!(part.is_last, end == frame.payload.len(), "{cut:?}");
        }
        assert!(input.is_empty(), "None means that all input is consumed");
    }
    assert!(frames.next().is_none() && decoder.is_between_frames(), "{cut:?}");
}

fn check_header(header: &Header, frame: &ExampleFrame) {
    assert_eq!((header.opcode(), header.fin()), (frame.opcode, frame.fin));
    assert_eq!(header.masking_key().map(MaskingKey::to_bytes), frame.masking_key);
    assert_eq!(header.payload_len(), frame.payload.len() as u64);
}

fn encode(example: &ExampleFrame, out: &mut [u8]) -> usize {
    let control = ControlPayload::new(example.payload);
    let frame = match (example.opcode, &control) {
        (Opcode::Data(opcode), _) if example.fin => Frame::data(opcode, example.payload),
        (Opcode::Data(opcode), _) => Frame::fragment(opcode, example.payload),
        (Opcode::Control(opcode), Ok(payload)) => Frame::control(opcode, payload),
        (Opcode::Control(_), Err(error)) => panic!("{error}"),
    };
    let frame = match example.masking_key {
        Some(key) => frame.with_masking_key(MaskingKey::new(key)),
        None => frame,
    };
    let len = frame.encode_into(out).expect("room for the frame");
    assert_eq!(len, frame.encoded_len());
    len
}

/// The last example of RFC 6455, 5.7, which is larger than all RAM of this firmware, and the same
/// frame masked.
fn large_frame() -> usize {
    const PAYLOAD_LEN: u64 = 64 * 1024;
    let key = MaskingKey::new([1, 2, 3, 4]);
    let unmasked = Header::data(DataOpcode::Binary, PAYLOAD_LEN).expect("a legal length");
    for header in [unmasked, unmasked.with_masking_key(key)] {
        let mut wire = [0; Header::MAX_LEN];
        let wire = &mut wire[..header.encoded_len()];
        wire.copy_from_slice(&header.encode());
        assert_eq!(wire[2..10], PAYLOAD_LEN.to_be_bytes());

        let mut decoder = Decoder::new(PayloadLimit::SERVER, Rsv::NONE);
        let mut input = wire;
        let part = decoder.decode(&mut input).expect("a legal header").expect("a first part");
        assert!(part.header == header && part.is_first && !part.is_last);
        let mut masker = Masker::new(key);
        let mut left = PAYLOAD_LEN as usize;
        for piece_len in (1..=256).cycle() {
            let piece_len = piece_len.min(left);
            left -= piece_len;
            let mut buffer = [0xA5; 256];
            let mut input = &mut buffer[..piece_len];
            if header.masking_key().is_some() {
                masker.apply(input);
            }
            let part = decoder.decode(&mut input).expect("payload").expect("a part");
            assert!(part.payload.len() == piece_len && part.payload.iter().all(|b| *b == 0xA5));
            assert!(!part.is_first && part.is_last == (left == 0));
            if left == 0 {
                break;
            }
        }
        assert!(decoder.is_between_frames());
    }
    2
}

/// Every first two bytes, with no reserved bit allowed and with RSV1, compared with a rule for
/// their result.
fn headers() -> usize {
    let mut checked = 0;
    for first in 0..=0xFF {
        for second in 0..=0xFF {
            for (allowed, allowed_bits) in [(Rsv::NONE, 0x00), (Rsv::RSV1, 0x40)] {
                let parsed = Header::parse(&[first, second], allowed);
                check_beginning(first, second, allowed_bits, parsed);
                checked += 1;
            }
        }
    }
    checked
}

/// RFC 6455, 5.2 and 5.5, for a header of which two bytes are there.
fn check_beginning(
    first: u8,
    second: u8,
    rsv_allowed: u8,
    parsed: Result<ParsedHeader, HeaderError>,
) {
    let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
    let (masked, length) = (second & 0x80 != 0, second & 0x7F);
    let is_control = opcode & 0x8 != 0;
    let holds = if first & 0x70 & !rsv_allowed != 0 {
        matches!(parsed, Err(HeaderError::ReservedBits { .. }))
    } else if matches!(opcode, 0x3..=0x7 | 0xB..=0xF) {
        parsed == Err(HeaderError::ReservedOpcode { bits: opcode })
    } else if is_control && !fin {
        matches!(parsed, Err(HeaderError::FragmentedControl { .. }))
    } else if is_control && length > 125 {
        matches!(parsed, Err(HeaderError::OversizedControl { .. }))
    } else {
        let length_len = match length {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let missing = length_len + if masked { 4 } else { 0 };
        match parsed {
            Ok(ParsedHeader::Partial { missing: stated }) => missing > 0 && stated == missing,
            Ok(ParsedHeader::Complete { header, header_len: 2 }) => {
                missing == 0
                    && (header.fin(), header.opcode().bits()) == (fin, opcode)
                    && header.payload_len() == u64::from(length)
                    && *header.encode() == [first, second]
            }
            _ => false,
        }
    };
    assert!(holds, "{first:#04x} {second:#04x}: {parsed:?}");
}

/// RFC 6455, 5.2: the shortest form of a length, and no other.
fn lengths() -> usize {
    const LEGAL: &[(u64, usize)] = &[
        (0, 2),
        (1, 2),
        (125, 2),
        (126, 4),
        (127, 4),
        (255, 4),
        (256, 4),
        (0xFFFF, 4),
        (0x1_0000, 10),
        (0xFFFF_FFFF, 10),
        (0x1_0000_0000, 10), // more than this machine can address
        (u64::MAX >> 1, 10),
    ];
    for &(payload_len, header_len) in LEGAL {
        let header = Header::data(DataOpcode::Binary, payload_len).expect("a legal length");
        let wire = header.encode();
        assert_eq!((wire.len(), header.encoded_len()), (header_len, header_len));
        let complete = ParsedHeader::Complete { header, header_len };
        assert_eq!(Header::parse(&wire, Rsv::NONE), Ok(complete));
        for len in 0..header_len {
            let cut = Header::parse(&wire[..len], Rsv::NONE);
            let missing = if len < 2 { 2 - len } else { header_len - len };
            assert_eq!(cut, Ok(ParsedHeader::Partial { missing }));
        }
    }
    let long = |payload_len| HeaderError::NonMinimalLength { payload_len };
    let illegal: [(&[u8], HeaderError); 6] = [
        (b"\x82\x7E\x00\x00", long(0)),
        (b"\x82\x7E\x00\x7D", long(125)),
        (b"\x82\x7F\x00\x00\x00\x00\x00\x00\x00\x00", long(0)),
        (b"\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF", long(0xFFFF)),
        (b"\x82\x7F\x80\x00\x00\x00\x00\x00\x00\x00", HeaderError::LengthTopBit),
        (b"\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", HeaderError::LengthTopBit),
    ];
    for (wire, error) in illegal {
        assert_eq!(Header::parse(wire, Rsv::NONE), Err(error));
    }
    // A length that no `usize` of this machine holds is checked at its true value.
    let mut decoder = Decoder::new(PayloadLimit::SERVER, Rsv::NONE);
    let mut wire = *b"\x82\x7F\x00\x00\x00\x01\x00\x00\x00\x00";
    let error = decoder.decode(&mut &mut wire[..]).expect_err("over the limit");
    assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG);
    LEGAL.len() + illegal.len() + 1
}

/// RFC 6455, 5.3: byte i by key byte i mod 4, at every length and phase, at every alignment.
fn masks() -> usize {
    const MAX_LEN: usize = 41;
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut plain = [0; MAX_LEN + 3];
    let mut expected = [0; MAX_LEN + 3];
    for (at, (plain, expected)) in plain.iter_mut().zip(&mut expected).enumerate() {
        *plain = (at * 7) as u8;
        *expected = *plain ^ KEY[at % 4];
    }
    let mut checked = 0;
    for len in 0..=MAX_LEN {
        for cut in 0..=len {
            for offset in 0..4 {
                let mut room = [0; MAX_LEN + 8];
                let payload = &mut room[offset..][..len];
                payload.copy_from_slice(&plain[..len]);
                let (head, tail) = payload.split_at_mut(cut);
                let mut masker = Masker::new(MaskingKey::new(KEY));
                masker.apply(head);
                masker.apply(tail);
                assert_eq!(payload, &expected[..len], "{len} bytes cut at {cut}");
            }
            let mut out = [0; MAX_LEN];
            let mut masker = Masker::new(MaskingKey::new(KEY));
            assert_eq!(masker.apply_to(&plain[..cut], &mut out), cut);
            assert_eq!(masker.apply_to(&plain[cut..len], &mut out[cut..]), len - cut);
            assert_eq!(out[..len], expected[..len], "{len} bytes cut at {cut}");
            checked += 1;
        }
    }
    checked
}

/// Text, and the length of the valid part at its front.
const TEXTS: &[(&[u8], usize)] = &[
    (b"", 0),
    (b"plain", 5),
    (b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5", 11),
    (b"a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z", 11),
    (b"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", 10), // beside the surrogates; the last
    (b"\x00\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80", 16),
    (b"\xCE\xBA\xE1\xBD\xB9\xED\xA0\x80edited", 5), // a surrogate
    (b"\xC0\xAF", 0),                               // overlong
    (b"\xE0\x80\xAF", 0),
    (b"\xF0\x80\x80\xAF", 0),
    (b"\xC1\xBF", 0),
    (b"\xF4\x90\x80\x80", 0), // above U+10FFFF
    (b"\xF5", 0),
    (b"\xFF\xFE", 0),
    (b"\x80", 0),
    (b"ok\xE2\x82", 2), // cut by the end
    (b"\xE2\x82(", 0),
    (b"\xF0\x9F\x98", 0),
];

/// RFC 6455, 8.1.
fn utf8() -> usize {
    for &(text, valid_len) in TEXTS {
        for cut in Cut::all(text.len()) {
            let outcome = validate(text, cut);
            if valid_len == text.len() {
                assert_eq!(outcome, Ok(()), "{text:x?}, {cut:?}");
            } else {
                let error = InvalidUtf8 { offset: valid_len as u64 };
                assert_eq!(outcome, Err(error), "{text:x?}, {cut:?}");
            }
        }
    }
    TEXTS.len()
}

fn validate(text: &[u8], cut: Cut) -> Result<(), InvalidUtf8> {
    let mut validator = Utf8Validator::new();
    let mut seen = 0;
    for piece in cut.pieces(text.len()) {
        let valid = validator.push(&text[piece])?;
        for chunk in valid.chunks(&mut [0; 4]) {
            assert_eq!(text.get(seen..seen + chunk.len()), Some(chunk.as_bytes()), "{cut:?}");
            seen += chunk.len();
        }
    }
    validator.finish()
}

/// RFC 6455, 7.4, and the registry beside it.
fn close_codes() -> usize {
    let codes = 0..=u16::MAX;
    for code in codes.clone() {
        let is_legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(CloseCode::new(code).map(CloseCode::get), is_legal.then_some(code));
    }
    codes.count()
}

/// The content of a Close frame, or its fault.
type Said = Result<Option<(u16, &'static str)>, CloseFrameError>;

/// RFC 6455, 5.5.1.
fn close_frames() -> usize {
    let utf8 = |offset| CloseFrameError::ReasonNotUtf8(InvalidUtf8 { offset });
    let cases: [(&[u8], Said); 9] = [
        (b"", Ok(None)),
        (b"\x03", Err(CloseFrameError::CutCode)),
        (b"\x03\xE8", Ok(Some((1000, "")))),
        (b"\x03\xE8done", Ok(Some((1000, "done")))),
        (b"\x13\x87\xC3\xA9", Ok(Some((4999, "\u{e9}")))),
        (b"\x03\xED", Err(CloseFrameError::IllegalCode { code: 1005 })),
        (b"\x00\x00zero", Err(CloseFrameError::IllegalCode { code: 0 })),
        (b"\x03\xE8ab\xC3", Err(utf8(2))),
        (b"\x03\xE8\xED\xA0\x80", Err(utf8(0))),
    ];
    for (payload, said) in cases {
        let payload = ControlPayload::new(payload).expect("not over 125 bytes");
        let expected = said.map(|close| {
            close.map(|(code, reason)| {
                CloseFrame::new(CloseCode::new(code).expect("a legal code"), reason)
            })
        });
        assert_eq!(CloseFrame::parse(&payload), expected);
        if let Ok(Some(close)) = expected {
            assert_eq!(close.to_payload(), payload);
        }
    }
    cases.len()
}
