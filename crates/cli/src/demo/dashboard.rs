//! The dashboard: one event a second, kept for a while, so that a client that comes back with
//! `Last-Event-ID` misses none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use tidings_tokio::sse::server::{
    Capacity, EncodedEvent, EventBody, EventIds, EventSender, History, LastEventId,
    LastEventIdError, Responder, WhenFull,
};
use tidings_tokio::sse::{Event, EventType, InvalidField, ReconnectionTime};

use super::chat::Stats;
use super::{Body, since_epoch};

/// The number of events that are kept for clients that reconnect.
const HISTORY_LEN: usize = 300;
/// The number of events that a slow client may lag before its stream is ended; it then reconnects
/// and resumes.
const BACKLOG_LEN: usize = 64;
/// The time that a client should wait before it reconnects.
const RECONNECTION_TIME: ReconnectionTime = ReconnectionTime::from_ms(1_000);

/// The same after the server has ended.
const RETRY_AFTER_END: ReconnectionTime = ReconnectionTime::from_ms(3_000);

pub(super) struct Dashboard {
    /// They distinguish the events of this run from those of an earlier one.
    ids: EventIds,
    responder: Responder,
    history: Arc<History>,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    streams: Vec<EventSender>,
}

impl Dashboard {
    pub(super) fn new() -> Self {
        let responder = Responder::new()
            .retry(RECONNECTION_TIME)
            .queue(Capacity { max_events: BACKLOG_LEN, ..Capacity::DEFAULT })
            .when_full(WhenFull::Disconnect);
        let history =
            Arc::new(History::new(Capacity { max_events: HISTORY_LEN, ..Capacity::DEFAULT }));
        Self { ids: EventIds::new(), responder, history, live: Mutex::default() }
    }

    /// Sends the current state to all streams.
    pub(super) fn publish(&self, stats: Stats) {
        let mut live = self.live();
        live.streams.retain(|stream| !stream.is_closed());
        let event_streams = live.streams.len();
        // Nothing that a client writes gets into this event, so it can always be made.
        let Ok(event) = self.encode(stats, event_streams) else { return };
        // First kept, then sent, under one lock: the order is the same for all.
        let _ = self.history.push(event.clone());
        live.streams.retain(|stream| stream.try_send(event.clone()).is_ok());
    }

    /// Ends all streams, now and later. Clients come back when there may be a server again.
    pub(super) fn end(&self) {
        self.responder.close_all(Some(RETRY_AFTER_END));
    }

    /// A new stream: the events missed since the client's last one, then new ones.
    ///
    /// A browser sends the header when it reconnects. A script can send only `?after=ID`: the page
    /// does so when one tab takes over the stream from another. The header is newer.
    fn subscribe(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Response<EventBody>, LastEventIdError> {
        let last_event_id = match LastEventId::from_headers(headers)? {
            Some(id) => Some(id),
            None => {
                let after = query.and_then(|query| query.strip_prefix("after="));
                let after = after.unwrap_or_default();
                LastEventId::from_bytes(after.as_bytes(), LastEventId::MAX_LEN)?
            }
        };
        let mut live = self.live();
        let (stream, response) = self.responder.replay(Arc::clone(&self.history), last_event_id);
        live.streams.push(stream);
        Ok(response)
    }

    fn encode(&self, stats: Stats, event_streams: usize) -> Result<EncodedEvent, InvalidField> {
        let data = format!(
            r#"{{"time_ms":{},"websockets":{},"event_streams":{event_streams},"messages_per_second":{}}}"#,
            since_epoch().as_millis(),
            stats.people,
            stats.received
        );
        let id = self.ids.next_id();
        let event = Event::new().event_type(EventType::new("stats")?).id(id.as_event_id());
        Ok(event.data(&data).into())
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        // Nothing panics while the lock is held.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a request for the event stream.
pub(super) fn respond<B>(request: &Request<B>, dashboard: &Dashboard) -> Response<Body> {
    match dashboard.subscribe(request.headers(), request.uri().query()) {
        Ok(response) => response.map(BodyExt::boxed),
        Err(error) => error.response().map(super::whole),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tidings_tokio::sse::EventStream;

    use super::*;

    fn publish(dashboard: &Dashboard, count: usize) {
        for _ in 0..count {
            dashboard.publish(Stats { people: 2, received: 3 });
        }
    }

    /// The part that all IDs of this dashboard begin with, once there is an event.
    fn run_of(dashboard: &Dashboard) -> String {
        let unknown = LastEventId::from_bytes(b"x", 1).unwrap().unwrap();
        let kept = dashboard.history.after(&unknown, usize::MAX);
        kept.events()[0].id().unwrap().split('-').next().unwrap().to_owned()
    }

    fn subscribe(dashboard: &Dashboard, last_event_id: Option<&str>) -> EventBody {
        let mut headers = HeaderMap::new();
        if let Some(id) = last_event_id {
            headers.insert("last-event-id", HeaderValue::from_str(id).unwrap());
        }
        dashboard.subscribe(&headers, None).unwrap().into_body()
    }

    /// Returns everything that a stream brings before its sender ends it, as (type, number).
    async fn received(dashboard: &Dashboard, body: EventBody) -> Vec<(String, String)> {
        dashboard.live().streams.clear();
        let mut events = EventStream::from_body(body);
        let mut all = Vec::new();
        while let Some(event) = events.next().await {
            let event = event.unwrap();
            let number = event.last_event_id.split('-').nth(1).unwrap_or_default();
            all.push((event.event_type, number.to_owned()));
        }
        all
    }

    fn stats(numbers: std::ops::Range<usize>) -> Vec<(String, String)> {
        numbers.map(|number| ("stats".to_owned(), number.to_string())).collect()
    }

    #[tokio::test]
    async fn a_client_that_comes_back_gets_what_it_missed_once() {
        let dashboard = Dashboard::new();
        publish(&dashboard, 3);
        let first = subscribe(&dashboard, None);
        publish(&dashboard, 6);
        let resumed = subscribe(&dashboard, Some(&format!("{}-4", run_of(&dashboard))));
        publish(&dashboard, 1);
        assert_eq!(received(&dashboard, first).await, stats(3..10));
        assert_eq!(received(&dashboard, resumed).await, stats(5..10));
    }

    #[tokio::test]
    async fn another_tab_takes_over_after_the_last_event_of_the_first() {
        let dashboard = Dashboard::new();
        publish(&dashboard, 6);
        let run = run_of(&dashboard);
        let query = format!("after={run}-2");
        let body = dashboard.subscribe(&HeaderMap::new(), Some(&query)).unwrap().into_body();
        assert_eq!(received(&dashboard, body).await, stats(3..6));
        // When that one reconnects, its header says more than its URL.
        let mut headers = HeaderMap::new();
        headers.insert("last-event-id", HeaderValue::from_str(&format!("{run}-4")).unwrap());
        let body = dashboard.subscribe(&headers, Some(&query)).unwrap().into_body();
        assert_eq!(received(&dashboard, body).await, stats(5..6));
        let body = dashboard.subscribe(&HeaderMap::new(), Some("after=")).unwrap().into_body();
        assert_eq!(received(&dashboard, body).await, stats(0..0));
    }

    #[tokio::test]
    async fn an_id_that_is_too_old_or_made_up_gives_a_gap() {
        for id in ["-", "x", "7", "{run}-8", "0-309", "{run}-310", "{run}-18446744073709551615"] {
            let dashboard = Dashboard::new();
            publish(&dashboard, HISTORY_LEN + 10);
            let id = id.replace("{run}", &run_of(&dashboard));
            let events = subscribe(&dashboard, Some(&id));
            let events = received(&dashboard, events).await;
            assert_eq!(events[0].0, "gap", "{id:?}");
            assert_eq!(events[1..], stats(10..HISTORY_LEN + 10), "{id:?}");
        }
        let dashboard = Dashboard::new();
        publish(&dashboard, HISTORY_LEN + 10);
        let oldest_kept = subscribe(&dashboard, Some(&format!("{}-10", run_of(&dashboard))));
        assert_eq!(received(&dashboard, oldest_kept).await, stats(11..HISTORY_LEN + 10));
    }

    #[tokio::test]
    async fn a_slow_client_is_ended_and_others_notice_nothing() {
        let dashboard = Dashboard::new();
        let slow = subscribe(&dashboard, None);
        let mut good = EventStream::from_body(subscribe(&dashboard, None));
        for number in 0..BACKLOG_LEN + 10 {
            publish(&dashboard, 1);
            let event = good.next().await.unwrap().unwrap();
            assert_eq!(event.last_event_id, format!("{}-{number}", run_of(&dashboard)));
        }
        assert_eq!(dashboard.live().streams.len(), 1);
        // Cut, not ended: so the client comes back for the rest.
        let mut slow = EventStream::from_body(slow);
        let cut = loop {
            if let Err(error) = slow.next().await.unwrap() {
                break error;
            }
        };
        assert!(cut.to_string().contains("too many events waited"), "{cut}");
    }

    #[tokio::test]
    async fn an_ended_dashboard_ends_new_streams_too() {
        let dashboard = Dashboard::new();
        dashboard.end();
        let body = subscribe(&dashboard, None);
        assert!(received(&dashboard, body).await.is_empty());
        let bytes = subscribe(&dashboard, None).collect().await.unwrap().to_bytes();
        assert!(bytes.ends_with(b"retry: 3000\n\n"), "{bytes:?}");
    }
}
