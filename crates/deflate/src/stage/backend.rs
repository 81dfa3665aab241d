//! The library that compresses: [`Backend`], and the two types that every backend has, [`Inflate`]
//! and [`Deflate`], with the same methods.

use alloc::vec::Vec;

#[cfg(feature = "miniz_oxide")]
use super::miniz_oxide;
#[cfg(feature = "zlib-rs")]
use super::zlib_rs;
use super::{Corrupt, Level, Stalled, Step};
use crate::window_bits::{UnsupportedWindow, WindowBits};

/// The library that compresses and decompresses.
///
/// A program chooses one by value; the features of the same name only make it available, so another
/// crate that enables a feature changes nothing. Each backend reads the output of any other, with
/// any window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// zlib-rs: fast; compresses with windows of 9 to 15 bits; links `std`.
    #[cfg(feature = "zlib-rs")]
    ZlibRs,
    /// `miniz_oxide`: `no_std` with a heap; compresses with windows of 15 bits alone.
    #[cfg(feature = "miniz_oxide")]
    MinizOxide,
}

impl Backend {
    /// The smallest window that it keeps to while it compresses.
    ///
    /// A server whose backend is not zlib-rs passes this to
    /// [`ServerConfig::server_min_window_bits`](crate::ServerConfig::server_min_window_bits).
    #[must_use]
    pub const fn min_window_bits(self) -> WindowBits {
        match self {
            // Its window of 8 bits is one of 9 in truth.
            #[cfg(feature = "zlib-rs")]
            Self::ZlibRs => WindowBits::NINE,
            #[cfg(feature = "miniz_oxide")]
            Self::MinizOxide => WindowBits::MAX,
        }
    }

    pub(super) const fn check(self, window_bits: WindowBits) -> Result<(), UnsupportedWindow> {
        window_bits.check_min(self.min_window_bits())
    }
}

/// Calls the same method of whichever backend it is.
macro_rules! each {
    ($value:expr, $backend:ident => $call:expr) => {
        match $value {
            #[cfg(feature = "zlib-rs")]
            Self::ZlibRs($backend) => $call,
            #[cfg(feature = "miniz_oxide")]
            Self::MinizOxide($backend) => $call,
        }
    };
}

/// A decompressor.
pub(super) enum Inflate {
    #[cfg(feature = "zlib-rs")]
    ZlibRs(zlib_rs::Inflate),
    #[cfg(feature = "miniz_oxide")]
    MinizOxide(miniz_oxide::Inflate),
}

impl Inflate {
    pub(super) fn new(backend: Backend) -> Self {
        match backend {
            #[cfg(feature = "zlib-rs")]
            Backend::ZlibRs => Self::ZlibRs(zlib_rs::Inflate::new()),
            #[cfg(feature = "miniz_oxide")]
            Backend::MinizOxide => Self::MinizOxide(miniz_oxide::Inflate::new()),
        }
    }

    /// Begins a stream before which `history` was decompressed. It can refer back to nothing else.
    pub(super) fn restart(&mut self, history: [&[u8]; 2]) -> Result<(), Corrupt> {
        each!(self, inflate => inflate.restart(history))
    }

    /// Decompresses from the front of `input`, at most [`MAX_PIECE_LEN`](super::MAX_PIECE_LEN)
    /// bytes.
    pub(super) fn inflate(&mut self, input: &[u8], max_output_len: usize) -> Result<Step, Corrupt> {
        each!(self, inflate => inflate.inflate(input, max_output_len))
    }

    /// Returns the output of the last call.
    pub(super) fn output(&self, written: usize) -> &[u8] {
        each!(self, inflate => inflate.output(written))
    }

    /// Takes the end of an empty block without compression. Whether that ends a block, at the last
    /// byte and no other.
    pub(super) fn take_tail(&mut self) -> bool {
        each!(self, inflate => inflate.take_tail())
    }
}

/// A compressor.
pub(super) enum Deflate {
    #[cfg(feature = "zlib-rs")]
    ZlibRs(zlib_rs::Deflate),
    #[cfg(feature = "miniz_oxide")]
    MinizOxide(miniz_oxide::Deflate),
}

impl Deflate {
    /// `window_bits` is at least [`Backend::min_window_bits`].
    pub(super) fn new(backend: Backend, window_bits: WindowBits, level: Level) -> Self {
        debug_assert_eq!(backend.check(window_bits), Ok(()));
        match backend {
            #[cfg(feature = "zlib-rs")]
            Backend::ZlibRs => Self::ZlibRs(zlib_rs::Deflate::new(window_bits, level.get())),
            // There is one window that it keeps to.
            #[cfg(feature = "miniz_oxide")]
            Backend::MinizOxide => Self::MinizOxide(miniz_oxide::Deflate::new(level.get())),
        }
    }

    pub(super) const fn backend(&self) -> Backend {
        match self {
            #[cfg(feature = "zlib-rs")]
            Self::ZlibRs(_) => Backend::ZlibRs,
            #[cfg(feature = "miniz_oxide")]
            Self::MinizOxide(_) => Backend::MinizOxide,
        }
    }

    /// Forgets everything but its memory.
    pub(super) fn restart(&mut self) {
        each!(self, deflate => deflate.restart());
    }

    /// Compresses `input` onto `out`; with `flush` so that all of it can be decompressed, and an
    /// empty block without compression is the end.
    pub(super) fn deflate(
        &mut self,
        input: &[u8],
        flush: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Stalled> {
        each!(self, deflate => deflate.deflate(input, flush, out))
    }
}
