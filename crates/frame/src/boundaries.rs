//! The boundaries of frames, for code that passes them on untouched: [`FrameBoundaries`].

use crate::cut_header::CutHeader;
use crate::decoder::{DecodeError, DecodeErrorKind};
use crate::header::{Header, HeaderError, Rsv};

/// Follows a stream of frames that is forwarded as it arrives, and finds where each frame begins
/// and ends.
///
/// It reads headers and skips payloads: nothing is unmasked, and no byte of a payload is looked at.
/// So a proxy can count and limit messages, or see a Close, while it forwards the received bytes,
/// and can insert its own frame between two others.
///
/// Call [`feed`](Self::feed) until it returns `Ok(None)`, then continue with the next bytes. Slices
/// may be cut anywhere. Memory is constant. As with the [`Decoder`](crate::Decoder), rules of
/// roles, of the order of frames and of their length are for the layer above; every header says how
/// long its payload is, before any of it has come.
///
/// ```
/// use tidings_frame::{ControlOpcode, FrameBoundaries, FrameBoundary, Opcode, Rsv};
///
/// // RFC 6455, 5.7: a masked "Hello", in two reads that cut it in the header, and a Ping.
/// let reads = [&b"\x81\x85\x37"[..], b"\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x00"];
///
/// let mut frames = FrameBoundaries::new(Rsv::NONE);
/// let mut forwarded = Vec::new();
/// for read in reads {
///     let mut rest = read;
///     while let Some(boundary) = frames.feed(&mut rest)? {
///         match boundary {
///             FrameBoundary::Start(header) if header.opcode() == ControlOpcode::Ping.into() => {
///                 assert_eq!(frames.frame_offset(), 11);
///             }
///             FrameBoundary::Start(header) => assert_eq!(header.payload_len(), 5),
///             FrameBoundary::End(_) => {} // `rest` begins with the next frame
///         }
///     }
///     forwarded.extend_from_slice(read);
/// }
/// assert!(frames.is_between_frames()); // a frame of our own may follow here
/// # Ok::<(), tidings_frame::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameBoundaries {
    rsv_allowed: Rsv,
    state: State,
    /// The start of the current frame, or of the next one, in the stream.
    frame_offset: u64,
}

#[derive(Clone, Debug)]
enum State {
    /// Before or inside a header.
    Header(CutHeader),
    /// After a header; this many bytes of the payload are still to come.
    Payload { header: Header, remaining: u64 },
    /// An error was reported; nothing is read any more.
    Failed(HeaderError),
}

const BETWEEN_FRAMES: State = State::Header(CutHeader::EMPTY);

/// A place in a stream of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameBoundary {
    /// The header of a frame is complete, and its payload follows.
    Start(Header),
    /// The frame with this header is complete, and the next one follows.
    End(Header),
}

impl FrameBoundaries {
    /// At the beginning of a stream.
    ///
    /// `rsv_allowed` are the reserved bits that a negotiated extension gives a meaning. A proxy that
    /// does not know what was negotiated allows [`Rsv::ALL`].
    #[must_use]
    pub const fn new(rsv_allowed: Rsv) -> Self {
        Self { rsv_allowed, state: BETWEEN_FRAMES, frame_offset: 0 }
    }

    /// Gives reserved bits a meaning, because an extension was negotiated. For frames whose header
    /// has not begun to come.
    pub const fn allow_rsv(&mut self, rsv_allowed: Rsv) {
        self.rsv_allowed = rsv_allowed;
    }

    /// Follows the stream to the next boundary: takes the bytes before it from the front of `input`,
    /// which shrinks accordingly.
    ///
    /// `Ok(None)` means that `input` is used up. Every frame has one start and one end, even a frame
    /// without payload.
    ///
    /// # Errors
    /// [`DecodeError`] if the peer broke a rule of a frame's header. All later calls return the same
    /// error and take nothing.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Option<FrameBoundary>, DecodeError> {
        match &mut self.state {
            State::Header(cut) => match cut.read(input, self.rsv_allowed) {
                Ok((header, header_len)) => {
                    skip(input, header_len);
                    let Some(header) = header else { return Ok(None) };
                    self.state = State::Payload { header, remaining: header.payload_len() };
                    Ok(Some(FrameBoundary::Start(header)))
                }
                Err(error) => {
                    self.state = State::Failed(error);
                    Err(self.error(error))
                }
            },
            State::Payload { header, remaining } => {
                // A length that does not fit a `usize` is longer than any slice.
                let len =
                    usize::try_from(*remaining).map_or(input.len(), |len| len.min(input.len()));
                skip(input, len);
                *remaining -= len as u64; // `len` is at most `remaining`
                if *remaining > 0 {
                    return Ok(None);
                }
                let header = *header;
                self.state = BETWEEN_FRAMES;
                self.frame_offset = self.frame_offset.saturating_add(header.frame_len());
                Ok(Some(FrameBoundary::End(header)))
            }
            State::Failed(error) => {
                let error = *error;
                Err(self.error(error))
            }
        }
    }

    /// Returns whether the stream is between two frames, where another frame may be inserted and
    /// where the stream may end.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        matches!(&self.state, State::Header(cut) if cut.is_empty())
    }

    /// The frame that has started and not ended, and how many bytes of its payload are still to
    /// come: a number that the peer chose, so nothing may be sized by it alone.
    #[must_use]
    pub const fn unfinished_frame(&self) -> Option<(Header, u64)> {
        match self.state {
            State::Payload { header, remaining } => Some((header, remaining)),
            _ => None,
        }
    }

    /// Returns the start of the current frame, or between frames of the next one, in bytes from the
    /// start of the stream.
    #[must_use]
    pub const fn frame_offset(&self) -> u64 {
        self.frame_offset
    }

    const fn error(&self, error: HeaderError) -> DecodeError {
        DecodeError { kind: DecodeErrorKind::Header(error), frame_offset: self.frame_offset }
    }
}

/// Takes `len` bytes, at most all, from the front of `input`.
fn skip(input: &mut &[u8], len: usize) {
    let rest = input.get(len..);
    debug_assert!(rest.is_some(), "{len} of {} bytes", input.len());
    *input = rest.unwrap_or_default();
}

#[cfg(test)]
mod tests;
