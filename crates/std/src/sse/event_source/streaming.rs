//! An open stream: [`Streaming`], from the body to its events.

use bytes::Bytes;
use tidings_endpoint::event_source::{Client, ClientEvent, ContentDecoder, Received, StreamError};

use tidings_sse::Timestamp;

use super::connection::{BodyRead, Connection};

pub(super) struct Streaming {
    connection: Connection,
    content: ContentDecoder,
}

/// The result of waiting.
pub(super) enum Incident {
    Event(ClientEvent),
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

    /// Waits for the next event of the stream, until the deadline of the client or of the call.
    pub(super) fn next(&mut self, client: &mut Client, call: Option<Timestamp>) -> Incident {
        self.try_next(client, call).unwrap_or_else(Incident::Broken)
    }

    fn try_next(
        &mut self,
        client: &mut Client,
        call: Option<Timestamp>,
    ) -> Result<Incident, StreamError> {
        loop {
            let received_at = self.connection.received_at();
            let received = client.receive(received_at, &mut self.content);
            match received.map_err(StreamError::Coding)? {
                Received::Event(event) => return Ok(Incident::Event(event)),
                Received::Passed => continue,
                Received::Nothing => {}
            }
            // Lets go of the chunk before, whose memory is read into again.
            self.content.feed(Bytes::new());
            match self.connection.read_body(earlier(client.poll_timeout(), call))? {
                BodyRead::Data(data) => self.content.feed(data),
                BodyRead::Silence => return Ok(Incident::Silence),
                BodyRead::End => {
                    self.content.finish().map_err(StreamError::Coding)?;
                    return Ok(Incident::End);
                }
            }
        }
    }
}

/// The first of two times that may be never.
pub(super) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
