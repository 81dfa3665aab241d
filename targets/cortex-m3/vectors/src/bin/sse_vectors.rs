//! The vectors of tidings-sse, from `crates/sse/tests/data`: each in borrowed memory, its data
//! whole and in parts, the stream whole, at every cut and byte by byte. And events, encoded.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use tidings_firmware_console::{end, passed, state};
use tidings_firmware_vectors::Cut;
use tidings_sse::{
    Comment, Decoder, Event, EventEnd, EventId, EventSource, EventType, FixedStorage, Item, Limit,
    LimitExceeded, Limits, MessageEvent, ReconnectionTime,
};

/// A stream, and its events.
struct Vector {
    name: &'static str,
    stream: &'static [u8],
    events: &'static [MessageEvent<'static>],
    retry_ms: Option<u64>,
    last_event_id: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/sse_vectors.rs"));

#[cortex_m_rt::entry]
fn main() -> ! {
    passed("event streams, data whole", streams(DataAs::Whole));
    passed("event streams, data in parts", streams(DataAs::Parts));
    passed("events encoded and decoded", events());
    passed("limits", limits());
    state::<Decoder<FixedStorage<'static>>>("Decoder");
    state::<EventSource<FixedStorage<'static>>>("EventSource");
    end()
}

/// The form in which the data of an event is requested.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DataAs {
    Whole,
    Parts,
}

/// The longest data that is taken whole; longer data can only be taken in parts.
const MAX_DATA_LEN: usize = 256;
/// In a longer stream only cuts near its ends are tried.
const MAX_STREAM_LEN: usize = 512;

fn streams(data_as: DataAs) -> usize {
    let mut checked = 0;
    for vector in &VECTORS {
        let longest = vector.events.iter().map(|event| event.data.len()).max();
        if data_as == DataAs::Whole && longest > Some(MAX_DATA_LEN) {
            continue;
        }
        let max_distance = if vector.stream.len() > MAX_STREAM_LEN { 32 } else { usize::MAX };
        for cut in Cut::within(vector.stream.len(), max_distance) {
            check(vector, data_as, cut);
        }
        checked += 1;
    }
    checked
}

fn check(vector: &Vector, data_as: DataAs, cut: Cut) {
    let name = vector.name;
    let (mut data, mut event_type, mut ids) = ([0; MAX_DATA_LEN], [0; 32], [0; 3 * 64]);
    let storage = FixedStorage {
        data: &mut data,
        event_type: &mut event_type,
        last_event_id: &mut ids,
        comment: &mut [],
    };
    let mut decoder = Decoder::with_storage(storage, Limits::DEFAULT);
    if data_as == DataAs::Parts {
        decoder = decoder.report_data_chunks();
    }
    let mut events = vector.events.iter();
    let (mut parts_len, mut are_equal) = (0, true);
    for piece in cut.pieces(vector.stream.len()) {
        let mut input = &vector.stream[piece];
        while let Some(item) = decoder.decode(&mut input) {
            match item {
                Item::Event(event) => assert_eq!(Some(&event), events.next(), "{name}, {cut:?}"),
                // Parts may come of an event that never ends: the decision is made at its end.
                Item::DataChunk(part) => {
                    let data = events.as_slice().first().map_or("", |event| event.data);
                    let end = parts_len + part.len();
                    are_equal &= data.get(parts_len..end) == Some(part);
                    parts_len = end;
                }
                Item::EventEnd(EventEnd { event_type, last_event_id }) => {
                    let event = events.next().expect("no more events than there are");
                    let said = (event_type, parts_len, last_event_id);
                    let expected = (event.event_type, event.data.len(), event.last_event_id);
                    assert_eq!((said, are_equal), (expected, true), "{name}, {cut:?}");
                    parts_len = 0;
                }
                Item::Retry(_) => {}
                other => panic!("{name}, {cut:?}: {other:?}"),
            }
        }
        assert!(input.is_empty(), "None means that all input is consumed");
    }
    assert!(events.next().is_none(), "{name}, {cut:?}: an event is missing");
    let retry_ms = decoder.reconnection_time().map(ReconnectionTime::as_ms);
    assert_eq!(retry_ms, vector.retry_ms, "{name}, {cut:?}");
    assert_eq!(decoder.last_event_id(), vector.last_event_id, "{name}, {cut:?}");
}

/// WHATWG HTML 9.2.5: the encoded bytes, and that they decode to the original.
fn events() -> usize {
    let comment = |text| Comment::new(text).expect("no line break");
    let event_type = |text| EventType::new(text).expect("no line break");
    let id = |text| EventId::new(text).expect("neither a line break nor NUL");
    let cases: [(Event<'_>, &[u8], Option<MessageEvent<'_>>); 6] = [
        (Event::new().comment(comment("")), b": \n\n", None),
        (Event::new().id(id("7")), b"id: 7\n\n", None),
        (Event::new().retry(ReconnectionTime::from_ms(500)), b"retry: 500\n\n", None),
        (
            Event::new().data("hello"),
            b"data: hello\n\n",
            Some(MessageEvent { event_type: "message", data: "hello", last_event_id: "" }),
        ),
        (
            Event::new().data(" a\r\nb\rc\n"),
            b"data:  a\ndata: b\ndata: c\ndata: \n\n",
            Some(MessageEvent { event_type: "message", data: " a\nb\nc\n", last_event_id: "" }),
        ),
        (
            Event::new().event_type(event_type("reading")).id(id("\u{e9}")).data(""),
            b"event: reading\nid: \xC3\xA9\ndata: \n\n",
            Some(MessageEvent { event_type: "reading", data: "", last_event_id: "\u{e9}" }),
        ),
    ];
    for (event, wire, said) in &cases {
        let mut out = [0; 64];
        let len = event.encode_into(&mut out).expect("room for the event");
        assert_eq!((len, &out[..len]), (event.encoded_len(), *wire));
        assert!(event.encode_into(&mut out[..len - 1]).is_err());

        let (mut data, mut event_type, mut ids) = ([0; 64], [0; 32], [0; 3 * 32]);
        let storage = FixedStorage {
            data: &mut data,
            event_type: &mut event_type,
            last_event_id: &mut ids,
            comment: &mut [],
        };
        let mut decoder = Decoder::with_storage(storage, Limits::DEFAULT);
        let mut input = *wire;
        let mut heard = None;
        while let Some(item) = decoder.decode(&mut input) {
            if let Item::Event(event) = item {
                assert_eq!(Some(&event), said.as_ref());
                heard = Some(());
            }
        }
        assert_eq!(heard.is_some(), said.is_some());
    }
    assert!(EventId::new("7\ndata: evil").is_err() && EventType::new("a\rb").is_err());
    cases.len()
}

/// An area that is full costs one event; the next one comes.
fn limits() -> usize {
    let stream = b"data: 0123\ndata: 4567\n\nevent: 01234567\ndata: x\n\ndata: y\n\n";
    let cases = [
        (9, 8, [None, None]),
        (8, 8, [Some((Limit::Data, 8)), None]),
        (9, 7, [None, Some((Limit::EventType, 7))]),
        (1, 0, [Some((Limit::Data, 1)), Some((Limit::EventType, 0))]),
    ];
    for (data_len, event_type_len, refused) in cases {
        let (mut data, mut event_type, mut ids) = ([0; 9], [0; 8], [0; 3]);
        let storage = FixedStorage {
            data: &mut data[..data_len],
            event_type: &mut event_type[..event_type_len],
            last_event_id: &mut ids,
            comment: &mut [],
        };
        let mut decoder = Decoder::with_storage(storage, Limits::DEFAULT);
        let mut refused = refused.into_iter().flatten();
        let mut input = &stream[..];
        let mut last = false;
        while let Some(item) = decoder.decode(&mut input) {
            match item {
                Item::Event(event) => last = event.data == "y",
                Item::Overflow(LimitExceeded { limit, max_len }) => {
                    assert_eq!(Some((limit, max_len)), refused.next());
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(last && refused.next().is_none(), "{data_len} and {event_type_len} bytes");
    }
    cases.len()
}
