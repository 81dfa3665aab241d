//! The opening handshake on a stream: [`accept`] and [`connect`].

use embedded_io::{Read, Write};
use tidings_handshake::{Acceptance, Answer, ClientRequest, Rejection, ServerRequest};
use tidings_websocket::{Client, MaskSource, Server, Timestamp};

use crate::blocking::WebSocket;
use crate::config::Config;
use crate::error::Error;
use crate::opening::Opening;

/// Accepts a WebSocket if `decide` does: it sees a request that holds every MUST of RFC 6455, 4.2.1,
/// and answers with its acceptance (perhaps with a subprotocol) or with a rejection. Either is
/// written and flushed.
///
/// The request's head must fit into the buffer, of at most 32 header lines, and behind it the answer:
/// about 130 bytes, and what you add. Frames that came with the head are received first.
///
/// [`Config::handshake_timeout`] is looked at after each read, also after one that has timed out.
///
/// Pages of other sites reach a device on the local network through their visitors' browsers: hold
/// the request against an [`OriginPolicy`](tidings_handshake::OriginPolicy) if that matters.
///
/// # Errors
/// Why there is no WebSocket. A client that can be answered has its answer; close the stream.
pub fn accept<'b, S, C, F>(
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
    let mut opening = Opening::server(buffer, config, clock());
    while opening.wants_more() {
        let read = stream.read(opening.room());
        opening.received(read, clock())?;
    }
    let reply = opening.reply(decide);
    write(&mut stream, opening.bytes(reply.place))?;
    let (buffer, unread) = opening.into_parts(reply.verdict?);
    Ok(WebSocket::from_handshaken(stream, Server, buffer, unread, clock, config))
}

/// Opens a WebSocket on a stream that is connected to the server already: sends the request and
/// judges the answer.
///
/// `masks` is the source of masking keys, a cryptographic generator: any `FnMut() -> [u8; 4]`.
/// `inspect` sees each answer that breaks no rule: interim responses, then the one that opens the
/// WebSocket, with the subprotocol, or declines it, with its headers.
///
/// The request must fit into the buffer, and after it the answer's head, of at most 32 header lines.
/// Frames that came with the head are received first.
///
/// # Errors
/// Why there is no WebSocket; close the stream. After [`Error::Declined`] the buffer holds the
/// answer.
pub fn connect<'b, S, C, M>(
    mut stream: S,
    buffer: &'b mut [u8],
    mut clock: C,
    config: &Config,
    masks: M,
    request: &ClientRequest<'_>,
    mut inspect: impl FnMut(&Answer<'_>),
) -> Result<WebSocket<'b, S, Client<M>, C>, Error<S::Error>>
where
    S: Read + Write,
    C: FnMut() -> Timestamp,
    M: MaskSource,
{
    let (mut opening, request_len) = Opening::client(buffer, request, config, clock())?;
    write(&mut stream, opening.bytes(0..request_len))?;
    let head_len = loop {
        while opening.wants_more() {
            let read = stream.read(opening.room());
            opening.received(read, clock())?;
        }
        if let Some(head_len) = opening.judge_response(request, &mut inspect)? {
            break head_len;
        }
    };
    let (buffer, unread) = opening.into_parts(head_len);
    Ok(WebSocket::from_handshaken(stream, Client::new(masks), buffer, unread, clock, config))
}

/// Writes all, and flushes.
fn write<S: Write>(stream: &mut S, mut bytes: &[u8]) -> Result<(), Error<S::Error>> {
    while !bytes.is_empty() {
        let len = stream.write(bytes).map_err(Error::Io)?;
        bytes = bytes.get(len..).filter(|_| len > 0).ok_or(Error::BrokenStream)?;
    }
    stream.flush().map_err(Error::Io)
}
