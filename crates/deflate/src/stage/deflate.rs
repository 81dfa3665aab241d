//! Compression of our messages (RFC 7692, 7.2.1): [`Deflater`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::TAIL;
use super::backend::{Backend, Deflate};
use super::shared::SharedMessage;
use crate::negotiated::Direction;
use crate::window_bits::{UnsupportedWindow, WindowBits};

/// Compresses the messages for one peer.
///
/// [`message`](Self::message) is for a message that is there as a whole; it also decides whether
/// compressing pays. [`deflate`](Self::deflate) and [`finish`](Self::finish) are for one that is
/// sent in parts. In both cases the frames may cut the compressed bytes anywhere; the RSV1 bit is
/// set on the first frame alone.
///
/// A secret and a stranger's text should not be in one message, nor, with context takeover, on one
/// connection: the length reveals information about the secret (RFC 7692, 8). Send such a message
/// uncompressed: do not pass it to the `Deflater`.
///
/// ```
/// # #[cfg(feature = "zlib-rs")] {
/// use tidings_deflate::{DeflateConfig, Deflater, Direction};
///
/// let mut deflater = Deflater::new(Direction::UNLIMITED, DeflateConfig::DEFAULT)?;
/// let mut payload = Vec::new();
/// let rsv1 = deflater.message(&[b'a'; 10_000], &mut payload);
/// assert!(rsv1 && payload.len() < 100);
/// # }
/// # Ok::<(), tidings_deflate::UnsupportedWindow>(())
/// ```
///
/// # Memory
///
/// A new one holds none. With the first compressed message it takes a [`DeflateState`], either one
/// that was [supplied](Self::supply) or a new one, and keeps it until it is
/// [released](Self::release).
#[derive(Debug)]
pub struct Deflater {
    direction: Direction,
    config: DeflateConfig,
    state: Option<DeflateState>,
    /// `true` if `state` has the content of the peer's window, or less.
    state_is_current: bool,
    /// `true` if a byte of an unfinished message was fed.
    message_is_open: bool,
}

impl Deflater {
    /// For the messages that go in this direction.
    ///
    /// # Errors
    /// The backend cannot compress within the agreed window. Then all messages go uncompressed,
    /// which is always allowed.
    pub const fn new(
        direction: Direction,
        config: DeflateConfig,
    ) -> Result<Self, UnsupportedWindow> {
        match config.backend.check(direction.window_bits()) {
            Ok(()) => Ok(Self {
                direction,
                config,
                state: None,
                state_is_current: false,
                message_is_open: false,
            }),
            Err(error) => Err(error),
        }
    }

    /// Compresses a whole message onto `out`.
    ///
    /// `false`: send `payload` uncompressed; `out` is as before. That is so if the message is
    /// shorter than the threshold, if it does not shrink, or if a message is open. A message that
    /// did not shrink makes it forget the context, for the peer will not have seen that message.
    #[must_use = "the RSV1 bit has to be set if the message was compressed"]
    pub fn message(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        if payload.len() < self.config.threshold || self.message_is_open {
            return false;
        }
        let start = out.len();
        let compressed = self.deflate(payload, out).and_then(|()| self.finish(out));
        debug_assert!(out.len() >= start, "the compressor only appends");
        if compressed.is_err() || out.len().saturating_sub(start) >= payload.len() {
            out.truncate(start);
            self.forget();
            return false;
        }
        true
    }

    /// Compresses a part of a message onto `out`. Most of it may stay inside until there is more.
    ///
    /// # Errors
    /// The backend refused, which is not known to happen. The message cannot be completed.
    pub fn deflate(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<(), DeflateError> {
        if part.is_empty() {
            return Ok(());
        }
        let state = self.state.get_or_insert_with(|| {
            let DeflateConfig { backend, level, .. } = self.config;
            DeflateState::of(backend, self.direction.window_bits(), level)
        });
        if !self.state_is_current {
            state.deflate.restart();
            self.state_is_current = true;
        }
        self.message_is_open = true;
        state.deflate.deflate(part, false, out).map_err(|_| DeflateError)
    }

    /// Ends the message: the bytes still inside are appended to `out`.
    ///
    /// # Errors
    /// As above.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DeflateError> {
        if !core::mem::take(&mut self.message_is_open) {
            // RFC 7692, 7.2.3.6: an empty message. It leaves the window unchanged.
            out.push(0x00);
            return Ok(());
        }
        // RFC 7692, 7.1.1: with no context takeover each message begins with an empty window.
        self.state_is_current = self.direction.context_takeover();
        let result = self.state.as_mut().ok_or(DeflateError).and_then(|state| state.finish(out));
        if result.is_err() {
            self.state_is_current = false;
        }
        result
    }

    /// Returns whether the next compressed message would allocate a [`DeflateState`].
    #[must_use]
    pub const fn needs_state(&self) -> bool {
        self.state.is_none()
    }

    /// Gives it the memory to work in.
    ///
    /// # Errors
    /// The state comes back if its window is larger than the agreed one, or if a message is open.
    pub fn supply(&mut self, state: DeflateState) -> Result<(), DeflateState> {
        if self.message_is_open || state.window_bits > self.direction.window_bits() {
            return Err(state);
        }
        self.state = Some(state);
        self.state_is_current = false;
        Ok(())
    }

    /// Takes back the memory that it works in, for use by another. `None` if it has none, or if a
    /// message is open.
    ///
    /// With context takeover this forgets the context: the next message refers back to nothing, and
    /// is a little longer for it. The peer does not notice.
    pub fn release(&mut self) -> Option<DeflateState> {
        if self.message_is_open { None } else { self.state.take() }
    }

    /// The payload to send for a message that was compressed once for many peers. `None`: this peer
    /// cannot take it, for its window is smaller; or a message is open.
    ///
    /// The message goes into the peer's window and not into ours. So this also makes it forget its
    /// context: the next message refers back to nothing.
    pub fn admit<'a>(&mut self, message: &'a SharedMessage) -> Option<&'a [u8]> {
        if self.message_is_open || message.window_bits > self.direction.window_bits() {
            return None;
        }
        self.forget();
        Some(&message.payload)
    }

    /// After this, the next message refers back to nothing.
    fn forget(&mut self) {
        self.state_is_current = false;
        self.message_is_open = false;
    }
}

/// The settings of a [`Deflater`].
///
/// ```
/// # #[cfg(feature = "zlib-rs")] {
/// use tidings_deflate::{Backend, DeflateConfig, Level};
///
/// let config = DeflateConfig { level: Level::FASTEST, ..DeflateConfig::DEFAULT };
/// assert_eq!(config.backend, Backend::ZlibRs);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    /// The library that compresses. A supplied [`DeflateState`] has its own.
    pub backend: Backend,
    /// The time spent on making a message short. A supplied [`DeflateState`] has its own level.
    pub level: Level,
    /// The length, in bytes, below which [`Deflater::message`] leaves a message uncompressed.
    pub threshold: usize,
}

#[cfg(feature = "zlib-rs")]
#[cfg_attr(docsrs, doc(cfg(feature = "zlib-rs")))]
impl Default for DeflateConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl DeflateConfig {
    /// [`Backend::ZlibRs`], [`Level::DEFAULT`], and a threshold of 1 KiB.
    #[cfg(feature = "zlib-rs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "zlib-rs")))]
    pub const DEFAULT: Self = Self::new(Backend::ZlibRs);

    /// [`Level::DEFAULT`], and a threshold of 1 KiB.
    #[must_use]
    pub const fn new(backend: Backend) -> Self {
        Self { backend, level: Level::DEFAULT, threshold: 1024 }
    }
}

/// The time spent on making a message short: 1 to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    /// 1.
    pub const FASTEST: Self = Self(1);
    /// 3: with zlib-rs half the time of 6 for about a tenth more bytes.
    pub const DEFAULT: Self = Self(3);
    /// 9.
    pub const SMALLEST: Self = Self(9);

    /// `None` if `level` is not 1 to 9.
    #[must_use]
    pub const fn new(level: u8) -> Option<Self> {
        if level < Self::FASTEST.0 || level > Self::SMALLEST.0 { None } else { Some(Self(level)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// The memory in which a [`Deflater`] works. None of it reaches the messages of the next one that it
/// is supplied to.
pub struct DeflateState {
    /// In a box, so that a connection without one is small.
    pub(super) deflate: Box<Deflate>,
    pub(super) window_bits: WindowBits,
    level: Level,
}

impl DeflateState {
    /// Allocates one.
    ///
    /// # Errors
    /// The backend cannot compress within this window.
    pub fn new(
        backend: Backend,
        window_bits: WindowBits,
        level: Level,
    ) -> Result<Self, UnsupportedWindow> {
        backend.check(window_bits)?;
        Ok(Self::of(backend, window_bits, level))
    }

    /// The library that compresses.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.deflate.backend()
    }

    /// The largest window that it works in.
    #[must_use]
    pub const fn window_bits(&self) -> WindowBits {
        self.window_bits
    }

    /// Returns its level.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    fn of(backend: Backend, window_bits: WindowBits, level: Level) -> Self {
        let deflate = Box::new(Deflate::new(backend, window_bits, level));
        Self { deflate, window_bits, level }
    }

    /// Flushes and strips the tail.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DeflateError> {
        let start = out.len();
        self.deflate.deflate(&[], true, out).map_err(|_| DeflateError)?;
        // RFC 7692, 7.2.1 item 3: remove 00 00 FF FF from the end.
        let len = out.len().saturating_sub(TAIL.len());
        if len < start || !out.ends_with(&TAIL) {
            return Err(DeflateError);
        }
        out.truncate(len);
        Ok(())
    }
}

impl fmt::Debug for DeflateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeflateState")
            .field("backend", &self.backend())
            .field("window_bits", &self.window_bits)
            .finish_non_exhaustive()
    }
}

/// The backend did not do its work. Nobody's fault but its own; not known to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateError;

impl fmt::Display for DeflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the compressor refused the message")
    }
}

impl core::error::Error for DeflateError {}
