//! The rules of RFC 6455, sections 5 to 7, one connection at a time, at every cut of its input.

use core::time::Duration;
use std::borrow::ToOwned;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use tidings_frame::{
    CloseCode, CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Frame, MaskingKey,
    PayloadTooLong,
};

use crate::*;

mod compression;

const KEY: [u8; 4] = [0xA1, 0x02, 0xFF, 0x10];

type TestClient = Client<fn() -> [u8; 4]>;

fn server() -> Connection<Server> {
    Connection::new(Server, Limits::server(), Timeouts::server(), Timestamp::default())
}

fn client() -> Connection<TestClient> {
    let role = Client::new((|| KEY) as fn() -> [u8; 4]);
    Connection::new(role, Limits::client(), Timeouts::client(), Timestamp::default())
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_epoch(Duration::from_secs(seconds))
}

/// A frame's bytes, as a client sends them if `masked`.
fn bytes_of(frame: Frame<'_>, masked: bool) -> Vec<u8> {
    let frame = if masked { frame.with_masking_key(MaskingKey::new(KEY)) } else { frame };
    let mut bytes = vec![0; frame.encoded_len()];
    frame.encode_into(&mut bytes).unwrap();
    bytes
}

fn control(opcode: ControlOpcode, payload: &[u8], masked: bool) -> Vec<u8> {
    bytes_of(Frame::control(opcode, &ControlPayload::new(payload).unwrap()), masked)
}

/// What a test says of a connection: its events and what it transmitted, in one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Log(Vec<String>);

impl Log {
    /// Feeds `stream` in these chunks, polling after each, and joins the parts of messages.
    fn of<'a, R: Role>(
        connection: &mut Connection<R>,
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let mut log = Self::default();
        let mut assembler = Assembler::new();
        for chunk in chunks {
            let mut chunk = chunk.to_owned();
            let mut input = &mut chunk[..];
            while let Some(event) = connection.receive(Timestamp::default(), &mut input) {
                match assembler.push(event) {
                    Assembled::Incomplete => {}
                    Assembled::Message(Message::Text(text)) => {
                        log.0.push(std::format!("text {text}"));
                    }
                    Assembled::Message(Message::Binary(bytes)) => {
                        log.0.push(std::format!("binary {}", bytes.escape_ascii()));
                    }
                    Assembled::Other(Event::Ping(payload)) => log.payload("ping", payload),
                    Assembled::Other(Event::Pong(payload)) => log.payload("pong", payload),
                    Assembled::Other(Event::Close(close)) => {
                        let close = close.map(|close| close.to_string()).unwrap_or_default();
                        log.0.push(std::format!("close {close}"));
                    }
                    Assembled::Other(Event::Violation(violation)) => {
                        log.0.push(std::format!("violation {}", violation.close_code().get()));
                    }
                    Assembled::Other(Event::Compressed {
                        message_type,
                        bytes,
                        is_first,
                        is_last,
                    }) => {
                        let part = match (is_first, is_last) {
                            (true, true) => "whole",
                            (true, false) => "first",
                            (false, false) => "middle",
                            (false, true) => "last",
                        };
                        let bytes = bytes.escape_ascii();
                        log.0.push(std::format!("compressed {message_type:?} {part} {bytes}"));
                    }
                    Assembled::Other(other) => panic!("{other:?}"),
                }
            }
            assert!(input.is_empty(), "all input is taken");
            log.transmit(connection);
        }
        log
    }

    fn payload(&mut self, what: &str, payload: ControlPayload) {
        self.0.push(std::format!("{what} {}", payload.as_bytes().escape_ascii()));
    }

    fn transmit<R: Role>(&mut self, connection: &mut Connection<R>) {
        while let Some(transmit) = connection.poll_transmit() {
            self.0.push(match transmit {
                Transmit::Frame(frame) => std::format!("> {}", frame.as_bytes().escape_ascii()),
                Transmit::Shutdown => "> shutdown".to_owned(),
            });
        }
    }

    fn lines(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// The same stream whole, at every cut, and byte by byte. What is transmitted between may come
/// earlier with more cuts, so the events and the transmits are compared apart.
fn at_every_cut<R: Role>(new: impl Fn() -> Connection<R>, stream: &[u8], expected: &[&str]) {
    let apart = |log: &Log| -> (Vec<String>, Vec<String>) {
        log.0.iter().cloned().partition(|line| !line.starts_with('>'))
    };
    let whole = Log::of(&mut new(), [stream]);
    assert_eq!(whole.lines(), expected);
    for cut in 0..=stream.len() {
        let cut_log = Log::of(&mut new(), [&stream[..cut], &stream[cut..]]);
        assert_eq!(apart(&cut_log), apart(&whole), "cut at {cut}");
    }
    assert_eq!(apart(&Log::of(&mut new(), stream.chunks(1))), apart(&whole), "byte by byte");
}

/// W-074 to W-080, W-092, W-095, W-101: fragments, empty ones too, with a Ping between, a character
/// cut by the border of two frames.
#[test]
fn a_fragmented_message_arrives_whole_around_a_ping() {
    let stream = |masked| {
        [
            bytes_of(Frame::fragment(DataOpcode::Text, b""), masked),
            bytes_of(Frame::fragment(DataOpcode::Continuation, b"gr\xC3"), masked),
            control(ControlOpcode::Ping, b"?", masked),
            bytes_of(Frame::fragment(DataOpcode::Continuation, b""), masked),
            bytes_of(Frame::fragment(DataOpcode::Continuation, b"\xBC"), masked),
            bytes_of(Frame::data(DataOpcode::Continuation, b"n"), masked),
            bytes_of(Frame::data(DataOpcode::Binary, b"\x00"), masked),
        ]
        .concat()
    };
    let expected = ["ping ?", "text grün", "binary \\x00", "> \\x8a\\x01?"];
    at_every_cut(server, &stream(true), &expected);
    let expected = ["ping ?", "text grün", "binary \\x00", "> \\x8a\\x81\\xa1\\x02\\xff\\x10\\x9e"];
    at_every_cut(client, &stream(false), &expected);
}

/// W-060, W-063, W-064, W-066, W-073, W-075, W-076, W-083, W-095, W-096, W-116, W-127: every
/// violation, its code, and that it is the last event: P-06, P-08, W-108, W-109, W-110.
#[test]
fn a_violation_is_the_last_event_and_its_close_is_owed() {
    use DataOpcode::{Binary, Continuation, Text};
    let fragment = |opcode| bytes_of(Frame::fragment(opcode, b"a"), true);
    let cases: [(Vec<u8>, &str, u16); 14] = [
        // W-060
        (bytes_of(Frame::data(Text, b"a"), false), "frame not masked", 1002),
        (control(ControlOpcode::Close, b"", false), "frame not masked", 1002),
        // W-076
        (bytes_of(Frame::data(Continuation, b"a"), true), "continuation without a message", 1002),
        (fragment(Continuation), "continuation without a message", 1002),
        // W-075
        (
            [fragment(Text), bytes_of(Frame::data(Text, b"a"), true)].concat(),
            "message inside a fragmented message",
            1002,
        ),
        ([fragment(Binary), fragment(Text)].concat(), "message inside a fragmented message", 1002),
        // W-063, W-064, W-073, W-066
        (vec![0xC1, 0x80, 0, 0, 0, 0], "illegal frame header", 1002),
        (vec![0x83, 0x80, 0, 0, 0, 0], "illegal frame header", 1002),
        (vec![0x09, 0x80, 0, 0, 0, 0], "illegal frame header", 1002),
        (vec![0x82, 0xFE, 0, 1, 0, 0, 0, 0, 0], "illegal frame header", 1002),
        // W-095, W-096: at once, inside the frame, and at the end of the message
        (bytes_of(Frame::data(Text, b"a\xFFb"), true), "text is not UTF-8", 1007),
        (bytes_of(Frame::data(Text, b"a\xC3"), true), "text is not UTF-8", 1007),
        // W-083, W-116
        (control(ControlOpcode::Close, b"\x03", true), "illegal close frame", 1002),
        (control(ControlOpcode::Close, b"\x03\xEE", true), "illegal close frame", 1002),
    ];
    for (stream, reason, code) in cases {
        let close = CloseFrame::new(CloseCode::new(code).unwrap(), reason);
        let close = control(ControlOpcode::Close, close.to_payload().as_bytes(), false);
        let close = std::format!("> {}", close.escape_ascii());
        let violation = std::format!("violation {code}");
        let expected = [violation.as_str(), &close, "> shutdown"];
        // What follows is discarded: a valid message gives no event.
        let followed = [stream, bytes_of(Frame::data(Text, b"later"), true)].concat();
        at_every_cut(server, &followed, &expected);
    }
}

/// W-062: a client refuses a masked frame, of any opcode, even an empty one.
#[test]
fn a_client_refuses_masked_frames() {
    for stream in [
        bytes_of(Frame::data(DataOpcode::Text, b""), true),
        control(ControlOpcode::Pong, b"", true),
    ] {
        let log = Log::of(&mut client(), [&stream[..]]);
        assert_eq!(log.lines()[0], "violation 1002");
    }
}

/// W-096, Autobahn 6.4: the bad byte is refused when it comes, in the middle of a frame.
#[test]
fn invalid_text_fails_before_its_frame_is_complete() {
    let mut stream = bytes_of(Frame::data(DataOpcode::Text, b"abc\xFFdef"), true);
    stream.truncate(2 + 4 + 4);
    let log = Log::of(&mut server(), [&stream[..]]);
    assert_eq!(log.lines()[0], "violation 1007");
}

/// What came before the violation is delivered, chunk by chunk.
#[test]
fn a_message_before_a_violation_is_not_lost() {
    let stream = [bytes_of(Frame::data(DataOpcode::Text, b"first"), true), vec![0xFF]].concat();
    let log = Log::of(&mut server(), [&stream[..]]);
    assert_eq!(log.lines()[..2], ["text first", "violation 1002"]);
}

/// W-087, W-088, W-104, W-106, W-107: the closing handshake, started by either side.
#[test]
fn a_close_is_answered_with_its_code() {
    for (payload, shown, answer) in [
        (&b""[..], "close ", "> \\x88\\x00"),
        (b"\x03\xE8", "close 1000 (normal closure)", "> \\x88\\x02\\x03\\xe8"),
        (b"\x0F\xA1bye", "close 4001: bye", "> \\x88\\x02\\x0f\\xa1"),
    ] {
        let stream = control(ControlOpcode::Close, payload, true);
        at_every_cut(server, &stream, &[shown, answer, "> shutdown"]);

        let mut connection = server();
        Log::of(&mut connection, [&stream[..]]);
        assert!(connection.is_finished() && connection.closure().is_clean());
        let expected = match payload {
            [] => 1005,
            [high, low, ..] => u16::from_be_bytes([*high, *low]),
            [_] => unreachable!(),
        };
        assert_eq!(connection.closure().received.code(), expected);
        assert_eq!(connection.closure().sent.code(), expected);
        assert_eq!(connection.closure().received.reason().len(), payload.len().saturating_sub(2));
    }
}

/// W-086, W-098: nothing can be sent once closing has begun, and nothing has changed by trying.
#[test]
fn nothing_is_sent_after_close() {
    let mut connection = server();
    let frame = connection.send(Data::text("open").more()).unwrap();
    assert_eq!(bytes_of(frame, false), b"\x01\x04open");
    connection.close(at(0), Some(CloseFrame::new(CloseCode::GOING_AWAY, "bye")));
    assert_eq!(connection.send(Data::text("more")), Err(SendError::NotOpen));
    assert_eq!(connection.ping(ControlPayload::EMPTY), Err(SendError::NotOpen));
    assert_eq!(connection.pong(ControlPayload::EMPTY), Err(SendError::NotOpen));
    connection.close(at(0), None); // the first one counts
    let mut log = Log::default();
    log.transmit(&mut connection);
    assert_eq!(log.lines(), ["> \\x88\\x05\\x03\\xe9bye"]);
    // Data that the peer sent before it saw our Close still arrives; then its answer ends it.
    let stream = [
        bytes_of(Frame::data(DataOpcode::Text, b"late"), true),
        control(ControlOpcode::Close, b"\x03\xE9", true),
    ]
    .concat();
    let log = Log::of(&mut connection, [&stream[..]]);
    assert_eq!(log.lines(), ["text late", "close 1001 (going away)", "> shutdown"]);
    assert!(connection.closure().is_clean());
}

/// W-089: the client waits for the server to end the transport, but not for ever.
#[test]
fn a_client_waits_for_the_server_to_end_the_transport() {
    let close = control(ControlOpcode::Close, b"\x03\xE8", false);

    let mut connection = client();
    let log = Log::of(&mut connection, [&close[..]]);
    assert_eq!(log.0.len(), 2, "the close and its answer, no shutdown: {log:?}");
    assert!(!connection.is_finished());
    connection.receive_eof();
    assert_eq!(connection.poll_transmit(), Some(Transmit::Shutdown));
    assert_eq!(connection.poll_transmit(), None);
    assert!(connection.is_finished() && connection.closure().is_clean());

    let mut connection = client();
    Log::of(&mut connection, [&close[..]]);
    assert_eq!(connection.poll_timeout(), Some(at(10)));
    assert_eq!(connection.handle_timeout(at(9)), None);
    assert_eq!(connection.handle_timeout(at(10)), Some(Timeout::Closing));
    assert_eq!(connection.poll_transmit(), Some(Transmit::Shutdown));
    assert_eq!(connection.poll_timeout(), None);
    assert_eq!(connection.handle_timeout(at(99)), None);
}

/// W-090: both sides may close at the same time, and each ends as if it had been first.
#[test]
fn both_sides_may_close_at_once() {
    let mut server = server();
    let mut client = client();
    server.close(at(0), Some(CloseFrame::new(CloseCode::GOING_AWAY, "")));
    client.close(at(0), Some(CloseFrame::new(CloseCode::NORMAL, "")));
    let from_server = transmitted(&mut server);
    let from_client = transmitted(&mut client);
    let log = Log::of(&mut client, [&from_server[..]]);
    assert_eq!(log.lines(), ["close 1001 (going away)"]);
    let log = Log::of(&mut server, [&from_client[..]]);
    assert_eq!(log.lines(), ["close 1000 (normal closure)", "> shutdown"]);
    client.receive_eof();
    assert_eq!(client.poll_transmit(), Some(Transmit::Shutdown));
    assert!(server.closure().is_clean() && client.closure().is_clean());
}

fn transmitted<R: Role>(connection: &mut Connection<R>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Transmit::Frame(frame)) = connection.poll_transmit() {
        bytes.extend_from_slice(frame.as_bytes());
    }
    bytes
}

/// W-105, W-106, W-111: the end of the transport without a Close is 1006 and not clean.
#[test]
fn an_end_without_close_is_abnormal() {
    let mut connection = server();
    Log::of(&mut connection, [&[0x81, 0x85][..]]);
    connection.receive_eof();
    assert_eq!(connection.poll_transmit(), Some(Transmit::Shutdown));
    assert_eq!(connection.closure().received.code(), 1006);
    assert!(!connection.closure().is_clean());
    assert_eq!(connection.send(Data::text("x")), Err(SendError::NotOpen));
    let mut late = [0x81, 0x80, 0, 0, 0, 0];
    assert_eq!(connection.receive(at(0), &mut &mut late[..]), None);
}

/// A half-closed peer still reads: what is owed is transmitted before the end.
#[test]
fn what_is_owed_goes_out_after_the_peers_end() {
    let mut connection = server();
    let mut ping = control(ControlOpcode::Ping, b"!", true);
    assert!(connection.receive(at(0), &mut &mut ping[..]).is_some());
    connection.receive_eof();
    let mut log = Log::default();
    log.transmit(&mut connection);
    assert_eq!(log.lines(), ["> \\x8a\\x01!", "> shutdown"]);
}

/// W-091 to W-094, V-10: of many Pings the last is answered; a Pong is never answered.
#[test]
fn only_the_last_ping_is_answered() {
    let stream = [
        control(ControlOpcode::Ping, b"one", true),
        control(ControlOpcode::Pong, b"unasked", true),
        control(ControlOpcode::Ping, &[b'x'; 125], true),
        control(ControlOpcode::Ping, b"last", true),
    ]
    .concat();
    let log = Log::of(&mut server(), [&stream[..]]);
    assert_eq!(log.lines()[4..], ["> \\x8a\\x04last"]);
}

/// W-091: no Pong after a Close was received, even for a Ping that came before it.
#[test]
fn pongs_go_before_the_close_and_never_after() {
    let stream = [
        control(ControlOpcode::Ping, b"a", true),
        control(ControlOpcode::Close, b"", true),
        control(ControlOpcode::Ping, b"b", true),
    ]
    .concat();
    let log = Log::of(&mut server(), [&stream[..]]);
    assert_eq!(log.lines(), ["ping a", "close ", "> \\x8a\\x01a", "> \\x88\\x00", "> shutdown"]);
}

/// W-117: a client may say 1010, and gets no 1010 back.
#[test]
fn a_close_with_1010_is_answered_with_1000() {
    let stream = control(ControlOpcode::Close, b"\x03\xF2", true);
    at_every_cut(
        server,
        &stream,
        &["close 1010 (mandatory extension)", "> \\x88\\x02\\x03\\xe8", "> shutdown"],
    );
}

/// W-117: 1010 is for clients to send.
#[test]
fn a_server_never_sends_1010() {
    let mandatory = Some(CloseFrame::new(CloseCode::MANDATORY_EXTENSION, ""));
    let mut connection = server();
    connection.close(at(0), mandatory);
    assert_eq!(transmitted(&mut connection), b"\x88\x02\x03\xF3"); // 1011
    let mut connection = client();
    connection.close(at(0), mandatory);
    assert_eq!(transmitted(&mut connection)[..2], [0x88, 0x82]);
}

/// W-059, W-061, W-069, W-099, V-60: one key is drawn for each frame of a client, none is used
/// twice, and a server has none to draw.
#[test]
fn a_client_draws_one_key_for_each_frame() {
    let mut drawn = 0u32;
    let role = Client::new(|| {
        drawn += 1;
        drawn.to_be_bytes()
    });
    let mut connection =
        Connection::new(role, Limits::client(), Timeouts::client(), Timestamp::default());
    let mut keys = Vec::new();
    for data in [Data::text("a").more(), Data::text("b"), Data::binary(b"")] {
        keys.push(connection.send(data).unwrap().header().masking_key().unwrap().to_bytes());
    }
    let ping = connection.ping(ControlPayload::EMPTY).unwrap();
    keys.push(*ping.as_bytes()[2..].first_chunk().unwrap());
    assert_eq!(keys, [[0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 3], [0, 0, 0, 4]]);
    assert_eq!(drawn, 4);
    assert_eq!(server().send(Data::text("a")).unwrap().header().masking_key(), None);
}

/// W-099: the first frame has the type, only the last has FIN.
#[test]
fn pieces_of_a_message_are_framed_in_order() {
    let mut connection = server();
    let frames = [
        (Data::text("a").more(), &b"\x01\x01a"[..]),
        (Data::text("").more(), b"\x00\x00"),
        (Data::text("b"), b"\x80\x01b"),
        (Data::binary(b"c"), b"\x82\x01c"),
    ];
    for ((data, expected), is_inside) in frames.into_iter().zip([true, true, false, false]) {
        assert_eq!(bytes_of(connection.send(data).unwrap(), false), expected);
        assert_eq!(connection.is_sending_message(), is_inside, "{data:?}");
    }
    let _frame = connection.send(Data::binary(b"d").more()).unwrap();
    assert_eq!(connection.send(Data::text("e")), Err(SendError::InsideOtherMessage));
    let end = connection.send(Data::binary(b"f")).unwrap();
    assert_eq!(bytes_of(end, false), b"\x80\x01f");
}

/// V-01, V-05, V-06, P-06, W-109, W-125: judged on the header, on the running sum, and named.
#[test]
fn a_message_over_the_limit_is_refused_on_a_header() {
    let receive = |limits: Limits, stream: &[u8]| {
        let mut connection =
            Connection::new(Server, limits, Timeouts::server(), Timestamp::default());
        let mut stream = stream.to_owned();
        let mut input = &mut stream[..];
        let mut last = None;
        while let Some(event) = connection.receive(at(0), &mut input) {
            last = match event {
                Event::Violation(violation) => Some(violation),
                _ => None,
            };
        }
        last
    };
    let limits = Limits { message_len_max: 10, frame_len_max: 8, ..Limits::server() };
    let six = bytes_of(Frame::fragment(DataOpcode::Text, b"123456"), true);
    // The second header alone: 6 + 5 bytes.
    let stream = [&six[..], &[0x80, 0x85, 0, 0, 0, 0]].concat();
    let refused = Violation::MessageTooLong { message_len: 11, len_max: 10 };
    assert_eq!(receive(limits, &stream), Some(refused));
    let stream = [&six[..], &[0x80, 0x84, 0, 0, 0, 0]].concat();
    assert_eq!(receive(limits, &stream), None);
    match receive(limits, &[0x82, 0x89, 0, 0, 0, 0]) {
        Some(Violation::Frame(error)) => {
            let expected = PayloadTooLong { payload_len: 9, len_max: 8 };
            assert_eq!(error.kind, tidings_frame::DecodeErrorKind::PayloadTooLong(expected));
            assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG);
        }
        other => panic!("{other:?}"),
    }
}

/// V-67, P-09: a dead peer is asked, then given up.
#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let mut connection = server();
    assert_eq!(connection.poll_timeout(), Some(at(25)));
    assert_eq!(connection.handle_timeout(at(24)), None);
    assert_eq!(connection.poll_transmit(), None);
    assert_eq!(connection.handle_timeout(at(25)), None);
    assert_eq!(transmitted(&mut connection), b"\x89\x08\0\0\0\0\0\0\0\x01");
    assert_eq!(connection.poll_timeout(), Some(at(45)));
    assert_eq!(connection.handle_timeout(at(45)), Some(Timeout::Pong));
    let mut log = Log::default();
    log.transmit(&mut connection);
    assert_eq!(log.lines(), ["> \\x88\\x11\\x03\\xf3no pong in time", "> shutdown"]);
    assert_eq!(connection.poll_timeout(), None);
}

/// V-65: the Pong with the payload of the Ping on its way counts, once; any byte keeps the
/// connection alive.
#[test]
fn a_pong_is_matched_to_its_ping() {
    let mut connection = server();
    connection.handle_timeout(at(25));
    let ping = transmitted(&mut connection);
    let receive = |connection: &mut Connection<Server>, seconds, payload: &[u8]| {
        let mut pong = control(ControlOpcode::Pong, payload, true);
        assert!(connection.receive(at(seconds), &mut &mut pong[..]).is_some());
    };
    receive(&mut connection, 26, b"other");
    assert_eq!(connection.round_trip_time(), None);
    assert_eq!(connection.poll_timeout(), Some(at(46)), "bytes came: it lives");
    receive(&mut connection, 28, &ping[2..]);
    assert_eq!(connection.round_trip_time(), Some(Duration::from_secs(3)));
    receive(&mut connection, 30, &ping[2..]);
    assert_eq!(connection.round_trip_time(), Some(Duration::from_secs(3)));
    assert_eq!(connection.poll_timeout(), Some(at(50)), "the next ping");
}

/// F-10: after a gap of the clock one more Ping goes out before the verdict.
#[test]
fn a_suspended_host_asks_once_more() {
    let mut connection = server();
    connection.handle_timeout(at(25));
    transmitted(&mut connection);
    assert_eq!(connection.handle_timeout(at(3600)), None);
    assert_eq!(transmitted(&mut connection), b"\x89\x08\0\0\0\0\0\0\0\x02");
    assert_eq!(connection.handle_timeout(at(3620)), Some(Timeout::Pong));
}

/// F-10: a timer that is late each time never comes to a verdict while the peer sends something after
/// each Ping, and comes to one when it does not.
#[test]
fn a_peer_that_was_heard_after_the_second_ping_is_asked_again() {
    let mut connection = server();
    let mut number = 0;
    let mut ping = |connection: &mut Connection<Server>, seconds| {
        number += 1;
        assert_eq!(connection.handle_timeout(at(seconds)), None);
        assert_eq!(transmitted(connection), [&b"\x89\x08\0\0\0\0\0\0\0"[..], &[number]].concat());
    };
    ping(&mut connection, 25);
    ping(&mut connection, 3600);
    let hear = |connection: &mut Connection<Server>, seconds| {
        let mut pong = control(ControlOpcode::Pong, b"other", true);
        assert!(connection.receive(at(seconds), &mut &mut pong[..]).is_some());
    };
    hear(&mut connection, 3601);
    ping(&mut connection, 7200);
    hear(&mut connection, 7200); // of the same instant: on its way before the Ping
    assert_eq!(connection.handle_timeout(at(10_800)), Some(Timeout::Pong));
}

/// A verdict tells the peer why, with a code of RFC 6455, 7.4.1, and the user in words.
#[test]
fn a_timeout_says_what_the_peer_did_not_do() {
    for (timeout, code, reason, text) in [
        (Timeout::Pong, 1011, "no pong in time", "the peer did not answer a Ping in time"),
        (Timeout::Message, 1008, "message not in time", "the peer did not end its message in time"),
        (Timeout::Idle, 1001, "idle for too long", "the peer sent no message for too long"),
        (Timeout::Closing, 1000, "", "the peer did not complete the closing handshake in time"),
    ] {
        let close = timeout.close_frame();
        assert_eq!((close.code.get(), close.reason.as_str()), (code, reason));
        assert_eq!(timeout.to_string(), text);
    }
}

/// The slow-fragment attack: a message must end.
#[test]
fn a_message_must_end_in_time() {
    let mut connection = server();
    let mut first = bytes_of(Frame::fragment(DataOpcode::Text, b"a"), true);
    assert!(connection.receive(at(1), &mut &mut first[..]).is_some());
    for second in 2..61 {
        let mut next = bytes_of(Frame::fragment(DataOpcode::Continuation, b"a"), true);
        assert!(connection.receive(at(second), &mut &mut next[..]).is_some());
        assert_eq!(connection.handle_timeout(at(second)), None);
        transmitted(&mut connection);
    }
    assert_eq!(connection.handle_timeout(at(61)), Some(Timeout::Message));
    assert_eq!(connection.closure().received, CloseStatus::Missing);
}

#[test]
fn an_idle_limit_counts_messages_not_pongs() {
    let timeouts = Timeouts { idle: Duration::from_secs(10), ..Timeouts::server() };
    let mut connection = Connection::new(Server, Limits::server(), timeouts, at(0));
    let mut pong = control(ControlOpcode::Pong, b"", true);
    assert!(connection.receive(at(5), &mut &mut pong[..]).is_some());
    assert_eq!(connection.poll_timeout(), Some(at(10)));
    let mut text = bytes_of(Frame::data(DataOpcode::Text, b"a"), true);
    assert!(connection.receive(at(6), &mut &mut text[..]).is_some());
    assert_eq!(connection.handle_timeout(at(15)), None);
    assert_eq!(connection.handle_timeout(at(16)), Some(Timeout::Idle));
}

/// The halves go apart; what one owes is brought to the other as a value.
#[test]
fn split_halves_answer_by_replies() {
    let (mut inbound, mut outbound) = server().split();
    let mut stream = [
        bytes_of(Frame::data(DataOpcode::Text, b"hi"), true),
        control(ControlOpcode::Ping, b"?", true),
        control(ControlOpcode::Close, b"\x03\xE8", true),
    ]
    .concat();
    let mut input = &mut stream[..];
    let mut events = 0;
    while let Some(Received { event, reply }) = inbound.receive(at(0), &mut input) {
        match event {
            Event::Text { text, .. } => {
                assert_eq!(reply, Reply::Nothing);
                let echo = outbound.send(Data::text(text.rest)).unwrap();
                assert_eq!(bytes_of(echo, false), b"\x81\x02hi");
            }
            Event::Ping(payload) => assert_eq!(reply, Reply::Pong(payload)),
            Event::Close(close) => assert_eq!(reply, Reply::Close(close)),
            other => panic!("{other:?}"),
        }
        outbound.reply(reply);
        events += 1;
    }
    assert_eq!(events, 3);
    assert!(!inbound.is_open() && !outbound.is_open());
    let mut transmitted = Vec::new();
    while let Some(transmit) = outbound.poll_transmit() {
        transmitted.push(match transmit {
            Transmit::Frame(frame) => frame.as_bytes().to_vec(),
            Transmit::Shutdown => Vec::new(),
        });
    }
    assert_eq!(transmitted, [&b"\x8A\x01?"[..], b"\x88\x02\x03\xE8", b""]);
}

/// W-108, W-110: a violation is brought over as a value too, whether the frames or what they inflate
/// to broke the rule: its Close, then the end.
#[test]
fn split_halves_fail_by_replies() {
    let expected = Reply::Fail(CloseFrame::new(CloseCode::PROTOCOL_ERROR, "frame not masked"));
    let (mut inbound, _) = server().split();
    let mut stream = bytes_of(Frame::data(DataOpcode::Text, b"a"), false);
    let mut input = &mut stream[..];
    let Received { event, reply } = inbound.receive(at(0), &mut input).unwrap();
    assert_eq!(event, Event::Violation(Violation::UnmaskedFrame));
    assert_eq!(reply, expected);
    assert!(!inbound.is_open());
    assert!(inbound.receive(at(0), &mut input).is_none() && input.is_empty());

    let (mut inbound, mut outbound) = server().split();
    assert_eq!(inbound.refuse(Violation::UnmaskedFrame), expected);
    assert!(!inbound.is_open());
    outbound.reply(expected);
    let Some(Transmit::Frame(close)) = outbound.poll_transmit() else { panic!("a Close is owed") };
    assert_eq!(close.as_bytes(), b"\x88\x12\x03\xEAframe not masked");
    assert_eq!(outbound.poll_transmit(), Some(Transmit::Shutdown));
    assert!(outbound.is_shut_down());
}

/// A firmware holds one of these in static memory.
#[test]
fn a_connection_stays_small() {
    assert!(size_of::<Connection<Server>>() <= 736, "{}", size_of::<Connection<Server>>());
    assert!(size_of::<Inbound>() <= 344, "{}", size_of::<Inbound>());
}

proptest! {
    /// P-01, P-02, P-08: arbitrary bytes give the same events at any cut, and end as one.
    #[test]
    fn arbitrary_bytes_do_not_depend_on_cuts(
        stream in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(0x81), Just(0x80), Just(0x01), Just(0x00), Just(0x88)],
            0..80,
        ),
        cut in 0usize..80,
    ) {
        let cut = cut.min(stream.len());
        let events = |log: Log| -> Vec<String> {
            log.0.into_iter().filter(|line| !line.starts_with("> \\x8a")).collect()
        };
        let whole = events(Log::of(&mut server(), [&stream[..]]));
        let cut = events(Log::of(&mut server(), [&stream[..cut], &stream[cut..]]));
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(&whole, &events(Log::of(&mut server(), stream.chunks(1))));
    }

    /// P-11, W-078: what one side sends, the other receives, for any fragmentation.
    #[test]
    fn messages_survive_any_fragmentation(
        text in ".{0,60}",
        cuts in prop::collection::vec(0usize..20, 0..6),
        chunk in 1usize..50,
    ) {
        let mut client = client();
        let mut stream = Vec::new();
        let mut rest = text.as_str();
        for cut in cuts {
            let at = rest.char_indices().map(|(i, _)| i).nth(cut).unwrap_or(rest.len());
            let (piece, tail) = rest.split_at(at);
            client.send(Data::text(piece).more()).unwrap().append_to(&mut stream);
            rest = tail;
        }
        client.send(Data::text(rest)).unwrap().append_to(&mut stream);
        let log = Log::of(&mut server(), stream.chunks(chunk));
        prop_assert_eq!(log.lines(), [std::format!("text {text}")]);
    }
}
