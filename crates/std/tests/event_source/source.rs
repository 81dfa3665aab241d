//! The sources of these tests, and what they tell, in short.

use std::time::Duration;

use tidings_std::sse::{Config, EventSource, EventSourceRequest, Lost, Update};

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

pub(crate) fn short(update: &Update) -> String {
    match update {
        Update::Open(_) => "open".to_owned(),
        Update::Event(event) => format!("event {}", event.data),
        Update::Comment(comment) => format!("comment {comment}"),
        Update::Retry(time) => format!("retry {}", time.as_ms()),
        Update::Overflow(exceeded) => format!("overflow {}", exceeded.max_len),
        Update::Lost { why, .. } => format!("lost {:?}", why.reason),
        Update::Closed { why, reason } => format!("closed {:?} {reason:?}", why.reason),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn next_lost(source: &mut EventSource) -> Lost {
    match source.next() {
        Some(Update::Lost { why, .. } | Update::Closed { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}
