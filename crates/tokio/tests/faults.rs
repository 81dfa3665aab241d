//! A talk between a client and a server over a transport that fails in every way: it goes as
//! without faults, or ends with an error that says what happened. Nothing is reported twice, lost
//! in between or torn, and nobody needs a poll that no wake-up announced.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

#[allow(dead_code, reason = "shared with cancellation.rs, which needs another part")]
mod scene;

use std::io::ErrorKind;
use std::time::Duration;

use scene::{Cut, Report, Run, STYLES, Scene, Style, Tap, is_beginning, large, short, small};
use tidings_testkit::{
    Fault, FaultTransport, Faults, Lie, Random, Unit, Wire, for_seeds, poll_then_drop,
    run_when_woken,
};
use tidings_tokio::websocket::Role;
use tidings_tokio::{CloseCode, Config, Error, Message, ServerRole, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// More polls than any talk needs, however its bytes are chopped.
const POLLS_MAX: usize = 20_000;

fn run(scene: &Scene, faults: [Faults; 2]) -> Run {
    scene::run(scene, faults, &[Cut::never(), Cut::never()], POLLS_MAX)
}

fn whole(scene: &Scene) -> Run {
    run(scene, [Faults::none(), Faults::none()])
}

/// The faults of one side.
fn at_side(side: usize, faults: Faults) -> [Faults; 2] {
    let mut both = [Faults::none(), Faults::none()];
    both[side] = faults;
    both
}

/// Both roles and all styles, with a frozen clock.
fn for_scenes(new: impl Fn(bool, Style) -> Scene, test: impl FnMut(&Scene, &Run)) {
    for_styles(&STYLES, new, test);
}

fn for_styles(
    styles: &[Style],
    new: impl Fn(bool, Style) -> Scene,
    mut test: impl FnMut(&Scene, &Run),
) {
    let clock = scene::stopped_clock();
    let _guard = clock.enter();
    for &style in styles {
        for caller_is_client in [true, false] {
            let scene = new(caller_is_client, style);
            test(&scene, &whole(&scene));
        }
    }
}

/// Says which run it was, if it fails.
struct Shown<'a>(&'a Scene, [Faults; 2]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(scene, faults) = self;
            let (client, style) = (scene.caller_is_client, scene.caller);
            eprintln!("{style:?}, the caller is the client: {client}, faults {faults:?}");
        }
    }
}

/// The talk with these faults goes as without them.
fn check_same(scene: &Scene, base: &Run, faults: [Faults; 2]) -> Run {
    let shown = Shown(scene, faults.clone());
    let run = run(scene, faults);
    for (side, expected) in run.sides().into_iter().zip(base.sides()) {
        assert!(side.error.is_none(), "{:?}", side.error);
        assert_eq!(side.closure, expected.closure);
        assert_eq!(scene::by_kind(&side.received), scene::by_kind(&expected.received));
    }
    for (is_caller, side, expected) in
        [(true, &run.caller, &base.caller), (false, &run.echoer, &base.echoer)]
    {
        // P-10
        let is_client = is_caller == scene.caller_is_client;
        let (wire, expected) = (side.wire(is_client), expected.wire(is_client));
        assert!(!wire.is_inside_frame());
        assert_eq!(scene::by_kind(wire.units()), scene::by_kind(expected.units()));
    }
    drop(shown);
    run
}

/// The talk with these faults goes as without them up to some point, and then both sides know.
fn check_cut_short(scene: &Scene, base: &Run, faults: [Faults; 2], legal: &[ErrorKind]) {
    let shown = Shown(scene, faults.clone());
    let run = run(scene, faults);
    for (is_caller, side, peer, expected) in [
        (true, &run.caller, &run.echoer, &base.caller),
        (false, &run.echoer, &run.caller, &base.echoer),
    ] {
        let is_client = is_caller == scene.caller_is_client;
        assert!(is_beginning(&side.received, &expected.received), "{:?}", side.received);
        let wire = side.wire(is_client);
        assert!(is_beginning(wire.units(), expected.wire(is_client).units()), "{wire:?}");
        // What was reported had come in full.
        assert!(is_beginning(&side.received, peer.wire(!is_client).units()));
        check_end(side, legal);
    }
    drop(shown);
}

/// A clean end, or an error of the transport.
fn check_end(side: &Report, legal: &[ErrorKind]) {
    match &side.error {
        None => assert!(side.closure.unwrap().is_clean(), "no error and not clean: {side:?}"),
        Some(Error::Io(error)) => {
            let kind = error.kind();
            assert!(legal.contains(&kind), "{error:?}");
            // The end of the transport may find one whose handshake is done already.
        }
        Some(other) => panic!("not an error of the transport: {other:?}"),
    }
}

const GONE: &[ErrorKind] =
    &[ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe];

/// Without faults everything arrives, in order, and both sides close cleanly. That no poll is
/// needed without a wake-up is in the executor.
#[test]
fn the_talk_is_complete_without_faults() {
    for new in [small, large] {
        for_scenes(new, |scene, run| {
            let said: Vec<Unit> = scene
                .steps
                .iter()
                .flat_map(|step| match step {
                    scene::Step::Say(messages) => messages.clone(),
                    scene::Step::Pieces(tidings_tokio::MessageKind::Text, pieces) => {
                        vec![Message::text(String::from_utf8(pieces.concat()).unwrap())]
                    }
                    scene::Step::Pieces(_, pieces) => vec![Message::binary(pieces.concat())],
                    scene::Step::Ping(_) => vec![],
                })
                .map(scene::unit)
                .collect();
            for side in run.sides() {
                assert_eq!(scene::by_kind(&side.received)[0], said);
                assert!(side.error.is_none(), "{:?}", side.error);
                let closure = side.closure.unwrap();
                assert!(closure.is_clean());
                assert_eq!((closure.received.code(), closure.sent.code()), (4000, 4000));
            }
            let close = [Unit::Close(Some((scene::CODE, scene::REASON.into())))];
            for (side, is_client) in
                [(&run.caller, scene.caller_is_client), (&run.echoer, !scene.caller_is_client)]
            {
                let wire = side.wire(is_client);
                let [messages, pings, pongs, closes] = scene::by_kind(wire.units());
                assert_eq!(messages, said);
                assert_eq!((pings.len(), pongs.len()), (1, 1), "{wire:?}");
                assert_eq!(closes.len(), 1);
                assert!(side.wire(is_client).units().ends_with(&closes));
                if is_client == scene.caller_is_client {
                    assert_eq!(closes, close);
                }
            }
        });
    }
}

/// F-01, F-03, W-100
#[test]
fn short_reads_and_short_writes_change_nothing() {
    for_scenes(small, |scene, base| {
        for len in [1, 2, 3, 7, 13, 100] {
            for side in [0, 1] {
                check_same(scene, base, at_side(side, Faults::none().reads_of(len)));
                check_same(scene, base, at_side(side, Faults::none().writes_of(len)));
            }
            let chopped = Faults::none().reads_of(len).writes_of(len);
            check_same(scene, base, [chopped.clone(), chopped]);
        }
        let narrow = Scene { room: 200, ..scene.clone() };
        check_same(&narrow, base, at_side(0, Faults::none()));
    });
    for_scenes(large, |scene, base| {
        let chopped = Faults::none().reads_of(9_973).writes_of(4_001);
        check_same(scene, base, [chopped.clone(), chopped]);
    });
}

/// V-70: two tasks at each side, and a transport that is full most of the time. Whoever may go on
/// is woken, whichever of the two it is.
#[test]
fn owned_halves_go_on_over_a_narrow_transport() {
    for_styles(&[Style::Split], large, |scene, base| {
        for room in [1_000, 20_011] {
            check_same(&Scene { room, ..scene.clone() }, base, at_side(0, Faults::none()));
        }
    });
}

/// A transport that holds back what is not flushed, as TLS does, is flushed whenever something
/// was written; also if the flush is blocked.
#[test]
fn what_is_written_is_flushed() {
    let new =
        |caller_is_client, style| Scene { holds_back: true, ..small(caller_is_client, style) };
    for_scenes(new, |scene, base| {
        for side in [0, 1] {
            for call in 0..base.sides()[side].counters.calls() {
                check_same(scene, base, at_side(side, blocked_at(call)));
            }
            check_same(scene, base, at_side(side, Faults::none().writes_of(7)));
        }
    });
}

/// F-04: as many polls more as there are blocked calls, at most twice in two tasks.
#[test]
fn a_blocked_call_changes_nothing_wherever_it_is() {
    for_scenes(small, |scene, base| {
        for side in [0, 1] {
            for call in 0..base.sides()[side].counters.calls() {
                let run = check_same(scene, base, at_side(side, blocked_at(call)));
                let more: usize = run.sides().map(|side| side.polls).iter().sum();
                let polls: usize = base.sides().map(|side| side.polls).iter().sum();
                assert!(more <= polls + 4, "{call}: {more} polls in place of {polls}");
            }
        }
    });
}

fn blocked_at(call: u64) -> Faults {
    Faults::none().at(call, Fault::Block)
}

/// F-04
#[test]
fn a_pair_of_blocked_calls_changes_nothing() {
    for_scenes(short, |scene, base| {
        let calls = base.sides().map(|side| side.counters.calls() + 2);
        for first in 0..calls[0] {
            for second in 0..calls[1] {
                check_same(scene, base, [blocked_at(first), blocked_at(second)]);
            }
        }
        for side in [0, 1] {
            for first in 0..calls[side] {
                for second in first + 1..calls[side] {
                    let faults = blocked_at(first).at(second, Fault::Block);
                    check_same(scene, base, at_side(side, faults));
                }
            }
        }
    });
}

/// F-01, F-03, F-04 at random and at once.
#[test]
fn chance_changes_nothing() {
    for_scenes(small, |scene, base| check_random(scene, base, 0..6));
}

fn check_random(scene: &Scene, base: &Run, seeds: std::ops::Range<u64>) {
    for_seeds(seeds, |random| {
        let faults = [(); 2].map(|()| Faults::none().random(Random::new(random.number())));
        check_same(scene, base, faults);
    });
}

/// The styles in which one task does it all.
const IN_ONE_TASK: [Style; 3] = [Style::Whole, Style::Halves, Style::Pieces];

/// F-05: tokio's transports never say `Interrupted`. One that does ends the connection.
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

/// F-05, V-66: a write of nothing, and the end where none is.
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

/// F-06
#[test]
fn a_reset_at_any_byte_is_an_error_and_nothing_is_torn() {
    for_scenes(small, |scene, base| check_resets(scene, base, stride(scene)));
    for_styles(&[Style::Whole], large, |scene, base| check_resets(scene, base, 50_021));
}

/// Every byte with whole messages, and some with the other styles.
fn stride(scene: &Scene) -> usize {
    match scene.caller {
        Style::Whole if scene.caller_is_client => 1,
        _ => 41,
    }
}

fn check_resets(scene: &Scene, base: &Run, stride: usize) {
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

/// F-06, F-07
#[test]
fn an_end_at_any_byte_is_an_error_and_nothing_is_torn() {
    for_scenes(small, |scene, base| check_ends(scene, base, stride(scene)));
    for_styles(&[Style::Whole], large, |scene, base| check_ends(scene, base, 50_021));
}

fn check_ends(scene: &Scene, base: &Run, stride: usize) {
    for side in [0, 1] {
        for at in (0..=base.sides()[side].counters.bytes_read).step_by(stride) {
            let faults = Faults::none().eof_after_reading(at);
            check_cut_short(scene, base, at_side(side, faults), GONE);
        }
    }
}

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_every_byte_in_every_style() {
    for_scenes(small, |scene, base| {
        check_resets(scene, base, 1);
        check_ends(scene, base, 1);
        check_random(scene, base, 0..1_000);
        for len in 1..200 {
            let chopped = Faults::none().reads_of(len).writes_of(len);
            check_same(scene, base, [chopped.clone(), chopped]);
        }
    });
    for_scenes(large, |scene, base| {
        check_resets(scene, base, 1_009);
        check_ends(scene, base, 1_009);
        for side in [0, 1] {
            for call in 0..base.sides()[side].counters.calls() {
                check_same(scene, base, at_side(side, blocked_at(call)));
            }
        }
    });
}

/// Pairs of blocked calls in the whole talk.
#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_every_pair_of_blocked_calls() {
    for_scenes(small, |scene, base| {
        let calls = base.sides().map(|side| side.counters.calls() + 2);
        for first in 0..calls[0] {
            for second in 0..calls[1] {
                check_same(scene, base, [blocked_at(first), blocked_at(second)]);
            }
        }
    });
}

/// Bytes through a [`ByteStream`](tidings_tokio::ByteStream) and back, then the end: what came
/// back, and what the caller wrote and the echoer read.
struct ByteTalk {
    returned: Vec<u8>,
    seen: Vec<u8>,
    errors: [Option<std::io::Error>; 2],
    counters: [tidings_testkit::Counters; 2],
    wrote: [Vec<u8>; 2],
}

fn sent_bytes() -> Vec<u8> {
    (0..=255).cycle().take(700).collect()
}

fn talk_in_bytes(caller_is_client: bool, faults: [Faults; 2]) -> ByteTalk {
    match caller_is_client {
        true => talk_in_bytes_as(scene::client(), ServerRole, faults),
        false => talk_in_bytes_as(ServerRole, scene::client(), faults),
    }
}

fn talk_in_bytes_as<A: Role + Unpin, B: Role + Unpin>(
    caller: A,
    echoer: B,
    [caller_faults, echoer_faults]: [Faults; 2],
) -> ByteTalk {
    let (near, far) = FaultTransport::pair(4096);
    let counters = [near.counters_later(), far.counters_later()];
    let (near, far) = (Tap::new(near.with(caller_faults)), Tap::new(far.with(echoer_faults)));
    let wrote = [near.written(), far.written()];
    let caller = WebSocket::from_handshaken(near, caller, scene::config(), &[]);
    let echoer = WebSocket::from_handshaken(far, echoer, scene::config(), &[]);
    let (mut returned, mut seen) = (Vec::new(), Vec::new());
    let call = async {
        let mut stream = caller.into_byte_stream();
        for chunk in sent_bytes().chunks(150) {
            stream.write_all(chunk).await?;
            stream.flush().await?;
            let expected = returned.len() + chunk.len();
            while returned.len() < expected {
                if stream.read_buf(&mut returned).await? == 0 {
                    return Ok(());
                }
            }
        }
        stream.shutdown().await
    };
    let echo = async {
        let mut stream = echoer.into_byte_stream();
        let mut buffer = [0; 64];
        loop {
            let len = stream.read(&mut buffer).await?;
            if len == 0 {
                return Ok(());
            }
            seen.extend(&buffer[..len]);
            stream.write_all(&buffer[..len]).await?;
            stream.flush().await?;
        }
    };
    let (called, echoed) = run_when_woken(POLLS_MAX, call, echo).values;
    ByteTalk {
        returned,
        seen,
        errors: [called.err(), echoed.err()],
        counters: counters.map(|counters| counters()),
        wrote: wrote.map(|wrote| wrote.lock().unwrap().clone()),
    }
}

/// F-01, F-03, F-04 for the stream of bytes.
#[test]
fn a_stream_of_bytes_is_the_same_over_any_transport() {
    let clock = scene::stopped_clock();
    let _guard = clock.enter();
    for caller_is_client in [true, false] {
        let check = |faults: [Faults; 2]| {
            let talk = talk_in_bytes(caller_is_client, faults.clone());
            assert!(talk.errors.iter().all(Option::is_none), "{:?}, {faults:?}", talk.errors);
            assert_eq!(talk.returned, sent_bytes());
            assert_eq!(talk.seen, sent_bytes());
            talk
        };
        let base = check([Faults::none(), Faults::none()]);
        for side in [0, 1] {
            for call in 0..base.counters[side].calls() {
                check(at_side(side, blocked_at(call)));
            }
        }
        for len in [1, 2, 3, 7, 13, 100] {
            let chopped = Faults::none().reads_of(len).writes_of(len);
            check([chopped.clone(), chopped]);
        }
        for_seeds(0..20, |random| {
            check([(); 2].map(|()| Faults::none().random(Random::new(random.number()))));
        });
    }
}

/// F-06: an end that is no closing handshake is an error, and not the end of the stream.
#[test]
fn a_stream_of_bytes_that_is_cut_is_an_error() {
    let clock = scene::stopped_clock();
    let _guard = clock.enter();
    for caller_is_client in [true, false] {
        let check = |faults: [Faults; 2]| {
            let talk = talk_in_bytes(caller_is_client, faults.clone());
            assert!(sent_bytes().starts_with(&talk.seen), "{faults:?}");
            assert!(talk.seen.starts_with(&talk.returned), "{faults:?}");
            for (wrote, is_caller) in talk.wrote.iter().zip([true, false]) {
                Wire::read(is_caller == caller_is_client, wrote).unwrap();
            }
            for error in talk.errors.iter().flatten() {
                assert!(GONE.contains(&error.kind()), "{error:?}, {faults:?}");
            }
            let is_whole = talk.returned == sent_bytes();
            assert!(is_whole || talk.errors.iter().all(Option::is_some), "{faults:?}");
        };
        let base = talk_in_bytes(caller_is_client, [Faults::none(), Faults::none()]);
        for side in [0, 1] {
            for at in (0..base.counters[side].bytes_read).step_by(3) {
                check(at_side(side, Faults::none().eof_after_reading(at)));
                check(at_side(side, Faults::none().reset_after_reading(at)));
                check(at_side(side, Faults::none().reset_after_writing(at)));
            }
        }
    }
}

/// What is dropped was not sent: of the two halves one has the error of the transport, and the
/// other is told too.
#[tokio::test(start_paused = true)]
async fn a_send_whose_bytes_are_dropped_is_not_reported_as_done() {
    let (near, _far) = FaultTransport::pair(10);
    // The 10 bytes that fit are written first; the read that follows is reset.
    let near = near.with(Faults::none().at(2, Fault::Block).at(4, Fault::Reset));
    let socket = WebSocket::from_handshaken(near, ServerRole, Config::server(), &[]);
    let (mut sender, mut receiver) = socket.split();
    let mut sending = std::pin::pin!(sender.send(vec![7; 100]));
    assert!(poll_then_drop(1, sending.as_mut()).await.is_none());
    let received = receiver.recv().await;
    let sent = sending.await;
    assert!(matches!(received, Err(Error::Io(_))), "{received:?}");
    assert!(sent.is_err(), "90 bytes were dropped, and the sender is told {sent:?}");
}

/// V-70: a sender that finds the transport dead tells the receiver, which would wait for ever.
#[tokio::test(start_paused = true)]
async fn a_failed_write_of_the_owned_sender_ends_the_owned_receiver() {
    let (near, _far) = FaultTransport::pair(100);
    let near = near.with(Faults::none().at(1, Fault::Lie(Lie::Nothing)));
    let socket = WebSocket::from_handshaken(near, ServerRole, Config::server(), &[]);
    let (mut sender, mut receiver) = socket.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    tokio::task::yield_now().await;
    let sent = sender.send("x").await;
    assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
    let received = timeout(Duration::from_secs(1), receiving).await;
    assert!(received.is_ok(), "the receiver still waits on a connection that was given up");
}

/// F-07: a peer that does not answer our Close is given up after the closing time, in two tasks
/// too.
#[tokio::test(start_paused = true)]
async fn the_closing_time_counts_while_only_the_owned_receiver_waits() {
    for way in ["close", "send", "feed"] {
        let (near, _far) = FaultTransport::pair(100);
        let config = Config::server();
        let socket = WebSocket::from_handshaken(near, ServerRole, config, &[]);
        let (mut sender, mut receiver) = socket.split();
        let receiving = tokio::spawn(async move { receiver.recv().await });
        tokio::task::yield_now().await;
        let start = Instant::now();
        match way {
            "close" => sender.close(CloseCode::NORMAL, "").await.unwrap(),
            "send" => sender.send(Message::Close(None)).await.unwrap(),
            _ => sender.feed(Message::Close(None)).unwrap(),
        }
        let received = receiving.await.unwrap();
        assert!(matches!(received, Err(Error::Timeout(_))), "{way}: {received:?}");
        let latest = config.timeouts.closing + Duration::from_secs(2);
        assert!(start.elapsed() <= latest, "{way} took {:?}", start.elapsed());
    }
}

/// V-66: after a write that failed inside a frame nothing more is written: not even a Pong.
#[tokio::test(start_paused = true)]
async fn nothing_is_written_behind_a_frame_that_was_given_up() {
    let (near, mut far) = FaultTransport::pair(1000);
    // One read; two writes of 10 bytes; then nothing. The Pong waits behind the large message.
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
    assert_eq!(wrote.lock().unwrap().len(), torn, "bytes behind a torn frame");
}

/// A write that fails is reported once, from wherever it was written.
#[tokio::test(start_paused = true)]
async fn a_lent_payload_that_can_not_be_written_ends_the_connection() {
    let (near, _far) = FaultTransport::pair(100_000);
    let near = near.with(Faults::none().at(0, Fault::Interrupt));
    let mut socket = WebSocket::from_handshaken(near, ServerRole, Config::server(), &[]);
    let payload = vec![7; 20_000];
    let sent = socket.send(&payload[..]).await;
    assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
    let sent = socket.send("the next").await;
    assert!(matches!(sent, Err(Error::Send(_))), "one was lost, and the next is taken: {sent:?}");
}
