use super::*;
use crate::{ControlOpcode, ControlPayload, DataOpcode, Frame, MaskingKey, Opcode};
use proptest::prelude::*;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

/// A frame assembled from its parts, which must not depend on how the stream was split.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Whole {
    header: Header,
    payload: Vec<u8>,
}

/// Decodes `chunks` and checks the rules of parts on the way.
fn decode_chunks<'a>(
    decoder: &mut Decoder,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Whole>, Option<DecodeError>) {
    let mut frames: Vec<Whole> = Vec::new();
    let mut open = false;
    for chunk in chunks {
        let mut chunk = chunk.to_vec();
        let mut input = &mut chunk[..];
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(part)) => {
                    assert_eq!(part.is_first, !open, "parts of one frame follow each other");
                    if part.is_first {
                        frames.push(Whole { header: part.header, payload: Vec::new() });
                    } else {
                        assert!(!part.payload.is_empty(), "a later part is never empty");
                    }
                    open = !part.is_last;
                    let frame = frames.last_mut().unwrap();
                    assert_eq!(frame.header, part.header);
                    frame.payload.extend_from_slice(part.payload);
                    let complete = frame.payload.len() as u64 == part.header.payload_len();
                    assert_eq!(part.is_last, complete);
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(input.is_empty(), "all of every slice is taken");
    }
    (frames, None)
}

fn decoder() -> Decoder {
    Decoder::new(PayloadLimit::new(1 << 20), Rsv::NONE)
}

/// A stream with each kind of frame and header form, and the frames in it.
fn corpus() -> (Vec<u8>, usize) {
    let key = MaskingKey::new([1, 0x80, 0xFF, 7]);
    let long = vec![0x5A; 126];
    let ping = ControlPayload::new(b"are you there").unwrap();
    let frames = [
        Frame::data(DataOpcode::Text, "héllo".as_bytes()).with_masking_key(key),
        Frame::fragment(DataOpcode::Binary, &long).with_masking_key(key),
        Frame::control(ControlOpcode::Ping, &ping).with_masking_key(key),
        Frame::fragment(DataOpcode::Continuation, b""),
        Frame::data(DataOpcode::Continuation, b"").with_masking_key(key),
        Frame::control(ControlOpcode::Pong, &ControlPayload::EMPTY),
        Frame::data(DataOpcode::Text, b"unmasked"),
    ];
    let mut stream = Vec::new();
    for frame in frames {
        let mut buffer = vec![0; frame.encoded_len()];
        assert_eq!(frame.encode_into(&mut buffer), Ok(buffer.len()));
        stream.extend(buffer);
    }
    (stream, frames.len())
}

/// W-125: the announced length of a payload is known while it arrives, and not before or after.
#[test]
fn an_unfinished_frame_is_known_while_its_payload_comes() {
    let frame = *b"\x01\x85\0\0\0\0Hello";
    let mut decoder = Decoder::new(PayloadLimit::SERVER, Rsv::NONE);
    for (mut byte, place) in frame.map(|byte| [byte]).into_iter().zip(1..) {
        let _ = decoder.decode(&mut &mut byte[..]).unwrap();
        let unfinished = decoder.unfinished_frame();
        let rest_len = unfinished.map(|(header, rest_len)| {
            assert!(!header.fin() && header.payload_len() == 5);
            rest_len
        });
        let expected = match place {
            ..6 | 11 => None,
            _ => Some(11 - place),
        };
        assert_eq!(rest_len, expected, "after {place} bytes");
    }
}

/// W-049.
#[test]
fn a_stream_gives_the_same_frames_at_every_cut() {
    let (stream, count) = corpus();
    let (expected, error) = decode_chunks(&mut decoder(), [&stream[..]]);
    assert_eq!((expected.len(), error), (count, None));
    for i in 0..=stream.len() {
        for j in i..=stream.len() {
            let chunks = [&stream[..i], &stream[i..j], &stream[j..]];
            let mut decoder = decoder();
            assert_eq!(decode_chunks(&mut decoder, chunks), (expected.clone(), None));
            assert!(decoder.is_between_frames());
        }
    }
    assert_eq!(decode_chunks(&mut decoder(), stream.chunks(1)), (expected, None));
}

/// RFC 6455, 5.7: the masked "Hello".
#[test]
fn a_cut_header_resumes_at_any_byte() {
    let stream = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    for cut in 0..=stream.len() {
        let (frames, error) = decode_chunks(&mut decoder(), [&stream[..cut], &stream[cut..]]);
        assert_eq!(error, None);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].payload, b"Hello");
    }
}

#[test]
fn a_frame_without_payload_is_delivered_with_the_last_byte_of_its_header() {
    for stream in [&[0x81, 0x00][..], &[0x89, 0x80, 1, 2, 3, 4][..]] {
        let mut decoder = decoder();
        for (i, byte) in stream.iter().enumerate() {
            let (frames, _) = decode_chunks(&mut decoder, [&[*byte][..]]);
            assert_eq!(frames.len(), usize::from(i + 1 == stream.len()));
        }
    }
}

/// The header can be checked before the payload arrives.
#[test]
fn the_first_part_comes_with_the_header_alone() {
    let mut bytes = [0x82, 0x05];
    let mut input = &mut bytes[..];
    let mut decoder = decoder();
    let part = decoder.decode(&mut input).unwrap().unwrap();
    assert!(part.is_first && !part.is_last && part.payload.is_empty());
    assert_eq!(part.header.payload_len(), 5);
    assert!(!decoder.is_between_frames());
    assert_eq!(decoder.decode(&mut input), Ok(None));
}

/// Refused on the header, at every cut, with the right code.
#[test]
fn a_payload_over_the_limit_is_refused_on_its_header() {
    let limit = PayloadLimit::new(1000);
    for (len, accepted) in [(1000, true), (1001, false), (1 << 32, false), ((1 << 63) - 1, false)] {
        let stream = Header::data(DataOpcode::Binary, len).unwrap().encode();
        for cut in 0..=stream.len() {
            let mut decoder = Decoder::new(limit, Rsv::NONE);
            let (frames, error) = decode_chunks(&mut decoder, [&stream[..cut], &stream[cut..]]);
            assert_eq!(frames.len(), usize::from(accepted));
            if let Some(error) = error {
                let kind = PayloadTooLong { payload_len: len, max_len: 1000 };
                assert_eq!(error.kind, DecodeErrorKind::PayloadTooLong(kind));
                assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG);
            }
        }
    }
}

/// W-125: nor does it come through with its payload, whole in one slice.
#[test]
fn a_whole_frame_over_the_limit_is_refused_too() {
    let payload = [7; 1001];
    for (len, accepted) in [(1000, true), (1001, false)] {
        let frame = Frame::data(DataOpcode::Binary, &payload[..len]);
        let mut stream = vec![0; frame.encoded_len()];
        assert_eq!(frame.encode_into(&mut stream), Ok(stream.len()));
        let mut decoder = Decoder::new(PayloadLimit::new(1000), Rsv::NONE);
        let (frames, error) = decode_chunks(&mut decoder, [&stream[..]]);
        assert_eq!((frames.len(), error.is_some()), (usize::from(accepted), !accepted));
    }
}

/// W-063, W-064, W-065, W-073, W-082: a fault is the same with a whole frame after it as at every
/// cut.
#[test]
fn an_illegal_header_is_refused_whatever_follows_it() {
    let cases: [(&[u8], HeaderError); 6] = [
        (&[0xC1, 0], HeaderError::ReservedBits { rsv: Rsv::RSV1 }),
        (&[0x83, 0], HeaderError::ReservedOpcode { bits: 3 }),
        (&[0x09, 0], HeaderError::FragmentedControl { opcode: ControlOpcode::Ping }),
        (&[0x8A, 126, 0, 126], HeaderError::OversizedControl { opcode: ControlOpcode::Pong }),
        (&[0x82, 126, 0, 125], HeaderError::NonMinimalLength { payload_len: 125 }),
        (&[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], HeaderError::LengthTopBit),
    ];
    for (header, error) in cases {
        let stream = [header, &[0; 200]].concat();
        for cut in 0..=stream.len() {
            let (frames, found) = decode_chunks(&mut decoder(), [&stream[..cut], &stream[cut..]]);
            assert_eq!(frames, []);
            assert_eq!(found.unwrap().kind, DecodeErrorKind::Header(error), "cut at {cut}");
        }
    }
}

/// RFC 6455, 5.2: a reserved bit has a meaning from when its extension is negotiated.
#[test]
fn reserved_bits_may_be_allowed_between_frames() {
    let with_bit = [0xC2, 0x01, 7];
    let mut decoder = decoder();
    decoder.allow_rsv(Rsv::RSV1);
    let (frames, error) = decode_chunks(&mut decoder, [&with_bit[..], &with_bit[..1]]);
    assert_eq!((frames.len(), error), (1, None));
    assert_eq!(frames[0].header.rsv(), Rsv::RSV1);
    let (frames, error) = decode_chunks(&mut decoder, [&with_bit[1..]]);
    assert_eq!((frames.len(), error), (1, None));

    decoder.allow_rsv(Rsv::NONE);
    let (_, error) = decode_chunks(&mut decoder, [&with_bit[..]]);
    let kind = DecodeErrorKind::Header(HeaderError::ReservedBits { rsv: Rsv::RSV1 });
    assert_eq!(error, Some(DecodeError { kind, frame_offset: 6 }));
}

/// An error has its place and its kind, and carries its cause.
#[test]
fn an_error_is_told_with_its_cause() {
    let too_long = PayloadTooLong { payload_len: 9, max_len: 8 };
    for (kind, shown) in [
        (
            DecodeErrorKind::Header(HeaderError::LengthTopBit),
            "the top bit of the length is set (RFC 6455, 5.2)",
        ),
        (
            DecodeErrorKind::PayloadTooLong(too_long),
            "the frame declares a payload of 9 bytes, the limit is 8",
        ),
    ] {
        let error = DecodeError { kind, frame_offset: 70 };
        assert_eq!(error.to_string(), std::format!("in the frame at byte 70: {shown}"));
        assert!(core::error::Error::source(&error).is_none(), "shown once");
    }
}

/// W-110: after an error nothing is read; frames before it were delivered.
#[test]
fn an_error_is_final_and_says_where() {
    let (mut stream, count) = corpus();
    let bad_at = stream.len() as u64;
    stream.extend([0x83, 0x00, 0x81, 0x00]);
    for cut in 0..=stream.len() {
        let mut decoder = decoder();
        let (frames, error) = decode_chunks(&mut decoder, [&stream[..cut], &stream[cut..]]);
        assert_eq!(frames.len(), count);
        let error = error.unwrap();
        assert_eq!(error.frame_offset, bad_at);
        assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
        assert!(error.to_string().starts_with(&std::format!("in the frame at byte {bad_at}: ")));

        let mut more = [0x81, 0x00];
        let mut input = &mut more[..];
        assert_eq!(decoder.decode(&mut input), Err(error));
        assert_eq!(input.len(), 2, "nothing is taken after an error");
    }
}

/// W-067: a length beyond the address space streams through in parts.
#[test]
fn a_frame_longer_than_memory_is_only_counted() {
    let header = Header::data(DataOpcode::Binary, Header::MAX_PAYLOAD_LEN).unwrap();
    let mut stream = header.encode().to_vec();
    stream.extend([9; 100]);
    let mut decoder = Decoder::new(PayloadLimit::UNBOUNDED, Rsv::NONE);
    let mut input = &mut stream[..];
    let part = decoder.decode(&mut input).unwrap().unwrap();
    assert_eq!((part.payload.len(), part.is_last), (100, false));
    assert_eq!(decoder.decode(&mut input), Ok(None));
}

#[test]
fn the_decoder_stays_small() {
    assert!(size_of::<Decoder>() <= 96, "{}", size_of::<Decoder>());
}

fn any_frame() -> impl Strategy<Value = (Opcode, bool, Option<[u8; 4]>, Vec<u8>)> {
    let data = prop_oneof![
        Just(DataOpcode::Continuation),
        Just(DataOpcode::Text),
        Just(DataOpcode::Binary)
    ];
    let control = prop_oneof![
        Just(ControlOpcode::Close),
        Just(ControlOpcode::Ping),
        Just(ControlOpcode::Pong)
    ];
    let key = any::<Option<[u8; 4]>>();
    prop_oneof![
        (
            data.prop_map(Opcode::Data),
            any::<bool>(),
            key.clone(),
            prop::collection::vec(any::<u8>(), 0..700)
        ),
        (
            control.prop_map(Opcode::Control),
            Just(true),
            key.clone(),
            prop::collection::vec(any::<u8>(), 0..=125)
        ),
    ]
}

proptest! {
    /// W-059, W-061, W-067, W-068, W-099, W-102: decode(encode(x)) = x, at random cuts.
    #[test]
    fn encoded_frames_decode_to_themselves(
        frames in prop::collection::vec(any_frame(), 1..6),
        cuts in prop::collection::vec(1usize..400, 1..40),
    ) {
        let mut stream = Vec::new();
        for (opcode, fin, key, payload) in &frames {
            let control = ControlPayload::new(&payload[..payload.len().min(125)]).unwrap();
            let mut frame = match (opcode, fin) {
                (Opcode::Data(opcode), true) => Frame::data(*opcode, payload),
                (Opcode::Data(opcode), false) => Frame::fragment(*opcode, payload),
                (Opcode::Control(opcode), _) => Frame::control(*opcode, &control),
            };
            if let Some(key) = key {
                frame = frame.with_masking_key(MaskingKey::new(*key));
            }
            let mut buffer = vec![0; frame.encoded_len()];
            prop_assert_eq!(frame.encode_into(&mut buffer), Ok(buffer.len()));
            #[cfg(feature = "alloc")]
            {
                let mut appended = vec![7];
                frame.append_to(&mut appended);
                prop_assert_eq!(&appended[1..], &buffer[..]);
            }
            stream.extend(buffer);
        }
        let mut chunks = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts {
            let (chunk, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = tail;
        }
        chunks.push(rest);

        let (decoded, error) = decode_chunks(&mut decoder(), chunks);
        prop_assert_eq!(error, None);
        prop_assert_eq!(decoded.len(), frames.len());
        for (whole, (opcode, fin, key, payload)) in decoded.iter().zip(&frames) {
            prop_assert_eq!(whole.header.opcode(), *opcode);
            prop_assert_eq!(whole.header.fin(), *fin);
            prop_assert_eq!(whole.header.masking_key(), key.map(MaskingKey::new));
            prop_assert_eq!(&whole.payload, payload);
        }
    }

    /// Arbitrary bytes give the same frames and the same error at any cut.
    #[test]
    fn arbitrary_bytes_do_not_depend_on_cuts(
        stream in prop::collection::vec(any::<u8>(), 0..300),
        cut in 0usize..300,
    ) {
        let cut = cut.min(stream.len());
        let whole = decode_chunks(&mut decoder(), [&stream[..]]);
        prop_assert_eq!(&decode_chunks(&mut decoder(), [&stream[..cut], &stream[cut..]]), &whole);
        prop_assert_eq!(&decode_chunks(&mut decoder(), stream.chunks(1)), &whole);
    }
}
