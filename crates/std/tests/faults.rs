//! The adapter over a nonblocking transport that fails in every way, at every call and byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use tidings_std::websocket::{Client as ClientOf, CloseStatus, frame::ControlPayload};
use tidings_std::{
    CloseCode, Config, Error, Message, Transport, WebSocket, message::MessageKind,
    server::ServerRole,
};
use tidings_testkit::{Counters, Fault, FaultTransport, Faults, Keys, Lie, for_seeds};

struct Faulty(FaultTransport);

impl Read for Faulty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Transport for Faulty {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

/// The view of one end.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    events: Vec<Message>,
    /// `None`: not at the end. Otherwise the result of the end.
    end: Option<Result<(), String>>,
    is_disconnect: bool,
    close_received: Option<CloseStatus>,
}

impl Seen {
    /// Receives the available messages, and passes them to `on_message`.
    fn step<R: tidings_std::websocket::Role>(
        &mut self,
        socket: &mut WebSocket<Faulty, R>,
        mut on_message: impl FnMut(&mut WebSocket<Faulty, R>, &Message) -> Result<(), Error>,
    ) {
        while self.end.is_none() {
            let received = socket.recv().and_then(|message| {
                if let Some(message) = &message {
                    // A received message counts, whatever happens to the answer.
                    self.events.push(message.clone());
                    on_message(socket, message)?;
                }
                Ok(message)
            });
            match received {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(Some(_)) => {}
                Ok(None) => self.end = Some(Ok(())),
                Err(error) => {
                    self.is_disconnect = error.is_disconnect();
                    self.end = Some(Err(error.to_string()));
                    // If it was a `send` that failed, what was read ahead comes first, and who receives
                    // is told once.
                    while let Ok(Some(message)) = socket.recv() {
                        self.events.push(message);
                    }
                    let again = socket.recv();
                    assert!(matches!(again, Ok(None)), "{error}, then {again:?}");
                }
            }
        }
        self.close_received = Some(socket.close_info().received);
    }
}

fn config() -> Config {
    let mut config = Config::server();
    config.deliver_control_frames = true;
    config
}

/// The messages that the client sends before it closes.
fn samples() -> Vec<Message> {
    vec![
        Message::text("Hello"),
        Message::text("κόσμε"),
        Message::binary(vec![7; 300]),
        Message::ping(ControlPayload::new(b"?").unwrap()),
        Message::text(""),
    ]
}

/// A client exchanges messages with an echoing server whose transport has faults. All on one
/// thread, so that the calls come in the same order in each run. Also returns the server's calls to
/// its transport.
fn talk(faults: Faults) -> (Seen, Seen, Counters) {
    let (near, far) = FaultTransport::pair(200);
    let counters = near.counters_later();
    let near = Faulty(near.with(faults));
    let mut server = Some(WebSocket::from_handshaken(near, ServerRole, config(), &[]));
    let mut client =
        WebSocket::from_handshaken(Faulty(far), ClientOf::new(Keys::new(1)), config(), &[]);
    for message in samples() {
        client.feed(message).unwrap();
    }
    let mut writer = client.writer(MessageKind::Text).unwrap();
    for piece in ["in ", "pieces é"] {
        writer.write_all(piece.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    let (mut served, mut answered) = (Seen::default(), Seen::default());
    for _ in 0..20_000 {
        answered.step(&mut client, |client, message| {
            if message.as_text() == Some("in pieces é") {
                client.start_close(CloseCode::NORMAL, "bye");
            }
            Ok(())
        });
        if let Some(socket) = &mut server {
            served.step(socket, |server, message| match message {
                Message::Text(_) | Message::Binary(_) => server.send(message),
                _ => Ok(()),
            });
        }
        if served.end.is_some() {
            server = None;
        }
        if served.end.is_some() && answered.end.is_some() {
            break;
        }
    }
    (served, answered, counters())
}

/// Pongs may overtake messages, so they are looked at apart.
fn data(events: &[Message]) -> Vec<&Message> {
    events.iter().filter(|event| matches!(event, Message::Text(_) | Message::Binary(_))).collect()
}

fn expected_data() -> Vec<Message> {
    let mut expected = samples();
    expected.retain(|message| !matches!(message, Message::Ping(_)));
    expected.push(Message::text("in pieces é"));
    expected
}

/// Short reads, short writes, blocked and interrupted calls change nothing.
#[track_caller]
fn assert_all_went_well((served, answered, _): &(Seen, Seen, Counters), case: &str) {
    for seen in [served, answered] {
        assert_eq!(seen.end, Some(Ok(())), "{case}: {seen:?}");
        assert_eq!(data(&seen.events), expected_data().iter().collect::<Vec<_>>(), "{case}");
        assert_eq!(seen.close_received.map(|close| close.code()), Some(1000), "{case}");
    }
    let pongs = answered.events.iter().filter(|event| matches!(event, Message::Pong(_)));
    assert_eq!(pongs.count(), 1, "{case}");
}

#[test]
fn without_faults_all_goes_well() {
    assert_all_went_well(&talk(Faults::none()), "no faults");
}

/// W-100
#[test]
fn short_reads_and_writes_change_nothing() {
    for len in [1, 2, 3, 7] {
        assert_all_went_well(&talk(Faults::none().reads_of(len)), "short reads");
        assert_all_went_well(&talk(Faults::none().writes_of(len)), "short writes");
        assert_all_went_well(&talk(Faults::none().reads_of(len).writes_of(1)), "both");
    }
}

#[test]
fn a_call_that_blocks_or_is_interrupted_is_made_again() {
    for small in [Faults::none(), Faults::none().reads_of(9).writes_of(9)] {
        let calls = talk(small.clone()).2.calls();
        assert!(calls > 5, "{calls}");
        for call in 0..calls {
            for fault in [Fault::Block, Fault::Interrupt] {
                let faults = small.clone().at(call, fault).at(call + 1, fault);
                assert_all_went_well(&talk(faults), &format!("{fault:?} in call {call}"));
            }
        }
    }
}

#[test]
fn all_of_it_at_random_changes_nothing() {
    for_seeds(0..60, |random| {
        assert_all_went_well(&talk(Faults::none().random(random.clone())), "at random");
    });
}

/// The received messages are a beginning of the sent ones, and the end is reported precisely.
#[track_caller]
fn assert_cut(served: &Seen, case: &str) {
    let expected = expected_data();
    let data = data(&served.events);
    assert!(
        data.len() <= expected.len() && data.iter().zip(&expected).all(|(a, b)| *a == b),
        "{case}: {served:?}"
    );
    match &served.end {
        // Only after the whole closing handshake, or its half that counts.
        Some(Ok(())) => {
            assert_eq!(data.len(), expected.len(), "{case}");
            assert_eq!(served.close_received.map(|close| close.code()), Some(1000), "{case}");
        }
        Some(Err(_)) => assert!(served.is_disconnect, "{case}: {served:?}"),
        None => panic!("{case}: no end"),
    }
}

/// W-111: the connection is reset, or ends, at every byte.
#[test]
fn a_connection_that_is_cut_at_any_byte_is_a_disconnect() {
    let (served, _, counters) = talk(Faults::none());
    assert_eq!(served.end, Some(Ok(())));
    for at in 0..=counters.bytes_read {
        let faults = Faults::none().reads_of(10);
        for (name, faults) in [
            ("reset", faults.clone().reset_after_reading(at)),
            ("end", faults.clone().eof_after_reading(at)),
        ] {
            assert_cut(&talk(faults).0, &format!("{name} after reading {at}"));
        }
    }
    for at in 0..=counters.bytes_written {
        let faults = Faults::none().writes_of(10).reset_after_writing(at);
        assert_cut(&talk(faults).0, &format!("reset after writing {at}"));
    }
}

/// A transport that claims the impossible is not trusted.
#[test]
fn a_transport_that_lies_is_an_error() {
    for call in 0..talk(Faults::none()).2.calls() {
        for lie in [Lie::TooMany, Lie::Nothing] {
            let (served, answered, _) = talk(Faults::none().at(call, Fault::Lie(lie)));
            // No panic and no message that was not sent; a read of nothing is an end.
            let expected = expected_data();
            for seen in [&served, &answered] {
                let data = data(&seen.events);
                assert!(data.iter().zip(&expected).all(|(a, b)| *a == b), "{call}: {seen:?}");
                assert!(seen.end.is_some(), "{call}");
            }
        }
    }
}

/// Messages sent to a full nonblocking stream are queued up to 64 KiB, then refused
/// untouched.
#[test]
fn a_full_queue_refuses_what_it_cannot_take() {
    let (near, far) = FaultTransport::pair(100);
    let mut server = WebSocket::from_handshaken(Faulty(near), ServerRole, config(), &[]);
    let mut client =
        WebSocket::from_handshaken(Faulty(far), ClientOf::new(Keys::new(1)), config(), &[]);
    let mut sent = 0;
    loop {
        match server.send(format!("{sent} {}", "x".repeat(1000))) {
            Ok(()) => sent += 1,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((60..80).contains(&sent), "{sent}");
    assert!(server.wants_write());
    let mut received = 0;
    while received < sent {
        match client.recv() {
            Ok(message) => {
                let expected = format!("{received} {}", "x".repeat(1000));
                assert_eq!(message.unwrap().as_text(), Some(&*expected));
                received += 1;
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                server.flush().unwrap_or_default();
            }
            Err(error) => panic!("{error}"),
        }
    }
    server.flush().unwrap();
    assert!(!server.wants_write());
    assert!(server.time_left().unwrap() > Duration::from_secs(20));
}

/// A large payload goes to the transport from where it is; if that fails, both learn why.
#[test]
fn a_direct_write_that_fails_is_reported_to_who_sends_and_to_who_receives() {
    let (near, _far) = FaultTransport::pair(100);
    let near = Faulty(near.with(Faults::none().at(0, Fault::Reset)));
    let mut server = WebSocket::from_handshaken(near, ServerRole, config(), &[]);
    let error = server.send(&*"x".repeat(10_000)).unwrap_err();
    assert!(error.is_disconnect(), "{error}");
    let error = server.recv().unwrap_err();
    assert!(error.is_disconnect(), "{error}");
    assert!(matches!(server.recv(), Ok(None)));
    assert!(server.send("more").unwrap_err().is_disconnect());
}
