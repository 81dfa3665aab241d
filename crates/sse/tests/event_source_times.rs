//! The times of an EventSource in virtual time: attempts, waits, and giving up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod event_source_scene;

use std::time::Duration;

use event_source_scene::{
    BETWEEN, EARLIEST, LATEST, assert_closed, at, decoder, hear, just_before, ms, open, reopen,
    secs, source, status, waited,
};
use tidings_sse::event_source::{
    Config, Disconnect, DisconnectReason, End, EventSource, GiveUp, Next, ReadyState, Response,
    ResponseOutcome,
};
use tidings_sse::{EndOfStream, Item, ReconnectionTime, RetryClamp, Timestamp};

/// RFC 9110, 10.2.3: the time of `Retry-After` is kept to, up to what the policy lets a server ask
/// for, with a random eighth on top; who was told more than that comes up to an eighth earlier.
#[test]
fn a_server_is_asked_again_at_the_time_it_gave() {
    for (number, asked, first, last) in [
        (503, 0, 1000, 1125),
        (503, 1, 1000, 1125),
        (503, 120, 120_000, 135_000),
        (429, 120, 120_000, 135_000),
        (502, 120, 120_000, 135_000),
        (502, 1, 1000, 1125),
        (503, 3500, 3_500_000, 3_600_000),
        (503, 9999, 3_600_000, 3_150_001), // rounded up
    ] {
        for (random, expected) in [(EARLIEST, first), (LATEST, last)] {
            let mut source = source(Config::client());
            assert!(source.poll_attempt(at(0)).is_some());
            let response = Response { retry_after: Some(secs(asked)), ..status(number) };
            let ResponseOutcome::Disconnect(disconnect) =
                source.handle_response(at(0), &response, random)
            else {
                panic!("{number}")
            };
            assert_eq!(waited(disconnect), ms(expected), "{number} after {asked} s");
            if random == EARLIEST {
                let due = Timestamp::from_epoch(ms(expected));
                assert_eq!(source.poll_attempt(just_before(due)), None);
                assert!(source.poll_attempt(due).is_some());
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
        (None, End::Unreachable, DisconnectReason::Unreachable, again),
        (None, End::EndOfBody, DisconnectReason::Unreachable, again),
        (None, End::Broken, DisconnectReason::Unreachable, again),
        (None, End::Unusable, DisconnectReason::Unusable, failed),
        (Some(""), End::EndOfBody, DisconnectReason::Ended(BETWEEN), again),
        (Some(""), End::Broken, DisconnectReason::Broken(BETWEEN), again),
        (Some("data: 1\n\n"), End::EndOfBody, DisconnectReason::Ended(BETWEEN), again),
        (Some("data\n\ndata: 1"), End::EndOfBody, DisconnectReason::Ended(inside), again),
        (Some("data\n\ndata: 1"), End::Broken, DisconnectReason::Broken(inside), again),
        (Some("data\n\ndata: 1"), End::Unreachable, DisconnectReason::Broken(inside), again),
        (Some("data\n\ndata: 1"), End::Unusable, DisconnectReason::Broken(inside), failed),
    ] {
        let mut source = source(Config::event_source());
        assert!(source.poll_attempt(at(0)).is_some());
        if let Some(body) = body {
            assert_eq!(
                source.handle_response(at(0), &status(200), EARLIEST),
                ResponseOutcome::Open
            );
            hear(&mut source, at(0), body.as_bytes());
        }
        let disconnect = source.handle_end(at(0), end, EARLIEST);
        assert_eq!(disconnect, Disconnect { reason, next }, "{end:?} after {body:?}");
        if next == again {
            assert_eq!(source.ready_state(), ReadyState::Connecting);
            reopen(&mut source, at(3));
            assert_eq!(hear(&mut source, at(3), b"data: 2\n\n"), ["2"], "the next stream is new");
        } else {
            assert_closed(&mut source, GiveUp::Failed);
        }
    }
}

/// E-026, E-029: at once at first; then 3 s, or the value of `retry`, and never earlier.
#[test]
fn an_attempt_waits_for_the_reconnection_time() {
    let mut source = source(Config::event_source());
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    assert_eq!(source.poll_timeout(), Some(at(0)), "the first is due at once");
    let first = source.poll_attempt(at(100)).unwrap();
    assert_eq!((first.number(), first.last_event_id()), (0, None));
    assert_eq!(source.poll_attempt(at(100)), None, "each attempt comes once");
    assert_eq!(source.handle_response(at(101), &status(200), LATEST), ResponseOutcome::Open);
    assert_eq!(source.ready_state(), ReadyState::Open);
    assert_eq!(source.poll_timeout(), None, "the standard has no idle timeout");

    let disconnect = source.handle_end(at(200), End::EndOfBody, EARLIEST);
    assert_eq!(disconnect.next, Next::Wait(secs(3)));
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    assert_eq!(source.poll_timeout(), Some(at(203)));
    assert_eq!(source.poll_attempt(just_before(at(203))), None);
    assert_eq!(source.handle_timeout(at(203), LATEST), None, "the end of a wait is not a loss");
    assert!(source.poll_attempt(at(203)).is_some());
    assert_eq!(source.poll_attempt(at(204)), None);
}

/// E-013, E-026: `retry` counts at once, also within an event that never ends, and permanently.
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
        let mut source = open(Config::event_source(), at(0));
        hear(&mut source, at(0), retry.as_bytes());
        let disconnect = source.handle_end(at(0), End::EndOfBody, EARLIEST);
        assert_eq!(disconnect.next, Next::Wait(expected), "{retry:?}");
        let at = source.poll_timeout().unwrap();
        assert!(source.poll_attempt(at).is_some());
        let disconnect = source.handle_end(at, End::Unreachable, EARLIEST);
        assert_eq!(disconnect.next, Next::Wait(expected), "{retry:?}: it stays");
    }
}

#[test]
fn a_client_may_clamp_or_ignore_the_reconnection_time() {
    let [one, two] = [1_000, 2_000].map(ReconnectionTime::from_ms);
    for (clamp, expected) in [(RetryClamp::new(one, two), secs(2)), (RetryClamp::IGNORE, secs(3))] {
        let mut config = Config::event_source();
        config.retry_clamp = clamp;
        let mut source = open(config, at(0));
        hear(&mut source, at(0), b"retry: 60000\n");
        let disconnect = source.handle_end(at(0), End::EndOfBody, EARLIEST);
        assert_eq!(disconnect.next, Next::Wait(expected), "{clamp:?}");
    }
}

/// A server that answers 200 and hangs up is left alone for longer and longer.
#[test]
fn a_flapping_server_is_backed_off_from() {
    for body in ["", "data: unfinished"] {
        let mut source = source(Config::event_source());
        let mut now = at(0);
        // Nothing has failed yet when the first stream ends in good order.
        let first = if body == "data: unfinished" { 3 } else { 0 };
        let windows = [first, 6, 12, 24, 48, 60, 60];
        for (attempt, window) in windows.into_iter().enumerate() {
            assert_eq!(source.failures(), u32::try_from(attempt).unwrap());
            let number = source.poll_attempt(now).unwrap().number();
            assert_eq!(number, u32::try_from(attempt).unwrap());
            assert_eq!(source.handle_response(now, &status(200), LATEST), ResponseOutcome::Open);
            hear(&mut source, now, body.as_bytes());
            now = now.after(secs(1));
            let disconnect = source.handle_end(now, End::EndOfBody, LATEST);
            assert_eq!(waited(disconnect), secs(3 + window), "attempt {attempt} with {body:?}");
            now = source.poll_timeout().unwrap();
        }
    }
}

/// E-026: nothing failed where a stream that said something, or was open for the reconnection time,
/// ends in good order, as with long polling.
#[test]
fn a_quiet_stream_that_ends_in_order_is_not_a_failure() {
    for (body, open_for, wait) in [
        ("retry: 1000\n: poll\n\n", secs(2), secs(1)),
        (": hello\n", secs(0), secs(3)),
        ("id: 1\n\n", secs(0), secs(3)),
        ("", secs(3), secs(3)),
    ] {
        let mut config = Config::event_source();
        config.policy.max_attempts = 1;
        let mut source = source(config);
        for attempt in 0..5 {
            let now = source.poll_timeout().unwrap();
            assert_eq!(source.poll_attempt(now).unwrap().number(), 0, "{body:?}");
            assert_eq!(source.handle_response(now, &status(200), LATEST), ResponseOutcome::Open);
            hear(&mut source, now, body.as_bytes());
            let disconnect = source.handle_end(now.after(open_for), End::EndOfBody, LATEST);
            assert_eq!(disconnect.next, Next::Wait(wait), "attempt {attempt} with {body:?}");
        }
    }
    // A time that the server set to almost nothing is not a time to live.
    let mut source = open(Config::event_source(), at(0));
    hear(&mut source, at(0), b"retry: 0\n");
    for (attempt, window) in [0, 200, 400, 800].into_iter().enumerate() {
        let now = source.poll_timeout().unwrap_or(at(0));
        if attempt > 0 {
            reopen(&mut source, now);
        }
        let disconnect = source.handle_end(now.after(ms(900)), End::EndOfBody, LATEST);
        assert_eq!(waited(disconnect), ms(100 + window), "attempt {attempt}");
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
        assert_eq!(source.handle_response(now, &status(200), LATEST), ResponseOutcome::Open);
        assert_eq!(source.failures(), 3, "a 200 alone is not a success");
        hear(&mut source, now, body.as_bytes());
        let disconnect = source.handle_end(now.after(open_for), End::Broken, LATEST);
        let (failures, wait, number) = if succeeds { (1, 3, 0) } else { (4, 24, 4) };
        assert_eq!(source.failures(), failures, "{body:?} for {open_for:?}");
        assert_eq!(waited(disconnect), secs(3 + wait), "{body:?} for {open_for:?}");
        let now = source.poll_timeout().unwrap();
        assert_eq!(source.poll_attempt(now).unwrap().number(), number, "{body:?}");
    }
}

/// With data in parts it is the end of the event that counts.
#[test]
fn parts_of_an_event_are_not_a_success_yet() {
    let mut source = EventSource::new(decoder().report_data_chunks(), Config::event_source());
    assert!(source.poll_attempt(at(0)).is_some());
    let _ = source.handle_end(at(0), End::Unreachable, EARLIEST);
    reopen(&mut source, at(3));
    let mut input: &[u8] = b"data: part";
    assert_eq!(source.receive(at(3), &mut input), Some(Item::DataChunk("part")));
    assert_eq!(source.failures(), 1);
    let mut input: &[u8] = b"\n\n";
    assert!(matches!(source.receive(at(3), &mut input), Some(Item::EventEnd(_))));
    assert_eq!(source.failures(), 0);
}

#[test]
fn attempts_that_fail_in_a_row_can_be_limited() {
    let mut config = Config::event_source();
    config.policy.max_attempts = 2;
    let mut source = open(config, at(0));
    assert_eq!(hear(&mut source, at(0), b"data\n\n"), [""]);
    let disconnect = source.handle_end(at(0), End::EndOfBody, EARLIEST);
    assert_eq!(disconnect.next, Next::Wait(secs(3)));
    assert!(source.poll_attempt(at(3)).is_some());
    let disconnect = source.handle_end(at(3), End::Unreachable, EARLIEST);
    assert_eq!(disconnect.next, Next::Wait(secs(3)));
    assert!(source.poll_attempt(at(6)).is_some());
    let disconnect = source.handle_end(at(6), End::Unreachable, EARLIEST);
    assert_eq!(disconnect.reason, DisconnectReason::Unreachable);
    assert_eq!(disconnect.next, Next::GiveUp(GiveUp::AttemptsExhausted));
    assert_closed(&mut source, GiveUp::AttemptsExhausted);
}

/// A comment is a sign of life, and so is any other byte; its absence ends the stream.
#[test]
fn a_silent_stream_is_lost() {
    let mut source = open(Config::client(), at(0));
    let mut now = at(0);
    for byte in b": keep\n\ndata: 1" {
        assert_eq!(source.poll_timeout(), Some(now.after(secs(45))));
        now = now.after(secs(45) - ms(1));
        assert_eq!(source.handle_timeout(now, EARLIEST), None, "not yet");
        hear(&mut source, now, &[*byte]);
    }
    hear(&mut source, now.after(secs(44)), b"");
    assert_eq!(source.poll_timeout(), Some(now.after(secs(45))), "silence is not a sign of life");
    now = now.after(secs(45));
    let disconnect = source.handle_timeout(now, EARLIEST).unwrap();
    assert_eq!(
        disconnect.reason,
        DisconnectReason::Idle(EndOfStream::InsideEvent { dropped_len: 7 })
    );
    assert_eq!(disconnect.next, Next::Wait(secs(3)));
    assert_eq!(source.handle_timeout(now, EARLIEST), None, "told once");
    reopen(&mut source, now.after(secs(3)));
    assert_eq!(
        source.poll_timeout(),
        Some(now.after(secs(48))),
        "the next stream has its own time"
    );
}

#[test]
fn a_response_has_its_time_and_so_has_the_one_after_a_redirect() {
    let mut config = Config::event_source();
    config.response_timeout = secs(10);
    let mut source = source(config);
    assert!(source.poll_attempt(at(5)).is_some());
    assert_eq!(source.poll_timeout(), Some(at(15)));
    assert_eq!(source.handle_timeout(just_before(at(15)), EARLIEST), None);
    let redirect = Response { has_location: true, ..status(307) };
    assert_eq!(source.handle_response(at(14), &redirect, EARLIEST), ResponseOutcome::Redirect);
    assert_eq!(source.poll_timeout(), Some(at(24)));
    let disconnect = source.handle_timeout(at(24), EARLIEST).unwrap();
    let expected =
        Disconnect { reason: DisconnectReason::ResponseTimeout, next: Next::Wait(secs(3)) };
    assert_eq!(disconnect, expected);
    assert_eq!(source.poll_timeout(), Some(at(27)));
}

#[test]
fn never_is_not_a_time() {
    let mut config = Config::client();
    config.response_timeout = Config::NEVER;
    config.idle_timeout = Config::NEVER;
    let mut source = source(config);
    assert!(source.poll_attempt(at(5)).is_some());
    assert_eq!(source.poll_timeout(), None);
    assert_eq!(source.handle_timeout(Timestamp::from_epoch(Duration::MAX), EARLIEST), None);
    assert_eq!(source.handle_response(at(5), &status(200), EARLIEST), ResponseOutcome::Open);
    assert_eq!(source.poll_timeout(), None);
    assert_eq!(source.handle_timeout(Timestamp::from_epoch(Duration::MAX), EARLIEST), None);
}

/// E-026: nothing failed, so nothing is random.
#[test]
fn after_a_clean_end_the_wait_is_exactly_the_reconnection_time() {
    let mut source = open(Config::event_source(), at(0));
    for _ in 0..3 {
        hear(&mut source, at(0), b"retry: 2000\ndata: 1\n\n");
        assert_eq!(source.reconnection_time(), secs(2));
        let disconnect = source.handle_end(at(0), End::EndOfBody, LATEST);
        assert_eq!(disconnect.next, Next::Wait(secs(2)));
        reopen(&mut source, at(2));
    }
    hear(&mut source, at(2), b"data: 1\n\n");
    let disconnect = source.handle_end(at(2), End::Broken, LATEST);
    assert_eq!(waited(disconnect), secs(2 + 2), "spread from the first failure on");
}

#[test]
fn an_attempt_can_be_made_due_at_once() {
    let mut source = source(Config::event_source());
    assert!(source.try_now(at(0)), "the first attempt is waited for");
    assert!(source.poll_attempt(at(0)).is_some());
    assert!(!source.try_now(at(0)), "it is under way");
    let _ = source.handle_end(at(0), End::Unreachable, LATEST);
    assert_eq!(source.poll_attempt(at(1)), None);
    assert!(source.try_now(at(1)));
    assert!(source.poll_attempt(at(1)).is_some());
    assert_eq!(source.failures(), 1, "the back-off stays");
    source.close();
    assert!(!source.try_now(at(1)));
}

#[test]
fn once_means_once() {
    let mut config = Config::client();
    config.reconnect = false;
    let mut refused = source(config);
    assert!(refused.poll_attempt(at(0)).is_some());
    let disconnect = refused.handle_end(at(0), End::Unreachable, EARLIEST);
    assert_eq!(disconnect.next, Next::GiveUp(GiveUp::Once));

    let mut ended = open(config, at(0));
    assert_eq!(hear(&mut ended, at(0), b"data: 1\n\n"), ["1"]);
    let disconnect = ended.handle_end(at(0), End::EndOfBody, EARLIEST);
    let next = Next::GiveUp(GiveUp::Once);
    assert_eq!(disconnect, Disconnect { reason: DisconnectReason::Ended(BETWEEN), next });
    assert_closed(&mut ended, GiveUp::Once);
}

/// The extremes of time stay in range.
#[test]
fn no_time_overflows() {
    let mut config = Config::client();
    config.policy.minimum = Duration::MAX;
    let end_of_time = Timestamp::from_epoch(Duration::MAX);
    let mut source = open(config, end_of_time);
    assert_eq!(source.poll_timeout(), None);
    let disconnect = source.handle_end(end_of_time, End::Broken, LATEST);
    assert_eq!(disconnect.next, Next::Wait(Duration::MAX));
    assert_eq!(source.poll_timeout(), None, "a wait without end");
    assert!(source.poll_attempt(end_of_time).is_some());
    // A clock that goes back.
    assert_eq!(source.handle_response(at(0), &status(200), LATEST), ResponseOutcome::Open);
    hear(&mut source, at(9), b":\n");
    assert_eq!(source.handle_timeout(at(1), LATEST), None);
    assert_eq!(source.handle_end(at(0), End::Broken, LATEST).next, Next::Wait(Duration::MAX));
}
