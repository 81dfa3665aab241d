//! What one connection may take and how long it may wait.

use std::time::Duration;

use tidings_websocket::{Limits, Timeouts};

use super::compression::Compression;

/// The numbers of a connection; the defaults are safe for an unattended server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Limits on what the peer sends.
    pub limits: Limits,
    /// How long to wait for the peer. The ping interval is spread by up to a tenth for each
    /// connection, so that connections do not all ping at once.
    pub timeouts: Timeouts,
    /// Limits on the head of the opening handshake.
    pub head_limits: tidings_handshake::Limits,
    /// The time for the whole opening handshake, not for one read of it.
    pub handshake_timeout: Duration,
    /// The time that a write may go without any progress before the peer is given up. Once the
    /// connection ends, the time for all that is still to be written.
    pub write_timeout: Duration,
    /// How many bytes may be queued before `feed` refuses more. `send` waits at 64 KiB.
    pub max_write_queue_len: usize,
    /// How to compress messages with a peer that agrees (RFC 7692); `None`: not at all.
    pub compression: Option<Compression>,
    /// Whether `recv` also yields Ping, Pong and Close, which are dealt with in any case.
    pub deliver_control_frames: bool,
}

impl Config {
    /// For a server, whose peers are strangers.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            limits: Limits::server(),
            timeouts: Timeouts::server(),
            head_limits: tidings_handshake::Limits::server(),
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_write_queue_len: 1024 * 1024,
            compression: None,
            deliver_control_frames: false,
        }
    }

    /// For a client, which chose its server.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            limits: Limits::client(),
            timeouts: Timeouts::client(),
            head_limits: tidings_handshake::Limits::client(),
            ..Self::server()
        }
    }
}
