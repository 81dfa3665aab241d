//! The handshake with a proxy (RFC 6455, 4.1 item 3): [`TunnelHandshake`].

use std::io;

use tidings_handshake::opening::{Io, Opening, Tunnel};
use tidings_handshake::{HeaderSlots, Limits, TunnelRequest, TunnelResponse};
use tidings_websocket::Timestamp;

use crate::error::Error;
use crate::opening::deadline::Deadline;
use crate::opening::exchange::Exchange;
use crate::opening::server::abandoned;
use crate::opening::{Handshake, STACK_HEADERS};

/// Asks a proxy for a tunnel. Afterwards the transport leads to the server, and not one byte of it
/// has been read.
#[derive(Debug)]
pub struct TunnelHandshake<'a> {
    exchange: Exchange<Tunnel>,
    request: TunnelRequest<'a>,
    outcome: Option<Result<(), Error>>,
}

impl<'a> TunnelHandshake<'a> {
    pub(super) fn new(request: TunnelRequest<'a>, limits: Limits, deadline: Deadline) -> Self {
        let buffer = request.to_vec();
        let opening = Opening::tunnel(buffer.len(), limits, deadline.at());
        let eof = "the proxy ended the connection without an answer";
        Self { exchange: Exchange::new(opening, buffer, deadline, eof), request, outcome: None }
    }

    /// What came of it.
    ///
    /// # Errors
    /// There is no tunnel.
    pub fn finish(mut self) -> Result<(), Error> {
        self.exchange.result()?;
        debug_assert!(self.outcome.is_some(), "it is over");
        self.outcome.unwrap_or(Err(abandoned()))
    }

    fn check(&mut self) {
        let Exchange { opening, buffer, .. } = &mut self.exchange;
        let mut slots = HeaderSlots::<STACK_HEADERS>::with_room_for(opening.headers());
        self.outcome = match opening.check(buffer, &self.request, &mut slots) {
            Ok(TunnelResponse::Interim(_)) => None,
            Ok(TunnelResponse::Open { .. }) => Some(Ok(())),
            Ok(TunnelResponse::Declined(declined)) => {
                Some(Err(Error::Proxy { status: declined.status() }))
            }
            Err(error) => Some(Err(Error::ProxyResponse(error))),
        };
    }
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
