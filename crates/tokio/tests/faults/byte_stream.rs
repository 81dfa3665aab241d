//! A talk through the stream of bytes that a WebSocket can be: it goes as without faults, or ends
//! with an error.

use tidings_testkit::{FaultTransport, Faults, Random, Wire, for_seeds, run_when_woken};
use tidings_tokio::websocket::Role;
use tidings_tokio::{WebSocket, server::ServerRole};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt};

use crate::comparison::{GONE, MAX_POLLS, at_side, blocked_at};
use crate::scene::{self, Tap};

/// Every harmless fault, for the stream of bytes.
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

/// An end that is not a closing handshake is an error, and not the end of the stream.
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

/// Bytes through a [`ByteStream`](tidings_tokio::socket::ByteStream) and back, then the end: the
/// returned bytes, and those that the caller wrote and the echoer read.
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
    let (called, echoed) = run_when_woken(MAX_POLLS, call, echo).values;
    ByteTalk {
        returned,
        seen,
        errors: [called.err(), echoed.err()],
        counters: counters.map(|counters| counters()),
        wrote: wrote.map(|wrote| wrote.lock().unwrap().clone()),
    }
}
