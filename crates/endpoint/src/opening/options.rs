//! The options of a client: [`ConnectOptions`], and [`Offer`], the part that goes into a request.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "rustls")]
use rustls::ClientConfig;
#[cfg(feature = "rustls")]
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidings_deflate::Parameters;
use tidings_handshake::{ClientRequest, Extension, Key, Proxy, ProxyRules, Redirect, WebSocketUri};

use crate::error::Error;
use crate::opening::heads::{Head, HeadObserver};
use crate::opening::route::Route;
use crate::opening::socks::Socks5Proxy;
#[cfg(feature = "rustls")]
use crate::opening::tls::{self, TlsTarget};
use crate::websocket::{self, Config};

/// The options of a client's connections: offers, trust, proxies, addresses. They can be used for
/// any number of connections.
///
/// ```
/// use tidings_endpoint::opening::ConnectOptions;
///
/// let options = ConnectOptions::new()
///     .subprotocols(["chat.v2", "chat.v1"])
///     .header("Authorization", "Bearer 12345")
///     .proxy_from_environment();
/// ```
///
/// [`Config::handshake_timeout`] is the time for all of it: DNS, TCP, proxy, TLS, the opening
/// handshake and every redirect.
///
/// If a host has several addresses, each gets a quarter of a second before the next is tried in
/// parallel, and the first that answers is used (RFC 8305).
///
/// RFC 6455, 4.1 item 2, allows only one connection to an address to be opening at a time; others
/// would wait. This is not enforced here: the rule protects servers from scripts in a browser, and
/// would make the connections of a program wait for each other. To open many to one host, through a
/// proxy or not, limit them with a semaphore.
///
/// Its `Debug` shows the names of headers and not their values.
#[derive(Clone)]
#[must_use = "options do nothing until they are used to connect"]
pub struct ConnectOptions {
    pub(super) config: Config,
    subprotocols: Vec<String>,
    host: Option<String>,
    origin: Option<String>,
    headers: Vec<(String, String)>,
    pub(super) max_redirects: u32,
    proxies: ProxyRules,
    socks: Option<Socks5Proxy>,
    unix_socket: Option<PathBuf>,
    addresses: Vec<(String, SocketAddr)>,
    tcp_nodelay: bool,
    tcp_keepalive: Option<Duration>,
    local_address: Option<IpAddr>,
    head_observer: HeadObserver,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<ClientConfig>>,
}

/// Well before the silence after which common routers forget a connection.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ConnectOptions {
    /// No subprotocol, no headers of the caller, no redirects, no proxy, [`Config::client`].
    pub fn new() -> Self {
        Self {
            config: Config::client(),
            subprotocols: Vec::new(),
            host: None,
            origin: None,
            headers: Vec::new(),
            max_redirects: 0,
            proxies: ProxyRules::direct(),
            socks: None,
            unix_socket: None,
            addresses: Vec::new(),
            tcp_nodelay: true,
            tcp_keepalive: Some(TCP_KEEPALIVE),
            local_address: None,
            head_observer: HeadObserver::default(),
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }

    /// Sets limits and times.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the subprotocols to offer, best first. It replaces earlier ones.
    pub fn subprotocols<I>(mut self, subprotocols: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.subprotocols = subprotocols.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a header, such as `Authorization`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the `Host` to send, with or without a port, instead of the one in the URI.
    ///
    /// It changes neither the address that the client connects to nor the name that the certificate
    /// must have: for that, write the server's name into the URI, and set its address with
    /// [`connect_to`](Self::connect_to). A redirect to another host, port or scheme gets its own
    /// `Host`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Sets the `Origin` to send; only browsers have to.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Follows at most this many redirects; the default is 0, five are plenty.
    ///
    /// Headers are kept while scheme, host and port stay the same. Any other origin receives only
    /// harmless ones ([`Redirect::keeps_header`]), and `Origin` becomes `null`. Subprotocols are
    /// always kept, so put no secret into them. No redirect from `wss` to `ws` is followed.
    pub const fn max_redirects(mut self, max_redirects: u32) -> Self {
        self.max_redirects = max_redirects;
        self
    }

    /// Uses this proxy for every host.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxies = ProxyRules::always(proxy);
        self.socks = None;
        self
    }

    /// Uses this SOCKS5 proxy for every host.
    ///
    /// This needs the feature `socks` of `tidings-tokio`; `tidings-std` cannot do it. Without it,
    /// connecting fails with an error of kind [`Unsupported`](std::io::ErrorKind::Unsupported).
    pub fn socks5_proxy(mut self, proxy: Socks5Proxy) -> Self {
        self.proxies = ProxyRules::direct();
        self.socks = Some(proxy);
        self
    }

    /// Uses the proxy that the environment variables `https_proxy`, `http_proxy`, `all_proxy` and
    /// `no_proxy` name now; [`ProxyRules::from_variables`] documents their rules.
    ///
    /// This is not the default: a program's code should show where its connections go. It is right
    /// for programs that are run by hand, such as curl.
    pub fn proxy_from_environment(mut self) -> Self {
        self.proxies = ProxyRules::from_variables(|name| std::env::var(name).ok());
        self.socks = None;
        self
    }

    /// Connects to this Unix domain socket for every host: nothing is looked up, and no proxy is
    /// used. Host, path and TLS are still those of the URI. A redirect to another host is followed
    /// over the same socket.
    ///
    /// ```
    /// # use tidings_endpoint::opening::ConnectOptions;
    /// // The URI that goes with it could be ws://localhost/events.
    /// let options = ConnectOptions::new().unix_socket("/run/chat.sock");
    /// ```
    ///
    /// This needs `tidings-tokio` on Unix; `tidings-std` cannot do it. Elsewhere, connecting fails
    /// with an error of kind [`Unsupported`](std::io::ErrorKind::Unsupported).
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix_socket = Some(path.into());
        self
    }

    /// Passes the head of every request to this function, and the head of every response: those of
    /// opening handshakes and of requests for event streams, redirects included, but not those that
    /// ask a proxy for a tunnel.
    ///
    /// It is for programs that show what goes over the wire. The heads contain credentials. The
    /// function must not block.
    ///
    /// ```
    /// # use tidings_endpoint::opening::ConnectOptions;
    /// use tidings_endpoint::opening::Head;
    ///
    /// let options = ConnectOptions::new().on_head(|head| match head {
    ///     Head::Request(bytes) => eprintln!("> {}", bytes.escape_ascii()),
    ///     Head::Response(bytes) => eprintln!("< {}", bytes.escape_ascii()),
    ///     _ => {}
    /// });
    /// ```
    pub fn on_head(mut self, see: impl Fn(Head<'_>) + Send + Sync + 'static) -> Self {
        self.head_observer = HeadObserver::new(see);
        self
    }

    /// Returns whether there is a function that sees the heads.
    #[must_use]
    pub const fn observes_heads(&self) -> bool {
        self.head_observer.is_some()
    }

    /// Passes a head to the function of [`on_head`](Self::on_head): for an adapter that makes the
    /// requests for event streams.
    pub fn observe_head(&self, head: Head<'_>) {
        self.head_observer.see(head);
    }

    /// Trusts and presents the certificates of this configuration, instead of trusting the
    /// platform's.
    ///
    /// Two of its settings are corrected. The server's name is always sent (RFC 6455, 4.1 item 5).
    /// And `h2` and `h3` are removed from the ALPN protocols, because the handshake uses HTTP/1.1,
    /// which is offered if nothing else is. The target of a redirect sees the client certificate
    /// as well.
    #[cfg(feature = "rustls")]
    pub fn tls_config(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.tls = Some(tls::put_right(config.into()));
        self
    }

    /// Presents this certificate to servers that ask for one: the chain, which begins with the
    /// client's, and the private key of the first. The trusted roots are unchanged; call this after
    /// [`tls_config`](Self::tls_config), which replaces it.
    ///
    /// The target of a redirect sees it as well.
    ///
    /// # Errors
    /// The key is of an unknown kind or does not match the certificate, or this machine has no TLS:
    /// no root certificates, no cryptography.
    #[cfg(feature = "rustls")]
    pub fn client_certificate(
        mut self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Error> {
        let config = tls::with_client_certificate(self.tls.take(), chain, key);
        self.tls = Some(config.map_err(Error::Tls)?);
        Ok(self)
    }

    /// Connects to this address instead of looking up the host. The port of the URI is then ignored
    /// for the connection.
    ///
    /// `Host` and the name in the server's certificate are still those of the URI. A host that only
    /// a proxy connects to is looked up by the proxy.
    ///
    /// ```
    /// # use tidings_endpoint::opening::ConnectOptions;
    /// // What is on this machine, as the server that it will be.
    /// let options = ConnectOptions::new().connect_to("chat.example", ([127, 0, 0, 1], 8443).into());
    /// ```
    pub fn connect_to(mut self, host: impl Into<String>, address: SocketAddr) -> Self {
        let host = host.into();
        self.addresses.retain(|(other, _)| !other.eq_ignore_ascii_case(&host));
        self.addresses.push((host, address));
        self
    }

    /// Sets whether TCP sends every write at once (`TCP_NODELAY`). The default is `true`: frames
    /// are written whole, and waiting for more only delays them.
    pub const fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.tcp_nodelay = nodelay;
        self
    }

    /// After how long without traffic the operating system asks the other machine whether it still has
    /// the connection (`SO_KEEPALIVE`), in whole seconds. The default is a minute; `None` turns it off.
    ///
    /// It finds a machine or a network that is gone where nothing is sent: a client of a silent event
    /// stream would wait for ever. The question is repeated a few times at a quarter of that time; how
    /// often is the system's choice, nine times on Linux. It does not find a server that hangs, nor a
    /// dead one behind a proxy.
    pub const fn tcp_keepalive(mut self, idle: Option<Duration>) -> Self {
        self.tcp_keepalive = idle;
        self
    }

    /// The address of this machine to connect from. Only addresses of the same family are tried.
    ///
    /// The standard library cannot do this, so `tidings-std` cannot either: there, connecting fails
    /// with an error of kind [`Unsupported`](std::io::ErrorKind::Unsupported).
    pub const fn local_address(mut self, address: IpAddr) -> Self {
        self.local_address = Some(address);
        self
    }

    /// Returns the route to the server of this URI. A proxy is asked for a tunnel.
    ///
    /// # Errors
    /// The URI is not valid, a proxy is named in a way that makes no sense, or TLS cannot work.
    pub fn route<'a>(&'a self, uri: &'a str) -> Result<Route<'a>, Error> {
        let mut route = self.forwarding_route(uri)?;
        route.tunnel = route.proxy.map(|proxy| proxy.tunnel_to(route.uri));
        Ok(route)
    }

    /// Returns the route to the server of this URI, for plain HTTP requests. A proxy gets requests
    /// to `ws`, which stands for `http`, itself ([`Route::forwarding_proxy`]), and is asked for a
    /// tunnel to `wss`, which stands for `https`. Many proxies let CONNECT through to the port of
    /// `https` alone.
    ///
    /// # Errors
    /// Those of [`route`](Self::route).
    pub fn http_route<'a>(&'a self, uri: &'a str) -> Result<Route<'a>, Error> {
        let route = self.forwarding_route(uri)?;
        if route.is_secure { self.route(uri) } else { Ok(route) }
    }

    fn forwarding_route<'a>(&'a self, uri: &'a str) -> Result<Route<'a>, Error> {
        let uri = WebSocketUri::parse(uri)?;
        #[cfg(feature = "rustls")]
        let tls =
            uri.is_secure().then(|| TlsTarget::new(self.tls.as_ref(), uri.host())).transpose()?;
        let unix_socket = self.unix_socket.as_deref();
        let (proxy, socks) = match unix_socket {
            Some(_) => (None, None),
            None => {
                let proxy = self.proxies.proxy_for(&uri).map_err(Error::ProxyUri)?;
                (proxy, self.socks.as_ref())
            }
        };
        let tcp_host = proxy.map(Proxy::host).or(socks.map(Socks5Proxy::host));
        let host = tcp_host.unwrap_or(uri.host());
        let mut addresses = self.addresses.iter();
        let address = addresses.find(|(name, _)| name.eq_ignore_ascii_case(host));
        Ok(Route {
            uri,
            proxy,
            socks,
            unix_socket,
            address: address.map(|(_, address)| *address),
            tunnel: None,
            head_limits: self.config.head_limits,
            tcp_nodelay: self.tcp_nodelay,
            tcp_keepalive: self.tcp_keepalive,
            local_address: self.local_address,
            is_secure: uri.is_secure(),
            #[cfg(feature = "rustls")]
            tls,
        })
    }

    /// Limits on the head of a response.
    #[must_use]
    pub const fn head_limits(&self) -> tidings_handshake::Limits {
        self.config.head_limits
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ConnectOptions")
            .field("config", &self.config)
            .field("subprotocols", &self.subprotocols)
            .field("host", &self.host)
            .field("origin", &self.origin)
            .field("headers", &headers)
            .field("max_redirects", &self.max_redirects)
            .field("proxies", &self.proxies)
            .field("socks", &self.socks)
            .field("unix_socket", &self.unix_socket)
            .field("addresses", &self.addresses)
            .field("tcp_nodelay", &self.tcp_nodelay)
            .field("tcp_keepalive", &self.tcp_keepalive)
            .field("local_address", &self.local_address)
            .finish_non_exhaustive()
    }
}

/// The parts of the request other than the URI; a redirect may remove some.
#[derive(Clone)]
pub(super) struct Offer<'a> {
    subprotocols: Vec<&'a str>,
    host: Option<&'a str>,
    origin: Option<&'a str>,
    headers: Vec<(&'a str, &'a str)>,
    compression: Vec<Parameters>,
}

impl<'a> Offer<'a> {
    /// All of it.
    pub(super) fn of(options: &'a ConnectOptions) -> Self {
        let headers = options.headers.iter();
        Self {
            subprotocols: options.subprotocols.iter().map(String::as_str).collect(),
            host: options.host.as_deref(),
            origin: options.origin.as_deref(),
            headers: headers.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            compression: websocket::offers(options.config.compression.as_ref())
                .iter()
                .map(tidings_deflate::Offer::parameters)
                .collect(),
        }
    }

    /// The bytes of the request to the server of this URI.
    ///
    /// # Errors
    /// Those of [`with_request`](Self::with_request).
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough in its lifetime"
    )]
    pub(super) fn encode_request(&self, uri: &str, key: Key) -> Result<Vec<u8>, Error> {
        self.with_request(uri, key, |request| request.to_vec())
    }

    /// Makes the request to the server of this URI, for as long as `work` lasts.
    ///
    /// # Errors
    /// The caller asked for a request that cannot be sent.
    pub(super) fn with_request<T>(
        &self,
        uri: &str,
        key: Key,
        work: impl FnOnce(&ClientRequest<'_>) -> T,
    ) -> Result<T, Error> {
        let extensions: Vec<Extension<'_>> =
            self.compression.iter().flat_map(websocket::element).collect();
        debug_assert_eq!(extensions.len(), self.compression.len(), "all are tokens");
        let mut request = ClientRequest::new(WebSocketUri::parse(uri)?, key)
            .extensions(&extensions)
            .subprotocols(&self.subprotocols)?
            .headers(&self.headers)?;
        if let Some(host) = self.host {
            request = request.host(host)?;
        }
        if let Some(origin) = self.origin {
            request = request.origin(origin)?;
        }
        Ok(work(&request))
    }

    /// Removes the parts that must not be sent to the new target.
    pub(super) fn redirect(&mut self, redirect: &Redirect) {
        self.headers.retain(|(name, _)| redirect.keeps_header(name));
        if !redirect.is_same_origin() {
            self.host = None;
            self.origin = self.origin.map(|_| "null");
        }
    }
}

impl fmt::Debug for Offer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Offer")
            .field("subprotocols", &self.subprotocols)
            .field("host", &self.host)
            .field("origin", &self.origin)
            .field("headers", &headers)
            .finish()
    }
}
