//! The dashboard: one event a second, kept for a while, so that a client that comes back with
//! `Last-Event-ID` misses none.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame};
use tidings_sse::{Comment, Event, EventId, EventType, ReconnectionTime};
use tokio::sync::mpsc;

use super::Body;
use super::chat::Stats;

/// How many events are kept for clients that come back.
const HISTORY_LEN: usize = 300;
/// How many events a slow client may be behind before its stream is ended; it then reconnects and
/// resumes. More than the history, so that a resumed stream fits.
const BACKLOG_LEN: usize = HISTORY_LEN + 64;
/// How long a client should wait before it reconnects.
const RECONNECTION_TIME: ReconnectionTime = ReconnectionTime::from_ms(1_000);

pub(super) struct Dashboard {
    /// Tells the events of this run from those of an earlier one.
    run: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// The last events, encoded once for all.
    history: VecDeque<Kept>,
    streams: Vec<mpsc::Sender<Bytes>>,
    ended: bool,
}

struct Kept {
    number: u64,
    encoded: Bytes,
}

impl Dashboard {
    pub(super) fn new() -> Self {
        let run = since_epoch().as_secs();
        Self { run, state: Mutex::default() }
    }

    /// Tells all streams how things stand.
    pub(super) fn publish(&self, stats: Stats) {
        let mut state = self.state();
        let number = state.next;
        state.next = number.saturating_add(1);
        state.streams.retain(|stream| !stream.is_closed());
        let data = format!(
            r#"{{"time_ms":{},"websockets":{},"event_streams":{},"messages_per_second":{}}}"#,
            since_epoch().as_millis(),
            stats.people,
            state.streams.len(),
            stats.received
        );
        let id = format!("{:x}-{number}", self.run);
        let encoded = encode(Event::new().data(&data), Some(&id), "stats");

        // A stream that is full is ended: its client comes back and resumes from the history.
        state.streams.retain(|stream| stream.try_send(encoded.clone()).is_ok());
        state.history.push_back(Kept { number, encoded });
        if state.history.len() > HISTORY_LEN {
            state.history.pop_front();
        }
    }

    /// Ends all streams, now and later.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.streams.clear();
        state.ended = true;
    }

    /// A new stream: what was missed since `last_event_id`, then what comes. Both in one step, so
    /// that nothing is lost or doubled between.
    fn subscribe(&self, last_event_id: Option<&str>) -> mpsc::Receiver<Bytes> {
        let (stream, events) = mpsc::channel(BACKLOG_LEN);
        let hello = Comment::new("stay tuned").map(|comment| Event::new().comment(comment));
        let hello = hello.unwrap_or_default().retry(RECONNECTION_TIME);
        let mut greeting = Vec::new();
        hello.append_to(&mut greeting);

        let mut state = self.state();
        let mut backlog = vec![Bytes::from(greeting)];
        match last_event_id.map(|id| self.resume(&state, id)) {
            None => {}
            Some(Resume::From(number)) => {
                let missed = state.history.iter().filter(|kept| kept.number >= number);
                backlog.extend(missed.map(|kept| kept.encoded.clone()));
            }
            Some(Resume::Gap) => {
                backlog.push(encode(Event::new().data("some events are lost"), None, "gap"));
            }
        }
        for encoded in backlog {
            // There is room for the greeting, a gap and the whole history.
            let _ = stream.try_send(encoded);
        }
        if !state.ended {
            state.streams.push(stream);
        }
        events
    }

    /// What an ID that a client brings means. It is the client's word: anything may stand there.
    fn resume(&self, state: &State, id: &str) -> Resume {
        let number = id.split_once('-').and_then(|(run, number)| {
            let same_run = u64::from_str_radix(run, 16) == Ok(self.run);
            number.parse::<u64>().ok().filter(|_| same_run)
        });
        let oldest = state.history.front().map_or(state.next, |kept| kept.number);
        match number.and_then(|number| number.checked_add(1)) {
            Some(next) if (oldest..=state.next).contains(&next) => Resume::From(next),
            _ => Resume::Gap,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Resume {
    /// With the event of this number.
    From(u64),
    /// The events after the ID are not there any more, or never were.
    Gap,
}

/// Answers a request for the event stream.
pub(super) fn respond<B>(request: &Request<B>, dashboard: &Dashboard) -> Response<Body> {
    let last_event_id =
        request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or_default());
    let events = EventStream { events: dashboard.subscribe(last_event_id) };
    let mut response = Response::new(events.boxed());
    event_stream_headers(response.headers_mut());
    response
}

/// WHATWG HTML, 9.2.5, and what keeps proxies from holding events back.
fn event_stream_headers(headers: &mut HeaderMap) {
    let pairs = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    for (name, value) in pairs {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn encode(event: Event<'_>, id: Option<&str>, event_type: &'static str) -> Bytes {
    let mut event = event;
    if let Ok(event_type) = EventType::new(event_type) {
        event = event.event_type(event_type);
    }
    if let Some(Ok(id)) = id.map(EventId::new) {
        event = event.id(id);
    }
    let mut encoded = Vec::with_capacity(event.encoded_len());
    event.append_to(&mut encoded);
    encoded.into()
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A response body of events, each sent as it comes.
struct EventStream {
    events: mpsc::Receiver<Bytes>,
}

impl HttpBody for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.events.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_sse::{Decoder, Item};

    fn publish(dashboard: &Dashboard, count: usize) {
        for _ in 0..count {
            dashboard.publish(Stats { people: 2, received: 3 });
        }
    }

    /// All that has been sent to a stream, as (type, id).
    fn received(events: &mut mpsc::Receiver<Bytes>) -> Vec<(String, String)> {
        let mut bytes = Vec::new();
        while let Ok(event) = events.try_recv() {
            bytes.extend(event);
        }
        let mut decoder = Decoder::new();
        let mut input = &bytes[..];
        let mut all = Vec::new();
        while let Some(item) = decoder.decode(&mut input) {
            if let Item::Event(event) = item {
                let id = event.last_event_id.split('-').nth(1).unwrap_or_default();
                all.push((event.event_type.to_owned(), id.to_owned()));
            }
        }
        all
    }

    fn stats(numbers: std::ops::Range<usize>) -> Vec<(String, String)> {
        numbers.map(|number| ("stats".to_owned(), number.to_string())).collect()
    }

    #[test]
    fn a_client_that_comes_back_gets_what_it_missed_once() {
        let dashboard = Dashboard::new();
        publish(&dashboard, 3);
        let mut events = dashboard.subscribe(None);
        publish(&dashboard, 2);
        assert_eq!(received(&mut events), stats(3..5));
        publish(&dashboard, 4);
        let id = format!("{:x}-4", dashboard.run);
        let mut resumed = dashboard.subscribe(Some(&id));
        publish(&dashboard, 1);
        assert_eq!(received(&mut resumed), stats(5..10));
    }

    #[test]
    fn an_id_that_is_too_old_or_made_up_gives_a_gap() {
        let dashboard = Dashboard::new();
        publish(&dashboard, HISTORY_LEN + 10);
        let run = dashboard.run;
        let newest = HISTORY_LEN + 9;
        let too_old = format!("{run:x}-8");
        let other_run = format!("{:x}-{newest}", run + 1);
        let future = format!("{run:x}-{}", newest + 1);
        let huge = format!("{run:x}-{}", u64::MAX);
        for id in ["", "-", "x", "7", &too_old, &other_run, &future, &huge] {
            let mut events = dashboard.subscribe(Some(id));
            assert_eq!(received(&mut events)[0].0, "gap", "{id:?}");
        }
        let oldest_kept = format!("{run:x}-9");
        let mut events = dashboard.subscribe(Some(&oldest_kept));
        assert_eq!(received(&mut events), stats(10..HISTORY_LEN + 10));
    }

    #[test]
    fn a_slow_client_is_ended_and_others_notice_nothing() {
        let dashboard = Dashboard::new();
        let slow = dashboard.subscribe(None);
        let mut good = dashboard.subscribe(None);
        for number in 0..BACKLOG_LEN + 10 {
            publish(&dashboard, 1);
            assert_eq!(received(&mut good), stats(number..number + 1));
        }
        assert_eq!(dashboard.state().streams.len(), 1);
        assert_eq!(slow.len(), BACKLOG_LEN);
    }

    #[test]
    fn an_ended_dashboard_ends_new_streams_too() {
        let dashboard = Dashboard::new();
        dashboard.end();
        let mut events = dashboard.subscribe(None);
        assert!(events.try_recv().is_ok(), "the greeting");
        assert_eq!(events.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    }
}
