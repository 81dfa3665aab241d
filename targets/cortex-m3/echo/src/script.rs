//! A network that brings the same bytes each time, split in awkward places, and prints the written
//! bytes. Frames are masked with zeros, so that they can be read here, except the example of the
//! RFC.

use core::convert::Infallible;

use embedded_io::{ErrorType, Read, Write};
use tidings_firmware_console::println;

/// The bytes of a connection, read by read.
type Reads = &'static [&'static [u8]];

pub(crate) const CONNECTIONS: &[(&str, Reads)] = &[
    (
        "a client that is echoed and closes",
        &[
            b"GET /echo HT",
            b"TP/1.1\r\nHost: device.local\r\nConnection: keep-alive, Upgrade\r",
            b"\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            // The first frame begins in the same read: the example of RFC 6455, 5.7.
            b"Sec-WebSocket-Protocol: superchat, chat\r\n\r\n\x81\x85\x37",
            b"\xfa\x21\x3d\x7f\x9f\x4d",
            b"\x51\x58",
            // A message in two frames; a Ping between, a character cut by frames and by reads.
            b"\x01\x83\0\0\0\0a\xF0\x9F\x89\x82\0\0\0",
            b"\0hi\x80\x83\0\0\0\0\x98",
            b"\x80z",
            // Two messages in one read, one of them empty, then half a Close.
            b"\x82\x84\0\0\0\0\xFF\0\xFE\x01\x82\x80\0\0\0\0\x88\x85\0\0\0\0\x03\xE8b",
            b"ye",
        ],
    ),
    (
        "a client that does not mask",
        &[
            b"GET /echo HTTP/1.1\r\nHost: device.local\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            b"\x81\x05Hello",
        ],
    ),
    (
        "a client that speaks another version",
        &[b"GET /echo HTTP/1.1\r\nHost: device.local\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n"],
    ),
    (
        "a client that asks for something else",
        &[b"GET /chat HTTP/1.1\r\nHost: device.local\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"],
    ),
    ("a TLS record", &[b"\x16\x03\x01\x02\x00\x01\x00"]),
];

pub(crate) const EVENT_STREAMS: &[(&str, Reads)] = &[
    (
        "an event stream",
        &[
            b"\xEF\xBB",
            b"\xBFretry: 500\r\n: a comment\r\n\r",
            b"\nevent: reading\nid: 7\nda",
            b"ta: 21.5 \xC2",
            b"\xB0C\r\ndata\r\n\r\n",
            b"data: one read, two events\n\ndata: the second\n\n",
            b"id\ndata: an ID no more\n\n",
        ],
    ),
    (
        "an event stream with a long event, and cut off",
        &[
            b"data: 0123456789012345678901234567890123456789012345678901234567890123456789\n\n",
            b"data: the next\n\ndata: cut o",
        ],
    ),
];

/// A stream that follows a script.
pub(crate) struct Script {
    reads: Reads,
    /// The number of bytes of the first one that were read.
    read_len: usize,
}

impl Script {
    pub(crate) const fn new(reads: Reads) -> Self {
        Self { reads, read_len: 0 }
    }
}

impl ErrorType for Script {
    type Error = Infallible;
}

impl Read for Script {
    /// The rest of one read of the script, or as much of it as there is room for; nothing at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let Some((bytes, later)) = self.reads.split_first() else { return Ok(0) };
        let rest = &bytes[self.read_len..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        println!("< {}", rest[..len].escape_ascii());
        self.read_len += len;
        if self.read_len == bytes.len() {
            (self.reads, self.read_len) = (later, 0);
        }
        Ok(len)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        println!("> {}", bytes.escape_ascii());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
