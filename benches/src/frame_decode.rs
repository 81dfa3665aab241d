//! Decoding as a server: masked frames, one after another, as reads bring them.
//!
//! Each contender reads from a [`Pipe`] that returns the same frames again and again. So each pays
//! one copy for a read, and bytes that were unmasked in place are fresh in the next read. The
//! alternatives would be unfair: a masking key of zero would not be masking, and only contenders
//! that return borrowed payloads would pay for a refill before each round.
//!
//! Ours is measured at three levels: the frame codec with UTF-8 validation; the connection, which
//! adds the rules of messages, roles, limits and deadlines and is the one to compare with the
//! peers; and whole messages. The first two return borrowed payloads in the parts that reads bring;
//! the peers wait for the whole message.

use std::hint::black_box;

use fastwebsockets::OpCode;
use rand::rngs::ThreadRng;
use tidings_frame::{DataOpcode, Decoder, Opcode, Part, PayloadLimit, Rsv, Utf8Validator};
use tidings_websocket::{
    Assembled, Assembler, Connection, Event, Limits, MessageRef, Server, Timeouts, Timestamp,
};

use crate::Case;
use crate::check::{Round, Sink, contender};
use crate::corpus::{Content, Numbers, frame, frames_per_round, size_name};
use crate::pipe::{BUFFER_LEN, Pipe, now};

/// The cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let contents = [Content::Binary, Content::Ascii, Content::MultiByte];
    let lens = [16, 125, 1024, 16 * 1024, 1 << 20];
    contents.into_iter().flat_map(|content| lens.map(|len| case(content, len))).collect()
}

fn case(content: Content, len: usize) -> Case {
    let payload = content.bytes(len);
    let is_text = content != Content::Binary;
    let mut numbers = Numbers::new();
    let mut key = || Some(((numbers.draw() >> 20) as u32).to_be_bytes());
    let frame_len = frame(is_text, key(), &payload).len();
    let frames = frames_per_round(frame_len);
    let wire: Vec<u8> = (0..frames).flat_map(|_| frame(is_text, key(), &payload)).collect();

    let pipe = || Pipe::reading(wire.clone());
    let expected: Vec<&[u8]> = vec![&payload; frames];
    let memcpy = Memcpy {
        pipe: pipe(),
        wire_len: wire.len(),
        buffer: vec![0; BUFFER_LEN],
        payload: payload.clone(),
        frames,
    };
    let contenders = vec![
        contender("tidings connection", &expected, OurConnection::new(pipe(), frames)),
        contender("tidings frame", &expected, OurFrames::new(pipe(), frames)),
        contender("tidings whole messages", &expected, OurMessages::new(pipe(), frames)),
        contender("tungstenite", &expected, Tungstenite::new(pipe(), frames)),
        contender("fastwebsockets", &expected, Fastwebsockets::new(pipe(), frames)),
        contender("websocketz", &expected, Websocketz::new(pipe(), frames, frame_len)),
        contender("memcpy", &expected, memcpy),
    ];
    let name = format!("{} {}", content.name(), size_name(len));
    let (items, bytes) = (frames as u64, (frames * len) as u64);
    Case { name, items, bytes, contenders }
}

struct OurFrames {
    pipe: Pipe,
    frames: usize,
    buffer: Vec<u8>,
    decoder: Decoder,
}

impl OurFrames {
    fn new(pipe: Pipe, frames: usize) -> Self {
        let decoder = Decoder::new(PayloadLimit::SERVER, Rsv::NONE);
        Self { pipe, frames, buffer: vec![0; BUFFER_LEN], decoder }
    }
}

impl Round for OurFrames {
    fn round(&mut self, sink: &mut impl Sink) {
        let mut left = self.frames;
        let mut utf8 = Utf8Validator::new();
        while left > 0 {
            let len = self.pipe.take(&mut self.buffer);
            let mut input = &mut self.buffer[..len];
            while let Some(part) = self.decoder.decode(&mut input).unwrap() {
                let Part { header, payload, is_last, .. } = part;
                if header.opcode() == Opcode::Data(DataOpcode::Text) {
                    let text = utf8.push(payload).unwrap();
                    if let Some(carried) = text.carried {
                        sink.bytes(carried.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    sink.bytes(text.rest.as_bytes());
                } else {
                    sink.bytes(payload);
                }
                if is_last && header.fin() {
                    utf8.finish().unwrap();
                    sink.end();
                    left -= 1;
                }
            }
        }
    }
}

struct OurConnection {
    pipe: Pipe,
    frames: usize,
    buffer: Vec<u8>,
    connection: Connection<Server>,
}

impl OurConnection {
    fn new(pipe: Pipe, frames: usize) -> Self {
        let now = Timestamp::default();
        let connection = Connection::new(Server, Limits::server(), Timeouts::server(), now);
        Self { pipe, frames, buffer: vec![0; BUFFER_LEN], connection }
    }
}

impl Round for OurConnection {
    fn round(&mut self, sink: &mut impl Sink) {
        let mut left = self.frames;
        while left > 0 {
            let len = self.pipe.take(&mut self.buffer);
            let mut input = &mut self.buffer[..len];
            while let Some(event) = self.connection.receive(Timestamp::default(), &mut input) {
                let is_last = match event {
                    Event::Text { text, is_last, .. } => {
                        if let Some(carried) = text.carried {
                            sink.bytes(carried.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        sink.bytes(text.rest.as_bytes());
                        is_last
                    }
                    Event::Binary { bytes, is_last, .. } => {
                        sink.bytes(bytes);
                        is_last
                    }
                    other => panic!("{other:?}"),
                };
                if is_last {
                    sink.end();
                    left -= 1;
                }
            }
        }
    }
}

struct OurMessages {
    connection: OurConnection,
    assembler: Assembler,
}

impl OurMessages {
    fn new(pipe: Pipe, frames: usize) -> Self {
        Self { connection: OurConnection::new(pipe, frames), assembler: Assembler::new() }
    }
}

impl Round for OurMessages {
    fn round(&mut self, sink: &mut impl Sink) {
        let OurConnection { pipe, frames, buffer, connection } = &mut self.connection;
        let mut left = *frames;
        while left > 0 {
            let len = pipe.take(buffer);
            let mut input = &mut buffer[..len];
            while let Some(event) = connection.receive(Timestamp::default(), &mut input) {
                match self.assembler.push(event, connection.announced_rest_len()) {
                    Assembled::Incomplete => continue,
                    Assembled::Message(MessageRef::Text(text)) => sink.bytes(text.as_bytes()),
                    Assembled::Message(MessageRef::Binary(bytes)) => sink.bytes(&bytes),
                    Assembled::Other(other) => panic!("{other:?}"),
                }
                sink.end();
                left -= 1;
            }
        }
    }
}

struct Tungstenite {
    socket: tungstenite::WebSocket<Pipe>,
    frames: usize,
}

impl Tungstenite {
    fn new(pipe: Pipe, frames: usize) -> Self {
        let role = tungstenite::protocol::Role::Server;
        Self { socket: tungstenite::WebSocket::from_raw_socket(pipe, role, None), frames }
    }
}

impl Round for Tungstenite {
    fn round(&mut self, sink: &mut impl Sink) {
        for _ in 0..self.frames {
            match self.socket.read().unwrap() {
                tungstenite::Message::Text(text) => sink.bytes(text.as_bytes()),
                tungstenite::Message::Binary(bytes) => sink.bytes(&bytes),
                other => panic!("{other:?}"),
            }
            sink.end();
        }
    }
}

struct Fastwebsockets {
    socket: fastwebsockets::WebSocket<Pipe>,
    frames: usize,
}

impl Fastwebsockets {
    fn new(pipe: Pipe, frames: usize) -> Self {
        let role = fastwebsockets::Role::Server;
        Self { socket: fastwebsockets::WebSocket::after_handshake(pipe, role), frames }
    }
}

impl Round for Fastwebsockets {
    fn round(&mut self, sink: &mut impl Sink) {
        now(async {
            for _ in 0..self.frames {
                let frame = self.socket.read_frame().await.unwrap();
                assert!(frame.fin && matches!(frame.opcode, OpCode::Text | OpCode::Binary));
                sink.bytes(&frame.payload);
                sink.end();
            }
        });
    }
}

struct Websocketz {
    socket: websocketz::WebSocket<'static, Pipe, ThreadRng>,
    frames: usize,
}

impl Websocketz {
    fn new(pipe: Pipe, frames: usize, frame_len: usize) -> Self {
        // A message must fit its buffer. The buffers live as long as the run.
        let read_buffer = vec![0; BUFFER_LEN.max(2 * frame_len)].leak();
        let [write_buffer, fragments_buffer] = [vec![0; 1024].leak(), vec![0; 1024].leak()];
        let random = rand::rng();
        let socket = websocketz::WebSocket::server(
            pipe,
            random,
            read_buffer,
            write_buffer,
            fragments_buffer,
        );
        Self { socket, frames }
    }
}

impl Round for Websocketz {
    fn round(&mut self, sink: &mut impl Sink) {
        let socket = &mut self.socket;
        now(async {
            for _ in 0..self.frames {
                match websocketz::next!(socket).unwrap().unwrap() {
                    websocketz::Message::Text(text) => sink.bytes(text.as_bytes()),
                    websocketz::Message::Binary(bytes) => sink.bytes(bytes),
                    other => panic!("{other:?}"),
                }
                sink.end();
            }
        });
    }
}

/// Only the reads; their bytes are not processed.
struct Memcpy {
    pipe: Pipe,
    wire_len: usize,
    buffer: Vec<u8>,
    payload: Vec<u8>,
    frames: usize,
}

impl Round for Memcpy {
    fn round(&mut self, sink: &mut impl Sink) {
        let mut read = 0;
        while read < self.wire_len {
            read += self.pipe.take(black_box(&mut self.buffer));
        }
        for _ in 0..self.frames {
            sink.bytes(&self.payload);
            sink.end();
        }
    }
}
