//! Frames that wait to be written, in the order of framing: small ones side by side in a pooled
//! buffer, large payloads by reference, all of it in vectored writes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tidings_websocket::frame::Frame;
use tokio::io::AsyncWrite;

use crate::pool::{self, BUFFER_LEN};

/// From this many bytes on, a payload is cheaper to write from where it is than to copy.
pub(crate) const BY_REFERENCE_FROM: usize = 8 * 1024;
/// How many slices one write hands over.
const SLICES_MAX: usize = 16;

/// The queue. The first buffer is inline, because for small frames it is the only one.
#[derive(Debug, Default)]
pub(crate) struct WriteQueue {
    first: Vec<u8>,
    rest: VecDeque<Segment>,
    /// How many bytes of the front segment the transport has taken. Bytes are never moved up:
    /// that would be quadratic.
    written: usize,
    /// All bytes that are not written yet.
    len: usize,
}

#[derive(Debug)]
enum Segment {
    Buffer(Vec<u8>),
    Shared(Bytes),
}

impl Segment {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Buffer(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl WriteQueue {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Queues a frame by copying it, masked on the way if it has a key.
    pub(crate) fn push_frame(&mut self, frame: &Frame<'_>) {
        frame.append_to(self.tail(frame.encoded_len()));
        self.len = self.len.saturating_add(frame.encoded_len());
    }

    /// Queues encoded bytes by copying them.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.tail(bytes.len()).extend_from_slice(bytes);
        self.len = self.len.saturating_add(bytes.len());
    }

    /// Queues bytes by reference.
    pub(crate) fn push_shared(&mut self, bytes: Bytes) {
        self.len = self.len.saturating_add(bytes.len());
        if !bytes.is_empty() {
            self.rest.push_back(Segment::Shared(bytes));
        }
    }

    /// Where `len` more bytes are to be appended: a large piece gets a buffer of its own size
    /// rather than growing a pooled one.
    fn tail(&mut self, len: usize) -> &mut Vec<u8> {
        let fits = |bytes: &Vec<u8>| bytes.len().saturating_add(len) <= bytes.capacity();
        let new = || match len {
            0..BUFFER_LEN => pool::take_for_writing(),
            _ => Vec::with_capacity(len),
        };
        if self.rest.is_empty() {
            if self.first.is_empty() && !fits(&self.first) {
                pool::give_back_from_writing(mem::replace(&mut self.first, new()));
            }
            if fits(&self.first) {
                return &mut self.first;
            }
        }
        let needs_new = !matches!(self.rest.back(), Some(Segment::Buffer(bytes)) if fits(bytes));
        if needs_new {
            self.rest.push_back(Segment::Buffer(new()));
        }
        match self.rest.back_mut() {
            Some(Segment::Buffer(bytes)) => bytes,
            // Not reached: the last segment is a buffer with room.
            _ => &mut self.first,
        }
    }

    /// Writes all of it; `progress` is told of each write. The memory goes back as it empties.
    pub(crate) fn poll_write_all<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        mut progress: impl FnMut(),
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            ready!(self.poll_write_once(cx, stream, &[], &[]))?;
            progress();
        }
        self.clear();
        Poll::Ready(Ok(()))
    }

    /// Writes what is queued and then `header` and `payload`, in one write. Returns how many bytes
    /// of header and payload were written.
    pub(crate) fn poll_write_once<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        header: &[u8],
        payload: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut given = 0usize;
        let mut count = 0;
        let front = self.first.get(self.written..).unwrap_or_default();
        // The front segment is the first buffer until that is written.
        let skip = if self.first.is_empty() { self.written } else { 0 };
        let queued = self.rest.iter().enumerate().map(|(i, segment)| {
            let skip = if i == 0 { skip } else { 0 };
            segment.as_slice().get(skip..).unwrap_or_default()
        });
        let all = std::iter::once(front).chain(queued).chain([header, payload]);
        for (to, from) in slices.iter_mut().zip(all.filter(|slice| !slice.is_empty())) {
            *to = IoSlice::new(from);
            given = given.saturating_add(from.len());
            count += 1; // SLICES_MAX at most
        }
        let slices = slices.get(..count).unwrap_or_default();
        let stream = Pin::new(stream);
        let written = match slices {
            [] => return Poll::Ready(Ok(0)),
            [only] => ready!(stream.poll_write(cx, only))?,
            _ => ready!(stream.poll_write_vectored(cx, slices))?,
        };
        // A transport that takes nothing, or more than it was given, can't be trusted.
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        if written > given {
            let lie = "the transport claims to have written more than it was given";
            return Poll::Ready(Err(io::Error::other(lie)));
        }
        let beyond = written.saturating_sub(self.len);
        self.advance(written - beyond); // `beyond` is part of `written`
        Poll::Ready(Ok(beyond))
    }

    /// `len` bytes of the queue were written.
    fn advance(&mut self, len: usize) {
        self.len = self.len.saturating_sub(len);
        self.written = self.written.saturating_add(len);
        if !self.first.is_empty() {
            match self.written.checked_sub(self.first.len()) {
                Some(beyond) => {
                    self.written = beyond;
                    pool::give_back_from_writing(mem::take(&mut self.first));
                }
                None => return,
            }
        }
        while let Some(front) = self.rest.front() {
            match self.written.checked_sub(front.as_slice().len()) {
                Some(beyond) => {
                    self.written = beyond;
                    if let Some(Segment::Buffer(bytes)) = self.rest.pop_front() {
                        pool::give_back_from_writing(bytes);
                    }
                }
                None => return,
            }
        }
        // Idle connections keep no memory, not even that of the empty queue.
        self.rest = VecDeque::new();
    }

    /// Forgets what was not written and gives the memory back.
    pub(crate) fn clear(&mut self) {
        pool::give_back_from_writing(mem::take(&mut self.first));
        for segment in mem::take(&mut self.rest) {
            if let Segment::Buffer(bytes) = segment {
                pool::give_back_from_writing(bytes);
            }
        }
        (self.written, self.len) = (0, 0);
    }
}

impl Drop for WriteQueue {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use tidings_websocket::frame::DataOpcode;

    /// A transport that takes `step` bytes, then blocks once, and so on.
    struct Stingy {
        taken: Vec<u8>,
        step: usize,
        blocks: bool,
        vectored: bool,
    }

    impl AsyncWrite for Stingy {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.blocks = !self.blocks;
            if self.blocks {
                return Poll::Pending;
            }
            let len = self.step.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..len]);
            Poll::Ready(Ok(len))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let taken = if self.vectored { slices } else { &slices[..1] };
            let bytes = taken.iter().flat_map(|slice| slice.iter().copied());
            let all: Vec<u8> = bytes.take(self.step).collect();
            self.as_mut().poll_write(cx, &all)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// P-10, W-100, F-03: what is written is what was queued, in order, however little the
    /// transport takes, and no memory is left.
    #[test]
    fn bytes_leave_in_the_order_of_framing() {
        let mut cx = Context::from_waker(Waker::noop());
        let large = vec![b'L'; 20_000];
        let huge = vec![b'H'; BUFFER_LEN + 10];
        for step in [1, 2, 7, 1000, 19_999, 65_536, usize::MAX] {
            for vectored in [false, true] {
                let mut queue = WriteQueue::default();
                let mut expected = Vec::new();
                let rounds = if step < 1000 { 1 } else { 3 };
                for _ in 0..rounds {
                    queue.push_bytes(b"small");
                    expected.extend(b"small");
                    queue.push_frame(&Frame::data(DataOpcode::Binary, &large));
                    Frame::data(DataOpcode::Binary, &large).append_to(&mut expected);
                    queue.push_shared(Bytes::from(large.clone()));
                    expected.extend(&large);
                    queue.push_shared(Bytes::new());
                    queue.push_bytes(&huge);
                    expected.extend(&huge);
                }
                assert_eq!(queue.len(), expected.len());
                let taken = Vec::new();
                let mut stream = Stingy { taken, step, blocks: false, vectored };
                // One direct write in the middle, with a payload that is not queued.
                let direct = loop {
                    if let Poll::Ready(direct) =
                        queue.poll_write_once(&mut cx, &mut stream, b"head", b"payload")
                    {
                        break direct.unwrap();
                    }
                };
                let behind = b"headpayload";
                queue.push_bytes(&behind[direct..]);
                expected.extend(behind);
                while queue.poll_write_all(&mut cx, &mut stream, || {}).is_pending() {}
                assert!(stream.taken == expected, "step {step}, vectored {vectored}");
                assert!(queue.is_empty());
                assert_eq!(queue.first.capacity() + queue.rest.capacity(), 0);
            }
        }
    }

    #[test]
    fn a_cleared_queue_starts_anew() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut queue = WriteQueue::default();
        queue.push_bytes(b"lost");
        queue.push_shared(Bytes::from_static(b"lost too"));
        let mut stream = Stingy { taken: Vec::new(), step: 2, blocks: true, vectored: true };
        assert!(queue.poll_write_once(&mut cx, &mut stream, &[], &[]).is_ready());
        queue.clear();
        assert!(queue.is_empty());
        queue.push_bytes(b"kept");
        while queue.poll_write_all(&mut cx, &mut stream, || {}).is_pending() {}
        assert_eq!(stream.taken, b"lokept");
    }
}
