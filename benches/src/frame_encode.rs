//! Encoding messages of one frame, as a server (plain) and as a client (masked).
//!
//! All write into a [`Pipe`], which copies its input, as a kernel does. Our small frames go into
//! one buffer that is written when it holds [`READ_LEN`] bytes and at the end of the round;
//! `vectored` passes header and payload of each frame to the pipe, which needs no copy of ours.
//! tungstenite collects as well, fastwebsockets and websocketz write each frame. The cost of a
//! write in a kernel is not in these figures.
//!
//! All masking keys come from the same kind of generator: cryptographic, one per thread.

use std::io::Write as _;

use bytes::Bytes;
use rand::Rng as _;
use rand::rngs::ThreadRng;
use tidings_frame::{DataOpcode, Frame, MaskingKey};
use tidings_websocket::{Client, Connection, Data, Limits, Role, Server, Timeouts, Timestamp};

use crate::Case;
use crate::check::{Round, Sink, writer};
use crate::corpus::{Content, frame, frames_per_round, payloads, size_name};
use crate::pipe::{Pipe, READ_LEN, now};

/// The cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let lens = [16, 125, 1024, 16 * 1024, 1 << 20];
    [End::Server, End::Client].into_iter().flat_map(|end| lens.map(|len| case(end, len))).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Server,
    Client,
}

fn case(end: End, len: usize) -> Case {
    let payload = Content::Binary.bytes(len);
    let key = (end == End::Client).then_some([0; 4]);
    let wire_frame = frame(false, key, &payload);
    let frames = frames_per_round(wire_frame.len());
    let expected: Vec<&[u8]> = vec![&payload; frames];
    let read = |wire: &[u8]| payloads(wire, end == End::Client);

    let now = Timestamp::default();
    let ours = || Ours { payload: payload.clone(), frames, pipe: Pipe::writing(), out: Vec::new() };
    let mut contenders = match end {
        End::Server => {
            let connection = Connection::new(Server, Limits::server(), Timeouts::server(), now);
            vec![
                writer("tidings connection", &expected, read, Connected(ours(), connection)),
                writer("tidings frame", &expected, read, OurFrames(ours(), || None)),
                writer("tidings frame, vectored", &expected, read, Vectored(ours())),
            ]
        }
        End::Client => {
            let role = Client::new(random_key);
            let connection = Connection::new(role, Limits::client(), Timeouts::client(), now);
            let key = || Some(random_key());
            vec![
                writer("tidings connection", &expected, read, Connected(ours(), connection)),
                writer("tidings frame", &expected, read, OurFrames(ours(), key)),
            ]
        }
    };
    let shared = Bytes::from(payload.clone());
    contenders.extend([
        writer("tungstenite", &expected, read, Tungstenite::new(end, shared, frames)),
        writer("fastwebsockets", &expected, read, Fastwebsockets::new(end, &payload, frames)),
        writer("websocketz", &expected, read, Websocketz::new(end, &payload, frames)),
        writer("memcpy", &expected, read, Memcpy(wire_frame.repeat(frames), Pipe::writing())),
    ]);
    let name = match end {
        End::Server => format!("server {}", size_name(len)),
        End::Client => format!("client {}", size_name(len)),
    };
    let (items, bytes) = (frames as u64, (frames * len) as u64);
    Case { name, items, bytes, contenders }
}

fn random_key() -> [u8; 4] {
    rand::rng().next_u32().to_ne_bytes()
}

struct Ours {
    payload: Vec<u8>,
    frames: usize,
    pipe: Pipe,
    out: Vec<u8>,
}

impl Ours {
    fn write_if(&mut self, full: bool) {
        if full {
            self.pipe.give(&self.out);
            self.out.clear();
        }
    }
}

fn show(pipe: &Pipe, sink: &mut impl Sink) {
    pipe.written(|wire| sink.bytes(wire));
    sink.end();
}

struct Connected<R>(Ours, Connection<R>);

impl<R: Role> Round for Connected<R> {
    fn round(&mut self, sink: &mut impl Sink) {
        let Self(ours, connection) = self;
        for _ in 0..ours.frames {
            connection.send(Data::binary(&ours.payload)).unwrap().append_to(&mut ours.out);
            ours.write_if(ours.out.len() >= READ_LEN);
        }
        ours.write_if(true);
        show(&ours.pipe, sink);
    }
}

struct OurFrames<K>(Ours, K);

impl<K: FnMut() -> Option<[u8; 4]>> Round for OurFrames<K> {
    fn round(&mut self, sink: &mut impl Sink) {
        let Self(ours, key) = self;
        for _ in 0..ours.frames {
            let frame = Frame::data(DataOpcode::Binary, &ours.payload);
            match key() {
                Some(key) => frame.with_masking_key(MaskingKey::new(key)).append_to(&mut ours.out),
                None => frame.append_to(&mut ours.out),
            }
            ours.write_if(ours.out.len() >= READ_LEN);
        }
        ours.write_if(true);
        show(&ours.pipe, sink);
    }
}

struct Vectored(Ours);

impl Round for Vectored {
    fn round(&mut self, sink: &mut impl Sink) {
        let ours = &mut self.0;
        for _ in 0..ours.frames {
            let frame = Frame::data(DataOpcode::Binary, &ours.payload);
            ours.pipe.give(&frame.header_bytes());
            ours.pipe.give(frame.payload());
        }
        show(&ours.pipe, sink);
    }
}

struct Tungstenite {
    payload: Bytes,
    frames: usize,
    socket: tungstenite::WebSocket<Pipe>,
}

impl Tungstenite {
    fn new(end: End, payload: Bytes, frames: usize) -> Self {
        let role = match end {
            End::Server => tungstenite::protocol::Role::Server,
            End::Client => tungstenite::protocol::Role::Client,
        };
        let socket = tungstenite::WebSocket::from_raw_socket(Pipe::writing(), role, None);
        Self { payload, frames, socket }
    }
}

impl Round for Tungstenite {
    fn round(&mut self, sink: &mut impl Sink) {
        for _ in 0..self.frames {
            let message = tungstenite::Message::Binary(self.payload.clone()); // shares its bytes
            self.socket.write(message).unwrap();
        }
        self.socket.flush().unwrap();
        show(self.socket.get_ref(), sink);
    }
}

struct Fastwebsockets {
    payload: &'static [u8],
    frames: usize,
    socket: fastwebsockets::WebSocket<Pipe>,
    pipe: Pipe,
}

impl Fastwebsockets {
    fn new(end: End, payload: &[u8], frames: usize) -> Self {
        let role = match end {
            End::Server => fastwebsockets::Role::Server,
            End::Client => fastwebsockets::Role::Client,
        };
        let pipe = Pipe::writing();
        let socket = fastwebsockets::WebSocket::after_handshake(pipe.clone(), role);
        Self { payload: payload.to_vec().leak(), frames, socket, pipe }
    }
}

impl Round for Fastwebsockets {
    fn round(&mut self, sink: &mut impl Sink) {
        now(async {
            for _ in 0..self.frames {
                let payload = fastwebsockets::Payload::Borrowed(self.payload);
                self.socket.write_frame(fastwebsockets::Frame::binary(payload)).await.unwrap();
            }
        });
        show(&self.pipe, sink);
    }
}

struct Websocketz {
    payload: Vec<u8>,
    frames: usize,
    socket: websocketz::WebSocket<'static, Pipe, ThreadRng>,
}

impl Websocketz {
    fn new(end: End, payload: &[u8], frames: usize) -> Self {
        let [read_buffer, fragments_buffer] = [vec![0; 1024].leak(), vec![0; 1024].leak()];
        let write_buffer = vec![0; payload.len() + 14].leak();
        let make = match end {
            End::Server => websocketz::WebSocket::server,
            End::Client => websocketz::WebSocket::client,
        };
        let pipe = Pipe::writing();
        let socket = make(pipe, rand::rng(), read_buffer, write_buffer, fragments_buffer);
        Self { payload: payload.to_vec(), frames, socket }
    }
}

impl Round for Websocketz {
    fn round(&mut self, sink: &mut impl Sink) {
        now(async {
            for _ in 0..self.frames {
                self.socket.send(websocketz::Message::Binary(&self.payload)).await.unwrap();
            }
        });
        show(self.socket.inner(), sink);
    }
}

/// The frames were encoded before.
struct Memcpy(Vec<u8>, Pipe);

impl Round for Memcpy {
    fn round(&mut self, sink: &mut impl Sink) {
        self.1.write_all(&self.0).unwrap();
        show(&self.1, sink);
    }
}
