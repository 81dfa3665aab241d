//! The half of a connection that sends: [`Sender`].
//!
//! It remembers which frames are being written and how far, so a write may stop at any byte and be
//! resumed later.

use core::fmt;

use embedded_io::{Error as _, ErrorKind};
use embedded_io_async::{Read, Write};
use tidings_websocket::frame::{CloseFrame, ControlPayload, Header, Masker, MaskingKey};
use tidings_websocket::{
    Connection, ControlFrame, Data, Role, SendError, Timeout, Timestamp, Transmit, Violation,
};

use crate::config::Config;
use crate::error::Error;
use crate::slice::slice;

/// The sending side of a [`WebSocket`](super::WebSocket).
pub struct Sender<S, R, C> {
    pub(crate) stream: S,
    pub(super) connection: Connection<R>,
    clock: C,
    /// A control frame that is being written. It goes out before the data frame.
    control: Option<PartialControl>,
    /// A data frame that is being written. It goes out before anything that the connection queues.
    data: Option<PartialData>,
    needs_flush: bool,
    flush_before_waiting: bool,
    /// All has been written, or nothing more can be.
    is_finished: bool,
    /// The error that `recv` reports at the end.
    failure: Option<Failure>,
}

/// The reason why a connection ends without a closing handshake.
#[derive(Clone, Copy)]
pub(super) enum Failure {
    Violation(Violation),
    Timeout(Timeout),
    Eof,
}

struct PartialControl {
    frame: ControlFrame,
    written_len: usize,
}

/// The caller has the payload.
struct PartialData {
    header: Header,
    /// Of header and payload together.
    written_len: usize,
}

/// Room for a header and payload that are written together, or for payload that is masked. A frame
/// that fits is one write.
const CHUNK_LEN: usize = 256;

impl<S: Read + Write, R: Role, C: FnMut() -> Timestamp> Sender<S, R, C> {
    /// Writes a message, or a chunk of one, as one frame. A server's payload is written without a
    /// copy; a client's is masked through 256 bytes of the future. The payload does not change.
    ///
    /// This does not flush: `recv` does so before it waits. Call [`flush`](Self::flush) if you do
    /// not receive next and the stream buffers bytes, as TLS does.
    ///
    /// # Cancel safety
    /// A future that is dropped after its first poll leaves an unfinished frame: finish it with
    /// [`resume_send`](Self::resume_send) and the same payload. Nothing else gets into the frame, and
    /// nothing is sent twice.
    ///
    /// # Errors
    /// - [`Error::Send`]: nothing was sent.
    /// - [`Error::Io`]: the frame is unfinished. If the error is temporary, finish the frame with
    ///   [`resume_send`](Self::resume_send) and the same payload.
    /// - [`Error::FrameUnfinished`]: an earlier frame is unfinished, and nothing was sent.
    pub async fn send(&mut self, data: Data<'_>) -> Result<(), Error<S::Error>> {
        if self.data.is_some() {
            return Err(Error::FrameUnfinished);
        }
        // The answer to a Ping goes between two fragments, not after the last.
        self.stage_control();
        let frame = self.connection.send(data)?;
        self.data = Some(PartialData { header: *frame.header(), written_len: 0 });
        self.write_data(frame.payload()).await
    }

    /// Writes the rest of an unfinished frame; does nothing if there is none. The payload must be that
    /// of the [`send`](Self::send) that did not finish.
    ///
    /// # Cancel safety
    /// If the future is dropped, call this again with the same payload.
    ///
    /// # Errors
    /// - [`Error::FrameUnfinished`]: the payload has another length.
    /// - [`Error::Send`]: the connection has ended since.
    /// - [`Error::Io`]: as for [`send`](Self::send).
    pub async fn resume_send(&mut self, payload: &[u8]) -> Result<(), Error<S::Error>> {
        match &self.data {
            Some(data) if u64::try_from(payload.len()) != Ok(data.header.payload_len()) => {
                Err(Error::FrameUnfinished)
            }
            _ => self.write_data(payload).await,
        }
    }

    /// Sends a Ping with your payload. The Pings of [`Timeouts::ping_interval`] are sent without
    /// this.
    ///
    /// [`Timeouts::ping_interval`]: tidings_websocket::Timeouts::ping_interval
    ///
    /// # Cancel safety
    /// The first poll begins the Ping. The next call of any method writes the rest.
    ///
    /// # Errors
    /// - [`Error::Send`]: nothing was sent.
    /// - [`Error::Io`]: the next call of any method writes the rest.
    /// - [`Error::FrameUnfinished`]: an earlier frame is unfinished, and nothing was sent; resume it
    ///   or [`flush`](Self::flush) first.
    pub async fn ping(&mut self, payload: ControlPayload) -> Result<(), Error<S::Error>> {
        if self.control.is_some() || self.data.is_some() {
            return Err(Error::FrameUnfinished);
        }
        let frame = self.connection.ping(payload)?;
        self.control = Some(PartialControl { frame, written_len: 0 });
        self.write_pending().await
    }

    /// Starts the closing handshake and writes the Close frame: nothing else can be sent after it.
    /// Then call [`recv`](super::WebSocket::recv) until it returns `None`. Does nothing if closing has
    /// begun.
    ///
    /// # Cancel safety
    /// The first poll begins closing. The next `recv` writes the rest of the Close frame.
    ///
    /// # Errors
    /// [`Error::Io`]: the next `recv` writes the rest of the Close frame.
    pub async fn close(&mut self, close: Option<CloseFrame>) -> Result<(), Error<S::Error>> {
        let now = self.now();
        self.connection.close(now, close);
        self.write_pending().await
    }

    /// Writes pending control frames, and flushes the stream if anything was written.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost or sent twice.
    ///
    /// # Errors
    /// [`Error::Io`]; nothing is lost.
    pub async fn flush(&mut self) -> Result<(), Error<S::Error>> {
        self.write_pending().await?;
        if self.needs_flush { self.flush_stream().await } else { Ok(()) }
    }

    /// The state of the connection: [`is_open`](Connection::is_open),
    /// [`close_info`](Connection::close_info), [`round_trip_time`](Connection::round_trip_time).
    pub const fn connection(&self) -> &Connection<R> {
        &self.connection
    }

    /// Writes pending output, and flushes if the configuration wants that. If a write times out,
    /// `recv` still reads: the peer may be waiting for that, unless it has sent its last frame.
    pub(super) async fn write_before_read(&mut self) -> Result<(), Error<S::Error>> {
        let written = match self.write_pending().await {
            Ok(()) if self.needs_flush && (self.flush_before_waiting || self.is_finished) => {
                self.flush_stream().await
            }
            written => written,
        };
        match written {
            Err(Error::Io(error)) if error.kind() == ErrorKind::TimedOut => {
                if self.connection.is_receiving() {
                    return Ok(());
                }
                self.handle_timeout();
                Err(Error::Io(error))
            }
            written => written,
        }
    }

    /// Writes pending control frames. Inside a data frame only one that was begun before it (RFC 6455,
    /// 5.4: control frames go between frames).
    async fn write_pending(&mut self) -> Result<(), Error<S::Error>> {
        loop {
            self.stage_control();
            let Some(PartialControl { frame, written_len }) = &mut self.control else {
                return Ok(());
            };
            let bytes = frame.as_bytes();
            match self.stream.write(slice(bytes, *written_len..bytes.len())).await {
                Ok(len) => {
                    *written_len = advance(*written_len, len, bytes.len())?;
                    self.needs_flush = true;
                    if *written_len == bytes.len() {
                        self.control = None;
                    }
                }
                Err(error) => self.check_io(error)?,
            }
        }
    }

    /// Writes pending control frames, then the rest of the data frame.
    async fn write_data(&mut self, payload: &[u8]) -> Result<(), Error<S::Error>> {
        self.write_pending().await?;
        if self.is_finished {
            return Err(Error::Send(SendError::NotOpen)); // the rest of the frame is lost
        }
        let mut room = [0; CHUNK_LEN];
        while let Some(data) = &mut self.data {
            let mut chunk = data.next_chunk(payload, &mut room);
            if chunk.is_empty() {
                debug_assert!(data.written_len == data.header.encoded_len() + payload.len());
                self.data = None;
                break;
            }
            while !chunk.is_empty() {
                let len = self.stream.write(chunk).await.map_err(Error::Io)?;
                let start = advance(0, len, chunk.len())?;
                chunk = slice(chunk, start..chunk.len());
                data.written_len = data.written_len.saturating_add(len);
                self.needs_flush = true;
            }
        }
        Ok(())
    }

    async fn flush_stream(&mut self) -> Result<(), Error<S::Error>> {
        match self.stream.flush().await {
            Ok(()) => self.needs_flush = false,
            Err(error) => self.check_io(error)?,
        }
        Ok(())
    }

    /// Returns an error of the stream, unless the connection is over and the peer may be gone.
    pub(super) fn check_io(&mut self, error: S::Error) -> Result<(), Error<S::Error>> {
        let is_temporary = matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted);
        if is_temporary || self.connection.is_receiving() {
            return Err(Error::Io(error));
        }
        self.give_up();
        Ok(())
    }
}

/// The state of the connection, without the stream.
impl<S, R: Role, C: FnMut() -> Timestamp> Sender<S, R, C> {
    pub(crate) fn new(stream: S, role: R, mut clock: C, config: &Config) -> Self {
        Self {
            stream,
            connection: Connection::new(role, config.limits, config.timeouts, clock()),
            clock,
            control: None,
            data: None,
            needs_flush: false,
            flush_before_waiting: config.flush_before_waiting,
            is_finished: false,
            failure: None,
        }
    }

    pub(crate) fn now(&mut self) -> Timestamp {
        (self.clock)()
    }

    /// The time since the last bytes came is not charged to the peer.
    pub(super) fn resume(&mut self) {
        let now = self.now();
        self.connection.resume(now);
    }

    /// Takes the next control frame from the connection, unless another frame is being written.
    fn stage_control(&mut self) {
        if self.is_finished || self.control.is_some() || self.data.is_some() {
            return;
        }
        match self.connection.poll_transmit() {
            Some(Transmit::Frame(frame)) => {
                self.control = Some(PartialControl { frame, written_len: 0 });
            }
            Some(Transmit::Shutdown) => self.is_finished = true,
            None => {}
        }
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout); `None` after the
    /// end.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        if self.is_finished { None } else { self.connection.poll_timeout() }
    }

    /// Does the work that is due now.
    pub(crate) fn handle_timeout(&mut self) {
        let now = self.now();
        self.handle_timeout_at(now);
    }

    /// Does the work that was due at `now`.
    pub(super) fn handle_timeout_at(&mut self, now: Timestamp) {
        if self.is_finished {
            return;
        }
        let Some(timeout) = self.connection.handle_timeout(now) else { return };
        // A peer that sent its Close frame and is only slow to hang up is not at fault.
        if !self.connection.close_info().is_clean() {
            self.fail(Failure::Timeout(timeout));
        }
        // The time for the last bytes is over too: the peer may not be reading any more.
        if timeout == Timeout::Closing {
            self.give_up();
        }
    }

    /// The peer has ended the stream.
    pub(super) fn receive_eof(&mut self) {
        if self.connection.is_receiving() {
            self.fail(Failure::Eof);
        }
        self.connection.receive_eof();
        if self.data.is_some() {
            self.give_up();
        }
    }

    /// Remembers why the connection ends. The first reason counts.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        // Nothing can follow half a frame.
        if self.data.is_some() {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.connection.receive_eof();
        self.control = None;
        self.data = None;
        self.needs_flush = false;
        self.is_finished = true;
    }

    /// Once nothing more will be read or written: how the connection ended. A failure is reported
    /// once.
    pub(super) fn end<E>(&mut self) -> Option<Result<(), Error<E>>> {
        self.is_finished.then(|| match self.failure.take() {
            None => Ok(()),
            Some(Failure::Violation(violation)) => Err(Error::Violation(violation)),
            Some(Failure::Timeout(timeout)) => Err(Error::Timeout(timeout)),
            Some(Failure::Eof) => Err(Error::Eof),
        })
    }
}

impl PartialData {
    /// Returns the next bytes of the frame, masked for a client; empty if there are none. A
    /// server's payload is borrowed, except the part that is written together with the header.
    fn next_chunk<'a>(&self, payload: &'a [u8], room: &'a mut [u8; CHUNK_LEN]) -> &'a [u8] {
        let header = self.header.encode();
        let header_rest = header.get(self.written_len..).unwrap_or_default();
        let payload_start = self.written_len.saturating_sub(header.len());
        let payload_rest = slice(payload, payload_start..payload.len());
        let key = self.header.masking_key();
        if header_rest.is_empty() && key.is_none() {
            return payload_rest;
        }
        debug_assert!(header_rest.len() < room.len(), "a header has 14 bytes at most");
        let Some((header_room, payload_room)) = room.split_at_mut_checked(header_rest.len()) else {
            return &[];
        };
        header_room.copy_from_slice(header_rest);
        let copied_len = match key {
            Some(key) => masker_at(key, payload_start).apply_to(payload_rest, payload_room),
            None => {
                for (to, from) in payload_room.iter_mut().zip(payload_rest) {
                    *to = *from;
                }
                payload_rest.len().min(payload_room.len())
            }
        };
        let chunk_len = header_rest.len().saturating_add(copied_len);
        slice(room, 0..chunk_len)
    }
}

/// The position after a write of `len` bytes at `position`, of `end` bytes in all.
fn advance<E>(position: usize, len: usize, end: usize) -> Result<usize, Error<E>> {
    match position.checked_add(len) {
        Some(position) if len > 0 && position <= end => Ok(position),
        _ => Err(Error::BrokenStream),
    }
}

/// The masker for the payload from `offset` on (RFC 6455, 5.3: byte i is combined with byte i mod 4
/// of the key).
fn masker_at(key: MaskingKey, offset: usize) -> Masker {
    let mut key = key.to_bytes();
    key.rotate_left(offset % MaskingKey::LEN);
    Masker::new(MaskingKey::new(key))
}

impl<S, R: fmt::Debug, C> fmt::Debug for Sender<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("connection", &self.connection).finish_non_exhaustive()
    }
}
