//! The client's side of the opening handshake (RFC 6455, 4.1), on any stream: [`perform`].

use std::io::Read as _;

use tidings_endpoint::websocket::{Config, Negotiated, mandatory_extension_close};
use tidings_endpoint::{
    ClientRole, Declined, Error, MAX_INTERIM_RESPONSES, RandomMasks, ResponseVerdict,
    judge_response, too_many_interim,
};
use tidings_handshake::{ClientRequest, DeclinedBody, HeadScanner, Redirect, Redirects};
use tidings_websocket::Client;

use crate::deadline::{Bounded, Deadline};
use crate::handshake_io::{read_head, write_answer};
use crate::socket::WebSocket;
use crate::transport::Transport;

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
pub(super) fn perform<S: Transport>(
    mut stream: S,
    request: &ClientRequest<'_>,
    config: &Config,
    redirects: &mut Redirects,
    deadline: Deadline,
) -> Result<Outcome<S>, Error> {
    write_answer(&mut stream, &request.to_vec(), deadline)?;
    let mut received = Vec::new();
    for _ in 0..=MAX_INTERIM_RESPONSES {
        let scanner = HeadScanner::response(config.head_limits);
        let verdict = read_head(&mut stream, &mut received, scanner, deadline, |head| {
            judge_response(head, request, config, redirects)
        })?;
        if matches!(verdict, Err(Error::Compression(_))) {
            // RFC 7692, 5: the connection fails. It was open to the server already.
            let _ = write_answer(&mut stream, &mandatory_extension_close(), deadline);
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

impl<S: Transport> Outcome<S> {
    /// The WebSocket; or the error that there is none, when the beginning of the body has come or
    /// the time is over.
    pub(super) fn socket(
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
                let mut stream = Bounded { stream: &mut stream, deadline };
                let mut buffer = [0; 4096];
                while body.wants_more() {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(len) => body.receive(buffer.get(..len).unwrap_or_default()),
                    }
                }
                declined.body_start = body.into_bytes();
                Err(Error::Declined(declined))
            }
        }
    }
}
