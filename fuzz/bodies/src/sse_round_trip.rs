//! Every event that can be built can be encoded, and decodes to itself.
//!
//! Input: the cuts, then events. Each is a byte that selects its parts (1 comment, 2 event type, 4
//! ID, 8 reconnection time, 16 data) and then these: texts as a length and this many bytes, the
//! time as eight bytes.

use arbitrary::{Arbitrary, Result, Unstructured};
use tidings_sse::{
    BufferTooSmall, Comment, Decoder, EndOfStream, Event, EventId, EventType, InvalidField, Limits,
    ReconnectionTime,
};
use tidings_testkit::event_stream::{DataAs, Heard, Outcome};

use crate::cuts::Cuts;

/// Encodes the events and decodes them.
pub fn run(data: &[u8]) {
    let mut rest = data;
    let cuts = Cuts::take(&mut rest);
    let mut input = Unstructured::new(rest);
    let mut stream = Vec::new();
    let mut expected = Expected::default();
    while !input.is_empty() {
        let parts = Parts::take(&mut input).expect("the end of the input reads as zeros");
        parts.encode(&mut stream, &mut expected);
    }
    let expected = Outcome {
        heard: expected.heard,
        last_event_id: expected.last_event_id,
        reconnection_time_ms: expected.reconnection_time_ms,
        end: EndOfStream::BetweenEvents,
    };
    for (way, slices) in cuts.ways(&stream) {
        for data_as in [DataAs::Whole, DataAs::Parts] {
            let mut decoder = data_as.set(Decoder::with_limits(Limits::UNBOUNDED));
            assert_eq!(Outcome::of(&mut decoder, data_as, &slices), expected, "{way}, {data_as:?}");
        }
    }
}

/// The content of the stream so far.
#[derive(Default)]
struct Expected {
    heard: Vec<Heard>,
    last_event_id: String,
    reconnection_time_ms: Option<u64>,
}

/// The parts of one event, not yet checked.
struct Parts {
    comment: Option<String>,
    event_type: Option<String>,
    id: Option<String>,
    retry_ms: Option<u64>,
    data: Option<String>,
}

impl Parts {
    fn take(input: &mut Unstructured<'_>) -> Result<Self> {
        let present = u8::arbitrary(input)?;
        let mut text = |bit: u8| match present & bit {
            0 => Ok(None),
            _ => {
                let len = usize::from(u8::arbitrary(input)?).min(input.len());
                Ok(Some(String::from_utf8_lossy(input.bytes(len)?).into_owned()))
            }
        };
        let (comment, event_type, id, data) = (text(1)?, text(2)?, text(4)?, text(16)?);
        let retry_ms = if present & 8 == 0 { None } else { Some(u64::arbitrary(input)?) };
        Ok(Self { comment, event_type, id, retry_ms, data })
    }

    /// Leaves out refused parts, encodes the rest, and records the expected items.
    fn encode(&self, stream: &mut Vec<u8>, expected: &mut Expected) {
        let has_line_break = |text: &str| text.contains(['\r', '\n']);
        let mut event = Event::new();
        if let Some(text) = &self.comment {
            let comment = Comment::new(text);
            assert_eq!(comment.is_ok(), !has_line_break(text));
            if let Ok(comment) = comment {
                event = event.comment(comment);
                expected.heard.push(Heard::Comment(text.clone()));
            }
        }
        if let Some(ms) = self.retry_ms {
            event = event.retry(ReconnectionTime::from_ms(ms));
            expected.reconnection_time_ms = Some(ms);
            expected.heard.push(Heard::Retry(ms));
        }
        if let Some(text) = &self.id {
            match EventId::new(text) {
                Ok(id) => {
                    assert!(!has_line_break(text) && !text.contains('\0'));
                    event = event.id(id);
                    expected.last_event_id.clone_from(text);
                    if let Some(value) = id.header_value() {
                        assert_eq!(value.trim_ascii(), text.as_bytes());
                        assert!(!value.is_empty());
                    }
                }
                Err(InvalidField::LineBreak { at }) => {
                    assert!(b"\r\n".contains(&text.as_bytes()[at]));
                }
                Err(InvalidField::Nul { at }) => assert_eq!(text.as_bytes()[at], 0),
                Err(error) => panic!("{error}"),
            }
        }
        let mut event_type = "message";
        if let Some(text) = &self.event_type {
            let checked = EventType::new(text);
            assert_eq!(checked.is_ok(), !has_line_break(text) && !text.is_empty());
            if let Ok(checked) = checked {
                event = event.event_type(checked);
                event_type = text;
            }
        }
        if let Some(text) = &self.data {
            event = event.data(text);
            let data = text.replace("\r\n", "\n").replace('\r', "\n");
            expected.heard.push(Heard::event(event_type, &data, &expected.last_event_id));
        }
        append(&event, stream);
    }
}

/// Appends the event, by every way that there is.
fn append(event: &Event<'_>, stream: &mut Vec<u8>) {
    let mut buffer = vec![0xAA; event.encoded_len()];
    assert_eq!(event.encode_into(&mut buffer), Ok(buffer.len()));
    let too_short = BufferTooSmall { needed: buffer.len() };
    let mut short = vec![0; buffer.len() - 1];
    assert_eq!(event.encode_into(&mut short), Err(too_short));
    let start = stream.len();
    event.append_to(stream);
    assert_eq!(stream[start..], buffer);
}
