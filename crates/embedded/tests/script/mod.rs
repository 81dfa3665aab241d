//! A stream that follows a script of reads, short writes and errors. It is an `embedded_io` stream and
//! an `embedded_io_async` one.

#![allow(dead_code, reason = "each test binary needs some of it")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use embedded_io::ErrorKind;
use tidings_embedded::websocket::Timestamp;
use tidings_testkit::run_when_woken;

/// The effect of one read.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    Bytes(Vec<u8>),
    Fails(ErrorKind),
    /// This many milliseconds pass before the read returns.
    TimedOutAfter(u64),
    /// The async read waits forever: the caller must drop it.
    Hangs,
    /// Claims more bytes than there is room for.
    Lies,
}

/// The effect of one write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    Takes(usize),
    Fails(ErrorKind),
    Hangs,
    /// Claims that nothing was written.
    Nothing,
    /// Claims that more was written than was given.
    Lies,
}

/// The script, and the written bytes; shared with the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) reads: Rc<RefCell<VecDeque<Read>>>,
    pub(crate) writes: Rc<RefCell<VecDeque<Write>>>,
    pub(crate) max_write_len: Rc<Cell<usize>>,
    pub(crate) written: Rc<RefCell<Vec<u8>>>,
    /// The number of bytes written when the stream was last flushed.
    pub(crate) flushed_len: Rc<Cell<usize>>,
    pub(crate) write_calls: Rc<Cell<usize>>,
    pub(crate) flush_calls: Rc<Cell<usize>>,
    pub(crate) now_ms: Rc<Cell<u64>>,
    /// Each async operation is pending once before it happens.
    pub(crate) hesitates: bool,
}

impl Script {
    /// Gives these chunks, then the end.
    pub(crate) fn new<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let script = Self { hesitates: true, ..Self::default() };
        script.max_write_len.set(usize::MAX);
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            script.push(chunk);
        }
        script
    }

    pub(crate) fn push(&self, bytes: &[u8]) {
        self.then(Read::Bytes(bytes.to_vec()));
    }

    pub(crate) fn then(&self, read: Read) {
        self.reads.borrow_mut().push_back(read);
    }

    pub(crate) fn on_write(&self, write: Write) {
        self.writes.borrow_mut().push_back(write);
    }

    pub(crate) fn writes_of(self, max_len: usize) -> Self {
        self.max_write_len.set(max_len);
        self
    }

    pub(crate) fn clock(&self) -> impl FnMut() -> Timestamp + use<> {
        let now_ms = Rc::clone(&self.now_ms);
        move || Timestamp::from_epoch(std::time::Duration::from_millis(now_ms.get()))
    }

    pub(crate) fn take_written(&self) -> Vec<u8> {
        self.written.take()
    }

    /// `None`: hangs.
    fn read_now(&mut self, buffer: &mut [u8]) -> Option<Result<usize, ErrorKind>> {
        let mut reads = self.reads.borrow_mut();
        let Some(next) = reads.front_mut() else { return Some(Ok(0)) };
        let result = match next {
            Read::Bytes(bytes) => {
                let len = bytes.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(bytes.drain(..len)) {
                    *to = from;
                }
                if !bytes.is_empty() {
                    return Some(Ok(len));
                }
                Ok(len)
            }
            Read::Fails(kind) => Err(*kind),
            Read::TimedOutAfter(ms) => {
                self.now_ms.set(self.now_ms.get() + *ms);
                Err(ErrorKind::TimedOut)
            }
            Read::Lies => Ok(buffer.len() + 1),
            Read::Hangs => return None,
        };
        reads.pop_front();
        Some(result)
    }

    fn write_now(&mut self, bytes: &[u8]) -> Option<Result<usize, ErrorKind>> {
        self.write_calls.set(self.write_calls.get() + 1);
        let max = match self.writes.borrow_mut().pop_front() {
            None => self.max_write_len.get(),
            Some(Write::Takes(len)) => len,
            Some(Write::Fails(kind)) => return Some(Err(kind)),
            Some(Write::Nothing) => return Some(Ok(0)),
            Some(Write::Lies) => return Some(Ok(bytes.len() + 1)),
            Some(Write::Hangs) => return None,
        };
        let len = bytes.len().min(max);
        self.written.borrow_mut().extend_from_slice(&bytes[..len]);
        Some(Ok(len))
    }

    fn flush_now(&mut self) {
        self.flush_calls.set(self.flush_calls.get() + 1);
        self.flushed_len.set(self.written.borrow().len());
    }

    async fn hesitate(&self) {
        let mut left = usize::from(self.hesitates);
        poll_fn(|context| match left {
            0 => Poll::Ready(()),
            _ => {
                left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
    }
}

impl embedded_io::ErrorType for Script {
    type Error = ErrorKind;
}

impl embedded_io::Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.read_now(buffer).expect("a blocking read would hang")
    }
}

impl embedded_io::Write for Script {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.write_now(bytes).expect("a blocking write would hang")
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flush_now();
        Ok(())
    }
}

impl embedded_io_async::Read for Script {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.hesitate().await;
        match self.read_now(buffer) {
            Some(result) => result,
            None => hang().await,
        }
    }
}

impl embedded_io_async::Write for Script {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.hesitate().await;
        match self.write_now(bytes) {
            Some(result) => result,
            None => hang().await,
        }
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.hesitate().await;
        self.flush_now();
        Ok(())
    }
}

/// Never finishes, and is polled again and again, as beside a timer that has not fired.
async fn hang<T>() -> T {
    poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Runs a future to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    run_when_woken(1_000_000, future, async {}).values.0
}

/// Every way to cut bytes in two, then byte by byte.
pub(crate) fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let halves = (0..=bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]);
    halves.chain([bytes.chunks(1).collect()]).collect()
}
