//! Frames that wait to be written, in the order of framing: small ones side by side in a pooled
//! buffer, large payloads by reference, all of it in vectored writes.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

use bytes::Bytes;
use tidings_websocket::frame::Frame;

use super::pool::{self, BUFFER_LEN};

/// From this many bytes on, a payload is cheaper to write from where it is than to copy.
pub(super) const BY_REFERENCE_FROM: usize = 8 * 1024;
/// The maximum number of slices in one write.
const MAX_SLICES: usize = 16;

/// The queue. The first buffer is inline, because for small frames it is the only one.
#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    first: Vec<u8>,
    rest: VecDeque<Segment>,
    /// The number of bytes of the front segment that the transport has taken. Bytes are never moved
    /// up: that would be quadratic.
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
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Queues a frame by copying it, masked on the way if it has a key.
    pub(super) fn push_frame(&mut self, frame: &Frame<'_>) {
        let len = frame.encoded_len();
        frame.append_to(self.tail(len));
        self.len = self.len.saturating_add(len);
    }

    /// Queues encoded bytes by copying them.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        self.tail(bytes.len()).extend_from_slice(bytes);
        self.len = self.len.saturating_add(bytes.len());
    }

    /// Queues bytes by reference.
    pub(super) fn push_shared(&mut self, bytes: Bytes) {
        self.len = self.len.saturating_add(bytes.len());
        if !bytes.is_empty() {
            self.rest.push_back(Segment::Shared(bytes));
        }
    }

    /// Returns the buffer to which `len` more bytes are appended: a large piece gets a buffer of
    /// its exact size rather than growing a pooled one.
    #[inline]
    fn tail(&mut self, len: usize) -> &mut Vec<u8> {
        if self.rest.is_empty() && self.first.capacity().saturating_sub(self.first.len()) >= len {
            return &mut self.first;
        }
        self.new_tail(len)
    }

    /// The same where the first buffer does not do.
    fn new_tail(&mut self, len: usize) -> &mut Vec<u8> {
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
            _ => {
                // Bytes would leave in the wrong order.
                debug_assert!(false, "the last segment is a buffer with room");
                &mut self.first
            }
        }
    }

    /// Passes the queue, followed by `payload`, to `write`, as non-empty slices. `None` if there is
    /// nothing to write.
    #[inline]
    pub(super) fn write_with<T>(
        &self,
        payload: &[u8],
        write: impl FnOnce(&[IoSlice<'_>]) -> T,
    ) -> Option<T> {
        // Small frames are all there is, nearly always.
        let front = self.first.get(self.written..).unwrap_or_default();
        match (front, payload) {
            _ if !self.rest.is_empty() => {}
            ([], []) => return None,
            ([], only) | (only, []) => return Some(write(&[IoSlice::new(only)])),
            _ => {}
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        // The front segment is the first buffer until that is written.
        let skip = if self.first.is_empty() { self.written } else { 0 };
        let queued = self.rest.iter().enumerate().map(|(i, segment)| {
            let skip = if i == 0 { skip } else { 0 };
            segment.as_slice().get(skip..).unwrap_or_default()
        });
        let all = std::iter::once(front).chain(queued).chain([payload]);
        for (to, from) in slices.iter_mut().zip(all.filter(|slice| !slice.is_empty())) {
            *to = IoSlice::new(from);
            count += 1; // MAX_SLICES at most
        }
        slices.get(..count).filter(|slices| !slices.is_empty()).map(write)
    }

    /// `len` bytes of the queue were written.
    pub(super) fn advance(&mut self, len: usize) {
        debug_assert!(len <= self.len, "more was written than was queued");
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
        if self.rest.is_empty() {
            debug_assert_eq!((self.written, self.len), (0, 0), "all is written");
            return;
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
        debug_assert_eq!((self.written, self.len), (0, 0), "all is written");
    }

    /// Drops the unwritten bytes and frees the memory.
    pub(super) fn clear(&mut self) {
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
    use tidings_websocket::frame::DataOpcode;

    /// A transport that takes `step` bytes of each write, of all slices or of the first alone.
    struct Stingy {
        taken: Vec<u8>,
        step: usize,
        vectored: bool,
    }

    impl Stingy {
        fn write(&mut self, slices: &[IoSlice<'_>]) -> usize {
            let slices = if self.vectored { slices } else { &slices[..1] };
            let before = self.taken.len();
            let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
            self.taken.extend(bytes.take(self.step));
            self.taken.len() - before
        }

        fn write_all(&mut self, queue: &mut WriteQueue) {
            while let Some(written) = queue.write_with(&[], |slices| self.write(slices)) {
                queue.advance(written);
            }
        }
    }

    /// W-100: the queued bytes are written, in order, however little the transport
    /// takes, and no memory is left.
    #[test]
    fn bytes_leave_in_the_order_of_framing() {
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
                let mut stream = Stingy { taken: Vec::new(), step, vectored };
                // One direct write in the middle, with a payload that is not queued.
                let payload = b"payload";
                let written = queue.write_with(payload, |slices| stream.write(slices)).unwrap();
                let beyond = written.saturating_sub(queue.len());
                queue.advance(written - beyond);
                queue.push_bytes(&payload[beyond..]);
                expected.extend(payload);
                stream.write_all(&mut queue);
                assert!(stream.taken == expected, "step {step}, vectored {vectored}");
                assert!(queue.is_empty());
                assert_eq!(queue.first.capacity() + queue.rest.capacity(), 0);
            }
        }
    }

    #[test]
    fn a_cleared_queue_starts_anew() {
        let mut queue = WriteQueue::default();
        queue.push_bytes(b"lost");
        queue.push_shared(Bytes::from_static(b"lost too"));
        let mut stream = Stingy { taken: Vec::new(), step: 2, vectored: true };
        let written = queue.write_with(&[], |slices| stream.write(slices)).unwrap();
        queue.advance(written);
        queue.clear();
        assert!(queue.is_empty());
        queue.push_bytes(b"kept");
        stream.write_all(&mut queue);
        assert_eq!(stream.taken, b"lokept");
    }
}
