//! The opening handshake on a stream: [`accept`] and [`connect`].

use embedded_io::{Read, Write};
use tidings_handshake::{ClientRequest, Decision, Response, ServerRequest};
use tidings_websocket::{Client, MaskSource, Server, Timestamp};

use crate::asynchronous::{open_client, open_server};
use crate::blocking::WebSocket;
use crate::blocking::stream::{Blocking, poll_once};
use crate::config::Config;
use crate::error::Error;

/// Accepts a WebSocket: [`asynchronous::accept`](crate::asynchronous::accept) on a blocking stream.
///
/// [`Config::handshake_timeout`] is checked after each read, also after one that has timed out.
///
/// # Errors
/// The same as [`asynchronous::accept`](crate::asynchronous::accept).
pub fn accept<'b, S, C, F>(
    stream: S,
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
    let mut stream = Blocking(stream);
    let opening = open_server(&mut stream, buffer, &mut clock, config, decide);
    let (buffer, unread) = poll_once(opening, Error::BrokenStream)?;
    Ok(WebSocket::from_handshaken(stream.0, Server, buffer, unread, clock, config))
}

/// Opens a WebSocket: [`asynchronous::connect`](crate::asynchronous::connect) on a blocking stream.
///
/// # Errors
/// The same as [`asynchronous::connect`](crate::asynchronous::connect).
pub fn connect<'b, S, C, M>(
    stream: S,
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
    let mut stream = Blocking(stream);
    let opening = open_client(&mut stream, buffer, &mut clock, config, request, inspect);
    let (buffer, unread) = poll_once(opening, Error::BrokenStream)?;
    Ok(WebSocket::from_handshaken(stream.0, Client::new(masks), buffer, unread, clock, config))
}
