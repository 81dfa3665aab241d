//! The size of a window (RFC 7692, 7.1.2): [`WindowBits`], 8 to 15.

use core::fmt;

use crate::parameters::Token;

/// The base-2 logarithm of the length of an LZ77 window: 8 (256 bytes) to 15 (32,768 bytes).
///
/// ```
/// use tidings_deflate::WindowBits;
///
/// assert_eq!(WindowBits::new(12).map(WindowBits::window_len), Some(4096));
/// assert_eq!(WindowBits::new(16), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes, the smallest window.
    pub const MIN: Self = Self(8);
    /// 512 bytes, the smallest window that zlib and its kin keep to while they compress.
    pub const NINE: Self = Self(9);
    /// 4 KiB.
    pub const TWELVE: Self = Self(12);
    /// 32 KiB, the largest window and the one that holds where none was agreed.
    pub const MAX: Self = Self(15);

    /// `None` if `bits` is not 8 to 15.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits < Self::MIN.0 || bits > Self::MAX.0 { None } else { Some(Self(bits)) }
    }

    /// The number of bits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Returns the maximum distance of a match in bytes.
    #[must_use]
    pub const fn window_len(self) -> usize {
        1 << self.0
    }

    /// Returns the smallest window that covers `len` bytes; `None` if there is none.
    #[cfg(any(feature = "zlib-rs", feature = "miniz_oxide"))]
    pub(crate) fn covering(len: usize) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).map(Self).find(|bits| len <= bits.window_len())
    }

    /// The value as it stands in a parameter.
    pub(crate) const fn as_str(self) -> &'static str {
        match self.0 {
            8 => "8",
            9 => "9",
            10 => "10",
            11 => "11",
            12 => "12",
            13 => "13",
            14 => "14",
            _ => "15", // by construction
        }
    }

    /// RFC 7692, 7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15".
    pub(crate) fn from_token(token: &Token) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).map(Self).find(|bits| token.is(bits.as_str()))
    }

    /// Checks whether a compressor that supports no window below `min_window_bits` keeps to this
    /// one.
    pub(crate) const fn check_min(self, min_window_bits: Self) -> Result<(), UnsupportedWindow> {
        if self.0 < min_window_bits.0 {
            Err(UnsupportedWindow { window_bits: self, min_window_bits })
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for WindowBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The compressor cannot keep to a window of this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedWindow {
    /// The window that was asked for.
    pub window_bits: WindowBits,
    /// The smallest window that it keeps to.
    pub min_window_bits: WindowBits,
}

impl fmt::Display for UnsupportedWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window_bits, min_window_bits } = self;
        write!(
            f,
            "a window of {window_bits} bits is too small for the compressor, which needs at least \
             {min_window_bits}"
        )
    }
}

impl core::error::Error for UnsupportedWindow {}
