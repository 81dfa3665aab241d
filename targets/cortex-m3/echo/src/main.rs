//! A firmware that accepts a WebSocket, echoes, closes, and then reads an event stream. Its network is
//! a script; all that happens is printed, and compared with `expected.txt`.
//!
//! There is no heap: all memory is in the buffers that [`serve`] and [`follow`] own.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod script;

use core::time::Duration;

use embedded_io::{Read, Write};
use script::Script;
use tidings_embedded::blocking::{EventStream, WebSocket, accept};
use tidings_embedded::handshake::Rejection;
use tidings_embedded::sse::{Decoder, FixedStorage, Item, Limits};
use tidings_embedded::websocket::{Data, Event, Role, Timestamp};
use tidings_embedded::{Config, Error, EventStreamError};
use tidings_firmware_console::{end, println};

#[cortex_m_rt::entry]
fn main() -> ! {
    for (title, reads) in script::CONNECTIONS {
        println!("# {title}");
        match serve(Script::new(reads)) {
            Ok(()) => println!("closed"),
            Err(error) => println!("ended: {error}"),
        }
    }
    for (title, reads) in script::EVENT_STREAMS {
        println!("# {title}");
        match follow(Script::new(reads)) {
            Ok(()) => println!("end of the stream"),
            Err(error) => println!("ended: {error}"),
        }
    }
    end()
}

/// Accepts a WebSocket at `/echo` and echoes its messages, event by event.
fn serve<S: Read + Write>(stream: S) -> Result<(), Error<S::Error>> {
    // For the head of the request and the answer, then for frames.
    let mut buffer = [0; 512];
    let mut socket = accept(stream, &mut buffer, clock(), &Config::server(), |request| {
        println!("asked for {} with {}", request.path(), request.subprotocols().count());
        if request.path() != "/echo" {
            return Err(Rejection::not_found("the WebSocket is at /echo\n"));
        }
        let chosen = request.choose_subprotocol(&["chat"]);
        request.accept().subprotocol(chosen).map_err(|_| Rejection::forbidden("no subprotocol\n"))
    })?;
    echo(&mut socket)
}

fn echo<S: Read + Write, R: Role, C: FnMut() -> Timestamp>(
    socket: &mut WebSocket<'_, S, R, C>,
) -> Result<(), Error<S::Error>> {
    while let Some((event, sender)) = socket.recv()? {
        match event {
            Event::Text { text, is_last, .. } => {
                println!("text {}, last: {is_last}", text.rest);
                let data = Data::text(text.rest);
                sender.send(if is_last { data } else { data.more() })?;
            }
            Event::Binary { bytes, is_last, .. } => {
                println!("binary {}, last: {is_last}", bytes.escape_ascii());
                let data = Data::binary(bytes);
                sender.send(if is_last { data } else { data.more() })?;
            }
            Event::Ping(payload) => println!("ping {}", payload.as_bytes().escape_ascii()),
            Event::Pong(payload) => println!("pong {}", payload.as_bytes().escape_ascii()),
            Event::Close(Some(close)) => println!("close {close}"),
            Event::Close(None) => println!("close"),
            _ => println!("an unexpected event"),
        }
    }
    Ok(())
}

/// A clock that advances by a millisecond each time it is read.
fn clock() -> impl FnMut() -> Timestamp {
    let mut elapsed = Duration::ZERO;
    move || {
        elapsed += Duration::from_millis(1);
        Timestamp::from_epoch(elapsed)
    }
}

/// Prints the items of an event stream.
fn follow<S: Read>(stream: S) -> Result<(), EventStreamError<S::Error>> {
    let (mut data, mut event_type, mut last_event_id) = ([0; 64], [0; 16], [0; 3 * 16]);
    let storage = FixedStorage {
        data: &mut data,
        event_type: &mut event_type,
        last_event_id: &mut last_event_id,
        comment: &mut [],
    };
    let decoder = Decoder::with_storage(storage, Limits::DEFAULT);
    let mut buffer = [0; 32];
    let mut events = EventStream::new(stream, decoder, &mut buffer);
    while events.fill()? {
        while let Some(item) = events.next_item() {
            match item {
                Item::Event(event) => println!(
                    "event of type {} with ID {}: {}",
                    event.event_type,
                    event.last_event_id,
                    event.data.as_bytes().escape_ascii()
                ),
                Item::Retry(time) => println!("reconnect after {} ms", time.as_ms()),
                Item::Overflow(exceeded) => println!("an event was skipped: {exceeded}"),
                _ => println!("an unexpected item"),
            }
        }
    }
    Ok(())
}
