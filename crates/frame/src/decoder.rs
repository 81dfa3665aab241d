//! From bytes to frames: [`Decoder`] streams over whatever slice the caller has.
//!
//! It consumes every slice completely, unmasks in place, and keeps only a header that was cut by a
//! read (14 bytes), so its memory does not depend on the size of frames, and no byte is looked at
//! twice.

use core::fmt;
use core::mem;

use crate::close::CloseCode;
use crate::cut_header::CutHeader;
use crate::header::{Header, HeaderError, Rsv};
use crate::limit::{PayloadLimit, PayloadTooLong};
use crate::mask::Masker;

/// Decodes a stream of frames from slices that are cut anywhere.
///
/// Call [`decode`](Self::decode) until it returns `Ok(None)`, then continue with the next bytes.
/// The decoder knows neither roles nor the order of frames: whether a frame must be masked, and
/// whether a continuation may come, is for the layer above.
///
/// ```
/// use tidings_frame::{Decoder, PayloadLimit, Rsv};
///
/// // RFC 6455, 5.7: a masked "Hello", in two reads that cut it in the header.
/// let mut first = [0x81, 0x85, 0x37];
/// let mut second = [0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
///
/// let mut decoder = Decoder::new(PayloadLimit::SERVER, Rsv::NONE);
/// let mut text = Vec::new();
/// for read in [&mut first[..], &mut second[..]] {
///     let mut input = read;
///     while let Some(part) = decoder.decode(&mut input)? {
///         text.extend_from_slice(part.payload);
///     }
/// }
/// assert_eq!(text, b"Hello");
/// # Ok::<(), tidings_frame::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    limit: PayloadLimit,
    rsv_allowed: Rsv,
    state: State,
    /// The start of the current frame, or of the next one, in the stream.
    frame_offset: u64,
}

#[derive(Clone, Debug)]
enum State {
    /// Before or inside a header.
    Header(CutHeader),
    /// Inside a payload.
    Payload { header: Header, masker: Option<Masker>, remaining: u64 },
    /// An error was reported; nothing is read any more.
    Failed(DecodeErrorKind),
}

const BETWEEN_FRAMES: State = State::Header(CutHeader::EMPTY);

/// A piece of one frame: its header and the payload that was in the slice.
///
/// A frame comes in one part if the slice held all of it. Its first part comes as soon as the
/// header is complete, with an empty payload if no more is there yet; a frame without payload is
/// one empty part.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part<'a> {
    /// The header of the frame.
    pub header: Header,
    /// The next bytes of its payload, unmasked, in the slice that the caller gave.
    pub payload: &'a mut [u8],
    /// `true` if this part begins the frame.
    pub is_first: bool,
    /// `true` if this part ends the frame.
    pub is_last: bool,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    ///
    /// `limit` is the longest payload that a frame may declare, `rsv_allowed` the reserved bits
    /// that a negotiated extension gives a meaning.
    #[must_use]
    pub const fn new(limit: PayloadLimit, rsv_allowed: Rsv) -> Self {
        Self { limit, rsv_allowed, state: BETWEEN_FRAMES, frame_offset: 0 }
    }

    /// Gives reserved bits a meaning, because an extension was negotiated. For frames whose header
    /// has not begun to come.
    pub const fn allow_rsv(&mut self, rsv_allowed: Rsv) {
        self.rsv_allowed = rsv_allowed;
    }

    /// Takes the next part of a frame from the front of `input`, which shrinks accordingly.
    ///
    /// `Ok(None)` means that `input` is used up.
    ///
    /// # Errors
    /// [`DecodeError`] if the peer broke a rule of the frame's header or exceeded the limit. It is
    /// found before any payload of that frame. All later calls return the same error and take
    /// nothing.
    #[inline(always)] // A part that is returned through memory costs as much as a short frame.
    pub fn decode<'a>(
        &mut self,
        input: &mut &'a mut [u8],
    ) -> Result<Option<Part<'a>>, DecodeError> {
        match self.decode_whole_message(input) {
            Some(part) => Ok(Some(part)),
            None => self.decode_any(input),
        }
    }

    /// Takes the most common kind of frame, if it comes next: final text or binary, no reserved
    /// bit, not over 64 KiB, whole in the slice. `None` takes nothing: whatever else is there, or
    /// is wrong, is left to [`decode`](Self::decode).
    #[inline(always)]
    pub fn decode_whole_message<'a>(&mut self, input: &mut &'a mut [u8]) -> Option<Part<'a>> {
        if !self.is_between_frames() {
            return None;
        }
        let (header, header_len) = Header::parse_common(input)?;
        self.limit.check(header.payload_len()).ok()?;
        let frame_len = usize::try_from(header.payload_len()).ok()?.checked_add(header_len)?;
        if frame_len > input.len() {
            return None;
        }
        let payload = take(input, frame_len).get_mut(header_len..)?;
        if let Some(key) = header.masking_key() {
            key.mask_whole(payload);
        }
        self.frame_offset = self.frame_offset.saturating_add(frame_len as u64);
        Some(Part { header, payload, is_first: true, is_last: true })
    }

    /// Any frame, cut anywhere.
    #[inline(never)]
    fn decode_any<'a>(
        &mut self,
        input: &mut &'a mut [u8],
    ) -> Result<Option<Part<'a>>, DecodeError> {
        match &mut self.state {
            State::Payload { header, masker, remaining } => {
                if input.is_empty() {
                    return Ok(None);
                }
                let header = *header;
                let payload = take_payload(input, *remaining);
                if let Some(masker) = masker {
                    masker.apply(payload);
                }
                *remaining -= payload.len() as u64; // `take_payload` takes no more
                let is_last = *remaining == 0;
                if is_last {
                    self.state = BETWEEN_FRAMES;
                    self.count_frame(&header);
                }
                Ok(Some(Part { header, payload, is_first: false, is_last }))
            }
            State::Header(cut) => match cut.read(input, self.rsv_allowed) {
                Ok((header, header_len)) => {
                    take(input, header_len);
                    match header {
                        Some(header) => self.begin_frame(header, input).map(Some),
                        None => Ok(None),
                    }
                }
                Err(error) => Err(self.fail(DecodeErrorKind::Header(error))),
            },
            State::Failed(kind) => {
                Err(DecodeError { kind: *kind, frame_offset: self.frame_offset })
            }
        }
    }

    /// Returns whether the front of `input`, the next bytes of the stream, is a whole unfragmented
    /// text or binary message without reserved bits: [`decode`](Self::decode) then returns it in
    /// one part, or reports its fault. Nothing is consumed.
    #[inline]
    #[must_use]
    pub fn has_whole_message(&self, input: &[u8]) -> bool {
        self.is_between_frames() && Header::begins_whole_message(input)
    }

    /// Returns whether the stream is between two frames: nothing of a frame is pending. A stream
    /// that ends elsewhere was cut off.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        matches!(&self.state, State::Header(cut) if cut.is_empty())
    }

    /// The frame whose payload has begun to come and not ended, and how many bytes of it are still to
    /// come: a number that the peer chose, so nothing may be sized by it alone.
    #[must_use]
    pub const fn unfinished_frame(&self) -> Option<(Header, u64)> {
        match self.state {
            State::Payload { header, remaining, .. } => Some((header, remaining)),
            _ => None,
        }
    }

    /// Checks a complete header and takes the bytes of its payload that are in `input`. The state
    /// must be between frames.
    #[inline]
    fn begin_frame<'a>(
        &mut self,
        header: Header,
        input: &mut &'a mut [u8],
    ) -> Result<Part<'a>, DecodeError> {
        if let Err(error) = self.limit.check(header.payload_len()) {
            return Err(self.fail(DecodeErrorKind::PayloadTooLong(error)));
        }
        let mut masker = header.masking_key().map(Masker::new);
        let payload = take_payload(input, header.payload_len());
        if let Some(masker) = &mut masker {
            masker.apply(payload);
        }
        let remaining = header.payload_len() - payload.len() as u64; // `take_payload` takes no more
        let is_last = remaining == 0;
        if is_last {
            self.count_frame(&header); // the state is between frames as it was
        } else {
            self.state = State::Payload { header, masker, remaining };
        }
        Ok(Part { header, payload, is_first: true, is_last })
    }

    /// Moves on to where the next frame begins.
    #[inline]
    fn count_frame(&mut self, header: &Header) {
        self.frame_offset = self.frame_offset.saturating_add(header.frame_len());
    }

    #[cold]
    fn fail(&mut self, kind: DecodeErrorKind) -> DecodeError {
        self.state = State::Failed(kind);
        DecodeError { kind, frame_offset: self.frame_offset }
    }
}

/// Splits up to `len` bytes off the front of `input`.
#[inline]
fn take<'a>(input: &mut &'a mut [u8], len: usize) -> &'a mut [u8] {
    let all = mem::take(input);
    let (front, rest) = all.split_at_mut(len.min(all.len()));
    *input = rest;
    front
}

/// Like [`take`], for a length that may not fit a `usize`.
#[inline]
fn take_payload<'a>(input: &mut &'a mut [u8], remaining: u64) -> &'a mut [u8] {
    take(input, usize::try_from(remaining).unwrap_or(usize::MAX))
}

/// The peer sent a frame that cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The fault.
    pub kind: DecodeErrorKind,
    /// The start of the frame, in bytes from the start of the stream.
    pub frame_offset: u64,
}

/// The fault of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// Its header breaks the protocol.
    Header(HeaderError),
    /// Its payload would be longer than the [`PayloadLimit`].
    PayloadTooLong(PayloadTooLong),
}

impl DecodeError {
    /// The code to fail the connection with: 1009 for a payload over the limit, else 1002.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self.kind {
            DecodeErrorKind::Header(error) => error.close_code(),
            DecodeErrorKind::PayloadTooLong(_) => CloseCode::MESSAGE_TOO_BIG,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in the frame at byte {}: ", self.frame_offset)?;
        match &self.kind {
            DecodeErrorKind::Header(error) => error.fmt(f),
            DecodeErrorKind::PayloadTooLong(error) => error.fmt(f),
        }
    }
}

/// `Display` shows the inner error.
impl core::error::Error for DecodeError {}

#[cfg(test)]
mod tests;
