use std::vec::Vec;

use super::*;
use crate::{ControlOpcode, ControlPayload, DataOpcode, Decoder, Frame, MaskingKey, PayloadLimit};

/// A boundary and where in the stream it is.
type Found = (u64, FrameBoundary);

/// Follows `slices` and checks the invariants at every boundary.
fn follow<'a>(
    frames: &mut FrameBoundaries,
    slices: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Found>, Option<DecodeError>) {
    let mut found: Vec<Found> = Vec::new();
    let mut slice_offset = 0;
    for slice in slices {
        let mut rest = slice;
        loop {
            match frames.feed(&mut rest) {
                Ok(Some(boundary)) => {
                    let at = slice_offset + (slice.len() - rest.len()) as u64;
                    match boundary {
                        FrameBoundary::Start(header) => {
                            assert_eq!(at, frames.frame_offset() + header.encode().len() as u64);
                            let unfinished = Some((header, header.payload_len()));
                            assert_eq!(frames.unfinished_frame(), unfinished);
                            assert!(!frames.is_between_frames());
                        }
                        FrameBoundary::End(header) => {
                            let (start, last) = *found.last().unwrap();
                            assert_eq!(last, FrameBoundary::Start(header));
                            assert_eq!(at, start + header.payload_len());
                            assert_eq!(frames.frame_offset(), at);
                            assert_eq!(frames.unfinished_frame(), None);
                            assert!(frames.is_between_frames());
                        }
                    }
                    found.push((at, boundary));
                }
                Ok(None) => break,
                Err(error) => {
                    let left = rest.len();
                    assert_eq!(frames.feed(&mut rest), Err(error));
                    assert_eq!(rest.len(), left, "nothing is taken after an error");
                    return (found, Some(error));
                }
            }
        }
        assert!(rest.is_empty(), "all of every slice is taken");
        slice_offset += slice.len() as u64;
    }
    (found, None)
}

/// Each kind of frame, each form of a header, and the headers in order.
fn stream() -> (Vec<u8>, Vec<Header>) {
    let key = MaskingKey::new([1, 0x80, 0xFF, 7]);
    let long = std::vec![0x81; 70_000];
    let ping = ControlPayload::new(b"\x89\x00").unwrap();
    let frames = [
        Frame::data(DataOpcode::Text, "héllo".as_bytes()).with_masking_key(key),
        Frame::fragment(DataOpcode::Binary, &long[..126]).with_masking_key(key),
        Frame::control(ControlOpcode::Ping, &ping).with_masking_key(key),
        Frame::fragment(DataOpcode::Continuation, b""),
        Frame::data(DataOpcode::Continuation, b"").with_masking_key(key),
        Frame::control(ControlOpcode::Close, &ControlPayload::EMPTY),
        Frame::data(DataOpcode::Text, b"unmasked").with_rsv(Rsv::RSV1),
        Frame::data(DataOpcode::Binary, &long).with_masking_key(key),
    ];
    let mut stream = Vec::new();
    for frame in frames {
        let mut buffer = std::vec![0; frame.encoded_len()];
        assert_eq!(frame.encode_into(&mut buffer), Ok(buffer.len()));
        stream.extend(buffer);
    }
    (stream, frames.iter().map(|frame| *frame.header()).collect())
}

/// All boundaries, by the headers alone.
fn boundaries(headers: &[Header]) -> Vec<Found> {
    let mut at = 0;
    let mut all = Vec::new();
    for header in headers {
        at += header.encode().len() as u64;
        all.push((at, FrameBoundary::Start(*header)));
        at += header.payload_len();
        all.push((at, FrameBoundary::End(*header)));
    }
    all
}

fn follower() -> FrameBoundaries {
    FrameBoundaries::new(Rsv::RSV1)
}

/// The boundaries are where the headers say, at any cut. Of the long payload at the end only
/// the first and last places are cut.
#[test]
fn boundaries_are_the_same_at_any_cut() {
    let (stream, headers) = stream();
    let expected = (boundaries(&headers), None);
    assert_eq!(follow(&mut follower(), [&stream[..]]), expected);
    assert_eq!(follow(&mut follower(), stream.chunks(1)), expected);
    let near = stream.len() - 70_000 + 8;
    let places = || (0..near).chain(stream.len() - 4..=stream.len());
    for i in places() {
        for j in places().filter(|j| *j >= i) {
            let mut frames = follower();
            let slices = [&stream[..i], &stream[i..j], &[], &stream[j..]];
            assert_eq!(follow(&mut frames, slices), expected);
            assert!(frames.is_between_frames());
        }
    }
}

/// The same frames as the decoder's, with the same bytes of a payload still to come.
#[test]
fn frames_are_those_of_the_decoder() {
    let (mut stream, _) = stream();
    let mut frames = follower();
    let mut decoder = Decoder::new(PayloadLimit::UNBOUNDED, Rsv::RSV1);
    for byte in stream.chunks_mut(1) {
        let mut rest = &*byte;
        while frames.feed(&mut rest).unwrap().is_some() {}
        let mut input = byte;
        while decoder.decode(&mut input).unwrap().is_some() {}
        assert_eq!(frames.is_between_frames(), decoder.is_between_frames());
        assert_eq!(frames.unfinished_frame(), decoder.unfinished_frame());
    }
}

/// W-063, W-064, W-073, W-082: a fault is the decoder's, with the frames before it followed.
#[test]
fn an_illegal_header_is_refused_at_any_cut() {
    let (stream, headers) = stream();
    let near = &stream[..stream.len() - 70_014];
    let cases: [(&[u8], HeaderError); 4] = [
        (&[0xA1, 0], HeaderError::ReservedBits { rsv: Rsv::RSV2 }),
        (&[0x83, 0], HeaderError::ReservedOpcode { bits: 3 }),
        (&[0x82, 126, 0, 125], HeaderError::NonMinimalLength { payload_len: 125 }),
        (&[0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], HeaderError::LengthTopBit),
    ];
    for (header, error) in cases {
        let bad = [near, header, &[0; 20]].concat();
        let error =
            DecodeError { kind: DecodeErrorKind::Header(error), frame_offset: near.len() as u64 };
        let expected = (boundaries(&headers[..7]), Some(error));
        for cut in 0..=bad.len() {
            let mut frames = follower();
            assert_eq!(follow(&mut frames, [&bad[..cut], &bad[cut..]]), expected, "cut at {cut}");
            assert!(!frames.is_between_frames());
        }
    }
}

/// RFC 6455, 5.2: a reserved bit has a meaning from when its extension is negotiated; a proxy that
/// does not know of it takes any.
#[test]
fn reserved_bits_are_as_allowed() {
    let with_bit: &[u8] = &[0xC2, 0x00];
    let mut frames = FrameBoundaries::new(Rsv::NONE);
    frames.allow_rsv(Rsv::RSV1);
    assert_eq!(follow(&mut frames, [with_bit]).1, None);
    frames.allow_rsv(Rsv::NONE);
    assert_eq!(follow(&mut frames, [with_bit]).1.unwrap().frame_offset, 2);
    let (found, error) = follow(&mut FrameBoundaries::new(Rsv::ALL), [&[0xF2, 0x00][..]]);
    assert_eq!((found.len(), error), (2, None));
}

/// W-067: a length beyond the address space is only counted.
#[test]
fn a_frame_longer_than_memory_is_followed() {
    let header = Header::data(DataOpcode::Binary, Header::MAX_PAYLOAD_LEN).unwrap();
    let mut frames = follower();
    let (found, error) = follow(&mut frames, [&header.encode(), &[9; 100][..]]);
    assert_eq!((found, error), (std::vec![(10, FrameBoundary::Start(header))], None));
    assert_eq!(frames.unfinished_frame(), Some((header, Header::MAX_PAYLOAD_LEN - 100)));
}
