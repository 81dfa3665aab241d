//! A transport in memory that has the faults of real ones: [`FaultTransport`].

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, IoSlice};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::Waker;

use crate::random::Random;

mod blocking;
#[cfg(feature = "tokio")]
mod tokio;

/// One end of a duplex transport in memory, with faults.
///
/// Without faults it is honest: bytes arrive in order, a full pipe blocks its writer and an empty
/// one its reader, and a waiting side is woken. A dropped end is the end of the stream for the
/// reader, and a broken pipe for the writer, on the other side.
///
/// `Read` and `Write` answer `WouldBlock` where they would have to wait, unless the end is made
/// [`blocking`](Self::blocking). With the feature `tokio` it is `AsyncRead` and `AsyncWrite` too.
#[derive(Debug)]
pub struct FaultTransport {
    link: Arc<Link>,
    /// The pipe that this end reads; it writes the other.
    reads: usize,
    is_blocking: bool,
    faults: Faults,
}

#[derive(Debug)]
struct Link {
    pipes: Mutex<[Pipe; 2]>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer has ended it.
    is_ended: bool,
    /// The reader is gone.
    is_broken: bool,
    is_reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The calls of the end that writes this pipe, reads of the other pipe included.
    counters: Counters,
}

/// The calls of one end, and their results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls to read.
    pub reads: u64,
    /// Calls to write.
    pub writes: u64,
    /// Calls to flush.
    pub flushes: u64,
    /// Calls to shut down.
    pub shutdowns: u64,
    /// Calls that were answered with "not now".
    pub blocked: u64,
    /// Bytes that were returned.
    pub bytes_read: u64,
    /// Bytes that were taken.
    pub bytes_written: u64,
}

impl Counters {
    /// All calls.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.reads + self.writes + self.flushes + self.shutdowns
    }
}

/// The faults at one end. Calls are counted from 0: reads, writes, flushes and shutdowns.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    max_read_len: Option<usize>,
    max_write_len: Option<usize>,
    at: BTreeMap<u64, Fault>,
    reset_after_reading: Option<u64>,
    reset_after_writing: Option<u64>,
    eof_after_reading: Option<u64>,
    random: Option<Random>,
}

/// The action of one call instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `WouldBlock`; with tokio, `Pending`, and the task is woken at once.
    Block,
    /// `Interrupted`.
    Interrupt,
    /// `ConnectionReset`, now and from now on, at both ends.
    Reset,
    /// An answer that no transport may give.
    Lie(Lie),
}

/// An answer that no transport may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// More bytes than the buffer has.
    TooMany,
    /// `Ok(0)` for a write of something.
    Nothing,
}

impl Faults {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads return at most this many bytes.
    #[must_use]
    pub fn reads_of(self, max_len: usize) -> Self {
        Self { max_read_len: Some(max_len), ..self }
    }

    /// Writes take at most this many bytes.
    #[must_use]
    pub fn writes_of(self, max_len: usize) -> Self {
        Self { max_write_len: Some(max_len), ..self }
    }

    /// This happens in the call with this number.
    #[must_use]
    pub fn at(mut self, call: u64, fault: Fault) -> Self {
        self.at.insert(call, fault);
        self
    }

    /// The connection is reset once this many bytes were read.
    #[must_use]
    pub fn reset_after_reading(self, len: u64) -> Self {
        Self { reset_after_reading: Some(len), ..self }
    }

    /// The connection is reset once this many bytes were written.
    #[must_use]
    pub fn reset_after_writing(self, len: u64) -> Self {
        Self { reset_after_writing: Some(len), ..self }
    }

    /// The stream ends once this many bytes were read.
    #[must_use]
    pub fn eof_after_reading(self, len: u64) -> Self {
        Self { eof_after_reading: Some(len), ..self }
    }

    /// Short reads, short writes and blocked calls, at random. Nothing that is an error.
    #[must_use]
    pub fn random(self, random: Random) -> Self {
        Self { random: Some(random), ..self }
    }
}

/// The result of a call.
#[derive(Clone, Copy)]
enum Answer {
    Done(usize),
    /// Nothing to read, or no room: wait for the peer.
    Wait,
    /// A fault: not now, but soon.
    NotNow,
    Error(ErrorKind),
}

/// The kind of a call, with its input.
enum Call<'a, 'b> {
    Read(&'a mut [u8]),
    Write(&'a [IoSlice<'b>]),
    Flush,
    Shutdown,
}

impl FaultTransport {
    /// Both ends of a transport that holds up to `capacity` bytes in each direction.
    #[must_use]
    pub fn pair(capacity: usize) -> (Self, Self) {
        let pipe = || Pipe { capacity, ..Pipe::default() };
        let pipes = Mutex::new([pipe(), pipe()]);
        let link = Arc::new(Link { pipes, changed: Condvar::new() });
        let end = |reads| Self {
            link: Arc::clone(&link),
            reads,
            is_blocking: false,
            faults: Faults::none(),
        };
        (end(0), end(1))
    }

    /// The same end with these faults.
    #[must_use]
    pub fn with(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// The same end, whose `Read` and `Write` wait where they have to.
    #[must_use]
    pub fn blocking(mut self) -> Self {
        self.is_blocking = true;
        self
    }

    /// Returns the calls of this end so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.pipes()[self.writes()].counters
    }

    /// A way to ask for [`counters`](Self::counters) when the transport has been given away.
    pub fn counters_later(&self) -> impl Fn() -> Counters + use<> {
        let (link, writes) = (Arc::clone(&self.link), self.writes());
        move || lock(&link)[writes].counters
    }

    const fn writes(&self) -> usize {
        1 - self.reads
    }

    fn pipes(&self) -> MutexGuard<'_, [Pipe; 2]> {
        lock(&self.link)
    }

    /// Does a call, with its fault if it has one; `waker` is kept if it has to wait.
    fn call(&mut self, mut call: Call<'_, '_>, waker: Option<&Waker>) -> Answer {
        let link = Arc::clone(&self.link);
        let mut pipes = lock(&link);
        let (fault, max_len) = self.begin(&mut pipes, &call);
        let answer = match fault {
            Some(fault) => answer_fault(&mut pipes, fault, &call),
            None => loop {
                match self.work(&mut pipes, &mut call, max_len, waker) {
                    Answer::Wait if self.is_blocking && waker.is_none() => {
                        pipes = link.changed.wait(pipes).unwrap();
                    }
                    answer => break answer,
                }
            },
        };
        if matches!(answer, Answer::Wait | Answer::NotNow) {
            pipes[self.writes()].counters.blocked += 1;
        }
        link.changed.notify_all();
        answer
    }

    /// Counts the call and finds its fault, and how many bytes it may move.
    fn begin(&mut self, pipes: &mut [Pipe; 2], call: &Call<'_, '_>) -> (Option<Fault>, usize) {
        let counters = &mut pipes[self.writes()].counters;
        let number = counters.calls();
        let left = |limit: Option<u64>, done: u64| {
            limit.map_or(usize::MAX, |limit| usize::try_from(limit.saturating_sub(done)).unwrap())
        };
        let until_read = left(self.faults.reset_after_reading, counters.bytes_read);
        let until_written = left(self.faults.reset_after_writing, counters.bytes_written);
        let mut max_len = match call {
            Call::Read(_) => {
                counters.reads += 1;
                self.faults.max_read_len.unwrap_or(usize::MAX).min(until_read)
            }
            Call::Write(_) => {
                counters.writes += 1;
                self.faults.max_write_len.unwrap_or(usize::MAX).min(until_written)
            }
            Call::Flush => {
                counters.flushes += 1;
                0
            }
            Call::Shutdown => {
                counters.shutdowns += 1;
                0
            }
        };
        let mut fault = self.faults.at.get(&number).copied();
        if let Some(random) = &mut self.faults.random {
            max_len = max_len.min(1 + random.below(20));
            if random.one_in(4) {
                fault = fault.or(Some(Fault::Block));
            }
        }
        if matches!((fault, call), (Some(Fault::Lie(_)), Call::Flush | Call::Shutdown)) {
            fault = None; // without a number there is nothing to lie about
        }
        if until_read == 0 || until_written == 0 {
            fault = Some(Fault::Reset);
        }
        (fault, max_len)
    }

    /// Does the call as an honest transport.
    fn work(
        &self,
        pipes: &mut [Pipe; 2],
        call: &mut Call<'_, '_>,
        max_len: usize,
        waker: Option<&Waker>,
    ) -> Answer {
        let (reads, writes) = (self.reads, self.writes());
        match call {
            Call::Read(buffer) => {
                let bytes_read = pipes[writes].counters.bytes_read;
                let at_eof = self.faults.eof_after_reading.map(|at| at.saturating_sub(bytes_read));
                let until_eof = at_eof.map_or(usize::MAX, |left| usize::try_from(left).unwrap());
                if until_eof == 0 {
                    return Answer::Done(0);
                }
                let max_len = buffer.len().min(max_len).min(until_eof);
                let answer = read(&mut pipes[reads], &mut buffer[..max_len], waker);
                pipes[writes].counters.bytes_read += answer.len();
                answer
            }
            Call::Write(slices) => {
                let answer = write(&mut pipes[writes], slices, max_len, waker);
                pipes[writes].counters.bytes_written += answer.len();
                answer
            }
            Call::Flush if pipes[writes].is_reset => Answer::Error(ErrorKind::ConnectionReset),
            Call::Flush => Answer::Done(0),
            Call::Shutdown => {
                pipes[writes].is_ended = true;
                wake(&mut pipes[writes].reader);
                Answer::Done(0)
            }
        }
    }
}

impl Answer {
    fn len(self) -> u64 {
        match self {
            Self::Done(len) => u64::try_from(len).unwrap(),
            _ => 0,
        }
    }
}

impl Drop for FaultTransport {
    fn drop(&mut self) {
        let mut pipes = lock(&self.link);
        pipes[self.writes()].is_ended = true;
        pipes[self.reads].is_broken = true;
        wake_all(&mut pipes);
        self.link.changed.notify_all();
    }
}

fn answer_fault(pipes: &mut [Pipe; 2], fault: Fault, call: &Call<'_, '_>) -> Answer {
    match fault {
        Fault::Block => Answer::NotNow,
        Fault::Interrupt => Answer::Error(ErrorKind::Interrupted),
        Fault::Reset => {
            for pipe in pipes.iter_mut() {
                pipe.is_reset = true;
                pipe.bytes.clear();
            }
            wake_all(pipes);
            Answer::Error(ErrorKind::ConnectionReset)
        }
        Fault::Lie(Lie::Nothing) => Answer::Done(0),
        Fault::Lie(Lie::TooMany) => Answer::Done(match call {
            Call::Read(buffer) => buffer.len() + 1,
            Call::Write(slices) => slices.iter().map(|slice| slice.len()).sum::<usize>() + 1,
            Call::Flush | Call::Shutdown => 0,
        }),
    }
}

fn read(pipe: &mut Pipe, buffer: &mut [u8], waker: Option<&Waker>) -> Answer {
    if pipe.is_reset {
        return Answer::Error(ErrorKind::ConnectionReset);
    }
    if pipe.bytes.is_empty() && !buffer.is_empty() && !pipe.is_ended {
        pipe.reader = waker.cloned();
        return Answer::Wait;
    }
    let len = buffer.len().min(pipe.bytes.len());
    for (to, from) in buffer.iter_mut().zip(pipe.bytes.drain(..len)) {
        *to = from;
    }
    wake(&mut pipe.writer);
    Answer::Done(len)
}

fn write(pipe: &mut Pipe, slices: &[IoSlice<'_>], max_len: usize, waker: Option<&Waker>) -> Answer {
    if pipe.is_reset {
        return Answer::Error(ErrorKind::ConnectionReset);
    }
    if pipe.is_broken || pipe.is_ended {
        return Answer::Error(ErrorKind::BrokenPipe);
    }
    let room = pipe.capacity - pipe.bytes.len();
    if room == 0 && slices.iter().any(|slice| !slice.is_empty()) {
        pipe.writer = waker.cloned();
        return Answer::Wait;
    }
    let before = pipe.bytes.len();
    let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
    pipe.bytes.extend(bytes.take(room.min(max_len)));
    wake(&mut pipe.reader);
    Answer::Done(pipe.bytes.len() - before)
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn wake_all(pipes: &mut [Pipe; 2]) {
    for pipe in pipes {
        wake(&mut pipe.reader);
        wake(&mut pipe.writer);
    }
}

fn lock(link: &Link) -> MutexGuard<'_, [Pipe; 2]> {
    link.pipes.lock().unwrap()
}

#[cfg(test)]
mod tests;
