//! The async and the blocking sockets on the same scripts: their events, and their output.

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
use frames::{blocking_server, close, keys, masked, plain, text};
use script::{Read, Script, Write, block_on, cuts};
use std::fmt::Write as _;
use tidings_embedded::handshake::BufferTooSmall;
use tidings_embedded::websocket::{Client, Data, Event, Role, Server, Timestamp};
use tidings_embedded::{Config, Error, asynchronous, blocking};
use tidings_testkit::{Unit, Wire};

/// The application's view, with whole messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Log {
    lines: Vec<String>,
    message: String,
}

impl Log {
    /// Logs an event and, if it is a chunk of a message, returns its echo: for text the obvious
    /// `text.rest`.
    fn event<'a>(&mut self, event: &'a Event<'_>) -> Option<Data<'a>> {
        match event {
            Event::Text { text, is_last, .. } => {
                self.message.push_str(text.rest);
                self.message_end("text", *is_last);
                let data = Data::text(text.rest);
                Some(if *is_last { data } else { data.more() })
            }
            Event::Binary { bytes, is_last, .. } => {
                write!(self.message, "{}", bytes.escape_ascii()).unwrap();
                self.message_end("binary", *is_last);
                Some(if *is_last { Data::binary(bytes) } else { Data::binary(bytes).more() })
            }
            Event::Ping(payload) => self.line("ping", &payload.as_bytes().escape_ascii()),
            Event::Pong(payload) => self.line("pong", &payload.as_bytes().escape_ascii()),
            Event::Close(Some(close)) => self.line("close", close),
            Event::Close(None) => self.line("close", &""),
            other => panic!("{other:?}"),
        }
    }

    fn line(&mut self, what: &str, that: &dyn std::fmt::Display) -> Option<Data<'static>> {
        self.lines.push(format!("{what} {that}"));
        None
    }

    fn message_end(&mut self, what: &str, is_last: bool) {
        if is_last {
            let message = std::mem::take(&mut self.message);
            self.lines.push(format!("{what} {message}"));
        }
    }

    fn end(&mut self, error: Option<Error<ErrorKind>>) {
        self.lines.push(error.map_or("end".into(), |error| format!("{error:?}")));
    }
}

/// Echoes until the end.
fn echo_blocking<R: Role>(role: R, script: &Script, buffer_len: usize) -> Log {
    let mut log = Log::default();
    let mut buffer = vec![0; buffer_len];
    let (clock, config) = (script.clock(), Config::server());
    let mut socket = blocking::WebSocket::from_handshaken(
        script.clone(),
        role,
        &mut buffer,
        0..0,
        clock,
        &config,
    );
    loop {
        match socket.recv() {
            Ok(Some((event, sender))) => {
                if let Some(data) = log.event(&event) {
                    sender.send(data).unwrap();
                }
            }
            Ok(None) => break log.end(None),
            Err(error) => {
                log.end(Some(error));
                if !matches!(error, Error::Io(_)) {
                    assert_eq!(socket.recv().map(|received| received.is_none()), Ok(true));
                    break;
                }
            }
        }
    }
    assert_eq!(script.flushed_len.get(), script.written.borrow().len(), "all is flushed");
    assert_eq!(socket.poll_timeout(), None);
    log
}

/// Echoes until the end. Drops each `recv` after this many polls if it is still pending.
fn echo_async<R: Role>(
    role: R,
    script: &Script,
    buffer_len: usize,
    mut polls: impl FnMut() -> usize,
) -> Log {
    let mut log = Log::default();
    let mut buffer = vec![0; buffer_len];
    let (clock, config) = (script.clock(), Config::server());
    let mut socket = asynchronous::WebSocket::from_handshaken(
        script.clone(),
        role,
        &mut buffer,
        0..0,
        clock,
        &config,
    );
    block_on(async {
        loop {
            let Some(received) = tidings_testkit::poll_then_drop(polls(), socket.recv()).await
            else {
                continue;
            };
            match received {
                Ok(Some((event, sender))) => {
                    if let Some(data) = log.event(&event) {
                        sender.send(data).await.unwrap();
                    }
                }
                Ok(None) => break log.end(None),
                Err(error) => {
                    log.end(Some(error));
                    if !matches!(error, Error::Io(_)) {
                        assert!(matches!(socket.recv().await, Ok(None)));
                        break;
                    }
                }
            }
        }
    });
    assert_eq!(script.flushed_len.get(), script.written.borrow().len(), "all is flushed");
    assert_eq!(socket.poll_timeout(), None);
    log
}

/// The bytes that come, the lines of the log, and the frames that are written.
struct Case {
    name: &'static str,
    input: Vec<u8>,
    lines: Vec<&'static str>,
    units: Vec<Unit>,
}

/// For a server; the frames of the input are masked.
fn server_cases() -> Vec<Case> {
    let long = "abcdefghij".repeat(30);
    vec![
        Case {
            // W-087, W-102
            name: "RFC 6455, 5.7: a masked text, then the closing handshake",
            input: [
                &b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"[..],
                &masked(0x88, b"\x03\xE8bye"),
            ]
            .concat(),
            lines: vec!["text Hello", "close 1000 (normal closure): bye", "end"],
            units: vec![text("Hello"), close(1000, "")],
        },
        Case {
            // W-077, W-079, W-092, W-094, W-095
            name: "a Ping between fragments is answered between fragments",
            input: [
                masked(0x01, b"gr\xC3"),
                masked(0x89, b"?"),
                masked(0x00, b""),
                masked(0x80, b"\xBCn"),
                masked(0x8A, b"unasked"),
                masked(0x88, b""),
            ]
            .concat(),
            lines: vec!["ping ?", "text grün", "pong unasked", "close ", "end"],
            units: vec![Unit::Pong(b"?".into()), text("grün"), Unit::Close(None)],
        },
        Case {
            name: "binary, empty messages, and one longer than the buffer and the chunk",
            input: [
                masked(0x82, b"\x00\xFF"),
                masked(0x82, b""),
                masked(0x81, b""),
                masked(0x81, long.as_bytes()),
                masked(0x88, b"\x0F\xA0"),
            ]
            .concat(),
            lines: vec![
                "binary \\x00\\xff",
                "binary ",
                "text ",
                Box::leak(format!("text {long}").into_boxed_str()),
                "close 4000",
                "end",
            ],
            units: vec![
                Unit::Binary(vec![0, 255]),
                Unit::Binary(vec![]),
                text(""),
                text(&long),
                close(4000, ""),
            ],
        },
        Case {
            // W-060
            name: "a frame that is not masked",
            input: b"\x81\x05Hello".to_vec(),
            lines: vec!["Violation(UnmaskedFrame)"],
            units: vec![close(1002, "frame not masked")],
        },
        Case {
            // W-096
            name: "text that is not UTF-8",
            input: masked(0x81, b"ab\xFF"),
            lines: vec!["Violation(InvalidUtf8(InvalidUtf8 { offset: 2 }))"],
            units: vec![close(1007, "text is not UTF-8")],
        },
        Case {
            // W-076, W-110
            name: "a continuation of nothing, and what follows is not looked at",
            input: [masked(0x80, b"x"), masked(0x81, b"y")].concat(),
            lines: vec!["Violation(UnexpectedContinuation)"],
            units: vec![close(1002, "continuation without a message")],
        },
        Case {
            // W-125
            name: "a message over the limit is refused at its header",
            input: b"\x82\xFF\x00\x00\x00\x00\x00\x10\x00\x01mask".to_vec(),
            lines: vec![
                "Violation(Frame(DecodeError { kind: PayloadTooLong(PayloadTooLong { \
                 payload_len: 1048577, max_len: 1048576 }), frame_offset: 0 }))",
            ],
            units: vec![close(1009, "frame too long")],
        },
        Case {
            name: "the stream ends without a Close frame, inside a frame",
            input: masked(0x89, b"ping")[..7].to_vec(),
            lines: vec!["Eof"],
            units: vec![],
        },
        Case { name: "the stream ends at once", input: vec![], lines: vec!["Eof"], units: vec![] },
    ]
}

/// The same for a client; the frames of the input are not masked.
fn client_cases() -> Vec<Case> {
    vec![
        Case {
            name: "RFC 6455, 5.7: unmasked fragments, a Ping, then the closing handshake",
            input: [
                &b"\x01\x03Hel"[..],
                b"\x89\x05Hello",
                b"\x80\x02lo",
                b"\x82\x01\x00",
                &plain(0x88, b"\x03\xE9"),
            ]
            .concat(),
            lines: vec![
                "ping Hello",
                "text Hello",
                "binary \\x00",
                "close 1001 (going away)",
                "end",
            ],
            units: vec![
                Unit::Pong(b"Hello".into()),
                text("Hello"),
                Unit::Binary(vec![0]),
                close(1001, ""),
            ],
        },
        Case {
            // W-062
            name: "a masked frame from a server",
            input: masked(0x81, b"x"),
            lines: vec!["Violation(MaskedFrame)"],
            units: vec![close(1002, "frame masked")],
        },
        Case {
            name: "the end after a message",
            input: plain(0x81, b"x"),
            lines: vec!["text x", "Eof"],
            units: vec![text("x")],
        },
    ]
}

/// Runs a case on both sockets, for every cut of the input and for short writes.
fn check<R: Role>(case: &Case, role: impl Fn() -> R, from_client: bool) {
    for (i, cut) in cuts(&case.input).into_iter().enumerate() {
        for (buffer_len, max_write_len) in [(256, usize::MAX), (64, 1), (4, 7)] {
            // Small buffers and short writes need not meet every cut.
            if buffer_len != 256 && i % 8 != 0 {
                continue;
            }
            let script = || Script::new(cut.iter().copied()).writes_of(max_write_len);
            let check = |socket: &str, script: &Script, log: &Log| {
                assert_eq!(log.lines, case.lines, "{socket}, {}, cut {i}", case.name);
                let wire = Wire::read(from_client, &script.take_written()).unwrap();
                assert!(!wire.is_inside_frame(), "{socket}, {}, cut {i}", case.name);
                assert_eq!(wire.units(), case.units, "{socket}, {}, cut {i}", case.name);
            };
            let on = script();
            check("blocking", &on, &echo_blocking(role(), &on, buffer_len));
            let on = script();
            check("async", &on, &echo_async(role(), &on, buffer_len, || usize::MAX));
        }
    }
}

/// W-061, W-078, W-109: every case at every cut, in either role.
#[test]
fn events_and_answers_are_the_same_at_every_cut() {
    for case in server_cases() {
        check(&case, || Server, false);
    }
    for case in client_cases() {
        check(&case, || Client::new(keys()), true);
    }
}

/// Text that is cut anywhere, by frames and by reads, is all in `text.rest`: the obvious echo loses no
/// character, and no event has a carried one beside it.
#[test]
fn the_obvious_echo_loses_no_character() {
    for (character, count) in [("ü", 3_000), ("€", 100), ("😀", 100), ("aé€😀", 50)] {
        let message = character.repeat(count);
        for fragment_len in [1, 3, 5, 124, 1_001, 6_000] {
            let mut fragments = message.as_bytes().chunks(fragment_len).peekable();
            let (mut input, mut opcode) = (Vec::new(), 0x01);
            while let Some(fragment) = fragments.next() {
                let fin = if fragments.peek().is_none() { 0x80 } else { 0 };
                input.extend(masked(fin | opcode, fragment));
                opcode = 0x00;
            }
            input.extend(masked(0x88, b""));
            for (read_len, buffer_len) in [(1, 4), (7, 5), (9, 6), (61, 64), (997, 512)] {
                let script = || Script::new(input.chunks(read_len));
                let check = |script: &Script, log: &Log| {
                    let lines = [format!("text {message}"), "close ".into(), "end".into()];
                    assert!(log.lines == lines, "{character}, {fragment_len}, {read_len}");
                    let wire = Wire::read(false, &script.take_written()).unwrap();
                    assert_eq!(wire.units(), [text(&message), Unit::Close(None)]);
                };
                let on = script();
                check(&on, &echo_blocking(Server, &on, buffer_len));
                let on = script();
                check(&on, &echo_async(Server, &on, buffer_len, || usize::MAX));
            }
        }
    }
}

/// The same for a character that frames cut and that a Ping interrupts, also in bytes that came
/// with the handshake, with nothing free before them.
#[test]
fn a_character_that_is_cut_by_frames_comes_in_one_piece() {
    let utf8 = "😀".as_bytes();
    for cut in 1..4 {
        let input = [
            &plain(0x01, &utf8[..cut])[..],
            &plain(0x89, b""),
            &plain(0x00, b""),
            &plain(0x80, &utf8[cut..]),
        ]
        .concat();
        for unread_len in 0..=input.len() {
            let mut buffer = [0xAA; 40];
            buffer[..unread_len].copy_from_slice(&input[..unread_len]);
            let script = Script::new([&input[unread_len..]]);
            let (clock, config) = (script.clock(), Config::client());
            let mut socket = blocking::WebSocket::from_handshaken(
                script,
                Client::new(keys()),
                &mut buffer,
                0..unread_len,
                clock,
                &config,
            );
            let mut message = String::new();
            while let Ok(Some((event, _))) = socket.recv() {
                if let Event::Text { text, .. } = event {
                    assert_eq!(text.carried, None);
                    message.push_str(text.rest);
                }
            }
            assert_eq!(message, "😀");
        }
    }
}

/// Each `recv` is dropped after k polls, again and again: nothing is lost, doubled or torn. Each
/// operation of the stream is pending once, so every await point is met.
#[test]
fn a_dropped_recv_loses_nothing() {
    for case in server_cases() {
        for max_write_len in [1, usize::MAX] {
            for polls in 2..6 {
                let script = Script::new([&case.input[..]]).writes_of(max_write_len);
                let log = echo_async(Server, &script, 64, || polls);
                assert_eq!(log.lines, case.lines, "{}", case.name);
                let wire = Wire::read(false, &script.take_written()).unwrap();
                assert_eq!(wire.units(), case.units, "{}", case.name);
            }
            // After 1, 2, 3 ... polls, from each first number on.
            for first in 0..12 {
                let script = Script::new([&case.input[..]]).writes_of(max_write_len);
                let mut polls = first;
                let next = || {
                    polls = polls % 12 + 1;
                    polls
                };
                let log = echo_async(Server, &script, 64, next);
                assert_eq!(log.lines, case.lines, "{}", case.name);
                let wire = Wire::read(false, &script.take_written()).unwrap();
                assert_eq!(wire.units(), case.units, "{}", case.name);
            }
        }
    }
}

/// A peer may reset the stream after its Close frame; without a Close frame the error counts.
#[test]
fn a_reset_after_the_close_is_not_an_error() {
    for is_closed in [true, false] {
        let script = Script::new([]);
        if is_closed {
            script.push(&masked(0x88, b""));
        }
        script.then(Read::Fails(ErrorKind::ConnectionReset));
        if is_closed {
            script.on_write(Write::Fails(ErrorKind::BrokenPipe));
        }
        let mut buffer = [0; 64];
        let mut socket = blocking_server(&script, &mut buffer);
        if is_closed {
            assert!(matches!(socket.recv(), Ok(Some((Event::Close(None), _)))));
            assert!(matches!(socket.recv(), Ok(None)));
        } else {
            assert!(matches!(socket.recv(), Err(Error::Io(ErrorKind::ConnectionReset))));
        }
    }
}

/// A stream that breaks the contract of `embedded-io` is an error, and nothing panics.
#[test]
fn a_stream_that_lies_is_found_out() {
    let mut buffer = [0; 64];
    for lie in [Write::Nothing, Write::Lies] {
        let script = Script::new([]);
        script.on_write(lie);
        let mut socket = blocking_server(&script, &mut buffer);
        assert_eq!(socket.sender().send(Data::text("x")), Err(Error::BrokenStream));

        let script = Script::new([&masked(0x89, b"?")[..]]);
        script.on_write(lie);
        let mut socket = blocking_server(&script, &mut buffer);
        assert!(matches!(socket.recv(), Ok(Some((Event::Ping(_), _)))));
        assert!(matches!(socket.recv(), Err(Error::BrokenStream)));
    }
    let script = Script::new([]);
    script.then(Read::Lies);
    assert!(matches!(blocking_server(&script, &mut buffer).recv(), Err(Error::BrokenStream)));
}

/// A buffer needs room for a byte, and before it for the start of a character that was cut.
#[test]
fn a_buffer_has_four_bytes_at_least() {
    for len in 0..=4 {
        let script = Script::new([&masked(0x81, b"x")[..]]);
        let mut buffer = vec![0; len];
        let error = blocking_server(&script, &mut buffer).recv().err();
        let expected = match len {
            4 => None,
            available => Some(Error::BufferTooSmall(BufferTooSmall { needed: 4, available })),
        };
        assert_eq!(error, expected);
    }
}

/// Frames that came with the handshake, by another server's parser, are received first.
#[test]
fn first_frames_may_lie_anywhere_in_the_buffer() {
    let frame = masked(0x81, b"Hello");
    for start in [0, 1, 20] {
        let mut buffer = [0xAA; 40];
        buffer[start..start + frame.len()].copy_from_slice(&frame);
        let script = Script::new([]);
        let unread = start..start + frame.len();
        let (clock, config) = (script.clock(), Config::server());
        let mut socket = blocking::WebSocket::from_handshaken(
            script,
            Server,
            &mut buffer,
            unread,
            clock,
            &config,
        );
        let Ok(Some((Event::Text { text, .. }, _))) = socket.recv() else { panic!() };
        assert_eq!(text.rest, "Hello");
        assert!(matches!(socket.recv(), Err(Error::Eof)));
    }
}

/// Without the caller's buffer, stream, clock and source of masks.
#[test]
fn a_socket_is_small() {
    type Clock = fn() -> Timestamp;
    let max_len = if usize::BITS == 32 { 1024 } else { 1088 };
    let len = size_of::<blocking::WebSocket<'static, (), Server, Clock>>();
    assert!(len <= max_len, "{len} bytes");
    let len = size_of::<asynchronous::WebSocket<'static, (), Client<fn() -> [u8; 4]>, Clock>>();
    assert!(len <= max_len, "{len} bytes");
}
