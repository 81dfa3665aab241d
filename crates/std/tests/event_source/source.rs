//! The sources of these tests, and their events, in short.

use std::time::Duration;

use tidings_std::sse::{ClientEvent, Config, DisconnectCause, EventSource, EventSourceRequest};

use crate::sse_support::Server;

/// The standard's, with waits for a test.
pub(crate) fn quick() -> Config {
    let mut config = Config::event_source();
    config.policy.minimum = Duration::from_millis(1);
    config.policy.base = Duration::from_millis(1);
    config
}

/// One stream and no more.
pub(crate) fn once() -> Config {
    let mut config = quick();
    config.reconnect = false;
    config
}

pub(crate) fn open(server: &Server, config: Config) -> EventSource {
    EventSource::open(EventSourceRequest::get(server.url("/")).config(config)).unwrap()
}

/// All that happens up to the end of a source that ends, in short.
pub(crate) fn told(source: EventSource) -> Vec<String> {
    source.map(|update| short(&update)).collect()
}

pub(crate) fn short(update: &ClientEvent) -> String {
    match update {
        ClientEvent::Open(_) => "open".to_owned(),
        ClientEvent::Event(event) => format!("event {}", event.data),
        ClientEvent::Comment(comment) => format!("comment {comment}"),
        ClientEvent::Retry(time) => format!("retry {}", time.as_ms()),
        ClientEvent::Overflow(exceeded) => format!("overflow {}", exceeded.max_len),
        ClientEvent::Disconnected { cause, .. } => format!("lost {:?}", cause.reason),
        ClientEvent::Closed { cause, reason } => format!("closed {:?} {reason:?}", cause.reason),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn next_lost(source: &mut EventSource) -> DisconnectCause {
    match source.next() {
        Some(ClientEvent::Disconnected { cause, .. } | ClientEvent::Closed { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}
