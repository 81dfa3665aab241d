//! The sending side of a WebSocket: [`SendHalf`] has the machine, the queue, the deadlines and the
//! end. A sender needs only this half, so a received payload can be borrowed while it is sent on.
//!
//! Messages are queued here; the loop of an adapter uses `end`.

mod end;
mod pace;
mod read_ahead;

use std::time::Duration;

use bytes::Bytes;
use tidings_websocket::frame::{CloseFrame, Frame, Header};
use tidings_websocket::{
    CloseStatus, Connection, Data, MessageKind, Role, SendError, Timestamp, Transmit,
};

use self::pace::Pace;
pub(super) use self::read_ahead::Ahead;
use self::read_ahead::ReadAhead;
use super::compression::{Deflating, Negotiated};
use super::config::Config;
use super::message::Message;
use super::outgoing::Outgoing;
use super::write_queue::{BY_REFERENCE_FROM, WriteQueue};
use crate::error::Error;
use crate::{random, trace};

/// Above this many queued bytes a `send` writes before it returns.
const HIGH_WATER: usize = 64 * 1024;
/// Above this many queued bytes a Ping is not answered at once. A peer that floods us and takes
/// nothing would fill the queue.
const MAX_PONGS_LEN: usize = 4 * 1024;

/// The sending side of a WebSocket, its deadlines and its end.
#[derive(Debug)]
pub struct SendHalf<R> {
    pub(super) connection: Connection<R>,
    /// `None`: not negotiated, or the window is too small for us to compress in.
    deflating: Option<Box<Deflating>>,
    /// `true` to compress messages where possible.
    compresses: bool,
    queue: WriteQueue,
    max_queue_len: usize,
    write_timeout: Duration,
    /// Since when the transport takes nothing.
    write_stalled: Option<Timestamp>,
    /// The pace at which a peer takes the bytes that do not fit into the transport.
    pace: Option<Box<Pace>>,
    /// The time at which the peer has probably taken all written bytes.
    drained_at: Timestamp,
    /// Written, but perhaps held back by the transport (TLS does).
    needs_flush: bool,
    phase: Phase,
    /// The transport has ended on the peer's side.
    has_read_end: bool,
    /// The transport failed: the bytes queued then never left.
    has_failed: bool,
    /// The message after the one returned last is whole in the read buffer.
    pub(super) next_is_whole: bool,
    /// `true` if a reply may wait for the next one.
    batches_replies: bool,
    /// The bytes read while nothing could be written; rare, and so boxed.
    ahead: Option<Box<ReadAhead>>,
    max_read_ahead_len: usize,
    /// The reason why the connection fails: reported once the end is reached, and by later sends.
    failure: Option<Box<Error>>,
    /// This side began the closing handshake.
    was_closed_here: bool,
    /// The receiver has been told of the end.
    is_reported: bool,
}

/// The progress of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not begun, or the peer's Close is waited for.
    Running,
    /// Our Close frame is queued. It, and all before it, has until then to be written.
    Leaving { until: Timestamp },
    /// Our last bytes are on their way; then the sending side is shut down. Counted from the first
    /// look at it, it has until then.
    Finishing { until: Option<Timestamp> },
    /// Writing has failed; what was read ahead is still received.
    Hearing,
    /// Reading what the peer still sends, at most this many bytes.
    Draining { left: usize, until: Timestamp },
    /// Nothing more happens.
    Ended,
}

/// The next operation of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Output {
    /// Write: [`SendHalf::write_with`] has the slices, [`SendHalf::wrote`] takes the result.
    Write,
    /// Flush the transport; [`SendHalf::flushed`] takes the result.
    Flush,
    /// Shut down the sending side; [`SendHalf::shut_down`] takes the result.
    Shutdown,
    /// Nothing.
    Nothing,
}

impl<R: Role> SendHalf<R> {
    /// For a WebSocket whose opening handshake has just been done, and has negotiated this. The
    /// adapter's time begins now.
    pub fn new(role: R, config: &Config, negotiated: &Negotiated) -> Self {
        let mut timeouts = config.timeouts;
        timeouts.ping_interval = random::spread(timeouts.ping_interval);
        let is_server = role.is_server();
        let mut connection = Connection::new(role, config.limits, timeouts, Timestamp::default());
        let mut deflating = None;
        if let Some(compression) = negotiated.compression {
            connection = connection.allow_compression();
            let ours = if is_server { compression.server } else { compression.client };
            let deflate = config.compression.unwrap_or_default().deflate;
            deflating = Deflating::new(ours, deflate).map(Box::new);
        }
        Self {
            connection,
            deflating,
            compresses: true,
            queue: WriteQueue::default(),
            max_queue_len: config.max_write_queue_len,
            write_timeout: config.write_timeout,
            write_stalled: None,
            pace: None,
            drained_at: Timestamp::default(),
            needs_flush: false,
            phase: Phase::Running,
            has_read_end: false,
            has_failed: false,
            next_is_whole: false,
            batches_replies: config.batch_replies,
            ahead: None,
            max_read_ahead_len: config.max_read_ahead_len,
            failure: None,
            was_closed_here: false,
            is_reported: false,
        }
    }

    /// Queues a message. Large payloads that are shared are queued by reference, unless they have
    /// to be masked. The time is asked for only if the message is a Close.
    ///
    /// # Errors
    /// The message cannot be sent; nothing was queued.
    #[inline]
    pub fn queue(
        &mut self,
        outgoing: Outgoing<'_>,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<(), Error> {
        let payload = self.start_large(outgoing, now)?;
        if !payload.is_empty() {
            self.queue.push_bytes(payload);
        }
        Ok(())
    }

    /// Like [`queue`](Self::queue), for a message that is to be written at once. The returned bytes
    /// are not queued: write them after the queue with [`write_with`](Self::write_with), and pass
    /// the result to [`wrote_payload`](Self::wrote_payload). They are a small frame, if nothing
    /// else is queued, or a large borrowed payload, which is written without a copy. Empty if all
    /// is queued.
    ///
    /// # Errors
    /// Those of [`queue`](Self::queue).
    #[inline]
    pub fn start<'p>(
        &mut self,
        outgoing: Outgoing<'p>,
        small: &'p mut SmallFrame,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<&'p [u8], Error> {
        let is_alone = self.queue.is_empty() && self.deflating.is_none() && self.max_queue_len > 0;
        let fits = |len: usize| is_alone && len <= SmallFrame::MAX_PAYLOAD_LEN;
        // Each arm frames its own data: framing after the `match` takes 13 instructions more.
        let frame = match &outgoing {
            Outgoing::Text(text) if fits(text.len()) => self.frame_whole(Data::text(text)),
            Outgoing::Binary(bytes) if fits(bytes.len()) => self.frame_whole(Data::binary(bytes)),
            Outgoing::Message(Message::Text(text)) if fits(text.len()) => {
                self.frame_whole(Data::text(text))
            }
            Outgoing::Message(Message::Binary(bytes)) if fits(bytes.len()) => {
                self.frame_whole(Data::binary(bytes))
            }
            _ => return self.start_large(outgoing, now),
        };
        Ok(small.encode(&frame?))
    }

    /// Queues a message, except for a large borrowed payload that can be written unchanged: that is
    /// returned, to be written or queued next.
    #[inline]
    fn start_large<'p>(
        &mut self,
        outgoing: Outgoing<'p>,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<&'p [u8], Error> {
        let is_simple = self.queue.len() < self.max_queue_len && self.deflating.is_none();
        match outgoing {
            Outgoing::Text(text) if is_simple => self.start_data(Data::text(text)),
            Outgoing::Binary(bytes) if is_simple => self.start_data(Data::binary(bytes)),
            Outgoing::Message(message) if is_simple => {
                self.queue_message(message, now).map(|()| &[][..])
            }
            outgoing => self.start_other(outgoing, now),
        }
    }

    /// Does the same for a message that may have to be compressed, or for which there may be no
    /// room.
    #[inline(never)]
    fn start_other<'p>(
        &mut self,
        outgoing: Outgoing<'p>,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<&'p [u8], Error> {
        let (len, max_len) = (self.queue.len(), self.max_queue_len);
        if len >= max_len && !matches!(outgoing, Outgoing::Message(Message::Close(_))) {
            return Err(Error::QueueFull { len, max_len });
        }
        if self.deflating.is_some() {
            if let Some(compressed) = self.compress(&outgoing) {
                return self.queue_compressed(compressed).map(|()| &[][..]);
            }
        }
        match outgoing {
            Outgoing::Text(text) => return self.start_data(Data::text(text)),
            Outgoing::Binary(bytes) => return self.start_data(Data::binary(bytes)),
            Outgoing::Message(message) => self.queue_message(message, now)?,
            Outgoing::Compressed(message) => self.queue_message(message.message().clone(), now)?,
        }
        Ok(&[])
    }

    /// Queues a message, except for its payload if that is large and can be written unchanged.
    #[inline]
    fn start_data<'p>(&mut self, data: Data<'p>) -> Result<&'p [u8], Error> {
        let frame = self.frame_whole(data)?;
        if frame.payload().len() < BY_REFERENCE_FROM || !is_plain(&frame) {
            self.queue.push_frame(&frame);
            return Ok(&[]);
        }
        self.queue.push_bytes(&frame.header_bytes());
        Ok(frame.payload())
    }

    fn queue_message(
        &mut self,
        message: Message,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<(), Error> {
        match message {
            Message::Text(text) if text.len() < BY_REFERENCE_FROM => {
                self.queue_copy(Data::text(&text))?;
            }
            Message::Text(text) => {
                self.queue_shared(text.into_bytes(), |text| Data::utf8(text))?;
            }
            Message::Binary(bytes) if bytes.len() < BY_REFERENCE_FROM => {
                self.queue_copy(Data::binary(&bytes))?;
            }
            Message::Binary(bytes) => self.queue_shared(bytes, |bytes| Data::binary(bytes))?,
            Message::Ping(payload) => {
                let frame = self.connection.ping(*payload).map_err(|error| self.refusal(error))?;
                self.queue.push_bytes(frame.as_bytes());
            }
            Message::Pong(payload) => {
                let frame = self.connection.pong(*payload).map_err(|error| self.refusal(error))?;
                self.queue.push_bytes(frame.as_bytes());
            }
            Message::Close(close) => self.start_close(now(), close.map(|close| *close)),
        }
        Ok(())
    }

    /// Sets whether messages are compressed from now on, where compression was negotiated and
    /// helps.
    pub fn set_compressing(&mut self, compresses: bool) {
        self.compresses = compresses;
    }

    /// Returns whether compressed messages were negotiated.
    #[must_use]
    pub const fn may_compress(&self) -> bool {
        self.connection.allows_compression()
    }

    /// Compresses a message; `None` if it is to be sent uncompressed.
    fn compress(&mut self, outgoing: &Outgoing<'_>) -> Option<Compressed> {
        // Everything that enters the compressor's context must go to the peer: so check first for
        // every reason to refuse the message.
        if !self.compresses || !self.connection.is_open() || self.connection.is_sending_message() {
            return None;
        }
        let deflating = self.deflating.as_deref_mut()?;
        let (kind, payload) = match outgoing {
            Outgoing::Text(text) => (MessageKind::Text, text.as_bytes()),
            Outgoing::Binary(bytes) => (MessageKind::Binary, *bytes),
            Outgoing::Message(Message::Text(text)) => (MessageKind::Text, text.as_bytes()),
            Outgoing::Message(Message::Binary(bytes)) => (MessageKind::Binary, &bytes[..]),
            Outgoing::Message(_) => return None,
            Outgoing::Compressed(message) => {
                let kind = match message.message() {
                    Message::Text(_) => MessageKind::Text,
                    _ => MessageKind::Binary,
                };
                let payload = deflating.admit(message.shared()?)?.to_vec();
                return Some(Compressed { kind, payload });
            }
        };
        deflating.compress(payload).map(|payload| Compressed { kind, payload })
    }

    fn queue_compressed(&mut self, compressed: Compressed) -> Result<(), Error> {
        let Compressed { kind, payload } = compressed;
        match payload.len() {
            ..BY_REFERENCE_FROM => self.queue_copy(compressed_data(kind, &payload)),
            _ => self.queue_shared(payload.into(), |payload| compressed_data(kind, payload)),
        }
    }

    fn queue_copy(&mut self, data: Data<'_>) -> Result<(), Error> {
        let frame = self.frame_whole(data)?;
        self.queue.push_frame(&frame);
        Ok(())
    }

    fn queue_shared(
        &mut self,
        payload: Bytes,
        data: impl for<'p> FnOnce(&'p [u8]) -> Data<'p>,
    ) -> Result<(), Error> {
        let frame = self.frame_whole(data(&payload))?;
        if is_plain(&frame) {
            let header = frame.header_bytes();
            self.queue.push_bytes(&header);
            self.queue.push_shared(payload);
        } else {
            self.queue.push_frame(&frame);
        }
        Ok(())
    }

    /// Frames a whole message; not inside one that is sent in chunks.
    #[inline]
    fn frame_whole<'p>(&mut self, data: Data<'p>) -> Result<Frame<'p>, Error> {
        if self.connection.is_sending_message() {
            return Err(Error::MessageUnfinished);
        }
        self.frame(data)
    }

    /// Queues a chunk of a message.
    pub(super) fn queue_chunk(&mut self, data: Data<'_>) -> Result<(), Error> {
        let frame = self.frame(data)?;
        self.queue.push_frame(&frame);
        Ok(())
    }

    /// Frames a message or a chunk of one.
    #[inline]
    fn frame<'p>(&mut self, data: Data<'p>) -> Result<Frame<'p>, Error> {
        if self.has_failed {
            return Err(self.refusal(SendError::NotOpen));
        }
        match self.connection.send(data) {
            Ok(frame) => {
                trace::frame_sent(frame.payload().len());
                Ok(frame)
            }
            Err(error) => Err(self.refusal(error)),
        }
    }

    /// Starts the closing handshake; has no effect once it has begun.
    pub fn start_close(&mut self, now: Timestamp, close: Option<CloseFrame>) {
        if self.connection.is_open() {
            trace::closing(close.as_ref());
            self.was_closed_here = !self.is_half_closed();
        }
        self.connection.close(now, close);
    }

    /// Sets whether each side ends separately, as for a stream of bytes: see
    /// [`Connection::allow_half_close`].
    pub fn set_half_close(&mut self, allows: bool) {
        self.connection.allow_half_close(allows);
    }

    /// Returns whether the peer has closed, and we have not.
    #[must_use]
    pub fn is_half_closed(&self) -> bool {
        self.connection.is_open() && self.connection.close_info().received != CloseStatus::Missing
    }

    /// Queues the answer to a Ping at once: before the replies to later messages of the same read.
    /// Of many Pings in a row the first ones are answered this way, and the last.
    pub(super) fn transmit_pong(&mut self) {
        if self.queue.len() < MAX_PONGS_LEN {
            self.transmit();
        }
    }

    /// Queues the pending output of the machine; not while the peer takes nothing, so that answers
    /// to a flood of Pings do not pile up (of several, the last is answered).
    #[inline]
    fn transmit(&mut self) {
        if self.connection.wants_transmit() {
            self.transmit_pending();
        }
    }

    #[cold]
    fn transmit_pending(&mut self) {
        // After the end of the transport nothing is to be written, not even its shutdown. Of the
        // last words there are few, and the end counts from when they are queued.
        while (self.has_room() || !self.connection.is_open())
            && !matches!(self.phase, Phase::Hearing | Phase::Ended)
        {
            match self.connection.poll_transmit() {
                Some(Transmit::Frame(frame)) => self.queue.push_bytes(frame.as_bytes()),
                Some(Transmit::Shutdown) => {
                    let until = match self.phase {
                        Phase::Leaving { until } => Some(until),
                        _ => None,
                    };
                    self.phase = Phase::Finishing { until };
                }
                None => return,
            }
        }
    }
}

/// Room on the stack for the frame of a small message, so that one that is sent alone needs no
/// buffer.
#[derive(Debug)]
pub struct SmallFrame {
    bytes: [u8; Header::MAX_LEN + Self::MAX_PAYLOAD_LEN],
}

impl SmallFrame {
    /// The longest payload that is sent so.
    const MAX_PAYLOAD_LEN: usize = 114;

    /// Room for one frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; Header::MAX_LEN + Self::MAX_PAYLOAD_LEN] }
    }

    #[inline]
    fn encode(&mut self, frame: &Frame<'_>) -> &[u8] {
        let len = frame.encode_into(&mut self.bytes);
        debug_assert!(len.is_ok(), "a small frame fits");
        self.bytes.get(..len.unwrap_or_default()).unwrap_or_default()
    }
}

impl Default for SmallFrame {
    fn default() -> Self {
        Self::new()
    }
}

/// A message that was compressed for this peer.
struct Compressed {
    kind: MessageKind,
    payload: Vec<u8>,
}

fn compressed_data(kind: MessageKind, payload: &[u8]) -> Data<'_> {
    let data = match kind {
        MessageKind::Text => Data::utf8(payload),
        MessageKind::Binary => Data::binary(payload),
    };
    data.compressed()
}

/// Returns whether a frame's payload can be written unchanged.
fn is_plain(frame: &Frame<'_>) -> bool {
    frame.header().masking_key().is_none()
}
