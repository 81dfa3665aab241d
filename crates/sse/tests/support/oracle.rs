//! The standard's text, line by line, with no thought of speed or memory.

use tidings_sse::EndOfStream;

use super::{Heard, Outcome, event};

/// WHATWG HTML 9.2.6 over a whole stream.
pub(crate) fn interpret(stream: &[u8]) -> Outcome {
    let unmarked = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut source = EventSource::default();
    let mut line = Vec::new();
    let mut bytes = unmarked.iter().copied().peekable();
    let mut behind = stream.len() - unmarked.len();
    while let Some(byte) = bytes.next() {
        behind += 1;
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' && bytes.next_if_eq(&b'\n').is_some() {
                    behind += 1;
                }
                if line.is_empty() {
                    behind = 0;
                }
                source.line(&String::from_utf8_lossy(&line));
                line.clear();
            }
            _ => line.push(byte),
        }
    }
    let inside = !line.is_empty()
        || !source.data.is_empty()
        || !source.event_type.is_empty()
        || source.id_set;
    Outcome {
        heard: source.heard,
        last_event_id: source.last_event_id,
        reconnection_time_ms: source.reconnection_time_ms,
        end: if inside {
            EndOfStream::InsideEvent { dropped_len: behind as u64 }
        } else {
            EndOfStream::BetweenEvents
        },
    }
}

#[derive(Default)]
struct EventSource {
    data: String,
    event_type: String,
    id_buffer: String,
    id_set: bool,
    last_event_id: String,
    reconnection_time_ms: Option<u64>,
    heard: Vec<Heard>,
}

impl EventSource {
    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.dispatch();
        } else if let Some(comment) = line.strip_prefix(':') {
            let comment = comment.strip_prefix(' ').unwrap_or(comment);
            self.heard.push(Heard::Comment(comment.to_owned()));
        } else if let Some((field, value)) = line.split_once(':') {
            self.field(field, value.strip_prefix(' ').unwrap_or(value));
        } else {
            self.field(line, "");
        }
    }

    fn field(&mut self, field: &str, value: &str) {
        match field {
            "event" => self.event_type = value.to_owned(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => {
                self.id_buffer = value.to_owned();
                self.id_set = true;
            }
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                let ms = value.parse().unwrap_or(u64::MAX);
                self.reconnection_time_ms = Some(ms);
                self.heard.push(Heard::Retry(ms));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        self.last_event_id.clone_from(&self.id_buffer);
        self.id_set = false;
        let event_type = std::mem::take(&mut self.event_type);
        let data = std::mem::take(&mut self.data);
        if let Some(data) = data.strip_suffix('\n') {
            let event_type = if event_type.is_empty() { "message" } else { &event_type };
            self.heard.push(event(event_type, data, &self.last_event_id));
        }
    }
}
