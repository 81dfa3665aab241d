//! Decompression of the peer's messages (RFC 7692, 7.2.2): [`Inflater`].

use alloc::boxed::Box;
use core::fmt;

use super::MAX_PIECE_LEN;
use super::backend::{Backend, Inflate};
use super::history::History;
use crate::negotiated::Direction;

/// Decompresses the messages of one peer, a piece at a time, with a limit on the output.
///
/// For each message with the RSV1 bit: [`inflate`](Self::inflate) for each payload, or part of one,
/// of its fragments, until it gives `None`; then [`finish`](Self::finish). Messages without the bit
/// and control frames are not shown to it.
///
/// ```
/// # #[cfg(feature = "zlib-rs")] {
/// use tidings_deflate::{Backend, Direction, Inflater};
///
/// let mut inflater = Inflater::new(Backend::ZlibRs, Direction::UNLIMITED, 1 << 20);
/// let mut message = Vec::new();
/// for mut fragment in [&b"\xf2\x48\xcd"[..], b"\xc9\xc9\x07\x00"] {
///     while let Some(piece) = inflater.inflate(&mut fragment)? {
///         message.extend_from_slice(piece);
///     }
/// }
/// inflater.finish()?;
/// assert_eq!(message, b"Hello");
/// # }
/// # Ok::<(), tidings_deflate::InflateError>(())
/// ```
///
/// # Memory
///
/// A new one holds none. With the first compressed byte it takes an [`InflateState`], either one
/// that was [supplied](Self::supply) or a new one, and keeps it until it is
/// [released](Self::release). Between messages it needs no more than the last bytes of the messages
/// before, as far as the window goes, and with no context takeover nothing.
#[derive(Debug)]
pub struct Inflater {
    backend: Backend,
    direction: Direction,
    max_message_len: u64,
    phase: Phase,
    state: Option<InflateState>,
    /// The bytes that the message may refer back to.
    history: History,
    /// `true` if `state` contains exactly the history.
    state_is_current: bool,
    /// `true` if the last piece filled its space, so that there may be more without further input.
    output_is_cut: bool,
    /// The input and output lengths of the message so far.
    input_len: u64,
    output_len: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No byte of a message has come.
    BetweenMessages,
    /// Inside a stream of blocks.
    Open,
    /// Just after a block with the "BFINAL" bit.
    BehindFinalBlock,
    Failed(InflateError),
}

impl Inflater {
    /// Creates an inflater for the messages of this direction, none of which may be longer than
    /// `max_message_len` bytes when decompressed. A supplied [`InflateState`] has its own backend.
    #[must_use]
    pub const fn new(backend: Backend, direction: Direction, max_message_len: u64) -> Self {
        Self {
            backend,
            direction,
            max_message_len,
            phase: Phase::BetweenMessages,
            state: None,
            history: History::new(),
            state_is_current: false,
            output_is_cut: false,
            input_len: 0,
            output_len: 0,
        }
    }

    /// Decompresses from the front of `payload` and moves it forward. `None`: `payload` is used up.
    ///
    /// A piece is never empty, and at most 16 KiB long.
    ///
    /// # Errors
    /// The payload is not valid DEFLATE, or the message is too long. Fail the connection; every
    /// further call returns the same error.
    pub fn inflate(&mut self, payload: &mut &[u8]) -> Result<Option<&[u8]>, InflateError> {
        match self.step(payload) {
            Ok(0) => Ok(None),
            Ok(written) => {
                debug_assert!(self.state.is_some(), "there is a state that has written");
                Ok(Some(self.state.as_ref().map_or(&[][..], |state| state.inflate.output(written))))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Ends the message; the next one may begin.
    ///
    /// # Errors
    /// The message ends inside a block, or as above.
    pub fn finish(&mut self) -> Result<(), InflateError> {
        match self.end() {
            Ok(()) => {
                self.phase = Phase::BetweenMessages;
                (self.input_len, self.output_len) = (0, 0);
                self.output_is_cut = false;
                if !self.direction.context_takeover() {
                    // RFC 7692, 7.1.1: the next message refers back to nothing.
                    self.history.clear();
                    self.state_is_current = false;
                }
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Returns whether the next compressed byte would allocate an [`InflateState`].
    #[must_use]
    pub const fn needs_state(&self) -> bool {
        self.state.is_none()
    }

    /// Supplies the memory to work in. The previous state is dropped, unless a message is open:
    /// then the new one is.
    pub fn supply(&mut self, state: InflateState) {
        if self.phase == Phase::BetweenMessages {
            self.state = Some(state);
            self.state_is_current = false;
        }
    }

    /// Takes back the memory that it works in, for use by another. `None` if it has none, or if a
    /// message is open.
    ///
    /// With context takeover it remembers the last messages as far as the window goes, in no more
    /// memory than that; a later message is decompressed as if nothing had happened, unless the
    /// peer reaches further back than was negotiated. Restoring a full window of 15 bits takes
    /// about half a microsecond.
    pub fn release(&mut self) -> Option<InflateState> {
        match self.phase {
            Phase::BetweenMessages => {}
            Phase::Open | Phase::BehindFinalBlock | Phase::Failed(_) => return None,
        }
        self.state_is_current = false;
        if !self.direction.context_takeover() {
            self.history = History::new();
        }
        self.state.take()
    }

    /// Returns the number of bytes of earlier messages that it remembers, or could without
    /// allocating.
    #[must_use]
    pub fn history_capacity(&self) -> usize {
        self.history.capacity()
    }

    /// Writes a piece and returns its length.
    fn step(&mut self, payload: &mut &[u8]) -> Result<usize, InflateError> {
        loop {
            if payload.is_empty() && !self.output_is_cut {
                return self.phase.check().map(|()| 0);
            }
            self.open(payload.is_empty())?;
            let corrupt = InflateError::Corrupt { offset: self.input_len };
            debug_assert!(self.state.is_some() && self.output_len <= self.max_message_len);
            let state = self.state.as_mut().ok_or(corrupt)?;
            // One byte above the limit is asked for, so that its existence is known.
            let left = self.max_message_len.saturating_sub(self.output_len).saturating_add(1);
            let max_output_len = usize::try_from(left).unwrap_or(usize::MAX).min(MAX_PIECE_LEN);
            let step = state.inflate.inflate(payload, max_output_len).map_err(|_| corrupt)?;
            debug_assert!(step.consumed <= payload.len() && step.written <= max_output_len);
            *payload = payload.get(step.consumed..).ok_or(corrupt)?;
            self.input_len = self.input_len.saturating_add(len_u64(step.consumed));
            self.output_len = self.output_len.saturating_add(len_u64(step.written));
            if self.output_len > self.max_message_len {
                return Err(InflateError::TooLong { max_len: self.max_message_len });
            }
            self.output_is_cut = step.written == max_output_len && !step.ended;
            if step.ended {
                self.phase = Phase::BehindFinalBlock;
            }
            if step.written > 0 {
                let piece = state.inflate.output(step.written);
                self.history.push(piece, self.direction.window_bits().window_len());
                return Ok(step.written);
            }
            if step.consumed == 0 && !payload.is_empty() && !step.ended {
                return Err(corrupt); // no progress: this must not spin
            }
        }
    }

    /// Makes the state ready for the next bytes.
    fn open(&mut self, payload_is_empty: bool) -> Result<(), InflateError> {
        match self.phase {
            Phase::Failed(error) => return Err(error),
            Phase::Open => return Ok(()),
            Phase::BehindFinalBlock if payload_is_empty => return Ok(()),
            // RFC 7692, 7.2.1 and 7.2.3.4: further blocks may follow, in the same window.
            Phase::BehindFinalBlock => self.state_is_current = false,
            Phase::BetweenMessages => {}
        }
        let state = self.state.get_or_insert_with(|| InflateState::new(self.backend));
        if !self.state_is_current {
            let corrupt = InflateError::Corrupt { offset: self.input_len };
            state.inflate.restart(self.history.parts()).map_err(|_| corrupt)?;
            self.state_is_current = true;
        }
        self.phase = Phase::Open;
        Ok(())
    }

    fn end(&mut self) -> Result<(), InflateError> {
        if self.output_is_cut && self.step(&mut &[][..])? > 0 {
            return Err(InflateError::PieceLeft);
        }
        match self.phase {
            Phase::Failed(error) => Err(error),
            // A message without a byte. RFC 7692, 7.2.3.6, has 0x00 for an empty one; with nothing at
            // all there is still only one message that can be meant.
            Phase::BetweenMessages => Ok(()),
            // The last block was final and ended with the last byte. The sender left out the empty
            // block (RFC 7692, 7.2.1 item 2); senders that finish their stream do so, and the
            // meaning is clear. The tail would be the start of a block that never ends.
            Phase::BehindFinalBlock => {
                self.state_is_current = false;
                Ok(())
            }
            // RFC 7692, 7.2.2 item 1: append 00 00 FF FF. It must complete an empty block.
            Phase::Open => {
                let state = self.state.as_mut();
                debug_assert!(state.is_some(), "an open message has a state");
                if state.is_some_and(|state| state.inflate.take_tail()) {
                    Ok(())
                } else {
                    Err(InflateError::Truncated { len: self.input_len })
                }
            }
        }
    }

    /// Nothing is kept of a peer that is at fault.
    fn fail(&mut self, error: InflateError) -> InflateError {
        self.phase = Phase::Failed(error);
        self.state = None;
        self.history = History::new();
        error
    }
}

impl Phase {
    const fn check(self) -> Result<(), InflateError> {
        match self {
            Self::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// A length in memory, as one of a stream.
const fn len_u64(len: usize) -> u64 {
    len as u64
}

/// The memory in which an [`Inflater`] works. None of it reaches the messages of the next one that
/// it is supplied to.
pub struct InflateState {
    /// In a box, so that a connection without one is small.
    inflate: Box<Inflate>,
}

impl InflateState {
    /// Allocates one.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { inflate: Box::new(Inflate::new(backend)) }
    }
}

impl fmt::Debug for InflateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InflateState").finish_non_exhaustive()
    }
}

/// A compressed message cannot be read. The peer is at fault, and the connection has to be failed.
///
/// RFC 7692 names no close code. 1009 is for [`InflateError::TooLong`]. For the others 1007 fits:
/// the frames are valid, and the payload contradicts the RSV1 bit (RFC 6455, 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InflateError {
    /// The payload is not valid DEFLATE, or refers back beyond the start of the data.
    Corrupt {
        /// Up to where the message was taken before the fault showed, in compressed bytes.
        offset: u64,
    },
    /// The message ends inside a block.
    Truncated {
        /// Its length in compressed bytes.
        len: u64,
    },
    /// The message is longer than the limit.
    TooLong {
        /// The most that is taken, in decompressed bytes.
        max_len: u64,
    },
    /// The caller's fault: it ended a message before [`Inflater::inflate`] gave `None`.
    PieceLeft,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { offset } => {
                write!(f, "invalid DEFLATE data at or after byte {offset} of the message")
            }
            Self::Truncated { len } => {
                write!(f, "the compressed message ends inside a block, after {len} bytes")
            }
            Self::TooLong { max_len } => {
                write!(f, "the message is longer than {max_len} bytes when it is decompressed")
            }
            Self::PieceLeft => {
                f.write_str("the message was ended before all its pieces were taken")
            }
        }
    }
}

impl core::error::Error for InflateError {}
