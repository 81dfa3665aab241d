//! A program without std, without an allocator and without an entry point of Rust's, that does
//! something real with each of the core crates. That it links is the proof; that it ends with 0
//! shows that the linked code works.
//!
//! The exit code is 0, or the number of the [`Fault`].

#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;
use core::time::Duration;

use tidings_frame::{DataOpcode, Decoder, Frame, MaskingKey, PayloadLimit, Rsv};
use tidings_handshake::{HeadScanner, HeaderSlots, Key, Limits, Progress, ServerRequest};
use tidings_reconnect::{Next, Policy, Reason, Reconnect};
use tidings_sse::{Decoder as EventDecoder, Event, EventType, FixedStorage, Item};
use tidings_websocket::{Connection, Data, Server, Timeouts, Timestamp, Transmit};

/// The crate that did not do its work.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Frame = 1,
    Handshake = 2,
    EventStream = 3,
    Connection = 4,
    Reconnect = 5,
    /// The program panicked.
    Panic = 6,
}

/// The entry point for the C library.
#[expect(unsafe_code, reason = "the name is the C library's; no other function here has it")]
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let done = frame_comes_back()
        .and_then(|()| handshake_is_answered())
        .and_then(|()| event_is_dispatched())
        .and_then(|()| connection_echoes_and_closes())
        .and_then(|()| reconnection_waits());
    done.map_or_else(|fault| fault as i32, |()| 0)
}

/// RFC 6455, 5.2: a masked frame decodes to the original.
fn frame_comes_back() -> Result<(), Fault> {
    let text = black_box("h\u{e9}llo, world");
    let frame = Frame::data(DataOpcode::Text, text.as_bytes())
        .with_masking_key(MaskingKey::new(black_box([0x37, 0xfa, 0x21, 0x3d])));
    let mut buffer = [0; 64];
    let len = frame.encode_into(&mut buffer).map_err(|_| Fault::Frame)?;
    let mut input = buffer.get_mut(..len).ok_or(Fault::Frame)?;
    let mut decoder = Decoder::new(PayloadLimit::SERVER, Rsv::NONE);
    match decoder.decode(&mut input) {
        Ok(Some(part)) if part.is_last && part.payload == text.as_bytes() => Ok(()),
        _ => Err(Fault::Frame),
    }
}

/// RFC 6455, 1.3: the request of its example has the answer of its example.
fn handshake_is_answered() -> Result<(), Fault> {
    let key = black_box(b"dGhlIHNhbXBsZSBub25jZQ==");
    let key = Key::parse(key).map_err(|_| Fault::Handshake)?;
    if key.accept().as_str() != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
        return Err(Fault::Handshake);
    }
    let received = black_box(
        b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
          Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
          Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    let mut scanner = HeadScanner::request(Limits::server());
    let Ok(Progress::Complete(head)) = scanner.scan(received) else {
        return Err(Fault::Handshake);
    };
    let mut slots = HeaderSlots::<16>::new();
    let request = ServerRequest::parse(head, &mut slots).map_err(|_| Fault::Handshake)?;
    let chosen = request.choose_subprotocol(&["chat"]);
    let acceptance = request.accept().subprotocol(chosen).map_err(|_| Fault::Handshake)?;
    let mut response = [0; 256];
    let len = acceptance.encode(&mut response).map_err(|_| Fault::Handshake)?;
    let is_open = response.starts_with(b"HTTP/1.1 101 ") && len > 100;
    if is_open { Ok(()) } else { Err(Fault::Handshake) }
}

/// WHATWG HTML, 9.2.6: an event that is cut in the middle is dispatched at its blank line.
fn event_is_dispatched() -> Result<(), Fault> {
    let event_type = EventType::new(black_box("greeting")).map_err(|_| Fault::EventStream)?;
    let mut stream = [0; 64];
    let len = Event::new()
        .event_type(event_type)
        .data(black_box("hello\nworld"))
        .encode_into(&mut stream)
        .map_err(|_| Fault::EventStream)?;

    let (mut data, mut event_type, mut last_event_id) = ([0; 64], [0; 16], [0; 48]);
    let storage = FixedStorage {
        data: &mut data,
        event_type: &mut event_type,
        last_event_id: &mut last_event_id,
        comment: &mut [],
    };
    let mut decoder = EventDecoder::with_storage(storage, tidings_sse::Limits::DEFAULT);
    let stream = stream.get(..len).ok_or(Fault::EventStream)?;
    let (mut beginning, mut rest) = stream.split_at(len / 2);
    if decoder.decode(&mut beginning).is_some() {
        return Err(Fault::EventStream);
    }
    match decoder.decode(&mut rest) {
        Some(Item::Event(event))
            if event.event_type == "greeting" && event.data == "hello\nworld" =>
        {
            Ok(())
        }
        _ => Err(Fault::EventStream),
    }
}

/// RFC 6455, 5.7 and 7.1.1: a server echoes "Hello", answers the Close frame, and shuts down.
fn connection_echoes_and_closes() -> Result<(), Fault> {
    let now = Timestamp::default();
    let limits = tidings_websocket::Limits::server();
    let mut connection = Connection::new(Server, limits, Timeouts::server(), now);
    let mut read =
        black_box(*b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x00\x00\x00\x00");
    let mut input = read.as_mut_slice();
    let mut written = [0; 16];
    let mut len = 0;
    while let Some(event) = connection.receive(now, &mut input) {
        if let tidings_websocket::Event::Text { text, .. } = event {
            let frame = connection.send(Data::text(text.rest)).map_err(|_| Fault::Connection)?;
            len = frame.encode_into(&mut written).map_err(|_| Fault::Connection)?;
        }
    }
    let echo = written.get(..len).ok_or(Fault::Connection)?;
    let close = connection.poll_transmit();
    let is_closed = matches!(&close, Some(Transmit::Frame(close)) if close.as_bytes() == b"\x88\x00")
        && matches!(connection.poll_transmit(), Some(Transmit::Shutdown));
    if echo == b"\x81\x05Hello" && is_closed { Ok(()) } else { Err(Fault::Connection) }
}

/// RFC 6455, 7.2.3: the first wait after a loss is random, between 0 and 5 seconds.
fn reconnection_waits() -> Result<(), Fault> {
    let mut reconnect = Reconnect::new(Policy::websocket());
    let now = Timestamp::from_epoch(Duration::from_secs(100));
    let half = black_box(1 << 63);
    match reconnect.failed(now, Reason::Disconnected, half) {
        Next::Wait(wait) if wait == Duration::from_millis(2_500) => Ok(()),
        _ => Err(Fault::Reconnect),
    }
}

/// Ends the program with a special exit code.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    exit(Fault::Panic as i32)
}

#[expect(unsafe_code, reason = "declares the C library's exit as it is; it may be called anywhere")]
unsafe extern "C" {
    safe fn exit(code: i32) -> !;
}
