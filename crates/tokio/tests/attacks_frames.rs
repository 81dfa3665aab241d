//! Attacks on an open connection: the result of each frame, each flood and each race.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod attack_scene;

use std::collections::HashSet;
use std::time::Duration;

use attack_scene::{
    OFFER, Outcome, attack, attack_client, client, frame, header, listen, receive, server,
    unmask_headers,
};
use tidings_testkit::{Unit, Wire, deflate_bomb};
use tidings_tokio::websocket::{CloseStatus, SendError, Timeout, Violation};
use tidings_tokio::{
    CloseCode, Config, Error, Message, accept, client::client_handshake, compression::Compression,
    message::MessageKind,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CONTINUATION: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;
const RSV1: u8 = 0x40;
const FIN: u8 = 0x80;

fn compressing() -> Config {
    let mut config = Config::server();
    config.compression = Some(Compression::default());
    config
}

/// Frames that break a rule, as a client sends them, and the code that the connection ends with.
fn illegal_frames() -> Vec<(Vec<Vec<u8>>, u16)> {
    let alone = |frame: Vec<u8>| vec![frame];
    let with_len = |first: u8, second: u8, len: &[u8]| [&[first, second], len, &[0; 4]].concat();
    vec![
        // Reserved opcodes, whatever length they declare.
        (alone(frame(0x83, b"")), 1002),
        (alone(frame(0x8B, b"x")), 1002),
        (alone(header(0x83, 1 << 62)), 1002),
        // Reserved bits: no extension was agreed on.
        (alone(frame(TEXT | RSV1, b"x")), 1002),
        (alone(frame(TEXT | 0x20, b"x")), 1002),
        (alone(frame(PING | 0x10, b"x")), 1002),
        // Control frames in pieces, or long.
        (alone(frame(PING & !FIN, b"x")), 1002),
        (alone(header(PING, 126)), 1002),
        (alone(header(CLOSE, 1 << 40)), 1002),
        // Lengths: not the shortest form, the sign bit, too long.
        (alone(with_len(BINARY, 0xFE, &[0, 125])), 1002),
        (alone(with_len(BINARY, 0xFF, &[0, 0, 0, 0, 0, 0, 0xFF, 0xFF])), 1002),
        (alone(with_len(BINARY, 0xFF, &[0x80, 0, 0, 0, 0, 0, 0, 0])), 1002),
        (alone(header(BINARY, (1 << 63) - 1)), 1009),
        (alone(header(BINARY, 1 << 32)), 1009),
        (alone(header(TEXT, (1 << 24) + 1)), 1009),
        // Fragments out of turn.
        (alone(frame(CONTINUATION, b"x")), 1002),
        (vec![frame(TEXT & !FIN, b"x"), frame(TEXT, b"y")], 1002),
        // Invalid text, at once and only at its end.
        (alone(frame(TEXT, b"\xC0\x80")), 1007),
        (alone(frame(TEXT, b"\xED\xA0\x80")), 1007),
        (alone(frame(TEXT, b"ab\xE2\x82")), 1007),
        (vec![frame(TEXT & !FIN, b"\xE2"), frame(CONTINUATION, b"x")], 1007),
        // Close frames.
        (alone(frame(CLOSE, b"\x03")), 1002),
        (alone(frame(CLOSE, &1005u16.to_be_bytes())), 1002),
        (alone(frame(CLOSE, &1006u16.to_be_bytes())), 1002),
        (alone(frame(CLOSE, &999u16.to_be_bytes())), 1002),
        (alone(frame(CLOSE, b"\x03\xE8\xFF")), 1007),
    ]
}

/// The server and the client of the adapter. Earlier messages are
/// delivered, the code is the right one, and nothing follows.
#[tokio::test(start_paused = true)]
async fn every_illegal_frame_ends_the_connection_with_its_code() {
    for (frames, code) in illegal_frames() {
        let shown = format!("{:02x?}", &frames[0][..frames[0].len().min(20)]);
        let good = frame(TEXT, b"before");
        let bytes = [&good[..], &frames.concat(), &frame(TEXT, b"after")].concat();
        let outcome = attack(Config::server(), "", &bytes).await;
        check_violation(&outcome, code, &shown);

        let bytes = [vec![good], frames, vec![frame(TEXT, b"after")]].concat();
        let outcome = attack_client(Config::client(), &unmask_headers(&bytes)).await;
        check_violation(&outcome, code, &shown);
    }
}

fn check_violation(outcome: &Outcome, code: u16, shown: &str) {
    assert_eq!(outcome.messages, ["before".into()], "{shown}");
    assert!(matches!(outcome.error, Some(Error::Violation(_))), "{shown}: {:?}", outcome.error);
    assert_eq!(outcome.code(), Some(code), "{shown}");
    assert_eq!(outcome.units.len(), 1, "{shown}: {:?}", outcome.units);
}

/// One code, however the application receives.
#[tokio::test(start_paused = true)]
async fn every_way_to_receive_refuses_the_same() {
    for (frames, code) in illegal_frames() {
        for way in ["halves", "split", "pieces"] {
            let (mut server, mut far, _) = server(Config::server(), "").await;
            far.write_all(&frames.concat()).await.unwrap();
            let receiving = async {
                match way {
                    "halves" => {
                        let (mut receiver, mut sender) = server.split();
                        receiver.recv(&mut sender).await.map(|message| message.is_some())
                    }
                    "split" => server.into_split().0.recv().await.map(|message| message.is_some()),
                    _ => loop {
                        match server.recv_reader().await {
                            Ok(Some(mut reader)) => loop {
                                match reader.chunk().await {
                                    Ok(Some(_)) => {}
                                    Ok(None) => break,
                                    Err(error) => return Err(error),
                                }
                            },
                            Ok(None) => return Ok(false),
                            Err(error) => return Err(error),
                        }
                    },
                }
            };
            let (ended, units) = tokio::join!(receiving, listen(far, false));
            assert!(matches!(ended, Err(Error::Violation(_))), "{way}: {ended:?}");
            let told = Outcome { messages: vec![], error: None, units };
            assert_eq!(told.code(), Some(code), "{way}: {:02x?}", frames[0]);
        }
    }
}

/// With nothing configured, a message in fragments is as bounded as one in a frame, and
/// is refused on the header that takes it over the limit.
#[tokio::test(start_paused = true)]
async fn a_message_without_end_is_cut_at_the_default_limit() {
    let limit = Config::server().limits.max_message_len;
    for fragment_len in [1 << 10, 1 << 16] {
        let mut bytes = frame(BINARY & !FIN, &[]);
        for _ in 0..limit / fragment_len {
            bytes.extend(frame(0, &vec![7; usize::try_from(fragment_len).unwrap()]));
        }
        // The header is enough: its payload never comes.
        bytes.extend(header(0, 1));
        let outcome = attack(Config::server(), "", &bytes).await;
        assert_eq!((outcome.messages.len(), outcome.code()), (0, Some(1009)));
        let Some(Error::Violation(Violation::MessageTooLong { message_len, .. })) = outcome.error
        else {
            panic!("{:?}", outcome.error)
        };
        assert_eq!(message_len, limit + 1);
    }
}

/// Empty fragments count, and so do those of one byte.
#[tokio::test(start_paused = true)]
async fn tiny_fragments_are_counted() {
    for payload in [&b""[..], b"x"] {
        let mut bytes = frame(TEXT & !FIN, payload);
        bytes.extend(frame(0, payload).repeat(20_000));
        let outcome = attack(Config::server(), "", &bytes).await;
        assert_eq!((outcome.messages.len(), outcome.code()), (0, Some(1008)));
        let violation = matches!(
            outcome.error,
            Some(Error::Violation(Violation::TooManyFragments { max_fragments: 16_384 }))
        );
        assert!(violation, "{:?}", outcome.error);
    }
}

/// Pings, Pongs, both, and both between the fragments of a message. The clock stands
/// still, so the burst is all there is.
#[tokio::test(start_paused = true)]
async fn a_flood_of_control_frames_is_refused() {
    let (ping, pong) = (frame(PING, &[7; 125]), frame(PONG, b""));
    let fragment = frame(0, b"x");
    for flood in
        [ping.clone(), pong.clone(), [&ping[..], &pong].concat(), [&ping[..], &fragment].concat()]
    {
        let bytes = [frame(BINARY & !FIN, b""), flood.repeat(2000)].concat();
        let outcome = attack(Config::server(), "", &bytes).await;
        assert_eq!(outcome.code(), Some(1008), "{:?}", outcome.error);
        // RFC 6455, 5.5.3: at most one Pong for each read, not one for each Ping.
        let pongs = outcome.units.iter().filter(|unit| matches!(unit, Unit::Pong(_))).count();
        assert!(pongs <= 200, "{pongs} Pongs");
    }
}

/// To a server that may ping as fast as it likes, and does not read, Pongs do not pile up: no
/// more are queued than the 64 KiB at which a `send` would wait, then the last one waits alone.
#[tokio::test(start_paused = true)]
async fn pongs_that_cannot_be_written_do_not_pile_up() {
    let mut config = Config::client();
    config.limits.control_frames.burst = u32::MAX;
    config.limits.control_frames.per_second = u32::MAX;
    config.timeouts.closing = Duration::from_secs(1);
    let (near, mut far) = tokio::io::duplex(127);
    let options = tidings_tokio::ConnectOptions::new().config(config);
    let (client, ()) = tokio::join!(client_handshake(near, "ws://example.com/", &options), async {
        let head = attack_scene::read_head(&mut far).await;
        far.write_all(attack_scene::switching(&head).as_bytes()).await.unwrap();
    });
    let mut client = client.unwrap();
    client.feed(vec![7; 200]).unwrap();
    let flood = async {
        for number in 0..2_000u32 {
            // One a read, as large as can be.
            let ping = [&[PING, 125][..], &number.to_be_bytes(), &[0; 121]].concat();
            far.write_all(&ping).await.unwrap();
        }
        far.write_all(b"\x81\x04done").await.unwrap();
    };
    let (done, ()) = tokio::join!(client.recv(), flood);
    assert_eq!(done.unwrap(), Some("done".into()));
    let listening = tokio::spawn(async move { listen(far, true).await });
    let _ = client.close(CloseCode::NORMAL, "").await;
    let units = listening.await.unwrap();
    let pongs: Vec<_> = units
        .iter()
        .filter_map(|unit| match unit {
            Unit::Pong(payload) => Some(u32::from_be_bytes(*payload.first_chunk().unwrap())),
            _ => None,
        })
        .collect();
    assert!(pongs.len() <= 64 * 1024 / 131 + 2, "{} Pongs", pongs.len());
    assert_eq!(pongs.last(), Some(&1_999), "the last Ping is the one to be answered");
}

/// Pongs that answer nothing, the same again and again, and after the Close.
#[tokio::test(start_paused = true)]
async fn pongs_that_nobody_asked_for_do_nothing() {
    let mut bytes = Vec::new();
    for payload in [&b""[..], b"1", b"1", b"1", &[0; 125]] {
        bytes.extend(frame(PONG, payload));
    }
    bytes.extend(frame(TEXT, b"still here"));
    bytes.extend(frame(CLOSE, &1000u16.to_be_bytes()));
    bytes.extend(frame(PONG, b"1").repeat(300));
    let outcome = attack(Config::server(), "", &bytes).await;
    assert_eq!(outcome.messages, ["still here".into()]);
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.units, [Unit::Close(Some((1000, String::new())))]);
}

/// Messages that grow a thousandfold, in one frame, in fragments, and byte by byte.
#[tokio::test(start_paused = true)]
async fn a_bomb_is_cut_at_the_limit_of_what_comes_out() {
    let bomb = deflate_bomb(64);
    assert!(bomb.len() < 128 << 10, "{} bytes", bomb.len());
    for fragment_len in [bomb.len(), 1000, 7] {
        let mut bytes = frame(BINARY & !FIN | RSV1, b"");
        for fragment in bomb.chunks(fragment_len) {
            bytes.extend(frame(0, fragment));
        }
        bytes.extend(frame(CONTINUATION, b""));
        let outcome = attack(compressing(), OFFER, &bytes).await;
        assert_eq!((outcome.messages.len(), outcome.code()), (0, Some(1009)), "{fragment_len}");
    }
}

/// After a bomb nothing is inflated any more, not even corrupt data.
#[tokio::test(start_paused = true)]
async fn after_a_bomb_nothing_is_looked_at() {
    let bytes =
        [frame(BINARY | RSV1, &deflate_bomb(2)), frame(BINARY | RSV1, b"\xFF\xFF")].concat();
    let outcome = attack(compressing(), OFFER, &bytes).await;
    assert_eq!((outcome.messages.len(), outcome.code()), (0, Some(1009)));
    assert_eq!(outcome.units.len(), 1);
}

/// One frame is one message, whatever blocks are in it, and the output is the same as
/// zlib's.
#[tokio::test(start_paused = true)]
async fn no_message_is_smuggled_inside_a_compressed_one() {
    const HELLO: &[u8] = b"\xF2\x48\xCD\xC9\xC9\x07\x00";
    let cases: [(Vec<u8>, &str); 7] = [
        (HELLO.to_vec(), "Hello"),
        // The tail inside, as if a message ended there; an empty block; none at all.
        ([HELLO, b"\0\0\xFF\xFF", HELLO].concat(), "HelloHello"),
        ([b"\0\0\0\xFF\xFF", HELLO].concat(), "Hello"),
        (b"\0".to_vec(), ""),
        // Final blocks, which end no message (RFC 7692, 7.2.3.4).
        (b"\xF3\x48\xCD\xC9\xC9\x07\x00\0".to_vec(), "Hello"),
        (b"\x03\x00\0".to_vec(), ""),
        // Stored.
        (b"\0\x05\0\xFA\xFFHello\0".to_vec(), "Hello"),
    ];
    for (payload, text) in &cases {
        let close = frame(CLOSE, &1000u16.to_be_bytes());
        for cut in 0..=payload.len() {
            let (first, last) = payload.split_at(cut);
            let bytes = [
                frame(TEXT & !FIN | RSV1, first),
                frame(CONTINUATION, last),
                frame(TEXT, b"next"),
                close.clone(),
            ];
            let outcome = attack(compressing(), OFFER, &bytes.concat()).await;
            let expected = [Message::text(*text), "next".into()];
            assert_eq!(outcome.messages, expected, "{payload:x?} at {cut}: {:?}", outcome.error);
            assert_eq!(outcome.code(), Some(1000));
        }
    }
}

/// A message that cannot be inflated, or continues after its end, is corrupt: 1007, and
/// not a message.
#[tokio::test(start_paused = true)]
async fn data_that_cannot_be_inflated_is_not_a_message() {
    let cases: [&[u8]; 6] = [
        b"\xFF\xFF",                           // a reserved kind of block
        b"\xF2\x48\xCD",                       // cut inside a block
        b"\0\x05\0\xFA\xFFHel",                // cut inside a stored block
        b"\0\x05\0\0\0Hello\0",                // a length that does not match its complement
        b"\xF3\x48\xCD\xC9\xC9\x07\0\xFF\xFF", // garbage after a final block
        b"\x4A\x01\x11\x00\0", // reaches back to before the beginning, or is corrupt
    ];
    for payload in cases {
        let bytes = [frame(BINARY | RSV1, payload), frame(TEXT, b"next")].concat();
        let outcome = attack(compressing(), OFFER, &bytes).await;
        assert_eq!((outcome.messages.len(), outcome.code()), (0, Some(1007)), "{payload:x?}");
    }
}

/// RSV1 where it says nothing, though compression was agreed on.
#[tokio::test(start_paused = true)]
async fn rsv1_stands_at_the_beginning_of_a_message_and_nowhere_else() {
    let fragments = [frame(TEXT & !FIN, b"x"), frame(CONTINUATION | RSV1, b"y")].concat();
    let compressed = [frame(TEXT & !FIN | RSV1, b""), frame(CONTINUATION | RSV1, b"\0")].concat();
    for bytes in [fragments, compressed, frame(PING | RSV1, b""), frame(TEXT | 0x60, b"\0")] {
        let outcome = attack(compressing(), OFFER, &bytes).await;
        assert_eq!((outcome.messages.len(), outcome.code()), (0, Some(1002)), "{bytes:x?}");
    }
}

/// Nothing is compressed that was not asked for: not by default, and not once it is switched
/// off.
#[tokio::test(start_paused = true)]
async fn compression_is_off_unless_asked_for() {
    let (mut plain, mut far, head) = server(Config::server(), OFFER).await;
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-extensions"), "{head}");
    plain.send("a".repeat(1000)).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), TEXT);

    let (mut compressed, mut far, head) = server(compressing(), OFFER).await;
    assert!(head.contains("permessage-deflate"), "{head}");
    compressed.set_compressing(false);
    compressed.send("secret".repeat(100)).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), TEXT);
}

/// The keys that a server sees are distributed evenly, and differ from frame to frame and
/// from connection to connection.
#[tokio::test(start_paused = true)]
async fn masking_keys_cannot_be_foreseen() {
    let mut keys = Vec::new();
    for _ in 0..4 {
        let (mut client, mut far) = client(Config::client()).await;
        for _ in 0..250 {
            client.feed("the same").unwrap();
        }
        client.flush().await.unwrap();
        drop(client);
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
        let wire = Wire::read(true, &bytes).unwrap();
        keys.extend(wire.frames().iter().map(|frame| u32::from_be_bytes(frame.key.unwrap())));
    }
    assert_eq!(keys.len(), 1000);
    // Two of a thousand are equal once in nine thousand runs, four once in some 10^9.
    assert!(keys.iter().collect::<HashSet<_>>().len() >= 998);
    for bit in 0..32 {
        let ones = keys.iter().filter(|key| *key >> bit & 1 == 1).count();
        // Ten standard deviations.
        assert!((340..=660).contains(&ones), "bit {bit} was set {ones} times");
    }
}

/// A peer that sends just enough to look alive, in each
/// state. The clock is virtual.
#[tokio::test(start_paused = true)]
async fn a_slow_writer_is_given_up_in_every_state() {
    let message_timeout = Config::server().timeouts.message;
    let closing_timeout = Config::server().timeouts.closing;
    let trickle: [(&str, Vec<u8>, Vec<u8>); 4] = [
        ("in a header", vec![], header(BINARY, 1 << 19)),
        ("in a payload", header(BINARY, 1 << 19), vec![7; 1 << 10]),
        ("in a control frame", header(PING, 125), vec![7; 125]),
        // Between fragments: whole Pings, ten seconds each.
        ("between fragments", frame(TEXT & !FIN, b"x"), frame(PING, b"").repeat(100)),
    ];
    for (state, first, slow) in trickle {
        let (mut server, mut far, _) = server(Config::server(), "").await;
        let start = Instant::now();
        let writing = tokio::spawn(async move {
            far.write_all(&first).await.unwrap();
            for byte in slow {
                // The server may have given up.
                let _ = far.write_all(&[byte]).await;
                tokio::time::sleep(Duration::from_millis(4500)).await;
            }
        });
        let (_, error) = receive(&mut server).await;
        let is_timeout = matches!(error, Some(Error::Timeout(Timeout::Message)));
        assert!(is_timeout, "{state}: {error:?}");
        let took = start.elapsed();
        assert!(took >= message_timeout && took <= message_timeout * 2, "{state}: {took:?}");
        writing.abort();
    }
    // In the closing handshake: one message after the other, and never a Close.
    let (mut server, mut far, _) = server(Config::server(), "").await;
    let start = Instant::now();
    let writing = tokio::spawn(async move {
        while far.write_all(&frame(TEXT, b"not yet")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let closed = server.close(CloseCode::NORMAL, "").await;
    assert!(matches!(closed, Err(Error::Timeout(_))), "{closed:?}");
    let took = start.elapsed();
    assert!(took >= closing_timeout && took <= closing_timeout * 2, "{took:?}");
    writing.abort();
}

/// A peer that keeps sending after its violation was reported is not read for ever.
#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_on_after_its_violation_is_left() {
    let (mut server, mut far, _) = server(Config::server(), "").await;
    let writing = tokio::spawn(async move {
        let mut written = 0u64;
        let flood = vec![0x83; 1 << 16];
        while far.write_all(&flood).await.is_ok() {
            written += 1 << 16;
            assert!(written < 1 << 30, "a gibibyte was taken from a peer that had failed");
        }
    });
    let (messages, error) = receive(&mut server).await;
    assert!(messages.is_empty() && matches!(error, Some(Error::Violation(_))), "{error:?}");
    drop(server);
    writing.await.unwrap();
}

/// Both sides close at once, the same side twice, while a message is on its way, and from a
/// half whose other half is gone.
#[tokio::test(start_paused = true)]
async fn closing_from_everywhere_at_once_ends_once() {
    let pair = async || {
        let (near, far) = tokio::io::duplex(1 << 10);
        let options = tidings_tokio::ConnectOptions::new();
        let (server, client) = tokio::join!(
            accept(near, Config::server()),
            client_handshake(far, "ws://example.com/", &options),
        );
        (server.unwrap(), client.unwrap())
    };
    // Both at once, with unread messages under way in both directions.
    let (mut server, mut client) = pair().await;
    server.feed("late").unwrap();
    client.feed("late").unwrap();
    let (served, closed) = tokio::join!(
        server.close(CloseCode::GOING_AWAY, "s"),
        client.close(CloseCode::NORMAL, "c")
    );
    assert!(served.is_ok() && closed.is_ok(), "{served:?}, {closed:?}");
    assert_eq!(server.close_info().received.reason(), "c");
    // Twice, and then a message.
    server.close(CloseCode::NORMAL, "again").await.unwrap();
    let sent = server.send("more").await;
    assert!(matches!(sent, Err(Error::Send(SendError::NotOpen))), "{sent:?}");

    // Inside a large message that the peer takes while it closes.
    let (server, client) = pair().await;
    let (mut receiver, mut sender) = server.into_split();
    let (mut other_receiver, mut other_sender) = client.into_split();
    let sending = tokio::spawn(async move {
        let sent = sender.send(vec![7; 300_000]).await;
        let closed = sender.close(CloseCode::NORMAL, "").await;
        (sent.is_ok(), closed.is_ok())
    });
    let receiving = tokio::spawn(async move {
        while let Ok(Some(_)) = receiver.recv().await {}
        receiver.close_info().is_clean()
    });
    let whole = other_receiver.recv().await.unwrap().unwrap();
    assert_eq!(whole.as_binary().map(<[u8]>::len), Some(300_000));
    let (ended, closed) =
        tokio::join!(other_receiver.recv(), other_sender.close(CloseCode::NORMAL, ""));
    assert!(matches!(ended, Ok(None)) && closed.is_ok(), "{ended:?}, {closed:?}");
    assert_eq!(sending.await.unwrap(), (true, true));
    assert!(receiving.await.unwrap());

    // A half is dropped while the other closes; then that one too.
    let (server, mut client) = pair().await;
    let (receiver, mut sender) = server.into_split();
    drop(receiver);
    let (closed, seen) = tokio::join!(sender.close(CloseCode::NORMAL, ""), client.recv());
    assert!(closed.is_ok() && matches!(seen, Ok(None)), "{closed:?}, {seen:?}");
}

/// Bytes after a Close are not looked at, and the end is the one that both sides agreed on.
#[tokio::test(start_paused = true)]
async fn nothing_counts_after_a_close() {
    let close = frame(CLOSE, &4001u16.to_be_bytes());
    for after in [frame(TEXT, b"late"), frame(0x83, b""), vec![0xFF; 300], close.clone()] {
        let outcome = attack(Config::server(), "", &[&close[..], &after].concat()).await;
        assert!(outcome.messages.is_empty() && outcome.error.is_none(), "{:?}", outcome.error);
        assert_eq!(outcome.units, [Unit::Close(Some((4001, String::new())))]);
    }
}

/// A sender that is faster than its peer waits, and its queue without waiting is bounded. A
/// message in chunks waits as well.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_stops_the_sender() {
    let (near, _far) = tokio::io::duplex(1 << 10);
    let role = tidings_tokio::server::ServerRole;
    let mut server = tidings_tokio::WebSocket::from_handshaken(near, role, Config::server(), &[]);
    let mut fed = 0;
    let refused = loop {
        match server.feed(vec![7; 10_000]) {
            Ok(()) => fed += 10_000,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::QueueFull { .. }), "{refused:?}");
    // The one that crosses the mark is taken whole.
    assert!(fed <= Config::server().max_write_queue_len + 10_000, "{fed} bytes were queued");
    let mut writer = server.writer(MessageKind::Binary).unwrap();
    let mut written = 0;
    let error = loop {
        match writer.write(&[7; 1000]).await {
            Ok(()) => written += 1000,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::WriteTimeout(_)), "{error:?}");
    assert!(written <= 1000, "{written} more bytes were taken");
}

/// A peer that takes a byte now and then does not keep a connection that is closing:
/// after our Close, after its own, and after its violation; with more queued than `send` would wait
/// for, and with less.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_hold_up_the_end() {
    for queued in [10_000, 200_000] {
        // 16 KiB a second have to be taken.
        let writing = Config::server().write_timeout + Duration::from_secs(queued / (16 * 1024));
        let limit = Config::server().timeouts.closing + writing;
        for sent in [frame(PONG, b""), frame(CLOSE, &1000u16.to_be_bytes()), frame(0x83, b"")] {
            let (near, mut far) = tokio::io::duplex(1 << 10);
            let role = tidings_tokio::server::ServerRole;
            let mut server =
                tidings_tokio::WebSocket::from_handshaken(near, role, Config::server(), &[]);
            server.feed(vec![7; queued.try_into().unwrap()]).unwrap();
            far.write_all(&sent).await.unwrap();
            let reading = tokio::spawn(async move {
                while far.read_u8().await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(4)).await;
                }
            });
            let start = Instant::now();
            let closed = server.close(CloseCode::NORMAL, "").await;
            let took = start.elapsed();
            assert!(took <= limit + Duration::from_secs(2), "{took:?} with {queued}: {closed:?}");
            reading.abort();
        }
    }
}

/// A peer that vanishes in the middle of anything is an error of its own connection
/// only.
#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_anywhere_is_a_disconnect() {
    let bytes = [
        frame(TEXT, "é".as_bytes()),
        frame(BINARY & !FIN, &[1; 200]),
        frame(PING, b"?"),
        frame(CONTINUATION, &[2; 3]),
    ]
    .concat();
    for cut in 0..=bytes.len() {
        let (mut server, mut far, _) = server(Config::server(), "").await;
        far.write_all(&bytes[..cut]).await.unwrap();
        drop(far);
        let (messages, error) = receive(&mut server).await;
        assert!(error.as_ref().is_some_and(Error::is_disconnect), "{cut}: {error:?}");
        assert_eq!(server.close_info().received, CloseStatus::Missing);
        assert_eq!(messages.len(), usize::from(cut >= 8) + usize::from(cut == bytes.len()));
    }
}
