//! Two machines over a transport with faults: however it reads, writes and waits, the sent and
//! received messages are the same, or it ends as lost (W-100).

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use tidings_testkit::{Counters, Fault, FaultTransport, Faults, Keys, Lie, for_seeds};
use tidings_websocket::frame::{CloseCode, CloseFrame, ControlPayload, Frame};
use tidings_websocket::{
    Assembled, Assembler, Client, CloseInfo, Connection, Data, Event, Limits, Role, Server,
    Timeouts, Timestamp, Transmit,
};

/// The smallest adapter there can be, over a nonblocking transport.
struct Adapter<R> {
    connection: Connection<R>,
    transport: FaultTransport,
    assembler: Assembler,
    out: Vec<u8>,
    shutdown_is_due: bool,
    is_down: bool,
    /// The peer's stream has ended, or the transport is lost.
    has_ended: bool,
    error: Option<ErrorKind>,
    seen: Vec<String>,
    echoes: bool,
}

impl<R: Role> Adapter<R> {
    fn new(role: R, transport: FaultTransport, echoes: bool) -> Self {
        let now = Timestamp::default();
        Self {
            connection: Connection::new(role, Limits::server(), Timeouts::server(), now),
            transport,
            assembler: Assembler::new(),
            out: Vec::new(),
            shutdown_is_due: false,
            is_down: false,
            has_ended: false,
            error: None,
            seen: Vec::new(),
            echoes,
        }
    }

    /// Reads once, writes once; an operation that has to wait is tried again in the next turn.
    fn turn(&mut self) {
        let mut buffer = [0; 64];
        if !self.has_ended {
            match self.transport.read(&mut buffer) {
                Ok(0) => self.end(None),
                // A transport that lies about its buffer is not trusted.
                Ok(len) => match buffer.get_mut(..len) {
                    Some(bytes) => self.receive(bytes),
                    None => self.end(Some(ErrorKind::InvalidData)),
                },
                Err(error) => self.failed(&error),
            }
        }
        self.transmit();
        if !self.out.is_empty() {
            match self.transport.write(&self.out) {
                Ok(len) if len == 0 || len > self.out.len() => self.end(Some(ErrorKind::WriteZero)),
                Ok(len) => drop(self.out.drain(..len)),
                Err(error) => self.failed(&error),
            }
        } else if self.shutdown_is_due && !self.is_down {
            match self.transport.shutdown(Shutdown::Write) {
                Ok(()) => self.is_down = true,
                Err(error) => self.failed(&error),
            }
        }
        if self.is_done() {
            self.transport = FaultTransport::pair(0).0; // the old one is closed
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            self.end(Some(error.kind()));
        }
    }

    /// Without an error the peer only will not send any more; with one all is lost.
    fn end(&mut self, error: Option<ErrorKind>) {
        self.has_ended = true;
        self.connection.receive_eof();
        if error.is_some() {
            self.error = self.error.or(error);
            self.transmit();
            self.out.clear();
            self.is_down = true;
        }
    }

    fn receive(&mut self, mut input: &mut [u8]) {
        while let Some(event) = self.connection.receive(Timestamp::default(), &mut input) {
            match self.assembler.push(event, self.connection.announced_rest_len()) {
                Assembled::Incomplete => {}
                Assembled::Message(message) => {
                    self.seen.push(format!("{message:?}"));
                    if self.echoes {
                        let reply = format!("{message:?}");
                        self.send(Data::text(&reply));
                    }
                }
                // Of several Pings the last is answered: their number depends on the reads.
                Assembled::Other(Event::Pong(_)) => {}
                Assembled::Other(other) => self.seen.push(format!("{other:?}")),
            }
        }
    }

    fn send(&mut self, data: Data<'_>) {
        if let Ok(frame) = self.connection.send(data) {
            append(&frame, &mut self.out);
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.connection.poll_transmit() {
            match transmit {
                Transmit::Frame(frame) => self.out.extend_from_slice(frame.as_bytes()),
                Transmit::Shutdown => self.shutdown_is_due = true,
            }
        }
    }

    fn is_done(&self) -> bool {
        self.is_down && self.has_ended
    }
}

fn append(frame: &Frame<'_>, out: &mut Vec<u8>) {
    let mut bytes = vec![0; frame.encoded_len()];
    frame.encode_into(&mut bytes).unwrap();
    out.extend(bytes);
}

/// The results of both sides, and the calls to their transports.
#[derive(Debug, PartialEq)]
struct Talk {
    seen: [Vec<String>; 2],
    closures: [CloseInfo; 2],
    errors: [Option<ErrorKind>; 2],
}

/// A client says a few things and closes; a server answers messages.
fn talk(client_faults: Faults, server_faults: Faults) -> (Talk, [Counters; 2]) {
    let (near, far) = FaultTransport::pair(100);
    let counters = [near.counters_later(), far.counters_later()];
    let role = Client::new(Keys::new(1));
    let mut client = Adapter::new(role, near.with(client_faults), false);
    let mut server = Adapter::new(Server, far.with(server_faults), true);

    client.send(Data::text("Hello"));
    client.send(Data::binary(b"in ").more());
    let ping = client.connection.ping(ControlPayload::new(b"?").unwrap()).unwrap();
    client.out.extend_from_slice(ping.as_bytes());
    client.send(Data::binary(b"two"));
    client.send(Data::text(&"long ".repeat(40)));
    let mut closing = false;
    for _ in 0..10_000 {
        client.turn();
        server.turn();
        if client.seen.len() == 3 && !closing {
            closing = true;
            let close = CloseFrame::new(CloseCode::NORMAL, "done");
            client.connection.close(Timestamp::default(), Some(close));
        }
        if client.is_done() && server.is_done() {
            let talk = Talk {
                seen: [client.seen, server.seen],
                closures: [client.connection.close_info(), server.connection.close_info()],
                errors: [client.error, server.error],
            };
            return (talk, counters.map(|counters| counters()));
        }
    }
    panic!("the talk does not end");
}

/// The talk without faults, and how many calls and bytes each side has.
fn honest() -> (Talk, [Counters; 2]) {
    let (talk, counters) = talk(Faults::none(), Faults::none());
    assert_eq!(talk.errors, [None, None]);
    assert!(talk.closures.iter().all(CloseInfo::is_clean));
    assert_eq!([talk.seen[0].len(), talk.seen[1].len()], [4, 5]);
    (talk, counters)
}

/// W-100.
#[test]
fn short_reads_and_writes_change_nothing() {
    let (expected, bytes) = honest();
    for len in [1, 2, 3, 7, 13] {
        let faults = || Faults::none().reads_of(len).writes_of(len);
        let (found, counters) = talk(faults(), faults());
        assert_eq!(found, expected, "{len} bytes at once");
        for (counters, bytes) in counters.iter().zip(&bytes) {
            assert_eq!(counters.bytes_written, bytes.bytes_written, "{len} bytes at once");
        }
    }
}

/// W-100: each call blocks or is interrupted once, and each two.
#[test]
fn a_blocked_or_interrupted_call_changes_nothing() {
    let (expected, counters) = honest();
    let calls = counters.iter().map(Counters::calls).max().unwrap() + 2;
    for fault in [Fault::Block, Fault::Interrupt] {
        for i in 0..calls {
            let faults = || Faults::none().at(i, fault);
            assert_eq!(talk(faults(), Faults::none()).0, expected, "{fault:?} at {i}");
            assert_eq!(talk(Faults::none(), faults()).0, expected, "{fault:?} at {i}");
            for j in 0..i {
                let both = || faults().at(j, Fault::Block);
                assert_eq!(talk(both(), Faults::none()).0, expected, "{fault:?} at {i}, {j}");
                assert_eq!(talk(faults(), both()).0, expected, "{fault:?} at {i}, {j}");
            }
        }
    }
}

/// with everything at once.
#[test]
fn random_faults_change_nothing() {
    let (expected, _) = honest();
    for_seeds(0..200, |random| {
        let client = Faults::none().random(random.clone());
        let server = Faults::none().random(tidings_testkit::Random::new(random.number()));
        assert_eq!(talk(client, server).0, expected);
    });
}

/// W-111: a reset after every byte, read or written, at either side. The received messages
/// are a beginning of those without the reset; both sides end.
#[test]
fn a_reset_at_every_byte_loses_only_what_came_after() {
    let (expected, counters) = honest();
    let reset = |at, reads, is_client| {
        let faults = match reads {
            true => Faults::none().reset_after_reading(at),
            false => Faults::none().reset_after_writing(at),
        };
        match is_client {
            true => talk(faults, Faults::none()).0,
            false => talk(Faults::none(), faults).0,
        }
    };
    for (is_client, counters) in [true, false].into_iter().zip(&counters) {
        for (reads, len) in [(true, counters.bytes_read), (false, counters.bytes_written)] {
            for at in 0..len {
                let found = reset(at, reads, is_client);
                for ((seen, expected), close_info) in
                    found.seen.iter().zip(&expected.seen).zip(&found.closures)
                {
                    assert!(expected.starts_with(seen), "{at}: {seen:?}");
                    let heard_close = seen.last().is_some_and(|last| last.starts_with("Close"));
                    assert_eq!(close_info.received.code() == 1006, !heard_close, "{at}: {seen:?}");
                }
                assert!(found.errors.contains(&Some(ErrorKind::ConnectionReset)), "{at}");
            }
        }
    }
}

/// A transport that lies is an error, and nothing is read that was not there.
#[test]
fn a_lie_of_the_transport_ends_the_connection() {
    let (expected, counters) = honest();
    for lie in [Lie::TooMany, Lie::Nothing] {
        for call in 0..counters[0].calls() {
            let (found, _) = talk(Faults::none().at(call, Fault::Lie(lie)), Faults::none());
            for (seen, expected) in found.seen.iter().zip(&expected.seen) {
                assert!(expected.starts_with(seen), "{lie:?} at {call}: {seen:?}");
            }
        }
    }
}
