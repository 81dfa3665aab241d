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
    /// 4 KiB.
    pub const TWELVE: Self = Self(12);
    /// 32 KiB, the largest window and the one that holds where none was agreed.
    pub const MAX: Self = Self(15);

    /// The smallest window that the chosen backend can keep to while it compresses.
    ///
    /// zlib-rs: 9, for its window of 8 bits is one of 9 in truth. `miniz_oxide`: 15, the one that it
    /// knows. Without a backend: 8. Every backend decompresses what was made with any window.
    pub const DEFLATE_MIN: Self = if cfg!(feature = "zlib-rs") {
        Self(9)
    } else if cfg!(feature = "miniz_oxide") {
        Self::MAX
    } else {
        Self::MIN
    };

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

    /// How many bytes back a match may begin.
    #[must_use]
    pub const fn window_len(self) -> usize {
        1 << self.0
    }

    /// The smallest window in which nothing of `len` bytes is out of reach; `None` if there is none.
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

    /// This one, unless the backend cannot keep to it.
    pub(crate) const fn deflatable(self) -> Result<Self, UnsupportedWindow> {
        if self.0 < Self::DEFLATE_MIN.0 {
            Err(UnsupportedWindow { window_bits: self })
        } else {
            Ok(self)
        }
    }
}

impl fmt::Display for WindowBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The backend of this build cannot compress within so small a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedWindow {
    /// The window that was asked for.
    pub window_bits: WindowBits,
}

impl fmt::Display for UnsupportedWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this build compresses with windows of {} to 15 bits, not of {}",
            WindowBits::DEFLATE_MIN,
            self.window_bits
        )
    }
}

impl core::error::Error for UnsupportedWindow {}
