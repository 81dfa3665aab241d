//! The server's side of the opening handshake, on a stream of its own.

use tidings_endpoint::Error;
use tidings_endpoint::opening::{Opened, ServerHandshake, accept_same_origin};
use tidings_endpoint::websocket::Config;
use tidings_handshake::{Decision, ServerRequest};
use tidings_websocket::Server;

use crate::deadline::Deadline;
use crate::opening::drive;
use crate::socket::WebSocket;
use crate::transport::Transport;

/// Accepts a WebSocket at any path, from clients that are no browser and from pages of the same
/// host (RFC 6455, 10.2). For anything else see [`accept_with`].
///
/// A nonblocking stream is to be made so afterwards.
///
/// # Errors
/// Why there is no WebSocket. A client that can be answered has its answer already.
pub fn accept<S: Transport>(stream: S, config: Config) -> Result<WebSocket<S>, Error> {
    accept_with(stream, config, accept_same_origin)
}

/// Accepts a WebSocket if `decide` does: it sees a request that holds every MUST of RFC 6455,
/// 4.2.1, and answers with its acceptance (perhaps with a subprotocol) or with a rejection.
///
/// ```
/// # fn serve(stream: std::net::TcpStream) -> Result<(), tidings_std::Error> {
/// use tidings_std::{Config, accept_with, handshake::Rejection};
///
/// let socket = accept_with(stream, Config::server(), |request| match request.path() {
///     "/chat" => request
///         .accept()
///         .subprotocol(request.choose_subprotocol(&["chat.v2", "chat.v1"]))
///         .map_err(|_| Rejection::forbidden("no such subprotocol")),
///     path => Err(Rejection::not_found(format!("no WebSocket at {path}"))),
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`accept`].
pub fn accept_with<S, F>(mut stream: S, config: Config, decide: F) -> Result<WebSocket<S>, Error>
where
    S: Transport,
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    let deadline = Deadline::after(config.handshake_timeout);
    let mut handshake = ServerHandshake::new(&config, deadline.now(), decide);
    drive(&mut stream, &mut handshake, deadline);
    let Opened { negotiated, received } = handshake.finish()?;
    Ok(WebSocket::from_negotiated(stream, Server, config, &received, negotiated))
}
