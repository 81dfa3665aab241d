//! A server and a client that are connected over loopback. The server counts the calls to its
//! socket.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidings_std::websocket::Client as ClientOf;
use tidings_std::{
    Config, Error, Transport, WebSocket,
    client::{ClientRole, RandomMasks},
    server::ServerRole,
};
use tidings_testkit::loopback;

pub(crate) type Server = WebSocket<Counted>;
pub(crate) type Client = WebSocket<TcpStream, ClientRole>;

pub(crate) fn pair() -> (Server, Client) {
    pair_with(Config::server())
}

pub(crate) fn pair_with(config: Config) -> (Server, Client) {
    let (near, far) = loopback();
    (server_on(near, config), client_on(far))
}

pub(crate) fn server_on(inner: TcpStream, config: Config) -> Server {
    let counted = Counted { inner, writes: Arc::default(), timeouts_set: Arc::default() };
    WebSocket::from_handshaken(counted, ServerRole, config, &[])
}

fn client_on(stream: TcpStream) -> Client {
    let role = ClientOf::new(RandomMasks);
    WebSocket::from_handshaken(stream, role, Config::client(), &[])
}

pub(crate) fn echo<S: Transport>(mut socket: WebSocket<S>) -> Result<WebSocket<S>, Error> {
    while let Some(message) = socket.recv()? {
        socket.send(message)?;
    }
    Ok(socket)
}

pub(crate) const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

/// TCP that counts.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) inner: TcpStream,
    pub(crate) writes: Arc<AtomicUsize>,
    pub(crate) timeouts_set: Arc<AtomicUsize>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.inner.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.inner.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Transport for Counted {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts_set.fetch_add(1, Ordering::Relaxed);
        self.inner.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts_set.fetch_add(1, Ordering::Relaxed);
        self.inner.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.inner.shutdown(Shutdown::Write)
    }
}
