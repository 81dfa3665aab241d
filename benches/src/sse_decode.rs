//! Decoding event streams in chunks as they come from a network.
//!
//! The peers return owned strings; ours are borrowed, and `tidings, owned` copies each event into
//! an owned one for the comparison. sse-stream returns blocks and leaves the default type and the
//! last event ID to its user.

use std::pin::pin;

use bytes::Bytes;
use eventsource_stream::Eventsource;
use futures_util::{Stream, StreamExt, stream};
use memchr::memchr2;
use tidings_sse::{Decoder, FixedStorage, Item, Limits, MessageEvent, Storage};

use crate::Case;
use crate::check::{Round, Sink, contender};
use crate::corpus::{Numbers, SseEvent, line, lines, size_name, token};
use crate::pipe::now;

const STREAM_LEN: usize = 128 * 1024;

/// The cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let numbers = &mut Numbers::new();
    let tokens = events(|| token(numbers));
    let mut id = 0;
    let typed = events(|| {
        id += 1;
        let data = token(numbers).data;
        SseEvent { event_type: "content_block_delta".into(), id: id.to_string(), data }
    });
    let big = events(|| SseEvent { data: lines(numbers, 40, 4096), ..SseEvent::default() });
    let tiny = events(|| SseEvent { data: line(numbers, 4), ..SseEvent::default() });
    let text = events(|| SseEvent {
        data: "漢字かな交じり文、".repeat(7), ..SseEvent::default()
    });

    vec![
        case("tokens", &tokens, "\n", 64),
        case("tokens", &tokens, "\n", 1400),
        case("tokens", &tokens, "\n", 16 * 1024),
        case("tokens with type and id", &typed, "\n", 1400),
        case("tokens with type and id", &typed, "\n", 16 * 1024),
        case("tokens, CRLF", &tokens, "\r\n", 1400),
        case("multi-byte text", &text, "\n", 1400),
        case("40 lines", &big, "\n", 1400),
        case("40 lines", &big, "\n", 16 * 1024),
        case("tiny", &tiny, "\n", 1400),
        case("tiny", &tiny, "\n", 16 * 1024),
    ]
}

fn events(mut next: impl FnMut() -> SseEvent) -> Vec<SseEvent> {
    let mut events = Vec::new();
    let mut stream = String::new();
    while stream.len() < STREAM_LEN {
        let event = next();
        event.write("\n", &mut stream);
        events.push(event);
    }
    events
}

fn case(kind: &str, events: &[SseEvent], line_end: &str, chunk_len: usize) -> Case {
    let mut stream = String::new();
    events.iter().for_each(|event| event.write(line_end, &mut stream));
    let stream = Bytes::from(stream);
    let chunks = || -> Vec<Bytes> {
        stream.chunks(chunk_len).map(|chunk| stream.slice_ref(chunk)).collect()
    };
    let expected: Vec<_> = events.iter().map(SseEvent::shown).collect();
    let contenders = vec![
        contender("tidings", &expected, Ours(chunks())),
        contender("tidings, FixedStorage", &expected, OursFixed(chunks(), Box::default())),
        contender("tidings, owned", &expected, OursOwned(chunks())),
        contender("sse-core", &expected, SseCore(chunks())),
        contender("sse-stream", &expected, SseStream(chunks())),
        contender("eventsource-stream", &expected, EventsourceStream(chunks())),
        contender("memchr2 of line ends", &expected, LineEnds(chunks(), expected.clone())),
    ];
    let name = format!("{kind}, {} chunks", size_name(chunk_len));
    let (items, bytes) = (events.len() as u64, stream.len() as u64);
    Case { name, items, bytes, contenders }
}

fn show(event_type: &str, data: &str, sink: &mut impl Sink) {
    sink.bytes(event_type.as_bytes());
    sink.bytes(b" ");
    sink.bytes(data.as_bytes());
    sink.end();
}

fn decode<S: Storage>(
    mut decoder: Decoder<S>,
    chunks: &[Bytes],
    mut each: impl FnMut(MessageEvent),
) {
    for chunk in chunks {
        let mut input = &chunk[..];
        while let Some(item) = decoder.decode(&mut input) {
            match item {
                Item::Event(event) => each(event),
                other => panic!("{other:?}"),
            }
        }
    }
}

struct Ours(Vec<Bytes>);

impl Round for Ours {
    fn round(&mut self, sink: &mut impl Sink) {
        decode(Decoder::new(), &self.0, |event| show(event.event_type, event.data, sink));
    }
}

struct OursOwned(Vec<Bytes>);

impl Round for OursOwned {
    fn round(&mut self, sink: &mut impl Sink) {
        decode(Decoder::new(), &self.0, |event| {
            let event = event.into_owned();
            show(&event.event_type, &event.data, sink);
        });
    }
}

/// The storage that a small device might supply.
#[derive(Debug)]
struct Areas {
    data: [u8; 8192],
    event_type: [u8; 64],
    last_event_id: [u8; 192],
}

impl Default for Areas {
    fn default() -> Self {
        Self { data: [0; 8192], event_type: [0; 64], last_event_id: [0; 192] }
    }
}

struct OursFixed(Vec<Bytes>, Box<Areas>);

impl Round for OursFixed {
    fn round(&mut self, sink: &mut impl Sink) {
        let storage = FixedStorage {
            data: &mut self.1.data,
            event_type: &mut self.1.event_type,
            last_event_id: &mut self.1.last_event_id,
            comment: &mut [],
        };
        let decoder = Decoder::with_storage(storage, Limits::DEFAULT);
        decode(decoder, &self.0, |event| show(event.event_type, event.data, sink));
    }
}

struct SseCore(Vec<Bytes>);

impl Round for SseCore {
    fn round(&mut self, sink: &mut impl Sink) {
        let mut decoder = sse_core::SseDecoder::new();
        for chunk in &self.0 {
            let mut input = &chunk[..];
            while let Some(event) = decoder.next(&mut input) {
                match event.unwrap() {
                    sse_core::SseEvent::Message(event) => show(&event.event, &event.data, sink),
                    other @ sse_core::SseEvent::Retry(_) => panic!("{other:?}"),
                }
            }
        }
    }
}

/// The chunks as the stream-based peers want them. Cloning counts a reference.
fn stream_of(chunks: &[Bytes]) -> impl Stream<Item = Result<Bytes, std::io::Error>> + '_ {
    stream::iter(chunks.iter().cloned().map(Ok))
}

struct SseStream(Vec<Bytes>);

impl Round for SseStream {
    fn round(&mut self, sink: &mut impl Sink) {
        let mut events = pin!(sse_stream::SseByteStream::new(stream_of(&self.0)));
        now(async {
            while let Some(event) = events.next().await {
                let event = event.unwrap();
                let event_type = event.event.as_deref().unwrap_or("message");
                show(event_type, event.data.as_deref().unwrap(), sink);
            }
        });
    }
}

struct EventsourceStream(Vec<Bytes>);

impl Round for EventsourceStream {
    fn round(&mut self, sink: &mut impl Sink) {
        let mut events = pin!(stream_of(&self.0).eventsource());
        now(async {
            while let Some(event) = events.next().await {
                let event = event.unwrap();
                show(&event.event, &event.data, sink);
            }
        });
    }
}

/// Only finds each line end; the events are not processed.
struct LineEnds(Vec<Bytes>, Vec<Vec<u8>>);

impl Round for LineEnds {
    fn round(&mut self, sink: &mut impl Sink) {
        for chunk in &self.0 {
            let mut rest = &chunk[..];
            while let Some(end) = memchr2(b'\n', b'\r', rest) {
                rest = &rest[std::hint::black_box(end) + 1..];
            }
        }
        for event in &self.1 {
            sink.bytes(event);
            sink.end();
        }
    }
}
