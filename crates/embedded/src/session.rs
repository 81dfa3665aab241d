//! A connection and what it has to write, without the writing: [`Session`].
//!
//! It knows what comes next and how far it has got, so that whoever writes may stop at any byte and
//! go on later.

use embedded_io::ErrorKind;
use tidings_websocket::frame::{CloseFrame, ControlPayload, Header, Masker, MaskingKey};
use tidings_websocket::{
    Connection, ControlFrame, Data, Role, SendError, Timeout, Timestamp, Transmit, Violation,
};

use crate::config::Config;
use crate::error::Error;

/// The machine, the frame that is being written, and the end.
#[derive(Debug)]
pub(crate) struct Session<R, C> {
    pub(crate) connection: Connection<R>,
    clock: C,
    /// A control frame that is being written. It comes before the data frame.
    control: Option<ControlOnItsWay>,
    /// A data frame that is being written. It comes before anything that the machine yields.
    data: Option<DataOnItsWay>,
    needs_flush: bool,
    flush_before_waiting: bool,
    /// All was said, or nothing more can be.
    is_over: bool,
    /// What `recv` reports at the end.
    failure: Option<Failure>,
}

/// Why a connection ends other than by a closing handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Violation(Violation),
    Timeout(Timeout),
    Eof,
}

#[derive(Debug)]
struct ControlOnItsWay {
    frame: ControlFrame,
    written_len: usize,
}

/// The payload is the caller's.
#[derive(Debug)]
struct DataOnItsWay {
    header: Header,
    /// Of header and payload.
    written_len: usize,
}

/// The stack space for what is put together or masked before it is written. A frame that fits
/// into it goes out in one write.
pub(crate) const CHUNK_LEN: usize = 256;

impl<R: Role, C: FnMut() -> Timestamp> Session<R, C> {
    pub(crate) fn new(role: R, config: &Config, mut clock: C) -> Self {
        Self {
            connection: Connection::new(role, config.limits, config.timeouts, clock()),
            clock,
            control: None,
            data: None,
            needs_flush: false,
            flush_before_waiting: config.flush_before_waiting,
            is_over: false,
            failure: None,
        }
    }

    pub(crate) fn now(&mut self) -> Timestamp {
        (self.clock)()
    }

    /// The next bytes that the protocol owes; [`wrote_owed`](Self::wrote_owed) is to follow. None
    /// inside a data frame (RFC 6455, 5.4: control frames go between frames).
    pub(crate) fn owed(&mut self) -> Option<&[u8]> {
        self.stage();
        let ControlOnItsWay { frame, written_len } = self.control.as_ref()?;
        frame.as_bytes().get(*written_len..)
    }

    /// Takes what the machine owes next, if nothing else is on its way.
    fn stage(&mut self) {
        if self.is_over || self.control.is_some() || self.data.is_some() {
            return;
        }
        match self.connection.poll_transmit() {
            Some(Transmit::Frame(frame)) => self.queue(frame),
            Some(Transmit::Shutdown) => self.is_over = true,
            None => {}
        }
    }

    /// What writing the owed bytes came to.
    pub(crate) fn wrote_owed<E: embedded_io::Error>(
        &mut self,
        written: Result<usize, E>,
    ) -> Result<(), Error<E>> {
        let len = match written {
            Ok(len) => len,
            Err(error) => return self.judge_io(error),
        };
        if let Some(ControlOnItsWay { frame, written_len }) = &mut self.control {
            let end = frame.as_bytes().len();
            *written_len = advanced(*written_len, len, end)?;
            self.needs_flush = true;
            if *written_len == end {
                self.control = None;
            }
        }
        Ok(())
    }

    /// Frames data and returns its payload. From now on it is on its way, behind what is owed: to be
    /// written with [`owed`](Self::owed), then with [`piece`](Self::piece).
    pub(crate) fn begin_data<'p, E>(&mut self, data: Data<'p>) -> Result<&'p [u8], Error<E>> {
        if self.data.is_some() {
            return Err(Error::FrameUnfinished);
        }
        // An answer to a Ping is to go between two fragments, not after the last.
        self.stage();
        let frame = self.connection.send(data)?;
        self.data = Some(DataOnItsWay { header: *frame.header(), written_len: 0 });
        Ok(frame.payload())
    }

    /// Whether the frame that was cut, if one was, can have this payload.
    ///
    /// # Errors
    /// It can't.
    pub(crate) fn check_same_payload<E>(&self, payload: &[u8]) -> Result<(), Error<E>> {
        match &self.data {
            Some(data) if u64::try_from(payload.len()) != Ok(data.header.payload_len()) => {
                Err(Error::FrameUnfinished)
            }
            _ => Ok(()),
        }
    }

    /// Whether the connection still takes data, or the rest of it.
    ///
    /// # Errors
    /// It does not, and a frame that was cut is lost.
    pub(crate) const fn check_not_over<E>(&self) -> Result<(), Error<E>> {
        if self.is_over { Err(Error::Send(SendError::NotOpen)) } else { Ok(()) }
    }

    /// The next bytes of the data frame, masked if they have to be; empty if there is none. What is
    /// not masked is lent from the payload, but for what goes out with the header.
    pub(crate) fn piece<'a>(&self, payload: &'a [u8], chunk: &'a mut [u8; CHUNK_LEN]) -> &'a [u8] {
        let Some(DataOnItsWay { header, written_len }) = &self.data else { return &[] };
        let header_bytes = header.encode();
        let (header_rest, payload_written_len) = match header_bytes.get(*written_len..) {
            Some(rest) => (rest, 0),
            None => (&[][..], written_len.saturating_sub(header_bytes.len())),
        };
        let payload_rest = payload.get(payload_written_len..).unwrap_or_default();
        if header_rest.is_empty() && header.masking_key().is_none() {
            return payload_rest;
        }
        let Some((to, room)) = chunk.split_at_mut_checked(header_rest.len()) else { return &[] };
        to.copy_from_slice(header_rest);
        let copied_len = match header.masking_key() {
            Some(key) => masker_at(key, payload_written_len).apply_to(payload_rest, room),
            None => {
                let len = payload_rest.len().min(room.len());
                for (to, from) in room.iter_mut().zip(payload_rest) {
                    *to = *from;
                }
                len
            }
        };
        chunk.get(..header_rest.len().saturating_add(copied_len)).unwrap_or_default()
    }

    /// What writing a piece came to; returns what is left of the piece.
    pub(crate) fn wrote_piece<'a, E>(
        &mut self,
        piece: &'a [u8],
        written: Result<usize, E>,
    ) -> Result<&'a [u8], Error<E>> {
        let len = written.map_err(Error::Io)?;
        let rest_start = advanced(0, len, piece.len())?;
        self.needs_flush = true;
        if let Some(DataOnItsWay { header, written_len }) = &mut self.data {
            *written_len = written_len.saturating_add(len);
            let payload_len = usize::try_from(header.payload_len()).unwrap_or(usize::MAX);
            if *written_len >= payload_len.saturating_add(header.encoded_len()) {
                self.data = None;
            }
        }
        Ok(piece.get(rest_start..).unwrap_or_default())
    }

    /// Frames a Ping. From now on it is on its way, to be written with [`owed`](Self::owed).
    pub(crate) fn ping<E>(&mut self, payload: ControlPayload) -> Result<(), Error<E>> {
        if self.control.is_some() || self.data.is_some() {
            return Err(Error::FrameUnfinished);
        }
        let frame = self.connection.ping(payload)?;
        self.queue(frame);
        Ok(())
    }

    fn queue(&mut self, frame: ControlFrame) {
        self.control = Some(ControlOnItsWay { frame, written_len: 0 });
    }

    /// Starts the closing handshake.
    pub(crate) fn close(&mut self, close: Option<CloseFrame>) {
        let now = self.now();
        self.connection.close(now, close);
    }

    /// Whether something was written and not flushed.
    pub(crate) const fn needs_flush(&self) -> bool {
        self.needs_flush
    }

    /// Whether that is to be flushed before something is received, or at the end.
    pub(crate) const fn wants_flush(&self) -> bool {
        self.needs_flush && (self.flush_before_waiting || self.is_over)
    }

    /// What flushing came to.
    pub(crate) fn flushed<E: embedded_io::Error>(
        &mut self,
        flushed: Result<(), E>,
    ) -> Result<(), Error<E>> {
        match flushed {
            Ok(()) => {
                self.needs_flush = false;
                Ok(())
            }
            Err(error) => self.judge_io(error),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        if self.is_over { None } else { self.connection.poll_timeout() }
    }

    /// Does what is due now.
    pub(crate) fn handle_timeout(&mut self) {
        let now = self.now();
        self.handle_timeout_at(now);
    }

    /// Does what was due then.
    pub(crate) fn handle_timeout_at(&mut self, now: Timestamp) {
        if self.is_over {
            return;
        }
        let Some(timeout) = self.connection.handle_timeout(now) else { return };
        // A peer that said Close and is only slow to hang up has done its part.
        if !self.connection.close_info().is_clean() {
            self.fail(Failure::Timeout(timeout));
        }
        // The time to say the last words is over too: the peer may take nothing any more.
        if timeout == Timeout::Closing {
            self.give_up();
        }
    }

    /// The stream has ended on the peer's side.
    pub(crate) fn receive_eof(&mut self) {
        if self.connection.is_receiving() {
            self.fail(Failure::Eof);
        }
        self.connection.receive_eof();
        if self.data.is_some() {
            self.give_up();
        }
    }

    /// The connection ends for this reason, if it is the first.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        // Behind half a frame nothing can be said.
        if self.data.is_some() {
            self.give_up();
        }
    }

    /// Whether an error of the stream matters.
    ///
    /// # Errors
    /// It does.
    pub(crate) fn judge_io<E: embedded_io::Error>(&mut self, error: E) -> Result<(), Error<E>> {
        let passes = matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted);
        if passes || self.connection.is_receiving() {
            return Err(Error::Io(error));
        }
        // How the connection ended is known already; the peer may be gone.
        self.give_up();
        Ok(())
    }

    /// What writing before a read came to. That the peer takes nothing does not keep `recv` from
    /// reading: the peer may be waiting for us to do so, unless it has said its last word.
    ///
    /// # Errors
    /// Reading is of no use.
    pub(crate) fn wrote_before_waiting<E: embedded_io::Error>(
        &mut self,
        written: Result<(), Error<E>>,
    ) -> Result<(), Error<E>> {
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

    fn give_up(&mut self) {
        self.connection.receive_eof();
        self.control = None;
        self.data = None;
        self.needs_flush = false;
        self.is_over = true;
    }

    /// Whether nothing more happens.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// How the connection ended. A failure is reported once.
    pub(crate) fn end<E>(&mut self) -> Result<(), Error<E>> {
        match self.failure.take() {
            None => Ok(()),
            Some(Failure::Violation(violation)) => Err(Error::Violation(violation)),
            Some(Failure::Timeout(timeout)) => Err(Error::Timeout(timeout)),
            Some(Failure::Eof) => Err(Error::Eof),
        }
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// Where a write of up to `end` is that stood at `at` and wrote `len` bytes.
fn advanced<E>(at: usize, len: usize, end: usize) -> Result<usize, Error<E>> {
    match at.checked_add(len) {
        Some(at) if len > 0 && at <= end => Ok(at),
        _ => Err(Error::BrokenStream),
    }
}

/// The masker for the payload's byte at `offset` and what follows (RFC 6455, 5.3: byte i is
/// combined with byte i mod 4 of the key).
fn masker_at(key: MaskingKey, offset: usize) -> Masker {
    let mut key = key.to_bytes();
    key.rotate_left(offset % MaskingKey::LEN);
    Masker::new(MaskingKey::new(key))
}
