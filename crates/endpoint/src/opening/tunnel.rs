//! The handshake with a proxy (RFC 6455, 4.1 item 3): [`TunnelHandshake`].

use std::io;

use tidings_handshake::opening::{Io, Opening, Tunnel};
use tidings_handshake::{HeaderSlots, Limits, TunnelRequest, TunnelResponse};
use tidings_websocket::Timestamp;

use crate::error::Error;
use crate::opening::deadline::Deadline;
use crate::opening::exchange::{Exchange, Peer};
#[cfg(feature = "event-source")]
use crate::opening::route::host_and_port;
use crate::opening::server::abandoned;
use crate::opening::{Handshake, STACK_HEADERS};

/// Asks a proxy for a tunnel. Afterwards the transport leads to the server, and not one byte of it
/// has been read.
#[derive(Debug)]
pub struct TunnelHandshake<'a> {
    /// The host and port of the proxy.
    proxy: Box<str>,
    exchange: Exchange<Tunnel>,
    request: TunnelRequest<'a>,
    outcome: Option<Result<(), Error>>,
}

impl<'a> TunnelHandshake<'a> {
    pub(super) fn new(
        proxy: &str,
        request: TunnelRequest<'a>,
        limits: Limits,
        deadline: Deadline,
    ) -> Self {
        let buffer = request.to_vec();
        let opening = Opening::tunnel(buffer.len(), limits, deadline.at());
        let exchange = Exchange::new(opening, buffer, deadline, Peer::Proxy(proxy.into()));
        Self { proxy: proxy.into(), exchange, request, outcome: None }
    }

    /// Returns the result.
    ///
    /// # Errors
    /// The tunnel could not be opened.
    pub fn finish(mut self) -> Result<(), Error> {
        self.exchange.result()?;
        debug_assert!(self.outcome.is_some(), "it is over");
        self.outcome.unwrap_or(Err(abandoned()))
    }

    fn check(&mut self) {
        let Exchange { opening, buffer, .. } = &mut self.exchange;
        let mut slots = HeaderSlots::<STACK_HEADERS>::with_room_for(opening.headers());
        let proxy = self.proxy.clone();
        self.outcome = match opening.check(buffer, &self.request, &mut slots) {
            Ok(TunnelResponse::Interim(_)) => None,
            Ok(TunnelResponse::Open { .. }) => Some(Ok(())),
            Ok(TunnelResponse::Declined(declined)) => {
                let challenge = challenge(declined.headers().get_all("Proxy-Authenticate"));
                Some(Err(Error::Proxy { proxy, status: declined.status(), challenge }))
            }
            Err(error) => Some(Err(Error::ProxyResponse { proxy, error })),
        };
    }
}

/// The refusal of a proxy that gets requests themselves, if this response is one. RFC 9110, 15.5.8: a proxy
/// asks for credentials by 407, which no server does. Any other status may be the server's.
#[cfg(feature = "event-source")]
pub(crate) fn forwarding_refusal(
    proxy: &tidings_handshake::Proxy,
    head: &http::response::Parts,
) -> Option<Error> {
    if head.status != http::StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return None;
    }
    let values = head.headers.get_all(http::header::PROXY_AUTHENTICATE).iter();
    Some(Error::Proxy {
        proxy: host_and_port(proxy.host(), proxy.port()).into(),
        status: head.status.as_u16(),
        challenge: challenge(values.map(http::HeaderValue::as_bytes)),
    })
}

/// The part of a proxy's challenge that is shown.
const MAX_CHALLENGE_LEN: usize = 200;

/// RFC 9110, 11.7.1: how the proxy wants to be told who asks, with the realm that it names.
fn challenge<'v>(values: impl Iterator<Item = &'v [u8]>) -> Option<Box<str>> {
    let mut challenges = String::new();
    for value in values {
        let separator = if challenges.is_empty() { "" } else { ", " };
        challenges.push_str(separator);
        challenges.push_str(String::from_utf8_lossy(value).trim());
    }
    let shown: String = challenges
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MAX_CHALLENGE_LEN)
        .collect();
    (!shown.is_empty()).then(|| shown.into())
}

impl Handshake for TunnelHandshake<'_> {
    fn next_io(&mut self, now: Timestamp) -> Option<(Io<'_>, Timestamp)> {
        while self.exchange.is_at_head(now) {
            self.check();
        }
        self.exchange.next_io(now)
    }

    fn completed(&mut self, result: io::Result<usize>) {
        self.exchange.completed(result);
    }
}
