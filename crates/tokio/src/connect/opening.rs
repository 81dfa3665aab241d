//! The client's side of the opening handshake (RFC 6455, 4.1), on any stream: [`perform`].

use tidings_handshake::{
    Answer, ClientRequest, DeclinedBody, Head, HeadError, HeadScanner, HeaderSlots, Limits,
    Redirect, Redirects,
};
use tidings_websocket::Client;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use crate::config::Config;
use crate::connect::deadline::Deadline;
use crate::error::{Declined, Error};
use crate::handshake_io::{read_head, write_answer};
use crate::random::{ClientRole, RandomMasks};
use crate::socket::WebSocket;

/// Headers of one response; more fail the handshake.
pub(super) const HEADERS_MAX: usize = 100;
/// Responses such as 103 that may come before the answer.
pub(super) const INTERIM_RESPONSES_MAX: usize = 8;
/// What is read of the body behind a declined handshake.
const BODY_LEN_MAX: usize = 64 * 1024;

/// What came of the handshake.
pub(super) enum Outcome<S> {
    Open {
        stream: S,
        subprotocol: Option<Box<str>>,
        /// The first frames, as far as they came with the answer.
        received: Vec<u8>,
    },
    Declined {
        stream: S,
        declined: Box<Declined>,
        /// Part of it may still be on its way.
        body: DeclinedBody,
        /// Where to ask again, if that is wanted.
        redirect: Option<Redirect>,
    },
}

/// Sends the request and waits for the answer to it.
pub(super) async fn perform<S>(
    mut stream: S,
    request: &ClientRequest<'_>,
    head_limits: Limits,
    redirects: &mut Redirects,
) -> Result<Outcome<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write_answer(&mut stream, &request.to_vec()).await?;
    let mut received = Vec::new();
    for _ in 0..=INTERIM_RESPONSES_MAX {
        let scanner = HeadScanner::response(head_limits);
        let on_head = |head: Result<Head<'_>, HeadError>| judge(head, request, redirects);
        match read_head(&mut stream, &mut received, scanner, on_head).await?? {
            Verdict::Interim { head_len } => {
                received.drain(..head_len);
            }
            Verdict::Open { subprotocol, head_len } => {
                received.drain(..head_len);
                return Ok(Outcome::Open { stream, subprotocol, received });
            }
            Verdict::Declined { declined, mut body, redirect, head_len } => {
                body.receive(received.get(head_len..).unwrap_or_default());
                return Ok(Outcome::Declined { stream, declined, body, redirect });
            }
        }
    }
    Err(Error::Response(HeadError::TooManyHeaders { limit: INTERIM_RESPONSES_MAX }.into()))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Outcome<S> {
    /// The WebSocket; or the error that there is none, when the beginning of the body has come or
    /// the time is over.
    pub(super) async fn socket(
        self,
        config: Config,
        deadline: Deadline,
    ) -> Result<WebSocket<S, ClientRole>, Error> {
        match self {
            Self::Open { stream, subprotocol, received } => {
                let role = Client::new(RandomMasks);
                let socket = WebSocket::from_handshaken(stream, role, config, &received);
                Ok(socket.with_subprotocol(subprotocol))
            }
            Self::Declined { mut stream, mut declined, mut body, redirect: _ } => {
                // What has come is worth as much without the rest.
                let _ = deadline.try_bound(read_body(&mut stream, &mut body)).await;
                declined.body_start = body.into_bytes();
                Err(Error::Declined(declined))
            }
        }
    }
}

enum Verdict {
    Open {
        subprotocol: Option<Box<str>>,
        head_len: usize,
    },
    Interim {
        head_len: usize,
    },
    Declined {
        declined: Box<Declined>,
        body: DeclinedBody,
        redirect: Option<Redirect>,
        head_len: usize,
    },
}

/// What the server's answer means.
fn judge(
    head: Result<Head<'_>, HeadError>,
    request: &ClientRequest<'_>,
    redirects: &mut Redirects,
) -> Result<Verdict, Error> {
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
            Verdict::Declined {
                declined: Box::new(declined),
                body: DeclinedBody::new(&answer, BODY_LEN_MAX),
                redirect: redirects.follow(&request.uri(), &answer).map_err(Error::Redirect)?,
                head_len: answer.head_len(),
            }
        }
    })
}

/// Reads on until the body ends or there is enough of it.
async fn read_body<S: AsyncRead + Unpin>(stream: &mut S, body: &mut DeclinedBody) {
    let mut buffer = vec![0; 4096];
    while body.wants_more() {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(len) => body.receive(buffer.get(..len).unwrap_or_default()),
        }
    }
}
