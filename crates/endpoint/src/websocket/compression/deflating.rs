//! Messages that are sent compressed: [`Deflating`], and [`CompressedMessage`], compressed once for
//! many connections.

use std::sync::Arc;

use tidings_deflate::{
    DeflateConfig, DeflateState, Deflater, Direction, SharedMessage, UnsupportedWindow, WindowBits,
};

use super::super::message::Message;
use super::pool;

/// Compresses the messages for one peer.
#[derive(Debug)]
pub(in crate::websocket) struct Deflating {
    deflater: Deflater,
    direction: Direction,
    config: DeflateConfig,
}

impl Deflating {
    /// `None`: the window that was agreed on is too small to compress in, and all messages go plain.
    pub(in crate::websocket) fn new(direction: Direction, config: DeflateConfig) -> Option<Self> {
        let deflater = Deflater::new(direction, config).ok()?;
        Some(Self { deflater, direction, config })
    }

    /// Returns the payload to send with RSV1; `None` means to send the message uncompressed.
    pub(in crate::websocket) fn compress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        // Nothing is taken from the pool for messages that are too short.
        if payload.len() < self.config.threshold {
            return None;
        }
        if self.deflater.needs_state() {
            let (window_bits, config) = (self.direction.window_bits(), self.config);
            let state = pool::take_deflate_state(|state| fits(state, window_bits, config));
            if let Some(state) = state {
                // It fits, so it is taken.
                let _ = self.deflater.supply(state);
            }
        }
        let mut compressed = Vec::new();
        let is_compressed = self.deflater.message(payload, &mut compressed);
        if !self.direction.context_takeover() {
            if let Some(state) = self.deflater.release() {
                pool::give_back_deflate_state(state);
            }
        }
        is_compressed.then_some(compressed)
    }

    /// The payload of a message that was compressed for many, if this peer can take it.
    pub(in crate::websocket) fn admit<'a>(
        &mut self,
        shared: &'a SharedMessage,
    ) -> Option<&'a [u8]> {
        self.deflater.admit(shared)
    }
}

/// A message that is compressed once and sent to any number of connections: compressed to those
/// that agreed to a large enough window, uncompressed to all others.
///
/// ```
/// use tidings_endpoint::websocket::{CompressedMessage, Message};
///
/// let news = Message::text("to whom it may concern; ".repeat(100));
/// let news = CompressedMessage::new(news);
/// assert!(news.compressed_len().unwrap() < 100);
/// // For each connection: `socket.send(&news)`.
/// ```
#[derive(Clone, Debug)]
pub struct CompressedMessage(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    message: Message,
    /// `None`: it does not get shorter.
    shared: Option<SharedMessage>,
}

impl CompressedMessage {
    /// Compresses a message in a window of 12 bits, the one that servers agree to by default. A
    /// control message is unchanged.
    #[must_use]
    pub fn new(message: Message) -> Self {
        let shared = compress_for_many(&message, WindowBits::TWELVE, DeflateConfig::DEFAULT);
        Self(Arc::new(Parts { message, shared: shared.ok().flatten() }))
    }

    /// Compresses a message in this window, for connections that agreed to one as large at least,
    /// unless it is below the threshold.
    ///
    /// # Errors
    /// The window is too small to compress in.
    pub fn with(
        message: Message,
        window_bits: WindowBits,
        config: DeflateConfig,
    ) -> Result<Self, UnsupportedWindow> {
        let shared = compress_for_many(&message, window_bits, config)?;
        Ok(Self(Arc::new(Parts { message, shared })))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// The length sent to connections that take the message compressed; `None`: none does.
    #[must_use]
    pub fn compressed_len(&self) -> Option<usize> {
        self.shared().map(SharedMessage::payload_len)
    }

    pub(in crate::websocket) fn shared(&self) -> Option<&SharedMessage> {
        self.0.shared.as_ref()
    }
}

/// `None`: the message is too short, or gains nothing.
fn compress_for_many(
    message: &Message,
    window_bits: WindowBits,
    config: DeflateConfig,
) -> Result<Option<SharedMessage>, UnsupportedWindow> {
    let payload = match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        _ => &[],
    };
    if payload.len() < config.threshold.max(1) {
        return Ok(None);
    }
    let mut state = match pool::take_deflate_state(|state| fits(state, window_bits, config)) {
        Some(state) => state,
        None => DeflateState::new(config.backend, window_bits, config.level)?,
    };
    let shared = SharedMessage::compress(&mut state, payload);
    pool::give_back_deflate_state(state);
    Ok(shared)
}

/// Returns whether a state of the pool is the same as a new one would be.
fn fits(state: &DeflateState, window_bits: WindowBits, config: DeflateConfig) -> bool {
    state.window_bits() == window_bits
        && (state.backend(), state.level()) == (config.backend, config.level)
}
