//! The memory that an attacker can make a connection hold: every promise about memory, counted by
//! the global allocator. A separate file, because it counts for the whole process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod attack_scene;

use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::{future::Future, io};

use attack_scene::{OFFER, REQUEST, client, frame, header, server, unmask_headers};
use peak_alloc::PeakAlloc;
use tidings_testkit::deflate_bomb;
use tidings_tokio::websocket::Limits;
use tidings_tokio::{
    Config, Error, Message, accept, client::client_handshake, compression::Compression,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// One test at a time, for all have the same heap.
static ALONE: Mutex<()> = Mutex::new(());

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The read buffer of a thread and the write buffer, both pooled.
const BUFFERS: usize = 2 * 64 * KIB;

/// The allocations of the test harness in the same time: its threads start, wait and report.
const NOISE: usize = 64 * KIB;

/// Runs it alone, in a runtime of this thread with a clock that stands still.
fn alone(test: impl AsyncFnOnce()) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test());
}

/// Returns the peak of the heap while this ran, above the heap before.
async fn peak_of<T>(future: impl Future<Output = T>) -> (T, usize) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let output = future.await;
    (output, HEAP.peak_usage().saturating_sub(before))
}

/// Polls once, and expects nothing.
fn poll_in_vain<F: Future<Output: std::fmt::Debug>>(future: Pin<&mut F>) {
    let polled = future.poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "{polled:?}");
}

fn unbounded() -> Config {
    let mut config = Config::server();
    config.limits.max_frame_len = Limits::UNBOUNDED;
    config.limits.max_message_len = Limits::UNBOUNDED;
    config
}

/// A header of 14 bytes that declares up to 2^63 - 1 bytes, to a server that allows it.
/// Not one byte is allocated for it, and none for waiting; bytes that then arrive cost their own
/// length.
#[test]
fn a_declared_length_allocates_nothing() {
    alone(async || {
        for power in 0..63 {
            let (mut server, mut far, _) = server(unbounded(), "").await;
            // The pools of the thread are filled, and the transport has its room.
            far.write_all(&frame(0x82, &[7; 2000])).await.unwrap();
            server.recv().await.unwrap().unwrap();
            far.write_all(&header(0x82, 1 << power)).await.unwrap();
            let ((), peak) = peak_of(async { poll_in_vain(pin!(server.recv())) }).await;
            assert!(peak < NOISE, "2^{power} bytes were declared, {peak} allocated");

            let payload = vec![7; 1000.min(1 << power >> 1)];
            far.write_all(&payload).await.unwrap();
            let ((), peak) = peak_of(async { poll_in_vain(pin!(server.recv())) }).await;
            // A growing buffer is copied once, then its old memory goes.
            assert!(peak < NOISE, "{} bytes came, {peak} allocated", payload.len());
        }
    });
}

/// The same where it is refused, on either side: the answer is a Close frame and no
/// memory. Reserved opcodes with a length are among them.
#[test]
fn a_refused_length_allocates_nothing() {
    alone(async || {
        for (first, len) in
            [(0x82, (1 << 20) + 1), (0x82, 1 << 62), (0x83, 1 << 62), (0x89, 1 << 62)]
        {
            let (mut server, mut far, _) = server(Config::server(), "").await;
            far.write_all(&frame(0x82, &[7; 2000])).await.unwrap();
            server.recv().await.unwrap().unwrap();
            server.feed("fills the pool of write buffers").unwrap();
            server.flush().await.unwrap();
            far.write_all(&header(first, len)).await.unwrap();
            drop(far);
            let (ended, peak) = peak_of(server.recv()).await;
            assert!(matches!(ended, Err(Error::Violation(_))), "{ended:?}");
            assert!(peak < NOISE, "{peak} bytes were allocated");

            let (mut client, mut far) = client(Config::client()).await;
            far.write_all(&unmask_headers(&[frame(0x82, &[7; 2000])])).await.unwrap();
            client.recv().await.unwrap().unwrap();
            client.feed("fills the pool of write buffers").unwrap();
            client.flush().await.unwrap();
            far.write_all(&unmask_headers(&[header(first, len.max(1 << 25))])).await.unwrap();
            drop(far);
            let (ended, peak) = peak_of(client.recv()).await;
            assert!(matches!(ended, Err(Error::Violation(_))), "{ended:?}");
            assert!(peak < NOISE, "{peak} bytes were allocated");
        }
    });
}

/// A message of any length passes in pieces, in constant memory.
#[test]
fn a_message_in_pieces_is_not_kept() {
    alone(async || {
        let (mut server, mut far, _) = server(unbounded(), "").await;
        let payload = vec![7; MIB];
        let ((), peak) = peak_of(async {
            far.write_all(&header(0x82, 1 << 62)).await.unwrap();
            let mut reader = server.recv_reader().await.unwrap().unwrap();
            let mut received = 0;
            for _ in 0..16 {
                far.write_all(&payload).await.unwrap();
                let until = received + payload.len();
                while received < until {
                    received += reader.chunk().await.unwrap().unwrap().len();
                }
            }
        })
        .await;
        // The transport of the test holds a mebibyte, and grows in powers of two.
        assert!(peak <= 4 * MIB + BUFFERS, "{peak} bytes for 16 MiB");
    });
}

/// A transport that returns a byte a read, over and over, and accepts every write.
struct Endless {
    /// The bytes to begin with, then those that come again and again.
    first: Vec<u8>,
    again: Vec<u8>,
    at: usize,
    /// No more than this in all, then nothing comes.
    left: usize,
    max_read_len: usize,
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.left == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        for _ in 0..this.max_read_len.min(buf.remaining()).min(this.left) {
            let byte = match this.first.get(this.at) {
                Some(byte) => *byte,
                None => this.again[(this.at - this.first.len()) % this.again.len()],
            };
            buf.put_slice(&[byte]);
            this.at += 1;
            this.left -= 1;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Endless {
    fn new(first: Vec<u8>, again: Vec<u8>, len: usize, max_read_len: usize) -> Self {
        Self { first, again, at: 0, left: len, max_read_len }
    }

    /// An open WebSocket over it.
    fn open(self, config: Config) -> tidings_tokio::WebSocket<Self> {
        tidings_tokio::WebSocket::from_handshaken(
            self,
            tidings_tokio::server::ServerRole,
            config,
            &[],
        )
    }
}

/// A message of fragments costs the memory of its payload, however many there are.
/// Without a limit to their number, empty ones cost nothing at all.
#[test]
fn fragments_cost_their_payload_only() {
    alone(async || {
        for (payload, count) in [(&b""[..], 300_000), (b"x", 100_000)] {
            let mut config = unbounded();
            config.limits.max_fragments = u32::MAX;
            let fragment = frame(0, payload);
            let len = fragment.len() * count;
            let first = frame(0x02, payload);
            let mut server = Endless::new(first, fragment, len, usize::MAX).open(config);
            let ((), peak) = peak_of(async { poll_in_vain(pin!(server.recv())) }).await;
            let allowed = 3 * payload.len() * count + BUFFERS + NOISE;
            assert!(peak <= allowed, "{peak} bytes for {count} fragments of {payload:?}");
        }
    });
}

/// A message that comes byte by byte costs its length, and takes time in proportion to it:
/// the test would not end otherwise.
#[test]
fn a_message_byte_by_byte_costs_its_length() {
    alone(async || {
        const LEN: usize = 200_000;
        let bytes = frame(0x82, &[7; LEN]);
        let len = bytes.len();
        let mut server = Endless::new(bytes, vec![0], len, 1).open(Config::server());
        let (message, peak) = peak_of(server.recv()).await;
        assert_eq!(message.unwrap().unwrap().as_binary().map(<[u8]>::len), Some(LEN));
        // A buffer that doubles, old and new at once.
        assert!(peak <= 3 * LEN + BUFFERS + NOISE, "{peak} bytes");
    });
}

/// While we cannot write, a flood of Pings costs one answer, and no more is read than
/// is handled.
#[test]
fn a_flood_of_pings_costs_nothing() {
    /// Takes nothing.
    struct Stuck(Endless);
    impl AsyncRead for Stuck {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }
    impl AsyncWrite for Stuck {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    alone(async || {
        let mut config = Config::server();
        config.limits.control_frames.burst = u32::MAX;
        config.limits.control_frames.per_second = u32::MAX;
        let ping = frame(0x89, &[7; 125]);
        let len = ping.len() * 20_000;
        let stuck = Stuck(Endless::new(vec![], ping, len, usize::MAX));
        let role = tidings_tokio::server::ServerRole;
        let mut server = tidings_tokio::WebSocket::from_handshaken(stuck, role, config, &[]);
        let ((), peak) = peak_of(async { poll_in_vain(pin!(server.recv())) }).await;
        assert!(peak <= BUFFERS + NOISE, "{peak} bytes for {len} of Pings");
    });
}

/// For a peer that takes nothing, the queue is bounded, and it is freed when the connection
/// ends.
#[test]
fn a_peer_that_takes_nothing_costs_the_queue() {
    alone(async || {
        let (near, _far) = tokio::io::duplex(KIB);
        let role = tidings_tokio::server::ServerRole;
        let mut server =
            tidings_tokio::WebSocket::from_handshaken(near, role, Config::server(), &[]);
        let before = HEAP.current_usage();
        let (sent, peak) = peak_of(async {
            loop {
                if let Err(error) = server.send(&[7; 10_000][..]).await {
                    break error;
                }
            }
        })
        .await;
        assert!(matches!(sent, Error::WriteTimeout(_)), "{sent:?}");
        // `send` waits at 64 KiB, and its buffer doubles.
        assert!(peak <= 3 * BUFFERS, "{peak} bytes");
        let _ = server.recv().await;
        drop(server);
        let kept = HEAP.current_usage().saturating_sub(before);
        assert!(kept <= BUFFERS + NOISE, "{kept} bytes stayed");
    });
}

/// A request line, a header, headers or line ends without end, byte by byte too: no more
/// is held than the limit of a head, and each byte is looked at once, or this would not end.
#[test]
fn a_head_without_end_costs_its_limit() {
    alone(async || {
        let endless: [(&str, &[u8]); 5] = [
            ("GET /", b"a"),
            (REQUEST, b"A: b\r\n"),
            ("", b"\r\n"),
            ("", b"\0"),
            ("GET / HTTP/1.1\r\nA:", b" "),
        ];
        for (first, again) in endless {
            for max_read_len in [1, usize::MAX] {
                let stream = Endless::new(first.into(), again.to_vec(), 10 * MIB, max_read_len);
                let (refused, peak) = peak_of(accept(stream, Config::server())).await;
                assert!(matches!(refused, Err(Error::Request(_))), "{refused:?}");
                // The head, a growing buffer of it, and the answer.
                assert!(peak <= 64 * KIB + NOISE, "{first:.20} {again:?}: {peak} bytes");
            }
        }
    });
}

/// Requests after the first are not read as requests, nor kept.
#[test]
fn pipelined_requests_are_not_queued() {
    alone(async || {
        let bad = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let stream = Endless::new(vec![], bad.to_vec(), MIB, usize::MAX);
        let (refused, peak) = peak_of(accept(stream, Config::server())).await;
        assert!(matches!(refused, Err(Error::Request(_))), "{refused:?}");
        assert!(peak <= 64 * KIB + NOISE, "{peak} bytes");
    });
}

/// A bomb costs the limit and the memory for inflating; not its full length.
#[test]
fn a_bomb_costs_the_limit() {
    alone(async || {
        let mut config = Config::server();
        config.compression = Some(Compression::default());
        let limit = usize::try_from(config.limits.max_message_len).unwrap();
        let bomb = deflate_bomb(64);
        let mut fragments = frame(0x42, b"");
        for fragment in bomb.chunks(100) {
            fragments.extend(frame(0, fragment));
        }
        for bytes in [frame(0xC2, &bomb), fragments] {
            let (mut server, mut far, _) = server(config, OFFER).await;
            far.write_all(&bytes).await.unwrap();
            drop(far);
            let (ended, peak) = peak_of(server.recv()).await;
            assert!(matches!(ended, Err(Error::Violation(_))), "{ended:?}");
            // A buffer that doubles, the window and the tables of the decompressor.
            assert!(peak <= 3 * limit + BUFFERS + 128 * KIB + NOISE, "{peak} bytes");
        }
    });
}

/// Connections that share the pools of a thread, their contexts and buffers. Each gets
/// its own bytes back, though others fail in the middle of theirs.
#[test]
fn no_bytes_cross_from_one_connection_to_another() {
    alone(async || {
        let mut config = Config::server();
        config.compression = Some(Compression::default());
        let mut pairs = Vec::new();
        for number in 0..20 {
            let (near, far) = tokio::io::duplex(MIB);
            let options = tidings_tokio::ConnectOptions::new().config(config);
            let (server, client) = tokio::join!(
                accept(near, config),
                client_handshake(far, "ws://example.com/", &options),
            );
            pairs.push((number, server.unwrap(), client.unwrap()));
        }
        for round in 0..10 {
            // An attacker that leaves half a compressed message, and garbage, in the pools.
            let (mut server, mut far, _) = server(config, OFFER).await;
            let secret = deflate_bomb(1);
            far.write_all(&header(0xC1, secret.len() as u64)).await.unwrap();
            far.write_all(&secret[..secret.len() / 2]).await.unwrap();
            poll_in_vain(pin!(server.recv()));
            drop(far);
            assert!(server.recv().await.is_err());

            for (number, server, client) in &mut pairs {
                let text = format!("{number} in round {round}, ").repeat(50 + 7 * *number);
                client.send(text.clone()).await.unwrap();
                let received = server.recv().await.unwrap().unwrap();
                assert_eq!(received, Message::text(text.clone()));
                server.send(received).await.unwrap();
                assert_eq!(client.recv().await.unwrap(), Some(Message::text(text)));
            }
        }
    });
}

/// The same at a client: an answer without end, and interim answers without end.
#[test]
fn an_answer_without_end_costs_its_limit() {
    alone(async || {
        for (first, again) in [
            ("HTTP/1.1 101 ", &b"a"[..]),
            ("HTTP/1.1 101 Switching Protocols\r\n", b"A: b\r\n"),
            ("", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
            ("HTTP/1.1 403 Forbidden\r\nContent-Length: 9223372036854775807\r\n\r\n", b"body"),
            ("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nbody\r\n"),
        ] {
            let stream = Endless::new(first.into(), again.to_vec(), 10 * MIB, usize::MAX);
            let options = tidings_tokio::ConnectOptions::new();
            let (failed, peak) = peak_of(client_handshake(stream, "ws://a/", &options)).await;
            assert!(failed.is_err());
            // A head, or 64 KiB of a body, in buffers that double.
            assert!(peak <= 320 * KIB + NOISE, "{first:?}: {peak} bytes");
        }
    });
}

/// An event stream whose line, data, ID, type or comment never ends.
#[cfg(feature = "sse")]
#[test]
fn an_event_without_end_costs_its_limit() {
    use tidings_tokio::sse::{EventStream, Limits};

    struct Chunks(Vec<u8>, usize);
    impl futures_util::Stream for Chunks {
        type Item = Result<Vec<u8>, std::convert::Infallible>;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.1 = match self.1.checked_sub(1) {
                Some(left) => left,
                None => return Poll::Ready(None),
            };
            Poll::Ready(Some(Ok(self.0.clone())))
        }
    }
    alone(async || {
        let limits = Limits::DEFAULT.max_line_len(64 * KIB).max_data_len(128 * KIB);
        for (first, again) in [
            (&b"data: "[..], &b"x"[..]),
            (b"", b"data: x\n"),
            (b"id: ", b"7"),
            (b"event: ", b"x"),
            (b":", b"x"),
            (b"", b"data\n"),
            (b"no such field", b"x"),
        ] {
            let first = [first, &again.repeat(1000)].concat();
            let decoder = tidings_sse::Decoder::with_limits(limits);
            let chunks = again.repeat(MIB / again.len());
            let source = futures_util::StreamExt::chain(Chunks(first, 1), Chunks(chunks, 16));
            let mut stream = EventStream::with_decoder(source, decoder);
            let (_, peak) = peak_of(async { while stream.next().await.is_some() {} }).await;
            // A chunk, and the part of the event kept in buffers that double; no more.
            assert!(peak <= MIB + 3 * 256 * KIB + NOISE, "{again:?}: {peak} bytes");
        }
    });
}
