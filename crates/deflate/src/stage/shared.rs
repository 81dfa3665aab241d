//! A message for many peers, compressed once: [`SharedMessage`].

use alloc::vec::Vec;

use super::deflate::DeflateState;
use crate::window_bits::WindowBits;

/// A message that was compressed with an empty window.
///
/// It refers back to nothing before it, so any peer whose agreed window is large enough can read it,
/// with or without context takeover. But it enters the peer's window without entering that of the
/// compressor of the connection, whose next message would then refer back to the wrong bytes. Hence
/// the payload comes out by [`Deflater::admit`] alone, which makes the compressor forget.
///
/// ```
/// # #[cfg(feature = "zlib-rs")] {
/// use tidings_deflate::{
///     Backend, DeflateConfig, DeflateState, Deflater, Direction, Level, SharedMessage, WindowBits,
/// };
///
/// let news = b"to whom it may concern; ".repeat(100);
/// let mut state = DeflateState::new(Backend::ZlibRs, WindowBits::TWELVE, Level::DEFAULT)?;
/// let shared = SharedMessage::compress(&mut state, &news).expect("it shrinks");
///
/// let mut connections = [WindowBits::TWELVE, WindowBits::MAX].map(|window_bits| {
///     Deflater::new(Direction::new(window_bits, true), DeflateConfig::DEFAULT).unwrap()
/// });
/// for deflater in &mut connections {
///     let payload = deflater.admit(&shared).unwrap_or(&news); // else without RSV1
///     assert!(payload.len() < 100);
/// }
/// # }
/// # Ok::<(), tidings_deflate::UnsupportedWindow>(())
/// ```
///
/// [`Deflater::admit`]: super::Deflater::admit
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedMessage {
    pub(super) payload: Vec<u8>,
    pub(super) window_bits: WindowBits,
}

impl SharedMessage {
    /// Compresses `payload`. `None`: it does not shrink; send it uncompressed to all.
    #[must_use]
    pub fn compress(state: &mut DeflateState, payload: &[u8]) -> Option<Self> {
        let mut out = Vec::new();
        state.deflate.restart();
        state.deflate.deflate(payload, false, &mut out).ok()?;
        state.finish(&mut out).ok()?;
        // No match begins before the first byte, so a short message fits into a smaller window.
        let covering = WindowBits::covering(payload.len()).unwrap_or(WindowBits::MAX);
        let window_bits = state.window_bits.min(covering);
        (out.len() < payload.len()).then_some(Self { payload: out, window_bits })
    }

    /// The smallest window that a receiver needs.
    #[must_use]
    pub const fn window_bits(&self) -> WindowBits {
        self.window_bits
    }

    /// The length of the compressed payload in bytes.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }
}
