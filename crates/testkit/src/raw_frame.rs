//! Frames byte by byte, legal or not: what a peer writes that no encoder of ours would.

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
    let key = key.unwrap_or_default();
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
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

    #[test]
    fn a_length_is_in_its_shortest_form() {
        for (len, header_len) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10), (u64::MAX, 10)] {
            assert_eq!(raw_header(0x82, len, None).len(), header_len);
            assert_eq!(raw_header(0x82, len, Some([0; 4])).len(), header_len + 4);
        }
    }
}
