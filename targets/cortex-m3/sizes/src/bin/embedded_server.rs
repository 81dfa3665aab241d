//! tidings-embedded with the crates that it stands on: a server that accepts a WebSocket, echoes and
//! closes, on a blocking stream. This is all that a firmware with one WebSocket needs, without its
//! network.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::convert::Infallible;
use core::hint::black_box;
use core::time::Duration;

use embedded_io::{ErrorType, Read, Write};
use tidings_embedded::blocking::accept;
use tidings_embedded::websocket::{Data, Event, Timestamp};
use tidings_embedded::{Config, Error};
use tidings_firmware_sizes::end;

/// RFC 6455, 1.2; a masked "Hello" (5.7); a masked Close without a code.
const RECEIVED: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n\
    \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x00\x00\x00\x00";
const SENT: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\
    \x81\x05Hello\x88\x00";

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut stream =
        Stream { unread: black_box(RECEIVED), unsent: black_box(SENT), is_right: true };
    let is_closed = serve(&mut stream).is_ok();
    end(is_closed && stream.is_right && stream.unsent.is_empty())
}

fn serve(stream: &mut Stream) -> Result<(), Error<Infallible>> {
    let mut buffer = [0; 512];
    let clock = || Timestamp::from_epoch(black_box(Duration::ZERO));
    let mut socket =
        accept(stream, &mut buffer, clock, &Config::server(), |request| Ok(request.accept()))?;
    while let Some((event, sender)) = socket.recv()? {
        let (data, is_last) = match event {
            Event::Text { text, is_last, .. } => (Data::text(text.rest), is_last),
            Event::Binary { bytes, is_last, .. } => (Data::binary(bytes), is_last),
            _ => continue,
        };
        sender.send(if is_last { data } else { data.more() })?;
    }
    Ok(())
}

/// A stream with scripted input that checks the written bytes.
struct Stream {
    unread: &'static [u8],
    unsent: &'static [u8],
    is_right: bool,
}

impl ErrorType for Stream {
    type Error = Infallible;
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let (read, unread) = self.unread.split_at(buffer.len().min(self.unread.len()));
        for (to, from) in buffer.iter_mut().zip(read) {
            *to = *from;
        }
        self.unread = unread;
        Ok(read.len())
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        match self.unsent.strip_prefix(bytes) {
            Some(unsent) => self.unsent = unsent,
            None => self.is_right = false,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
