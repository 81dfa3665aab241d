//! The client's side of the opening handshake: over TCP, or on any stream.

use std::time::Duration;

use tidings_handshake::{
    Answer, ClientRequest, Head, HeadError, HeadScanner, HeaderSlots, WebSocketUri,
};
use tidings_websocket::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::config::Config;
use crate::error::{Declined, Error};
use crate::handshake_io::{read_head, write_answer};
use crate::random::{self, ClientRole, RandomMasks};
use crate::socket::WebSocket;

/// Headers of one response; more fail the handshake.
const HEADERS_MAX: usize = 100;
/// Responses such as 103 that may come before the answer.
const INTERIM_RESPONSES_MAX: usize = 8;

/// What a client asks for beside the URI.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Limits and times.
    pub config: Config,
    /// The subprotocols offered, best first.
    pub subprotocols: Vec<String>,
    /// The `Origin` to send; only browsers have to.
    pub origin: Option<String>,
    /// More headers, such as `Authorization`.
    pub headers: Vec<(String, String)>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            config: Config::client(),
            subprotocols: Vec::new(),
            origin: None,
            headers: Vec::new(),
        }
    }
}

/// Connects to a `ws://` URI.
///
/// ```no_run
/// # async fn talk() -> Result<(), tidings_tokio::Error> {
/// let mut socket = tidings_tokio::connect("ws://127.0.0.1:8080/chat").await?;
/// socket.send("hello").await?;
/// let answer = socket.recv().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Why there is no WebSocket. [`Error::Declined`] if the server answered something else.
pub async fn connect(uri: &str) -> Result<WebSocket<TcpStream, ClientRole>, Error> {
    connect_with(uri, ConnectOptions::default()).await
}

/// As [`connect`], with options. The handshake timeout covers the TCP connection too.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    uri: &str,
    options: ConnectOptions,
) -> Result<WebSocket<TcpStream, ClientRole>, Error> {
    // RFC 6455, 4.1: an invalid URI fails before anything is sent.
    let parsed = WebSocketUri::parse(uri)?;
    if parsed.is_secure() {
        return Err(Error::TlsUnsupported);
    }
    within(options.config.handshake_timeout, async {
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, parsed.port())).await?;
        // Frames are written whole; waiting for more to send only delays them.
        stream.set_nodelay(true)?;
        handshake(stream, parsed, &options).await
    })
    .await
}

/// Does the opening handshake on a stream of yours, for example one with TLS: then a `wss://` URI
/// is fine.
///
/// # Errors
/// As [`connect`].
pub async fn handshake_with<S>(
    stream: S,
    uri: &str,
    options: ConnectOptions,
) -> Result<WebSocket<S, ClientRole>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let uri = WebSocketUri::parse(uri)?;
    within(options.config.handshake_timeout, handshake(stream, uri, &options)).await
}

async fn within<T>(
    limit: Duration,
    handshake: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, handshake).await.map_err(|_| Error::HandshakeTimeout(limit))?
}

async fn handshake<S>(
    mut stream: S,
    uri: WebSocketUri<'_>,
    options: &ConnectOptions,
) -> Result<WebSocket<S, ClientRole>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let subprotocols: Vec<&str> = options.subprotocols.iter().map(String::as_str).collect();
    let headers: Vec<(&str, &str)> =
        options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut request = ClientRequest::new(uri, random::handshake_key())
        .subprotocols(&subprotocols)?
        .headers(&headers)?;
    if let Some(origin) = &options.origin {
        request = request.origin(origin)?;
    }
    write_answer(&mut stream, &request.to_vec()).await?;

    let mut received = Vec::new();
    for _ in 0..=INTERIM_RESPONSES_MAX {
        let scanner = HeadScanner::response(options.config.head_limits);
        let verdict =
            read_head(&mut stream, &mut received, scanner, |head| judge(head, &request)).await?;
        match verdict? {
            Verdict::Interim { head_len } => {
                received.drain(..head_len);
            }
            Verdict::Open { subprotocol, head_len } => {
                received.drain(..head_len);
                let role = Client::new(RandomMasks);
                let socket = WebSocket::from_handshaken(stream, role, options.config, &received);
                return Ok(socket.with_subprotocol(subprotocol));
            }
            Verdict::Declined { mut declined, head_len } => {
                declined.body_start = received.split_off(head_len);
                return Err(Error::Declined(declined));
            }
        }
    }
    Err(Error::Response(HeadError::TooManyHeaders { limit: INTERIM_RESPONSES_MAX }.into()))
}

enum Verdict {
    Open { subprotocol: Option<Box<str>>, head_len: usize },
    Interim { head_len: usize },
    Declined { declined: Box<Declined>, head_len: usize },
}

/// What the server's answer means.
fn judge(head: Result<Head<'_>, HeadError>, request: &ClientRequest<'_>) -> Result<Verdict, Error> {
    let head = head.map_err(|error| Error::Response(error.into()))?;
    let mut slots = HeaderSlots::<HEADERS_MAX>::new();
    Ok(match request.parse_response(head, &mut slots).map_err(Error::Response)? {
        Answer::Opened(opened) => Verdict::Open {
            subprotocol: opened.subprotocol().map(Box::from),
            head_len: opened.head_len(),
        },
        Answer::Interim(interim) => Verdict::Interim { head_len: interim.head_len() },
        Answer::Declined(answer) => {
            let owned = |(name, value): (&str, &[u8])| (name.to_owned(), value.to_vec());
            let declined = Declined {
                status: answer.status(),
                reason: answer.reason().to_owned(),
                headers: answer.headers().iter().map(owned).collect(),
                body_start: Vec::new(),
            };
            Verdict::Declined { declined: Box::new(declined), head_len: answer.head_len() }
        }
    })
}
