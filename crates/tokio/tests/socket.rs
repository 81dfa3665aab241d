//! The adapter over an in-memory transport, under a paused clock: order of bytes, batching,
//! deadlines, ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tidings_tokio::websocket::{CloseStatus, Timeout, Violation};
use tidings_tokio::{
    CloseCode, Config, ConnectOptions, Error, Message, WebSocket, accept, accept_with,
    client::ClientRole, client::client_handshake,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::{Instant, timeout};

type Server = WebSocket<Counted>;
type Client = WebSocket<DuplexStream, ClientRole>;

/// A transport that counts calls and may return one byte a read.
#[derive(Debug)]
struct Counted {
    inner: DuplexStream,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    max_read_len: usize,
}

impl Counted {
    fn new(inner: DuplexStream) -> Self {
        Self { inner, reads: Arc::default(), writes: Arc::default(), max_read_len: usize::MAX }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut bytes = vec![0; self.max_read_len.min(buf.remaining())];
        let mut limited = ReadBuf::new(&mut bytes);
        let polled = Pin::new(&mut self.inner).poll_read(cx, &mut limited);
        buf.put_slice(limited.filled());
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A connected pair of ours, with room for `len` bytes in flight.
async fn pair_with_room(len: usize) -> (Server, Client) {
    let (near, far) = tokio::io::duplex(len);
    let options = ConnectOptions::new();
    let (server, client) = tokio::join!(
        accept(Counted::new(near), Config::server()),
        client_handshake(far, "ws://example.com/chat", &options),
    );
    (server.unwrap(), client.unwrap())
}

async fn pair() -> (Server, Client) {
    pair_with_room(1 << 20).await
}

/// A server of ours and the bare transport to it, for peers that do as they please.
async fn server_and_transport() -> (Server, DuplexStream) {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let request = "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    far.write_all(request.as_bytes()).await.unwrap();
    let server = accept(Counted::new(near), Config::server()).await.unwrap();
    let mut response = vec![0; 129];
    far.read_exact(&mut response).await.unwrap();
    assert!(response.ends_with(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"), "{response:?}");
    (server, far)
}

const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

#[tokio::test(start_paused = true)]
async fn messages_of_both_types_go_both_ways() {
    let (mut server, mut client) = pair().await;
    for message in [Message::text("grün 😀"), Message::binary(vec![0; 70_000]), Message::text("")]
    {
        client.send(message.clone()).await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some(message.clone()));
        server.send(message.clone()).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some(message));
    }
}

/// The rule of `WebSocket`: sixteen messages in one read are answered by one write, by the natural
/// loop, and nothing stays queued.
#[tokio::test(start_paused = true)]
async fn the_natural_loop_answers_one_read_with_one_write() {
    let (mut server, mut client) = pair().await;
    for number in 0..16 {
        client.feed(format!("message {number}")).unwrap();
    }
    client.flush().await.unwrap();
    let (reads, writes) =
        (Arc::clone(&server.get_ref().reads), Arc::clone(&server.get_ref().writes));
    let (reads_before, writes_before) =
        (reads.load(Ordering::Relaxed), writes.load(Ordering::Relaxed));

    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await? {
            server.send(message).await?;
        }
        Ok::<_, Error>(())
    });
    for number in 0..16 {
        let message = client.recv().await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(&*format!("message {number}")));
    }
    assert_eq!(writes.load(Ordering::Relaxed) - writes_before, 1);
    assert!(reads.load(Ordering::Relaxed) - reads_before <= 2);

    // One message a read: written at once, without a further `recv` by anyone.
    client.send("alone").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("alone".into()));
    client.close(CloseCode::NORMAL, "").await.unwrap();
    echo.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_borrowed_loop_answers_one_read_with_one_write() {
    let (mut server, mut client) = pair().await;
    for number in 0..16 {
        client.feed(format!("message {number}")).unwrap();
    }
    client.flush().await.unwrap();
    let writes = Arc::clone(&server.get_ref().writes);
    let writes_before = writes.load(Ordering::Relaxed);

    let echo = tokio::spawn(async move {
        let (mut receiver, mut sender) = server.split();
        while let Some(message) = receiver.recv(&mut sender).await? {
            sender.send(message).await?;
        }
        Ok::<_, Error>(())
    });
    for number in 0..16 {
        let message = client.recv().await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(&*format!("message {number}")));
    }
    assert_eq!(writes.load(Ordering::Relaxed) - writes_before, 1);
    client.close(CloseCode::NORMAL, "").await.unwrap();
    echo.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_sent_while_nothing_is_buffered_is_written_before_send_returns() {
    let (mut server, mut client) = pair().await;
    server.send("first").await.unwrap();
    // Nobody polls the server any more.
    assert_eq!(client.recv().await.unwrap(), Some("first".into()));
}

/// A flush, or a send that flushes, in the middle of received messages loses none of them.
#[tokio::test(start_paused = true)]
async fn flushing_between_buffered_messages_loses_none() {
    let (mut server, mut client) = pair().await;
    for number in 0..10 {
        client.feed(format!("{number}")).unwrap();
    }
    client.flush().await.unwrap();
    for number in 0..10 {
        assert_eq!(server.recv().await.unwrap(), Some(format!("{number}").into()));
        server.feed("answer").unwrap();
        server.flush().await.unwrap();
    }
}

/// One byte a read, in the handshake too.
#[tokio::test(start_paused = true)]
async fn one_byte_a_read_changes_nothing() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let near = Counted { max_read_len: 1, ..Counted::new(near) };
    let options = ConnectOptions::new();
    let (server, client) = tokio::join!(
        accept(near, Config::server()),
        client_handshake(far, "ws://example.com/", &options),
    );
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    client.send("κόσμε").await.unwrap();
    client.feed("second").unwrap();
    client.start_close(CloseCode::NORMAL, "bye");
    client.flush().await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("κόσμε".into()));
    assert_eq!(server.recv().await.unwrap(), Some("second".into()));
    let (ended, answered) = tokio::join!(server.recv(), client.recv());
    assert_eq!((ended.unwrap(), answered.unwrap()), (None, None));
    assert_eq!(server.close_info().received.reason(), "bye");
}

/// W-049: frames that come with the handshake are not lost, on either side.
#[tokio::test(start_paused = true)]
async fn frames_after_the_handshake_are_received() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    far.write_all(&[request.as_bytes(), MASKED_HELLO].concat()).await.unwrap();
    let mut server = accept(near, Config::server()).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("Hello".into()));

    let (near, far) = tokio::io::duplex(1 << 16);
    let answering = tokio::spawn(answer_handshake(near, b"\x81\x05early"));
    let mut client = client_handshake(far, "ws://a/", &ConnectOptions::new()).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("early".into()));
    drop(answering);
}

/// A server by hand: the right Accept, and these bytes in the same write.
async fn answer_handshake(mut stream: DuplexStream, after: &[u8]) -> DuplexStream {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut request).await.unwrap();
    }
    let request = String::from_utf8(request).unwrap();
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = tidings_tokio::handshake::Key::parse(key.as_bytes()).unwrap().accept();
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept.as_str()
    );
    stream.write_all(&[response.as_bytes(), after].concat()).await.unwrap();
    stream
}

/// Queued replies go out before the Close of a violation; the error has the violation.
#[tokio::test(start_paused = true)]
async fn what_was_queued_goes_out_before_the_close_of_a_violation() {
    let (mut server, mut far) = server_and_transport().await;
    far.write_all(&[MASKED_HELLO, b"\x81\x00"].concat()).await.unwrap();
    let message = server.recv().await.unwrap().unwrap();
    server.send(message).await.unwrap();
    let (ended, written) = tokio::join!(server.recv(), async {
        let mut written = Vec::new();
        far.read_to_end(&mut written).await.unwrap();
        far.shutdown().await.unwrap();
        written
    });
    assert!(matches!(ended, Err(Error::Violation(Violation::UnmaskedFrame))), "{ended:?}");
    assert_eq!(written, b"\x81\x05Hello\x88\x12\x03\xeaframe not masked");
    assert_eq!(server.recv().await.unwrap(), None, "an error is reported once");
    assert_eq!(server.close_info().received, CloseStatus::Missing);
    let sent = server.send("late").await;
    assert!(
        matches!(sent, Err(Error::Violation(Violation::UnmaskedFrame))),
        "the reason: {sent:?}"
    );
}

/// W-092, W-093: of pings and messages in one read, each gets its answer in order.
#[tokio::test(start_paused = true)]
async fn a_pong_goes_out_before_the_echo_of_a_later_message() {
    let (mut server, mut transport) = server_and_transport().await;
    let mut sent = Vec::new();
    for number in b'0'..b'4' {
        sent.extend([0x89, 0x81, 0, 0, 0, 0, number, 0x81, 0x81, 0, 0, 0, 0, number]);
    }
    transport.write_all(&sent).await.unwrap();
    for _ in 0..4 {
        let message = server.recv().await.unwrap().unwrap();
        server.send(message).await.unwrap();
    }
    server.flush().await.unwrap();
    let mut received = vec![0; 4 * 6];
    transport.read_exact(&mut received).await.unwrap();
    let expected = (b'0'..b'4').flat_map(|number| [0x8A, 1, number, 0x81, 1, number]);
    assert_eq!(received, expected.collect::<Vec<u8>>());
}

/// W-088, W-106, W-107: the server hangs up at once when both sides have sent a Close.
#[tokio::test(start_paused = true)]
async fn a_closing_handshake_ends_both_sides_without_waiting() {
    let (mut server, mut client) = pair().await;
    let start = Instant::now();
    let (served, closed) =
        tokio::join!(server.recv(), client.close(CloseCode::new(4001).unwrap(), "enough"));
    assert_eq!(served.unwrap(), None);
    closed.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(server.close_info().received.code(), 4001);
    assert_eq!(server.close_info().received.reason(), "enough");
    assert_eq!(client.close_info().received.code(), 4001);
    assert!(server.close_info().is_clean() && client.close_info().is_clean());
}

/// W-098: messages that the peer sent before its Close are still delivered to a side that is
/// closing.
#[tokio::test(start_paused = true)]
async fn messages_on_their_way_arrive_while_closing() {
    let (mut server, mut client) = pair().await;
    server.send("one").await.unwrap();
    server.send("two").await.unwrap();
    client.start_close(CloseCode::NORMAL, "");
    assert_eq!(client.recv().await.unwrap(), Some("one".into()));
    assert_eq!(client.recv().await.unwrap(), Some("two".into()));
    let (ended, served) = tokio::join!(client.recv(), server.recv());
    assert_eq!((ended.unwrap(), served.unwrap()), (None, None));
}

/// W-111: an end without Close is an error of the transport, and 1006.
#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_is_a_disconnect() {
    let (mut server, client) = pair().await;
    drop(client);
    let error = server.recv().await.unwrap_err();
    assert!(error.is_disconnect(), "{error}");
    assert_eq!(server.close_info().received.code(), 1006);
    assert_eq!(server.recv().await.unwrap(), None);
}

/// A peer that says nothing at all is pinged, then closed.
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up() {
    let (mut server, mut far) = server_and_transport().await;
    let start = Instant::now();
    let error = server.recv().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Pong)), "{error}");
    // 25 s give or take a tenth, 20 s for the pong, 1 s of draining.
    let took = start.elapsed().as_secs_f64();
    assert!((43.4..48.6).contains(&took), "{took}");
    let mut written = Vec::new();
    far.read_to_end(&mut written).await.unwrap_or_default();
    assert!(written.starts_with(b"\x89\x08"), "{written:?}");
    assert!(written.ends_with(b"no pong in time"), "{written:?}");
}

/// A peer that answers pings lives for ever, with no message at all.
#[tokio::test(start_paused = true)]
async fn a_quiet_peer_that_answers_pings_stays() {
    let (mut server, mut client) = pair().await;
    let quiet = async { tokio::join!(server.recv(), client.recv()) };
    assert!(timeout(Duration::from_secs(3600), quiet).await.is_err(), "both still wait");
    assert!(server.round_trip_time().is_some() && client.round_trip_time().is_some());
}

/// A peer that takes nothing makes `send` wait, and is given up after a while.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_given_up() {
    let (mut server, _client) = pair_with_room(4096).await;
    let start = Instant::now();
    let error = loop {
        if let Err(error) = server.send(Message::binary(vec![0; 1000])).await {
            break error;
        }
    };
    assert!(matches!(error, Error::WriteTimeout(_)), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

/// A `send` and a `recv` that are dropped while waiting lose nothing and tear nothing.
#[tokio::test(start_paused = true)]
async fn dropped_futures_lose_nothing() {
    let (mut server, mut client) = pair_with_room(64).await;
    let long = "x".repeat(1000);
    let dropped = timeout(Duration::from_millis(1), server.send(long.as_str())).await;
    assert!(dropped.is_err(), "64 bytes of room cannot take it");
    for _ in 0..3 {
        assert!(timeout(Duration::from_millis(1), server.recv()).await.is_err());
    }
    let (sent, received) = tokio::join!(server.send("after"), async {
        let mut received = Vec::new();
        while received.len() < 2 {
            // Given up again and again, in the middle of frames.
            if let Ok(message) = timeout(Duration::from_micros(10), client.recv()).await {
                received.push(message.unwrap().unwrap());
            }
        }
        received
    });
    sent.unwrap();
    assert_eq!(received, [Message::text(long), Message::text("after")]);
}

/// W-042, W-043: the hook decides by path and chooses among the offered subprotocols.
#[tokio::test(start_paused = true)]
async fn the_hook_accepts_or_rejects() {
    use tidings_tokio::handshake::{Acceptance, Rejection, ServerRequest};
    fn decide<'r>(request: &ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>> {
        match request.path() {
            "/chat" => request
                .accept()
                .subprotocol(request.choose_subprotocol(&["chat.v2", "chat.v1"]))
                .map_err(|_| Rejection::forbidden("")),
            _ => Err(Rejection::not_found("no WebSocket here\n")),
        }
    }
    let options = ConnectOptions::new().subprotocols(["other", "chat.v1", "chat.v2"]);

    let (near, far) = tokio::io::duplex(4096);
    let (server, client) = tokio::join!(
        accept_with(near, Config::server(), decide),
        client_handshake(far, "ws://a/chat?room=1", &options),
    );
    assert_eq!(server.unwrap().subprotocol(), Some("chat.v2"));
    assert_eq!(client.unwrap().subprotocol(), Some("chat.v2"));

    let (near, far) = tokio::io::duplex(4096);
    let (server, client) = tokio::join!(
        accept_with(near, Config::server(), decide),
        client_handshake(far, "ws://a/elsewhere", &options),
    );
    assert!(matches!(server, Err(Error::Refused { status: 404 })), "{server:?}");
    match client {
        Err(Error::Declined(declined)) => {
            assert_eq!(declined.status, 404);
            assert_eq!(declined.body_start, b"no WebSocket here\n");
        }
        other => panic!("{other:?}"),
    }
}

/// W-031, W-124: a request that is not a handshake is answered as such, and distinguished from a
/// rejection by the application.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_a_handshake_gets_its_status() {
    let cases: [(&str, &str); 4] = [
        ("nonsense\r\n\r\n", "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 "),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 "),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Origin: https://evil.example\r\n\r\n",
            "HTTP/1.1 403 ",
        ),
    ];
    for (request, status) in cases {
        let (near, mut far) = tokio::io::duplex(4096);
        let answer = async {
            far.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            far.read_to_string(&mut answer).await.unwrap();
            far.shutdown().await.unwrap();
            answer
        };
        let (server, answer) = tokio::join!(accept(near, Config::server()), answer);
        assert!(matches!(server, Err(Error::Request(_) | Error::Refused { status: 403 })));
        assert!(answer.starts_with(status), "{request:?}: {answer}");
    }
}

/// One deadline for the whole handshake, however slowly it trickles.
#[tokio::test(start_paused = true)]
async fn a_slow_handshake_is_given_up_as_a_whole() {
    let (near, mut far) = tokio::io::duplex(4096);
    let start = Instant::now();
    let trickle = tokio::spawn(async move {
        for byte in b"GET / HTTP/1.1\r\nHost: example.com\r\n".iter().cycle() {
            if far.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let error = accept(near, Config::server()).await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    trickle.abort();

    let (_near, far) = tokio::io::duplex(4096);
    let error = client_handshake(far, "ws://a/", &ConnectOptions::new()).await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
}

/// W-005: a bad URI fails before anything is sent.
#[tokio::test(start_paused = true)]
async fn a_bad_uri_fails_before_any_byte() {
    for uri in ["http://a/", "ws://", "ws://a/#x", "ws://a b/", "ws://user@a/", "ws://a:99999/"] {
        let (mut near, far) = tokio::io::duplex(4096);
        let error = client_handshake(far, uri, &ConnectOptions::new()).await.unwrap_err();
        assert!(matches!(error, Error::Uri(_)), "{uri}: {error}");
        let mut sent = Vec::new();
        near.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, b"");
    }
}

/// A transport that claims more than it was given is not trusted.
#[tokio::test]
async fn a_lying_transport_is_an_error() {
    struct Liar;
    impl AsyncRead for Liar {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    impl AsyncWrite for Liar {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len() + 1))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let mut socket =
        WebSocket::from_handshaken(Liar, tidings_tokio::server::ServerRole, Config::server(), &[]);
    let error = socket.send("x").await.unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
}
