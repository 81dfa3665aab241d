//! A blocking stream as an async one, and the function that runs the async code over it.

use core::fmt;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embedded_io::ErrorType;

/// A blocking stream whose futures block, and so are ready when they are first polled.
pub(crate) struct Blocking<S>(pub(crate) S);

impl<S: ErrorType> ErrorType for Blocking<S> {
    type Error = S::Error;
}

impl<S: embedded_io::Read> embedded_io_async::Read for Blocking<S> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, S::Error> {
        self.0.read(buffer)
    }
}

impl<S: embedded_io::Write> embedded_io_async::Write for Blocking<S> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, S::Error> {
        self.0.write(bytes)
    }

    async fn flush(&mut self) -> Result<(), S::Error> {
        self.0.flush()
    }
}

impl<S: fmt::Debug> fmt::Debug for Blocking<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns the result of a future that awaits only a [`Blocking`] stream: one poll finishes it. If
/// it does not, the stream is at fault, and the future is dropped with this error.
pub(crate) fn poll_once<T, E>(
    future: impl Future<Output = Result<T, E>>,
    broken_stream: E,
) -> Result<T, E> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => {
            debug_assert!(false, "a blocking stream is always ready");
            Err(broken_stream)
        }
    }
}

#[cfg(test)]
mod tests {
    use embedded_io::{ErrorKind, SliceWriteError};

    use super::*;

    #[test]
    fn one_poll_finishes_a_blocking_stream() {
        let mut room = [0; 2];
        let mut stream = Blocking(&mut room[..]);
        let write = embedded_io_async::Write::write(&mut stream, b"abc");
        assert_eq!(poll_once(write, SliceWriteError::Full), Ok(2));
        assert_eq!(room, *b"ab");
    }

    /// It stops a test, and is an error in a firmware.
    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "a blocking stream is always ready"))]
    fn a_future_that_is_not_ready_is_a_fault() {
        let never = core::future::pending::<Result<(), ErrorKind>>();
        assert_eq!(poll_once(never, ErrorKind::Other), Err(ErrorKind::Other));
    }
}
