//! Room for one event, taken before the event is made: [`Permit`].

use std::fmt;

use super::stream::Stream;
use super::{EncodedEvent, SendError};

/// Room in a client's queue, from [`EventSender::reserve`](super::EventSender::reserve). Dropped, it
/// gives the room back.
#[must_use = "room that is not used should be given back"]
pub struct Permit<'s> {
    stream: &'s Stream,
    /// The number of reserved bytes; `None` once they are used.
    reserved: Option<usize>,
}

impl<'s> Permit<'s> {
    pub(super) fn new(stream: &'s Stream, reserved: usize) -> Self {
        Self { stream, reserved: Some(reserved) }
    }

    /// Queues the event, at once.
    ///
    /// # Errors
    /// The stream has ended, or the event is [longer](SendError::TooLarge) than the reservation.
    pub fn send(mut self, event: impl Into<EncodedEvent>) -> Result<(), SendError> {
        let reserved = self.reserved.take();
        debug_assert!(reserved.is_some(), "a permit is used once, by value");
        self.stream.push_reserved(event.into(), reserved.unwrap_or(0))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(reserved) = self.reserved {
            self.stream.give_back(reserved);
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("reserved", &self.reserved).finish_non_exhaustive()
    }
}
