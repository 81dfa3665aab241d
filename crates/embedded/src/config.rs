//! The limits and times of one connection: [`Config`].

use core::time::Duration;

use tidings_websocket::{Limits, Timeouts};

/// Limits, timeouts and options of a connection. The length of a head is limited by the buffer.
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
    /// Limits on the peer's messages and frames. A message may be longer than the buffer: it then
    /// comes in several events.
    pub limits: Limits,
    /// Keep-alive, message, idle and closing timeouts.
    pub timeouts: Timeouts,
    /// The time for the whole opening handshake, checked after each read.
    pub handshake_timeout: Duration,
    /// `true` if `recv` flushes before it waits. If not, call `flush` yourself for a stream that
    /// buffers bytes, as TLS does. If so, nothing is received while the stream flushes, and some
    /// streams, such as those of embassy-net, flush until the peer has acknowledged everything.
    pub flush_before_waiting: bool,
}

impl Config {
    /// For a server, whose peers are unknown.
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
