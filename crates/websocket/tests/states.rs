//! Every state that a few inputs lead to, for both roles: all output is legal, nothing follows the
//! end, and a silent peer ends the connection.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use tidings_testkit::{Keys, Wire};
use tidings_websocket::frame::{
    CloseCode, CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Frame, MaskingKey,
};
use tidings_websocket::{
    Client, Connection, Data, Event, Limits, Role, Server, Timeout, Timeouts, Timestamp, Transmit,
};

/// An input of a connection.
#[derive(Clone, Copy, Debug)]
enum Input {
    Message,
    FirstFragment,
    LastFragment,
    Ping,
    Pong,
    Close,
    CloseWithoutCode,
    Violation,
    BadText,
    HalfHeader,
    HalfPayload,
    Eof,
    SendMessage,
    SendFragment,
    SendPing,
    SendClose,
    Transmit,
    Timer,
    LateTimer,
}

const INPUTS: [Input; 19] = [
    Input::Message,
    Input::FirstFragment,
    Input::LastFragment,
    Input::Ping,
    Input::Pong,
    Input::Close,
    Input::CloseWithoutCode,
    Input::Violation,
    Input::BadText,
    Input::HalfHeader,
    Input::HalfPayload,
    Input::Eof,
    Input::SendMessage,
    Input::SendFragment,
    Input::SendPing,
    Input::SendClose,
    Input::Transmit,
    Input::Timer,
    Input::LateTimer,
];

/// A connection on its way through some inputs.
struct Walk<R> {
    connection: Connection<R>,
    now: Timestamp,
    peer_masks: bool,
    wire: Wire,
    shutdowns: u32,
    is_over: bool,
}

impl<R: Role> Walk<R> {
    fn new(role: R, is_client: bool, timeouts: Timeouts) -> Self {
        let now = Timestamp::default();
        let connection = Connection::new(role, Limits::server(), timeouts, now);
        let wire = Wire::new(is_client);
        Self { connection, now, peer_masks: !is_client, wire, shutdowns: 0, is_over: false }
    }

    fn apply(&mut self, input: Input) {
        match input {
            Input::Message => self.receive_frame(Frame::data(DataOpcode::Text, b"whole")),
            Input::FirstFragment => self.receive_frame(Frame::fragment(DataOpcode::Binary, b"1")),
            Input::LastFragment => self.receive_frame(Frame::data(DataOpcode::Continuation, b"2")),
            Input::Ping => self.receive_control(ControlOpcode::Ping, b"?"),
            Input::Pong => self.receive_control(ControlOpcode::Pong, &1u64.to_be_bytes()),
            Input::Close => self.receive_control(ControlOpcode::Close, b"\x03\xE8"),
            Input::CloseWithoutCode => self.receive_control(ControlOpcode::Close, b""),
            Input::Violation => self.receive(&[0xFF]),
            Input::BadText => self.receive_frame(Frame::data(DataOpcode::Text, b"a\xFF")),
            Input::HalfHeader => self.receive(&[0x81]),
            Input::HalfPayload => {
                let bytes = self.encoded(Frame::data(DataOpcode::Text, b"half"));
                self.receive(bytes.get(..bytes.len() - 2).unwrap());
            }
            Input::Eof => {
                self.connection.receive_eof();
                self.is_over = true;
            }
            Input::SendMessage => self.send(Data::text("text")),
            Input::SendFragment => self.send(Data::text("text").more()),
            Input::SendPing => {
                if let Ok(ping) = self.connection.ping(ControlPayload::EMPTY) {
                    self.written(ping.as_bytes());
                }
            }
            Input::SendClose => {
                let close = CloseFrame::new(CloseCode::GOING_AWAY, "bye");
                self.connection.close(self.now, Some(close));
            }
            Input::Transmit => self.transmit(),
            Input::Timer => self.timer(Duration::ZERO),
            Input::LateTimer => self.timer(Duration::from_secs(3600)),
        }
    }

    fn encoded(&self, frame: Frame<'_>) -> Vec<u8> {
        let key = MaskingKey::new([1, 2, 3, 4]);
        let frame = if self.peer_masks { frame.with_masking_key(key) } else { frame };
        let mut bytes = vec![0; frame.encoded_len()];
        frame.encode_into(&mut bytes).unwrap();
        bytes
    }

    fn receive_frame(&mut self, frame: Frame<'_>) {
        self.receive(&self.encoded(frame));
    }

    fn receive_control(&mut self, opcode: ControlOpcode, payload: &[u8]) {
        self.receive_frame(Frame::control(opcode, &ControlPayload::new(payload).unwrap()));
    }

    fn receive(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Some(event) = self.connection.receive(self.now, &mut input) {
            assert!(!self.is_over, "{event:?} after the end");
            self.is_over = matches!(event, Event::Close(_) | Event::Violation(_));
        }
        assert!(input.is_empty());
        assert_eq!(self.connection.is_receiving(), !self.is_over);
    }

    fn send(&mut self, data: Data<'_>) {
        let was_open = self.connection.is_open();
        match self.connection.send(data) {
            Ok(frame) => {
                let mut bytes = vec![0; frame.encoded_len()];
                frame.encode_into(&mut bytes).unwrap();
                assert!(was_open);
                self.written(&bytes);
            }
            Err(_) => assert!(!was_open),
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.connection.poll_transmit() {
            match transmit {
                Transmit::Frame(frame) => self.written(frame.as_bytes()),
                Transmit::Shutdown => self.shutdowns += 1,
            }
        }
        assert_eq!(self.connection.is_finished(), self.shutdowns == 1);
    }

    fn written(&mut self, bytes: &[u8]) {
        assert_eq!(self.shutdowns, 0, "bytes after Shutdown");
        self.wire.push(bytes).unwrap();
    }

    /// Sleeps until the next deadline, and this much longer.
    fn timer(&mut self, late: Duration) {
        if let Some(due) = self.connection.poll_timeout() {
            self.now = self.now.max(due).after(late);
            self.is_over |= self.connection.handle_timeout(self.now).is_some();
        }
    }

    /// The peer says nothing more: how many timers it takes until all is over.
    fn timers_until_finished(&mut self, late: Duration) -> u32 {
        let mut timers = 0;
        self.transmit();
        while !self.connection.is_finished() {
            assert!(self.connection.poll_timeout().is_some(), "no deadline is armed");
            self.timer(late);
            self.transmit();
            timers += 1;
            assert!(timers <= 4, "it does not come to an end");
        }
        // Nothing happens after the end.
        assert_eq!(self.connection.poll_timeout(), None);
        assert_eq!(self.connection.handle_timeout(self.now.after(Duration::MAX)), None);
        assert_eq!(self.connection.poll_transmit(), None);
        for input in INPUTS {
            self.apply(input);
        }
        assert_eq!(self.shutdowns, 1);
        timers
    }
}

/// Runs every sequence of this many inputs; returns the most timers that a silent peer takes after
/// it.
fn walk_all(depth: u32) -> u32 {
    let mut most = 0;
    let count = u32::try_from(INPUTS.len()).unwrap();
    for sequence in 0..count.pow(depth) {
        let inputs: Vec<Input> = (0..depth)
            .map(|place| sequence / count.pow(place) % count)
            .map(|input| *INPUTS.get(usize::try_from(input).unwrap()).unwrap())
            .collect();
        let shown = ShownOnPanic { inputs: &inputs };
        for late in [Duration::ZERO, Duration::from_secs(30), Duration::from_secs(3600)] {
            let mut server = Walk::new(Server, false, Timeouts::server());
            let mut client = Walk::new(Client::new(Keys::new(1)), true, Timeouts::client());
            for input in &inputs {
                server.apply(*input);
                client.apply(*input);
            }
            most = most.max(server.timers_until_finished(late));
            most = most.max(client.timers_until_finished(late));
        }
        drop(shown);
    }
    most
}

struct ShownOnPanic<'a> {
    inputs: &'a [Input],
}

impl Drop for ShownOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {:?}", self.inputs);
        }
    }
}

/// W-086, W-098, W-108, W-110: a Ping, one more if the timer was late, then the
/// failure.
#[test]
fn from_every_state_a_silent_peer_is_given_up() {
    assert_eq!(walk_all(0), 3);
    assert!(walk_all(1) <= 3);
    assert!(walk_all(2) <= 3);
}

/// The same after longer sequences.
#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_from_every_state_a_silent_peer_is_given_up() {
    assert!(walk_all(3) <= 3);
    assert!(walk_all(4) <= 3);
}

/// Without any time for the Pong the failure follows the Ping, and nothing spins.
#[test]
fn no_time_for_the_pong_is_a_timeout_at_once() {
    let mut timeouts = Timeouts::server();
    timeouts.pong = Duration::ZERO;
    for late in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(1)] {
        let mut walk = Walk::new(Server, false, timeouts);
        assert!(walk.timers_until_finished(late) <= 3);
    }
}

/// A clock that stops, repeats or goes back fails nobody and ends nothing early.
#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let at = |seconds| Timestamp::from_epoch(Duration::from_secs(seconds));
    let start = at(7200);
    let (limits, timeouts) = (Limits::server(), Timeouts::server());
    let mut connection = Connection::new(Server, limits, timeouts, start);
    let receive = |connection: &mut Connection<Server>, now| {
        let mut ping = *b"\x89\x80\x01\x02\x03\x04";
        assert!(matches!(connection.receive(now, &mut &mut ping[..]), Some(Event::Ping(_))));
        while connection.poll_transmit().is_some() {}
    };
    for seconds in [7200, 7200, 3600, 0, 3600, 7199] {
        assert_eq!(connection.handle_timeout(at(seconds)), None);
        receive(&mut connection, at(seconds));
        assert_eq!(connection.poll_timeout(), Some(at(7225)), "the deadline stays where it was");
    }
    assert!(connection.is_open() && connection.is_receiving());
    // Forward by an hour: a Ping, not a failure; the peer answers in time.
    assert_eq!(connection.handle_timeout(at(10_800)), None);
    receive(&mut connection, at(10_801));
    assert_eq!(connection.poll_timeout(), Some(at(10_821)));
    assert_eq!(connection.handle_timeout(at(10_821)), Some(Timeout::Pong));
}

/// A peer that sends a frame byte by byte, each just in time, is given up after a minute, be
/// it a header or the payload of a control frame.
#[test]
fn a_slow_control_frame_must_end_in_time() {
    let mut walk = Walk::new(Server, false, Timeouts::server());
    let ping = ControlPayload::new(&[b'x'; 125]).unwrap();
    let bytes = walk.encoded(Frame::control(ControlOpcode::Ping, &ping));
    for byte in bytes {
        walk.receive(&[byte]);
        let next = walk.now.after(Duration::from_secs(19));
        while walk.connection.poll_timeout().is_some_and(|due| due <= next) {
            walk.timer(Duration::ZERO);
            walk.transmit();
        }
        walk.now = next;
        if walk.connection.is_finished() {
            break;
        }
    }
    let lived = walk.now.since(Timestamp::default());
    assert!(lived < Duration::from_secs(120), "it lived {lived:?} inside one Ping");
}
