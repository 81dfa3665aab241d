//! The vectors of tidings-websocket: the input and output of a connection, in both roles, each
//! stream whole, at every cut and byte by byte; every beginning of a frame in both roles; and the
//! deadlines.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use tidings_firmware_console::{end, passed, state};
use tidings_firmware_vectors::Cut;
use tidings_websocket::frame::{CloseCode, CloseFrame, ControlPayload, DecodeErrorKind};
use tidings_websocket::{
    Client, Connection, Data, Event, Limits, MessageKind, Role, SendError, Server, Timeout,
    Timeouts, Timestamp, Transmit, Violation,
};

#[cortex_m_rt::entry]
fn main() -> ! {
    passed("streams to a server", TO_SERVER.iter().map(|vector| check(vector, || Server)).sum());
    let client = || Client::new(|| KEY);
    passed("streams to a client", TO_CLIENT.iter().map(|vector| check(vector, client)).sum());
    passed("first two bytes of frames to a server", beginnings(|| Server, true));
    passed("first two bytes of frames to a client", beginnings(client, false));
    passed("commands", commands());
    passed("deadlines", deadlines());
    state::<Connection<Server>>("Connection<Server>");
    state::<Event<'static>>("Event");
    end()
}

/// The key of the clients here. A real client draws a fresh key for each frame.
const KEY: [u8; 4] = [0; 4];

/// The input, the output of an end that echoes, and the close of the connection: the code that was
/// received, the code that was sent (1005 for none, 1006 for no Close frame).
struct Vector {
    name: &'static str,
    received: &'static [u8],
    sent: &'static [u8],
    codes: (u16, u16),
}

const fn vector(
    name: &'static str,
    received: &'static [u8],
    sent: &'static [u8],
    codes: (u16, u16),
) -> Vector {
    Vector { name, received, sent, codes }
}

/// Masked with zeros, so that the payload can be read here, but for the example of the RFC.
const TO_SERVER: &[Vector] = &[
    vector("nothing", b"", b"", (1006, 1006)),
    vector(
        "RFC 6455, 5.7",
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"\x81\x05Hello",
        (1006, 1006),
    ),
    vector(
        "text in fragments, a Ping between",
        b"\x01\x83\0\0\0\0Hel\x89\x81\0\0\0\0!\x80\x82\0\0\0\0lo",
        b"\x8a\x01!\x81\x05Hello",
        (1006, 1006),
    ),
    vector(
        "a character cut by fragments",
        b"\x01\x82\0\0\0\0\xF0\x9F\x00\x80\0\0\0\0\x80\x82\0\0\0\0\x98\x80",
        b"\x81\x04\xF0\x9F\x98\x80",
        (1006, 1006),
    ),
    vector(
        "binary of any bytes",
        b"\x82\x84\0\0\0\0\xFF\xFE\x00\x80\x82\x80\0\0\0\0",
        b"\x82\x04\xFF\xFE\x00\x80\x82\x00",
        (1006, 1006),
    ),
    vector("an unasked Pong", b"\x8a\x81\0\0\0\0x", b"", (1006, 1006)),
    vector("a Close without a code", b"\x88\x80\0\0\0\0", b"\x88\x00", (1005, 1005)),
    vector(
        "a Close, and what follows is discarded",
        b"\x88\x85\0\0\0\0\x03\xE8bye\x81\x81\0\0\0\0x",
        b"\x88\x02\x03\xE8",
        (1000, 1000),
    ),
    vector("unmasked (5.1)", b"\x81\x05Hello", b"\x88\x12\x03\xEAframe not masked", (1006, 1002)),
    vector(
        "a continuation of nothing (5.4)",
        b"\x80\x80\0\0\0\0",
        b"\x88\x20\x03\xEAcontinuation without a message",
        (1006, 1002),
    ),
    vector(
        "a message inside a message (5.4)",
        b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0",
        b"\x88\x25\x03\xEAmessage inside a fragmented message",
        (1006, 1002),
    ),
    vector(
        "a reserved bit (5.2)",
        b"\xC1\x80\0\0\0\0",
        b"\x88\x16\x03\xEAillegal frame header",
        (1006, 1002),
    ),
    vector(
        "text that is not UTF-8 (8.1)",
        b"\x01\x83\0\0\0\0\xED\xA0\x80",
        b"\x88\x13\x03\xEFtext is not UTF-8",
        (1006, 1007),
    ),
    vector(
        "text that ends inside a character (8.1)",
        b"\x81\x83\0\0\0\0\xF0\x9F\x98",
        b"\x88\x13\x03\xEFtext is not UTF-8",
        (1006, 1007),
    ),
    vector(
        "a code that must not be sent (7.4.1)",
        b"\x88\x82\0\0\0\0\x03\xED",
        b"\x88\x15\x03\xEAillegal close frame",
        (1006, 1002),
    ),
    vector(
        "half a code (5.5.1)",
        b"\x88\x81\0\0\0\0\x03",
        b"\x88\x15\x03\xEAillegal close frame",
        (1006, 1002),
    ),
    vector(
        "a frame over the limit, refused by its header",
        b"\x82\xFF\x00\x00\x00\x00\x00\x10\x00\x01\0\0\0\0",
        b"\x88\x10\x03\xF1frame too long",
        (1006, 1009),
    ),
];

const TO_CLIENT: &[Vector] = &[
    vector("RFC 6455, 5.7", b"\x81\x05Hello", b"\x81\x85\0\0\0\0Hello", (1006, 1006)),
    vector("a Ping", b"\x89\x05Hello", b"\x8a\x85\0\0\0\0Hello", (1006, 1006)),
    vector("a Close", b"\x88\x02\x03\xE9", b"\x88\x82\0\0\0\0\x03\xE9", (1001, 1001)),
    vector(
        "masked (5.1)",
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"\x88\x8e\0\0\0\0\x03\xEAframe masked",
        (1006, 1002),
    ),
];

/// Runs a vector in all ways; 1, the vector that has passed.
fn check<R: Role>(vector: &Vector, role: impl Fn() -> R) -> usize {
    for cut in Cut::all(vector.received.len()) {
        let mut received = [0; 64];
        let received = &mut received[..vector.received.len()];
        received.copy_from_slice(vector.received);
        let mut end = Echo::new(role());
        for piece in cut.pieces(received.len()) {
            end.receive(&mut received[piece]);
        }
        let (name, close_info) = (vector.name, end.connection.close_info());
        assert_eq!(end.sent(), vector.sent, "{name}, {cut:?}");
        let codes = (close_info.received.code(), close_info.sent.code());
        assert_eq!(codes, vector.codes, "{name}, {cut:?}");
    }
    1
}

/// An end that sends each message back once it is complete.
struct Echo<R> {
    connection: Connection<R>,
    message: [u8; 32],
    message_len: usize,
    sent: [u8; 64],
    sent_len: usize,
}

impl<R: Role> Echo<R> {
    fn new(role: R) -> Self {
        let (limits, timeouts) = (Limits::server(), Timeouts::server());
        let connection = Connection::new(role, limits, timeouts, Timestamp::default());
        Self { connection, message: [0; 32], message_len: 0, sent: [0; 64], sent_len: 0 }
    }

    fn receive(&mut self, mut input: &mut [u8]) {
        while let Some(event) = self.connection.receive(Timestamp::default(), &mut input) {
            match event {
                Event::Text { text, is_first, is_last } => {
                    let mut utf8 = [0; 4];
                    let [carried, rest] = text.chunks(&mut utf8);
                    self.append(is_first, carried.as_bytes());
                    self.append(false, rest.as_bytes());
                    self.echo(is_last, MessageKind::Text);
                }
                Event::Binary { bytes, is_first, is_last } => {
                    self.append(is_first, bytes);
                    self.echo(is_last, MessageKind::Binary);
                }
                _ => {}
            }
            self.transmit();
        }
        assert!(input.is_empty(), "None means that all input is consumed");
        self.transmit();
    }

    fn append(&mut self, is_first: bool, bytes: &[u8]) {
        if is_first {
            self.message_len = 0;
        }
        self.message[self.message_len..][..bytes.len()].copy_from_slice(bytes);
        self.message_len += bytes.len();
    }

    fn echo(&mut self, is_last: bool, kind: MessageKind) {
        if !is_last {
            return;
        }
        let message = &self.message[..self.message_len];
        let data = match kind {
            MessageKind::Text => Data::utf8(message),
            MessageKind::Binary => Data::binary(message),
        };
        let frame = self.connection.send(data).expect("the connection is open");
        let room = &mut self.sent[self.sent_len..];
        self.sent_len += frame.encode_into(room).expect("room for the frame");
    }

    fn transmit(&mut self) {
        while let Some(Transmit::Frame(frame)) = self.connection.poll_transmit() {
            let bytes = frame.as_bytes();
            self.sent[self.sent_len..][..bytes.len()].copy_from_slice(bytes);
            self.sent_len += bytes.len();
        }
    }

    fn sent(&self) -> &[u8] {
        &self.sent[..self.sent_len]
    }
}

/// Every first two bytes of a frame that begins a connection, completed to a whole header, compared
/// with a rule for their result.
fn beginnings<R: Role>(role: impl Fn() -> R, must_be_masked: bool) -> usize {
    let mut checked = 0;
    for first in 0..=0xFF {
        for second in 0..=0xFF {
            let (limits, timeouts) = (Limits::server(), Timeouts::server());
            let now = Timestamp::default();
            let mut connection = Connection::new(role(), limits, timeouts, now);
            // The shortest length that needs the form; a masking key of zeros.
            let length: &[u8] = match second & 0x7F {
                126 => &[0, 126],
                127 => &[0, 0, 0, 0, 0, 1, 0, 0],
                _ => &[],
            };
            let key_len = if second & 0x80 != 0 { 4 } else { 0 };
            let mut header = [0; 14];
            (header[0], header[1]) = (first, second);
            header[2..][..length.len()].copy_from_slice(length);
            let mut input = &mut header[..2 + length.len() + key_len];
            let event = connection.receive(now, &mut input);
            let expected = rule(first, second, must_be_masked);
            assert_eq!(outcome(event), expected, "{first:#04x} {second:#04x}");
            checked += 1;
        }
    }
    checked
}

/// The effect of the first two bytes of the first frame.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// A data message begins.
    Data,
    /// A control frame is complete, or its payload is to come.
    Control,
    IllegalHeader,
    WrongMask,
    UnexpectedContinuation,
    Other,
}

/// RFC 6455, 5.1, 5.2, 5.4, 5.5.
fn rule(first: u8, second: u8, must_be_masked: bool) -> Outcome {
    let (fin, rsv, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0F);
    let (masked, length) = (second & 0x80 != 0, second & 0x7F);
    let is_control = opcode >= 0x8;
    if rsv != 0 || matches!(opcode, 0x3..=0x7 | 0xB..=0xF) || (is_control && (!fin || length > 125))
    {
        Outcome::IllegalHeader
    } else if masked != must_be_masked {
        Outcome::WrongMask
    } else if is_control {
        Outcome::Control
    } else if opcode == 0x0 {
        Outcome::UnexpectedContinuation
    } else {
        Outcome::Data
    }
}

fn outcome(event: Option<Event<'_>>) -> Outcome {
    match event {
        Some(Event::Text { is_first: true, .. } | Event::Binary { is_first: true, .. }) => {
            Outcome::Data
        }
        None | Some(Event::Ping(_) | Event::Pong(_) | Event::Close(None)) => Outcome::Control,
        Some(Event::Violation(Violation::Frame(error))) => match error.kind {
            DecodeErrorKind::Header(_) => Outcome::IllegalHeader,
            _ => Outcome::Other,
        },
        Some(Event::Violation(Violation::UnmaskedFrame | Violation::MaskedFrame)) => {
            Outcome::WrongMask
        }
        Some(Event::Violation(Violation::UnexpectedContinuation)) => {
            Outcome::UnexpectedContinuation
        }
        Some(_) => Outcome::Other,
    }
}

/// RFC 6455, 5.4, 5.5.1, 7.1: the commands of an application, and when they are allowed.
fn commands() -> usize {
    let mut end = Echo::new(Server);
    let connection = &mut end.connection;
    let mut out = [0; 16];
    let mut sent = |data| {
        let frame = connection.send(data)?;
        let len = frame.encode_into(&mut out).expect("room for the frame");
        Ok((out[0], len))
    };
    // A message in pieces, and none of the other type between them.
    assert_eq!(sent(Data::text("a").more()), Ok((0x01, 3)));
    assert_eq!(sent(Data::binary(b"b")), Err(SendError::InsideOtherMessage));
    assert_eq!(sent(Data::text("b").more()), Ok((0x00, 3)));
    assert_eq!(sent(Data::text("c")), Ok((0x80, 3)));
    assert_eq!(sent(Data::binary(b"d").compressed()), Err(SendError::CompressionNotNegotiated));
    let payload = ControlPayload::new(b"?").expect("not over 125 bytes");
    let ping = connection.ping(payload).map(|frame| frame.as_bytes() == b"\x89\x01?");
    assert_eq!(ping, Ok(true));
    // After Close nothing, and the peer's Close ends it.
    connection.close(Timestamp::default(), Some(CloseFrame::new(CloseCode::NORMAL, "done")));
    assert_eq!(connection.send(Data::text("late")), Err(SendError::NotOpen));
    end.transmit();
    end.receive(&mut { *b"\x88\x82\0\0\0\0\x03\xE8" });
    assert_eq!(end.sent(), b"\x88\x06\x03\xE8done");
    assert!(end.connection.close_info().is_clean() && end.connection.is_finished());
    7
}

/// A Ping after its interval, and the end if nothing answers.
fn deadlines() -> usize {
    let mut end = Echo::new(Server);
    let timeouts = Timeouts::server();
    let ping_due = Timestamp::default().after(timeouts.ping_interval);
    assert_eq!(end.connection.poll_timeout(), Some(ping_due));
    assert_eq!(end.connection.handle_timeout(ping_due), None);
    end.transmit();
    assert_eq!(end.sent(), b"\x89\x08\0\0\0\0\0\0\0\x01");

    let pong_due = ping_due.after(timeouts.pong);
    assert_eq!(end.connection.poll_timeout(), Some(pong_due));
    assert_eq!(end.connection.handle_timeout(pong_due), Some(Timeout::Pong));
    end.transmit();
    assert_eq!(end.connection.close_info().sent.code(), 1011);
    assert!(end.connection.is_finished());

    // An answer in time counts, and gives the round-trip time.
    let mut end = Echo::new(Server);
    assert_eq!(end.connection.handle_timeout(ping_due), None);
    end.transmit();
    let later = ping_due.after(Duration::from_millis(30));
    let mut pong = *b"\x8a\x88\0\0\0\0\0\0\0\0\0\0\0\x01";
    let mut input = &mut pong[..];
    assert!(matches!(end.connection.receive(later, &mut input), Some(Event::Pong(_))));
    assert_eq!(end.connection.round_trip_time(), Some(Duration::from_millis(30)));
    3
}
