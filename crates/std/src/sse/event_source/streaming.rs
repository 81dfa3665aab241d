//! An open stream: [`Streaming`], from the body to what it means.

use std::time::Duration;

use bytes::Bytes;
use tidings_endpoint::event_source::{ContentDecoder, StreamError, Update};
use tidings_sse::{EventSource, GrowableStorage};

use super::connection::{Connection, Piece};

pub(super) struct Streaming {
    connection: Connection,
    content: ContentDecoder,
}

/// What comes of waiting.
pub(super) enum Incident {
    Update(Update),
    /// The body is over as HTTP says that it is.
    End,
    Broken(StreamError),
    /// Nothing came; a deadline may have.
    Silence,
}

impl Streaming {
    pub(super) const fn new(connection: Connection, content: ContentDecoder) -> Self {
        Self { connection, content }
    }

    /// Waits for what the stream says next, until the deadline of the machine.
    pub(super) fn next(&mut self, machine: &mut EventSource<GrowableStorage>) -> Incident {
        self.try_next(machine).unwrap_or_else(Incident::Broken)
    }

    fn try_next(
        &mut self,
        machine: &mut EventSource<GrowableStorage>,
    ) -> Result<Incident, StreamError> {
        loop {
            let available = self.content.available().map_err(StreamError::Coding)?;
            if !available.is_empty() {
                let mut rest = available;
                let received_at = self.connection.received_at();
                // What is of no interest is passed over.
                let update = loop {
                    let Some(item) = machine.receive(received_at, &mut rest) else { break None };
                    let update = Update::of(item);
                    if update.is_some() {
                        break update;
                    }
                };
                let len = available.len().saturating_sub(rest.len());
                self.content.consume(len);
                match update {
                    Some(update) => return Ok(Incident::Update(update)),
                    None => continue,
                }
            }
            // Lets go of the piece before, whose memory is read into again.
            self.content.feed(Bytes::new());
            match self.connection.piece(machine.poll_timeout().unwrap_or(Duration::MAX))? {
                Piece::Data(data) => self.content.feed(data),
                Piece::Silence => return Ok(Incident::Silence),
                Piece::End => {
                    self.content.finish().map_err(StreamError::Coding)?;
                    return Ok(Incident::End);
                }
            }
        }
    }
}
