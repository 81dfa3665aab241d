//! Read and write buffers that exist only while bytes are in them: they come from a pool of the
//! thread and go back to it, so an idle connection holds none.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread::LocalKey;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Holds most reads and most batches of replies whole, and stays in the second-level cache.
const BUFFER_LEN: usize = 64 * 1024;
/// How many buffers a thread keeps for its connections.
const POOLED_MAX: usize = 8;

thread_local! {
    /// Initialised, so that no read has to zero its buffer first.
    static READ_POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    /// Empty, with room.
    static WRITE_POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

type Pool = LocalKey<RefCell<Vec<Vec<u8>>>>;

fn take(pool: &'static Pool) -> Option<Vec<u8>> {
    pool.with_borrow_mut(Vec::pop)
}

fn give_back(pool: &'static Pool, buffer: Vec<u8>) {
    // A thread that ends has no pool any more.
    let _ = pool.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < POOLED_MAX {
            pool.push(buffer);
        }
    });
}

/// Bytes that were received and not yet taken.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    /// Empty, or a pooled buffer with the bytes at `start..end`.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadBuffer {
    /// A buffer that holds what came behind the opening handshake.
    pub(crate) fn with(received: &[u8]) -> Self {
        match received.len() {
            0 => Self::default(),
            len => Self { bytes: received.to_vec(), start: 0, end: len },
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The bytes not yet taken.
    pub(crate) fn filled(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// `len` bytes were taken; the memory goes back when they were the last.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = self.end.min(self.start.saturating_add(len));
    }

    /// Gives the memory back if nothing is in it.
    pub(crate) fn release_if_empty(&mut self) {
        if self.is_empty() {
            self.release();
        }
    }

    fn release(&mut self) {
        (self.start, self.end) = (0, 0);
        let bytes = mem::take(&mut self.bytes);
        if bytes.len() == BUFFER_LEN {
            give_back(&READ_POOL, bytes);
        }
    }

    /// Reads into an empty buffer. `Ok(0)` is the end. While nothing comes, no memory is held.
    pub(crate) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty());
        if self.bytes.len() != BUFFER_LEN {
            self.bytes = take(&READ_POOL).unwrap_or_else(|| vec![0; BUFFER_LEN]);
        }
        let mut read = ReadBuf::new(&mut self.bytes);
        let polled = Pin::new(stream).poll_read(cx, &mut read);
        let len = read.filled().len();
        (self.start, self.end) = (0, 0);
        match polled {
            Poll::Ready(Ok(())) if len > 0 => {
                self.end = len;
                Poll::Ready(Ok(len))
            }
            other => {
                self.release();
                other.map_ok(|()| 0)
            }
        }
    }
}

/// Bytes that are framed and not yet written, in the order of framing.
#[derive(Debug, Default)]
pub(crate) struct WriteBuffer {
    bytes: Vec<u8>,
    /// How many of them the transport has taken. Never drained one by one: that would be
    /// quadratic.
    written: usize,
}

impl WriteBuffer {
    /// Where frames are appended.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = take(&WRITE_POOL).unwrap_or_else(|| Vec::with_capacity(BUFFER_LEN));
        }
        &mut self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.written)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes all of it; `progress` is told of each write. The memory goes back at the end.
    pub(crate) fn poll_write_all<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        mut progress: impl FnMut(),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            let len = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
            // A transport that takes nothing, or more than it was given, can't be trusted.
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if len > rest.len() {
                let lie = "the transport claims to have written more than it was given";
                return Poll::Ready(Err(io::Error::other(lie)));
            }
            self.written = self.written.saturating_add(len);
            progress();
        }
        self.clear();
        Poll::Ready(Ok(()))
    }

    /// Forgets what was not written and gives the memory back.
    pub(crate) fn clear(&mut self) {
        self.written = 0;
        let mut bytes = mem::take(&mut self.bytes);
        if bytes.capacity() == BUFFER_LEN {
            bytes.clear();
            give_back(&WRITE_POOL, bytes);
        }
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        self.release();
    }
}

impl Drop for WriteBuffer {
    fn drop(&mut self) {
        self.clear();
    }
}
