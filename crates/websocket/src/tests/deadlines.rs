//! The deadlines for Pongs, for the rest of a message, for any message; and the failure if one is
//! missed.

use super::*;

/// A dead peer is asked, then given up.
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

/// The Pong with the payload of the Ping on its way counts, once; any byte keeps the
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

/// After a gap of the clock one more Ping is sent before the connection fails.
#[test]
fn a_suspended_host_asks_once_more() {
    let mut connection = server();
    connection.handle_timeout(at(25));
    transmitted(&mut connection);
    assert_eq!(connection.handle_timeout(at(3600)), None);
    assert_eq!(transmitted(&mut connection), b"\x89\x08\0\0\0\0\0\0\0\x02");
    assert_eq!(connection.handle_timeout(at(3620)), Some(Timeout::Pong));
}

/// A timer that is late each time never fails the connection while the peer sends something
/// after each Ping, and fails it when the peer does not.
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

/// A timeout tells the peer why, with a code of RFC 6455, 7.4.1, and tells the user in words.
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
    // The 59 fragments of seven bytes have earned less than a second.
    assert_eq!(connection.handle_timeout(at(61)), None);
    assert_eq!(connection.handle_timeout(at(62)), Some(Timeout::Message));
    assert_eq!(connection.close_info().received, CloseStatus::Missing);
}

/// A message that comes at 512 bytes a second is never late, however long it takes; once it stops,
/// it has the time of [`Timeouts::message`].
#[test]
fn a_message_that_makes_progress_is_not_late() {
    let limits = Limits { max_frame_len: Limits::UNBOUNDED, ..Limits::server() };
    let limits = Limits { max_message_len: Limits::UNBOUNDED, ..limits };
    let timeouts = Timeouts { ping_interval: Timeouts::NEVER, ..Timeouts::server() };
    let mut connection = Connection::new(Server, limits, timeouts, at(0));
    let mut header = bytes_of(Frame::data(DataOpcode::Binary, &[0; 1024 * 1024]), true);
    header.truncate(14);
    let _ = connection.receive(at(0), &mut &mut header[..]);
    for second in 1..=2000 {
        assert!(connection.receive(at(second), &mut &mut [0; 512][..]).is_some());
        assert_eq!(connection.handle_timeout(at(second)), None, "after {second} s");
    }
    assert_eq!(connection.handle_timeout(at(2059)), None);
    assert_eq!(connection.handle_timeout(at(2061)), Some(Timeout::Message));
}

/// Half a message, then an application that is busy for longer than a message may take: only the
/// time in which bytes were waited for is the peer's.
#[test]
fn the_application_s_slowness_is_not_charged_to_the_peer() {
    let timeouts = Timeouts { ping_interval: Timeouts::NEVER, ..Timeouts::server() };
    let timeouts = Timeouts { idle: Duration::from_secs(90), ..timeouts };
    let mut connection = Connection::new(Server, Limits::server(), timeouts, at(0));
    let mut first = bytes_of(Frame::fragment(DataOpcode::Text, b"a"), true);
    assert!(connection.receive(at(10), &mut &mut first[..]).is_some());
    connection.resume(at(100));
    assert_eq!(connection.handle_timeout(at(100)), None);
    assert!(connection.receive(at(10), &mut &mut [][..]).is_none());
    assert_eq!(connection.handle_timeout(at(159)), None);
    let mut last = bytes_of(Frame::data(DataOpcode::Continuation, b"b"), true);
    assert!(connection.receive(at(159), &mut &mut last[..]).is_some());
    connection.resume(at(500));
    assert_eq!(connection.handle_timeout(at(589)), None);
    assert_eq!(connection.handle_timeout(at(590)), Some(Timeout::Idle));
}

/// The peer answers a Close frame once it has it: the bytes queued before it take their own time.
#[test]
fn the_time_to_answer_a_close_frame_begins_when_it_has_left() {
    let mut connection = server();
    connection.restart_closing(at(1));
    connection.close(at(10), None);
    assert_eq!(connection.poll_timeout(), Some(at(15)));
    connection.restart_closing(at(14));
    assert_eq!(connection.handle_timeout(at(18)), None);
    assert_eq!(connection.handle_timeout(at(19)), Some(Timeout::Closing));
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
