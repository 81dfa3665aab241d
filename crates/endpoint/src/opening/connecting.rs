//! A client from a URI to an open WebSocket, redirects included: [`Connecting`].

use std::fmt;

use tidings_handshake::{Key, Redirect, Redirects, WebSocketUri};
use tidings_websocket::Timestamp;

use crate::error::Error;
use crate::opening::client::ClientHandshake;
use crate::opening::deadline::Deadline;
use crate::opening::options::{ConnectOptions, Offer};
use crate::opening::route::{Route, host_and_port};
use crate::random;
use crate::websocket::Config;

/// A connection in the making: one attempt for each redirect, all under one deadline.
///
/// 1. Connect as [`route`](Self::route) says.
/// 2. Drive the [`handshake`](Self::handshake) on that connection.
/// 3. If it [`finish`](ClientHandshake::finish)es with `None`, the server redirects: begin again.
pub struct Connecting<'o> {
    pub(super) options: &'o ConnectOptions,
    pub(super) offer: Offer<'o>,
    pub(super) uri: String,
    pub(super) key: Key,
    /// The request, to be sent.
    pub(super) request: Vec<u8>,
    pub(super) redirects: Redirects,
    pub(super) deadline: Deadline,
}

impl<'o> Connecting<'o> {
    /// To the server of this URI, or wherever it redirects to.
    ///
    /// # Errors
    /// RFC 6455, 4.1 item 1: an invalid URI or option is reported before anything is sent.
    pub fn new(options: &'o ConnectOptions, uri: &str, now: Timestamp) -> Result<Self, Error> {
        Self::with_redirects(options, uri, now, Redirects::new(options.max_redirects))
    }

    /// On a connection that there is already: no redirect is followed, and no
    /// [`route`](Self::route) needed.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn on_stream(
        options: &'o ConnectOptions,
        uri: &str,
        now: Timestamp,
    ) -> Result<Self, Error> {
        Self::with_redirects(options, uri, now, Redirects::new(0))
    }

    fn with_redirects(
        options: &'o ConnectOptions,
        uri: &str,
        now: Timestamp,
        redirects: Redirects,
    ) -> Result<Self, Error> {
        let uri = WebSocketUri::parse(uri)?.to_string();
        let (offer, key) = (Offer::of(options), random::handshake_key());
        Ok(Self {
            request: offer.encode_request(&uri, key)?,
            deadline: Deadline::new(now, options.config.handshake_timeout),
            options,
            offer,
            uri,
            key,
            redirects,
        })
    }

    /// The way to the server that is next.
    ///
    /// # Errors
    /// A proxy is named in a way that makes no sense, or TLS cannot work.
    pub fn route(&self) -> Result<Route<'_>, Error> {
        self.options.route(&self.uri)
    }

    /// The handshake with that server, on a connection to it.
    pub fn handshake(&mut self) -> ClientHandshake<'_, 'o> {
        ClientHandshake::new(self)
    }

    /// The host and port of that server.
    pub(super) fn server(&self) -> String {
        let uri = WebSocketUri::parse(&self.uri);
        debug_assert!(uri.is_ok(), "it was one");
        uri.map_or_else(|_| self.uri.clone(), |uri| host_and_port(uri.host(), uri.port()))
    }

    /// Returns the time by which the WebSocket must be open, over all steps.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Limits and times of the WebSocket.
    #[must_use]
    pub const fn config(&self) -> &'o Config {
        &self.options.config
    }

    /// Follows a redirect, with the headers that may be kept, and a new key (RFC 6455, 4.1 item 7).
    pub(super) fn redirect(&mut self, redirect: Redirect) -> Result<(), Error> {
        self.offer.redirect(&redirect);
        self.uri = redirect.into_uri();
        self.key = random::handshake_key();
        self.request = self.offer.encode_request(&self.uri, self.key)?;
        Ok(())
    }
}

impl fmt::Debug for Connecting<'_> {
    // The request holds credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting")
            .field("uri", &self.uri)
            .field("offer", &self.offer)
            .field("redirects", &self.redirects)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
