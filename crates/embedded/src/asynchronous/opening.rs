//! The opening handshake on a stream: [`accept`] and [`connect`].

use core::ops::Range;

use embedded_io_async::{Error as _, ErrorKind, Read, Write};
use tidings_handshake::opening::{Io, Opening, Step};
use tidings_handshake::{
    ClientRequest, Decision, HeaderSlots, Limits, Rejection, Response, ServerRequest,
};
use tidings_websocket::{Client, MaskSource, Server, Timestamp};

use crate::asynchronous::WebSocket;
use crate::config::Config;
use crate::error::Error;

/// Header lines that a head may have. Their slots take 4 words each, on the stack, while a head is
/// checked.
const MAX_HEADERS: usize = 32;

/// Accepts a WebSocket if `decide` does: it gets a request that meets every MUST of RFC 6455, 4.2.1,
/// and returns an acceptance, perhaps with a subprotocol, or a rejection. Either is written and
/// flushed.
///
/// The buffer must hold the head of the request, of at most 32 header lines, and the answer after
/// it: about 130 bytes plus your additions. Frames that arrive with the head are received first.
///
/// [`Config::handshake_timeout`] is checked after each read. A client that sends nothing at all does
/// not end a read: race this with a timer.
///
/// Pages of other sites reach a device on the local network through the browsers of their visitors.
/// If that matters, check the request with an
/// [`OriginPolicy`](tidings_handshake::OriginPolicy).
///
/// # Cancel safety
/// Not cancel safe: if the future is dropped, close the stream.
///
/// # Errors
/// The handshake failed. If the client could be answered, it has received its answer; close the
/// stream.
pub async fn accept<'b, S, C, F>(
    mut stream: S,
    buffer: &'b mut [u8],
    mut clock: C,
    config: &Config,
    decide: F,
) -> Result<WebSocket<'b, S, Server, C>, Error<S::Error>>
where
    S: Read + Write,
    C: FnMut() -> Timestamp,
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    let (buffer, unread) = open_server(&mut stream, buffer, &mut clock, config, decide).await?;
    Ok(WebSocket::from_handshaken(stream, Server, buffer, unread, clock, config))
}

/// Opens a WebSocket on a stream that is connected to the server: sends the request and checks the
/// answer.
///
/// `masks` is the source of masking keys, a cryptographic generator: any `FnMut() -> [u8; 4]`.
/// `inspect` gets each answer that breaks no rule: interim responses, then the one that opens the
/// WebSocket, with the subprotocol, or declines it, with its headers.
///
/// The buffer must hold the request, and then the head of the answer, of at most 32 header lines.
/// Frames that come with the head are received first.
///
/// # Cancel safety
/// Not cancel safe: if the future is dropped, close the stream.
///
/// # Errors
/// The handshake failed; close the stream. After [`Error::Declined`] the buffer holds the answer.
pub async fn connect<'b, S, C, M>(
    mut stream: S,
    buffer: &'b mut [u8],
    mut clock: C,
    config: &Config,
    masks: M,
    request: &ClientRequest<'_>,
    inspect: impl FnMut(&Response<'_>),
) -> Result<WebSocket<'b, S, Client<M>, C>, Error<S::Error>>
where
    S: Read + Write,
    C: FnMut() -> Timestamp,
    M: MaskSource,
{
    let (buffer, unread) =
        open_client(&mut stream, buffer, &mut clock, config, request, inspect).await?;
    Ok(WebSocket::from_handshaken(stream, Client::new(masks), buffer, unread, clock, config))
}

/// Reads a request and answers it. Returns the buffer, and the range of the first frames in it.
pub(crate) async fn open_server<'b, S, C, F>(
    stream: &mut S,
    buffer: &'b mut [u8],
    clock: &mut C,
    config: &Config,
    decide: F,
) -> Result<(&'b mut [u8], Range<usize>), Error<S::Error>>
where
    S: Read + Write,
    C: FnMut() -> Timestamp,
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    let deadline = clock().after(config.handshake_timeout);
    let mut opening = Opening::server(limits(), deadline);
    drive(stream, &mut opening, buffer, clock).await?;
    let mut wants_extension = false;
    let asked_at = clock();
    let answered = opening.answer::<_, MAX_HEADERS>(buffer, |request| match decide(request) {
        Ok(acceptance) if !acceptance.has_no_extensions() => {
            wants_extension = true;
            Err(Rejection::new(500, "internal server error\n")?)
        }
        decision => decision,
    });
    // The application may have taken its time, which is not the client's.
    opening.set_deadline(deadline.after(clock().since(asked_at)));
    drive(stream, &mut opening, buffer, clock).await?;
    if wants_extension {
        return Err(Error::Extension);
    }
    answered?;
    Ok((buffer, opening.first_bytes()))
}

/// Sends a request and checks the answer. Returns the buffer, and the range of the first frames in it.
pub(crate) async fn open_client<'b, S: Read + Write, C: FnMut() -> Timestamp>(
    stream: &mut S,
    buffer: &'b mut [u8],
    clock: &mut C,
    config: &Config,
    request: &ClientRequest<'_>,
    mut inspect: impl FnMut(&Response<'_>),
) -> Result<(&'b mut [u8], Range<usize>), Error<S::Error>> {
    let request_len = request.encode(buffer).map_err(Error::BufferTooSmall)?;
    let deadline = clock().after(config.handshake_timeout);
    let mut opening = Opening::client(request_len, limits(), deadline);
    loop {
        drive(stream, &mut opening, buffer, clock).await?;
        let mut slots = HeaderSlots::<MAX_HEADERS>::new();
        let response = opening.check(buffer, request, &mut slots).map_err(Error::Response)?;
        inspect(&response);
        match response {
            Response::Interim(_) => {}
            // RFC 6455, 9.1: a negotiated extension must be used.
            Response::Opened(opened) if opened.extensions().next().is_some() => {
                return Err(Error::Extension);
            }
            Response::Opened(_) => break,
            Response::Declined(declined) => {
                let (status, received_len) = (declined.status(), opening.received_len());
                return Err(Error::Declined { status, received_len });
            }
        }
    }
    Ok((buffer, opening.first_bytes()))
}

/// Does the operations of the machine, until there is a head or the handshake is over.
async fn drive<S: Read + Write, C: FnMut() -> Timestamp, R>(
    stream: &mut S,
    opening: &mut Opening<R>,
    buffer: &mut [u8],
    clock: &mut C,
) -> Result<(), Error<S::Error>> {
    while let Step::Io(io) = opening.next(buffer, clock())? {
        let result = match io {
            Io::Read(room) => match stream.read(room).await {
                // A stream may wait in short turns.
                Err(error) if error.kind() == ErrorKind::TimedOut => continue,
                result => result,
            },
            Io::Write(bytes) => stream.write(bytes).await,
            Io::Flush => stream.flush().await.map(|()| 0),
            // These streams end both sides when they are closed, which is the caller's part.
            Io::ShutDown => return Ok(()),
        };
        opening.completed(result).map_err(Error::Io)?;
    }
    Ok(())
}

/// The length of a head is limited by the buffer.
const fn limits() -> Limits {
    let mut limits = Limits::UNBOUNDED;
    limits.max_headers = MAX_HEADERS;
    limits
}
