//! The server's side of the opening handshake, on a stream of its own.

use tidings_handshake::{
    Acceptance, Head, HeadError, HeadScanner, HeaderSlots, MissingOrigin, OriginPolicy, Rejection,
    RequestError, ServerRequest,
};
use tidings_websocket::Server;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::Config;
use crate::error::Error;
use crate::handshake_io::{read_head, refuse, write_answer};
use crate::socket::WebSocket;

/// Headers of one request; more are refused with 431.
const HEADERS_MAX: usize = 100;

/// Accepts a WebSocket at any path, from clients that are no browser and from pages of the same
/// host (RFC 6455, 10.2). For anything else see [`accept_with`].
///
/// # Errors
/// Why there is no WebSocket. A client that can be answered has its answer already.
///
/// # Cancel safety
/// Not safe: a dropped future drops the stream, and the client sees it end.
pub async fn accept<S>(stream: S, config: Config) -> Result<WebSocket<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_with(stream, config, |request| {
        let policy = OriginPolicy::same_origin(MissingOrigin::Accept);
        // Whether there is TLS in front of this stream is not known here.
        match request.check_origin(&policy, true).or(request.check_origin(&policy, false)) {
            Ok(()) => Ok(request.accept()),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// Accepts a WebSocket if `decide` does: it sees a request that holds every MUST of RFC 6455,
/// 4.2.1, and answers with its acceptance (perhaps with a subprotocol) or with a rejection.
///
/// ```
/// # async fn serve(stream: tokio::net::TcpStream) -> Result<(), tidings_tokio::Error> {
/// use tidings_tokio::{Config, accept_with, handshake::Rejection};
///
/// let socket = accept_with(stream, Config::server(), |request| match request.path() {
///     "/chat" => request
///         .accept()
///         .subprotocol(request.choose_subprotocol(&["chat.v2", "chat.v1"]))
///         .map_err(|_| Rejection::forbidden("no such subprotocol")),
///     _ => Err(Rejection::not_found("no WebSocket here")),
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`accept`].
///
/// # Cancel safety
/// As [`accept`].
pub async fn accept_with<S, F>(
    mut stream: S,
    config: Config,
    decide: F,
) -> Result<WebSocket<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
{
    let handshake = async {
        let mut received = Vec::new();
        let scanner = HeadScanner::request(config.head_limits);
        let verdict =
            read_head(&mut stream, &mut received, scanner, |head| judge(head, decide)).await?;
        match verdict {
            Verdict::Accept { answer, subprotocol, head_len } => {
                write_answer(&mut stream, &answer).await?;
                received.drain(..head_len);
                Ok((received, subprotocol))
            }
            Verdict::Refuse { answer, error } => {
                refuse(&mut stream, &answer).await?;
                Err(error)
            }
        }
    };
    let (received, subprotocol) = tokio::time::timeout(config.handshake_timeout, handshake)
        .await
        .map_err(|_| Error::HandshakeTimeout(config.handshake_timeout))??;
    Ok(WebSocket::from_handshaken(stream, Server, config, &received).with_subprotocol(subprotocol))
}

enum Verdict {
    Accept { answer: Vec<u8>, subprotocol: Option<Box<str>>, head_len: usize },
    Refuse { answer: Vec<u8>, error: Error },
}

/// All that happens between the request and the answer.
fn judge<F>(head: Result<Head<'_>, HeadError>, decide: F) -> Verdict
where
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
{
    let refuse = |rejection: Rejection<'_>, error| {
        let answer = rejection.to_vec();
        Verdict::Refuse { answer, error }
    };
    let mut slots = HeaderSlots::<HEADERS_MAX>::new();
    let parsed =
        head.map_err(RequestError::from).and_then(|head| ServerRequest::parse(head, &mut slots));
    let request = match parsed {
        Ok(request) => request,
        Err(error) => return refuse(error.into(), Error::Request(error)),
    };
    match decide(&request) {
        Ok(acceptance) => Verdict::Accept {
            answer: acceptance.to_vec(),
            subprotocol: acceptance.chosen_subprotocol().map(Box::from),
            head_len: request.head_len(),
        },
        Err(rejection) => {
            let status = rejection.status();
            refuse(rejection, Error::Refused { status })
        }
    }
}
