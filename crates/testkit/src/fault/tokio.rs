//! The transport as `AsyncRead` and `AsyncWrite`.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Answer, Call, FaultTransport};

impl AsyncRead for FaultTransport {
    /// A [`Lie::TooMany`](super::Lie::TooMany) is impossible here: `ReadBuf` counts for itself.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = vec![0; buffer.remaining()];
        let answer = self.call(Call::Read(&mut bytes), Some(context.waker()));
        poll(answer, context).map_ok(|len| buffer.put_slice(&bytes[..len]))
    }
}

impl AsyncWrite for FaultTransport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let answer = self.call(Call::Write(slices), Some(context.waker()));
        poll(answer, context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let answer = self.call(Call::Flush, Some(context.waker()));
        poll(answer, context).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let answer = self.call(Call::Shutdown, Some(context.waker()));
        poll(answer, context).map_ok(|_| ())
    }
}

/// A waiting task will be woken: by the peer, or at once if it was a fault.
fn poll(answer: Answer, context: &Context<'_>) -> Poll<io::Result<usize>> {
    match answer {
        Answer::Done(len) => Poll::Ready(Ok(len)),
        Answer::Wait => Poll::Pending,
        Answer::NotNow => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
        Answer::Error(kind) => Poll::Ready(Err(kind.into())),
    }
}

#[cfg(test)]
mod tests {
    use ::tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::{FaultTransport, Faults, Random, for_seeds, run_when_woken};

    /// A waiting task is woken: by the peer, by a fault, by the end.
    #[test]
    fn nobody_waits_in_vain() {
        for_seeds(0..50, |random| {
            let (a, b) = FaultTransport::pair(7);
            let mut a = a.with(Faults::none().random(random.clone()));
            let mut b = b.with(Faults::none().random(Random::new(random.number())));
            let bytes: Vec<u8> = (0..200).collect();
            let write = async {
                AsyncWriteExt::write_all(&mut a, &bytes).await.unwrap();
                AsyncWriteExt::shutdown(&mut a).await.unwrap();
            };
            let read = async {
                let mut read = Vec::new();
                AsyncReadExt::read_to_end(&mut b, &mut read).await.unwrap();
                read
            };
            let woken = run_when_woken(2_000, write, read);
            assert_eq!(woken.values.1, bytes);
        });
    }
}
