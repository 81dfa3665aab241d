//! Reads a response that is not a stream: [`AnswerReader`].

use std::time::Duration;

use bytes::Bytes;
use tidings_sse::event_source::Disconnect;

use super::client_event::{Answer, AnswerCut, ClientEvent};
use super::content::ContentDecoder;

/// Collects the body of a response that is not a stream, up to a limit. An adapter passes the bytes
/// that arrive within the [timeout](Self::timeout).
#[derive(Debug)]
pub struct AnswerReader {
    disconnect: Disconnect,
    answer: Answer,
    content: ContentDecoder,
    max_len: usize,
    timeout: Duration,
    /// The body went over the limit, or its coding is broken.
    cut: Option<AnswerCut>,
}

impl AnswerReader {
    pub(super) const fn new(
        disconnect: Disconnect,
        answer: Answer,
        content: ContentDecoder,
        (max_len, timeout): (usize, Duration),
    ) -> Self {
        Self { disconnect, answer, content, max_len, timeout, cut: None }
    }

    /// Returns the time limit for the body.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Takes the next chunk of the body. Returns whether more is wanted.
    pub fn receive(&mut self, chunk: Bytes) -> bool {
        self.content.feed(chunk);
        while self.cut.is_none() {
            let available = match self.content.available() {
                Ok([]) => break,
                Ok(available) => available,
                Err(_) => {
                    self.cut = Some(AnswerCut::Coding);
                    break;
                }
            };
            let room = self.max_len.saturating_sub(self.answer.body.len());
            let taken = available.get(..room).unwrap_or(available);
            self.cut = (taken.len() < available.len()).then_some(AnswerCut::TooLong);
            self.answer.body.extend_from_slice(taken);
            let len = taken.len();
            self.content.consume(len);
        }
        self.cut.is_none()
    }

    /// The event to report, when the body has ended the way HTTP says that it ends, or, if it is cut,
    /// for this reason: the first one that was found counts.
    #[must_use]
    pub fn finish(mut self, cut: Option<AnswerCut>) -> ClientEvent {
        let cut = self.cut.or(cut).or_else(|| {
            let is_whole = self.content.finish().is_ok();
            (!is_whole).then_some(AnswerCut::Coding)
        });
        let answer = Answer { cut, ..self.answer };
        ClientEvent::disconnected(self.disconnect, None, Some(Box::new(answer)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test that cannot go on has failed")]

    use http::HeaderMap;
    use tidings_sse::event_source::{DisconnectReason, GiveUp, Next};

    use super::*;

    fn reader(content: ContentDecoder) -> AnswerReader {
        let next = Next::GiveUp(GiveUp::Failed);
        let disconnect = Disconnect { reason: DisconnectReason::Status(400), next };
        let answer = Answer::new("http://127.0.0.1/", 400, HeaderMap::new());
        AnswerReader::new(disconnect, answer, content, (10, Duration::from_secs(1)))
    }

    fn answer(reader: AnswerReader, cut: Option<AnswerCut>) -> (String, Option<AnswerCut>) {
        let ClientEvent::Closed { cause, .. } = reader.finish(cut) else {
            panic!("it is the end");
        };
        let answer = cause.answer.expect("there is an answer");
        assert_eq!(answer.is_complete(), answer.cut.is_none());
        (answer.text().into_owned(), answer.cut)
    }

    #[test]
    fn an_answer_is_printed_with_its_text_and_without_the_values_of_its_headers() {
        let mut answer = Answer::new("http://127.0.0.1/", 401, HeaderMap::new());
        answer.body = b"who are you? \xFF".to_vec();
        answer.headers.insert("set-cookie", http::HeaderValue::from_static("session=secret"));
        assert_eq!(answer.text(), "who are you? \u{FFFD}");
        let printed = format!("{answer:?}");
        assert!(printed.contains("who are you?") && printed.contains("set-cookie"), "{printed}");
        assert!(!printed.contains("secret"), "{printed}");
    }

    #[test]
    fn an_answer_is_whole_up_to_its_limit_and_says_so() {
        let [too_long, late, broken] =
            [AnswerCut::TooLong, AnswerCut::TimedOut, AnswerCut::Connection].map(Some);
        for (chunks, more, cut, expected) in [
            (&["12345", "67890"][..], true, None, ("1234567890", None)),
            (&["12345", "67890", "1"], false, None, ("1234567890", too_long)),
            (&["12345678901"], false, broken, ("1234567890", too_long)),
            (&["12345"], true, late, ("12345", late)),
            (&["12345"], true, broken, ("12345", broken)),
            (&[], true, None, ("", None)),
        ] {
            let mut reader = reader(ContentDecoder::identity());
            let mut wants_more = true;
            for chunk in chunks {
                wants_more = reader.receive(Bytes::from_static(chunk.as_bytes()));
            }
            assert_eq!(wants_more, more, "{chunks:?}");
            let (body, cut) = answer(reader, cut);
            assert_eq!((&*body, cut), expected, "{chunks:?}");
        }
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn an_answer_has_its_coding_taken_off() {
        use std::io::Write as _;

        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", http::HeaderValue::from_static("gzip"));
        let coded = |text: &str| {
            let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            coder.write_all(text.as_bytes()).and_then(|()| coder.finish()).expect("into memory")
        };
        for (bytes, expected) in [
            (coded("too large"), ("too large", None)),
            (coded(&"a bomb".repeat(1 << 16)), ("a bomba bo", Some(AnswerCut::TooLong))),
            (coded("cut")[..15].to_vec(), ("cut", Some(AnswerCut::Coding))),
            (b"not gzip at all".to_vec(), ("", Some(AnswerCut::Coding))),
        ] {
            let mut reader = reader(ContentDecoder::of(&headers).expect("it is known"));
            reader.receive(bytes.into());
            let (body, cut) = answer(reader, None);
            assert_eq!((&*body, cut), expected);
        }
    }
}
