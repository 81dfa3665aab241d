//! Any reports in any order, beside a plain model of the event source.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::time::Duration;

use proptest::prelude::*;
use tidings_sse::event_source::{
    Config, Disconnect, DisconnectReason, End, EventSource, GiveUp, Next, ReadyState, Repeat,
    Response, ResponseOutcome,
};
use tidings_sse::{Decoder, EndOfStream, EventId, FixedStorage, Item, Limits, Timestamp};
use tidings_testkit::event_stream::{DataAs, Heard, Outcome};

fn decoder() -> Decoder<FixedStorage<'static>> {
    let area = |len| Vec::leak(vec![0; len]);
    let storage = FixedStorage {
        data: area(64),
        event_type: area(16),
        last_event_id: area(48),
        comment: area(16),
    };
    Decoder::with_storage(storage, Limits::DEFAULT).report_comments()
}

/// An action of a driver.
#[derive(Clone, Debug)]
enum Step {
    Advance(Duration),
    Attempt,
    Respond { status: u16, is_event_stream: bool, has_location: bool, retry_after: Option<u64> },
    Receive(&'static [u8]),
    End(End),
    Timeout,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(vec![200, 200, 200, 204, 301, 307, 404, 429, 500, 503]);
    let respond = (status, prop::bool::weighted(0.9), any::<bool>(), prop::option::of(0..5000u64));
    let body = prop::sample::select(
        [
            "data: 1\n\n",
            "data",
            "\n",
            "\n\n",
            "id: 7\n\n",
            "id\n\n",
            "id: \u{2026}\ndata\n\n",
            ": c\n",
            "retry: 200\n",
            "retry: 99999999\n",
            "retry: 1",
            "",
            "\r",
            "data: 1\n\nid: 2\ndata: 2\n\nda",
        ]
        .map(str::as_bytes)
        .to_vec(),
    );
    let end = prop::sample::select(vec![
        End::Unreachable,
        End::Unprocessed,
        End::EndOfBody,
        End::Broken,
        End::Unusable,
    ]);
    prop_oneof![
        3 => prop::sample::select(vec![0, 1, 2_999, 3_000, 30_000, 45_000, 60_000, 4_000_000])
            .prop_map(|ms| Step::Advance(Duration::from_millis(ms))),
        4 => Just(Step::Attempt),
        4 => respond.prop_map(|(status, is_event_stream, has_location, retry_after)| Step::Respond {
            status,
            is_event_stream,
            has_location,
            retry_after,
        }),
        5 => body.prop_map(Step::Receive),
        2 => end.prop_map(Step::End),
        2 => Just(Step::Timeout),
        1 => prop::bool::weighted(0.1).prop_map(|close| if close { Step::Close } else { Step::Timeout }),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let repeat = prop::sample::select(vec![
        Repeat::Always,
        Repeat::Always,
        Repeat::Always,
        Repeat::UntilEnd,
        Repeat::UntilOpen,
        Repeat::Unprocessed,
        Repeat::Never,
    ]);
    let max_attempts = prop::sample::select(vec![0, 1, 3, u32::MAX, u32::MAX]);
    (any::<bool>(), 0..3u32, prop::bool::weighted(0.8), repeat, max_attempts).prop_map(
        |(is_client, max_redirects, reconnect, repeat, max_attempts)| {
            let mut config = if is_client { Config::client() } else { Config::event_source() };
            config.max_redirects = max_redirects;
            config.reconnect = reconnect;
            config.repeat = repeat;
            config.policy.max_attempts = max_attempts;
            config
        },
    )
}

/// The event source in milliseconds, with its own decoder. Random waits are at their minimum.
struct Model {
    config: Config,
    decoder: Decoder<FixedStorage<'static>>,
    state: State,
    reconnection_time: u64,
    failures: u32,
    /// The first of them was the end of a success.
    began_with_success: bool,
    was_open: bool,
    attempts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waiting { until: u64 },
    Requesting { deadline: u64, redirects_left: u32 },
    Open { since: u64, last_byte: Option<u64> },
    Closed(GiveUp),
}

impl Model {
    fn new(config: Config) -> Self {
        Self {
            config,
            decoder: decoder(),
            state: State::Waiting { until: 0 },
            reconnection_time: 3000,
            failures: 0,
            began_with_success: false,
            was_open: false,
            attempts: 0,
        }
    }

    fn ready_state(&self) -> ReadyState {
        match self.state {
            State::Waiting { .. } | State::Requesting { .. } => ReadyState::Connecting,
            State::Open { .. } => ReadyState::Open,
            State::Closed(_) => ReadyState::Closed,
        }
    }

    fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Requesting { deadline, .. } => Some(deadline),
            State::Open { since, last_byte } if self.config.retry_statuses => {
                Some(last_byte.unwrap_or(since) + 45_000)
            }
            State::Open { .. } | State::Closed(_) => None,
        }
    }

    /// The number of the attempt and its header.
    fn attempt(&mut self, now: u64) -> Option<(u32, Option<Vec<u8>>)> {
        match self.state {
            State::Waiting { until } if now >= until => {
                let redirects_left = self.config.max_redirects;
                self.state = State::Requesting { deadline: now + 30_000, redirects_left };
                self.attempts += 1;
                let id = self.decoder.last_event_id();
                Some((self.attempts - 1, (!id.is_empty()).then(|| id.as_bytes().to_vec())))
            }
            _ => None,
        }
    }

    fn respond(&mut self, now: u64, response: &Response<'_>) -> ResponseOutcome {
        let State::Requesting { redirects_left, .. } = self.state else {
            return match self.state {
                State::Open { .. } => ResponseOutcome::Open,
                _ => ResponseOutcome::Disconnect(self.nothing(now)),
            };
        };
        let status = DisconnectReason::Status(response.status);
        ResponseOutcome::Disconnect(match (response.status, response.content_type) {
            (200, Some(b"text/event-stream")) => {
                self.state = State::Open { since: now, last_byte: None };
                self.was_open = true;
                return ResponseOutcome::Open;
            }
            (200, _) => self.fail(DisconnectReason::ContentType),
            (301 | 307, _) if response.has_location && redirects_left > 0 => {
                let redirects_left = redirects_left - 1;
                self.state = State::Requesting { deadline: now + 30_000, redirects_left };
                return ResponseOutcome::Redirect;
            }
            (301 | 307, _) if response.has_location => {
                self.fail(DisconnectReason::TooManyRedirects)
            }
            (429 | 500 | 503, _) if self.config.retry_statuses || self.is_wanted(response) => {
                let is_busy = response.status != 500;
                let wait = match response.retry_after {
                    Some(asked) => (asked.as_secs() * 1000).clamp(1000, 3_600_000),
                    None if is_busy => self.reconnection_time.max(5000),
                    None => self.reconnection_time,
                };
                self.again(now, status, wait, is_busy && response.retry_after.is_some())
            }
            _ => self.fail(status),
        })
    }

    /// Returns whether a server that set a time is asked again in any case.
    fn is_wanted(&self, response: &Response<'_>) -> bool {
        response.status != 500
            && response.retry_after.is_some()
            && !matches!(self.config.repeat, Repeat::Always | Repeat::Never)
    }

    fn receive(&mut self, now: u64, bytes: &[u8]) -> Vec<Heard> {
        let State::Open { last_byte, .. } = &mut self.state else { return Vec::new() };
        if !bytes.is_empty() {
            *last_byte = Some(now);
        }
        let heard = hear(bytes, |input| self.decoder.decode(input).map(owned));
        for heard in &heard {
            match heard {
                Heard::Event { .. } => self.succeed(),
                Heard::Retry(ms) => self.reconnection_time = (*ms).clamp(100, 3_600_000),
                _ => {}
            }
        }
        heard
    }

    fn succeed(&mut self) {
        (self.failures, self.began_with_success, self.attempts) = (0, true, 0);
    }

    fn end(&mut self, now: u64, end: End) -> Disconnect {
        let wait = self.reconnection_time;
        match (self.state, end) {
            (State::Requesting { .. }, End::Unusable) => self.fail(DisconnectReason::Unusable),
            (State::Requesting { .. }, end) => {
                self.again(now, DisconnectReason::Unreachable, wait, end == End::Unprocessed)
            }
            (State::Open { since, last_byte }, end) => {
                let stood = self.decoder.finish();
                let is_clean = end == End::EndOfBody && stood == EndOfStream::BetweenEvents;
                let is_quiet =
                    last_byte.is_none() && now - since < self.reconnection_time.max(1000);
                if now - since >= 60_000 || (is_clean && !is_quiet) {
                    self.succeed();
                }
                match end {
                    End::Unusable => self.fail(DisconnectReason::Broken(stood)),
                    End::EndOfBody => self.again(now, DisconnectReason::Ended(stood), wait, false),
                    _ => self.again(now, DisconnectReason::Broken(stood), wait, false),
                }
            }
            _ => self.nothing(now),
        }
    }

    fn timeout(&mut self, now: u64) -> Option<Disconnect> {
        if self.deadline()? > now {
            return None;
        }
        match self.state {
            State::Requesting { .. } => {
                let wait = self.reconnection_time;
                Some(self.again(now, DisconnectReason::ResponseTimeout, wait, false))
            }
            State::Open { .. } => {
                let Disconnect { reason, next } = self.end(now, End::Broken);
                let DisconnectReason::Broken(stood) = reason else { panic!("{reason:?}") };
                Some(Disconnect { reason: DisconnectReason::Idle(stood), next })
            }
            _ => None,
        }
    }

    fn close(&mut self) -> EndOfStream {
        let stood = match self.state {
            State::Open { .. } => self.decoder.finish(),
            _ => EndOfStream::BetweenEvents,
        };
        if !matches!(self.state, State::Closed(_)) {
            self.state = State::Closed(GiveUp::Closed);
        }
        stood
    }

    fn fail(&mut self, reason: DisconnectReason) -> Disconnect {
        self.state = State::Closed(GiveUp::Failed);
        Disconnect { reason, next: Next::GiveUp(GiveUp::Failed) }
    }

    fn again(
        &mut self,
        now: u64,
        reason: DisconnectReason,
        wait: u64,
        unprocessed: bool,
    ) -> Disconnect {
        let max_attempts = self.config.policy.max_attempts;
        let repeats = match self.config.repeat {
            Repeat::Always => true,
            Repeat::UntilEnd => reason != DisconnectReason::Ended(EndOfStream::BetweenEvents),
            Repeat::UntilOpen => !self.was_open,
            Repeat::Unprocessed => !self.was_open && unprocessed,
            _ => false,
        };
        let failed = self.failures + u32::from(!self.began_with_success);
        let give_up = match self.config {
            Config { reconnect: false, .. } => Some(GiveUp::Once),
            _ if !repeats => Some(GiveUp::NotRepeatable),
            _ if max_attempts != u32::MAX && failed >= max_attempts => {
                Some(GiveUp::AttemptsExhausted)
            }
            _ => None,
        };
        if let Some(why) = give_up {
            self.state = State::Closed(why);
            return Disconnect { reason, next: Next::GiveUp(why) };
        }
        self.failures += 1;
        self.state = State::Waiting { until: now + wait };
        Disconnect { reason, next: Next::Wait(Duration::from_millis(wait)) }
    }

    fn nothing(&self, now: u64) -> Disconnect {
        let next = match self.state {
            State::Waiting { until } => {
                Next::Wait(Duration::from_millis(until.saturating_sub(now)))
            }
            State::Closed(why) => Next::GiveUp(why),
            state => panic!("{state:?}"),
        };
        Disconnect { reason: DisconnectReason::NoAttempt, next }
    }
}

fn owned(item: Item<'_>) -> Heard {
    match item {
        Item::Event(said) => said.into(),
        Item::Comment(text) => Heard::Comment(text.to_owned()),
        Item::Retry(time) => Heard::Retry(time.as_ms()),
        Item::Overflow(exceeded) => Heard::Overflow(exceeded),
        other => unreachable!("{other:?}"),
    }
}

/// All that comes of these bytes.
fn hear<'i>(bytes: &'i [u8], mut next: impl FnMut(&mut &'i [u8]) -> Option<Heard>) -> Vec<Heard> {
    let mut input = bytes;
    let mut heard = Vec::new();
    while let Some(said) = next(&mut input) {
        heard.push(said);
    }
    assert!(input.is_empty(), "None means that all input is consumed");
    heard
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    /// E-020, E-023, E-025, E-026, E-027, E-028: as the model at every step, and silent once closed.
    #[test]
    fn any_reports_in_any_order_lead_where_the_model_says(
        config in config(),
        id in prop::option::of(Just("start")),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut source = EventSource::new(decoder(), config);
        let mut model = Model::new(config);
        if let Some(id) = id {
            source.set_last_event_id(EventId::new(id).unwrap()).unwrap();
            model.decoder.set_last_event_id(EventId::new(id).unwrap()).unwrap();
        }
        let mut clock = 1_000_000u64;
        for step in &steps {
            let now = Timestamp::from_epoch(Duration::from_millis(clock));
            let was_closed = model.ready_state() == ReadyState::Closed;
            match step {
                Step::Advance(time) => clock += u64::try_from(time.as_millis()).unwrap(),
                Step::Attempt => {
                    let attempt = source.poll_attempt(now);
                    let attempt = attempt
                        .map(|attempt| (attempt.number(), attempt.last_event_id().map(<[u8]>::to_vec)));
                    prop_assert!(!(was_closed && attempt.is_some()));
                    prop_assert_eq!(attempt, model.attempt(clock));
                }
                Step::Respond { status, is_event_stream, has_location, retry_after } => {
                    let response = Response {
                        status: *status,
                        content_type: is_event_stream.then_some(b"text/event-stream"),
                        retry_after: retry_after.map(Duration::from_secs),
                        has_location: *has_location,
                        retry: None,
                    };
                    let outcome = source.handle_response(now, &response, 0);
                    prop_assert!(!was_closed || matches!(outcome, ResponseOutcome::Disconnect(_)));
                    prop_assert_eq!(outcome, model.respond(clock, &response));
                }
                Step::Receive(bytes) => {
                    let heard = hear(bytes, |input| source.receive(now, input).map(owned));
                    prop_assert!(heard.is_empty() || source.ready_state() == ReadyState::Open);
                    prop_assert_eq!(heard, model.receive(clock, bytes));
                }
                Step::End(end) => {
                    prop_assert_eq!(source.handle_end(now, *end, 0), model.end(clock, *end));
                }
                Step::Timeout => {
                    prop_assert_eq!(source.handle_timeout(now, 0), model.timeout(clock));
                }
                Step::Close => prop_assert_eq!(source.close(), model.close()),
            }
            prop_assert!(!was_closed || source.ready_state() == ReadyState::Closed);
            prop_assert_eq!(source.ready_state(), model.ready_state(), "{:?}", step);
            prop_assert_eq!(source.poll_timeout(), model.deadline().map(|ms| Timestamp::from_epoch(Duration::from_millis(ms))));
            prop_assert_eq!(source.failures(), model.failures);
            prop_assert_eq!(source.last_event_id(), model.decoder.last_event_id());
        }
    }

    /// The way a body is split makes no difference to its items, nor to the next step.
    #[test]
    fn cuts_make_no_difference(
        bodies in prop::collection::vec(prop::collection::vec(0..6usize, 0..12), 1..4),
        cut in 1..9usize,
    ) {
        const PIECES: [&str; 6] = ["data: 1\n\n", "id: 7\r\n", "\r", "retry: 300\n", "data: cut", ": c\r\n"];
        let mut sources = [1, cut, usize::MAX]
            .map(|cut| (cut, EventSource::new(decoder(), Config::client())));
        for pieces in bodies {
            let body: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
            let outcomes = sources.each_mut().map(|(cut, source)| {
                let now = source.poll_timeout().unwrap();
                let attempt = source.poll_attempt(now).unwrap();
                let attempt = (attempt.number(), attempt.last_event_id().map(<[u8]>::to_vec));
                let response = Response {
                    status: 200,
                    content_type: Some(b"text/event-stream"),
                    retry_after: None,
                    has_location: false,
                    retry: None,
                };
                assert_eq!(source.handle_response(now, &response, 0), ResponseOutcome::Open);
                let heard: Vec<Heard> = body
                    .as_bytes()
                    .chunks(*cut)
                    .flat_map(|chunk| hear(chunk, |input| source.receive(now, input).map(owned)))
                    .collect();
                // The decoder alone hears the same.
                let alone = Outcome::of(&mut decoder(), DataAs::Whole, [&body]);
                assert_eq!(heard.len(), alone.heard.len());
                (attempt, heard, source.handle_end(now, End::EndOfBody, u64::MAX), source.poll_timeout())
            });
            prop_assert_eq!(&outcomes[0], &outcomes[1]);
            prop_assert_eq!(&outcomes[0], &outcomes[2]);
        }
    }
}
