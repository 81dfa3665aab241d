//! `Decoder` over any bytes: the same frames and the same error whole, as cut by the input, and
//! byte by byte; and the frames, written again, are the stream. `FrameBoundaries`, which looks at no
//! payload, finds the same frames in the same places.
//!
//! Input: a byte with the reserved bits that are allowed and, in its low half, the payload limit;
//! the cuts; the stream.

use tidings_frame::{
    DecodeError, DecodeErrorKind, Decoder, FrameBoundaries, FrameBoundary, Header, MaskingKey,
    ParsedHeader, PayloadLimit, Rsv,
};

use crate::cuts::Cuts;
use crate::frame_header::rsv;

/// Decodes the stream in every way.
pub fn run(data: &[u8]) {
    let Some((settings, mut rest)) = data.split_first() else { return };
    let allowed = rsv(*settings >> 4);
    let limit = limit(*settings & 0x0F);
    let cuts = Cuts::take(&mut rest);
    let stream = rest;

    let whole = Transcript::of(limit, allowed, [stream]);
    let unlimited = Transcript::of(PayloadLimit::UNBOUNDED, allowed, [stream]);
    for (way, slices) in cuts.ways(stream) {
        unlimited.assert_has_boundaries(allowed, &slices, way);
        assert_eq!(Transcript::of(limit, allowed, slices), whole, "{way}");
    }
    whole.assert_is(stream, limit, allowed);
}

fn limit(selector: u8) -> PayloadLimit {
    match selector {
        0 => PayloadLimit::UNBOUNDED,
        1 => PayloadLimit::SERVER,
        2 => PayloadLimit::new(0),
        3 => PayloadLimit::new(u64::MAX),
        exponent => PayloadLimit::new((1 << (4 * (exponent - 3))) - 1),
    }
}

/// The whole output of a decoder for a stream.
#[derive(Debug, PartialEq, Eq)]
struct Transcript {
    frames: Vec<Frame>,
    error: Option<DecodeError>,
    is_between_frames: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Frame {
    header: Header,
    payload: Vec<u8>,
    is_complete: bool,
}

impl Transcript {
    fn of<'a>(
        limit: PayloadLimit,
        allowed: Rsv,
        slices: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        // Memory does not depend on a declared length: there is only the value itself.
        const { assert!(size_of::<Decoder>() <= 100) };
        let mut decoder = Decoder::new(limit, allowed);
        let mut frames: Vec<Frame> = Vec::new();
        let mut error = None;
        for slice in slices {
            let mut bytes = slice.to_vec();
            let mut input = &mut bytes[..];
            loop {
                let part = match decoder.decode(&mut input) {
                    Ok(Some(part)) => part,
                    Ok(None) => break,
                    Err(found) => {
                        assert_eq!(*error.get_or_insert(found), found);
                        // From now on the same error, and nothing is taken.
                        let left = input.len();
                        assert_eq!(decoder.decode(&mut input), Err(found));
                        assert_eq!(input.len(), left);
                        break;
                    }
                };
                assert_eq!(error, None, "a part after the error");
                if part.is_first {
                    assert!(frames.last().is_none_or(|frame| frame.is_complete));
                    frames.push(Frame { header: part.header, payload: vec![], is_complete: false });
                } else {
                    assert!(!part.payload.is_empty(), "an empty part that goes on");
                }
                let frame = frames.last_mut().expect("the first part comes first");
                assert!(!frame.is_complete && frame.header == part.header);
                frame.payload.extend_from_slice(part.payload);
                frame.is_complete = part.is_last;
                let payload_len = frame.payload.len() as u64;
                assert_eq!(part.is_last, payload_len == part.header.payload_len());
            }
            assert!(error.is_some() || input.is_empty(), "all input is taken");
        }
        Self { frames, error, is_between_frames: decoder.is_between_frames() }
    }

    /// Follows the stream without its payloads, and finds these frames, at any limit.
    fn assert_has_boundaries(&self, allowed: Rsv, slices: &[&[u8]], way: &str) {
        let mut followed = FrameBoundaries::new(allowed);
        let mut expected = self.frames.iter();
        let mut started = None;
        let (mut error, mut at) = (None, 0);
        'stream: for slice in slices {
            let mut rest = *slice;
            loop {
                let place = |rest: &[u8]| at + (slice.len() - rest.len()) as u64;
                match followed.feed(&mut rest) {
                    Ok(Some(FrameBoundary::Start(header))) => {
                        let frame = expected.next().expect("a frame of the decoder's");
                        assert_eq!((frame.header, started), (header, None), "{way}");
                        started = Some(frame);
                    }
                    Ok(Some(FrameBoundary::End(header))) => {
                        let frame = started.take().expect("a start comes before an end");
                        assert!(frame.is_complete && frame.header == header, "{way}");
                        assert_eq!(followed.frame_offset(), place(rest), "{way}");
                    }
                    Ok(None) => break assert!(rest.is_empty(), "all input is taken"),
                    Err(found) => {
                        error = Some(found);
                        break 'stream;
                    }
                }
            }
            at += slice.len() as u64;
        }
        assert_eq!(error, self.error, "{way}");
        assert!(expected.next().is_none() && started.is_none_or(|frame| !frame.is_complete));
        assert_eq!(followed.is_between_frames(), self.is_between_frames, "{way}");
        let rest_len = |frame: &Frame| frame.header.payload_len() - frame.payload.len() as u64;
        let unfinished = started.map(|frame| (frame.header, rest_len(frame)));
        assert_eq!(followed.unfinished_frame(), unfinished, "{way}");
    }

    /// Writes the frames again, masked by the rule of RFC 6455, 5.3, and finds the stream.
    fn assert_is(&self, stream: &[u8], limit: PayloadLimit, allowed: Rsv) {
        let mut written = Vec::new();
        let mut frame_offset = 0;
        for frame in &self.frames {
            frame_offset = written.len();
            assert!(frame.header.payload_len() <= limit.max_len());
            assert!(allowed.contains(frame.header.rsv()));
            written.extend_from_slice(&frame.header.encode());
            let key = frame.header.masking_key().map_or([0; 4], MaskingKey::to_bytes);
            let masked = frame.payload.iter().zip(key.iter().cycle());
            written.extend(masked.map(|(byte, key)| byte ^ key));
        }
        let rest = stream.strip_prefix(&written[..]).expect("the frames are the stream");
        let is_complete = self.frames.last().is_none_or(|frame| frame.is_complete);
        if is_complete {
            frame_offset = written.len();
        }
        match (self.error, Header::parse(rest, allowed)) {
            (None, Ok(ParsedHeader::Partial { .. })) => {
                assert!(rest.is_empty() || is_complete);
                assert_eq!(self.is_between_frames, is_complete && rest.is_empty());
            }
            (Some(error), parsed) => {
                assert!(is_complete && !self.is_between_frames);
                assert_eq!(error.frame_offset, frame_offset as u64);
                match (error.kind, parsed) {
                    (DecodeErrorKind::Header(error), parsed) => assert_eq!(parsed, Err(error)),
                    (
                        DecodeErrorKind::PayloadTooLong(error),
                        Ok(ParsedHeader::Complete { header, .. }),
                    ) => {
                        assert!(header.payload_len() > limit.max_len());
                        assert_eq!(error.payload_len, header.payload_len());
                        assert_eq!(error.max_len, limit.max_len());
                    }
                    other => panic!("{other:?}"),
                }
            }
            (None, parsed) => panic!("bytes are left that say {parsed:?}"),
        }
    }
}
