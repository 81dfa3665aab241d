//! The header of a frame, 2 to 14 bytes (RFC 6455, 5.2): a value that is always legal, read by
//! [`Header::parse`] and written by [`Header::encode`].
//!
//! ```text
//!  FIN RSV1 RSV2 RSV3 opcode(4) | MASK length(7) | [length 16 or 64] | [masking key 32]
//! ```

use core::fmt;
use core::ops::{BitOr, Deref};

use crate::close::CloseCode;
use crate::control::ControlPayload;
use crate::mask::MaskingKey;
use crate::opcode::{ControlOpcode, DataOpcode, Opcode};

const FIN: u8 = 0x80;
const MASK: u8 = 0x80;
const OPCODE: u8 = 0x0F;
const LENGTH: u8 = 0x7F;
/// The 7-bit length that announces 16 more bits of length.
const LENGTH_16: u8 = 126;
/// The 7-bit length that announces 64 more bits of length.
const LENGTH_64: u8 = 127;

/// The header of one frame.
///
/// Only legal headers can be built or parsed, so every `Header` can be encoded and decodes to
/// itself.
///
/// ```
/// use tidings_frame::{DataOpcode, Header, ParsedHeader, Rsv};
///
/// // RFC 6455, 5.7: a single-frame unmasked text message of 5 bytes.
/// let header = Header::data(DataOpcode::Text, 5)?;
/// assert_eq!(*header.encode(), [0x81, 0x05]);
///
/// let parsed = Header::parse(&[0x81, 0x05, b'H'], Rsv::NONE)?;
/// assert_eq!(parsed, ParsedHeader::Complete { header, header_len: 2 });
/// # Ok::<(), tidings_frame::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    opcode: Opcode,
    fin: bool,
    rsv: Rsv,
    masking_key: Option<MaskingKey>,
    payload_len: u64,
}

/// The result of [`Header::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParsedHeader {
    /// The whole header.
    Complete {
        /// The header.
        header: Header,
        /// The length of the header, 2 to 14 bytes. The payload begins after it.
        header_len: usize,
    },
    /// Legal so far, but the header continues. Not an error.
    Partial {
        /// At least this many more bytes are needed; all of them belong to the header.
        missing: usize,
    },
}

impl Header {
    /// The length of the longest header: 2 bytes, 8 of length, 4 of masking key.
    pub const MAX_LEN: usize = 14;
    /// The longest payload that a header can declare: the top bit of the length is 0.
    pub const MAX_PAYLOAD_LEN: u64 = u64::MAX >> 1;

    /// A final, unmasked data frame.
    ///
    /// # Errors
    /// [`HeaderError::LengthTopBit`] if `payload_len` is 2^63 or more.
    pub const fn data(opcode: DataOpcode, payload_len: u64) -> Result<Self, HeaderError> {
        if payload_len > Self::MAX_PAYLOAD_LEN {
            return Err(HeaderError::LengthTopBit);
        }
        let opcode = Opcode::Data(opcode);
        Ok(Self { opcode, fin: true, rsv: Rsv::NONE, masking_key: None, payload_len })
    }

    /// An unmasked data frame with FIN = 0: the message continues in a continuation frame.
    ///
    /// # Errors
    /// [`HeaderError::LengthTopBit`] if `payload_len` is 2^63 or more.
    pub const fn fragment(opcode: DataOpcode, payload_len: u64) -> Result<Self, HeaderError> {
        match Self::data(opcode, payload_len) {
            Ok(header) => Ok(Self { fin: false, ..header }),
            Err(error) => Err(error),
        }
    }

    /// An unmasked control frame. It cannot be fragmented, nor carry more than 125 bytes.
    #[must_use]
    pub fn control(opcode: ControlOpcode, payload: &ControlPayload) -> Self {
        Self {
            opcode: Opcode::Control(opcode),
            fin: true,
            rsv: Rsv::NONE,
            masking_key: None,
            payload_len: u64::from(payload.len()),
        }
    }

    /// A data frame that carries this slice. No slice has more than `isize::MAX` bytes, so every
    /// length fits.
    pub(crate) const fn of_slice(opcode: DataOpcode, fin: bool, payload: &[u8]) -> Self {
        let payload_len = payload.len() as u64;
        let opcode = Opcode::Data(opcode);
        Self { opcode, fin, rsv: Rsv::NONE, masking_key: None, payload_len }
    }

    /// The same header with this masking key.
    #[must_use]
    pub const fn with_masking_key(self, key: MaskingKey) -> Self {
        Self { masking_key: Some(key), ..self }
    }

    /// The same header with these reserved bits, as a negotiated extension wants them.
    #[must_use]
    pub const fn with_rsv(self, rsv: Rsv) -> Self {
        Self { rsv, ..self }
    }

    /// Reads a header from the front of `bytes`.
    ///
    /// `rsv_allowed` are the reserved bits that a negotiated extension has given a meaning.
    /// Everything that the header alone can show is checked here, byte by byte in order, so that an
    /// illegal header is refused for the same reason wherever the bytes were split, and before a
    /// byte of payload is looked at.
    ///
    /// # Errors
    /// [`HeaderError`] names the rule that the peer broke.
    #[inline]
    pub fn parse(bytes: &[u8], rsv_allowed: Rsv) -> Result<ParsedHeader, HeaderError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(ParsedHeader::Partial { missing: 2 });
        };
        // 5.2: RSV "MUST be 0 unless an extension is negotiated that defines meanings".
        let rsv = Rsv::from_first_byte(first);
        if !rsv_allowed.contains(rsv) {
            return Err(HeaderError::ReservedBits { rsv });
        }
        // 5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail_".
        let Some(opcode) = Opcode::from_bits(first & OPCODE) else {
            return Err(HeaderError::ReservedOpcode { bits: first & OPCODE });
        };
        let fin = first & FIN != 0;
        if let Opcode::Control(opcode) = opcode {
            // 5.5: control frames "MUST NOT be fragmented".
            if !fin {
                return Err(HeaderError::FragmentedControl { opcode });
            }
        }

        let Some((&second, rest)) = rest.split_first() else {
            return Ok(ParsedHeader::Partial { missing: 1 });
        };
        let masked = second & MASK != 0;
        let length = second & LENGTH;
        if let Opcode::Control(opcode) = opcode {
            // 5.5: "MUST have a payload length of 125 bytes or less".
            if length >= LENGTH_16 {
                return Err(HeaderError::OversizedControl { opcode });
            }
        }

        let key_len = if masked { MaskingKey::LEN } else { 0 };
        let (payload_len, rest, length_len) = match length {
            LENGTH_16 => {
                let Some((length, rest)) = rest.split_first_chunk() else {
                    return Ok(partial(2 + key_len, rest));
                };
                (minimal(u16::from_be_bytes(*length).into(), u64::from(LENGTH_16))?, rest, 2)
            }
            LENGTH_64 => {
                let Some((length, rest)) = rest.split_first_chunk() else {
                    return Ok(partial(8 + key_len, rest));
                };
                let length = u64::from_be_bytes(*length);
                // 5.2: "the most significant bit MUST be 0".
                if length > Self::MAX_PAYLOAD_LEN {
                    return Err(HeaderError::LengthTopBit);
                }
                (minimal(length, 1 << 16)?, rest, 8)
            }
            length => (u64::from(length), rest, 0),
        };

        let masking_key = if masked {
            match rest.first_chunk() {
                Some(key) => Some(MaskingKey::new(*key)),
                None => return Ok(partial(key_len, rest)),
            }
        } else {
            None
        };
        let header = Self { opcode, fin, rsv, masking_key, payload_len };
        Ok(ParsedHeader::Complete { header, header_len: 2 + length_len + key_len })
    }

    /// The header of nearly all frames: final text or binary, no reserved bit, a length of 7 or 16
    /// bits in its shortest form. `None` for any other, for one with a fault, and for one that is
    /// cut: then [`parse`](Self::parse) decides.
    #[inline(always)]
    pub(crate) fn parse_common(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let opcode = match first {
            0x81 => DataOpcode::Text,
            0x82 => DataOpcode::Binary,
            _ => return None,
        };
        let (payload_len, rest, header_len) = match second & LENGTH {
            LENGTH_16 => {
                let (length, rest) = rest.split_first_chunk()?;
                match u16::from_be_bytes(*length) {
                    ..126 => return None,
                    length => (u64::from(length), rest, 4),
                }
            }
            LENGTH_64 => return None,
            length => (u64::from(length), rest, 2),
        };
        let (masking_key, header_len) = match second & MASK {
            0 => (None, header_len),
            _ => (Some(MaskingKey::new(*rest.first_chunk()?)), header_len + MaskingKey::LEN),
        };
        let opcode = Opcode::Data(opcode);
        Some((Self { opcode, fin: true, rsv: Rsv::NONE, masking_key, payload_len }, header_len))
    }

    /// Returns whether `bytes` begin with a whole frame that is final, text or binary, and has no
    /// reserved bit. Any other fault is reported by [`parse`](Self::parse).
    #[inline]
    pub(crate) fn begins_whole_message(bytes: &[u8]) -> bool {
        let &[0x81 | 0x82, second, ..] = bytes else { return false };
        let header_len = if second & MASK == 0 { 2 } else { 2 + MaskingKey::LEN };
        match second & LENGTH {
            length @ ..LENGTH_16 => bytes.len() >= header_len + usize::from(length),
            _ => Self::begins_long_message(bytes, header_len),
        }
    }

    /// The same for a length of 16 or 64 bits; `header_len` is without them.
    fn begins_long_message(bytes: &[u8], header_len: usize) -> bool {
        let [_, second, rest @ ..] = bytes else { return false };
        let (payload_len, header_len) = match second & LENGTH {
            LENGTH_16 => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), header_len + 2),
                None => return false,
            },
            _ => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), header_len + 8),
                None => return false,
            },
        };
        let available = bytes.len().checked_sub(header_len);
        available.is_some_and(|available| payload_len <= available as u64)
    }

    /// The header's bytes, its length in the shortest form.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> HeaderBytes {
        let fin = if self.fin { FIN } else { 0 };
        let first = fin | self.rsv.0 | self.opcode.bits();
        let mask = if self.masking_key.is_some() { MASK } else { 0 };

        // 5.2: "the minimal number of bytes MUST be used to encode the length".
        let mut bytes = HeaderBytes::EMPTY;
        match (u8::try_from(self.payload_len), u16::try_from(self.payload_len)) {
            (Ok(length), _) if length < LENGTH_16 => bytes.push([first, mask | length]),
            (_, Ok(length)) => {
                let [high, low] = length.to_be_bytes();
                bytes.push([first, mask | LENGTH_16, high, low]);
            }
            _ => {
                bytes.push([first, mask | LENGTH_64]);
                bytes.push(self.payload_len.to_be_bytes());
            }
        }
        if let Some(key) = self.masking_key {
            bytes.push(key.to_bytes());
        }
        bytes
    }

    /// The longest payload whose length takes 7 bits.
    pub(crate) const MAX_SHORT_LEN: u8 = LENGTH_16 - 1;

    /// The bytes of a header without a masking key, for a payload of at most
    /// [`MAX_SHORT_LEN`](Self::MAX_SHORT_LEN).
    #[inline]
    pub(crate) fn encode_short(&self) -> [u8; 2] {
        debug_assert!(self.masking_key.is_none() && self.payload_len < u64::from(LENGTH_16));
        let fin = if self.fin { FIN } else { 0 };
        let [length, ..] = self.payload_len.to_le_bytes();
        [fin | self.rsv.0 | self.opcode.bits(), length]
    }

    /// Returns the number of bytes that [`encode`](Self::encode) writes, 2 to 14.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        let length_len = match self.payload_len {
            0..=125 => 0,
            126..=0xFFFF => 2,
            _ => 8,
        };
        let key_len = if self.masking_key.is_some() { MaskingKey::LEN } else { 0 };
        2 + length_len + key_len
    }

    /// The length of the whole frame. No sum of the two overflows: a payload has less than 2^63
    /// bytes.
    pub(crate) const fn frame_len(&self) -> u64 {
        self.encoded_len() as u64 + self.payload_len
    }

    /// Returns the type of the frame.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// FIN: this is the last frame of its message. Always true for control frames.
    #[must_use]
    pub const fn fin(&self) -> bool {
        self.fin
    }

    /// The reserved bits that are set.
    #[must_use]
    pub const fn rsv(&self) -> Rsv {
        self.rsv
    }

    /// The masking key, if the payload is masked.
    #[must_use]
    pub const fn masking_key(&self) -> Option<MaskingKey> {
        self.masking_key
    }

    /// The payload's length in bytes, at most 2^63 - 1.
    #[must_use]
    pub const fn payload_len(&self) -> u64 {
        self.payload_len
    }
}

/// This many bytes must follow the first two; `rest` are those received.
fn partial(needed: usize, rest: &[u8]) -> ParsedHeader {
    debug_assert!(rest.len() < needed, "the bytes that are needed are there");
    ParsedHeader::Partial { missing: needed.saturating_sub(rest.len()) }
}

/// 5.2: a length that a shorter form could say must use it.
fn minimal(length: u64, shortest_for: u64) -> Result<u64, HeaderError> {
    if length < shortest_for {
        Err(HeaderError::NonMinimalLength { payload_len: length })
    } else {
        Ok(length)
    }
}

/// The bytes of one header, held inline; derefs to a slice of 2 to 14 bytes.
#[derive(Clone, Copy)]
pub struct HeaderBytes {
    bytes: [u8; Header::MAX_LEN],
    len: usize,
}

impl HeaderBytes {
    const EMPTY: Self = Self { bytes: [0; Header::MAX_LEN], len: 0 };

    fn push<const N: usize>(&mut self, bytes: [u8; N]) {
        let to = self.bytes.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut());
        debug_assert!(to.is_some(), "a header of more than 14 bytes");
        if let Some(to) = to {
            *to = bytes;
            self.len += N;
        }
    }
}

impl Deref for HeaderBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let bytes = self.bytes.get(..self.len);
        debug_assert!(bytes.is_some());
        bytes.unwrap_or_default()
    }
}

impl AsRef<[u8]> for HeaderBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for HeaderBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderBytes({:02x?})", &**self)
    }
}

/// A set of the reserved bits RSV1, RSV2, RSV3 (RFC 6455, 5.2).
///
/// ```
/// use tidings_frame::Rsv;
///
/// let both = Rsv::RSV1 | Rsv::RSV3;
/// assert!(both.contains(Rsv::RSV1) && !both.contains(Rsv::RSV2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rsv(u8);

impl Rsv {
    /// No bit: nothing was negotiated, or the frame uses none.
    pub const NONE: Self = Self(0);
    /// RSV1; permessage-deflate marks compressed messages with it (RFC 7692, 6).
    pub const RSV1: Self = Self(0x40);
    /// RSV2.
    pub const RSV2: Self = Self(0x20);
    /// RSV3.
    pub const RSV3: Self = Self(0x10);
    /// All three. Only for code that passes frames on and does not know what was negotiated.
    pub const ALL: Self = Self(0x70);

    const fn from_first_byte(byte: u8) -> Self {
        Self(byte & Self::ALL.0)
    }

    /// Returns whether all bits of `other` are set here. [`Rsv::NONE`] is always contained.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }
}

impl BitOr for Rsv {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The rule of RFC 6455, 5.2 or 5.5, that a header breaks. The peer's fault when it comes from
/// parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// A reserved bit is set that no negotiated extension owns.
    ReservedBits {
        /// All the reserved bits that are set.
        rsv: Rsv,
    },
    /// The opcode is one of 3 to 7 or B to F.
    ReservedOpcode {
        /// The opcode's four bits.
        bits: u8,
    },
    /// A control frame has FIN = 0.
    FragmentedControl {
        /// The kind of control frame.
        opcode: ControlOpcode,
    },
    /// A control frame declares more than 125 bytes of payload.
    OversizedControl {
        /// The kind of control frame.
        opcode: ControlOpcode,
    },
    /// The length is written in a longer form than it needs.
    NonMinimalLength {
        /// The length, in bytes.
        payload_len: u64,
    },
    /// The top bit of the 64-bit length is set.
    LengthTopBit,
}

impl HeaderError {
    /// The code to fail the connection with: 1002, whatever the rule.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        CloseCode::PROTOCOL_ERROR
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits { rsv } => {
                write!(f, "reserved bits {:03b} are set", rsv.0 >> 4)?;
                f.write_str(" without an extension that defines them (RFC 6455, 5.2)")
            }
            Self::ReservedOpcode { bits } => {
                write!(f, "the opcode {bits:#X} is reserved (RFC 6455, 5.2)")
            }
            Self::FragmentedControl { opcode } => {
                write!(f, "a {opcode} frame is fragmented (RFC 6455, 5.5)")
            }
            Self::OversizedControl { opcode } => {
                write!(f, "a {opcode} frame declares more than 125 bytes (RFC 6455, 5.5)")
            }
            Self::NonMinimalLength { payload_len } => {
                write!(f, "the length {payload_len} is not in its shortest form (RFC 6455, 5.2)")
            }
            Self::LengthTopBit => f.write_str("the top bit of the length is set (RFC 6455, 5.2)"),
        }
    }
}

impl core::error::Error for HeaderError {}

#[cfg(test)]
mod tests;
