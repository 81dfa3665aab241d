//! The opening handshake on a stream: [`accept`] and [`connect`].

use core::ops::Range;

use embedded_io_async::{Read, Write};
use tidings_handshake::{Acceptance, Answer, ClientRequest, Rejection, ServerRequest};
use tidings_websocket::{Client, MaskSource, Server, Timestamp};

use crate::asynchronous::WebSocket;
use crate::config::Config;
use crate::error::Error;
use crate::opening::Opening;

/// Accepts a WebSocket if `decide` does: it gets a request that meets every MUST of RFC 6455, 4.2.1,
/// and returns an acceptance, perhaps with a subprotocol, or a rejection. Either is written and
/// flushed.
///
/// The buffer must hold the head of the request, of at most 32 header lines, and the answer after it:
/// about 130 bytes and what you add. Frames that come with the head are received first.
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
/// The reason why there is no WebSocket. A client that can be answered has its answer; close the
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
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
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
/// The reason why there is no WebSocket; close the stream. After [`Error::Declined`] the buffer holds
/// the answer.
pub async fn connect<'b, S, C, M>(
    mut stream: S,
    buffer: &'b mut [u8],
    mut clock: C,
    config: &Config,
    masks: M,
    request: &ClientRequest<'_>,
    inspect: impl FnMut(&Answer<'_>),
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
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
{
    let mut opening = Opening::server(buffer, config, clock());
    receive_head(stream, &mut opening, clock).await?;
    let response = opening.response(decide);
    write(stream, opening.bytes(response.range)).await?;
    Ok(opening.into_parts(response.head_len?))
}

/// Sends a request and checks the answer. Returns the buffer, and the range of the first frames in it.
pub(crate) async fn open_client<'b, S: Read + Write, C: FnMut() -> Timestamp>(
    stream: &mut S,
    buffer: &'b mut [u8],
    clock: &mut C,
    config: &Config,
    request: &ClientRequest<'_>,
    mut inspect: impl FnMut(&Answer<'_>),
) -> Result<(&'b mut [u8], Range<usize>), Error<S::Error>> {
    let (mut opening, request_len) = Opening::client(buffer, request, config, clock())?;
    write(stream, opening.bytes(0..request_len)).await?;
    loop {
        receive_head(stream, &mut opening, clock).await?;
        if let Some(head_len) = opening.check_response(request, &mut inspect)? {
            return Ok(opening.into_parts(head_len));
        }
    }
}

/// Reads until the head is complete, or cannot become valid.
async fn receive_head<S: Read, C: FnMut() -> Timestamp>(
    stream: &mut S,
    opening: &mut Opening<'_>,
    clock: &mut C,
) -> Result<(), Error<S::Error>> {
    while opening.needs_more() {
        let read = stream.read(opening.room()).await;
        opening.received(read, clock())?;
    }
    Ok(())
}

/// Writes all bytes, and flushes.
async fn write<S: Write>(stream: &mut S, mut bytes: &[u8]) -> Result<(), Error<S::Error>> {
    while !bytes.is_empty() {
        let len = stream.write(bytes).await.map_err(Error::Io)?;
        bytes = bytes.get(len..).filter(|_| len > 0).ok_or(Error::BrokenStream)?;
    }
    stream.flush().await.map_err(Error::Io)
}
