//! The rules of WHATWG HTML 9.2.2 and 9.2.3, and what this client adds to them, in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::time::Duration;

use tidings_sse::event_source::{
    Config, End, EventSource, GiveUp, Lost, LostReason, Next, ReadyState, Response, Verdict,
};
use tidings_sse::{
    Decoder, EndOfStream, EventId, FixedStorage, Item, Limits, ReconnectionTime, RetryClamp,
};

type Source = EventSource<FixedStorage<'static>>;

/// The earliest and the latest point of a random window.
const EARLIEST: u64 = 0;
const LATEST: u64 = u64::MAX;

const ENDS: [End; 4] = [End::Unreachable, End::EndOfBody, End::Broken, End::Unusable];
const BETWEEN: EndOfStream = EndOfStream::BetweenEvents;

fn decoder() -> Decoder<FixedStorage<'static>> {
    let area = |len| Vec::leak(vec![0; len]);
    let storage = FixedStorage {
        data: area(1024),
        event_type: area(64),
        last_event_id: area(192),
        comment: area(64),
    };
    Decoder::with_storage(storage, Limits::DEFAULT)
}

fn source(config: Config) -> Source {
    EventSource::new(decoder(), config)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn status(status: u16) -> Response<'static> {
    let content_type = Some(&b"text/event-stream"[..]);
    Response { status, content_type, retry_after: None, has_location: false }
}

/// A source whose stream has just opened.
fn open(config: Config, now: Duration) -> Source {
    let mut source = source(config);
    reopen(&mut source, now);
    source
}

fn reopen(source: &mut Source, now: Duration) {
    assert!(source.poll_attempt(now).is_some(), "an attempt is due at {now:?}");
    assert_eq!(source.handle_response(now, &status(200), EARLIEST), Verdict::Open);
}

/// The data of the events that these bytes complete.
fn hear(source: &mut Source, now: Duration, bytes: &[u8]) -> Vec<String> {
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
fn waited(lost: Lost) -> Duration {
    match lost.next {
        Next::Wait(wait) => {
            ms(u64::try_from((wait + Duration::from_nanos(999_999)).as_millis()).unwrap())
        }
        Next::GiveUp(why) => panic!("{why}"),
    }
}

/// The value of the header that the next attempt sends, at the time that it is due.
fn next_header(source: &mut Source) -> Option<Vec<u8>> {
    let now = source.poll_timeout().expect("an attempt is to come");
    source.poll_attempt(now).expect("it is due").last_event_id().map(<[u8]>::to_vec)
}

/// Nothing comes of a closed source, whatever is reported to it.
fn assert_closed(source: &mut Source, why: GiveUp) {
    let nothing = Lost { reason: LostReason::NoAttempt, next: Next::GiveUp(why) };
    let id = source.last_event_id().to_owned();
    for now in [Duration::ZERO, secs(1_000_000), Duration::MAX] {
        assert_eq!(source.ready_state(), ReadyState::Closed);
        assert_eq!(source.poll_timeout(), None);
        assert_eq!(source.poll_attempt(now), None);
        assert_eq!(source.handle_timeout(now, LATEST), None);
        assert_eq!(source.handle_response(now, &status(200), LATEST), Verdict::Lost(nothing));
        assert_eq!(hear(source, now, b"retry: 1\nid: late\ndata: late\n\n"), [""; 0]);
        for end in ENDS {
            assert_eq!(source.handle_end(now, end, LATEST), nothing);
        }
        assert_eq!(source.close(), BETWEEN);
    }
    assert_eq!(source.last_event_id(), id);
}

/// E-020, E-028: what is behind the event that made the client close is not dispatched, though it came
/// in the same read.
#[test]
fn nothing_is_dispatched_once_closed() {
    let mut source = open(Config::event_source(), secs(0));
    let mut input: &[u8] = b"data: one\n\nid: 2\ndata: two\n\ndata: three\n\n";
    let Some(Item::Event(event)) = source.receive(secs(0), &mut input) else { panic!() };
    assert_eq!(event.data, "one");
    assert_eq!(source.close(), BETWEEN);
    assert_eq!(source.receive(secs(0), &mut input), None);
    assert_eq!(input, b"", "the rest is consumed");
    assert_eq!(source.last_event_id(), "");
    assert_closed(&mut source, GiveUp::Closed);
}

/// E-020: nor is what comes late from a connection that is lost.
#[test]
fn nothing_is_dispatched_from_a_lost_connection() {
    let mut source = open(Config::event_source(), secs(0));
    assert_eq!(hear(&mut source, secs(0), b"data: one\n\ndata: t"), ["one"]);
    let _ = source.handle_end(secs(0), End::Broken, EARLIEST);
    assert_eq!(hear(&mut source, secs(1), b"wo\n\ndata: three\n\n"), [""; 0]);
    assert!(source.poll_attempt(secs(3)).is_some());
    assert_eq!(hear(&mut source, secs(3), b"data: four\n\n"), [""; 0], "there is no response yet");
    assert_eq!(source.handle_response(secs(3), &status(200), EARLIEST), Verdict::Open);
    assert_eq!(hear(&mut source, secs(3), b"data: five\n\n"), ["five"]);
}

/// E-023: every status but 200 fails the connection for good; 204 is how a server stops a client.
#[test]
fn any_status_but_200_fails_the_connection() {
    for number in (0..=999).filter(|number| *number != 200) {
        for retry_after in [None, Some(secs(1))] {
            let mut source = source(Config::event_source());
            assert!(source.poll_attempt(secs(0)).is_some());
            let response = Response { retry_after, ..status(number) };
            let expected =
                Lost { reason: LostReason::Status(number), next: Next::GiveUp(GiveUp::Failed) };
            let verdict = source.handle_response(secs(0), &response, EARLIEST);
            assert_eq!(verdict, Verdict::Lost(expected), "{number}");
            assert_closed(&mut source, GiveUp::Failed);
        }
    }
}

/// E-023: after a stream that worked, too.
#[test]
fn a_204_ends_a_stream_that_worked() {
    let mut source = open(Config::client(), secs(0));
    assert_eq!(hear(&mut source, secs(0), b"id: 9\ndata: last\n\n"), ["last"]);
    let lost = source.handle_end(secs(0), End::EndOfBody, EARLIEST);
    assert_eq!(lost.reason, LostReason::Ended(BETWEEN));
    assert_eq!(next_header(&mut source).as_deref(), Some(&b"9"[..]));
    let Verdict::Lost(lost) = source.handle_response(secs(3), &status(204), EARLIEST) else {
        panic!()
    };
    assert_eq!(lost.next, Next::GiveUp(GiveUp::Failed));
    assert_closed(&mut source, GiveUp::Failed);
    assert_eq!(source.last_event_id(), "9");
}

/// E-023: those that say "not now" are tried again if that is asked for, all others are not.
#[test]
fn statuses_that_say_not_now_can_be_tried_again() {
    for number in (0..=999).filter(|number| *number != 200) {
        let mut source = source(Config::client());
        assert!(source.poll_attempt(secs(0)).is_some());
        let Verdict::Lost(lost) = source.handle_response(secs(0), &status(number), EARLIEST) else {
            panic!("{number}")
        };
        assert_eq!(lost.reason, LostReason::Status(number));
        let expected = match number {
            429 | 503 => Next::Wait(secs(5)), // a busy server
            408 | 425 | 500..=599 => Next::Wait(secs(3)),
            _ => Next::GiveUp(GiveUp::Failed),
        };
        assert_eq!(lost.next, expected, "{number}");
    }
}

/// `Retry-After` is a minimum, up to what the policy lets a server ask for, and then some more.
#[test]
fn a_server_is_not_asked_before_the_time_it_gave() {
    for (number, asked, first, last) in [
        (503, 0, 5, 5 + 25),
        (503, 120, 120, 120 + 25),
        (429, 120, 120, 120 + 25),
        (502, 120, 120, 120 + 3),
        (502, 1, 3, 3 + 3),
        (503, 9999, 3600, 3600 + 25),
    ] {
        for (random, expected) in [(EARLIEST, first), (LATEST, last)] {
            let mut source = source(Config::client());
            assert!(source.poll_attempt(secs(0)).is_some());
            let response = Response { retry_after: Some(secs(asked)), ..status(number) };
            let Verdict::Lost(lost) = source.handle_response(secs(0), &response, random) else {
                panic!("{number}")
            };
            assert_eq!(waited(lost), secs(expected), "{number} after {asked} s");
            if random == EARLIEST {
                assert_eq!(source.poll_attempt(secs(expected) - ms(1)), None);
                assert!(source.poll_attempt(secs(expected)).is_some());
            }
        }
    }
}

/// E-024
#[test]
fn the_media_type_must_be_that_of_an_event_stream() {
    for (content_type, opens) in [
        (Some("text/event-stream"), true),
        (Some("TEXT/Event-Stream"), true),
        (Some("text/event-stream;charset=UTF-8"), true),
        (Some("text/event-stream;charset=windows-1252"), true),
        (Some("text/event-stream;"), true),
        (Some(" text/event-stream ; a=b"), true),
        (Some("text/event-stream, text/event-stream"), false),
        (Some("text/plain"), false),
        (Some("x bogus"), false),
        (Some("text/x-bogus"), false),
        (Some(""), false),
        (None, false),
    ] {
        for config in [Config::event_source(), Config::client()] {
            let mut source = source(config);
            assert!(source.poll_attempt(secs(0)).is_some());
            let content_type = content_type.map(str::as_bytes);
            let response = Response { content_type, ..status(200) };
            let verdict = source.handle_response(secs(0), &response, EARLIEST);
            if opens {
                assert_eq!(verdict, Verdict::Open, "{response:?}");
                assert_eq!(source.ready_state(), ReadyState::Open);
            } else {
                let next = Next::GiveUp(GiveUp::Failed);
                let lost = Lost { reason: LostReason::ContentType, next };
                assert_eq!(verdict, Verdict::Lost(lost), "{response:?}");
                assert_closed(&mut source, GiveUp::Failed);
            }
        }
    }
}

/// E-025: whatever the network does, and a body that ends in good order.
#[test]
fn a_network_error_or_the_end_of_the_body_leads_to_another_attempt() {
    let inside = EndOfStream::InsideEvent { dropped_len: 7 };
    let again = Next::Wait(secs(3));
    let failed = Next::GiveUp(GiveUp::Failed);
    for (body, end, reason, next) in [
        (None, End::Unreachable, LostReason::Unreachable, again),
        (None, End::EndOfBody, LostReason::Unreachable, again),
        (None, End::Broken, LostReason::Unreachable, again),
        (None, End::Unusable, LostReason::Unusable, failed),
        (Some(""), End::EndOfBody, LostReason::Ended(BETWEEN), again),
        (Some(""), End::Broken, LostReason::Broken(BETWEEN), again),
        (Some("data: 1\n\n"), End::EndOfBody, LostReason::Ended(BETWEEN), again),
        (Some("data\n\ndata: 1"), End::EndOfBody, LostReason::Ended(inside), again),
        (Some("data\n\ndata: 1"), End::Broken, LostReason::Broken(inside), again),
        (Some("data\n\ndata: 1"), End::Unreachable, LostReason::Broken(inside), again),
        (Some("data\n\ndata: 1"), End::Unusable, LostReason::Broken(inside), failed),
    ] {
        let mut source = source(Config::event_source());
        assert!(source.poll_attempt(secs(0)).is_some());
        if let Some(body) = body {
            assert_eq!(source.handle_response(secs(0), &status(200), EARLIEST), Verdict::Open);
            hear(&mut source, secs(0), body.as_bytes());
        }
        let lost = source.handle_end(secs(0), end, EARLIEST);
        assert_eq!(lost, Lost { reason, next }, "{end:?} after {body:?}");
        if next == again {
            assert_eq!(source.ready_state(), ReadyState::Connecting);
            reopen(&mut source, secs(3));
            assert_eq!(hear(&mut source, secs(3), b"data: 2\n\n"), ["2"], "the next stream is new");
        } else {
            assert_closed(&mut source, GiveUp::Failed);
        }
    }
}

/// E-026, E-029: at once at first; then 3 s, or what `retry` said, and never earlier.
#[test]
fn an_attempt_waits_for_the_reconnection_time() {
    let mut source = source(Config::event_source());
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    assert_eq!(source.poll_timeout(), Some(secs(0)), "the first is due at once");
    let first = source.poll_attempt(secs(100)).unwrap();
    assert_eq!((first.number(), first.last_event_id()), (0, None));
    assert_eq!(source.poll_attempt(secs(100)), None, "each attempt comes once");
    assert_eq!(source.handle_response(secs(101), &status(200), LATEST), Verdict::Open);
    assert_eq!(source.ready_state(), ReadyState::Open);
    assert_eq!(source.poll_timeout(), None, "the standard has no idle timeout");

    let lost = source.handle_end(secs(200), End::EndOfBody, EARLIEST);
    assert_eq!(lost.next, Next::Wait(secs(3)));
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    assert_eq!(source.poll_timeout(), Some(secs(203)));
    assert_eq!(source.poll_attempt(secs(203) - Duration::from_nanos(1)), None);
    assert_eq!(source.handle_timeout(secs(203), LATEST), None, "the end of a wait is no loss");
    assert!(source.poll_attempt(secs(203)).is_some());
    assert_eq!(source.poll_attempt(secs(204)), None);
}

/// E-013, E-026: `retry` counts at once, also within an event that never ends, and for good.
#[test]
fn the_server_sets_the_reconnection_time() {
    for (retry, expected) in [
        ("retry: 500\n", ms(500)),
        ("retry: 500\ndata: cut", ms(500)),
        ("retry: 0\n", ms(100)),
        ("retry: 99999999999999999999999\n", secs(3600)),
        ("retry: 1\nretry: 700\n", ms(700)),
        ("retry\n", secs(3)),
        ("retry: 5 \n", secs(3)),
        ("retry: 500", secs(3)), // its line is not over
    ] {
        let mut source = open(Config::event_source(), secs(0));
        hear(&mut source, secs(0), retry.as_bytes());
        let lost = source.handle_end(secs(0), End::EndOfBody, EARLIEST);
        assert_eq!(lost.next, Next::Wait(expected), "{retry:?}");
        let at = source.poll_timeout().unwrap();
        assert!(source.poll_attempt(at).is_some());
        let lost = source.handle_end(at, End::Unreachable, EARLIEST);
        assert_eq!(lost.next, Next::Wait(expected), "{retry:?}: it stays");
    }
}

#[test]
fn a_client_may_clamp_or_ignore_the_reconnection_time() {
    let [one, two] = [1_000, 2_000].map(ReconnectionTime::from_ms);
    for (clamp, expected) in [(RetryClamp::new(one, two), secs(2)), (RetryClamp::IGNORE, secs(3))] {
        let mut config = Config::event_source();
        config.retry_clamp = clamp;
        let mut source = open(config, secs(0));
        hear(&mut source, secs(0), b"retry: 60000\n");
        let lost = source.handle_end(secs(0), End::EndOfBody, EARLIEST);
        assert_eq!(lost.next, Next::Wait(expected), "{clamp:?}");
    }
}

/// A decoder that has read a stream before brings what it knows, and nothing that it has begun.
#[test]
fn a_decoder_brings_its_reconnection_time_and_last_event_id() {
    let mut decoder = decoder();
    let mut input: &[u8] = b"id: 7\nretry: 700\n\ndata: cut";
    while decoder.decode(&mut input).is_some() {}
    let mut source = EventSource::new(decoder, Config::event_source());
    assert_eq!(next_header(&mut source).as_deref(), Some(&b"7"[..]));
    assert_eq!(source.handle_response(secs(0), &status(200), EARLIEST), Verdict::Open);
    assert_eq!(hear(&mut source, secs(0), b" off\n\ndata: new\n\n"), ["new"]);
    assert_eq!(source.handle_end(secs(0), End::EndOfBody, EARLIEST).next, Next::Wait(ms(700)));
}

/// E-027, E-012, E-014
#[test]
fn the_last_event_id_goes_into_the_header() {
    let cases: [(&str, &str, Option<&str>); 13] = [
        ("data: a\n\n", "", None),
        ("id: 1\ndata: a\n\n", "1", Some("1")),
        ("id: 1\n\n", "1", Some("1")),
        ("id: 1\n\ndata: a\n\n", "1", Some("1")),
        ("id: 1\ndata: a\n\nid: 2\ndata: cut", "1", Some("1")),
        ("id: 1\n\nid\n\n", "", None), // never an empty header
        ("id: \u{2026}é\n\n", "\u{2026}é", Some("\u{2026}é")),
        ("id: a b\tc\n\n", "a b\tc", Some("a b\tc")),
        // What a header cannot carry unchanged stays at home.
        ("id:  a\n\n", " a", None),
        ("id: a \n\n", "a ", None),
        ("id: a\u{1}b\n\n", "a\u{1}b", None),
        ("id: 1\n\nid: a\0b\ndata\n\n", "1", Some("1")),
        ("\u{FEFF}id: 1\n\n", "1", Some("1")),
    ];
    for (stream, id, header) in cases {
        let mut source = open(Config::event_source(), secs(0));
        hear(&mut source, secs(0), stream.as_bytes());
        assert_eq!(source.last_event_id(), id, "{stream:?}");
        let _ = source.handle_end(secs(0), End::Broken, EARLIEST);
        assert_eq!(next_header(&mut source).as_deref(), header.map(str::as_bytes), "{stream:?}");
    }
}

/// E-027: an event without an ID on the next connection does not wipe the ID, nor does anything else.
#[test]
fn the_last_event_id_outlives_connections() {
    let mut source = source(Config::client());
    source.set_last_event_id(EventId::new("start").unwrap()).unwrap();
    for body in ["data: no id\n\n", "", "id: unfinished\ndata: x", ": comment\n\n", "id: a\0\n\n"] {
        assert_eq!(next_header(&mut source).as_deref(), Some(&b"start"[..]), "before {body:?}");
        let now = source.poll_timeout().unwrap();
        assert_eq!(source.handle_response(now, &status(200), EARLIEST), Verdict::Open);
        hear(&mut source, now, body.as_bytes());
        let _ = source.handle_end(now, End::Broken, EARLIEST);
        assert_eq!(source.last_event_id(), "start", "after {body:?}");
        // Attempts without a stream.
        assert_eq!(next_header(&mut source).as_deref(), Some(&b"start"[..]));
        let Verdict::Lost(_) = source.handle_response(now, &status(503), EARLIEST) else {
            panic!()
        };
    }
    source.close();
    assert_eq!(source.last_event_id(), "start");
    let too_long = "x".repeat(65);
    assert!(source.set_last_event_id(EventId::new(&too_long).unwrap()).is_err());
    assert_eq!(source.last_event_id(), "start");
}

/// E-029: what a source does that was not told otherwise, and what a program does better than a
/// browser.
#[test]
fn the_defaults_are_those_of_the_standard() {
    let standard = Config::event_source();
    assert_eq!(Config::default(), standard);
    assert_eq!((standard.policy.base, standard.policy.minimum), (secs(3), secs(3)));
    assert_eq!(standard.policy.attempts_max, u32::MAX);
    assert_eq!(standard.retry_clamp, RetryClamp::DEFAULT);
    assert_eq!(standard.response_timeout, secs(30));
    assert_eq!(standard.idle_timeout, Config::NEVER);
    assert_eq!(standard.redirects_max, 20);
    assert!(!standard.retry_statuses && standard.reconnect && standard.repeat_request);

    let mut client = Config::client();
    assert_eq!((client.idle_timeout, client.retry_statuses), (secs(45), true));
    (client.idle_timeout, client.retry_statuses) = (Config::NEVER, false);
    assert_eq!(client, standard, "there is no other difference");
}

/// E-028: from every state.
#[test]
fn close_is_final() {
    let mut waiting = source(Config::client());
    assert_eq!(waiting.close(), BETWEEN);
    assert_closed(&mut waiting, GiveUp::Closed);

    let mut requesting = source(Config::client());
    assert!(requesting.poll_attempt(secs(0)).is_some());
    assert_eq!(requesting.close(), BETWEEN);
    assert_closed(&mut requesting, GiveUp::Closed);

    let mut within_an_event = open(Config::client(), secs(0));
    hear(&mut within_an_event, secs(0), b"id: 1\ndata: 1\n\nid: 2\ndata");
    assert_eq!(within_an_event.close(), EndOfStream::InsideEvent { dropped_len: 10 });
    assert_eq!(within_an_event.last_event_id(), "1");
    assert_closed(&mut within_an_event, GiveUp::Closed);

    let mut lost = open(Config::client(), secs(0));
    let _ = lost.handle_end(secs(0), End::Broken, EARLIEST);
    assert_eq!(lost.close(), BETWEEN);
    assert_closed(&mut lost, GiveUp::Closed);
}

/// V-96: a server that answers 200 and hangs up is left alone for longer and longer.
#[test]
fn a_flapping_server_is_backed_off_from() {
    for body in ["", ": hello\n\n", "retry: 3000\n\n", "id: 1\n\n", "data: unfinished"] {
        let mut source = source(Config::event_source());
        let mut now = secs(0);
        for (attempt, window) in [3, 6, 12, 24, 48, 60, 60].into_iter().enumerate() {
            assert_eq!(source.failures(), u32::try_from(attempt).unwrap());
            let number = source.poll_attempt(now).unwrap().number();
            assert_eq!(number, u32::try_from(attempt).unwrap());
            assert_eq!(source.handle_response(now, &status(200), LATEST), Verdict::Open);
            hear(&mut source, now, body.as_bytes());
            now += secs(1);
            let lost = source.handle_end(now, End::EndOfBody, LATEST);
            assert_eq!(waited(lost), secs(3 + window), "attempt {attempt} with {body:?}");
            now = source.poll_timeout().unwrap();
        }
    }
}

/// An event is a success; so is a stream that stayed open for long. The waits start anew.
#[test]
fn an_event_or_a_healthy_time_ends_the_back_off() {
    for (body, open_for, succeeds) in [
        ("data\n\n", secs(0), true),
        (": hello\n", secs(60), true),
        ("", secs(60), true),
        (": hello\n", secs(60) - ms(1), false),
        ("event: x\n\n", secs(59), false), // nothing is dispatched
    ] {
        let mut source = source(Config::event_source());
        for _ in 0..3 {
            let now = source.poll_timeout().unwrap();
            assert!(source.poll_attempt(now).is_some());
            let _ = source.handle_end(now, End::Unreachable, LATEST);
        }
        assert_eq!(source.failures(), 3);
        let now = source.poll_timeout().unwrap();
        assert_eq!(source.poll_attempt(now).unwrap().number(), 3);
        assert_eq!(source.handle_response(now, &status(200), LATEST), Verdict::Open);
        assert_eq!(source.failures(), 3, "a 200 alone is no success");
        hear(&mut source, now, body.as_bytes());
        let lost = source.handle_end(now + open_for, End::Broken, LATEST);
        let (failures, wait, number) = if succeeds { (1, 3, 0) } else { (4, 24, 4) };
        assert_eq!(source.failures(), failures, "{body:?} for {open_for:?}");
        assert_eq!(waited(lost), secs(3 + wait), "{body:?} for {open_for:?}");
        let now = source.poll_timeout().unwrap();
        assert_eq!(source.poll_attempt(now).unwrap().number(), number, "{body:?}");
    }
}

/// With data in parts it is the end of the event that counts.
#[test]
fn parts_of_an_event_are_no_success_yet() {
    let mut source = EventSource::new(decoder().report_data_parts(), Config::event_source());
    assert!(source.poll_attempt(secs(0)).is_some());
    let _ = source.handle_end(secs(0), End::Unreachable, EARLIEST);
    reopen(&mut source, secs(3));
    let mut input: &[u8] = b"data: part";
    assert_eq!(source.receive(secs(3), &mut input), Some(Item::DataPart("part")));
    assert_eq!(source.failures(), 1);
    let mut input: &[u8] = b"\n\n";
    assert!(matches!(source.receive(secs(3), &mut input), Some(Item::EventEnd(_))));
    assert_eq!(source.failures(), 0);
}

#[test]
fn attempts_that_fail_in_a_row_can_be_limited() {
    let mut config = Config::event_source();
    config.policy.attempts_max = 2;
    let mut source = open(config, secs(0));
    assert_eq!(hear(&mut source, secs(0), b"data\n\n"), [""]);
    let lost = source.handle_end(secs(0), End::EndOfBody, EARLIEST);
    assert_eq!(lost.next, Next::Wait(secs(3)));
    assert!(source.poll_attempt(secs(3)).is_some());
    let lost = source.handle_end(secs(3), End::Unreachable, EARLIEST);
    assert_eq!(lost.next, Next::Wait(secs(3)));
    assert!(source.poll_attempt(secs(6)).is_some());
    let lost = source.handle_end(secs(6), End::Unreachable, EARLIEST);
    assert_eq!(lost.reason, LostReason::Unreachable);
    assert_eq!(lost.next, Next::GiveUp(GiveUp::AttemptsExhausted));
    assert_closed(&mut source, GiveUp::AttemptsExhausted);
}

/// A comment is a sign of life, and so is any other byte; its absence ends the stream.
#[test]
fn a_silent_stream_is_lost() {
    let mut source = open(Config::client(), secs(0));
    let mut now = secs(0);
    for byte in b": keep\n\ndata: 1" {
        assert_eq!(source.poll_timeout(), Some(now + secs(45)));
        now += secs(45) - ms(1);
        assert_eq!(source.handle_timeout(now, EARLIEST), None, "not yet");
        hear(&mut source, now, &[*byte]);
    }
    hear(&mut source, now + secs(44), b"");
    assert_eq!(source.poll_timeout(), Some(now + secs(45)), "no byte is no sign of life");
    now += secs(45);
    let lost = source.handle_timeout(now, EARLIEST).unwrap();
    assert_eq!(lost.reason, LostReason::Idle(EndOfStream::InsideEvent { dropped_len: 7 }));
    assert_eq!(lost.next, Next::Wait(secs(3)));
    assert_eq!(source.handle_timeout(now, EARLIEST), None, "told once");
    reopen(&mut source, now + secs(3));
    assert_eq!(source.poll_timeout(), Some(now + secs(48)), "the next stream has its own time");
}

#[test]
fn a_response_has_its_time_and_so_has_the_one_after_a_redirect() {
    let mut config = Config::event_source();
    config.response_timeout = secs(10);
    let mut source = source(config);
    assert!(source.poll_attempt(secs(5)).is_some());
    assert_eq!(source.poll_timeout(), Some(secs(15)));
    assert_eq!(source.handle_timeout(secs(15) - ms(1), EARLIEST), None);
    let redirect = Response { has_location: true, ..status(307) };
    assert_eq!(source.handle_response(secs(14), &redirect, EARLIEST), Verdict::Redirect);
    assert_eq!(source.poll_timeout(), Some(secs(24)));
    let lost = source.handle_timeout(secs(24), EARLIEST).unwrap();
    let expected = Lost { reason: LostReason::ResponseTimeout, next: Next::Wait(secs(3)) };
    assert_eq!(lost, expected);
    assert_eq!(source.poll_timeout(), Some(secs(27)));
}

#[test]
fn never_is_no_time() {
    let mut config = Config::client();
    config.response_timeout = Config::NEVER;
    config.idle_timeout = Config::NEVER;
    let mut source = source(config);
    assert!(source.poll_attempt(secs(5)).is_some());
    assert_eq!(source.poll_timeout(), None);
    assert_eq!(source.handle_timeout(Duration::MAX, EARLIEST), None);
    assert_eq!(source.handle_response(secs(5), &status(200), EARLIEST), Verdict::Open);
    assert_eq!(source.poll_timeout(), None);
    assert_eq!(source.handle_timeout(Duration::MAX, EARLIEST), None);
}

/// A POST is not made twice, however its attempt ended.
#[test]
fn a_request_that_must_not_be_repeated_is_not() {
    let mut config = Config::client();
    config.repeat_request = false;
    let expected = Next::GiveUp(GiveUp::NotRepeatable);

    for end in [End::Unreachable, End::EndOfBody, End::Broken] {
        let mut unanswered = source(config);
        assert!(unanswered.poll_attempt(secs(0)).is_some());
        assert_eq!(unanswered.handle_end(secs(0), end, EARLIEST).next, expected);
        assert_closed(&mut unanswered, GiveUp::NotRepeatable);

        let mut answered = open(config, secs(0));
        assert_eq!(hear(&mut answered, secs(0), b"id: 1\ndata: 1\n\n"), ["1"]);
        assert_eq!(answered.handle_end(secs(0), end, EARLIEST).next, expected);
        assert_closed(&mut answered, GiveUp::NotRepeatable);
    }

    let mut silent = source(config);
    assert!(silent.poll_attempt(secs(0)).is_some());
    assert_eq!(silent.handle_timeout(secs(30), EARLIEST).unwrap().next, expected);

    for (number, expected) in
        [(503, GiveUp::NotRepeatable), (404, GiveUp::Failed), (204, GiveUp::Failed)]
    {
        let mut source = source(config);
        assert!(source.poll_attempt(secs(0)).is_some());
        let Verdict::Lost(lost) = source.handle_response(secs(0), &status(number), EARLIEST) else {
            panic!("{number}")
        };
        assert_eq!(lost.next, Next::GiveUp(expected), "{number}");
    }
}

#[test]
fn once_means_once() {
    let mut config = Config::client();
    config.reconnect = false;
    let mut refused = source(config);
    assert!(refused.poll_attempt(secs(0)).is_some());
    let lost = refused.handle_end(secs(0), End::Unreachable, EARLIEST);
    assert_eq!(lost.next, Next::GiveUp(GiveUp::Once));

    let mut ended = open(config, secs(0));
    assert_eq!(hear(&mut ended, secs(0), b"data: 1\n\n"), ["1"]);
    let lost = ended.handle_end(secs(0), End::EndOfBody, EARLIEST);
    let next = Next::GiveUp(GiveUp::Once);
    assert_eq!(lost, Lost { reason: LostReason::Ended(BETWEEN), next });
    assert_closed(&mut ended, GiveUp::Once);
}

/// E-022: as many redirects as allowed, in each attempt; those without `Location` lead nowhere.
#[test]
fn redirects_are_followed_and_counted() {
    for number in [301, 302, 303, 307, 308] {
        for redirects_max in [0, 1, 20] {
            let mut config = Config::event_source();
            config.redirects_max = redirects_max;
            let mut source = source(config);
            let redirect = Response { has_location: true, content_type: None, ..status(number) };
            for round in 0..2 {
                let now = source.poll_timeout().unwrap();
                assert!(source.poll_attempt(now).is_some());
                for _ in 0..redirects_max {
                    let verdict = source.handle_response(now, &redirect, EARLIEST);
                    assert_eq!(verdict, Verdict::Redirect);
                    assert_eq!(source.ready_state(), ReadyState::Connecting);
                    assert_eq!(source.poll_attempt(now), None, "it is the same attempt");
                }
                if round == 0 {
                    let lost = source.handle_end(now, End::Unreachable, EARLIEST);
                    assert_eq!(lost.next, Next::Wait(secs(3)));
                } else {
                    let next = Next::GiveUp(GiveUp::Failed);
                    let lost = Lost { reason: LostReason::TooManyRedirects, next };
                    let verdict = source.handle_response(now, &redirect, EARLIEST);
                    assert_eq!(verdict, Verdict::Lost(lost));
                    assert_closed(&mut source, GiveUp::Failed);
                }
            }
        }
    }
    for number in [300, 304, 305, 306, 309] {
        let mut source = source(Config::event_source());
        assert!(source.poll_attempt(secs(0)).is_some());
        let response = Response { has_location: true, ..status(number) };
        let Verdict::Lost(lost) = source.handle_response(secs(0), &response, EARLIEST) else {
            panic!("{number} is no redirect to follow")
        };
        assert_eq!(lost.reason, LostReason::Status(number));
    }
}

/// P-01: what is reported out of turn changes nothing.
#[test]
fn reports_out_of_turn_are_harmless() {
    let nothing = |next| Lost { reason: LostReason::NoAttempt, next };
    let mut source = source(Config::client());
    let early = nothing(Next::Wait(secs(0)));
    assert_eq!(source.handle_response(secs(0), &status(404), LATEST), Verdict::Lost(early));
    for end in ENDS {
        assert_eq!(source.handle_end(secs(0), end, LATEST), early);
    }
    assert_eq!(hear(&mut source, secs(0), b"id: 1\ndata: 1\n\n"), [""; 0]);
    assert_eq!(source.failures(), 0);

    reopen(&mut source, secs(0));
    assert_eq!(source.handle_response(secs(0), &status(404), LATEST), Verdict::Open);
    assert_eq!(source.poll_attempt(Duration::MAX), None);
    assert_eq!(hear(&mut source, secs(0), b"data: 1\n\n"), ["1"]);

    let _ = source.handle_end(secs(10), End::EndOfBody, EARLIEST);
    let rest = nothing(Next::Wait(secs(2)));
    for end in ENDS {
        assert_eq!(source.handle_end(secs(11), end, LATEST), rest);
    }
    assert_eq!(source.handle_response(secs(11), &status(200), LATEST), Verdict::Lost(rest));
    assert_eq!(source.failures(), 1);
    assert_eq!(source.poll_timeout(), Some(secs(13)));
}

/// P-01: the extremes of time stay in range.
#[test]
fn no_time_overflows() {
    let mut config = Config::client();
    config.policy.minimum = Duration::MAX;
    let mut source = open(config, Duration::MAX);
    assert_eq!(source.poll_timeout(), None);
    let lost = source.handle_end(Duration::MAX, End::Broken, LATEST);
    assert_eq!(lost.next, Next::Wait(Duration::MAX));
    assert_eq!(source.poll_timeout(), None, "a wait without end");
    assert!(source.poll_attempt(Duration::MAX).is_some());
    // A clock that goes back.
    assert_eq!(source.handle_response(secs(0), &status(200), LATEST), Verdict::Open);
    hear(&mut source, secs(9), b":\n");
    assert_eq!(source.handle_timeout(secs(1), LATEST), None);
    assert_eq!(source.handle_end(secs(0), End::Broken, LATEST).next, Next::Wait(Duration::MAX));
}

#[test]
fn a_loss_says_in_words_why_and_what_is_next() {
    let cut = EndOfStream::InsideEvent { dropped_len: 11 };
    for (reason, text, end) in [
        (LostReason::Unreachable, "there was no response", None),
        (LostReason::ResponseTimeout, "the response did not come in time", None),
        (
            LostReason::Status(404),
            "the response has status 404, where an event stream has 200",
            None,
        ),
        (
            LostReason::ContentType,
            "the response is not of the one media type text/event-stream",
            None,
        ),
        (LostReason::TooManyRedirects, "there were more redirects than one attempt follows", None),
        (LostReason::Unusable, "the request cannot lead to an event stream", None),
        (LostReason::Ended(BETWEEN), "the event stream ended", Some(BETWEEN)),
        (
            LostReason::Broken(cut),
            "the connection broke, inside an event of which 11 bytes had come",
            Some(cut),
        ),
        (
            LostReason::Idle(cut),
            "the server was silent for too long, inside an event of which 11 bytes had come",
            Some(cut),
        ),
        (LostReason::NoAttempt, "no attempt was under way", None),
    ] {
        assert_eq!(reason.to_string(), text);
        assert_eq!(reason.end_of_stream(), end, "{text}");
        let again = Lost { reason, next: Next::Wait(ms(3_240)) };
        assert_eq!(again.to_string(), format!("{text}; trying again in 3.2s"));
        for (why, final_words) in [
            (GiveUp::Failed, "another attempt would fail as well"),
            (GiveUp::AttemptsExhausted, "as many attempts as allowed have failed in a row"),
            (GiveUp::NotRepeatable, "the request must not be made twice"),
            (GiveUp::Once, "no other attempt was wanted"),
            (GiveUp::Closed, "the event source was closed"),
        ] {
            let lost = Lost { reason, next: Next::GiveUp(why) };
            assert_eq!(lost.to_string(), format!("{text}; giving up: {final_words}"));
        }
    }
}

/// What is printed for a log tells where the source stands, and nothing of the data.
#[test]
fn a_source_is_printed_without_its_data() {
    let mut source = open(Config::event_source(), secs(0));
    assert_eq!(hear(&mut source, secs(9), b"id: 7\n\ndata: secret"), [""; 0]);
    let printed = format!("{source:?}");
    for part in ["EventSource", "heard: 9s", "failures: 0", "last_event_id: \"7\""] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    assert!(!printed.contains("secret") && !printed.contains("115, 101, 99"), "{printed}");
}

/// P-03: besides its decoder, a source is a few hundred bytes: mostly the policy.
#[test]
fn a_source_is_small() {
    let decoder = size_of::<Decoder<FixedStorage<'static>>>();
    let source = size_of::<Source>();
    assert!(source - decoder <= 400, "{source} with a decoder of {decoder}");
    #[cfg(feature = "alloc")]
    assert!(size_of::<EventSource<tidings_sse::GrowableStorage>>() <= 768);
}
