//! A `Connection` in any situation: as server or client, with any bytes, frames, commands and times
//! in any order. A second connection gets the same, its bytes one at a time, and must not differ. A
//! model checks that every frame sent was pending. At the end a plain reader compares the received
//! bytes with the events, and a peer reads everything that was written.
//!
//! Input: a byte for role, limits, timeouts and whether the peer may compress, then the steps, each a byte and its arguments.

mod expected;
mod log;
mod model;
mod script;

use arbitrary::{Arbitrary, Result, Unstructured};
use core::time::Duration;
use tidings_websocket::{
    Client, Connection, ControlFrameRate, Event, Limits, Role, SendError, Server, Timeouts,
    Timestamp, Transmit,
};

use log::Log;
use model::Model;
use script::Step;

/// Runs the steps.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let settings = u8::arbitrary(&mut input).unwrap_or_default();
    let result = if settings & 1 == 0 {
        drive(|| Server, settings, &mut input)
    } else {
        let masks = || {
            let mut key = 0x5EED_0000_u32;
            move || {
                key = key.wrapping_add(0x0101_0307);
                key.to_be_bytes()
            }
        };
        drive(|| Client::new(masks()), settings, &mut input)
    };
    result.expect("the end of the input reads as zeros");
}

fn drive<R: Role>(role: impl Fn() -> R, settings: u8, input: &mut Unstructured<'_>) -> Result<()> {
    let is_server = settings & 1 == 0;
    let (limits, timeouts) = (limits(settings >> 1 & 3), timeouts(settings >> 3 & 3));
    let mut now = Timestamp::default();
    let may_compress = settings & 32 != 0;
    let new = || {
        let connection = Connection::new(role(), limits, timeouts, Timestamp::default());
        if may_compress { connection.allow_compression() } else { connection }
    };
    let mut whole = Side { connection: new(), log: Log::default() };
    let mut bytewise = Side { connection: new(), log: Log::default() };
    let mut model = Model::new(is_server);
    let mut received = Vec::new();

    while !input.is_empty() {
        match Step::take(input, is_server, may_compress)? {
            Step::Receive(bytes) => {
                if whole.connection.is_receiving() {
                    received.extend_from_slice(&bytes);
                }
                whole.receive(now, [&bytes[..]]);
                bytewise.receive(now, bytes.chunks(1));
                model.received(&mut whole.log);
                bytewise.log.take_news();
            }
            Step::Send(message) => {
                let data = message.as_data();
                let expected = model.may_send(&message);
                let sent = whole.connection.send(data);
                assert_eq!(sent, bytewise.connection.send(data));
                assert_eq!(sent.err(), expected);
                if let Ok(frame) = sent {
                    let mut bytes = vec![0; frame.encoded_len()];
                    assert_eq!(frame.encode_into(&mut bytes), Ok(bytes.len()));
                    model.sent_data(&bytes);
                }
            }
            Step::Ping(payload) => {
                let sent = whole.connection.ping(payload);
                assert_eq!(sent, bytewise.connection.ping(payload));
                assert_eq!(sent.err(), (!model.is_open()).then_some(SendError::NotOpen));
                sent.into_iter().for_each(|frame| model.sent_control(frame.as_bytes()));
            }
            Step::Pong(payload) => {
                let sent = whole.connection.pong(payload);
                assert_eq!(sent, bytewise.connection.pong(payload));
                assert_eq!(sent.err(), (!model.is_open()).then_some(SendError::NotOpen));
                sent.into_iter().for_each(|frame| model.sent_control(frame.as_bytes()));
            }
            Step::Close(close) => {
                whole.connection.close(now, close);
                bytewise.connection.close(now, close);
                model.close_asked(close);
            }
            Step::EndOfInput => {
                whole.connection.receive_eof();
                bytewise.connection.receive_eof();
                model.ended();
            }
            Step::TransmitOne => {
                transmit(&mut whole, &mut bytewise, &mut model);
            }
            Step::TransmitAll => transmit_all(&mut whole, &mut bytewise, &mut model),
            Step::Wait(time) => now = now.after(time),
            Step::WaitForDeadline(late) => {
                if let Some(deadline) = whole.connection.poll_timeout() {
                    // Deadlines that are never met stand centuries away.
                    if deadline.since(now) < Duration::from_secs(3600) {
                        now = now.max(deadline).after(late);
                    }
                }
            }
        }
        handle_timeouts(&mut whole, &mut bytewise, now, &mut model);
        whole.assert_same(&bytewise);
        model.assert_states(&whole.connection);
    }
    transmit_all(&mut whole, &mut bytewise, &mut model);
    whole.assert_same(&bytewise);
    model.assert_states(&whole.connection);
    whole.log.assert_is(&expected::read(&received, is_server, may_compress, limits));
    model.read_as_peer();
    Ok(())
}

/// One connection and its log.
struct Side<R> {
    connection: Connection<R>,
    log: Log,
}

impl<R: Role> Side<R> {
    fn receive<'a>(&mut self, now: Timestamp, slices: impl IntoIterator<Item = &'a [u8]>) {
        for slice in slices {
            let mut bytes = slice.to_vec();
            let mut input = &mut bytes[..];
            while let Some(event) = self.connection.receive(now, &mut input) {
                let is_last = matches!(event, Event::Close(_) | Event::Violation(_));
                self.log.push(event);
                assert_eq!(self.connection.is_receiving(), !is_last);
            }
            assert!(input.is_empty(), "all input is taken");
        }
    }

    fn assert_same(&self, other: &Self) {
        assert_eq!(self.log, other.log, "byte by byte it is something else");
        let (one, other) = (&self.connection, &other.connection);
        assert_eq!(one.poll_timeout(), other.poll_timeout());
        assert_eq!(one.close_info(), other.close_info());
        assert_eq!(one.round_trip_time(), other.round_trip_time());
        assert_eq!(
            (one.is_open(), one.is_receiving(), one.is_finished()),
            (other.is_open(), other.is_receiving(), other.is_finished())
        );
    }
}

fn transmit<R: Role>(whole: &mut Side<R>, bytewise: &mut Side<R>, model: &mut Model) -> bool {
    let transmit = whole.connection.poll_transmit();
    assert_eq!(transmit, bytewise.connection.poll_transmit());
    match &transmit {
        None => model.nothing_is_pending(),
        Some(Transmit::Frame(frame)) => model.transmitted(frame.as_bytes()),
        Some(Transmit::Shutdown) => model.shut_down(),
    }
    transmit.is_some()
}

fn transmit_all<R: Role>(whole: &mut Side<R>, bytewise: &mut Side<R>, model: &mut Model) {
    // A Pong, a Ping, a Close, the shutdown: the pending output is bounded.
    let count = (0..6).take_while(|_| transmit(whole, bytewise, model)).count();
    assert!(count <= 4, "more is pending than there can be");
}

/// Passes the time, and checks that due work is due once.
fn handle_timeouts<R: Role>(
    whole: &mut Side<R>,
    bytewise: &mut Side<R>,
    now: Timestamp,
    model: &mut Model,
) {
    let due = whole.connection.poll_timeout().is_some_and(|deadline| deadline <= now);
    let timeout = whole.connection.handle_timeout(now);
    assert_eq!(timeout, bytewise.connection.handle_timeout(now));
    assert!(due || timeout.is_none(), "nothing was due");
    match timeout {
        Some(timeout) => {
            assert!(!timeout.to_string().is_empty());
            model.timed_out();
            assert!(!whole.connection.is_receiving() && !whole.connection.is_open());
        }
        None if due => {
            model.ping_due();
            let next = whole.connection.poll_timeout();
            assert!(next.is_none_or(|next| next > now), "the same deadline again");
        }
        None => {}
    }
}

fn limits(selector: u8) -> Limits {
    let mut limits = if selector == 0 { Limits::server() } else { Limits::conformance() };
    if selector >= 2 {
        limits.max_frame_len = 40;
        limits.max_message_len = 64;
        limits.max_fragments = 4;
    }
    if selector == 3 {
        limits.control_frames = ControlFrameRate { burst: 2, per_second: 1 };
    }
    limits
}

fn timeouts(selector: u8) -> Timeouts {
    let mut timeouts = if selector == 0 { Timeouts::server() } else { Timeouts::client() };
    if selector >= 2 {
        timeouts.ping_interval = Duration::from_millis(200);
        timeouts.pong = Duration::from_millis(100);
        timeouts.message = Duration::from_millis(500);
    }
    if selector == 3 {
        timeouts.idle = Duration::from_millis(700);
    }
    timeouts
}
