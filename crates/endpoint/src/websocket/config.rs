//! Limits, timeouts and options of a connection.

use std::time::Duration;

use tidings_websocket::{Limits, Timeouts};

use super::compression::Compression;

/// Limits, timeouts and options of a connection. The defaults are safe for an unattended server.
///
/// ```
/// use std::time::Duration;
/// use tidings_endpoint::websocket::{Compression, Config};
///
/// let config = Config::server()
///     .max_message_len(64 * 1024)
///     .write_timeout(Duration::from_secs(5))
///     .compression(Compression::default());
/// assert_eq!(config.limits.max_message_len, 65_536);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Limits on the peer's messages and frames.
    pub limits: Limits,
    /// Keep-alive, message, idle and closing timeouts. The ping interval is spread by up to a tenth
    /// for each connection, so that connections do not all ping at once.
    pub timeouts: Timeouts,
    /// Limits on the head of the opening handshake.
    pub head_limits: tidings_handshake::Limits,
    /// The time for the whole opening handshake, not for one read of it.
    pub handshake_timeout: Duration,
    /// The time that a write may go without any progress before the connection ends. Once closing
    /// has begun, the time for the rest of the queue, plus a second for each 16 KiB of it.
    ///
    /// Progress is seen when the transport has room again. Linux says so of a TCP socket once a third
    /// of its send buffer is free, which may be a megabyte: raise this for peers that read less than
    /// 100 KB a second.
    pub write_timeout: Duration,
    /// The number of bytes that may be queued before `feed` refuses more. `send` waits at 64 KiB.
    pub max_write_queue_len: usize,
    /// The number of bytes that may be read ahead while a `send` waits for the peer to take bytes:
    /// two sides that both send first would otherwise wait for each other. At this limit the
    /// connection ends with [`Error::BothSend`](crate::Error::BothSend), once the peer has taken
    /// nothing for the `write_timeout`.
    pub max_read_ahead_len: usize,
    /// `true` if the reply to a message may wait for the reply to the next one, if that was already
    /// received whole: then the replies to all messages of one read leave in one write. On by
    /// default.
    pub batch_replies: bool,
    /// The compression of messages with a peer that agrees to it (RFC 7692); `None`: off.
    pub compression: Option<Compression>,
    /// `true` if `recv` also returns Ping, Pong and Close, which are handled in any case.
    pub deliver_control_frames: bool,
}

impl Config {
    /// The defaults of a server, whose peers are strangers.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            limits: Limits::server(),
            timeouts: Timeouts::server(),
            head_limits: tidings_handshake::Limits::server(),
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_write_queue_len: 1024 * 1024,
            max_read_ahead_len: 4 * 1024 * 1024,
            batch_replies: true,
            compression: None,
            deliver_control_frames: false,
        }
    }

    /// The defaults of a client, which chose its server.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            limits: Limits::client(),
            timeouts: Timeouts::client(),
            head_limits: tidings_handshake::Limits::client(),
            max_read_ahead_len: 16 * 1024 * 1024,
            ..Self::server()
        }
    }

    /// The same with these limits on the peer's messages and frames.
    #[must_use]
    pub const fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same with messages, and frames, of at most this many bytes.
    #[must_use]
    pub const fn max_message_len(mut self, max_len: u64) -> Self {
        self.limits.max_message_len = max_len;
        self.limits.max_frame_len = max_len;
        self
    }

    /// The same with these timeouts.
    #[must_use]
    pub const fn timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// The same with these limits on the head of the opening handshake.
    #[must_use]
    pub const fn head_limits(self, head_limits: tidings_handshake::Limits) -> Self {
        Self { head_limits, ..self }
    }

    /// The same with this time for the whole opening handshake.
    #[must_use]
    pub const fn handshake_timeout(self, timeout: Duration) -> Self {
        Self { handshake_timeout: timeout, ..self }
    }

    /// The same with this time for a write without progress.
    #[must_use]
    pub const fn write_timeout(self, timeout: Duration) -> Self {
        Self { write_timeout: timeout, ..self }
    }

    /// The same with at most this many queued bytes.
    #[must_use]
    pub const fn max_write_queue_len(self, max_len: usize) -> Self {
        Self { max_write_queue_len: max_len, ..self }
    }

    /// The same with at most this many bytes received ahead while a `send` waits.
    #[must_use]
    pub const fn max_read_ahead_len(self, max_len: usize) -> Self {
        Self { max_read_ahead_len: max_len, ..self }
    }

    /// The same, and replies to messages of one read leave in one write, or each by itself.
    #[must_use]
    pub const fn batch_replies(self, batch: bool) -> Self {
        Self { batch_replies: batch, ..self }
    }

    /// The same with compression, if the peer agrees.
    #[must_use]
    pub const fn compression(self, compression: Compression) -> Self {
        Self { compression: Some(compression), ..self }
    }

    /// The same, and `recv` returns Ping, Pong and Close as well, or does not.
    #[must_use]
    pub const fn deliver_control_frames(self, deliver: bool) -> Self {
        Self { deliver_control_frames: deliver, ..self }
    }
}
