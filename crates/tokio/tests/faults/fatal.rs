//! Faults that end the connection: calls that are interrupted or move nothing, resets and ends at
//! any byte. Each side learns of it, in one task or in two, and nothing is written after a torn
//! frame.

use std::io::ErrorKind;
use std::time::Duration;

use tidings_testkit::{Fault, FaultTransport, Faults, Lie, poll_then_drop};
use tidings_tokio::{CloseCode, Config, Error, Message, WebSocket, server::ServerRole};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use crate::comparison::{GONE, at_side, check_cut_short, for_scenes, for_styles};
use crate::scene::{Run, Scene, Style, Tap, large, small};

/// The styles in which one task does it all.
const IN_ONE_TASK: [Style; 3] = [Style::Whole, Style::Halves, Style::Pieces];

/// Tokio's transports never say `Interrupted`. One that does ends the connection.
#[test]
fn an_interrupted_call_is_an_error_that_ends_the_connection() {
    check_interrupted(&IN_ONE_TASK);
}

#[test]
fn an_interrupted_call_ends_both_owned_halves() {
    check_interrupted(&[Style::Split]);
}

fn check_interrupted(styles: &[Style]) {
    let legal = [ErrorKind::Interrupted, ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe];
    for_styles(styles, small, |scene, base| {
        for side in [0, 1] {
            for call in 0..base.sides()[side].counters.calls() {
                let faults = Faults::none().at(call, Fault::Interrupt);
                check_cut_short(scene, base, at_side(side, faults), &legal);
            }
        }
    });
}

/// A write of nothing, and the end where none is.
#[test]
fn a_transport_that_moves_nothing_is_given_up() {
    check_nothing(&[Style::Whole, Style::Pieces], 29);
}

#[test]
fn a_transport_that_moves_nothing_is_given_up_by_borrowed_halves() {
    check_nothing(&[Style::Halves], 2);
}

#[test]
fn a_transport_that_moves_nothing_ends_both_owned_halves() {
    check_nothing(&[Style::Split], 29);
}

fn check_nothing(styles: &[Style], large_stride: usize) {
    for_styles(styles, small, |scene, base| check_writes_of_nothing(scene, base, 1));
    for_styles(styles, large, |scene, base| check_writes_of_nothing(scene, base, large_stride));
}

fn check_writes_of_nothing(scene: &Scene, base: &Run, stride: usize) {
    let legal = [ErrorKind::WriteZero, ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe];
    for side in [0, 1] {
        for call in (0..base.sides()[side].counters.calls()).step_by(stride) {
            let faults = Faults::none().at(call, Fault::Lie(Lie::Nothing));
            check_cut_short(scene, base, at_side(side, faults), &legal);
        }
    }
}

#[test]
fn a_reset_at_any_byte_is_an_error_and_nothing_is_torn() {
    for_scenes(small, |scene, base| check_resets(scene, base, stride(scene)));
    for_styles(&[Style::Whole], large, |scene, base| check_resets(scene, base, 50_021));
}

pub(crate) fn check_resets(scene: &Scene, base: &Run, stride: usize) {
    for side in [0, 1] {
        let counters = base.sides()[side].counters;
        for at in (0..=counters.bytes_written).step_by(stride) {
            let faults = Faults::none().reset_after_writing(at);
            check_cut_short(scene, base, at_side(side, faults), GONE);
        }
        for at in (0..=counters.bytes_read).step_by(stride) {
            let faults = Faults::none().reset_after_reading(at);
            check_cut_short(scene, base, at_side(side, faults), GONE);
        }
    }
}

#[test]
fn an_end_at_any_byte_is_an_error_and_nothing_is_torn() {
    for_scenes(small, |scene, base| check_ends(scene, base, stride(scene)));
    for_styles(&[Style::Whole], large, |scene, base| check_ends(scene, base, 50_021));
}

pub(crate) fn check_ends(scene: &Scene, base: &Run, stride: usize) {
    for side in [0, 1] {
        for at in (0..=base.sides()[side].counters.bytes_read).step_by(stride) {
            let faults = Faults::none().eof_after_reading(at);
            check_cut_short(scene, base, at_side(side, faults), GONE);
        }
    }
}

/// Every byte with whole messages, and some with the other styles.
fn stride(scene: &Scene) -> usize {
    match scene.caller {
        Style::Whole if scene.caller_is_client => 1,
        _ => 41,
    }
}

/// Dropped bytes were not sent: one of the two halves has the error of the transport, and the other
/// learns of it too.
#[tokio::test(start_paused = true)]
async fn a_send_whose_bytes_are_dropped_is_not_reported_as_done() {
    let (near, _far) = FaultTransport::pair(10);
    // The 10 bytes that fit are written first; the read that follows is reset.
    let near = near.with(Faults::none().at(2, Fault::Block).at(4, Fault::Reset));
    let socket = WebSocket::from_handshaken(near, ServerRole, Config::server(), &[]);
    let (mut receiver, mut sender) = socket.into_split();
    let mut sending = std::pin::pin!(sender.send(vec![7; 100]));
    assert!(poll_then_drop(1, sending.as_mut()).await.is_none());
    let received = receiver.recv().await;
    let sent = sending.await;
    assert!(matches!(received, Err(Error::Io(_))), "{received:?}");
    assert!(sent.is_err(), "90 bytes were dropped, and the sender is told {sent:?}");
}

/// A sender that finds the transport dead wakes the receiver, which would otherwise wait for
/// ever.
#[tokio::test(start_paused = true)]
async fn a_failed_write_of_the_owned_sender_ends_the_owned_receiver() {
    let (near, _far) = FaultTransport::pair(100);
    let near = near.with(Faults::none().at(1, Fault::Lie(Lie::Nothing)));
    let socket = WebSocket::from_handshaken(near, ServerRole, Config::server(), &[]);
    let (mut receiver, mut sender) = socket.into_split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    tokio::task::yield_now().await;
    let sent = sender.send("x").await;
    assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
    let received = timeout(Duration::from_secs(1), receiving).await;
    assert!(received.is_ok(), "the receiver still waits on a connection that was given up");
}

/// A peer that does not answer our Close is given up after the closing time, in two tasks
/// too.
#[tokio::test(start_paused = true)]
async fn the_closing_time_counts_while_only_the_owned_receiver_waits() {
    for way in ["close", "send", "feed"] {
        let (near, _far) = FaultTransport::pair(100);
        let config = Config::server();
        let socket = WebSocket::from_handshaken(near, ServerRole, config, &[]);
        let (mut receiver, mut sender) = socket.into_split();
        let receiving = tokio::spawn(async move { receiver.recv().await });
        tokio::task::yield_now().await;
        let start = Instant::now();
        match way {
            "close" => sender.close(CloseCode::NORMAL, "").await.unwrap(),
            "send" => sender.send(Message::close(None)).await.unwrap(),
            _ => sender.feed(Message::close(None)).unwrap(),
        }
        let received = receiving.await.unwrap();
        assert!(matches!(received, Err(Error::Timeout(_))), "{way}: {received:?}");
        let latest = config.timeouts.closing + Duration::from_secs(2);
        assert!(start.elapsed() <= latest, "{way} took {:?}", start.elapsed());
    }
}

/// After a write that failed inside a frame nothing more is written: not even a Pong.
#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_a_frame_that_was_given_up() {
    let (near, mut far) = FaultTransport::pair(1000);
    // One read; two writes of 10 bytes; then nothing. The Pong is queued after the large message.
    let near = Tap::new(near.with(Faults::none().writes_of(10).at(3, Fault::Lie(Lie::Nothing))));
    let wrote = near.written();
    let mut socket = WebSocket::from_handshaken(near, ServerRole, Config::server(), &[]);
    let ping = [0x89, 0x81, 0, 0, 0, 0, b'p'];
    let text = [0x81, 0x81, 0, 0, 0, 0, b't'];
    AsyncWriteExt::write_all(&mut far, &[&text[..], &ping, &text].concat()).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("t".into()));
    assert_eq!(socket.recv().await.unwrap(), Some("t".into()));
    let sent = socket.send(vec![7; 70_000]).await;
    assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
    let torn = wrote.lock().unwrap().len();
    let _ = socket.flush().await;
    let _ = socket.recv().await;
    assert_eq!(wrote.lock().unwrap().len(), torn, "bytes after a torn frame");
}

/// A write that fails is reported once, from wherever it was written.
#[tokio::test(start_paused = true)]
async fn a_borrowed_payload_that_cannot_be_written_ends_the_connection() {
    let (near, _far) = FaultTransport::pair(100_000);
    let near = near.with(Faults::none().at(0, Fault::Interrupt));
    let mut socket = WebSocket::from_handshaken(near, ServerRole, Config::server(), &[]);
    let payload = vec![7; 20_000];
    let sent = socket.send(&payload[..]).await;
    assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
    let sent = socket.send("the next").await;
    assert!(matches!(sent, Err(Error::Io(_))), "one was lost, and the next is taken: {sent:?}");
}
