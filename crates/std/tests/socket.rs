//! The adapter over real sockets and threads: batching, deadlines, ends, handshakes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::websocket::{Client as ClientOf, CloseStatus, SendError, Timeout, Violation};
use tidings_std::{
    ClientRole, CloseCode, Config, Connector, Error, LentMessage, Message, MessageKind,
    RandomMasks, ServerRole, Transport, Untimed, WebSocket, accept, accept_with,
};

/// TCP that counts.
#[derive(Debug)]
struct Counted {
    inner: TcpStream,
    writes: Arc<AtomicUsize>,
    timeouts_set: Arc<AtomicUsize>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.inner.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.inner.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Transport for Counted {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts_set.fetch_add(1, Ordering::Relaxed);
        self.inner.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts_set.fetch_add(1, Ordering::Relaxed);
        self.inner.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.inner.shutdown(Shutdown::Write)
    }
}

fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    for stream in [&near, &far] {
        stream.set_nodelay(true).unwrap();
    }
    (near, far)
}

type Server = WebSocket<Counted>;
type Client = WebSocket<TcpStream, ClientRole>;

fn server_on(inner: TcpStream, config: Config) -> Server {
    let counted = Counted { inner, writes: Arc::default(), timeouts_set: Arc::default() };
    WebSocket::from_handshaken(counted, ServerRole, config, &[])
}

fn client_on(stream: TcpStream) -> Client {
    let role = ClientOf::new(RandomMasks);
    WebSocket::from_handshaken(stream, role, Config::client(), &[])
}

fn pair_with(config: Config) -> (Server, Client) {
    let (near, far) = streams();
    (server_on(near, config), client_on(far))
}

fn pair() -> (Server, Client) {
    pair_with(Config::server())
}

fn echo<S: Transport>(mut socket: WebSocket<S>) -> Result<WebSocket<S>, Error> {
    while let Some(message) = socket.recv()? {
        socket.send(message)?;
    }
    Ok(socket)
}

const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn messages_of_both_types_go_both_ways() {
    let (server, mut client) = pair();
    let echo = thread::spawn(|| echo(server));
    for len in [0, 1, 125, 126, 8191, 8192, 65_535, 65_536, 200_000] {
        for message in [Message::text("é".repeat(len / 2)), Message::binary(vec![7; len])] {
            client.send(&message).unwrap();
            assert_eq!(client.recv().unwrap(), Some(message));
        }
    }
    client.close(CloseCode::NORMAL, "done").unwrap();
    let server = echo.join().unwrap().unwrap();
    assert!(client.closure().is_clean());
    assert_eq!(server.closure().received.reason(), "done");
    assert!(matches!(client.send("late"), Err(Error::Send(SendError::NotOpen))));
    assert_eq!(client.recv().unwrap(), None);
}

/// The rule of `WebSocket`: sixteen messages in one read are answered by one write, by the
/// natural loop, and nothing stays behind. And no timeout is set for each message.
#[test]
fn the_natural_loop_answers_one_read_with_one_write() {
    let (server, mut client) = pair();
    for number in 0..16 {
        client.feed(format!("message {number}")).unwrap();
    }
    client.flush().unwrap();
    let writes = Arc::clone(&server.get_ref().writes);
    let timeouts_set = Arc::clone(&server.get_ref().timeouts_set);
    let echo = thread::spawn(|| echo(server));
    for number in 0..16 {
        assert_eq!(client.recv().unwrap(), Some(format!("message {number}").into()));
    }
    assert_eq!(writes.load(Ordering::Relaxed), 1);

    // One message a read: written at once, without a further `recv` by anyone.
    let before = timeouts_set.load(Ordering::Relaxed);
    assert!(before <= 3, "{before}");
    for _ in 0..100 {
        client.send("alone").unwrap();
        assert_eq!(client.recv().unwrap(), Some("alone".into()));
    }
    let after = timeouts_set.load(Ordering::Relaxed);
    assert!(after - before <= 2, "{before} {after}");
    client.close(CloseCode::NORMAL, "").unwrap();
    echo.join().unwrap().unwrap();
}

/// Queued replies go out before the Close of a violation; the error says what it was.
#[test]
fn what_was_queued_goes_out_before_the_close_of_a_violation() {
    let (near, mut far) = streams();
    let mut server = server_on(near, Config::server());
    far.write_all(&[MASKED_HELLO, b"\x81\x00"].concat()).unwrap();
    let peer = thread::spawn(move || {
        let mut written = Vec::new();
        far.read_to_end(&mut written).unwrap();
        written
    });
    let message = server.recv().unwrap().unwrap();
    server.send(message).unwrap();
    let ended = server.recv();
    assert!(matches!(ended, Err(Error::Violation(Violation::UnmaskedFrame))), "{ended:?}");
    assert_eq!(peer.join().unwrap(), b"\x81\x05Hello\x88\x12\x03\xeaframe not masked");
    assert_eq!(server.recv().unwrap(), None, "an error is reported once");
    assert_eq!(server.closure().received, CloseStatus::Missing);
}

/// W-111, V-67: an end without Close is an error of the transport, and 1006.
#[test]
fn a_peer_that_vanishes_is_a_disconnect() {
    let (mut server, client) = pair();
    drop(client);
    let error = server.recv().unwrap_err();
    assert!(error.is_disconnect(), "{error}");
    assert_eq!(server.closure().received.code(), 1006);
    assert_eq!(server.recv().unwrap(), None);
}

/// Giving up in the middle of frames, again and again, loses nothing.
#[test]
fn a_recv_that_times_out_loses_nothing() {
    let (near, mut far) = streams();
    let mut server = server_on(near, Config::server());
    let peer = thread::spawn(move || {
        for byte in MASKED_HELLO.iter().chain(MASKED_HELLO) {
            far.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(7));
        }
        far
    });
    let (mut received, mut timed_out) = (0, 0);
    while received < 2 {
        match server.recv_timeout(Duration::from_millis(3)) {
            Ok(message) => {
                assert_eq!(message, Some("Hello".into()));
                received += 1;
            }
            Err(Error::Io(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                timed_out += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(timed_out > 5, "{timed_out}");
    drop(peer.join().unwrap());
    // Not bounded any more, so the end is seen.
    assert!(server.recv().unwrap_err().is_disconnect());
}

#[test]
fn a_recv_timeout_is_kept_and_the_connection_goes_on() {
    let (mut server, mut client) = pair();
    server.set_recv_timeout(Some(Duration::from_millis(60)));
    for _ in 0..2 {
        let begun = Instant::now();
        let error = server.recv().unwrap_err();
        assert!(matches!(&error, Error::Io(io) if io.kind() == io::ErrorKind::TimedOut), "{error}");
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(60), "{took:?}");
    }
    server.send("still here").unwrap();
    assert_eq!(client.recv().unwrap(), Some("still here".into()));
    client.send("me too").unwrap();
    assert_eq!(server.recv().unwrap(), Some("me too".into()));
}

fn impatient() -> Config {
    let mut config = Config::server();
    config.timeouts.ping_interval = Duration::from_millis(80);
    config.timeouts.pong = Duration::from_millis(500);
    config.timeouts.message = Duration::from_millis(200);
    config.timeouts.closing = Duration::from_millis(100);
    config.write_timeout = Duration::from_millis(300);
    config
}

/// V-67, F-07: a peer that says nothing at all is pinged, then closed, by a `recv` that waits.
#[test]
fn a_silent_peer_is_given_up() {
    let (near, mut far) = streams();
    let mut server = server_on(near, impatient());
    let begun = Instant::now();
    let error = server.recv().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Pong)), "{error}");
    let took = begun.elapsed();
    // The interval give or take a tenth, the pong, a second of draining.
    assert!(took >= Duration::from_millis(1150), "{took:?}");
    drop(server);
    let mut written = Vec::new();
    far.read_to_end(&mut written).unwrap_or_default();
    assert!(written.starts_with(b"\x89\x08"), "{written:?}");
    assert!(written.ends_with(b"no pong in time"), "{written:?}");
}

/// A peer that answers pings stays, with no message at all; one that does not end its message goes.
#[test]
fn a_quiet_peer_stays_but_a_message_must_end() {
    let (mut server, mut client) = pair_with(impatient());
    let quiet = thread::spawn(move || {
        let received = client.recv();
        (client, received)
    });
    let error = server.recv_timeout(Duration::from_millis(600)).unwrap_err();
    assert!(matches!(&error, Error::Io(io) if io.kind() == io::ErrorKind::TimedOut), "{error}");
    assert!(server.round_trip_time().is_some());
    server.send("wake up").unwrap();
    let (mut client, received) = quiet.join().unwrap();
    assert_eq!(received.unwrap(), Some("wake up".into()));

    let mut writer = client.writer(MessageKind::Text).unwrap();
    writer.write_all(b"never").unwrap();
    writer.flush().unwrap();
    let answering = thread::spawn(move || client.recv());
    let error = server.recv().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Message)), "{error}");
    answering.join().unwrap().unwrap();
}

/// W-098: a peer that does not answer our Close is left after a while.
#[test]
fn a_close_that_is_not_answered_ends() {
    let (near, _far) = streams();
    let mut server = server_on(near, impatient());
    let begun = Instant::now();
    let error = server.close(CloseCode::NORMAL, "").unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Closing)), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// V-09, F-08: a peer that takes nothing makes `send` wait, and is given up after a while.
#[test]
fn a_peer_that_reads_nothing_is_given_up() {
    let (near, _far) = streams();
    let mut config = impatient();
    config.timeouts = tidings_std::websocket::Timeouts::server();
    let mut server = server_on(near, config);
    let error = loop {
        let begun = Instant::now();
        if let Err(error) = server.send(Message::binary(vec![0; 100_000])) {
            let took = begun.elapsed();
            assert!(took >= Duration::from_millis(300), "{took:?}");
            break error;
        }
    };
    assert!(matches!(error, Error::WriteTimeout(_)), "{error}");
}

/// V-09, P-07: what may be queued is bounded, exactly.
#[test]
fn feeding_is_refused_when_the_queue_is_full() {
    let mut config = Config::server();
    config.write_queue_len_max = 1000;
    let (mut server, mut client) = pair_with(config);
    server.feed(&[7; 996][..]).unwrap(); // 1000 with its header
    let refused = server.feed("one more");
    assert!(matches!(refused, Err(Error::QueueFull { len: 1000, len_max: 1000 })), "{refused:?}");
    server.flush().unwrap();
    server.feed("now").unwrap();
    server.flush().unwrap();
    assert_eq!(client.recv().unwrap().unwrap().as_binary(), Some(&[7; 996][..]));
    assert_eq!(client.recv().unwrap(), Some("now".into()));
}

/// Both ends have more to write than the sockets hold: each `recv` writes while it reads.
#[test]
fn two_ends_that_both_have_much_to_say_do_not_wait_for_each_other() {
    const COUNT: usize = 300;
    let mut config = Config::server();
    config.write_queue_len_max = usize::MAX;
    let (near, far) = streams();
    let mut server = server_on(near, config);
    let role = ClientOf::new(RandomMasks);
    let mut client = WebSocket::from_handshaken(far, role, config, &[]);
    let payload = vec![7; 100_000];
    for _ in 0..COUNT {
        server.feed(payload.as_slice()).unwrap();
        client.feed(payload.as_slice()).unwrap();
    }
    let serving = thread::spawn(move || {
        for _ in 0..COUNT {
            assert_eq!(server.recv().unwrap().unwrap().as_binary().unwrap().len(), 100_000);
        }
        server.flush().unwrap();
        server
    });
    for _ in 0..COUNT {
        assert_eq!(client.recv().unwrap().unwrap().as_binary().unwrap().len(), 100_000);
    }
    client.flush().unwrap();
    serving.join().unwrap();
}

/// On a nonblocking socket nothing waits and nothing is lost.
#[test]
fn a_nonblocking_socket_goes_on_where_it_stopped() {
    let (mut server, mut client) = pair();
    server.get_ref().inner.set_nonblocking(true).unwrap();
    let is_not_now =
        |error: &Error| matches!(error, Error::Io(io) if io.kind() == io::ErrorKind::WouldBlock);
    assert!(is_not_now(&server.recv().unwrap_err()));
    client.send("hello").unwrap();
    let mut polls = 0;
    loop {
        match server.recv() {
            Ok(message) => break assert_eq!(message, Some("hello".into())),
            Err(error) => assert!(is_not_now(&error), "{error}"),
        }
        polls += 1;
        assert!(polls < 10_000);
        thread::sleep(Duration::from_millis(1));
    }
    // More than the sockets hold, and nobody reads before that shows.
    let large = vec![7; 16_000_000];
    let (first_block, blocked_once) = std::sync::mpsc::channel();
    let reading = thread::spawn(move || {
        blocked_once.recv().unwrap();
        let mut reader = client.recv_reader().unwrap().unwrap();
        let mut len = 0;
        while let Some(piece) = reader.piece().unwrap() {
            len += piece.len();
        }
        drop(reader);
        (len, client.recv())
    });
    let mut writer = server.writer(MessageKind::Binary).unwrap();
    let mut rest = &large[..];
    while !rest.is_empty() {
        match writer.write(rest) {
            Ok(len) => rest = &rest[len..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let _ = first_block.send(());
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
    writer.finish().unwrap();
    server.start_close(CloseCode::NORMAL, "");
    while let Err(error) = server.close(CloseCode::NORMAL, "") {
        assert!(is_not_now(&error), "{error}");
        thread::sleep(Duration::from_millis(1));
    }
    let (len, ended) = reading.join().unwrap();
    assert_eq!((len, ended.unwrap()), (16_000_000, None));
}

/// A lent message is sent while it is lent, from where it is.
#[test]
fn a_lent_message_is_echoed() {
    let (mut server, mut client) = pair();
    let echo = thread::spawn(move || {
        let (mut receiver, mut sender) = server.halves();
        let mut borrowed = 0;
        while let Some(message) = receiver.recv(&mut sender)? {
            if matches!(&message, LentMessage::Text(text) if matches!(text, std::borrow::Cow::Borrowed(_)))
            {
                borrowed += 1;
            }
            sender.send(message)?;
        }
        Ok::<_, Error>(borrowed)
    });
    for text in ["short", "grün", &"x".repeat(100_000)] {
        client.send(text).unwrap();
        assert_eq!(client.recv().unwrap(), Some(text.into()));
    }
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(echo.join().unwrap().unwrap() >= 2);
}

#[test]
fn messages_go_in_pieces() {
    let (mut server, mut client) = pair();
    let serving = thread::spawn(move || {
        {
            let mut reader = server.recv_reader().unwrap().unwrap();
            assert_eq!(reader.kind(), MessageKind::Binary);
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len(), 500_000);
            assert!(reader.piece().unwrap().is_none());
        }
        {
            // Dropped early: the rest of it is passed over.
            let mut reader = server.recv_reader().unwrap().unwrap();
            reader.read_exact(&mut [0; 10]).unwrap();
        }
        assert_eq!(server.recv().unwrap(), Some("next".into()));
        let mut writer = server.writer(MessageKind::Text).unwrap();
        let error = writer.write(&[0xFF]).unwrap_err();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert!(matches!(inner, Some(Error::NotUtf8(_))), "{error}");
        // Nothing of it was sent, so another may begin. Nobody finishes that one.
        let mut writer = server.writer(MessageKind::Binary).unwrap();
        writer.write_all(b"bytes").unwrap();
        assert!(matches!(server.send("no"), Err(Error::MessageUnfinished)));
        assert!(server.recv().unwrap().is_none());
    });
    for len in [500_000, 200_000] {
        let mut writer = client.writer(MessageKind::Binary).unwrap();
        writer.write_all(&vec![9; len]).unwrap();
        writer.finish().unwrap();
    }
    client.send("next").unwrap();
    client.close(CloseCode::NORMAL, "").unwrap();
    serving.join().unwrap();
}

#[test]
fn bytes_go_through_a_byte_stream() {
    let (server, client) = pair();
    let serving = thread::spawn(move || {
        let mut bytes = server.into_byte_stream();
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).unwrap();
        all
    });
    let mut bytes = client.into_byte_stream();
    let sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    bytes.write_all(&sent).unwrap();
    bytes.flush().unwrap();
    bytes.into_inner().close(CloseCode::NORMAL, "").unwrap();
    assert!(serving.join().unwrap() == sent);

    let (server, mut client) = pair();
    client.send("text").unwrap();
    let error = server.into_byte_stream().read(&mut [0; 4]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_as_good() {
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    let serving = thread::spawn(move || echo(accept(near, Config::server())?));
    let mut client = Connector::new().handshake(far, "ws://localhost/").unwrap();
    client.send("over unix").unwrap();
    assert_eq!(client.recv().unwrap(), Some("over unix".into()));
    client.close(CloseCode::NORMAL, "").unwrap();
    serving.join().unwrap().unwrap();
}

#[test]
fn a_stream_without_timeouts_works_too() {
    let (near, far) = streams();
    let serving = thread::spawn(move || echo(accept(Untimed(near), Config::server())?).map(drop));
    let mut client = Connector::new().handshake(Untimed(far), "ws://localhost/").unwrap();
    client.send("untimed").unwrap();
    assert_eq!(client.recv().unwrap(), Some("untimed".into()));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(client.closure().is_clean());
    serving.join().unwrap().unwrap();
}

/// W-042, W-043: the hook decides by path and chooses among what was offered.
#[test]
fn the_hook_accepts_or_rejects() {
    use tidings_std::handshake::{Acceptance, Rejection, ServerRequest};
    fn decide<'r>(request: &ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>> {
        match request.path() {
            "/chat" => request
                .accept()
                .subprotocol(request.choose_subprotocol(&["chat.v2", "chat.v1"]))
                .map_err(|_| Rejection::forbidden("")),
            _ => Err(Rejection::not_found("no WebSocket here\n")),
        }
    }
    let connector = Connector::new().subprotocols(["other", "chat.v1", "chat.v2"]);
    let (near, far) = streams();
    let serving = thread::spawn(|| accept_with(near, Config::server(), decide));
    let client = connector.handshake(far, "ws://a/chat?room=1").unwrap();
    assert_eq!(client.subprotocol(), Some("chat.v2"));
    assert_eq!(serving.join().unwrap().unwrap().subprotocol(), Some("chat.v2"));

    let (near, far) = streams();
    let serving = thread::spawn(|| accept_with(near, Config::server(), decide));
    match connector.handshake(far, "ws://a/elsewhere") {
        Err(Error::Declined(declined)) => {
            assert_eq!(declined.status, 404);
            assert_eq!(declined.body_start, b"no WebSocket here\n");
        }
        other => panic!("{other:?}"),
    }
    let refused = serving.join().unwrap();
    assert!(matches!(refused, Err(Error::Refused { status: 404 })), "{refused:?}");
}

/// W-031, W-124: what is no handshake is answered as such, and told apart from the application.
#[test]
fn a_request_that_is_no_handshake_gets_its_status() {
    let evil = REQUEST.replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n");
    for (request, status) in [
        ("nonsense\r\n\r\n", "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 "),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 "),
        (&evil, "HTTP/1.1 403 "),
    ] {
        let (near, mut far) = streams();
        let serving = thread::spawn(|| accept(near, Config::server()));
        far.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        far.read_to_string(&mut answer).unwrap();
        drop(far);
        assert!(answer.starts_with(status), "{request:?}: {answer}");
        let refused = serving.join().unwrap();
        assert!(matches!(refused, Err(Error::Request(_) | Error::Refused { status: 403 })));
    }
}

/// W-049, F-02: frames that come with the handshake, and one byte at a time, are not lost.
#[test]
fn frames_behind_the_handshake_are_received() {
    let bytes = [REQUEST.as_bytes(), MASKED_HELLO].concat();
    for piece_len in [bytes.len(), 1] {
        let (near, mut far) = streams();
        let serving = thread::spawn(|| accept(near, Config::server())?.recv());
        for piece in bytes.chunks(piece_len) {
            far.write_all(piece).unwrap();
        }
        assert_eq!(serving.join().unwrap().unwrap(), Some("Hello".into()));
    }
}

/// F-09, V-43: one deadline for the whole handshake, however slowly it trickles.
#[test]
fn a_slow_handshake_is_given_up_as_a_whole() {
    let mut config = Config::server();
    config.handshake_timeout = Duration::from_millis(200);
    let (near, mut far) = streams();
    let begun = Instant::now();
    let serving = thread::spawn(move || accept(near, config));
    for byte in REQUEST.as_bytes() {
        if far.write_all(&[*byte]).is_err() || begun.elapsed() > Duration::from_secs(2) {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let error = serving.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");

    // A server that says nothing.
    let (_near, far) = streams();
    let begun = Instant::now();
    let error = Connector::new().config(config).handshake(far, "ws://a/").unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

/// W-005: a bad URI fails before anything is sent.
#[test]
fn a_bad_uri_fails_before_any_byte() {
    for uri in ["http://a/", "ws://", "ws://a/#x", "ws://a b/", "ws://user@a/", "ws://a:99999/"] {
        let (mut near, far) = streams();
        let error = Connector::new().handshake(far, uri).unwrap_err();
        assert!(matches!(error, Error::Uri(_)), "{uri}: {error}");
        let mut sent = Vec::new();
        near.read_to_end(&mut sent).unwrap();
        assert_eq!(sent, b"");
    }
}

/// A client of this crate and a server of the other: they speak the same.
#[test]
fn a_thread_talks_to_a_task() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let config = Config::server(); // the same type
            let mut socket = tidings_tokio::accept(stream, config).await.unwrap();
            while let Some(message) = socket.recv().await.unwrap() {
                socket.send(message).await.unwrap();
            }
            socket.closure()
        })
    });
    let mut client = tidings_std::connect(&uri).unwrap();
    for number in 0..100 {
        client.feed(format!("message {number}")).unwrap();
    }
    for number in 0..100 {
        assert_eq!(client.recv().unwrap(), Some(format!("message {number}").into()));
    }
    client.close(CloseCode::NORMAL, "done").unwrap();
    assert_eq!(serving.join().unwrap().received.reason(), "done");
}
