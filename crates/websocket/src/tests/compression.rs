//! RFC 7692, 6: which frames may say that they are compressed.

use tidings_frame::Rsv;

use super::*;

fn compressing_server() -> Connection<Server> {
    server().allow_compression()
}

fn rsv1(frame: Frame<'_>) -> Vec<u8> {
    bytes_of(frame.with_rsv(Rsv::RSV1), true)
}

fn plain(frame: Frame<'_>) -> Vec<u8> {
    bytes_of(frame, true)
}

const TEXT: DataOpcode = DataOpcode::Text;
const BINARY: DataOpcode = DataOpcode::Binary;
const CONTINUATION: DataOpcode = DataOpcode::Continuation;

/// D-010, D-011: compressed and plain messages alternate, and the bytes of a compressed one need
/// not be UTF-8 yet.
#[test]
fn compressed_messages_come_as_they_are_between_plain_ones() {
    let stream = [
        rsv1(Frame::data(TEXT, b"\xFF\x00")),
        plain(Frame::data(TEXT, b"plain")),
        rsv1(Frame::data(BINARY, b"b")),
        rsv1(Frame::data(TEXT, b"")),
    ]
    .concat();
    let log = Log::of(&mut compressing_server(), [&stream[..]]);
    assert_eq!(
        log.lines(),
        [
            "compressed Text whole \\xff\\x00",
            "text plain",
            "compressed Binary whole b",
            "compressed Text whole ",
        ]
    );
}

/// D-010: the first frame speaks for the message; a Ping may come between.
#[test]
fn later_frames_of_a_compressed_message_are_plain_in_form() {
    let stream = [
        rsv1(Frame::fragment(TEXT, b"a")),
        control(ControlOpcode::Ping, b"?", true),
        plain(Frame::fragment(CONTINUATION, b"")),
        plain(Frame::fragment(CONTINUATION, b"b")),
        plain(Frame::data(CONTINUATION, b"c")),
        plain(Frame::data(TEXT, b"next")),
    ]
    .concat();
    let log = Log::of(&mut compressing_server(), [&stream[..]]);
    assert_eq!(
        log.lines(),
        [
            "compressed Text first a",
            "ping ?",
            "compressed Text middle b",
            "compressed Text last c",
            "text next",
            "> \\x8a\\x01?",
        ]
    );
}

/// D-009, D-010, W-063, W-097: RSV1 anywhere else fails the connection, and so it does everywhere
/// if it was not negotiated.
#[test]
fn rsv1_is_refused_on_control_frames_continuations_and_without_the_extension() {
    let begun = rsv1(Frame::fragment(TEXT, b""));
    let ping = ControlPayload::EMPTY;
    for after in [
        rsv1(Frame::control(ControlOpcode::Ping, &ping)),
        [begun.clone(), rsv1(Frame::fragment(CONTINUATION, b"x"))].concat(),
        [begun, rsv1(Frame::data(CONTINUATION, b"x"))].concat(),
        [plain(Frame::fragment(TEXT, b"")), rsv1(Frame::data(CONTINUATION, b""))].concat(),
        bytes_of(Frame::data(TEXT, b"").with_rsv(Rsv::RSV1 | Rsv::RSV2), true),
    ] {
        let log = Log::of(&mut compressing_server(), [&after[..]]);
        assert!(log.lines().contains(&"violation 1002"), "{log:?}");
    }
    let log = Log::of(&mut server(), [&rsv1(Frame::data(TEXT, b"x"))[..]]);
    assert!(log.lines().contains(&"violation 1002"), "{log:?}");
}

/// D-012: a fault found while inflating fails the connection like any other violation.
#[test]
fn what_is_found_wrong_after_inflating_is_told() {
    for (violation, code) in [
        (Violation::CorruptCompression, 1007),
        (Violation::MessageTooLong { message_len: 11, max_len: 10 }, 1009),
    ] {
        let mut server = compressing_server();
        let received = Log::of(&mut server, [&rsv1(Frame::data(TEXT, b"x"))[..]]);
        assert_eq!(received.lines(), ["compressed Text whole x"]);
        server.refuse(Timestamp::default(), violation);
        assert!(!server.is_receiving() && !server.is_open());
        let log = Log::of(&mut server, [&plain(Frame::data(TEXT, b"not looked at"))[..]]);
        assert_eq!(log.lines().last(), Some(&"> shutdown"));
        let CloseStatus::Frame(sent) = server.close_info().sent else {
            panic!("no Close was sent")
        };
        assert_eq!(sent.code.get(), code);
    }
}

/// D-010, W-097, W-122: our own messages are marked on their first frame only, and never without
/// the extension.
#[test]
fn a_compressed_message_is_marked_once() {
    let mut server = compressing_server();
    let mut sent = Vec::new();
    for data in [
        Data::text("a").compressed().more(),
        Data::text("b").compressed(),
        Data::binary(b"c").compressed(),
        Data::text("d"),
    ] {
        server.send(data).unwrap().append_to(&mut sent);
    }
    assert_eq!(sent, b"\x41\x01a\x80\x01b\xC2\x01c\x81\x01d");
    assert!(server.allows_compression() && !super::server().allows_compression());
    let refused = super::server().send(Data::text("a").compressed()).map(|_| ());
    assert_eq!(refused, Err(SendError::CompressionNotNegotiated));
}
