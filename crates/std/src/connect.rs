//! The client: from a URI to an open WebSocket. [`Connector`], and [`connect`] for the short way.
//!
//! The steps are files of their own, in their order: `dial` (DNS and TCP), `tunnel` (a proxy),
//! TLS, `opening` (the handshake of RFC 6455, section 4). This one puts them in a row, once for
//! each redirect, under one deadline.

mod dial;
mod opening;
mod stream;
mod tunnel;

#[cfg(feature = "rustls")]
use std::net::TcpStream;
#[cfg(feature = "rustls")]
use std::sync::Arc;

#[cfg(feature = "rustls")]
use rustls::{ClientConfig, ClientConnection, StreamOwned};
#[cfg(feature = "rustls")]
use tidings_endpoint::TlsTarget;
use tidings_endpoint::websocket::Config;
use tidings_endpoint::{ClientRole, ConnectOptions, Error, Offer};
use tidings_handshake::{Proxy, Redirects, WebSocketUri};

use crate::connect::opening::Outcome;
#[cfg(feature = "rustls")]
use crate::deadline::Bounded;
use crate::deadline::Deadline;
use crate::socket::WebSocket;
use crate::transport::Transport;

pub use crate::connect::stream::ClientStream;

/// Connects to a `ws://` URI or, with the feature `rustls`, to a `wss://` URI whose server has a
/// certificate that the platform trusts. For anything else see [`Connector`].
///
/// ```no_run
/// # fn talk() -> Result<(), tidings_std::Error> {
/// let mut socket = tidings_std::connect("ws://127.0.0.1:8080/chat")?;
/// socket.send("hello")?;
/// let answer = socket.recv()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Connector::connect`].
pub fn connect(uri: &str) -> Result<WebSocket<ClientStream, ClientRole>, Error> {
    Connector::new().connect(uri)
}

/// How to connect: what to offer, whom to trust, which way to go. It can be used again and again.
///
/// ```no_run
/// # fn talk() -> Result<(), tidings_std::Error> {
/// use tidings_std::Connector;
///
/// let connector = Connector::new()
///     .subprotocols(["chat.v2", "chat.v1"])
///     .header("Authorization", "Bearer 12345")
///     .proxy_from_environment();
/// let mut socket = connector.connect("ws://chat.example/room/1")?;
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
/// Its `Debug` shows the names of headers and not their values.
#[derive(Clone, Debug)]
#[must_use = "a connector does nothing until `connect`"]
pub struct Connector {
    options: ConnectOptions,
    nodelay: bool,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector {
    /// No subprotocol, no header of its own, no redirects, no proxy, [`Config::client`].
    pub fn new() -> Self {
        Self { options: ConnectOptions::default(), nodelay: true }
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
    pub fn tcp_nodelay(self, nodelay: bool) -> Self {
        Self { nodelay, ..self }
    }

    /// Connects to a `ws://` or, with the feature `rustls`, `wss://` URI.
    ///
    /// # Errors
    /// Why there is no WebSocket. [`Error::Declined`] if the server answered something else, with
    /// up to 64 KiB of what it said. What is wrong with the URI or with what this connector is to
    /// send is found before any connection is made.
    pub fn connect(&self, uri: &str) -> Result<WebSocket<ClientStream, ClientRole>, Error> {
        let config = *self.options.config();
        let deadline = Deadline::after(config.handshake_timeout);
        self.follow(uri, deadline)?.socket(config, deadline)
    }

    /// Does the opening handshake on a stream of yours, for example one with a TLS of your own:
    /// then a `wss://` URI is fine without the feature `rustls`. The URI tells what to ask for;
    /// proxies, TLS and redirects are not this method's.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn handshake<S: Transport>(
        &self,
        stream: S,
        uri: &str,
    ) -> Result<WebSocket<S, ClientRole>, Error> {
        let config = *self.options.config();
        let deadline = Deadline::after(config.handshake_timeout);
        let uri = WebSocketUri::parse(uri)?;
        let offer = Offer::of(&self.options);
        let lines = offer.lines();
        let request = lines.request(uri)?;
        let mut redirects = Redirects::new(0);
        opening::perform(stream, &request, &config, &mut redirects, deadline)?
            .socket(config, deadline)
    }

    /// One attempt for each redirect.
    fn follow(&self, uri: &str, deadline: Deadline) -> Result<Outcome<ClientStream>, Error> {
        // RFC 6455, 4.1 item 1: an invalid URI fails before anything is sent.
        let mut uri = WebSocketUri::parse(uri)?.to_string();
        let config = self.options.config();
        let mut offer = Offer::of(&self.options);
        let mut redirects = Redirects::new(self.options.max_redirects());
        loop {
            let target = WebSocketUri::parse(&uri)?;
            let redirect = {
                let lines = offer.lines();
                let request = lines.request(target)?;
                let stream = self.open(target, deadline)?;
                match opening::perform(stream, &request, config, &mut redirects, deadline)? {
                    Outcome::Declined { redirect: Some(redirect), .. } => redirect,
                    outcome => return Ok(outcome),
                }
            };
            offer.redirect(&redirect);
            uri = redirect.into_uri();
        }
    }

    /// How long the head of a response may be.
    #[cfg(feature = "event-source")]
    pub(crate) const fn head_limits(&self) -> tidings_handshake::Limits {
        self.options.config().head_limits
    }

    /// Everything below HTTP, which is the same for an HTTP server as for a WebSocket of it.
    pub(crate) fn open(
        &self,
        uri: WebSocketUri<'_>,
        deadline: Deadline,
    ) -> Result<ClientStream, Error> {
        // Before any connection is made: nothing can be wrong with TLS later but the server.
        #[cfg(feature = "rustls")]
        let tls = self.options.tls_for(&uri)?;
        #[cfg(not(feature = "rustls"))]
        if uri.is_secure() {
            return Err(Error::TlsUnsupported);
        }
        let dial = |host: &str, port| dial::dial(host, port, self.nodelay, deadline);
        let stream = match self.options.proxy_for(&uri)? {
            None => dial(uri.host(), uri.port())?,
            Some(proxy) => {
                let mut stream = dial(proxy.host(), proxy.port())?;
                let head_limits = self.options.config().head_limits;
                tunnel::ask(&mut stream, &proxy.tunnel_to(uri), head_limits, deadline)?;
                stream
            }
        };
        // RFC 6455, 4.1 item 5: TLS comes before the opening handshake.
        #[cfg(feature = "rustls")]
        if let Some(tls) = tls {
            return Ok(ClientStream::secured(secure(tls, stream, deadline)?));
        }
        Ok(ClientStream::plain(stream))
    }
}

/// The TLS handshake.
#[cfg(feature = "rustls")]
fn secure(
    TlsTarget { config, server_name }: TlsTarget,
    mut stream: TcpStream,
    deadline: Deadline,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Error> {
    use tidings_endpoint::TlsError;

    let mut connection = ClientConnection::new(config, server_name)
        .map_err(|error| Error::Tls(TlsError::Handshake(error)))?;
    while connection.is_handshaking() {
        let mut bounded = Bounded { stream: &mut stream, deadline };
        connection.complete_io(&mut bounded).map_err(|error| {
            if error.kind() == std::io::ErrorKind::TimedOut {
                deadline.judge(error)
            } else {
                TlsTarget::handshake_error(error)
            }
        })?;
    }
    Ok(StreamOwned::new(connection, stream))
}
