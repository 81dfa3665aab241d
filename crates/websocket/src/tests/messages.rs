//! Receiving and sending while a connection is open: fragments, their rules and limits, Pings, the
//! keys of a client, and the two halves.

use super::*;

/// W-074 to W-080, W-092, W-095, W-101: fragments, empty ones too, with a Ping between, and a
/// character split at the boundary of two frames.
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
/// violation, its code, and that it is the last event: W-108, W-109, W-110.
#[test]
fn a_violation_is_the_last_event_and_its_close_is_pending() {
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
        // Later frames are discarded: a valid message gives no event.
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

/// Data before the violation is delivered, chunk by chunk.
#[test]
fn a_message_before_a_violation_is_not_lost() {
    let stream = [bytes_of(Frame::data(DataOpcode::Text, b"first"), true), vec![0xFF]].concat();
    let log = Log::of(&mut server(), [&stream[..]]);
    assert_eq!(log.lines()[..2], ["text first", "violation 1002"]);
}

/// W-109, W-125: checked on the header, on the running sum, and named.
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
    let limits = Limits { max_message_len: 10, max_frame_len: 8, ..Limits::server() };
    let six = bytes_of(Frame::fragment(DataOpcode::Text, b"123456"), true);
    // The second header alone: 6 + 5 bytes.
    let stream = [&six[..], &[0x80, 0x85, 0, 0, 0, 0]].concat();
    let refused = Violation::MessageTooLong { message_len: 11, max_len: 10 };
    assert_eq!(receive(limits, &stream), Some(refused));
    let stream = [&six[..], &[0x80, 0x84, 0, 0, 0, 0]].concat();
    assert_eq!(receive(limits, &stream), None);
    match receive(limits, &[0x82, 0x89, 0, 0, 0, 0]) {
        Some(Violation::Frame(error)) => {
            let expected = PayloadTooLong { payload_len: 9, max_len: 8 };
            assert_eq!(error.kind, tidings_frame::DecodeErrorKind::PayloadTooLong(expected));
            assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG);
        }
        other => panic!("{other:?}"),
    }
}

/// W-091 to W-094: of many Pings the last is answered; a Pong is never answered.
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

/// W-059, W-061, W-069, W-099: one key is drawn for each frame of a client, none is used
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

/// Sending inside an event is fine, and each answer follows from its event.
#[test]
fn a_message_is_echoed_and_a_close_answered_from_inside_events() {
    let mut connection = server();
    let mut stream = [
        bytes_of(Frame::data(DataOpcode::Text, b"hi"), true),
        control(ControlOpcode::Ping, b"?", true),
        control(ControlOpcode::Close, b"\x03\xE8", true),
    ]
    .concat();
    let mut input = &mut stream[..];
    let mut events = 0;
    while let Some(event) = connection.receive(at(0), &mut input) {
        if let Event::Text { text, .. } = event {
            let echo = connection.send(Data::text(text.rest)).unwrap();
            assert_eq!(bytes_of(echo, false), b"\x81\x02hi");
        }
        events += 1;
    }
    assert_eq!(events, 3);
    assert!(!connection.is_receiving() && !connection.is_open());
    assert_eq!(transmitted(&mut connection), [&b"\x8A\x01?"[..], b"\x88\x02\x03\xE8", b""]);
}

/// W-108, W-110: a violation fails the connection, whether the frames or their inflated content
/// broke the rule: its Close, then the end.
#[test]
fn a_violation_closes_with_its_reason_and_ends_the_transport() {
    let expected = [&b"\x88\x12\x03\xEAframe not masked"[..], b""];
    let mut connection = server();
    let mut stream = bytes_of(Frame::data(DataOpcode::Text, b"a"), false);
    let mut input = &mut stream[..];
    let event = connection.receive(at(0), &mut input).unwrap();
    assert_eq!(event, Event::Violation(Violation::UnmaskedFrame));
    assert!(!connection.is_receiving());
    assert!(connection.receive(at(0), &mut input).is_none() && input.is_empty());
    assert_eq!(transmitted(&mut connection), expected);
    assert!(connection.is_finished());

    let mut connection = server();
    connection.refuse(at(0), Violation::UnmaskedFrame);
    assert!(!connection.is_receiving());
    assert_eq!(transmitted(&mut connection), expected);
    assert!(connection.is_finished());
}

/// The pending output of a connection; nothing stands for the end.
fn transmitted(connection: &mut Connection<Server>) -> Vec<Vec<u8>> {
    let next = || connection.poll_transmit();
    std::iter::from_fn(next)
        .map(|transmit| match transmit {
            Transmit::Frame(frame) => frame.as_bytes().to_vec(),
            Transmit::Shutdown => Vec::new(),
        })
        .collect()
}

/// A whole message at the front of the input is known before it is taken; nothing else is one.
#[test]
fn a_whole_message_is_seen_before_it_is_taken() {
    let message = bytes_of(Frame::data(DataOpcode::Text, &[b'a'; 200]), true);
    let mut connection = server();
    for len in 0..message.len() {
        assert!(!connection.has_whole_message(&message[..len]), "{len}");
    }
    assert!(connection.has_whole_message(&message));
    for other in [
        bytes_of(Frame::fragment(DataOpcode::Text, b"a"), true),
        bytes_of(Frame::data(DataOpcode::Continuation, b"a"), true),
        control(ControlOpcode::Ping, b"", true),
        [&[0xC1][..], &message[1..]].concat(),
    ] {
        assert!(!connection.has_whole_message(&other), "{other:?}");
    }
    let mut first = bytes_of(Frame::fragment(DataOpcode::Text, b"a"), true);
    assert!(connection.receive(at(0), &mut &mut first[..]).is_some());
    assert!(!connection.has_whole_message(&message), "inside another message");
}

/// W-125: the end of a message is known while the payload of its last frame arrives: not in another
/// fragment, not in a control frame between, not in a header, not after it.
#[test]
fn what_is_announced_of_a_message_is_known_in_its_last_frame() {
    let last = bytes_of(Frame::data(DataOpcode::Continuation, b"cde"), true);
    let before = [
        bytes_of(Frame::fragment(DataOpcode::Binary, b"ab"), true),
        control(ControlOpcode::Ping, b"ping", true),
    ]
    .concat();
    let mut connection = server();
    let mut announced = Vec::new();
    for byte in [&before[..], &last].concat() {
        let mut byte = [byte];
        let mut input = &mut byte[..];
        while connection.receive(at(0), &mut input).is_some() {}
        announced.push(connection.announced_rest_len());
    }
    let (before, last) = announced.split_at(before.len());
    assert!(before.iter().all(Option::is_none), "{before:?}");
    // Two bytes of header, four of masking key.
    assert_eq!(last[..5], [None; 5]);
    assert_eq!(last[5..], [Some(3), Some(2), Some(1), None]);
}

/// A firmware holds one of these in static memory.
#[test]
fn a_connection_stays_small() {
    assert!(size_of::<Connection<Server>>() <= 664, "{}", size_of::<Connection<Server>>());
    assert!(size_of::<inbound::Inbound>() <= 264, "{}", size_of::<inbound::Inbound>());
}

proptest! {
    /// Arbitrary bytes give the same events at any cut, and end as one.
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
}

proptest! {
    /// W-078: one side receives everything that the other sends, for any fragmentation.
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
