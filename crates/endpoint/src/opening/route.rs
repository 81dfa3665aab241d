//! The way to one server: [`Route`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tidings_handshake::{Limits, Proxy, TunnelRequest, WebSocketUri};

use crate::error::Error;
use crate::opening::deadline::Deadline;
use crate::opening::exchange::in_phase;
use crate::opening::socks::Socks5Proxy;
#[cfg(feature = "rustls")]
use crate::opening::tls::TlsTarget;
use crate::opening::tunnel::TunnelHandshake;

/// The way to one server: to which host by TCP, through which tunnel, with which TLS.
#[derive(Debug)]
pub struct Route<'a> {
    /// The server.
    pub(super) uri: WebSocketUri<'a>,
    pub(super) proxy: Option<&'a Proxy>,
    pub(super) socks: Option<&'a Socks5Proxy>,
    pub(super) unix_socket: Option<&'a Path>,
    /// In place of those of the host's name.
    pub(super) address: Option<SocketAddr>,
    pub(super) tunnel: Option<TunnelRequest<'a>>,
    pub(super) head_limits: Limits,
    pub(super) tcp_nodelay: bool,
    pub(super) tcp_keepalive: Option<Duration>,
    pub(super) local_address: Option<IpAddr>,
    pub(super) is_secure: bool,
    #[cfg(feature = "rustls")]
    pub(super) tls: Option<TlsTarget>,
}

impl<'a> Route<'a> {
    /// The host to connect to by TCP: the proxy, if there is one.
    #[must_use]
    pub fn host(&self) -> &'a str {
        match (self.socks, self.proxy) {
            (Some(proxy), _) => proxy.host(),
            (None, Some(proxy)) => proxy.host(),
            (None, None) => self.uri.host(),
        }
    }

    /// The port to connect to by TCP.
    #[must_use]
    pub fn port(&self) -> u16 {
        match (self.socks, self.proxy) {
            (Some(proxy), _) => proxy.port(),
            (None, Some(proxy)) => proxy.port(),
            (None, None) => self.uri.port(),
        }
    }

    /// The address to connect to by TCP, if the caller has given one for the host: then its name is
    /// not looked up.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The SOCKS5 proxy that the TCP connection leads to, and that has to connect to the server before
    /// anything else.
    #[must_use]
    pub const fn socks(&self) -> Option<&'a Socks5Proxy> {
        self.socks
    }

    /// The Unix domain socket to connect to, instead of anything by TCP.
    #[must_use]
    pub const fn unix_socket(&self) -> Option<&'a Path> {
        self.unix_socket
    }

    /// The server's host and port.
    #[must_use]
    pub const fn server(&self) -> (&'a str, u16) {
        (self.uri.host(), self.uri.port())
    }

    /// Returns the proxy that gets the requests themselves, because there is no
    /// [`tunnel`](Self::tunnel): their targets are whole URIs (RFC 9112, 3.2.2).
    #[must_use]
    pub const fn forwarding_proxy(&self) -> Option<&'a Proxy> {
        if self.tunnel.is_some() { None } else { self.proxy }
    }

    /// Returns whether TCP should send every write at once (`TCP_NODELAY`).
    #[must_use]
    pub const fn tcp_nodelay(&self) -> bool {
        self.tcp_nodelay
    }

    /// After how long without traffic TCP is to ask whether the other machine still has the connection
    /// (`SO_KEEPALIVE`).
    #[must_use]
    pub const fn tcp_keepalive(&self) -> Option<Duration> {
        self.tcp_keepalive
    }

    /// The address of this machine to connect from.
    #[must_use]
    pub const fn local_address(&self) -> Option<IpAddr> {
        self.local_address
    }

    /// The first handshake on the TCP connection, if it leads to a proxy.
    #[must_use]
    pub fn tunnel(&self, deadline: Deadline) -> Option<TunnelHandshake<'a>> {
        let request = self.tunnel?;
        let proxy = host_and_port(self.host(), self.port());
        Some(TunnelHandshake::new(&proxy, request, self.head_limits, deadline))
    }

    /// Offers these protocols by TLS (RFC 7301), in place of those of its configuration. Without
    /// TLS there is nothing to offer.
    #[must_use]
    pub fn offering(self, protocols: &[&[u8]]) -> Self {
        #[cfg(feature = "rustls")]
        return Self { tls: self.tls.map(|tls| tls.offering(protocols)), ..self };
        #[cfg(not(feature = "rustls"))]
        {
            let _ = protocols;
            self
        }
    }

    /// Returns whether the URI asks for TLS. An adapter that is built without TLS fails with
    /// [`Error::TlsUnsupported`] before it connects: the features of this crate say nothing about
    /// the adapter, since another crate of the program may have enabled them.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The TLS handshake that comes next; `None` for `ws`.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(&self) -> Option<TlsTarget> {
        self.tls.clone()
    }

    /// Converts the error of resolving the host's name.
    #[must_use]
    pub fn resolving_failed(&self, error: io::Error) -> Error {
        in_phase(&format!("resolving {}", self.tcp_peer()), error)
    }

    /// Converts the error of connecting over TCP.
    #[must_use]
    pub fn connecting_failed(&self, error: io::Error) -> Error {
        let address = self.address.map_or_else(String::new, |address| format!(" at {address}"));
        in_phase(&format!("connecting to {}{address}", self.tcp_peer()), error)
    }

    /// Converts the error of connecting to the [Unix domain socket](Self::unix_socket).
    #[must_use]
    pub fn unix_failed(&self, error: io::Error) -> Error {
        let path = self.unix_socket.unwrap_or(Path::new(""));
        in_phase(&format!("connecting to the Unix socket {}", path.display()), error)
    }

    /// The error of an adapter that knows no Unix domain sockets, before it connects.
    #[must_use]
    pub fn unix_unsupported(&self, why: &'static str) -> Error {
        self.unix_failed(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    /// Converts the error of a [SOCKS5 proxy](Self::socks) that did not connect to the server.
    #[must_use]
    pub fn socks_failed(&self, error: io::Error) -> Error {
        let server = host_and_port(self.uri.host(), self.uri.port());
        in_phase(&format!("asking {} for a connection to {server}", self.tcp_peer()), error)
    }

    /// The error of an adapter that knows no SOCKS5, before it connects.
    #[must_use]
    pub fn socks_unsupported(&self, why: &'static str) -> Error {
        self.socks_failed(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    /// Converts the error of the TLS handshake.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn securing_failed(&self, error: io::Error) -> Error {
        let server = host_and_port(self.uri.host(), self.uri.port());
        in_phase(&format!("the TLS handshake with {server}"), error)
    }

    fn tcp_peer(&self) -> String {
        let is_proxy = self.proxy.is_some() || self.socks.is_some();
        let role = if is_proxy { "the proxy " } else { "" };
        format!("{role}{}", host_and_port(self.host(), self.port()))
    }
}

/// As in a URI, but with the port in any case.
pub(super) fn host_and_port(host: &str, port: u16) -> String {
    // An address of IPv6, without its brackets.
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
