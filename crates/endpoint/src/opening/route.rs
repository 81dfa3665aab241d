//! The way to one server: [`Route`].

use std::io;
use std::net::IpAddr;

use tidings_handshake::{Limits, TunnelRequest};

use crate::error::Error;
use crate::opening::deadline::Deadline;
#[cfg(feature = "rustls")]
use crate::opening::tls::TlsTarget;
use crate::opening::tunnel::TunnelHandshake;

/// The way to one server: to which host by TCP, through which tunnel, with which TLS.
#[derive(Debug)]
pub struct Route<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) tunnel: Option<TunnelRequest<'a>>,
    pub(super) head_limits: Limits,
    pub(super) tcp_nodelay: bool,
    pub(super) local_address: Option<IpAddr>,
    pub(super) is_secure: bool,
    #[cfg(feature = "rustls")]
    pub(super) tls: Option<TlsTarget>,
}

impl<'a> Route<'a> {
    /// The host to connect to by TCP: the proxy, if there is one.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The port to connect to by TCP.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether TCP is to send at once what is written (`TCP_NODELAY`).
    #[must_use]
    pub const fn tcp_nodelay(&self) -> bool {
        self.tcp_nodelay
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
        Some(TunnelHandshake::new(request, self.head_limits, deadline))
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

    /// Whether the URI asks for TLS. An adapter that is built without it fails with
    /// [`Error::TlsUnsupported`] before it connects: whether this crate is built with TLS says
    /// nothing about the adapter, since another crate of the program may have asked for that.
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

    /// What it means that the host's name could not be resolved.
    #[must_use]
    pub fn resolving_failed(&self, error: &io::Error) -> Error {
        self.failed("resolving", error)
    }

    /// What it means that no TCP connection could be made.
    #[must_use]
    pub fn connecting_failed(&self, error: &io::Error) -> Error {
        self.failed("connecting to", error)
    }

    fn failed(&self, phase: &str, error: &io::Error) -> Error {
        let Self { host, port, .. } = self;
        let role = if self.tunnel.is_some() { "the proxy " } else { "" };
        let text = format!("{phase} {role}{host}:{port}: {error}");
        io::Error::new(error.kind(), text).into()
    }
}
