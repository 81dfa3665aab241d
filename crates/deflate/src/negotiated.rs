//! The result of the negotiation: a [`NegotiatedCompression`], with one [`Direction`] each way.

use crate::window_bits::WindowBits;

/// The agreed parameters (RFC 7692, 5), in force for the whole connection.
///
/// A server deflates in the direction [`NegotiatedCompression::server`] and inflates in the direction
/// [`NegotiatedCompression::client`]; a client the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiatedCompression {
    /// The compression of messages from the server.
    pub server: Direction,
    /// The compression of messages from the client.
    pub client: Direction,
}

/// The compression of messages from one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Direction {
    window_bits: WindowBits,
    context_takeover: bool,
}

impl Direction {
    /// A window of 32 KiB, kept from message to message: the default without other parameters.
    pub const UNLIMITED: Self = Self::new(WindowBits::MAX, true);

    /// A direction with these parameters.
    #[must_use]
    pub const fn new(window_bits: WindowBits, context_takeover: bool) -> Self {
        Self { window_bits, context_takeover }
    }

    /// The largest window that the sender uses.
    #[must_use]
    pub const fn window_bits(self) -> WindowBits {
        self.window_bits
    }

    /// Returns whether a message may refer back to the messages before it.
    #[must_use]
    pub const fn context_takeover(self) -> bool {
        self.context_takeover
    }
}
