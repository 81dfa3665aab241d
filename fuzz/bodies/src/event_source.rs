//! An `EventSource` in any situation: any responses, bytes, ends and times in any order, in turn or
//! not. A second one gets the same, its bytes one at a time, and must not differ. Each stream is
//! compared with a plain decoder, each wait with the rules, and once closed nothing is returned any
//! more.
//!
//! Input: a byte that sets the configuration, then the steps, each a byte and its arguments.

use core::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use tidings_sse::event_source::{
    Config, Disconnect, DisconnectReason, End, EventSource, GiveUp, Next, ReadyState, Repeat,
    Response, ResponseOutcome,
};
use tidings_sse::{
    Decoder, EndOfStream, EventBoundaries, EventId, GrowableStorage, Item, Limits, Timestamp,
};
use tidings_testkit::event_stream::{DataAs, Heard, Outcome};

/// Runs the steps.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    drive(&mut input).expect("the end of the input reads as zeros");
}

fn drive(input: &mut Unstructured<'_>) -> Result<()> {
    let config = config(u8::arbitrary(input)?);
    let mut now = Timestamp::default();
    let mut whole = Side::new(config);
    let mut bytewise = Side::new(config);
    while !input.is_empty() {
        match Step::take(input)? {
            Step::Attempt => assert_eq!(whole.attempt(now), bytewise.attempt(now)),
            Step::Respond(response, random) => {
                let outcome = whole.respond(now, &response, random);
                assert_eq!(bytewise.respond(now, &response, random), outcome);
            }
            Step::Receive(bytes) => {
                whole.receive(now, bytes.chunks(bytes.len().max(1)));
                bytewise.receive(now, bytes.chunks(1));
            }
            Step::End(end, random) => {
                assert_eq!(whole.end(now, end, random), bytewise.end(now, end, random));
            }
            Step::Timeout(random) => {
                assert_eq!(whole.timeout(now, random), bytewise.timeout(now, random));
            }
            Step::Wait(time) => now = now.after(time),
            Step::WaitForDeadline => now = now.max(whole.source.poll_timeout().unwrap_or(now)),
            Step::Close => assert_eq!(whole.close(), bytewise.close()),
        }
        assert_eq!(whole.source.ready_state(), bytewise.source.ready_state());
        assert_eq!(whole.source.poll_timeout(), bytewise.source.poll_timeout());
        assert_eq!(whole.source.failures(), bytewise.source.failures());
        assert_eq!(whole.source.last_event_id(), bytewise.source.last_event_id());
        assert_eq!(whole.heard, bytewise.heard);
        assert_eq!(whole.boundaries, bytewise.boundaries);
    }
    Ok(())
}

fn config(settings: u8) -> Config {
    let mut config = if settings & 1 == 0 { Config::event_source() } else { Config::client() };
    config.reconnect = settings & 0b1110 != 0b0110;
    if settings & 0b1110 == 0b1010 {
        config.repeat = Repeat::Never;
    }
    config.max_redirects = u32::from(settings >> 4 & 3);
    if settings & 0x40 != 0 {
        config.policy.max_attempts = 2;
    }
    config
}

/// One thing that happens.
enum Step {
    Attempt,
    Respond(Response<'static>, u64),
    Receive(Vec<u8>),
    End(End, u64),
    Timeout(u64),
    Wait(Duration),
    WaitForDeadline,
    Close,
}

impl Step {
    fn take(input: &mut Unstructured<'_>) -> Result<Self> {
        const STATUSES: [u16; 16] =
            [200, 200, 200, 200, 200, 200, 503, 503, 429, 500, 307, 307, 301, 204, 404, 100];
        const PIECES: [&[u8]; 8] = [
            b"data: 1\n\n",
            b"id: 7\n\n",
            b"retry: 500\n",
            b": comment\r\n",
            b"\r",
            b"\xEF\xBB\xBFdata: \xC3\xA9",
            b"id\ndata\r\n\r\n",
            b"\n\n",
        ];
        Ok(match u8::arbitrary(input)? % 16 {
            0..=2 => Self::Attempt,
            3..=5 => {
                let bits = u8::arbitrary(input)?;
                let content_type = [Some(&b"text/event-stream; charset=utf-8"[..]), None];
                let response = Response {
                    status: STATUSES[usize::from(bits & 15)],
                    content_type: content_type[usize::from(bits >> 6 == 3)],
                    retry_after: (bits & 16 != 0)
                        .then_some(Duration::from_secs(u64::from(bits) * 40)),
                    has_location: bits & 32 == 0,
                    retry: None,
                };
                Self::Respond(response, random(input)?)
            }
            6..=8 => Self::Receive(PIECES[usize::from(u8::arbitrary(input)? % 8)].to_vec()),
            9 | 10 => {
                let len = usize::from(u8::arbitrary(input)? % 32).min(input.len());
                Self::Receive(input.bytes(len)?.to_vec())
            }
            11 => {
                let ends = [
                    End::EndOfBody,
                    End::Broken,
                    End::Unreachable,
                    End::Unusable,
                    End::Unprocessed,
                ];
                Self::End(ends[usize::from(u8::arbitrary(input)? % 5)], random(input)?)
            }
            12 => Self::Timeout(random(input)?),
            13 => Self::Wait(Duration::from_millis(u64::from(u8::arbitrary(input)?) * 500)),
            14 => Self::WaitForDeadline,
            _ => match u8::arbitrary(input)? % 4 {
                0 => Self::Close,
                _ => Self::WaitForDeadline,
            },
        })
    }
}

fn random(input: &mut Unstructured<'_>) -> Result<u64> {
    Ok(u64::from_be_bytes([u8::arbitrary(input)?; 8]))
}

/// A source, and its known state.
struct Side {
    config: Config,
    source: EventSource<GrowableStorage>,
    heard: Vec<Heard>,
    /// Of the open stream.
    stream: Vec<u8>,
    heard_before: usize,
    id_before: String,
    boundaries: EventBoundaries,
    redirects: u32,
    /// The least wait, by the last `retry`.
    reconnection_time: Duration,
    closed: Option<GiveUp>,
}

impl Side {
    fn new(config: Config) -> Self {
        Self {
            config,
            source: EventSource::new(decoder(), config),
            heard: Vec::new(),
            stream: Vec::new(),
            heard_before: 0,
            id_before: String::new(),
            boundaries: EventBoundaries::new(),
            redirects: 0,
            reconnection_time: Duration::from_secs(3),
            closed: None,
        }
    }

    /// The number of the attempt and the ID that it sends.
    fn attempt(&mut self, now: Timestamp) -> Option<(u32, Option<Vec<u8>>)> {
        let state = self.source.ready_state();
        let is_due = self.source.poll_timeout().is_some_and(|due| due <= now);
        let id = self.source.last_event_id().to_owned();
        let attempt = self.source.poll_attempt(now)?;
        assert!(is_due && state == ReadyState::Connecting && self.closed.is_none());
        let sent = attempt.last_event_id().map(<[u8]>::to_vec);
        let fitting = EventId::new(&id).unwrap().header_value();
        assert_eq!(sent.as_deref(), fitting);
        assert_ne!(sent.as_deref(), Some(&b""[..]), "never an empty header");
        let number = attempt.number();
        assert_eq!(self.source.poll_attempt(now), None, "an attempt comes once");
        self.redirects = 0;
        Some((number, sent))
    }

    fn respond(&mut self, now: Timestamp, response: &Response<'_>, random: u64) -> ResponseOutcome {
        let was_open = self.source.ready_state() == ReadyState::Open;
        let outcome = self.source.handle_response(now, response, random);
        match outcome {
            ResponseOutcome::Open if was_open => {}
            ResponseOutcome::Open => {
                assert!(response.status == 200 && response.content_type.is_some());
                self.stream.clear();
                self.boundaries = EventBoundaries::new();
                self.heard_before = self.heard.len();
                self.id_before = self.source.last_event_id().to_owned();
            }
            ResponseOutcome::Redirect => {
                assert!(response.has_location && matches!(response.status, 301 | 307));
                self.redirects += 1;
                assert!(self.redirects <= self.config.max_redirects);
            }
            ResponseOutcome::Disconnect(disconnect) => {
                assert!(!was_open, "a response out of turn ends no stream");
                if let DisconnectReason::Status(status) = disconnect.reason {
                    let not_now = self.config.retry_statuses && matches!(status, 429 | 500 | 503);
                    assert!(not_now || disconnect.next == Next::GiveUp(GiveUp::Failed));
                }
                self.disconnect(disconnect);
            }
            other => panic!("a outcome that this target does not know: {other:?}"),
        }
        outcome
    }

    fn receive<'i>(&mut self, now: Timestamp, slices: impl Iterator<Item = &'i [u8]>) {
        let is_open = self.source.ready_state() == ReadyState::Open;
        for mut slice in slices {
            if is_open {
                self.stream.extend_from_slice(slice);
                let boundary = self.boundaries.feed(slice);
                assert!(boundary != Some(slice.len()) || self.boundaries.at_boundary());
            }
            while let Some(item) = self.source.receive(now, &mut slice) {
                assert!(is_open && self.closed.is_none(), "{item:?} without a stream");
                self.heard.push(match item {
                    Item::Event(event) => event.into(),
                    Item::Comment(text) => Heard::Comment(text.to_owned()),
                    Item::Retry(time) => {
                        let ms = time.as_ms();
                        self.reconnection_time = Duration::from_millis(ms.clamp(100, 3_600_000));
                        Heard::Retry(ms)
                    }
                    Item::Overflow(exceeded) => Heard::Overflow(exceeded),
                    other => panic!("an item that this target does not know: {other:?}"),
                });
            }
            assert!(slice.is_empty(), "all input is taken");
        }
    }

    fn end(&mut self, now: Timestamp, end: End, random: u64) -> Disconnect {
        let id = self.source.last_event_id().to_owned();
        let disconnect = self.source.handle_end(now, end, random);
        assert_eq!(self.source.last_event_id(), id, "the ID outlives the connection");
        self.disconnect(disconnect);
        disconnect
    }

    fn timeout(&mut self, now: Timestamp, random: u64) -> Option<Disconnect> {
        let deadline = self.source.poll_timeout();
        let disconnect = self.source.handle_timeout(now, random)?;
        assert!(deadline.is_some_and(|deadline| deadline <= now));
        assert!(matches!(
            disconnect.reason,
            DisconnectReason::ResponseTimeout | DisconnectReason::Idle(_)
        ));
        self.disconnect(disconnect);
        Some(disconnect)
    }

    fn close(&mut self) -> EndOfStream {
        let was_open = self.source.ready_state() == ReadyState::Open;
        let stood = self.source.close();
        match was_open {
            true => self.check_stream(stood),
            false => assert_eq!(stood, EndOfStream::BetweenEvents),
        }
        assert_eq!(self.source.ready_state(), ReadyState::Closed);
        self.closed = self.closed.or(Some(GiveUp::Closed));
        stood
    }

    /// The properties of every loss.
    fn disconnect(&mut self, disconnect: Disconnect) {
        assert!(!disconnect.to_string().is_empty());
        if let Some(why) = self.closed {
            let nothing =
                Disconnect { reason: DisconnectReason::NoAttempt, next: Next::GiveUp(why) };
            assert_eq!(disconnect, nothing, "closed is closed");
        }
        if let Some(stood) = disconnect.reason.end_of_stream() {
            self.check_stream(stood);
        }
        match disconnect.next {
            Next::Wait(_) if disconnect.reason == DisconnectReason::NoAttempt => {}
            Next::Wait(wait) => {
                assert!(self.config.reconnect && self.config.repeat == Repeat::Always);
                // A server that refuses may set a time, which is at least 1 s.
                let least = match disconnect.reason {
                    DisconnectReason::Status(_) => {
                        self.reconnection_time.min(Duration::from_secs(1))
                    }
                    _ => self.reconnection_time,
                };
                assert!(wait >= least, "{wait:?}");
                let hour_and_window = Duration::from_secs(3600 + 450);
                assert!(wait <= hour_and_window, "{wait:?}");
                assert_eq!(self.source.ready_state(), ReadyState::Connecting);
            }
            Next::GiveUp(why) => {
                assert_eq!(self.source.ready_state(), ReadyState::Closed);
                assert_eq!(self.source.poll_timeout(), None);
                self.closed = Some(why);
            }
        }
    }

    /// The stream that has ended, as a decoder hears it alone.
    fn check_stream(&self, stood: EndOfStream) {
        let mut alone = decoder();
        alone.set_last_event_id(EventId::new(&self.id_before).unwrap()).unwrap();
        let outcome = Outcome::of(&mut alone, DataAs::Whole, [&self.stream]);
        assert_eq!(outcome.heard, self.heard[self.heard_before..]);
        assert_eq!(outcome.last_event_id, self.source.last_event_id());
        assert_eq!(outcome.end, stood);
        assert!(!self.boundaries.at_boundary() || stood == EndOfStream::BetweenEvents);
    }
}

fn decoder() -> Decoder<GrowableStorage> {
    Decoder::with_limits(Limits::UNBOUNDED.max_data_len(20)).report_comments()
}
