//! Compressed messages that come: [`Inflating`] puts them together.

use std::borrow::Cow;

use tidings_deflate::{Backend, Direction, InflateError, Inflater};
use tidings_websocket::frame::Utf8Validator;
use tidings_websocket::{MessageKind, MessageRef, Violation};

use super::pool;

/// Inflates the messages of one peer.
///
/// Between messages it holds only the window that later ones may refer back to, which is empty
/// without context takeover.
#[derive(Debug)]
pub(in crate::websocket) struct Inflating {
    inflater: Inflater,
    message: Vec<u8>,
}

/// The result of a part.
#[derive(Debug)]
pub(in crate::websocket) enum Inflated {
    /// A part of a message that continues.
    Incomplete,
    /// The end of a message.
    Message(MessageRef<'static>),
}

impl Inflating {
    pub(in crate::websocket) fn new(direction: Direction, max_message_len: u64) -> Self {
        Self {
            inflater: Inflater::new(Backend::ZlibRs, direction, max_message_len),
            message: Vec::new(),
        }
    }

    /// Takes the next part of a compressed message.
    ///
    /// RFC 7692, 6.2: the fragments are inflated as one, and the inflated bytes are checked against
    /// the rules: their length while they are produced, their UTF-8 at the end.
    pub(in crate::websocket) fn push(
        &mut self,
        kind: MessageKind,
        part: &[u8],
        is_last: bool,
    ) -> Result<Inflated, Violation> {
        if self.inflater.needs_state() {
            if let Some(state) = pool::take_inflate_state() {
                self.inflater.supply(state);
            }
        }
        let inflated = self.inflate(part, is_last);
        if inflated.is_err() {
            self.message = Vec::new();
        }
        inflated?;
        if !is_last {
            return Ok(Inflated::Incomplete);
        }
        if let Some(state) = self.inflater.release() {
            pool::give_back_inflate_state(state);
        }
        let message = std::mem::take(&mut self.message);
        Ok(Inflated::Message(match kind {
            MessageKind::Binary => MessageRef::Binary(Cow::Owned(message)),
            MessageKind::Text => {
                // RFC 6455, 8.1
                let mut utf8 = Utf8Validator::new();
                utf8.push(&message).map_err(Violation::InvalidUtf8)?;
                utf8.finish().map_err(Violation::InvalidUtf8)?;
                MessageRef::Text(Cow::Owned(String::from_utf8(message).unwrap_or_default()))
            }
        }))
    }

    fn inflate(&mut self, part: &[u8], is_last: bool) -> Result<(), Violation> {
        let mut rest = part;
        while let Some(piece) = self.inflater.inflate(&mut rest).map_err(violation)? {
            self.message.extend_from_slice(piece);
        }
        if is_last { self.inflater.finish().map_err(violation) } else { Ok(()) }
    }
}

fn violation(error: InflateError) -> Violation {
    match error {
        InflateError::TooLong { max_len } => {
            Violation::MessageTooLong { message_len: max_len.saturating_add(1), max_len }
        }
        _ => Violation::CorruptCompression,
    }
}
