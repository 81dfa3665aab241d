//! [`Pipe`]: a socket without a kernel. Each read and each write costs one copy, as it would there,
//! and nothing else, and it is the same for all.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives the same bytes again and again, and takes any.
///
/// A clone shares the written bytes, for contenders that do not return their stream.
#[derive(Clone, Debug, Default)]
pub struct Pipe {
    incoming: Vec<u8>,
    position: usize,
    /// The destination of written bytes, instead of the kernel's buffer.
    outgoing: Rc<RefCell<Vec<u8>>>,
}

/// About the length of one read of a busy socket.
pub const READ_LEN: usize = 16 * 1024;
/// The buffers of those that let the caller choose.
pub const BUFFER_LEN: usize = 64 * 1024;

impl Pipe {
    /// A pipe that gives `incoming` over and over. No read goes past its end.
    #[must_use]
    pub fn reading(incoming: Vec<u8>) -> Self {
        Self { incoming, ..Self::default() }
    }

    /// A pipe to write to. Only the bytes since the last [`written`](Self::written) are kept.
    #[must_use]
    pub fn writing() -> Self {
        Self::default()
    }

    /// Reads the available bytes, up to the length of `buffer`.
    pub fn take(&mut self, buffer: &mut [u8]) -> usize {
        let bytes = self.next(buffer.len());
        buffer[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    fn next(&mut self, max_len: usize) -> &[u8] {
        if self.position == self.incoming.len() {
            self.position = 0;
        }
        let rest = &self.incoming[self.position..];
        let bytes = &rest[..rest.len().min(max_len)];
        self.position += bytes.len();
        bytes
    }

    /// Writes all of `bytes`.
    #[inline]
    pub fn give(&self, bytes: &[u8]) {
        self.outgoing.borrow_mut().extend_from_slice(bytes);
    }

    /// Passes all written bytes to `look`, and forgets them.
    pub fn written<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let mut outgoing = self.outgoing.borrow_mut();
        let seen = look(&outgoing);
        outgoing.clear(); // its memory stays
        seen
    }
}

impl io::Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.take(buffer))
    }
}

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.give(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = self.next(buffer.remaining());
        buffer.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.give(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        slices.iter().for_each(|bytes| self.give(bytes));
        Poll::Ready(Ok(slices.iter().map(|bytes| bytes.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl embedded_io_async::ErrorType for Pipe {
    type Error = Infallible;
}

impl embedded_io_async::Read for Pipe {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.take(buffer))
    }
}

impl embedded_io_async::Write for Pipe {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.give(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Runs a future that never has to wait, as none does on a [`Pipe`].
///
/// # Panics
/// If it waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a pipe never makes anyone wait"),
    }
}
