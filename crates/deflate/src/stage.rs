//! The compression itself (RFC 7692, 7.2): [`Inflater`] and [`Deflater`], one of each for a
//! connection, and the states that they borrow from a pool.

mod backend;
mod deflate;
mod history;
mod inflate;
#[cfg(feature = "miniz_oxide")]
mod miniz_oxide;
mod shared;
#[cfg(feature = "zlib-rs")]
mod zlib_rs;

pub use backend::Backend;
pub use deflate::{DeflateConfig, DeflateError, DeflateState, Deflater, Level};
pub use inflate::{InflateError, InflateState, Inflater};
pub use shared::SharedMessage;

/// RFC 7692, 7.2.1 and 7.2.2: the bytes that the sender strips and the receiver adds: the end of an
/// empty block without compression.
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The most that a backend writes at once. More would cost memory, less would cost calls.
const MAX_PIECE_LEN: usize = 16 * 1024;

/// The result of one call of the backend's decompressor.
struct Step {
    /// The number of input bytes that it took.
    consumed: usize,
    /// The number of bytes that it wrote; `output(written)` has them.
    written: usize,
    /// A block with the "BFINAL" bit has ended; nothing after it was taken.
    ended: bool,
}

/// The bytes are not valid DEFLATE.
struct Corrupt;

/// The backend's compressor refused its work.
struct Stalled;

#[cfg(test)]
mod bits;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;
