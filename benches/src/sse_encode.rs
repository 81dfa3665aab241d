//! Encoding events with type, ID and data, one after the other into one buffer.
//!
//! Of the peers only sse-stream writes events. It takes owned strings and returns a buffer for each
//! event; creating those strings is part of its work, as checking type and ID is of ours.

use tidings_sse::{Event, EventId, EventType};

use crate::Case;
use crate::check::{Round, Sink, writer};
use crate::corpus::{Numbers, SseEvent, line, lines};
use crate::pipe::Pipe;

const EVENTS: usize = 32;

/// The cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let numbers = &mut Numbers::new();
    vec![
        case("200 B", |_| line(numbers, 200)),
        case("4 KiB in one line", |_| line(&mut Numbers::new(), 4096)),
        case("4 KiB in 40 lines", |_| lines(&mut Numbers::new(), 40, 4096)),
    ]
}

fn case(name: &str, mut data: impl FnMut(usize) -> String) -> Case {
    let event = |i| SseEvent { event_type: "delta".into(), id: i_to_id(i), data: data(i) };
    let events: Vec<SseEvent> = (0..EVENTS).map(event).collect();
    let mut written = String::new();
    events.iter().for_each(|event| event.write("\n", &mut written));
    let shown = |event: &SseEvent| format!("{} {} {}", event.event_type, event.id, event.data);
    let expected: Vec<_> = events.iter().map(shown).collect();
    let read = |stream: &[u8]| -> Vec<String> {
        SseEvent::read(std::str::from_utf8(stream).unwrap()).iter().map(shown).collect()
    };
    let out = Vec::with_capacity(written.len());
    let contenders = vec![
        writer("tidings, append_to", &expected, read, AppendTo(events.clone(), out)),
        writer(
            "tidings, encode_into",
            &expected,
            read,
            EncodeInto(events.clone(), vec![0; 1 << 18]),
        ),
        writer("sse-stream", &expected, read, SseStream(events, Pipe::writing())),
        writer("memcpy", &expected, read, Memcpy(written.clone().into(), Pipe::writing())),
    ];
    let (items, bytes) = (EVENTS as u64, written.len() as u64);
    Case { name: name.into(), items, bytes, contenders }
}

fn i_to_id(i: usize) -> String {
    (1_000_000 + i).to_string()
}

fn ours(event: &SseEvent) -> Event<'_> {
    Event::new()
        .event_type(EventType::new(&event.event_type).unwrap())
        .id(EventId::new(&event.id).unwrap())
        .data(&event.data)
}

struct AppendTo(Vec<SseEvent>, Vec<u8>);

impl Round for AppendTo {
    fn round(&mut self, sink: &mut impl Sink) {
        self.1.clear();
        for event in &self.0 {
            ours(event).append_to(&mut self.1);
        }
        sink.bytes(&self.1);
        sink.end();
    }
}

struct EncodeInto(Vec<SseEvent>, Vec<u8>);

impl Round for EncodeInto {
    fn round(&mut self, sink: &mut impl Sink) {
        let mut len = 0;
        for event in &self.0 {
            len += ours(event).encode_into(&mut self.1[len..]).unwrap();
        }
        sink.bytes(&self.1[..len]);
        sink.end();
    }
}

struct SseStream(Vec<SseEvent>, Pipe);

impl Round for SseStream {
    fn round(&mut self, sink: &mut impl Sink) {
        for event in &self.0 {
            let SseEvent { event_type, id, data } = event;
            let event = sse_stream::Sse::default().event(event_type).id(id).data(data);
            self.1.give(&event.encode().unwrap());
        }
        self.1.written(|stream| sink.bytes(stream));
        sink.end();
    }
}

/// The events were encoded before.
struct Memcpy(Vec<u8>, Pipe);

impl Round for Memcpy {
    fn round(&mut self, sink: &mut impl Sink) {
        self.1.give(&self.0);
        self.1.written(|stream| sink.bytes(stream));
        sink.end();
    }
}
