//! How much of a head is read before it is refused.

/// The bounds of one HTTP head, checked byte by byte as the head arrives.
///
/// Start from [`Limits::server`] or [`Limits::client`] and change a field:
///
/// ```
/// let mut limits = tidings_handshake::Limits::server();
/// limits.headers_max = 32;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the whole head, from the first byte received to the end of the blank line.
    pub head_len_max: usize,
    /// Bytes of the request line or status line, without its line end.
    pub start_line_len_max: usize,
    /// Header lines.
    pub headers_max: usize,
}

impl Limits {
    /// No bound at all. Only for input that is already bounded by its source.
    pub const UNBOUNDED: Self =
        Self { head_len_max: usize::MAX, start_line_len_max: usize::MAX, headers_max: usize::MAX };

    /// What a server allows a stranger: 16 KiB of head, 8 KiB of request line, 100 headers.
    #[must_use]
    pub const fn server() -> Self {
        Self { head_len_max: 16 * 1024, start_line_len_max: 8 * 1024, headers_max: 100 }
    }

    /// What a client reads from a server that it chose: the same numbers.
    #[must_use]
    pub const fn client() -> Self {
        Self::server()
    }
}
