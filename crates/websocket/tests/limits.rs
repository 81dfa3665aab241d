//! Each limit takes n and refuses n + 1, for both roles, at once and byte by byte.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use tidings_testkit::Keys;
use tidings_websocket::frame::{
    CloseCode, ControlOpcode, ControlPayload, DataOpcode, DecodeErrorKind, Frame, MaskingKey,
    PayloadTooLong,
};
use tidings_websocket::{
    Client, Connection, ControlFrameRate, Event, Limits, Role, Server, Timeouts, Timestamp,
    Violation,
};

/// Returns the violation that a connection with these limits finds in these frames.
fn violation(limits: Limits, frames: &[Frame<'_>]) -> Option<Violation> {
    let key = MaskingKey::new([9, 8, 7, 6]);
    let masked: Vec<u8> =
        frames.iter().flat_map(|frame| encoded(frame.with_masking_key(key))).collect();
    let plain: Vec<u8> = frames.iter().flat_map(|frame| encoded(*frame)).collect();
    let now = Timestamp::default();
    let mut found = Vec::new();
    for chunk in [1, masked.len()] {
        let mut server = Connection::new(Server, limits, Timeouts::server(), now);
        found.push(last_violation(&mut server, &masked, chunk));
        let role = Client::new(Keys::new(1));
        let mut client = Connection::new(role, limits, Timeouts::client(), now);
        found.push(last_violation(&mut client, &plain, chunk));
    }
    // The place of a frame in the stream depends on whether it is masked; nothing else does.
    assert!(found.iter().all(|other| code(other) == code(found.first().unwrap())), "{found:?}");
    found.pop().unwrap()
}

fn code(violation: &Option<Violation>) -> Option<CloseCode> {
    violation.map(|violation| violation.close_code())
}

fn encoded(frame: Frame<'_>) -> Vec<u8> {
    let mut bytes = vec![0; frame.encoded_len()];
    frame.encode_into(&mut bytes).unwrap();
    bytes
}

fn last_violation<R: Role>(
    connection: &mut Connection<R>,
    stream: &[u8],
    chunk: usize,
) -> Option<Violation> {
    let mut stream = stream.to_vec();
    let mut found = None;
    for mut input in stream.chunks_mut(chunk) {
        while let Some(event) = connection.receive(Timestamp::default(), &mut input) {
            assert_eq!(found, None, "{event:?} after a violation");
            if let Event::Violation(violation) = event {
                found = Some(violation);
            }
        }
    }
    assert!(found.is_none() || !connection.is_open());
    found
}

/// W-109, W-125: a frame's length.
#[test]
fn a_frame_may_be_as_long_as_its_limit() {
    for max_len in [0u64, 1, 125, 126, 300] {
        let mut limits = Limits::server();
        limits.max_frame_len = max_len;
        let bytes = vec![0; usize::try_from(max_len).unwrap() + 1];
        let (at_limit, over) = (bytes.get(1..).unwrap(), &bytes[..]);
        assert_eq!(violation(limits, &[Frame::data(DataOpcode::Binary, at_limit)]), None);
        match violation(limits, &[Frame::data(DataOpcode::Binary, over)]) {
            Some(Violation::Frame(error)) => {
                let expected = PayloadTooLong { payload_len: max_len + 1, max_len };
                assert_eq!(error.kind, DecodeErrorKind::PayloadTooLong(expected));
                assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG);
            }
            other => assert_eq!(other, None, "a violation of the frame's limit"),
        }
    }
}

/// W-109, W-125: a message's length, over its frames.
#[test]
fn a_message_may_be_as_long_as_its_limit() {
    let mut limits = Limits::server();
    limits.max_message_len = 10;
    let six = Frame::fragment(DataOpcode::Text, b"123456");
    let four = Frame::data(DataOpcode::Continuation, b"1234");
    let five = Frame::data(DataOpcode::Continuation, b"12345");
    assert_eq!(violation(limits, &[six, four, six, four]), None);
    let too_long = Violation::MessageTooLong { message_len: 11, max_len: 10 };
    assert_eq!(violation(limits, &[six, four, six, five]), Some(too_long));
    assert_eq!(too_long.close_code(), CloseCode::MESSAGE_TOO_BIG);
    let ten = Frame::data(DataOpcode::Text, b"1234567890");
    let eleven = Frame::data(DataOpcode::Text, b"12345678901");
    assert_eq!(violation(limits, &[ten, ten]), None);
    assert_eq!(violation(limits, &[ten, eleven]), Some(too_long));
}

/// W-079: the frames of a message, empty ones too; control frames between do not count.
#[test]
fn a_message_may_have_as_many_frames_as_its_limit() {
    let mut limits = Limits::server();
    limits.max_fragments = 3;
    let first = Frame::fragment(DataOpcode::Binary, b"");
    let next = Frame::fragment(DataOpcode::Continuation, b"");
    let last = Frame::data(DataOpcode::Continuation, b"");
    let ping = Frame::control(ControlOpcode::Ping, &ControlPayload::EMPTY);
    assert_eq!(violation(limits, &[first, ping, next, ping, last, first, next, last]), None);
    let too_many = Violation::TooManyFragments { max_fragments: 3 };
    assert_eq!(violation(limits, &[first, next, next, last]), Some(too_many));
    assert_eq!(too_many.close_code(), CloseCode::POLICY_VIOLATION);
}

/// W-093: control frames of every kind at once.
#[test]
fn control_frames_may_come_as_fast_as_their_limit() {
    let rate = ControlFrameRate { burst: 3, per_second: 1 };
    let mut limits = Limits::server();
    limits.control_frames = rate;
    let ping = Frame::control(ControlOpcode::Ping, &ControlPayload::EMPTY);
    let pong = Frame::control(ControlOpcode::Pong, &ControlPayload::EMPTY);
    let close = Frame::control(ControlOpcode::Close, &ControlPayload::EMPTY);
    let text = Frame::data(DataOpcode::Text, b"free");
    assert_eq!(violation(limits, &[ping, text, pong, text, ping, text]), None);
    assert_eq!(violation(limits, &[ping, pong, close]), None);
    let too_many = Violation::TooManyControlFrames { rate };
    assert_eq!(violation(limits, &[ping, pong, ping, pong]), Some(too_many));
    assert_eq!(too_many.close_code(), CloseCode::POLICY_VIOLATION);
}

/// The rate is exact in the long run, whatever the time between two frames.
#[test]
fn a_peer_just_below_the_rate_is_never_refused() {
    let pings_taken = |per_second: u32, interval: Duration| {
        let mut limits = Limits::server();
        limits.control_frames = ControlFrameRate { burst: 1, per_second };
        let mut now = Timestamp::default();
        let mut connection = Connection::new(Server, limits, Timeouts::server(), now);
        (0..1000)
            .take_while(|_| {
                now = now.after(interval);
                let mut ping = *b"\x89\x80\x01\x02\x03\x04";
                matches!(connection.receive(now, &mut &mut ping[..]), Some(Event::Ping(_)))
            })
            .count()
    };
    for per_second in [1u32, 3, 30, 50, 600, 999, 1001, 7000] {
        let exact = Duration::from_secs(1) / per_second;
        let slower = exact + Duration::from_nanos(1);
        assert_eq!(pings_taken(per_second, slower), 1000, "{per_second} per second");
        let faster = exact.mul_f64(0.99);
        assert!(pings_taken(per_second, faster) < 200, "{per_second} per second");
    }
}
