//! Deadlines: a blocking stream that times out, and an async one raced with a timer.

#![cfg(feature = "blocking")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod script;

use std::time::Duration;

use embedded_io::ErrorKind;
use tidings_embedded::websocket::{Data, Event, Server, Timeout, Timestamp};
use tidings_embedded::{Config, Error, asynchronous, blocking};
use tidings_testkit::{Unit, Wire, poll_then_drop};

use script::{Read, Script, Write, block_on};

type Blocking<'b, C> = blocking::WebSocket<'b, Script, Server, C>;
type Async<'b, C> = asynchronous::WebSocket<'b, Script, Server, C>;

fn blocking<'b>(
    script: &Script,
    buffer: &'b mut [u8],
    config: &Config,
) -> Blocking<'b, impl FnMut() -> Timestamp + use<>> {
    let clock = script.clock();
    blocking::WebSocket::from_handshaken(script.clone(), Server, buffer, 0..0, clock, config)
}

fn asynchronous<'b>(
    script: &Script,
    buffer: &'b mut [u8],
    config: &Config,
) -> Async<'b, impl FnMut() -> Timestamp + use<>> {
    let clock = script.clock();
    asynchronous::WebSocket::from_handshaken(script.clone(), Server, buffer, 0..0, clock, config)
}

/// A Ping after one second, and so on.
fn config() -> Config {
    let mut config = Config::server();
    config.timeouts.ping_interval = Duration::from_millis(1_000);
    config.timeouts.pong = Duration::from_millis(500);
    config.timeouts.message = Duration::from_millis(5_000);
    config.timeouts.closing = Duration::from_millis(200);
    config
}

fn ms(socket_deadline: Option<Timestamp>) -> Option<u128> {
    socket_deadline.map(|at| at.since_epoch().as_millis())
}

/// Receives once; returns whether that was the end. The timer fires when nothing comes during this many
/// polls.
async fn recv_beside_a_timer<C: FnMut() -> Timestamp>(
    script: &Script,
    socket: &mut Async<'_, C>,
) -> Result<bool, Error<ErrorKind>> {
    loop {
        match poll_then_drop(20, socket.recv()).await {
            Some(received) => return received.map(|received| received.is_none()),
            None => {
                let due = ms(socket.poll_timeout()).unwrap();
                script.now_ms.set(u64::try_from(due).unwrap());
                socket.handle_timeout();
            }
        }
    }
}

/// Returns everything that a server has written.
fn units(script: &Script) -> Vec<Unit> {
    Wire::read(false, &script.written.borrow()).unwrap().units().to_vec()
}

fn ping(number: u8) -> Unit {
    Unit::Ping(vec![0, 0, 0, 0, 0, 0, 0, number])
}

fn no_pong() -> Unit {
    Unit::Close(Some((1011, "no pong in time".into())))
}

const TIMED_OUT: ErrorKind = ErrorKind::TimedOut;
/// The Pong to the first Ping.
const PONG: &[u8] = b"\x8A\x88\0\0\0\0\0\0\0\0\0\0\0\x01";

/// The caller of a blocking stream only calls `recv` again.
#[test]
fn a_blocking_stream_that_times_out_keeps_the_deadlines() {
    let script = Script::new([]);
    let mut buffer = [0; 64];
    let mut socket = blocking(&script, &mut buffer, &config());
    assert_eq!(ms(socket.poll_timeout()), Some(1_000));

    script.then(Read::TimedOutAfter(999)); // too early for anything
    script.then(Read::TimedOutAfter(1)); // a Ping is due
    script.then(Read::TimedOutAfter(100));
    for expected in [vec![], vec![], vec![ping(1)]] {
        assert!(matches!(socket.recv(), Err(Error::Io(TIMED_OUT))));
        assert_eq!(units(&script), expected);
    }
    assert_eq!(ms(socket.poll_timeout()), Some(1_500));

    script.push(PONG);
    let Ok(Some((Event::Pong(_), sender))) = socket.recv() else { panic!() };
    assert_eq!(sender.connection().round_trip_time(), Some(Duration::from_millis(100)));
    assert_eq!(ms(socket.poll_timeout()), Some(2_000));

    script.take_written();
    script.then(Read::TimedOutAfter(900)); // the second Ping
    script.then(Read::TimedOutAfter(500)); // no Pong
    for expected in [vec![], vec![ping(2)]] {
        assert!(matches!(socket.recv(), Err(Error::Io(TIMED_OUT))));
        assert_eq!(units(&script), expected);
    }
    // The peer learns of it, and the application too, once.
    assert!(matches!(socket.recv(), Err(Error::Timeout(Timeout::Pong))));
    assert_eq!(units(&script), [ping(2), no_pong()]);
    assert!(matches!(socket.recv(), Ok(None)));
    assert_eq!(socket.poll_timeout(), None);
}

/// The caller of an async stream drops `recv` at the deadline, handles the timeout, and calls it again.
#[test]
fn an_async_stream_is_raced_with_a_timer() {
    let script = Script::new([]);
    script.then(Read::Hangs);
    let mut buffer = [0; 64];
    let mut socket = asynchronous(&script, &mut buffer, &config());
    let ended = block_on(recv_beside_a_timer(&script, &mut socket));
    assert_eq!(ended, Err(Error::Timeout(Timeout::Pong)));
    assert_eq!(units(&script), [ping(1), no_pong()]);
    assert_eq!(script.now_ms.get(), 1_000 + 500);
    assert!(block_on(async { matches!(socket.recv().await, Ok(None)) }));
}

/// A peer that reads nothing cannot delay the end, neither with a Ping of ours nor with half a
/// frame.
#[test]
fn a_peer_that_takes_nothing_is_given_up() {
    for is_inside_frame in [false, true] {
        let script = Script::new([]);
        script.then(Read::Hangs);
        let mut buffer = [0; 64];
        let mut socket = asynchronous(&script, &mut buffer, &config());
        let ended = block_on(async {
            if is_inside_frame {
                script.on_write(Write::Takes(1));
                script.on_write(Write::Hangs);
                let sent = poll_then_drop(20, socket.sender().send(Data::text("hello"))).await;
                assert_eq!(sent, None);
            }
            (0..100).for_each(|_| script.on_write(Write::Hangs));
            recv_beside_a_timer(&script, &mut socket).await
        });
        assert_eq!(ended, Err(Error::Timeout(Timeout::Pong)));
        assert!(script.writes.borrow().len() > 90, "it took nothing to the end");
        // Nothing can follow half a frame, so there is no answer to wait for.
        let closing = if is_inside_frame { 0 } else { 200 };
        assert_eq!(script.now_ms.get(), 1_000 + 500 + closing);
        // It is reported once, however late it is.
        script.now_ms.set(1_000_000);
        socket.handle_timeout();
        assert!(block_on(async { matches!(socket.recv().await, Ok(None)) }));
    }
}

/// The same on a blocking stream whose writes time out: `recv` still reads, because the peer may be
/// waiting for that, and pending output is written later.
#[test]
fn a_blocked_write_does_not_keep_from_reading() {
    let script = Script::new([]);
    let mut buffer = [0; 64];
    let mut socket = blocking(&script, &mut buffer, &config());
    script.push(b"\x89\x80\0\0\0\0"); // Ping
    assert!(matches!(socket.recv(), Ok(Some((Event::Ping(_), _)))));
    script.on_write(Write::Takes(1));
    script.on_write(Write::Fails(TIMED_OUT));
    script.push(b"\x81\x81\0\0\0\0x");
    assert!(matches!(socket.recv(), Ok(Some((Event::Text { .. }, _)))));
    script.on_write(Write::Fails(TIMED_OUT));
    script.then(Read::TimedOutAfter(10));
    assert!(matches!(socket.recv(), Err(Error::Io(TIMED_OUT))));
    assert_eq!(script.written.borrow().len(), 1);
    socket.sender().send(Data::text("y")).unwrap();
    assert_eq!(units(&script), [Unit::Pong(vec![]), Unit::Text("y".into())]);
}

/// After the peer's last frame there is nothing to read: then a blocked write is reported.
#[test]
fn a_blocked_write_at_the_end_is_reported() {
    let (ping, close) = (b"\x89\x80\0\0\0\0", b"\x88\x80\0\0\0\0");
    for (input, end) in [(ping, Some(Error::Eof)), (close, None)] {
        let script = Script::new([&input[..]]);
        let mut buffer = [0; 64];
        let mut socket = blocking(&script, &mut buffer, &config());
        (0..5).for_each(|_| script.on_write(Write::Fails(TIMED_OUT)));
        assert!(matches!(socket.recv(), Ok(Some(_))));
        assert!(matches!(socket.recv(), Err(Error::Io(TIMED_OUT))));
        assert!(script.writes.borrow().len() >= 3);
        script.writes.borrow_mut().clear();
        assert_eq!(socket.recv().err(), end);
        assert!(matches!(socket.recv(), Ok(None)));
    }
}

/// A peer that does not even read our Close is given up, and its violation is reported.
#[test]
fn a_blocked_close_is_given_up() {
    let script = Script::new([&b"\x81\x00"[..]]); // not masked
    let mut buffer = [0; 64];
    let mut socket = blocking(&script, &mut buffer, &config());
    (0..5).for_each(|_| script.on_write(Write::Fails(TIMED_OUT)));
    assert!(matches!(socket.recv(), Err(Error::Io(TIMED_OUT))));
    script.now_ms.set(200);
    assert!(matches!(socket.recv(), Err(Error::Io(TIMED_OUT))));
    assert!(matches!(socket.recv(), Err(Error::Violation(_))));
    assert!(matches!(socket.recv(), Ok(None)));
    assert_eq!(script.writes.borrow().len(), 3);
}

/// A peer that sends a byte now and then never lets a read time out, but must still end its message.
#[test]
fn a_peer_that_dribbles_keeps_its_deadline() {
    let script = Script::new([]);
    let mut buffer = [0; 64];
    let mut socket = blocking(&script, &mut buffer, &config());
    script.then(Read::Fails(ErrorKind::Interrupted));
    let frame = [&b"\x82\xFE\x02\x00\0\0\0\0"[..], &[b'x'; 512]].concat();
    let mut sent = 0;
    let error = loop {
        match socket.recv() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without an error"),
            Err(Error::Io(ErrorKind::Interrupted)) => {
                script.now_ms.set(script.now_ms.get() + 40);
                script.push(&frame[sent..=sent]);
                sent += 1;
            }
            Err(error) => break error,
        }
        // So that the test can continue.
        script.then(Read::Fails(ErrorKind::Interrupted));
    };
    assert_eq!(error, Error::Timeout(Timeout::Message));
    assert!((120..140).contains(&sent), "{sent}");
}

/// Our own slowness is not the peer's fault: after a read that fills the buffer, more may be unread.
#[test]
fn a_message_that_waits_for_us_is_not_late() {
    let script = Script::new([]);
    let mut buffer = [0; 64];
    let mut socket = blocking(&script, &mut buffer, &config());
    script.push(&[&b"\x82\xFE\x02\x00\0\0\0\0"[..], &[b'x'; 512]].concat());
    let mut received = 0;
    loop {
        // Less than the time for a Pong, more than the time for a message in the end.
        script.now_ms.set(script.now_ms.get() + 1_400);
        let Ok(Some((Event::Binary { bytes, is_last, .. }, _))) = socket.recv() else { panic!() };
        received += bytes.len();
        if is_last {
            break;
        }
    }
    assert_eq!(received, 512);
    assert!(script.now_ms.get() > 10_000);
    assert!(socket.sender().connection().is_open());
}

/// The application is busy for longer than a message may take: the rest may have arrived in that
/// time, or be on its way.
#[test]
fn a_pause_of_the_application_is_not_charged_to_the_peer() {
    let script = Script::new([&b"\x82\x85\0\0\0\0a"[..]]);
    let mut buffer = [0; 64];
    let mut socket = blocking(&script, &mut buffer, &config());
    assert!(matches!(socket.recv(), Ok(Some((Event::Binary { is_last: false, .. }, _)))));
    script.now_ms.set(script.now_ms.get() + 60_000);
    for _ in 0..4 {
        script.push(b"b");
        assert!(matches!(socket.recv(), Ok(Some((Event::Binary { bytes: [b'b'], .. }, _)))));
    }
    assert!(socket.sender().connection().is_open());
}

/// W-089: it is not an error if the peer is slow to hang up after both Close frames.
#[test]
fn a_peer_that_is_slow_to_hang_up_has_done_its_part() {
    let script = Script::new([]);
    let mut buffer = [0; 64];
    let mut socket = blocking(&script, &mut buffer, &config());
    socket.sender().close(None).unwrap();
    script.then(Read::TimedOutAfter(200));
    assert!(matches!(socket.recv(), Err(Error::Io(TIMED_OUT))));
    assert!(matches!(socket.recv(), Err(Error::Timeout(Timeout::Closing))), "it said nothing");

    let script = Script::new([&b"\x88\x00"[..]]);
    script.then(Read::TimedOutAfter(10_000)); // the server's end of the stream does not come
    let (clock, config) = (script.clock(), Config::client());
    let role = tidings_embedded::websocket::Client::new(|| [1, 2, 3, 4]);
    let mut socket =
        blocking::WebSocket::from_handshaken(script, role, &mut buffer, 0..0, clock, &config);
    assert!(matches!(socket.recv(), Ok(Some((Event::Close(None), _)))));
    assert!(matches!(socket.recv(), Err(Error::Io(TIMED_OUT))));
    assert!(matches!(socket.recv(), Ok(None)));
}
