//! The cases whose instructions are counted, one small piece of work each: `cargo xtask
//! instructions` runs each case under callgrind, twice, and takes the difference, so that start-up
//! cancels out.
//!
//! Times of a few hundred nanoseconds change from run to run and from machine to machine;
//! instructions change only with the code and the compiler, so a bound on them can be tight.
//!
//! The transport is memory: `Socket` returns the same frames again and again and counts its input.
//! One task is polled once and never has to wait. Nothing is printed and nothing allocated for the
//! counting itself.

use std::hint::black_box;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tidings_frame::{DataOpcode, Frame};
use tidings_tokio::{Config, WebSocket, server::ServerRole};
use tidings_websocket::{Connection, Event, Limits, Server, Timeouts, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::corpus::{Content, Numbers, frame};
use crate::pipe::{BUFFER_LEN, Pipe, now};

/// The length of all messages.
const LEN: usize = 16;

/// A name, and the function that handles this many messages.
pub type Count = (&'static str, fn(u32));

/// All cases. Each message has 16 bytes.
pub const COUNTS: [Count; 10] = [
    ("machine receive binary", |count| machine_receive(Content::Binary, count)),
    ("machine receive text", |count| machine_receive(Content::Ascii, count)),
    ("recv binary", |count| recv(Content::Binary, count)),
    ("recv text", |count| recv(Content::Ascii, count)),
    ("borrowed recv binary", |count| borrowed_recv(Content::Binary, count)),
    ("borrowed recv text", |count| borrowed_recv(Content::Ascii, count)),
    ("send, one write each", send),
    ("send, 16 a write", send_sixteen),
    ("echo", echo),
    ("frame append", frame_append),
];

/// [`Connection::receive`], the machine alone.
fn machine_receive(content: Content, count: u32) {
    let mut pipe = Pipe::reading(masked_frames(content));
    let mut buffer = vec![0; BUFFER_LEN];
    let now = Timestamp::default();
    let mut connection = Connection::new(Server, Limits::server(), Timeouts::server(), now);
    let mut left = count;
    loop {
        let len = pipe.take(&mut buffer);
        let mut input = &mut buffer[..len];
        while let Some(event) = connection.receive(now, &mut input) {
            let is_last = match black_box(event) {
                Event::Text { is_last, .. } | Event::Binary { is_last, .. } => is_last,
                other => panic!("{other:?}"),
            };
            if is_last {
                left -= 1;
                if left == 0 {
                    return;
                }
            }
        }
    }
}

/// [`WebSocket::recv`]: owned messages.
fn recv(content: Content, count: u32) {
    with_socket(content, async |mut socket| {
        for _ in 0..count {
            let message = socket.recv().await.unwrap().unwrap();
            black_box(&message);
        }
    });
}

/// The same, borrowed from the read buffer.
fn borrowed_recv(content: Content, count: u32) {
    with_socket(content, async |mut socket| {
        let (mut receiver, mut sender) = socket.split();
        for _ in 0..count {
            let message = receiver.recv(&mut sender).await.unwrap().unwrap();
            black_box(&message);
        }
    });
}

/// [`WebSocket::send`], where nothing more was received: each message is a write.
fn send(count: u32) {
    let payload = Content::Binary.bytes(LEN);
    with_socket(Content::Binary, async |mut socket| {
        for _ in 0..count {
            socket.send(black_box(&payload[..])).await.unwrap();
        }
        assert_eq!(socket.get_ref().writes, u64::from(count));
    });
}

/// [`WebSocket::feed`], and a flush after sixteen.
fn send_sixteen(count: u32) {
    let payload = Content::Binary.bytes(LEN);
    let flushes = count / 16;
    with_socket(Content::Binary, async |mut socket| {
        for _ in 0..flushes {
            for _ in 0..16 {
                socket.feed(black_box(&payload[..])).unwrap();
            }
            socket.flush().await.unwrap();
        }
        assert_eq!(socket.get_ref().writes, u64::from(flushes));
    });
}

/// The loop of an echo server: replies are written when the read buffer is empty.
fn echo(count: u32) {
    with_socket(Content::Binary, async |mut socket| {
        for _ in 0..count {
            let message = socket.recv().await.unwrap().unwrap();
            socket.send(message).await.unwrap();
        }
    });
}

/// [`Frame::append_to`], to a buffer that is emptied after sixteen.
fn frame_append(count: u32) {
    let payload = Content::Binary.bytes(LEN);
    let mut out = Vec::with_capacity(1024);
    for _ in 0..count / 16 {
        for _ in 0..16 {
            Frame::data(DataOpcode::Binary, black_box(&payload)).append_to(&mut out);
        }
        black_box(&out);
        out.clear();
    }
}

/// 64 KiB of masked frames.
fn masked_frames(content: Content) -> Vec<u8> {
    let payload = content.bytes(LEN);
    let mut numbers = Numbers::new();
    let mut key = || Some(((numbers.draw() >> 20) as u32).to_be_bytes());
    let frame_len = frame(true, key(), &payload).len();
    let is_text = content != Content::Binary;
    (0..BUFFER_LEN / frame_len).flat_map(|_| frame(is_text, key(), &payload)).collect()
}

/// Runs this on a server's socket that receives such messages without end.
fn with_socket(content: Content, run: impl AsyncFnOnce(WebSocket<Socket>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = runtime.enter();
    let stream = Socket { incoming: Pipe::reading(masked_frames(content)), writes: 0 };
    now(run(WebSocket::from_handshaken(stream, ServerRole, Config::server(), &[])));
}

/// Returns frames as a [`Pipe`] does, and drops the bytes written.
struct Socket {
    incoming: Pipe,
    writes: u64,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.incoming).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes += 1;
        Poll::Ready(Ok(black_box(bytes).len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes += 1;
        Poll::Ready(Ok(black_box(slices).iter().map(|bytes| bytes.len()).sum()))
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

#[cfg(test)]
mod tests {
    #[test]
    fn all_counts_run() {
        for (_, run) in super::COUNTS {
            run(32);
        }
    }
}
