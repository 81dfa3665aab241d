//! Messages of the application, written whole, interrupted, or resumed.

#![cfg(feature = "blocking")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod frames;
mod script;

use embedded_io::ErrorKind;
use frames::{async_client, blocking_server, close, masked, plain, text};
use script::{Read, Script, Write, block_on};
use tidings_embedded::websocket::frame::ControlPayload;
use tidings_embedded::websocket::{Data, Event, SendError, Server};
use tidings_embedded::{Config, Error, blocking};
use tidings_testkit::{Unit, Wire};

const TIMED_OUT: Error<ErrorKind> = Error::Io(ErrorKind::TimedOut);

/// A small frame is one write; a large payload of a server is not copied, except its start.
#[test]
fn a_small_frame_is_one_write() {
    let script = Script::new([]);
    let mut buffer = [0; 64];
    let mut socket = blocking_server(&script, &mut buffer);
    for (payload_len, write_calls) in [(0, 1), (5, 1), (252, 1), (253, 2), (100_000, 2)] {
        script.write_calls.set(0);
        let payload = vec![7; payload_len];
        socket.sender().send(Data::binary(&payload)).unwrap();
        assert_eq!(script.write_calls.get(), write_calls, "{payload_len}");
        let wire = Wire::read(false, &script.take_written()).unwrap();
        assert_eq!(wire.units(), [Unit::Binary(payload)]);
    }
    assert_eq!(script.flushed_len.get(), 0, "a send is flushed by recv");
}

/// W-059, W-069, W-071: a client masks each frame with a new key and does not change the payload.
#[test]
fn a_client_masks_any_length() {
    for payload_len in [0, 1, 3, 4, 5, 241, 242, 243, 248, 249, 250, 600, 65_536] {
        for max_write_len in [1, 3, 255, 256, usize::MAX] {
            if max_write_len == 1 && payload_len > 600 {
                continue;
            }
            let script = Script { hesitates: false, ..Script::new([]).writes_of(max_write_len) };
            let mut buffer = [0; 64];
            let mut socket = async_client(&script, &mut buffer);
            let payload: Vec<u8> = (0..251).cycle().take(payload_len).collect();
            block_on(async {
                let sender = socket.sender();
                sender.send(Data::binary(&payload).more()).await.unwrap();
                sender.send(Data::binary(&payload)).await.unwrap();
            });
            let wire = Wire::read(true, &script.take_written()).unwrap();
            assert_eq!(wire.units(), [Unit::Binary([&payload[..], &payload].concat())]);
            assert_ne!(wire.frames()[0].key, wire.frames()[1].key);
        }
    }
}

/// W-072, W-100: a frame that is cut at any byte is finished, and nothing comes between.
#[test]
fn a_cut_send_is_resumed() {
    let payload: Vec<u8> = (0..=255).cycle().take(300).collect();
    let frame_len = 4 + payload.len();
    for cut in 0..frame_len {
        let script = Script::new([]);
        let mut buffer = [0; 64];
        let mut socket = blocking_server(&script, &mut buffer);
        if cut > 256 {
            script.on_write(Write::Takes(256));
            script.on_write(Write::Takes(cut - 256));
        } else if cut > 0 {
            script.on_write(Write::Takes(cut));
        }
        script.on_write(Write::Fails(ErrorKind::TimedOut));
        assert_eq!(socket.sender().send(Data::binary(&payload)), Err(TIMED_OUT));
        assert_eq!(script.written.borrow().len(), cut);

        // Nothing else gets in between: no message of the application ...
        let sender = socket.sender();
        assert_eq!(sender.send(Data::binary(&payload)), Err(Error::FrameUnfinished));
        assert_eq!(sender.ping(ControlPayload::EMPTY), Err(Error::FrameUnfinished));
        assert_eq!(sender.resume_send(&payload[1..]), Err(Error::FrameUnfinished));
        // ... and not a pending control frame.
        script.push(&masked(0x89, b"?"));
        script.then(Read::Fails(ErrorKind::TimedOut));
        assert!(matches!(socket.recv(), Ok(Some((Event::Ping(_), _)))));
        assert!(matches!(socket.recv(), Err(TIMED_OUT)));
        assert_eq!(script.written.borrow().len(), cut);

        socket.sender().resume_send(&payload).unwrap();
        socket.sender().resume_send(&payload).unwrap(); // nothing is left
        assert!(matches!(socket.recv(), Err(Error::Eof)));
        let wire = Wire::read(false, &script.take_written()).unwrap();
        assert_eq!(wire.units(), [Unit::Binary(payload.clone()), Unit::Pong(b"?".into())]);
    }
}

/// Resuming is optional: a connection that ends inside a frame of ours ends without a Close frame.
#[test]
fn a_cut_send_keeps_no_connection_from_its_end() {
    let violation = b"\x81\x05Hello".to_vec();
    for (input, is_close, is_clean_end) in
        [(vec![], false, false), (violation, false, false), (masked(0x88, b""), true, true)]
    {
        let script = Script::new([&input[..]]);
        script.on_write(Write::Takes(1));
        script.on_write(Write::Fails(ErrorKind::TimedOut));
        let mut buffer = [0; 64];
        let mut socket = blocking_server(&script, &mut buffer);
        assert_eq!(socket.sender().send(Data::text("hello")), Err(TIMED_OUT));
        if is_close {
            assert!(matches!(socket.recv(), Ok(Some((Event::Close(None), _)))));
        }
        assert_eq!(socket.recv().map(|received| received.is_none()).is_ok(), is_clean_end);
        assert!(matches!(socket.recv(), Ok(None)));
        let not_open = Err(Error::Send(SendError::NotOpen));
        assert_eq!(socket.sender().resume_send(b"hello"), not_open);
        assert_eq!(socket.sender().send(Data::text("x")), not_open);
        assert_eq!(script.take_written().len(), 1);
    }
}

/// The same for a client's frame whose `send` was dropped: the mask continues in phase. A pending Pong
/// goes first, once, and the `send` has begun nevertheless.
#[test]
fn a_dropped_send_is_resumed() {
    let payload: Vec<u8> = (0..=255).cycle().take(300).collect();
    for (max_write_len, has_pong) in [(1, false), (1, true), (100, false), (usize::MAX, true)] {
        let runs = tidings_testkit::for_every_cancellation(|polls| {
            let script = Script::new([&plain(0x89, b"?")[..]]).writes_of(max_write_len);
            let mut buffer = [0; 64];
            let mut socket = async_client(&script, &mut buffer);
            let was_cancelled = block_on(async {
                if has_pong {
                    assert!(matches!(socket.recv().await, Ok(Some((Event::Ping(_), _)))));
                }
                let sender = socket.sender();
                let data = Data::binary(&payload);
                let sent = tidings_testkit::poll_then_drop(polls, sender.send(data)).await;
                match (polls, sent) {
                    // Never polled: never begun.
                    (0, None) => sender.send(data).await.unwrap(),
                    (_, None) => {
                        assert_eq!(sender.send(data).await, Err(Error::FrameUnfinished));
                        sender.resume_send(&payload).await.unwrap();
                    }
                    (_, Some(sent)) => sent.unwrap(),
                }
                sender.ping(ControlPayload::new(b"then").unwrap()).await.unwrap();
                sent.is_none()
            });
            let wire = Wire::read(true, &script.take_written()).unwrap();
            let mut units = vec![Unit::Binary(payload.clone()), Unit::Ping(b"then".into())];
            if has_pong {
                units.insert(0, Unit::Pong(b"?".into()));
            }
            assert_eq!(wire.units(), units);
            was_cancelled
        });
        assert!(runs >= 2, "{runs}");
    }
}

/// A Ping that is cut is finished before another one, or data, goes out.
#[test]
fn a_cut_ping_is_finished() {
    let script = Script::new([]);
    let mut buffer = [0; 64];
    let mut socket = blocking_server(&script, &mut buffer);
    let sender = socket.sender();
    script.on_write(Write::Takes(3));
    script.on_write(Write::Fails(ErrorKind::TimedOut));
    let payload = |payload: &[u8]| ControlPayload::new(payload).unwrap();
    assert_eq!(sender.ping(payload(b"one")), Err(TIMED_OUT));
    assert_eq!(sender.ping(payload(b"two")), Err(Error::FrameUnfinished));
    assert_eq!(script.written.borrow().len(), 3);
    sender.send(Data::text("x")).unwrap();
    sender.ping(payload(b"two")).unwrap();
    let wire = Wire::read(false, &script.take_written()).unwrap();
    assert_eq!(wire.units(), [Unit::Ping(b"one".into()), text("x"), Unit::Ping(b"two".into())]);
}

/// A pending Pong is cut too: the `send` after it has begun, and neither is lost.
#[test]
fn a_send_after_a_cut_pong_is_resumed() {
    for cut in 0..3 {
        let script = Script::new([&masked(0x89, b"?")[..]]);
        let mut buffer = [0; 64];
        let mut socket = blocking_server(&script, &mut buffer);
        let Ok(Some((Event::Ping(_), sender))) = socket.recv() else { panic!() };
        if cut > 0 {
            script.on_write(Write::Takes(cut));
        }
        for _ in 0..2 {
            script.on_write(Write::Fails(ErrorKind::TimedOut));
        }
        assert_eq!(sender.send(Data::text("hello")), Err(TIMED_OUT));
        assert_eq!(sender.flush(), Err(TIMED_OUT));
        assert_eq!(sender.ping(ControlPayload::EMPTY), Err(Error::FrameUnfinished));
        assert_eq!(sender.resume_send(b"hell"), Err(Error::FrameUnfinished));
        sender.flush().unwrap(); // the Pong
        assert_eq!(script.written.borrow().len(), 3);
        sender.resume_send(b"hello").unwrap();
        let wire = Wire::read(false, &script.take_written()).unwrap();
        assert_eq!(wire.units(), [Unit::Pong(b"?".into()), text("hello")]);
    }
}

/// The next call finishes a dropped `ping`, `close` or `flush`.
#[test]
fn a_dropped_control_frame_is_finished_by_the_next_call() {
    for max_write_len in [1, usize::MAX] {
        tidings_testkit::for_every_cancellation(|polls| {
            let script = Script::new([&plain(0x88, b"\x03\xE8")[..]]).writes_of(max_write_len);
            let mut buffer = [0; 64];
            let mut socket = async_client(&script, &mut buffer);
            block_on(async {
                let sender = socket.sender();
                let payload = ControlPayload::new(b"mine").unwrap();
                let pinged = tidings_testkit::poll_then_drop(polls, sender.ping(payload)).await;
                if polls > 0 {
                    tidings_testkit::poll_then_drop(polls, sender.flush()).await;
                    tidings_testkit::poll_then_drop(polls, sender.close(None)).await;
                    let Ok(Some((Event::Close(Some(_)), _))) = socket.recv().await else {
                        panic!()
                    };
                    assert!(matches!(socket.recv().await, Ok(None)));
                    let wire = Wire::read(true, &script.take_written()).unwrap();
                    assert_eq!(wire.units(), [Unit::Ping(b"mine".into()), Unit::Close(None)]);
                }
                pinged.is_none()
            })
        });
    }
}

/// W-086, W-098, W-104: after our Close nothing else goes out, and the peer's is awaited.
#[test]
fn closing_is_ours_to_begin() {
    let script = Script::new([&masked(0x81, b"late")[..], &masked(0x88, b"\x03\xE8")]);
    let mut buffer = [0; 64];
    let mut socket = blocking_server(&script, &mut buffer);
    let reason = tidings_embedded::websocket::frame::CloseFrame::new(
        tidings_embedded::websocket::frame::CloseCode::NORMAL,
        "enough",
    );
    socket.sender().close(Some(reason)).unwrap();
    socket.sender().close(None).unwrap(); // has no effect
    assert_eq!(socket.sender().send(Data::text("x")), Err(Error::Send(SendError::NotOpen)));
    assert!(matches!(socket.recv(), Ok(Some((Event::Text { .. }, _)))));
    assert!(matches!(socket.recv(), Ok(Some((Event::Close(Some(_)), _)))));
    assert!(matches!(socket.recv(), Ok(None)));
    assert!(socket.sender().connection().close_info().is_clean());
    let wire = Wire::read(false, &socket.into_stream().take_written()).unwrap();
    assert_eq!(wire.units(), [close(1000, "enough")]);
}

/// A stream that is not flushed before waiting is flushed at the end, or by hand.
#[test]
fn a_stream_is_flushed_as_it_wants() {
    for flush_before_waiting in [true, false] {
        let script = Script::new([&masked(0x89, b"?")[..]]);
        script.then(Read::Fails(ErrorKind::TimedOut));
        script.push(&masked(0x88, b""));
        let mut config = Config::server();
        config.flush_before_waiting = flush_before_waiting;
        let mut buffer = [0; 64];
        let (stream, clock) = (script.clone(), script.clock());
        let mut socket =
            blocking::WebSocket::from_handshaken(stream, Server, &mut buffer, 0..0, clock, &config);
        assert!(matches!(socket.recv(), Ok(Some((Event::Ping(_), _)))));
        assert!(matches!(socket.recv(), Err(TIMED_OUT)));
        assert_eq!(script.flushed_len.get(), if flush_before_waiting { 3 } else { 0 });
        socket.sender().flush().unwrap();
        assert_eq!(script.flushed_len.get(), 3);
        assert!(matches!(socket.recv(), Ok(Some((Event::Close(_), _)))));
        assert!(matches!(socket.recv(), Ok(None)));
        assert_eq!(script.flushed_len.get(), 5);
    }
}
