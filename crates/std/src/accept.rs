//! The server's side of the opening handshake, on a stream of its own.

use tidings_endpoint::websocket::Config;
use tidings_endpoint::{Error, RequestVerdict, accept_same_origin, judge_request};
use tidings_handshake::{Acceptance, HeadScanner, Rejection, ServerRequest};
use tidings_websocket::Server;

use crate::deadline::Deadline;
use crate::handshake_io::{read_head, refuse, write_answer};
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
///     _ => Err(Rejection::not_found("no WebSocket here")),
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
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
{
    let deadline = Deadline::after(config.handshake_timeout);
    let mut received = Vec::new();
    let scanner = HeadScanner::request(config.head_limits);
    let verdict = read_head(&mut stream, &mut received, scanner, deadline, |head| {
        judge_request(head, &config, decide)
    })?;
    match verdict {
        RequestVerdict::Accept { answer, negotiated, head_len } => {
            write_answer(&mut stream, &answer, deadline)?;
            let first = received.get(head_len..).unwrap_or_default();
            Ok(WebSocket::from_negotiated(stream, Server, config, first, negotiated))
        }
        RequestVerdict::Refuse { answer, error } => {
            refuse(&mut stream, &answer, deadline)?;
            Err(error)
        }
    }
}
