//! The limits for reading a head.

/// The bounds of one HTTP head, checked byte by byte as the head arrives.
///
/// Start from [`Limits::server`] or [`Limits::client`] and change a field:
///
/// ```
/// let mut limits = tidings_handshake::Limits::server();
/// limits.max_headers = 32;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the whole head, from the first byte received to the end of the blank line.
    pub max_head_len: usize,
    /// Bytes of the request line or status line, without its line end.
    pub max_start_line_len: usize,
    /// Header lines.
    pub max_headers: usize,
}

impl Limits {
    /// No bound at all. Only for input that is already bounded by its source.
    pub const UNBOUNDED: Self =
        Self { max_head_len: usize::MAX, max_start_line_len: usize::MAX, max_headers: usize::MAX };

    /// The limits of a server for any client: 16 KiB of head, 8 KiB of request line, 100 headers.
    #[must_use]
    pub const fn server() -> Self {
        Self { max_head_len: 16 * 1024, max_start_line_len: 8 * 1024, max_headers: 100 }
    }

    /// The limits of a client for a server that it chose: the same numbers.
    #[must_use]
    pub const fn client() -> Self {
        Self::server()
    }
}
