//! The events of a connection, in a form that does not depend on how its input was split.

use super::expected::{Expected, Last};
use tidings_websocket::frame::{CloseFrame, ControlPayload};
use tidings_websocket::{Event, MessageKind, Violation};

/// Everything received.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// Whole messages.
    messages: Vec<Message>,
    /// The message that continues.
    open: Option<Message>,
    /// The events other than messages, and how many messages had ended by then.
    others: Vec<(usize, Other)>,
    /// The number of the others that were taken as news.
    taken: usize,
}

/// A message, as far as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) is_text: bool,
    /// `true` if the bytes are still to be inflated.
    pub(super) is_compressed: bool,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Other {
    Ping(ControlPayload),
    Pong(ControlPayload),
    Close(Option<CloseFrame>),
    Violation(Violation),
}

impl Log {
    pub(super) fn push(&mut self, event: Event<'_>) {
        let has_ended =
            matches!(self.others.last(), Some((_, Other::Close(_) | Other::Violation(_))));
        assert!(!has_ended, "{event:?} after the last event");
        let other = match event {
            Event::Text { text, is_first, is_last } => {
                let mut part = String::from_iter(text.carried);
                part.push_str(text.rest);
                return self.push_part((true, false), part.as_bytes(), is_first, is_last);
            }
            Event::Binary { bytes, is_first, is_last } => {
                return self.push_part((false, false), bytes, is_first, is_last);
            }
            Event::Compressed { kind, bytes, is_first, is_last } => {
                let is_text = kind == MessageKind::Text;
                return self.push_part((is_text, true), bytes, is_first, is_last);
            }
            Event::Ping(payload) => Other::Ping(payload),
            Event::Pong(payload) => Other::Pong(payload),
            Event::Close(close) => Other::Close(close),
            Event::Violation(violation) => {
                assert!(!violation.to_string().is_empty());
                // The part of the message delivered before its violation depends on the cuts.
                self.open = None;
                Other::Violation(violation)
            }
            other => panic!("an event that this target does not know: {other:?}"),
        };
        self.others.push((self.messages.len(), other));
    }

    fn push_part(
        &mut self,
        (is_text, is_compressed): (bool, bool),
        bytes: &[u8],
        is_first: bool,
        is_last: bool,
    ) {
        assert_eq!(is_first, self.open.is_none(), "a message begins where none is open");
        let new = Message { is_text, is_compressed, bytes: Vec::new() };
        let mut message = self.open.take().unwrap_or(new);
        assert_eq!((message.is_text, message.is_compressed), (is_text, is_compressed));
        message.bytes.extend_from_slice(bytes);
        if is_last {
            self.messages.push(message);
        } else {
            self.open = Some(message);
        }
    }

    /// Takes the events other than messages since the last call.
    pub(super) fn take_news(&mut self) -> Vec<Other> {
        let news = self.others[self.taken..].iter().map(|(_, other)| other.clone()).collect();
        self.taken = self.others.len();
        news
    }

    /// Checks that this is as expected.
    pub(super) fn assert_is(&self, expected: &Expected) {
        let mut controls: Vec<&Other> = self.others.iter().map(|(_, other)| other).collect();
        let last = match controls.last() {
            Some(Other::Close(close)) => Last::Close(*close),
            Some(Other::Violation(Violation::TooManyControlFrames { .. })) => {
                // The bytes do not show how fast they came. Up to here everything is as expected.
                assert!(expected.messages.starts_with(&self.messages));
                assert!(expected.pings_and_pongs.len() >= controls.len() - 1);
                return;
            }
            Some(Other::Violation(violation)) => Last::Violation(violation.close_code()),
            Some(Other::Ping(_) | Other::Pong(_)) | None => Last::Nothing,
        };
        assert_eq!(last, expected.last);
        if last != Last::Nothing {
            controls.pop();
        }
        assert_eq!(self.messages, expected.messages);
        assert!(controls.into_iter().eq(&expected.pings_and_pongs));
    }
}
