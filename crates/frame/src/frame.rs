//! A frame to send: [`Frame`], written into a buffer, or as header and payload apart.

use core::fmt;

use crate::control::ControlPayload;
use crate::header::Header;
use crate::mask::{Masker, MaskingKey};
use crate::opcode::{ControlOpcode, DataOpcode};
use crate::{HeaderBytes, Rsv};

/// A frame and its payload, ready to be encoded.
///
/// The length comes from the payload and control frames take a [`ControlPayload`], so a frame
/// that breaks RFC 6455 can't be built.
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
/// # Ok::<(), tidings_frame::BufferTooShort>(())
/// ```
///
/// For a vectored write take [`header_bytes`](Self::header_bytes) and
/// [`payload`](Self::payload); if there is a key, run a [`Masker`] over your payload in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// How many bytes the encoded frame has.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.header.encoded_len().saturating_add(self.payload.len())
    }

    /// Writes the frame to the front of `out` and returns how many bytes it took. A payload with
    /// a masking key is masked on the way, in the same pass; the original is left alone.
    ///
    /// # Errors
    /// [`BufferTooShort`] if the whole frame does not fit; `out` is then unchanged.
    #[inline]
    pub fn encode_into(&self, out: &mut [u8]) -> Result<usize, BufferTooShort> {
        let len = self.encoded_len();
        let too_short = BufferTooShort { needed: len, available: out.len() };
        let out = out.get_mut(..len).ok_or(too_short)?;
        let header = self.header.encode();
        let (header_out, payload_out) = out.split_at_mut_checked(header.len()).ok_or(too_short)?;
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

    /// Appends the frame to a vector.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn append_to(&self, out: &mut alloc::vec::Vec<u8>) {
        match self.header.masking_key() {
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

/// The caller's buffer can't hold what was to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferTooShort {
    /// How many bytes are needed.
    pub needed: usize,
    /// How many there were.
    pub available: usize,
}

impl fmt::Display for BufferTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the frame takes {} bytes, the buffer has {}", self.needed, self.available)
    }
}

impl core::error::Error for BufferTooShort {}
