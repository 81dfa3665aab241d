//! WHATWG HTML, 9.2.6, read to the letter, with no thought of speed or memory: the stream is
//! decoded, split into lines, and each line is processed. It shares no code with the decoder.

use tidings_sse::EndOfStream;

use super::outcome::{Heard, Outcome};

/// The items of a whole stream, comments included, for a client whose last event ID string is
/// `last_event_id`.
#[must_use]
pub fn interpret(stream: &[u8], last_event_id: &str) -> Outcome {
    let mut source = EventSource {
        id_buffer: last_event_id.to_owned(),
        last_event_id: last_event_id.to_owned(),
        ..EventSource::default()
    };
    let (lines, cut_line) = lines(stream);
    let mut blank_ended_at = 0;
    for line in lines {
        source.process(&line.text);
        if line.text.is_empty() {
            blank_ended_at = line.ended_at;
        }
    }
    let is_inside = !cut_line.is_empty() || source.is_inside_event();
    Outcome {
        heard: source.heard,
        last_event_id: source.last_event_id,
        reconnection_time_ms: source.reconnection_time_ms,
        end: if is_inside {
            EndOfStream::InsideEvent { dropped_len: (stream.len() - blank_ended_at) as u64 }
        } else {
            EndOfStream::BetweenEvents
        },
    }
}

struct Line {
    text: String,
    /// The end of the line end in the stream.
    ended_at: usize,
}

/// The lines that have a line end, and the rest after the last of them.
fn lines(stream: &[u8]) -> (Vec<Line>, &[u8]) {
    let mut lines = Vec::new();
    let mut rest = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    while let Some(len) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let (line, end) = rest.split_at(len);
        let end_len = if end.starts_with(b"\r\n") { 2 } else { 1 };
        rest = &end[end_len..];
        let text = String::from_utf8_lossy(line).into_owned();
        lines.push(Line { text, ended_at: stream.len() - rest.len() });
    }
    (lines, rest)
}

#[derive(Default)]
struct EventSource {
    data_buffer: String,
    event_type_buffer: String,
    id_buffer: String,
    /// `true` if the open event has an `id`.
    has_id: bool,
    last_event_id: String,
    reconnection_time_ms: Option<u64>,
    heard: Vec<Heard>,
}

impl EventSource {
    fn is_inside_event(&self) -> bool {
        !self.data_buffer.is_empty() || !self.event_type_buffer.is_empty() || self.has_id
    }

    fn process(&mut self, line: &str) {
        let (field, value) = match line.split_once(':') {
            None if line.is_empty() => return self.dispatch(),
            None => (line, ""),
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
        };
        match field {
            "" => self.heard.push(Heard::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.event_type_buffer),
            "data" => {
                self.data_buffer.push_str(value);
                self.data_buffer.push('\n');
            }
            "id" if !value.contains('\0') => {
                value.clone_into(&mut self.id_buffer);
                self.has_id = true;
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
        self.has_id = false;
        let event_type = std::mem::take(&mut self.event_type_buffer);
        let data = std::mem::take(&mut self.data_buffer);
        if let Some(data) = data.strip_suffix('\n') {
            let event_type = if event_type.is_empty() { "message" } else { &event_type };
            self.heard.push(Heard::event(event_type, data, &self.last_event_id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(stream: &str) -> Vec<Heard> {
        interpret(stream.as_bytes(), "").heard
    }

    /// Two examples of WHATWG HTML, 9.2.6.
    #[test]
    fn the_examples_of_the_standard_say_what_it_tells() {
        let stocks = "data: YHOO\ndata: +2\ndata: 10\n\n";
        assert_eq!(heard(stocks), [Heard::event("message", "YHOO\n+2\n10", "")]);
        let blocks = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n\
                      data:  third event\n";
        let expected = [
            Heard::Comment("test stream".into()),
            Heard::event("message", "first event", "1"),
            Heard::event("message", "second event", ""),
        ];
        assert_eq!(heard(blocks), expected);
    }

    #[test]
    fn an_end_inside_an_event_counts_from_the_last_blank_line() {
        for (stream, dropped_len) in [
            ("", None),
            ("\u{FEFF}", None),
            (": note\n", None),
            ("data\r\n\r\n", None),
            ("data", Some(4)),
            ("\u{FEFF}id\r", Some(6)),
            ("data\r\n\r\n: note\nevent: x\n", Some(16)),
            ("data\n\n\r:", Some(1)),
        ] {
            let expected = match dropped_len {
                Some(dropped_len) => EndOfStream::InsideEvent { dropped_len },
                None => EndOfStream::BetweenEvents,
            };
            assert_eq!(interpret(stream.as_bytes(), "").end, expected, "{stream:?}");
        }
    }

    #[test]
    fn the_last_event_id_string_is_that_of_before_until_an_event_ends() {
        assert_eq!(interpret(b"id: 8\ndata", "7").last_event_id, "7");
        assert_eq!(interpret(b"data\n\n", "7").heard, [Heard::event("message", "", "7")]);
        assert_eq!(interpret(b"id: 8\n\n", "7").last_event_id, "8");
    }
}
