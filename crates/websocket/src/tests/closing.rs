//! The closing handshake: its two roles, the end of the transport, and ends without a handshake.

use super::*;

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
        assert!(connection.is_finished() && connection.close_info().is_clean());
        let expected = match payload {
            [] => 1005,
            [high, low, ..] => u16::from_be_bytes([*high, *low]),
            [_] => unreachable!(),
        };
        assert_eq!(connection.close_info().received.code(), expected);
        assert_eq!(connection.close_info().sent.code(), expected);
        assert_eq!(
            connection.close_info().received.reason().len(),
            payload.len().saturating_sub(2)
        );
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
    assert!(connection.close_info().is_clean());
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
    assert!(connection.is_finished() && connection.close_info().is_clean());

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
    assert!(server.close_info().is_clean() && client.close_info().is_clean());
}

/// W-105, W-106, W-111: the end of the transport without a Close is 1006 and not clean.
#[test]
fn an_end_without_close_is_abnormal() {
    let mut connection = server();
    Log::of(&mut connection, [&[0x81, 0x85][..]]);
    connection.receive_eof();
    assert_eq!(connection.poll_transmit(), Some(Transmit::Shutdown));
    assert_eq!(connection.close_info().received.code(), 1006);
    assert!(!connection.close_info().is_clean());
    assert_eq!(connection.send(Data::text("x")), Err(SendError::NotOpen));
    let mut late = [0x81, 0x80, 0, 0, 0, 0];
    assert_eq!(connection.receive(at(0), &mut &mut late[..]), None);
}

/// A half-closed peer still reads: pending frames are sent before the end.
#[test]
fn pending_output_goes_out_after_the_peers_end() {
    let mut connection = server();
    let mut ping = control(ControlOpcode::Ping, b"!", true);
    assert!(connection.receive(at(0), &mut &mut ping[..]).is_some());
    connection.receive_eof();
    let mut log = Log::default();
    log.transmit(&mut connection);
    assert_eq!(log.lines(), ["> \\x8a\\x01!", "> shutdown"]);
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

/// RFC 6455, 5.5.1: an endpoint may finish the current message before it answers a Close frame. For
/// a stream of bytes that is the rest of its data.
#[test]
fn with_half_close_each_side_ends_for_itself() {
    let mut connection = server();
    connection.allow_half_close(true);
    let mut close = control(ControlOpcode::Close, &[3, 232], true);
    assert!(matches!(connection.receive(at(1), &mut &mut close[..]), Some(Event::Close(_))));
    assert_eq!(connection.poll_transmit(), None);
    assert_eq!(connection.poll_timeout(), None, "the peer has nothing left to do");
    assert_eq!(connection.handle_timeout(at(1000)), None);
    assert!(connection.send(Data::binary(b"rest")).is_ok());
    connection.close(at(1001), Some(CloseFrame::new(CloseCode::NORMAL, "")));
    assert_eq!(transmitted(&mut connection), b"\x88\x02\x03\xe8");
    assert!(connection.close_info().is_clean());
}

/// The other side of it: what comes after our Close frame is received, however long it takes. Then
/// the end has its time.
#[test]
fn with_half_close_a_peer_that_still_sends_has_time() {
    let mut connection = server();
    connection.allow_half_close(true);
    connection.close(at(0), None);
    transmitted(&mut connection);
    assert_eq!(connection.poll_timeout(), None);
    for second in [100, 200] {
        let mut rest = bytes_of(Frame::data(DataOpcode::Binary, b"rest"), true);
        assert!(connection.receive(at(second), &mut &mut rest[..]).is_some());
        assert_eq!(connection.handle_timeout(at(second)), None);
    }
    let mut close = control(ControlOpcode::Close, b"", true);
    assert!(connection.receive(at(300), &mut &mut close[..]).is_some());
    assert_eq!(connection.poll_timeout(), Some(at(305)));
}

/// A Ping that is queued after much that the peer still takes is not unanswered.
#[test]
fn a_peer_that_takes_what_is_sent_is_alive() {
    let mut connection = server();
    connection.handle_timeout(at(25));
    transmitted(&mut connection);
    connection.alive_until(at(60));
    assert_eq!(connection.handle_timeout(at(79)), None);
    assert_eq!(connection.handle_timeout(at(80)), Some(Timeout::Pong));
}

/// A driver's own reason is sent to the peer, and ends the connection.
#[test]
fn a_driver_can_fail_the_connection() {
    let mut connection = server();
    connection.fail(at(0), CloseFrame::new(CloseCode::POLICY_VIOLATION, "why"));
    let mut log = Log::default();
    log.transmit(&mut connection);
    assert_eq!(log.lines(), ["> \\x88\\x05\\x03\\xf0why", "> shutdown"]);
    assert!(connection.is_finished());
}
