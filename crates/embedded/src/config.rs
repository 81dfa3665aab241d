//! What one connection may take, and how long it may wait.

use core::time::Duration;

use tidings_websocket::{Limits, Timeouts};

/// The numbers of a connection. How long a head may be is not among them: as long as the buffer.
///
/// ```
/// use tidings_embedded::Config;
///
/// let mut config = Config::server();
/// config.limits.max_message_len = 4 * 1024;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Limits on what the peer sends. A message may be longer than the buffer: it then comes in
    /// pieces.
    pub limits: Limits,
    /// How long to wait for the peer.
    pub timeouts: Timeouts,
    /// The time for the whole opening handshake. It is looked at after each read.
    pub handshake_timeout: Duration,
    /// Whether `recv` flushes what was written before it waits. Without, what a stream holds back (as
    /// TLS does) is for you to flush. With, nothing is received while the stream flushes, and some,
    /// such as those of embassy-net, then wait until the peer has acknowledged all.
    pub flush_before_waiting: bool,
}

impl Config {
    /// For a server, whose peers are strangers.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            limits: Limits::server(),
            timeouts: Timeouts::server(),
            handshake_timeout: Duration::from_secs(10),
            flush_before_waiting: true,
        }
    }

    /// For a client, which chose its server.
    #[must_use]
    pub const fn client() -> Self {
        Self { limits: Limits::client(), timeouts: Timeouts::client(), ..Self::server() }
    }
}
