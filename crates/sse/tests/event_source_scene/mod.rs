//! An EventSource without a heap, and the actions on it, in virtual time.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test file needs some of it; a test that cannot go on has failed"
)]

use std::time::Duration;

use tidings_sse::event_source::{
    Config, Disconnect, DisconnectReason, End, EventSource, GiveUp, Next, ReadyState, Response,
    ResponseOutcome,
};
use tidings_sse::{EndOfStream, FixedStorage, Item, Timestamp};
pub(crate) use tidings_testkit::event_stream::decoder;

pub(crate) type Source = EventSource<FixedStorage<'static>>;

/// The earliest and the latest point of a random window.
pub(crate) const EARLIEST: u64 = 0;
pub(crate) const LATEST: u64 = u64::MAX;

pub(crate) const ENDS: [End; 5] =
    [End::Unreachable, End::Unprocessed, End::EndOfBody, End::Broken, End::Unusable];
pub(crate) const BETWEEN: EndOfStream = EndOfStream::BetweenEvents;

pub(crate) fn source(config: Config) -> Source {
    EventSource::new(decoder(), config)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// This many seconds after the epoch.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_epoch(secs(seconds))
}

pub(crate) fn just_before(time: Timestamp) -> Timestamp {
    Timestamp::from_epoch(time.since_epoch() - Duration::from_nanos(1))
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn status(status: u16) -> Response<'static> {
    let content_type = Some(&b"text/event-stream"[..]);
    Response { status, content_type, retry_after: None, has_location: false, retry: None }
}

/// A source whose stream has just opened.
pub(crate) fn open(config: Config, now: Timestamp) -> Source {
    let mut source = source(config);
    reopen(&mut source, now);
    source
}

pub(crate) fn reopen(source: &mut Source, now: Timestamp) {
    assert!(source.poll_attempt(now).is_some(), "an attempt is due at {now:?}");
    assert_eq!(source.handle_response(now, &status(200), EARLIEST), ResponseOutcome::Open);
}

/// The data of the events that these bytes complete.
pub(crate) fn hear(source: &mut Source, now: Timestamp, bytes: &[u8]) -> Vec<String> {
    let mut heard = Vec::new();
    let mut input = bytes;
    while let Some(item) = source.receive(now, &mut input) {
        if let Item::Event(event) = item {
            heard.push(event.data.to_owned());
        }
    }
    assert!(input.is_empty(), "None means that all input is consumed");
    heard
}

/// The wait, rounded up to whole milliseconds, as `LATEST` stays a nanosecond below the window.
pub(crate) fn waited(disconnect: Disconnect) -> Duration {
    match disconnect.next {
        Next::Wait(wait) => {
            ms(u64::try_from((wait + Duration::from_nanos(999_999)).as_millis()).unwrap())
        }
        Next::GiveUp(why) => panic!("{why}"),
    }
}

/// The value of the header that the next attempt sends, at the time that it is due.
pub(crate) fn next_header(source: &mut Source) -> Option<Vec<u8>> {
    let now = source.poll_timeout().expect("an attempt is to come");
    source.poll_attempt(now).expect("it is due").last_event_id().map(<[u8]>::to_vec)
}

/// Nothing comes of a closed source, whatever is reported to it.
pub(crate) fn assert_closed(source: &mut Source, why: GiveUp) {
    let nothing = Disconnect { reason: DisconnectReason::NoAttempt, next: Next::GiveUp(why) };
    let id = source.last_event_id().to_owned();
    for now in [at(0), at(1_000_000), Timestamp::from_epoch(Duration::MAX)] {
        assert_eq!(source.ready_state(), ReadyState::Closed);
        assert_eq!(source.poll_timeout(), None);
        assert_eq!(source.poll_attempt(now), None);
        assert_eq!(source.handle_timeout(now, LATEST), None);
        assert_eq!(
            source.handle_response(now, &status(200), LATEST),
            ResponseOutcome::Disconnect(nothing)
        );
        assert_eq!(hear(source, now, b"retry: 1\nid: late\ndata: late\n\n"), [""; 0]);
        for end in ENDS {
            assert_eq!(source.handle_end(now, end, LATEST), nothing);
        }
        assert_eq!(source.close(), BETWEEN);
    }
    assert_eq!(source.last_event_id(), id);
}
