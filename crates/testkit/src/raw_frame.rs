//! Frames byte by byte, legal or not: frames that no encoder of ours would write, and frames read
//! without a decoder of ours.

/// A frame as it was written, whatever its first byte says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// FIN, the reserved bits, and the opcode.
    pub first: u8,
    /// The masking key, if there is one.
    pub key: Option<[u8; 4]>,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
}

/// At least this many bytes are missing from a frame, and all belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing(pub usize);

impl RawFrame {
    /// The frame that these bytes begin with. Nothing is checked: the length may be longer than its
    /// shortest form.
    ///
    /// A reader of a stream begins with no byte, and reads as many as are missing until none is:
    /// then it has the frame and nothing of the next one.
    ///
    /// # Errors
    /// [`Missing`] if the frame is not complete.
    pub fn parse(bytes: &[u8]) -> Result<Self, Missing> {
        Self::split_first(bytes).map(|(frame, _)| frame)
    }

    /// Like [`parse`](Self::parse), with the rest after the frame.
    ///
    /// # Errors
    /// [`Missing`] if the frame is not complete.
    pub fn split_first(bytes: &[u8]) -> Result<(Self, &[u8]), Missing> {
        let missing_to = |end: usize| Missing(end - bytes.len());
        let &[first, second, ..] = bytes else { return Err(missing_to(2)) };
        let Some((payload_len, mut at)) = raw_len(bytes) else {
            return Err(missing_to(if second & 0x7F == 126 { 4 } else { 10 }));
        };
        let mut key = None;
        if second & 0x80 != 0 {
            key = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
            at += 4;
            if key.is_none() {
                return Err(missing_to(at));
            }
        }
        let end = at.saturating_add(usize::try_from(payload_len).unwrap_or(usize::MAX));
        let payload = bytes.get(at..end).ok_or_else(|| missing_to(end))?;
        let frame = Self { first, key, payload: masked(payload, key) };
        Ok((frame, bytes.get(end..).unwrap_or_default()))
    }
}

/// The payload length that a header declares, and where it ends; `None` if it is not there yet
/// (RFC 6455, 5.2).
pub(crate) fn raw_len(header: &[u8]) -> Option<(u64, usize)> {
    let end = match header.get(1)? & 0x7F {
        126 => 4,
        127 => 10,
        len => return Some((u64::from(len), 2)),
    };
    let len = header.get(2..end)?.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
    Some((len, end))
}

/// A header that begins with this byte and declares this length, in its shortest form, whatever the
/// first byte says (RFC 6455, 5.2). With a key it is a client's.
#[must_use]
pub fn raw_header(first: u8, len: u64, key: Option<[u8; 4]>) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut header = vec![first];
    if let Some(len) = u8::try_from(len).ok().filter(|len| *len <= 125) {
        header.push(mask | len);
    } else if let Ok(len) = u16::try_from(len) {
        header.push(mask | 126);
        header.extend(len.to_be_bytes());
    } else {
        header.push(mask | 127);
        header.extend(len.to_be_bytes());
    }
    header.extend(key.iter().flatten());
    header
}

/// A frame that begins with this byte, masked by the key if there is one.
#[must_use]
pub fn raw_frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = raw_header(first, payload.len() as u64, key);
    frame.extend(masked(payload, key));
    frame
}

/// RFC 6455, 5.3: masking twice is not masking.
fn masked(payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let key = key.unwrap_or_default();
    payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6455, 5.7.
    #[test]
    fn frames_are_those_of_the_examples() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        assert_eq!(raw_frame(0x81, b"Hello", None), b"\x81\x05Hello");
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(raw_frame(0x81, b"Hello", Some(key)), masked);
        assert_eq!(raw_header(0x82, 256, None), [0x82, 0x7E, 1, 0]);
        assert_eq!(raw_header(0x82, 65_536, None), [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    /// Reading only the missing bytes takes the frame and nothing after it, and each byte is asked
    /// for once.
    #[test]
    fn a_frame_is_read_back_however_it_comes() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            for key in [None, Some([0x37, 0xfa, 0x21, 0x3d])] {
                let payload = vec![7; len];
                let expected = RawFrame { first: 0xC2, key, payload: payload.clone() };
                let frame = raw_frame(0xC2, &payload, key);
                let stream = [&frame[..], b"\x81\x00"].concat();
                assert_eq!(RawFrame::parse(&stream), Ok(expected.clone()));
                let with_rest = (expected.clone(), &b"\x81\x00"[..]);
                assert_eq!(RawFrame::split_first(&stream), Ok(with_rest));
                let mut read = 0;
                let mut reads = 0;
                let found = loop {
                    match RawFrame::parse(&stream[..read]) {
                        Ok(found) => break found,
                        Err(Missing(more)) => read += more,
                    }
                    reads += 1;
                };
                assert_eq!((read, &found), (frame.len(), &expected));
                assert!(reads <= 4, "{reads} reads");
                for cut in 0..frame.len().min(20) {
                    let Err(Missing(more)) = RawFrame::parse(&frame[..cut]) else {
                        panic!("{cut} bytes are not a frame of {}", frame.len())
                    };
                    assert!(more > 0 && cut + more <= frame.len(), "{more} at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_frame_is_read_whatever_it_says() {
        let long_form = RawFrame::parse(b"\xFF\x7F\0\0\0\0\0\0\0\x01x");
        assert_eq!(long_form, Ok(RawFrame { first: 0xFF, key: None, payload: b"x".into() }));
    }

    #[test]
    fn a_length_is_in_its_shortest_form() {
        for (len, header_len) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10), (u64::MAX, 10)] {
            assert_eq!(raw_header(0x82, len, None).len(), header_len);
            assert_eq!(raw_header(0x82, len, Some([0; 4])).len(), header_len + 4);
        }
    }
}
