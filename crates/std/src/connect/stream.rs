//! The transport of a client's connection: [`ClientStream`].

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[cfg(feature = "rustls")]
use rustls::{ClientConnection, StreamOwned};
#[cfg(feature = "rustls")]
use tidings_endpoint::opening::TlsTarget;

#[cfg(feature = "rustls")]
use crate::deadline::{Bounded, Deadline};
use crate::transport::Transport;

/// The transport below a WebSocket that [`connect`](crate::connect) made: TCP, with TLS or
/// without.
#[derive(Debug)]
pub struct ClientStream {
    layers: Layers,
}

#[derive(Debug)]
enum Layers {
    /// `ws`
    Plain(TcpStream),
    /// `wss`
    #[cfg(feature = "rustls")]
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl ClientStream {
    pub(super) const fn plain(stream: TcpStream) -> Self {
        Self { layers: Layers::Plain(stream) }
    }

    /// Does the TLS handshake.
    #[cfg(feature = "rustls")]
    pub(super) fn secure(
        mut stream: TcpStream,
        TlsTarget { config, server_name }: TlsTarget,
        deadline: Deadline,
    ) -> io::Result<Self> {
        let mut connection =
            ClientConnection::new(config, server_name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut Bounded::new(&mut stream, deadline))?;
        }
        Ok(Self { layers: Layers::Tls(Box::new(StreamOwned::new(connection, stream))) })
    }

    /// The TCP connection, to the proxy if there is one.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match &self.layers {
            Layers::Plain(stream) => stream,
            #[cfg(feature = "rustls")]
            Layers::Tls(stream) => stream.get_ref(),
        }
    }

    /// The state of TLS, such as the server's certificates; `None` for `ws`.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(&self) -> Option<&ClientConnection> {
        match &self.layers {
            Layers::Plain(_) => None,
            Layers::Tls(stream) => Some(&stream.conn),
        }
    }

    /// The outermost layer.
    fn transport(&mut self) -> &mut dyn Transport {
        match &mut self.layers {
            Layers::Plain(stream) => stream,
            #[cfg(feature = "rustls")]
            Layers::Tls(stream) => &mut **stream,
        }
    }
}

impl Read for ClientStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.transport().read(buffer)
    }
}

impl Write for ClientStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.transport().write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.transport().write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.transport().flush()
    }
}

impl Transport for ClientStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transport().set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transport().set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.transport().shutdown_write()
    }

    fn reads_to_write(&self) -> bool {
        match &self.layers {
            Layers::Plain(stream) => stream.reads_to_write(),
            #[cfg(feature = "rustls")]
            Layers::Tls(stream) => stream.reads_to_write(),
        }
    }
}
