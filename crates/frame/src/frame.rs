//! A frame to send: [`Frame`], written into a buffer, or as header and payload apart.

use core::fmt;

use crate::control::ControlPayload;
use crate::header::Header;
use crate::mask::{Masker, MaskingKey};
use crate::opcode::{ControlOpcode, DataOpcode};
use crate::{HeaderBytes, Rsv};

/// A frame and its payload, ready to be encoded.
///
/// The length comes from the payload and control frames take a [`ControlPayload`], so a frame that
/// breaks RFC 6455 cannot be built.
///
/// ```
/// use tidings_frame::{DataOpcode, Frame, MaskingKey};
///
/// // RFC 6455, 5.7: "Hello" as a client sends it.
/// let frame = Frame::data(DataOpcode::Text, b"Hello")
///     .with_masking_key(MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]));
/// let mut buffer = [0; 16];
/// let len = frame.encode_into(&mut buffer)?;
/// assert_eq!(
///     buffer[..len],
///     [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
/// );
/// # Ok::<(), tidings_frame::BufferTooSmall>(())
/// ```
///
/// For a vectored write take [`header_bytes`](Self::header_bytes) and
/// [`payload`](Self::payload); if there is a key, run a [`Masker`] over your payload in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a frame does nothing until it is encoded and written"]
pub struct Frame<'p> {
    header: Header,
    payload: &'p [u8],
}

impl<'p> Frame<'p> {
    /// A final data frame: a whole message, or the end of one.
    pub fn data(opcode: DataOpcode, payload: &'p [u8]) -> Self {
        Self { header: Header::of_slice(opcode, true, payload), payload }
    }

    /// A data frame with FIN = 0: a continuation frame must follow.
    pub fn fragment(opcode: DataOpcode, payload: &'p [u8]) -> Self {
        Self { header: Header::of_slice(opcode, false, payload), payload }
    }

    /// A control frame.
    pub fn control(opcode: ControlOpcode, payload: &'p ControlPayload) -> Self {
        Self { header: Header::control(opcode, payload), payload: payload.as_bytes() }
    }

    /// The same frame, masked with this key when it is encoded.
    pub fn with_masking_key(self, key: MaskingKey) -> Self {
        Self { header: self.header.with_masking_key(key), ..self }
    }

    /// The same frame with these reserved bits.
    pub fn with_rsv(self, rsv: Rsv) -> Self {
        Self { header: self.header.with_rsv(rsv), ..self }
    }

    /// The frame's header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The header's bytes, the first part of a vectored write.
    #[must_use]
    pub fn header_bytes(&self) -> HeaderBytes {
        self.header.encode()
    }

    /// The payload as it was given: never masked.
    #[must_use]
    pub const fn payload(&self) -> &'p [u8] {
        self.payload
    }

    /// Returns the number of bytes of the encoded frame.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.header.encoded_len() + self.payload.len() // no slice has more than isize::MAX bytes
    }

    /// Writes the frame to the front of `out` and returns how many bytes it took. A payload with
    /// a masking key is masked on the way, in the same pass; the original is left alone.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if the whole frame does not fit; `out` is then unchanged.
    #[inline]
    pub fn encode_into(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let available = out.len();
        let too_small = || BufferTooSmall { needed: self.encoded_len(), available };
        if self.is_short() {
            let (header_out, rest) = out.split_first_chunk_mut().ok_or_else(too_small)?;
            let payload_out = rest.get_mut(..self.payload.len()).ok_or_else(too_small)?;
            *header_out = self.header.encode_short();
            payload_out.copy_from_slice(self.payload);
            return Ok(header_out.len() + payload_out.len());
        }
        let len = self.encoded_len();
        let out = out.get_mut(..len).ok_or_else(too_small)?;
        let header = self.header.encode();
        let (header_out, payload_out) =
            out.split_at_mut_checked(header.len()).ok_or_else(too_small)?;
        header_out.copy_from_slice(&header);
        match self.header.masking_key() {
            None => payload_out.copy_from_slice(self.payload),
            Some(key) => {
                let masked = Masker::new(key).apply_to(self.payload, payload_out);
                debug_assert_eq!(masked, self.payload.len());
            }
        }
        Ok(len)
    }

    /// Returns whether the header has two bytes: no mask and no extended length, as in most frames
    /// of servers.
    #[inline]
    fn is_short(&self) -> bool {
        self.header.masking_key().is_none()
            && self.payload.len() <= usize::from(Header::MAX_SHORT_LEN)
    }

    /// Appends the frame to a vector.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn append_to(&self, out: &mut alloc::vec::Vec<u8>) {
        match self.header.masking_key() {
            None if self.is_short() => {
                out.reserve(2 + self.payload.len());
                out.extend_from_slice(&self.header.encode_short());
                out.extend_from_slice(self.payload);
            }
            None => {
                out.reserve(self.encoded_len());
                out.extend_from_slice(&self.header.encode());
                out.extend_from_slice(self.payload);
            }
            // Zeroing the room first costs less than masking in a second pass.
            Some(_) => {
                let start = out.len();
                out.resize(start.saturating_add(self.encoded_len()), 0);
                let written = self.encode_into(out.get_mut(start..).unwrap_or_default());
                debug_assert_eq!(written, Ok(self.encoded_len()));
            }
        }
    }
}

/// The caller's buffer cannot hold the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferTooSmall {
    /// Bytes that the frame takes.
    pub needed: usize,
    /// Bytes that the buffer has.
    pub available: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, available } = self;
        write!(f, "the frame takes {needed} bytes but the buffer has {available}")
    }
}

impl core::error::Error for BufferTooSmall {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Opcode;
    use std::string::ToString;

    const KEY: MaskingKey = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);

    /// W-063: an extension's bit goes out, whatever else the frame has.
    #[test]
    fn a_frame_shows_what_it_was_built_from() {
        let payload = ControlPayload::new(b"Hello").unwrap();
        for (frame, opcode, fin) in [
            (Frame::data(DataOpcode::Text, b"Hello"), Opcode::Data(DataOpcode::Text), true),
            (Frame::fragment(DataOpcode::Binary, b"Hello"), DataOpcode::Binary.into(), false),
            (Frame::control(ControlOpcode::Ping, &payload), ControlOpcode::Ping.into(), true),
        ] {
            let frame = frame.with_rsv(Rsv::RSV1).with_masking_key(KEY);
            let header = frame.header();
            assert_eq!((header.opcode(), header.fin()), (opcode, fin));
            assert_eq!((header.rsv(), header.masking_key()), (Rsv::RSV1, Some(KEY)));
            assert_eq!(header.payload_len(), 5);
            assert_eq!(frame.payload(), b"Hello", "as it was given, not masked");
        }
    }

    /// RFC 6455, 5.7: header and payload apart, for a vectored write, are the frame.
    #[test]
    fn the_two_parts_of_a_vectored_write_are_the_frame() {
        let frame = Frame::data(DataOpcode::Text, b"Hello").with_masking_key(KEY);
        let mut payload = *b"Hello";
        Masker::new(KEY).apply(&mut payload);
        let mut whole = [0; 11];
        assert_eq!(frame.encode_into(&mut whole), Ok(11));
        assert_eq!([frame.header_bytes().as_ref(), &payload].concat(), whole);
        assert_eq!(frame.encoded_len(), 11);
    }

    /// A frame is never torn: it is written whole or not at all.
    #[test]
    fn a_frame_that_does_not_fit_leaves_the_buffer_alone() {
        for frame in [
            Frame::data(DataOpcode::Text, b"Hello"),
            Frame::data(DataOpcode::Text, b"Hello").with_masking_key(KEY),
            Frame::data(DataOpcode::Binary, &[7; 126]),
        ] {
            let needed = frame.encoded_len();
            for available in 0..needed {
                let mut buffer = std::vec![0xEE; available];
                let error = frame.encode_into(&mut buffer).unwrap_err();
                assert_eq!(error, BufferTooSmall { needed, available });
                assert!(buffer.iter().all(|byte| *byte == 0xEE), "{frame:?} in {available} bytes");
            }
            let mut buffer = std::vec![0xEE; needed + 1];
            assert_eq!(frame.encode_into(&mut buffer), Ok(needed));
            assert_eq!(buffer[needed], 0xEE, "a byte after the frame changed");
        }
        let error = BufferTooSmall { needed: 7, available: 6 };
        assert_eq!(error.to_string(), "the frame takes 7 bytes but the buffer has 6");
    }
}
