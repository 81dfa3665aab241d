//! An open stream: [`Streaming`], from the body to what it means.

use bytes::Bytes;
use tidings_endpoint::event_source::{Client, ContentDecoder, Received, StreamError, Update};

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

    /// Waits for what the stream says next, until the deadline of the client.
    pub(super) fn next(&mut self, client: &mut Client) -> Incident {
        self.try_next(client).unwrap_or_else(Incident::Broken)
    }

    fn try_next(&mut self, client: &mut Client) -> Result<Incident, StreamError> {
        loop {
            let received_at = self.connection.received_at();
            let received = client.receive(received_at, &mut self.content);
            match received.map_err(StreamError::Coding)? {
                Received::Update(update) => return Ok(Incident::Update(update)),
                Received::Passed => continue,
                Received::Nothing => {}
            }
            // Lets go of the piece before, whose memory is read into again.
            self.content.feed(Bytes::new());
            match self.connection.piece(client.poll_timeout())? {
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
