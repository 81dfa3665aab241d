//! A transport that remembers the bytes written to it: [`Tap`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport, and the bytes that it took.
#[derive(Debug)]
pub(crate) struct Tap<S> {
    inner: S,
    written: Arc<Mutex<Vec<u8>>>,
    /// The bytes that it holds until it is flushed, as TLS does, if it does.
    held_back: Option<Vec<u8>>,
}

impl<S> Tap<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, written: Arc::default(), held_back: None }
    }

    /// Holds written bytes until it is flushed.
    pub(crate) fn holding_back(self) -> Self {
        Self { held_back: Some(Vec::new()), ..self }
    }

    pub(crate) fn written(&self) -> Arc<Mutex<Vec<u8>>> {
        Arc::clone(&self.written)
    }
}

impl<S: AsyncWrite + Unpin> Tap<S> {
    /// Writes the held bytes.
    fn poll_let_go(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(held_back) = &mut self.held_back else { return Poll::Ready(Ok(())) };
        while !held_back.is_empty() {
            let len = ready!(Pin::new(&mut self.inner).poll_write(cx, held_back))?;
            self.written.lock().unwrap().extend(held_back.drain(..len));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(held_back) = &mut self.held_back {
            let before = held_back.len();
            slices.iter().for_each(|slice| held_back.extend_from_slice(slice));
            return Poll::Ready(Ok(held_back.len() - before));
        }
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(len)) = polled {
            let given: usize = slices.iter().map(|slice| slice.len()).sum();
            // A lie moves nothing.
            if len <= given {
                let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
                self.written.lock().unwrap().extend(bytes.take(len));
            }
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_let_go(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_let_go(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
