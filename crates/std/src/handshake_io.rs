//! Reading a head and writing an answer, on either side of the opening handshake.

use std::io::{self, Read as _, Write as _};

use tidings_endpoint::{Error, MAX_REFUSED_DRAIN_LEN, REFUSED_DRAIN_TIME};
use tidings_handshake::{Head, HeadError, HeadScanner, Progress};

use crate::deadline::{Bounded, Deadline};
use crate::transport::Transport;

/// How much is read at once: a head is rarely longer.
const READ_LEN: usize = 4096;

/// Reads until `buffer` holds a whole head, or what can be none, and hands it to `on_head`.
pub(crate) fn read_head<S, T, F>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    scanner: HeadScanner,
    deadline: Deadline,
    on_head: F,
) -> Result<T, Error>
where
    S: Transport,
    F: FnOnce(Result<Head<'_>, HeadError>) -> T,
{
    let eof = "the transport ended in the opening handshake";
    let mut stream = Bounded { stream, deadline };
    let result = scan_head(&mut stream, buffer, scanner, eof, on_head);
    result.map_err(|error| deadline.judge(error))
}

/// The same for any head; `eof` says what it means if there is none.
pub(crate) fn scan_head<S, T, F>(
    stream: &mut Bounded<'_, S>,
    buffer: &mut Vec<u8>,
    mut scanner: HeadScanner,
    eof: &'static str,
    on_head: F,
) -> io::Result<T>
where
    S: Transport,
    F: FnOnce(Result<Head<'_>, HeadError>) -> T,
{
    let mut fresh = [0; READ_LEN];
    loop {
        // The scanner looks at each byte once and bounds them.
        match scanner.scan(buffer) {
            Ok(Progress::Complete(head)) => return Ok(on_head(Ok(head))),
            Ok(Progress::Partial) => {}
            Err(error) => return Ok(on_head(Err(error))),
        }
        let len = stream.read(&mut fresh)?;
        if len == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, eof));
        }
        buffer.extend_from_slice(fresh.get(..len).unwrap_or_default());
    }
}

/// Writes the whole answer and makes sure that it is sent.
pub(crate) fn write_answer<S: Transport>(
    stream: &mut S,
    answer: &[u8],
    deadline: Deadline,
) -> Result<(), Error> {
    let mut stream = Bounded { stream, deadline };
    let written = stream.write_all(answer).and_then(|()| stream.flush());
    written.map_err(|error| deadline.judge(error))
}

/// Writes a refusal and ends the connection so that it arrives.
pub(crate) fn refuse<S: Transport>(
    stream: &mut S,
    answer: &[u8],
    deadline: Deadline,
) -> Result<(), Error> {
    write_answer(stream, answer, deadline)?;
    if stream.shutdown_write().is_err() {
        // Without an end of ours there is none of the client's to wait for.
        return Ok(());
    }
    let mut stream = Bounded { stream, deadline: deadline.at_most(REFUSED_DRAIN_TIME) };
    let mut sink = [0; READ_LEN];
    let mut drained = 0usize;
    // Running out of time or bytes is as good an end as any.
    while drained < MAX_REFUSED_DRAIN_LEN {
        match stream.read(&mut sink) {
            Ok(0) | Err(_) => break,
            Ok(len) => drained = drained.saturating_add(len),
        }
    }
    Ok(())
}
