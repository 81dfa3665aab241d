//! Large messages in constant memory, and other frames between their fragments. The machine is
//! built without a heap; there are only the buffers here.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::VecDeque;
use std::time::Duration;

use tidings_testkit::Keys;
use tidings_websocket::frame::{ControlPayload, DataOpcode, Header};
use tidings_websocket::{
    Client, Connection, Data, Event, Limits, Role, Server, Timeouts, Timestamp, Transmit,
};

const PIECE: usize = 64 * 1024;

fn unbounded(mut limits: Limits) -> Limits {
    limits.max_frame_len = Limits::UNBOUNDED;
    limits.max_message_len = Limits::UNBOUNDED;
    limits.max_fragments = u32::MAX;
    limits
}

fn server() -> Connection<Server> {
    let limits = unbounded(Limits::server());
    Connection::new(Server, limits, Timeouts::server(), Timestamp::default())
}

fn client() -> Connection<Client<Keys>> {
    let limits = unbounded(Limits::client());
    let role = Client::new(Keys::new(1));
    Connection::new(role, limits, Timeouts::client(), Timestamp::default())
}

/// The bytes of a message by their place in it.
fn fill(piece: &mut [u8], offset: u64) {
    for (byte, place) in piece.iter_mut().zip(offset..) {
        *byte = (place ^ (place >> 9)).to_be_bytes()[7];
    }
}

/// Streams one binary message from one machine to the other, in `frames` of a piece each.
fn stream<S: Role, R: Role>(mut sender: Connection<S>, mut receiver: Connection<R>, len: u64) {
    let now = Timestamp::default();
    let mut piece = vec![0; PIECE];
    let mut expected = vec![0; PIECE];
    let mut wire = vec![0; PIECE + Header::MAX_LEN];
    let (mut sent, mut received, mut is_done) = (0u64, 0u64, false);
    while !is_done {
        let left = usize::try_from(len - sent).unwrap_or(PIECE).min(PIECE);
        fill(&mut piece[..left], sent);
        let data = Data::binary(&piece[..left]);
        sent += u64::try_from(left).unwrap();
        let frame = sender.send(if sent < len { data.more() } else { data }).unwrap();
        let wire_len = frame.encode_into(&mut wire).unwrap();
        for mut input in wire[..wire_len].chunks_mut(16_383) {
            while let Some(event) = receiver.receive(now, &mut input) {
                let Event::Binary { bytes, is_first, is_last } = event else {
                    panic!("{event:?}");
                };
                assert_eq!(is_first, received == 0);
                fill(&mut expected[..bytes.len()], received);
                assert!(bytes == &expected[..bytes.len()], "changed near byte {received}");
                received += u64::try_from(bytes.len()).unwrap();
                is_done = is_last;
            }
        }
    }
    assert_eq!((sent, received), (len, len));
    assert!(size_of_val(&sender) < 1024 && size_of_val(&receiver) < 1024);
}

/// Receives one binary message that is a single frame.
fn receive_one_frame(len: u64) {
    let now = Timestamp::default();
    let mut receiver = client();
    let mut header = Header::data(DataOpcode::Binary, len).unwrap().encode().to_vec();
    let mut input = &mut header[..];
    let first = receiver.receive(now, &mut input);
    assert!(matches!(first, Some(Event::Binary { is_first: true, is_last: false, .. })));
    let mut piece = vec![0; PIECE];
    let mut received = 0;
    while received < len {
        let left = usize::try_from(len - received).unwrap_or(PIECE).min(PIECE);
        let mut input = &mut piece[..left];
        match receiver.receive(now, &mut input) {
            Some(Event::Binary { bytes, is_first: false, is_last }) => {
                received += u64::try_from(bytes.len()).unwrap();
                assert_eq!(is_last, received == len);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(receiver.is_open());
}

#[test]
fn a_large_message_streams_through_both_machines() {
    stream(client(), server(), (4 << 20) + 7);
    stream(server(), client(), (4 << 20) + 7);
    receive_one_frame((64 << 20) + 7);
}

/// 64 MiB and 1 GiB, each way; and a single frame of 8 GiB.
#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_a_gigabyte_streams_through_both_machines() {
    for len in [64 << 20, 1 << 30] {
        stream(client(), server(), len);
        stream(server(), client(), len);
    }
    receive_one_frame(8 << 30);
}

/// A machine with bytes to write and bytes to read.
struct Peer<R> {
    connection: Connection<R>,
    out: Vec<u8>,
}

impl<R: Role> Peer<R> {
    fn send(&mut self, data: Data<'_>) {
        let frame = self.connection.send(data).unwrap();
        let begin = self.out.len();
        self.out.resize(begin + frame.encoded_len(), 0);
        frame.encode_into(&mut self.out[begin..]).unwrap();
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.connection.poll_transmit() {
            match transmit {
                Transmit::Frame(frame) => self.out.extend_from_slice(frame.as_bytes()),
                Transmit::Shutdown => panic!("nobody closes"),
            }
        }
    }
}

/// 10,000 messages go to the server, with Pings among them, while it sends a large message in
/// fragments; after that message it answers all of them. Nothing is lost, doubled or reordered.
#[test]
fn ten_thousand_echoes_pass_a_large_message_with_pings_among_them() {
    const ECHOES: usize = 10_000;
    let mut now = Timestamp::default();
    let mut server = Peer { connection: server(), out: Vec::new() };
    let mut client = Peer { connection: client(), out: Vec::new() };
    let mut waiting: VecDeque<String> = VecDeque::new();
    let (mut large_len, mut echoed, mut pings, mut pongs) = (0u64, 0, 0u32, 0u32);
    let mut round = 0;
    while echoed < ECHOES {
        now = now.after(Duration::from_millis(5));
        if round < ECHOES {
            client.send(Data::text(&format!("message {round}")));
            if round % 5 == 0 {
                let number = ControlPayload::new(&pings.to_be_bytes()).unwrap();
                let ping = client.connection.ping(number).unwrap();
                client.out.extend_from_slice(ping.as_bytes());
                pings += 1;
            }
            let fragment = Data::binary(&[0x5A; 1000]);
            server.send(if round + 1 < ECHOES { fragment.more() } else { fragment });
        }
        round += 1;

        // To the server, in reads that cut frames anywhere.
        let mut read = std::mem::take(&mut client.out);
        for mut input in read.chunks_mut(1 + round % 37) {
            while let Some(event) = server.connection.receive(now, &mut input) {
                match event {
                    Event::Text { text, is_first, .. } => {
                        if is_first {
                            waiting.push_back(String::new());
                        }
                        let last = waiting.back_mut().unwrap();
                        last.extend(text.carried);
                        last.push_str(text.rest);
                    }
                    Event::Ping(_) | Event::Pong(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(server.connection.handle_timeout(now), None);
        server.transmit();
        if round >= ECHOES {
            for text in waiting.drain(..) {
                server.send(Data::text(&text));
            }
        }

        // To the client.
        let mut text = String::new();
        let mut read = std::mem::take(&mut server.out);
        for mut input in read.chunks_mut(1 + round % 1009) {
            while let Some(event) = client.connection.receive(now, &mut input) {
                match event {
                    Event::Binary { bytes, is_last, .. } => {
                        large_len += u64::try_from(bytes.len()).unwrap();
                        assert_eq!(is_last, large_len == 1000 * 10_000);
                    }
                    Event::Text { text: part, is_last, .. } => {
                        text.extend(part.carried);
                        text.push_str(part.rest);
                        if is_last {
                            assert_eq!(std::mem::take(&mut text), format!("message {echoed}"));
                            echoed += 1;
                        }
                    }
                    // The other Pongs, of 8 bytes, answer the connection's own Pings.
                    Event::Pong(payload) if payload.len() == 4 => {
                        assert_eq!(payload.as_bytes(), pongs.to_be_bytes());
                        pongs += 1;
                    }
                    Event::Ping(_) | Event::Pong(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(client.connection.handle_timeout(now), None);
        client.transmit();
    }
    assert_eq!(large_len, 1000 * 10_000);
    assert_eq!((pongs, waiting.len()), (pings, 0));
}
