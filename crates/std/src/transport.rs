//! The transport of a WebSocket: [`Transport`].

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A bidirectional stream of bytes with read and write timeouts.
///
/// Its timeouts keep the deadlines, so the [`WebSocket`](crate::WebSocket) sets them, and earlier
/// values are lost. A read or write that has waited this long fails with `WouldBlock` or
/// `TimedOut`. A nonblocking stream does so at once; its timeouts have no effect.
///
/// For a stream without timeouts see [`Untimed`].
pub trait Transport: Read + Write {
    /// Sets the longest time that a read waits; for ever if `None`.
    ///
    /// # Errors
    /// The stream has failed.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Sets the longest time that a write waits; for ever if `None`.
    ///
    /// # Errors
    /// The stream has failed.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends our side: the peer reads the end, and we still read its data.
    ///
    /// # Errors
    /// The stream has failed, or cannot end one direction alone: then it ends when it is dropped.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Returns whether a write or flush that cannot be done now goes on to read, as TLS may: then the read
    /// timeout bounds it too. No, unless said otherwise.
    fn reads_to_write(&self) -> bool {
        false
    }
}

impl Transport for TcpStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Transport for UnixStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// TLS, of a client or of a server.
#[cfg(feature = "rustls")]
impl<C, D, T> Transport for rustls::StreamOwned<C, T>
where
    C: std::ops::DerefMut<Target = rustls::ConnectionCommon<D>>,
    D: rustls::SideData,
    T: Transport,
{
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.sock.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.sock.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        // RFC 8446, 6.1: the end is announced, once, or it could be an attacker's.
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown_write()
    }

    fn reads_to_write(&self) -> bool {
        true
    }
}

/// A stream without timeouts.
///
/// Nothing interrupts a read that blocks: pings are sent and deadlines are checked only between
/// reads, and a read timeout has no effect. If the stream can be nonblocking, it behaves like any
/// other nonblocking stream.
///
/// It cannot end one direction alone, so drop the connection after the closing handshake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untimed<S>(pub S);

impl<S: Read> Read for Untimed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Write> Write for Untimed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Transport for Untimed<S> {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Returns whether a read or write could not be done now, but perhaps later.
pub(crate) fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
