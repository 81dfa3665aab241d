//! An open WebSocket: [`WebSocket`].

use core::fmt;
use core::ops::Range;

use embedded_io_async::{Read, Write};
use tidings_websocket::{Event, Role, Timestamp};

use super::receive_half::ReceiveHalf;
use super::sender::Sender;
use crate::config::Config;
use crate::error::Error;

/// A WebSocket whose opening handshake is done.
///
/// It receives. Its [`Sender`] sends; [`recv`](Self::recv) returns it with each event.
pub struct WebSocket<'b, S, R, C> {
    receive_half: ReceiveHalf<'b>,
    sender: Sender<S, R, C>,
}

impl<'b, S: Read + Write, R: Role, C: FnMut() -> Timestamp> WebSocket<'b, S, R, C> {
    /// Takes over a stream after an opening handshake without extensions that other code has done.
    /// `unread` is the range of the buffer with the first frames, if some came with the handshake.
    pub fn from_handshaken(
        stream: S,
        role: R,
        buffer: &'b mut [u8],
        unread: Range<usize>,
        clock: C,
        config: &Config,
    ) -> Self {
        let mut sender = Sender::new(stream, role, clock, config);
        let receive_half = ReceiveHalf::new(buffer, unread, sender.now());
        Self { receive_half, sender }
    }

    /// Receives the next event, borrowed from the buffer, and returns the sender with it. `None` after
    /// the closing handshake: close the stream then, `embedded-io` has no method for that.
    ///
    /// A message that is longer than the buffer, or that the network splits, comes in several
    /// events; `is_first` and `is_last` are its boundaries. `text.rest` has the whole text of each
    /// event: a character that was split is completed in the buffer, so `text.carried` is `None`.
    ///
    /// Before this waits for the stream, it answers Pings, and writes and flushes all pending
    /// output.
    ///
    /// # Cancel safety
    /// Cancel safe if the stream's methods are: nothing is lost or sent twice, and a frame that is
    /// written in part is finished by the next call.
    ///
    /// # Errors
    /// The reason why the connection ended, once; then `None`. [`Error::Io`] does not end the
    /// connection: if the stream has only timed out, call this again.
    #[allow(clippy::type_complexity, reason = "an alias would hide what is borrowed")]
    pub async fn recv(
        &mut self,
    ) -> Result<Option<(Event<'_>, &mut Sender<S, R, C>)>, Error<S::Error>> {
        let Self { receive_half, sender } = self;
        let event = receive_half.recv(sender).await?;
        Ok(event.map(|event| (receive_half.event(event), sender)))
    }

    /// Returns the sender.
    pub const fn sender(&mut self) -> &mut Sender<S, R, C> {
        &mut self.sender
    }

    /// Returns the time at which to stop waiting for [`recv`](Self::recv) and call
    /// [`handle_timeout`](Self::handle_timeout); `None` after the end. Every call that sends or
    /// receives may change it.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.sender.poll_timeout()
    }

    /// Does the work that is due now, if any: fails the connection if the peer is late, or queues a
    /// Ping. The next `recv` writes it.
    ///
    /// Call it when `recv` has waited until the deadline, not when the application was busy until
    /// then: an answer of the peer may be waiting to be received.
    pub fn handle_timeout(&mut self) {
        self.sender.handle_timeout();
    }

    /// Returns the stream.
    pub fn into_stream(self) -> S {
        self.sender.stream
    }
}

impl<S, R: fmt::Debug, C> fmt::Debug for WebSocket<'_, S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("sender", &self.sender).finish_non_exhaustive()
    }
}
