//! tidings-websocket with the tidings-frame that it stands on: a server's connection that echoes,
//! answers Pings, closes, and keeps its deadlines.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;
use core::time::Duration;

use tidings_firmware_sizes::end;
use tidings_websocket::{
    Connection, Data, Event, Limits, SendError, Server, Timeouts, Timestamp, Transmit,
};

/// A masked "Hello" (RFC 6455, 5.7), then a masked Close without a code.
const RECEIVED: [u8; 17] = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x00\x00\x00\x00";
const SENT: &[u8] = b"\x81\x05Hello\x88\x00";

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut received = black_box(RECEIVED);
    let mut out = [0; 256];
    let sent = serve(&mut received, &mut out);
    end(sent.and_then(|len| out.get(..len)) == Some(SENT))
}

/// Returns the number of bytes sent when the connection was over.
fn serve(received: &mut [u8], out: &mut [u8]) -> Option<usize> {
    let mut now = Timestamp::from_epoch(black_box(Duration::ZERO));
    let mut connection = Connection::new(Server, Limits::server(), Timeouts::server(), now);
    let mut sent = 0;
    let mut input = received;
    while !connection.is_finished() {
        while let Some(event) = connection.receive(now, &mut input) {
            let room = out.get_mut(sent..)?;
            sent = sent.checked_add(echo(&mut connection, &event, room).ok()?)?;
        }
        while let Some(transmit) = connection.poll_transmit() {
            let Transmit::Frame(frame) = transmit else { break };
            let bytes = frame.as_bytes();
            out.get_mut(sent..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
            sent = sent.checked_add(bytes.len())?;
        }
        now = connection.poll_timeout().unwrap_or(now);
        let _ = black_box(connection.handle_timeout(now));
    }
    Some(sent)
}

fn echo(
    connection: &mut Connection<Server>,
    event: &Event<'_>,
    out: &mut [u8],
) -> Result<usize, SendError> {
    match event {
        Event::Text { text, is_last, .. } => {
            // A character that was split goes first, in a separate fragment.
            let mut utf8 = [0; 4];
            let [cut, rest] = text.chunks(&mut utf8);
            let cut_len = match cut {
                "" => 0,
                cut => send(connection, Data::text(cut), false, out)?,
            };
            let room = out.get_mut(cut_len..).unwrap_or_default();
            Ok(cut_len + send(connection, Data::text(rest), *is_last, room)?)
        }
        Event::Binary { bytes, is_last, .. } => {
            send(connection, Data::binary(bytes), *is_last, out)
        }
        _ => Ok(0),
    }
}

fn send(
    connection: &mut Connection<Server>,
    data: Data<'_>,
    is_last: bool,
    out: &mut [u8],
) -> Result<usize, SendError> {
    let frame = connection.send(if is_last { data } else { data.more() })?;
    Ok(frame.encode_into(out).unwrap_or_default())
}
