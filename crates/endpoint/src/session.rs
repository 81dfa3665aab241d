//! A connection and what it has to write: [`Session`], all of a WebSocket but the bytes that were
//! received. What sends needs this and nothing else, so a received payload can be lent while it is
//! sent on.

use std::io;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tidings_websocket::frame::{CloseFrame, Frame};
use tidings_websocket::{CloseInfo, Connection, Data, Role, Timestamp, Transmit};

use crate::compression::{Deflating, Negotiated};
use crate::config::Config;
use crate::driver::Driver;
use crate::error::Error;
use crate::message::{Message, Outgoing};
use crate::random;
use crate::read_buffer::ReadBuffer;
use crate::write_queue::{BY_REFERENCE_FROM, WriteQueue};

/// Above this many queued bytes a `send` writes before it returns.
const HIGH_WATER: usize = 64 * 1024;
/// Above this many queued bytes a Ping is not answered in its place. A peer that floods us and takes
/// nothing would fill the queue.
const MAX_PONGS_LEN: usize = 4 * 1024;
/// How much is read, and for how long, between our last byte and the end of the transport. A
/// socket that is closed with unread bytes resets the connection, and the peer may lose our Close:
/// one that is still sending the message that was too long, most of all. The time is the bound that
/// counts; the bytes cost nothing but that.
const MAX_DRAIN_LEN: usize = 32 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The sending side of a WebSocket, its deadlines and its end.
#[derive(Debug)]
pub struct Session<R> {
    pub(crate) connection: Connection<R>,
    /// `None`: not agreed on, or the window is too small for us to compress in.
    deflating: Option<Box<Deflating>>,
    /// Whether to compress what could be.
    compresses: bool,
    queue: WriteQueue,
    max_queue_len: usize,
    write_timeout: Duration,
    /// Since when the transport takes nothing.
    write_stalled: Option<Timestamp>,
    /// Written, but perhaps held back by the transport (TLS does).
    needs_flush: bool,
    phase: Phase,
    /// What was queued when the transport failed never left.
    has_lost: bool,
    /// What `recv` will report once the end is reached.
    failure: Option<Error>,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not begun.
    Running,
    /// Our last bytes are on their way; then the sending side is shut down. Counted from the first
    /// look at it, it has until then.
    Finishing { until: Option<Timestamp> },
    /// Reading what the peer still sends, at most so many bytes.
    Draining { left: usize, until: Timestamp },
    /// Nothing more happens.
    Ended,
}

impl<R: Role> Session<R> {
    /// The session of a WebSocket whose opening handshake has just been done, and has agreed on
    /// this. The driver's time begins now.
    pub fn new(role: R, config: &Config, negotiated: &Negotiated) -> Self {
        let mut timeouts = config.timeouts;
        timeouts.ping_interval = random::spread(timeouts.ping_interval);
        let mut connection = Connection::new(role, config.limits, timeouts, Timestamp::default());
        let mut deflating = None;
        if let Some(agreement) = negotiated.compression {
            connection = connection.allow_compression();
            let ours = if R::IS_SERVER { agreement.server } else { agreement.client };
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
            needs_flush: false,
            phase: Phase::Running,
            has_lost: false,
            failure: None,
        }
    }

    /// Queues a message and, unless more received bytes wait, writes what the transport takes at
    /// once. Whether [`poll_flush`](Self::poll_flush) is to follow.
    ///
    /// A large borrowed payload goes to the transport from where it is; only what is not taken
    /// then is copied.
    ///
    /// # Errors
    /// The message can't be sent and nothing was queued, or the transport has failed.
    pub fn send(
        &mut self,
        driver: &mut impl Driver,
        outgoing: Outgoing<'_>,
        more_received: bool,
    ) -> Result<bool, Error> {
        if more_received {
            self.feed(outgoing, || driver.now())?;
            return Ok(!self.has_room());
        }
        self.feed_and_try_write(driver, outgoing)?;
        Ok(true)
    }

    /// Queues a message. Large payloads that are shared are queued by reference, unless they have
    /// to be masked. The time is asked for only if the message is a Close.
    ///
    /// # Errors
    /// The message can't be sent; nothing was queued.
    pub fn feed(
        &mut self,
        outgoing: Outgoing<'_>,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<(), Error> {
        let (len, max_len) = (self.queue.len(), self.max_queue_len);
        if len >= max_len && !matches!(outgoing, Outgoing::Message(Message::Close(_))) {
            return Err(Error::QueueFull { len, max_len });
        }
        if let Some(compressed) = self.compress(&outgoing) {
            return self.feed_compressed(compressed);
        }
        match outgoing {
            Outgoing::Compressed(message) => self.feed(message.message().clone().into(), now),
            Outgoing::Text(text) => self.feed_copy(Data::text(text)),
            Outgoing::Binary(bytes) => self.feed_copy(Data::binary(bytes)),
            Outgoing::Message(Message::Text(text)) => match text.len() {
                ..BY_REFERENCE_FROM => self.feed_copy(Data::text(&text)),
                _ => self.feed_shared(text.into_bytes(), |text| Data::utf8(text)),
            },
            Outgoing::Message(Message::Binary(bytes)) => match bytes.len() {
                ..BY_REFERENCE_FROM => self.feed_copy(Data::binary(&bytes)),
                _ => self.feed_shared(bytes, |bytes| Data::binary(bytes)),
            },
            Outgoing::Message(Message::Ping(payload)) => {
                let frame = self.connection.ping(*payload)?;
                self.queue.push_bytes(frame.as_bytes());
                Ok(())
            }
            Outgoing::Message(Message::Pong(payload)) => {
                let frame = self.connection.pong(*payload)?;
                self.queue.push_bytes(frame.as_bytes());
                Ok(())
            }
            Outgoing::Message(Message::Close(close)) => {
                self.start_close(now(), close.map(|close| *close));
                Ok(())
            }
        }
    }

    /// Whether messages are compressed from now on, where that was agreed on and gains something.
    pub fn set_compressing(&mut self, compresses: bool) {
        self.compresses = compresses;
    }

    /// Whether the peer has agreed to compressed messages.
    #[must_use]
    pub const fn may_compress(&self) -> bool {
        self.connection.allows_compression()
    }

    /// What a message is when it is compressed; nothing if it is sent as it is.
    fn compress(&mut self, outgoing: &Outgoing<'_>) -> Option<Compressed> {
        // What goes into the compressor's context must go to the peer: all that can be refused is
        // left to be refused.
        if !self.compresses || !self.connection.is_open() || self.connection.is_sending_message() {
            return None;
        }
        let deflating = self.deflating.as_deref_mut()?;
        let (is_text, payload) = match outgoing {
            Outgoing::Text(text) => (true, text.as_bytes()),
            Outgoing::Binary(bytes) => (false, *bytes),
            Outgoing::Message(Message::Text(text)) => (true, text.as_bytes()),
            Outgoing::Message(Message::Binary(bytes)) => (false, &bytes[..]),
            Outgoing::Message(_) => return None,
            Outgoing::Compressed(message) => {
                let is_text = matches!(message.message(), Message::Text(_));
                let payload = deflating.admit(message.shared()?)?.to_vec();
                return Some(Compressed { is_text, payload });
            }
        };
        deflating.compress(payload).map(|payload| Compressed { is_text, payload })
    }

    fn feed_compressed(&mut self, compressed: Compressed) -> Result<(), Error> {
        let Compressed { is_text, payload } = compressed;
        match payload.len() {
            ..BY_REFERENCE_FROM => self.feed_copy(compressed_data(is_text, &payload)),
            _ => self.feed_shared(payload.into(), |payload| compressed_data(is_text, payload)),
        }
    }

    fn feed_copy(&mut self, data: Data<'_>) -> Result<(), Error> {
        let frame = self.frame_whole(data)?;
        self.queue.push_frame(&frame);
        Ok(())
    }

    fn feed_shared(
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

    fn feed_and_try_write(
        &mut self,
        driver: &mut impl Driver,
        outgoing: Outgoing<'_>,
    ) -> Result<(), Error> {
        if self.deflating.is_some() {
            return self.feed(outgoing, || driver.now());
        }
        let data = match outgoing {
            Outgoing::Text(text) if text.len() >= BY_REFERENCE_FROM => Data::text(text),
            Outgoing::Binary(bytes) if bytes.len() >= BY_REFERENCE_FROM => Data::binary(bytes),
            other => return self.feed(other, || driver.now()),
        };
        let frame = self.frame_whole(data)?;
        if !is_plain(&frame) {
            self.queue.push_frame(&frame);
            return Ok(());
        }
        let header = frame.header_bytes();
        let written = match self.queue.write_once(driver, &header, frame.payload()) {
            Poll::Ready(Ok(written)) => {
                self.needs_flush = true;
                written
            }
            Poll::Ready(Err(error)) => return Err(self.abort(error.into())),
            Poll::Pending => 0,
        };
        let payload_written = written.saturating_sub(header.len());
        self.queue.push_bytes(header.get(written..).unwrap_or_default());
        self.queue.push_bytes(frame.payload().get(payload_written..).unwrap_or_default());
        Ok(())
    }

    /// Frames a whole message; not inside one that is sent in pieces.
    fn frame_whole<'p>(&mut self, data: Data<'p>) -> Result<Frame<'p>, Error> {
        if self.connection.is_sending_message() {
            return Err(Error::MessageUnfinished);
        }
        Ok(self.connection.send(data)?)
    }

    /// Queues a piece of a message.
    pub(crate) fn feed_piece(&mut self, data: Data<'_>) -> Result<(), Error> {
        let frame = self.connection.send(data)?;
        self.queue.push_frame(&frame);
        Ok(())
    }

    /// Starts the closing handshake; has no effect once it has begun.
    pub fn start_close(&mut self, now: Timestamp, close: Option<CloseFrame>) {
        self.connection.close(now, close);
    }

    /// Queues the answer to a Ping in its place: before what is said to later messages of the same
    /// read. Of many Pings in a row the first are answered so, and the last.
    pub(crate) fn transmit_pong(&mut self) {
        if self.queue.len() < MAX_PONGS_LEN {
            self.transmit();
        }
    }

    /// Queues what the protocol owes; not while the peer takes nothing, so that answers to a
    /// flood of Pings do not pile up (of several, the last is answered).
    pub(crate) fn transmit(&mut self) {
        // After the end of the transport nothing is owed to it, not even its shutdown. Of the last
        // words there are few, and the end counts from when they are queued.
        while (self.has_room() || !self.connection.is_open()) && self.phase != Phase::Ended {
            match self.connection.poll_transmit() {
                Some(Transmit::Frame(frame)) => self.queue.push_bytes(frame.as_bytes()),
                Some(Transmit::Shutdown) => self.phase = Phase::Finishing { until: None },
                None => return,
            }
        }
    }

    /// Writes what is queued and flushes the transport.
    pub(crate) fn poll_write(&mut self, driver: &mut impl Driver) -> Poll<io::Result<()>> {
        if !self.queue.is_empty() {
            let stalled = &mut self.write_stalled;
            let written = self.queue.write_all(driver, || *stalled = None);
            self.needs_flush = true;
            if written.is_pending() {
                self.write_stalled.get_or_insert(driver.now());
            }
            ready!(written)?;
        }
        if self.needs_flush {
            ready!(driver.flush())?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes all that is queued and owed; keeps the deadlines while it waits.
    ///
    /// # Errors
    /// What the transport said, or that the peer takes nothing.
    pub fn poll_flush(&mut self, driver: &mut impl Driver) -> Poll<Result<(), Error>> {
        if self.has_lost {
            let lost = "the connection has ended, and what was queued is lost";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, lost).into()));
        }
        loop {
            self.transmit();
            match self.poll_write(driver) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.abort(error.into()))),
                Poll::Pending => {
                    if self.is_ending() {
                        // The machine has no deadlines any more.
                        self.write_stalled.get_or_insert(driver.now());
                        self.limit_finishing(driver.now());
                    }
                    ready!(self.poll_deadline(driver))?;
                }
            }
        }
    }

    /// Ready once less than 64 KiB are queued.
    ///
    /// # Errors
    /// As [`poll_flush`](Self::poll_flush).
    pub fn poll_room(&mut self, driver: &mut impl Driver) -> Poll<Result<(), Error>> {
        if self.has_room() {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush(driver)
    }

    /// When something is due: of the machine, of a write, or of the end.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let write = self.write_stalled.map(|since| since.after(self.write_timeout));
        let end = match self.phase {
            Phase::Finishing { until } => until,
            Phase::Draining { until, .. } => Some(until),
            Phase::Running | Phase::Ended => None,
        };
        [self.connection.poll_timeout(), write, end].into_iter().flatten().min()
    }

    /// Waits for the next deadline and does what it asks for.
    pub(crate) fn poll_deadline(&mut self, driver: &mut impl Driver) -> Poll<Result<(), Error>> {
        ready!(driver.wait(self.deadline()));
        let now = driver.now();
        let is_stalled =
            self.write_stalled.is_some_and(|since| since.after(self.write_timeout) <= now);
        let is_unfinished =
            matches!(self.phase, Phase::Finishing { until: Some(until) } if until <= now);
        if is_stalled || is_unfinished {
            let error = Error::WriteTimeout(self.write_timeout);
            return Poll::Ready(Err(self.abort(error)));
        }
        if let Some(timeout) = self.connection.handle_timeout(now) {
            // A peer that said Close and is only slow to hang up has done its part.
            if !self.connection.close_info().is_clean() {
                self.fail(Error::Timeout(timeout));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// After the machine's last word: writes what is left, shuts down, drains into `read`. Then
    /// tells, once, what ended the connection if it was no closing handshake.
    pub(crate) fn poll_end(
        &mut self,
        driver: &mut impl Driver,
        read: &mut ReadBuffer,
    ) -> Poll<Result<(), Error>> {
        loop {
            match self.phase {
                Phase::Running => return Poll::Ready(Ok(())),
                Phase::Ended => return Poll::Ready(self.failure.take().map_or(Ok(()), Err)),
                Phase::Finishing { .. } => {
                    self.limit_finishing(driver.now());
                    let shut_down = match self.poll_write(driver) {
                        Poll::Ready(Ok(())) => driver.shut_down(),
                        other => other,
                    };
                    match shut_down {
                        Poll::Ready(Ok(())) => {
                            self.write_stalled = None;
                            let until = driver.now().after(DRAIN_TIME);
                            self.phase = Phase::Draining { left: MAX_DRAIN_LEN, until };
                        }
                        // The peer is gone; how the connection ended is known already.
                        Poll::Ready(Err(_)) => self.phase = Phase::Ended,
                        Poll::Pending => {
                            self.write_stalled.get_or_insert(driver.now());
                            if let Err(error) = ready!(self.poll_deadline(driver)) {
                                self.fail(error);
                            }
                        }
                    }
                }
                Phase::Draining { left, until } => {
                    let drained = read.fill(|bytes| driver.read(bytes, Some(until)));
                    read.release();
                    match drained {
                        Poll::Ready(Ok(0) | Err(_)) => self.phase = Phase::Ended,
                        Poll::Ready(Ok(len)) => {
                            self.phase = match left.checked_sub(len) {
                                Some(left) => Phase::Draining { left, until },
                                None => Phase::Ended,
                            };
                        }
                        Poll::Pending => {
                            ready!(driver.wait(Some(until)));
                            if until <= driver.now() {
                                self.phase = Phase::Ended;
                            }
                        }
                    }
                }
            }
        }
    }

    /// What is left to write gets as long as one write may stall, all together: a peer that takes
    /// a byte now and then would hold the connection for days.
    fn limit_finishing(&mut self, now: Timestamp) {
        if let Phase::Finishing { until: until @ None } = &mut self.phase {
            *until = Some(now.after(self.write_timeout));
        }
    }

    /// The transport has ended on the peer's side.
    pub(crate) fn receive_eof(&mut self) {
        if self.connection.is_receiving() {
            let eof = "the transport ended without a Close frame";
            self.fail(io::Error::new(io::ErrorKind::UnexpectedEof, eof).into());
        }
        self.connection.receive_eof();
    }

    /// The transport is of no more use. Returns what to report: the first reason.
    pub(crate) fn abort(&mut self, error: Error) -> Error {
        self.phase = Phase::Ended;
        self.connection.receive_eof();
        self.has_lost |= !self.queue.is_empty();
        self.queue.clear();
        self.needs_flush = false;
        self.write_stalled = None;
        self.failure.take().unwrap_or(error)
    }

    /// The Close frames of both sides, as far as they came and went.
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        self.connection.close_info()
    }

    /// How long the last answered Ping of the connection's own took.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.connection.round_trip_time()
    }
}

impl<R> Session<R> {
    /// Whether less than 64 KiB are queued.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.queue.len() < HIGH_WATER
    }

    /// Whether there is something to write or to flush.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.queue.is_empty() || self.needs_flush
    }

    /// Whether the machine has said its last word and only the transport is left to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.phase != Phase::Running
    }

    /// Whether nothing more happens.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Whether nothing more happens, and nothing is left to report.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.is_over() && self.failure.is_none()
    }

    /// Remembers why the connection ends; the first reason counts.
    pub(crate) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// The machine, to be shown.
    #[must_use]
    pub const fn connection(&self) -> &Connection<R> {
        &self.connection
    }
}

/// A message that was compressed for this peer.
struct Compressed {
    is_text: bool,
    payload: Vec<u8>,
}

fn compressed_data(is_text: bool, payload: &[u8]) -> Data<'_> {
    let data = if is_text { Data::utf8(payload) } else { Data::binary(payload) };
    data.compressed()
}

/// Whether a frame's payload goes to the wire as it is.
fn is_plain(frame: &Frame<'_>) -> bool {
    frame.header().masking_key().is_none()
}
