//! The DEFLATE of another library, for hand-written peers and to compare ours with:
//! [`ForeignDeflate`], and [`deflate_bomb`].

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The bytes that a sender cuts off and a receiver puts back (RFC 7692, 7.2.1 and 7.2.2).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// Both directions of permessage-deflate by `flate2`: windows of 15 bits, and a context that
/// continues from message to message.
#[derive(Debug)]
pub struct ForeignDeflate {
    /// It is large, so it is there once it is needed.
    deflate: Option<Compress>,
    inflate: Decompress,
}

impl ForeignDeflate {
    /// Two directions that have seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { deflate: None, inflate: Decompress::new(false) }
    }

    /// The payload of this message (RFC 7692, 7.2.1).
    pub fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        let deflate = self.deflate.get_or_insert_with(|| Compress::new(Compression::new(6), false));
        let mut payload = Vec::with_capacity(message.len() + 1000);
        deflate.compress_vec(message, &mut payload, FlushCompress::Sync).unwrap();
        assert!(payload.len() < payload.capacity(), "the flush was cut");
        assert!(payload.ends_with(&TAIL));
        payload.truncate(payload.len() - TAIL.len());
        payload
    }

    /// The message of this payload (RFC 7692, 7.2.2), of any length. `None` if a block is marked as
    /// the last: that ends the stream of `flate2`, and only the WebSocket's continues (7.2.3.5).
    pub fn decompress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        // No byte is an empty message; with the tail it would be the beginning of a stored block.
        if payload.is_empty() {
            return Some(Vec::new());
        }
        let mut rest = &[payload, &TAIL].concat()[..];
        let mut message = Vec::with_capacity(4 * payload.len() + 64);
        // Where there was no room left there may be more output.
        while !rest.is_empty() || message.len() == message.capacity() {
            message.reserve(64);
            let before = self.inflate.total_in();
            let status =
                self.inflate.decompress_vec(rest, &mut message, FlushDecompress::Sync).unwrap();
            if status == Status::StreamEnd {
                return None;
            }
            rest = &rest[usize::try_from(self.inflate.total_in() - before).unwrap()..];
        }
        Some(message)
    }

    /// Forgets the received data, for a sender that has no context takeover (RFC 7692, 7.1.1.1).
    pub fn forget_received(&mut self) {
        self.inflate.reset(false);
    }
}

/// The payload of a message of this many MiB of zeros, a thousandth as long, which refers to
/// nothing outside of each MiB.
#[must_use]
pub fn deflate_bomb(mebibytes: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(1 << 16);
    let mut deflate = Compress::new(Compression::best(), false);
    deflate.compress_vec(&vec![0; 1 << 20], &mut block, FlushCompress::Full).unwrap();
    let mut bomb = block.repeat(mebibytes);
    assert!(bomb.ends_with(&TAIL));
    bomb.truncate(bomb.len() - TAIL.len());
    bomb
}

impl Default for ForeignDeflate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    const LAST_BLOCK: &[u8] = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";

    /// The examples of RFC 7692, 7.2.3.
    #[test]
    fn the_examples_are_read() {
        for payload in [HELLO, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"] {
            let message = ForeignDeflate::new().decompress(payload);
            assert_eq!(message.as_deref(), Some(&b"Hello"[..]));
        }
        let mut foreign = ForeignDeflate::new();
        for payload in [HELLO, b"\xf2\x00\x11\x00\x00"] {
            assert_eq!(foreign.decompress(payload).as_deref(), Some(&b"Hello"[..]));
        }
        assert_eq!(ForeignDeflate::new().decompress(LAST_BLOCK), None);
    }

    #[test]
    fn messages_of_any_length_come_back() {
        let mut foreign = ForeignDeflate::new();
        for len in (0..1500).chain([65_535, 1 << 20]) {
            let payload = foreign.compress(&vec![7; len]);
            assert!(foreign.decompress(&payload) == Some(vec![7; len]), "{len}");
        }
    }

    #[test]
    fn a_bomb_is_as_long_as_it_says() {
        let bomb = deflate_bomb(3);
        assert!(bomb.len() < 8 << 10, "{} bytes", bomb.len());
        assert!(ForeignDeflate::new().decompress(&bomb) == Some(vec![0; 3 << 20]));
    }

    #[test]
    fn what_was_forgotten_does_not_stand_in_the_way() {
        let mut foreign = ForeignDeflate::new();
        assert_eq!(foreign.decompress(LAST_BLOCK), None);
        foreign.forget_received();
        assert_eq!(foreign.decompress(HELLO).as_deref(), Some(&b"Hello"[..]));
    }
}
