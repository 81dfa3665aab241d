//! The transport of a client's connection: [`ClientStream`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(feature = "rustls")]
use tidings_endpoint::opening::TlsTarget;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
#[cfg(feature = "rustls")]
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::ClientConnection};

/// The transport below a WebSocket that [`connect`](crate::connect) made: TCP or a Unix domain
/// socket, with TLS or without.
#[derive(Debug)]
pub struct ClientStream {
    layers: Layers,
}

#[derive(Debug)]
enum Layers {
    /// `ws`
    Plain(Socket),
    /// `wss`
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream<Socket>>),
}

impl ClientStream {
    pub(super) const fn plain(stream: Socket) -> Self {
        Self { layers: Layers::Plain(stream) }
    }

    /// Does the TLS handshake.
    #[cfg(feature = "rustls")]
    pub(super) async fn secure(stream: Socket, target: TlsTarget) -> io::Result<Self> {
        let TlsTarget { config, server_name } = target;
        let stream = TlsConnector::from(config).connect(server_name, stream).await?;
        Ok(Self { layers: Layers::Tls(Box::new(stream)) })
    }

    /// The TCP connection, to the proxy if there is one; `None` over a Unix domain socket.
    #[must_use]
    pub fn tcp(&self) -> Option<&TcpStream> {
        let socket = match &self.layers {
            Layers::Plain(socket) => socket,
            #[cfg(feature = "rustls")]
            Layers::Tls(stream) => stream.get_ref().0,
        };
        match socket {
            Socket::Tcp(stream) => Some(stream),
            #[cfg(unix)]
            Socket::Unix(_) => None,
        }
    }

    /// The state of TLS, such as the server's certificates; `None` for `ws`.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(&self) -> Option<&ClientConnection> {
        match &self.layers {
            Layers::Plain(_) => None,
            Layers::Tls(stream) => Some(stream.get_ref().1),
        }
    }

    /// Returns whether TLS has negotiated HTTP/2 (RFC 9113, 3.2).
    #[cfg(feature = "event-source")]
    pub(crate) fn speaks_http2(&self) -> bool {
        match &self.layers {
            Layers::Plain(_) => false,
            #[cfg(feature = "rustls")]
            Layers::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// Returns whether the connection is without TLS.
    #[cfg(feature = "event-source")]
    pub(crate) const fn is_plain(&self) -> bool {
        matches!(self.layers, Layers::Plain(_))
    }

    /// The outermost layer.
    fn transport(self: Pin<&mut Self>) -> Pin<&mut dyn Transport> {
        match &mut self.get_mut().layers {
            Layers::Plain(stream) => Pin::new(stream),
            #[cfg(feature = "rustls")]
            Layers::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

trait Transport: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for S {}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.transport().poll_read(cx, buf)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.transport().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.transport().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.layers {
            Layers::Plain(stream) => stream.is_write_vectored(),
            #[cfg(feature = "rustls")]
            Layers::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_shutdown(cx)
    }
}

/// The innermost layer.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    fn transport(self: Pin<&mut Self>) -> Pin<&mut dyn Transport> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.transport().poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.transport().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.transport().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_shutdown(cx)
    }
}
