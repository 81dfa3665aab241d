//! The client: from a URI to an open WebSocket. [`Connector`], and [`connect`] for the short way.
//!
//! The steps are files of their own, in their order: `dial` (DNS and TCP), `tunnel` (a proxy),
//! TLS, `opening` (the handshake of RFC 6455, section 4). This one puts them in a row, once for
//! each redirect, under one deadline.

mod deadline;
mod dial;
mod opening;
mod stream;
mod tunnel;

use std::net::IpAddr;
#[cfg(feature = "rustls")]
use std::sync::Arc;

use tidings_endpoint::websocket::Config;
use tidings_endpoint::{ClientRole, ConnectOptions, Error, Offer};
#[cfg(feature = "rustls")]
use tidings_endpoint::{TlsTarget, rustls::ClientConfig};
use tidings_handshake::{Proxy, Redirects, WebSocketUri};
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "rustls")]
use tokio_rustls::TlsConnector;

use crate::connect::deadline::Deadline;
use crate::connect::dial::Dialer;
use crate::connect::opening::Outcome;
use crate::socket::WebSocket;

pub use crate::connect::stream::ClientStream;

/// Connects to a `ws://` URI or, with the feature `rustls`, to a `wss://` URI whose server has a
/// certificate that the platform trusts. For anything else see [`Connector`].
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
/// As [`Connector::connect`].
///
/// # Cancel safety
/// As [`Connector::connect`].
pub async fn connect(uri: &str) -> Result<WebSocket<ClientStream, ClientRole>, Error> {
    let connecting = async { Connector::new().connect(uri).await };
    Box::pin(connecting).await // as in `Connector::connect`
}

/// How to connect: what to offer, whom to trust, which way to go. It can be used again and again.
///
/// ```no_run
/// # async fn talk() -> Result<(), tidings_tokio::Error> {
/// use tidings_tokio::Connector;
///
/// let connector = Connector::new()
///     .subprotocols(["chat.v2", "chat.v1"])
///     .header("Authorization", "Bearer 12345")
///     .proxy_from_environment();
/// let mut socket = connector.connect("ws://chat.example/room/1").await?;
/// println!("they speak {:?}", socket.subprotocol());
/// # Ok(())
/// # }
/// ```
///
/// [`Config::handshake_timeout`] is the time for all of it: DNS, TCP, proxy, TLS, the opening
/// handshake and every redirect.
///
/// Of several addresses of a host, each gets a quarter of a second before the next is tried
/// beside it, and the first that answers is used (RFC 8305).
///
/// RFC 6455, 4.1 item 2, lets at most one connection to the same address be in the making; others
/// would wait. This is not done here: the rule protects servers from scripts in a browser, and
/// would make the connections of a program wait for each other. Whoever opens many to one host,
/// through a proxy or not, bounds them with a semaphore.
///
/// Its `Debug` shows the names of headers and not their values.
#[derive(Clone, Debug)]
#[must_use = "a connector does nothing until `connect`"]
pub struct Connector {
    options: ConnectOptions,
    dialer: Dialer,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector {
    /// No subprotocol, no header of its own, no redirects, no proxy, [`Config::client`].
    pub fn new() -> Self {
        let dialer = Dialer { nodelay: true, local_address: None };
        Self { options: ConnectOptions::default(), dialer }
    }

    /// Limits and times.
    pub fn config(mut self, config: Config) -> Self {
        self.options.set_config(config);
        self
    }

    /// The subprotocols to offer, best first, in place of those given before.
    pub fn subprotocols<I>(mut self, subprotocols: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.options.set_subprotocols(subprotocols);
        self
    }

    /// One more header, such as `Authorization`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.add_header(name, value);
        self
    }

    /// The `Origin` to send; only browsers have to.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.options.set_origin(origin);
        self
    }

    /// Follows at most so many redirects; the default is 0, five are plenty.
    ///
    /// Headers go along while scheme, host and port stay the same; to any other origin only
    /// harmless ones go ([`Redirect::keeps_header`](tidings_handshake::Redirect::keeps_header)),
    /// and `Origin` becomes `null`. Subprotocols always go along, so put no secret into them. From
    /// `wss` to `ws` no redirect is followed.
    pub fn max_redirects(mut self, max_redirects: u32) -> Self {
        self.options.set_max_redirects(max_redirects);
        self
    }

    /// Goes through this proxy, whatever the host.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.options.set_proxy(proxy);
        self
    }

    /// Goes through the proxy that the environment variables `https_proxy`, `http_proxy`,
    /// `all_proxy` and `no_proxy` name now;
    /// [`ProxyRules::from_variables`](tidings_handshake::ProxyRules::from_variables) tells their
    /// rules.
    ///
    /// This is not the default: where a program's connections go should be seen in its code. Right
    /// for what is run by hand, as curl is.
    pub fn proxy_from_environment(mut self) -> Self {
        self.options.set_proxy_from_environment();
        self
    }

    /// Trusts and shows the certificates of this configuration, in place of trusting those that
    /// the platform trusts.
    ///
    /// Two of its settings are put right. The server's name is sent in any case (RFC 6455, 4.1
    /// item 5), and `h2` and `h3` are taken out of the ALPN protocols, since the handshake is one
    /// of HTTP/1.1. A client certificate is shown to a server that a redirect leads to as well.
    #[cfg(feature = "rustls")]
    pub fn tls_config(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.options.set_tls_config(config);
        self
    }

    /// Whether TCP sends at once what was written (`TCP_NODELAY`). The default is to: frames are
    /// written whole, and waiting for more only delays them.
    pub fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.dialer.nodelay = nodelay;
        self
    }

    /// The address of this machine to connect from. Only addresses of the same family are tried.
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.dialer.local_address = Some(address);
        self
    }

    /// Connects to a `ws://` or, with the feature `rustls`, `wss://` URI.
    ///
    /// # Errors
    /// Why there is no WebSocket. [`Error::Declined`] if the server answered something else, with
    /// up to 64 KiB of what it said. What is wrong with the URI or with what this connector is to
    /// send is found before any connection is made.
    ///
    /// # Cancel safety
    /// Not safe: a dropped future drops the connection that it was making. Nothing else is lost.
    pub async fn connect(&self, uri: &str) -> Result<WebSocket<ClientStream, ClientRole>, Error> {
        let deadline = Deadline::after(self.options.config().handshake_timeout);
        let connecting = async {
            let outcome = deadline.bound(self.follow(uri)).await?;
            outcome.socket(*self.options.config(), deadline).await
        };
        // On the heap while it lasts: in the caller's future its room would stay for good.
        Box::pin(connecting).await
    }

    /// Does the opening handshake on a stream of yours, for example one with a TLS of your own:
    /// then a `wss://` URI is fine without the feature `rustls`. The URI tells what to ask for;
    /// proxies, TLS and redirects are not this method's.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// As [`connect`](Self::connect).
    pub async fn handshake<S>(
        &self,
        stream: S,
        uri: &str,
    ) -> Result<WebSocket<S, ClientRole>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Deadline::after(self.options.config().handshake_timeout);
        let opening = async {
            let uri = WebSocketUri::parse(uri)?;
            let offer = Offer::of(&self.options);
            let lines = offer.lines();
            let request = lines.request(uri)?;
            let mut redirects = Redirects::new(0);
            let config = *self.options.config();
            let opening = opening::perform(stream, &request, &config, &mut redirects);
            deadline.bound(opening).await?.socket(config, deadline).await
        };
        Box::pin(opening).await // as in `connect`
    }

    /// One attempt for each redirect.
    async fn follow(&self, uri: &str) -> Result<Outcome<ClientStream>, Error> {
        // RFC 6455, 4.1 item 1: an invalid URI fails before anything is sent.
        let mut uri = WebSocketUri::parse(uri)?.to_string();
        let mut offer = Offer::of(&self.options);
        let config = self.options.config();
        let mut redirects = Redirects::new(self.options.max_redirects());
        loop {
            let target = WebSocketUri::parse(&uri)?;
            let redirect = {
                let lines = offer.lines();
                let request = lines.request(target)?;
                let stream = self.open(target, &[]).await?;
                match opening::perform(stream, &request, config, &mut redirects).await? {
                    Outcome::Declined { redirect: Some(redirect), .. } => redirect,
                    outcome => return Ok(outcome),
                }
            };
            offer.redirect(&redirect);
            uri = redirect.into_uri();
        }
    }

    /// The way to an HTTP server, of either version, which is that of a WebSocket to it.
    #[cfg(feature = "event-source")]
    pub(crate) async fn open_http(&self, route: &str) -> Result<ClientStream, Error> {
        self.open(WebSocketUri::parse(route)?, &[b"h2", b"http/1.1"]).await
    }

    /// How long the head of a response may be.
    #[cfg(feature = "event-source")]
    pub(crate) const fn max_head_len(&self) -> usize {
        self.options.config().head_limits.max_head_len
    }

    /// Everything below HTTP. `protocols` are offered by TLS (RFC 7301), if there are any.
    async fn open(
        &self,
        uri: WebSocketUri<'_>,
        protocols: &[&[u8]],
    ) -> Result<ClientStream, Error> {
        // Before any connection is made: nothing can be wrong with TLS later but the server.
        #[cfg(feature = "rustls")]
        let tls = self.options.tls_for(&uri)?.map(|tls| tls.offering(protocols));
        #[cfg(not(feature = "rustls"))]
        if uri.is_secure() {
            let _ = protocols;
            return Err(Error::TlsUnsupported);
        }
        let stream = match self.options.proxy_for(&uri)? {
            None => self.dialer.dial(uri.host(), uri.port()).await?,
            Some(proxy) => {
                let mut stream = self.dialer.dial(proxy.host(), proxy.port()).await?;
                let head_limits = self.options.config().head_limits;
                tunnel::ask(&mut stream, &proxy.tunnel_to(uri), head_limits).await?;
                stream
            }
        };
        // RFC 6455, 4.1 item 5: TLS comes before the opening handshake.
        #[cfg(feature = "rustls")]
        if let Some(TlsTarget { config, server_name }) = tls {
            let connecting = TlsConnector::from(config).connect(server_name, stream);
            let stream = connecting.await.map_err(TlsTarget::handshake_error)?;
            return Ok(ClientStream::secured(stream));
        }
        Ok(ClientStream::plain(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task keeps the room of every future that it has waited for.
    #[test]
    fn a_connection_in_the_making_takes_no_room_in_the_task_that_waits_for_it() {
        let connector = Connector::new();
        let (stream, _peer) = tokio::io::duplex(1);
        let futures = [
            size_of_val(&connect("ws://h/")),
            size_of_val(&connector.connect("ws://h/")),
            size_of_val(&connector.handshake(stream, "ws://h/")),
        ];
        assert!(futures.iter().all(|size| *size <= 128), "{futures:?}");
    }
}
