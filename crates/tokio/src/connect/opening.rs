//! The client's side of the opening handshake (RFC 6455, 4.1), on any stream: [`perform`].

use tidings_endpoint::websocket::{Config, Negotiated, mandatory_extension_close};
use tidings_endpoint::{
    ClientRole, Declined, Error, MAX_INTERIM_RESPONSES, RandomMasks, ResponseVerdict,
    judge_response, too_many_interim,
};
use tidings_handshake::{
    ClientRequest, DeclinedBody, Head, HeadError, HeadScanner, Redirect, Redirects,
};
use tidings_websocket::Client;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use crate::connect::deadline::Deadline;
use crate::handshake_io::{read_head, write_answer};
use crate::socket::WebSocket;

/// What came of the handshake.
pub(super) enum Outcome<S> {
    Open {
        stream: S,
        negotiated: Negotiated,
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
    config: &Config,
    redirects: &mut Redirects,
) -> Result<Outcome<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write_answer(&mut stream, &request.to_vec()).await?;
    let mut received = Vec::new();
    for _ in 0..=MAX_INTERIM_RESPONSES {
        let scanner = HeadScanner::response(config.head_limits);
        let on_head =
            |head: Result<Head<'_>, HeadError>| judge_response(head, request, config, redirects);
        let verdict = read_head(&mut stream, &mut received, scanner, on_head).await?;
        if matches!(verdict, Err(Error::Compression(_))) {
            // RFC 7692, 5: the connection fails. It was open to the server already.
            let _ = write_answer(&mut stream, &mandatory_extension_close()).await;
        }
        match verdict? {
            ResponseVerdict::Interim { head_len } => {
                received.drain(..head_len);
            }
            ResponseVerdict::Open { negotiated, head_len } => {
                received.drain(..head_len);
                return Ok(Outcome::Open { stream, negotiated, received });
            }
            ResponseVerdict::Declined { declined, mut body, redirect, head_len } => {
                body.receive(received.get(head_len..).unwrap_or_default());
                return Ok(Outcome::Declined { stream, declined, body, redirect });
            }
        }
    }
    Err(too_many_interim())
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
            Self::Open { stream, negotiated, received } => {
                let role = Client::new(RandomMasks);
                Ok(WebSocket::from_negotiated(stream, role, config, &received, negotiated))
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
