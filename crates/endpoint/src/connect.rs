//! What a client asks for: [`ConnectOptions`], and [`Offer`], what of it goes into a request.

use std::fmt;
#[cfg(feature = "rustls")]
use std::sync::Arc;

#[cfg(feature = "rustls")]
use rustls::ClientConfig;
use tidings_deflate::Parameters;
use tidings_handshake::{
    ClientRequest, Extension, Proxy, ProxyRules, Redirect, RequestBuildError, WebSocketUri,
};

use crate::error::Error;
use crate::random;
#[cfg(feature = "rustls")]
use crate::tls::{self, TlsTarget};
use crate::websocket::{self, Config};

/// What to offer, whom to trust, which way to go: the data of a `Connector`.
///
/// Its `Debug` shows the names of headers and not their values.
#[derive(Clone)]
pub struct ConnectOptions {
    config: Config,
    subprotocols: Vec<String>,
    origin: Option<String>,
    headers: Vec<(String, String)>,
    max_redirects: u32,
    proxies: ProxyRules,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<ClientConfig>>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            config: Config::client(),
            subprotocols: Vec::new(),
            origin: None,
            headers: Vec::new(),
            max_redirects: 0,
            proxies: ProxyRules::direct(),
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }
}

impl ConnectOptions {
    /// Limits and times.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// How many redirects to follow.
    #[must_use]
    pub const fn max_redirects(&self) -> u32 {
        self.max_redirects
    }

    /// The proxy on the way to a server, if there is one.
    ///
    /// # Errors
    /// [`Error::ProxyUri`] if it was named in a way that makes no sense.
    pub fn proxy_for(&self, uri: &WebSocketUri<'_>) -> Result<Option<&Proxy>, Error> {
        self.proxies.proxy_for(uri).map_err(Error::ProxyUri)
    }

    /// What the TLS handshake with a server needs; `None` for `ws`.
    ///
    /// # Errors
    /// [`Error::Tls`] if no server could be trusted.
    #[cfg(feature = "rustls")]
    pub fn tls_for(&self, uri: &WebSocketUri<'_>) -> Result<Option<TlsTarget>, Error> {
        uri.is_secure().then(|| TlsTarget::new(self.tls.as_ref(), uri.host())).transpose()
    }

    /// Sets limits and times.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// Sets the subprotocols to offer, best first.
    pub fn set_subprotocols<I>(&mut self, subprotocols: I)
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.subprotocols = subprotocols.into_iter().map(Into::into).collect();
    }

    /// Adds a header.
    pub fn add_header(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    /// Sets the `Origin` to send.
    pub fn set_origin(&mut self, origin: impl Into<String>) {
        self.origin = Some(origin.into());
    }

    /// Sets how many redirects to follow.
    pub fn set_max_redirects(&mut self, max_redirects: u32) {
        self.max_redirects = max_redirects;
    }

    /// Goes through this proxy, whatever the host.
    pub fn set_proxy(&mut self, proxy: Proxy) {
        self.proxies = ProxyRules::always(proxy);
    }

    /// Goes through the proxy that the environment names now ([`ProxyRules::from_variables`]).
    pub fn set_proxy_from_environment(&mut self) {
        self.proxies = ProxyRules::from_variables(|name| std::env::var(name).ok());
    }

    /// Trusts and shows the certificates of this configuration. The server's name is sent in any
    /// case (RFC 6455, 4.1 item 5), and `h2` and `h3` are taken out of the ALPN protocols.
    #[cfg(feature = "rustls")]
    pub fn set_tls_config(&mut self, config: impl Into<Arc<ClientConfig>>) {
        self.tls = Some(tls::put_right(config.into()));
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ConnectOptions")
            .field("config", &self.config)
            .field("subprotocols", &self.subprotocols)
            .field("origin", &self.origin)
            .field("headers", &headers)
            .field("max_redirects", &self.max_redirects)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

/// What the request says beside the URI; a redirect may take some of it away.
#[derive(Clone)]
pub struct Offer<'a> {
    subprotocols: &'a [String],
    origin: Option<&'a str>,
    headers: Vec<(&'a str, &'a str)>,
    compression: Vec<Parameters>,
}

/// An [`Offer`] as [`ClientRequest`] wants it.
#[derive(Clone)]
pub struct OfferLines<'a> {
    subprotocols: Vec<&'a str>,
    origin: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    extensions: Vec<Extension<'a>>,
}

impl<'a> Offer<'a> {
    /// All of it.
    #[must_use]
    pub fn of(options: &'a ConnectOptions) -> Self {
        let headers = options.headers.iter();
        Self {
            subprotocols: &options.subprotocols,
            origin: options.origin.as_deref(),
            headers: headers.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            compression: websocket::offers(options.config.compression.as_ref())
                .iter()
                .map(tidings_deflate::Offer::parameters)
                .collect(),
        }
    }

    /// The lines of a request.
    #[must_use]
    pub fn lines(&self) -> OfferLines<'_> {
        OfferLines {
            subprotocols: self.subprotocols.iter().map(String::as_str).collect(),
            origin: self.origin,
            headers: &self.headers,
            // Tokens, all of them: none is left out.
            extensions: self.compression.iter().flat_map(websocket::element).collect(),
        }
    }

    /// Leaves behind what must not go along.
    pub fn redirect(&mut self, redirect: &Redirect) {
        self.headers.retain(|(name, _)| redirect.keeps_header(name));
        if !redirect.is_same_origin() {
            self.origin = self.origin.map(|_| "null");
        }
    }
}

impl OfferLines<'_> {
    /// The request to this server, with a key of its own.
    ///
    /// # Errors
    /// The caller asked for what can't be sent.
    pub fn request<'a>(
        &'a self,
        uri: WebSocketUri<'a>,
    ) -> Result<ClientRequest<'a>, RequestBuildError> {
        let request = ClientRequest::new(uri, random::handshake_key())
            .extensions(&self.extensions)
            .subprotocols(&self.subprotocols)?
            .headers(self.headers)?;
        match self.origin {
            Some(origin) => request.origin(origin),
            None => Ok(request),
        }
    }
}

impl fmt::Debug for Offer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().fmt(f)
    }
}

impl fmt::Debug for OfferLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Offer")
            .field("subprotocols", &self.subprotocols)
            .field("origin", &self.origin)
            .field("headers", &headers)
            .finish()
    }
}
