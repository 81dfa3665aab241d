//! The rules of RFC 6455, sections 5 to 7, one connection at a time, at every cut of its input.

use core::time::Duration;
use std::borrow::ToOwned;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use tidings_frame::{
    CloseCode, CloseFrame, ControlOpcode, ControlPayload, DataOpcode, Frame, MaskingKey,
    PayloadTooLong,
};

use crate::*;

mod closing;
mod compression;
mod deadlines;
mod messages;

const KEY: [u8; 4] = [0xA1, 0x02, 0xFF, 0x10];

type TestClient = Client<fn() -> [u8; 4]>;

fn server() -> Connection<Server> {
    Connection::new(Server, Limits::server(), Timeouts::server(), Timestamp::default())
}

fn client() -> Connection<TestClient> {
    let role = Client::new((|| KEY) as fn() -> [u8; 4]);
    Connection::new(role, Limits::client(), Timeouts::client(), Timestamp::default())
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_epoch(Duration::from_secs(seconds))
}

/// A frame's bytes, as a client sends them if `masked`.
fn bytes_of(frame: Frame<'_>, masked: bool) -> Vec<u8> {
    let frame = if masked { frame.with_masking_key(MaskingKey::new(KEY)) } else { frame };
    let mut bytes = vec![0; frame.encoded_len()];
    frame.encode_into(&mut bytes).unwrap();
    bytes
}

fn control(opcode: ControlOpcode, payload: &[u8], masked: bool) -> Vec<u8> {
    bytes_of(Frame::control(opcode, &ControlPayload::new(payload).unwrap()), masked)
}

/// The record of a connection in a test: its events and its output, in one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Log(Vec<String>);

impl Log {
    /// Feeds `stream` in these chunks, polling after each, and joins the parts of messages.
    fn of<'a, R: Role>(
        connection: &mut Connection<R>,
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let mut log = Self::default();
        let mut assembler = Assembler::new();
        for chunk in chunks {
            let mut chunk = chunk.to_owned();
            let mut input = &mut chunk[..];
            while let Some(event) = connection.receive(Timestamp::default(), &mut input) {
                match assembler.push(event, connection.announced_rest_len()) {
                    Assembled::Incomplete => {}
                    Assembled::Message(MessageRef::Text(text)) => {
                        log.0.push(std::format!("text {text}"));
                    }
                    Assembled::Message(MessageRef::Binary(bytes)) => {
                        log.0.push(std::format!("binary {}", bytes.escape_ascii()));
                    }
                    Assembled::Other(Event::Ping(payload)) => log.payload("ping", payload),
                    Assembled::Other(Event::Pong(payload)) => log.payload("pong", payload),
                    Assembled::Other(Event::Close(close)) => {
                        let close = close.map(|close| close.to_string()).unwrap_or_default();
                        log.0.push(std::format!("close {close}"));
                    }
                    Assembled::Other(Event::Violation(violation)) => {
                        log.0.push(std::format!("violation {}", violation.close_code().get()));
                    }
                    Assembled::Other(Event::Compressed { kind, bytes, is_first, is_last }) => {
                        let part = match (is_first, is_last) {
                            (true, true) => "whole",
                            (true, false) => "first",
                            (false, false) => "middle",
                            (false, true) => "last",
                        };
                        let bytes = bytes.escape_ascii();
                        log.0.push(std::format!("compressed {kind:?} {part} {bytes}"));
                    }
                    Assembled::Other(other) => panic!("{other:?}"),
                }
            }
            assert!(input.is_empty(), "all input is taken");
            log.transmit(connection);
        }
        log
    }

    fn payload(&mut self, what: &str, payload: ControlPayload) {
        self.0.push(std::format!("{what} {}", payload.as_bytes().escape_ascii()));
    }

    fn transmit<R: Role>(&mut self, connection: &mut Connection<R>) {
        while let Some(transmit) = connection.poll_transmit() {
            self.0.push(match transmit {
                Transmit::Frame(frame) => std::format!("> {}", frame.as_bytes().escape_ascii()),
                Transmit::Shutdown => "> shutdown".to_owned(),
            });
        }
    }

    fn lines(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// The same stream whole, split at every position, and byte by byte. Output may come earlier with
/// more cuts, so the events and the output are compared separately.
fn at_every_cut<R: Role>(new: impl Fn() -> Connection<R>, stream: &[u8], expected: &[&str]) {
    let apart = |log: &Log| -> (Vec<String>, Vec<String>) {
        log.0.iter().cloned().partition(|line| !line.starts_with('>'))
    };
    let whole = Log::of(&mut new(), [stream]);
    assert_eq!(whole.lines(), expected);
    for cut in 0..=stream.len() {
        let cut_log = Log::of(&mut new(), [&stream[..cut], &stream[cut..]]);
        assert_eq!(apart(&cut_log), apart(&whole), "cut at {cut}");
    }
    assert_eq!(apart(&Log::of(&mut new(), stream.chunks(1))), apart(&whole), "byte by byte");
}

fn transmitted<R: Role>(connection: &mut Connection<R>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Transmit::Frame(frame)) = connection.poll_transmit() {
        bytes.extend_from_slice(frame.as_bytes());
    }
    bytes
}
