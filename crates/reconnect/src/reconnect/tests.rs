use std::string::ToString;

use super::*;

const LATEST: u64 = u64::MAX;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn at(time: Duration) -> Timestamp {
    Timestamp::from_epoch(time)
}

/// The wait rounded up to whole seconds, as `u64::MAX` stays a nanosecond below the window.
fn waited(next: Next) -> u64 {
    match next {
        Next::Wait(wait) => (wait + Duration::from_nanos(1)).as_secs(),
        Next::GiveUp(why) => panic!("{why}"),
    }
}

/// W-113, W-114: at most 5 s first, then longer and longer, never longer than the cap.
#[test]
fn waits_grow_from_five_seconds_to_the_cap() {
    let mut reconnect = Reconnect::new(Policy::websocket());
    let waits: [u64; 7] = core::array::from_fn(|_| {
        waited(reconnect.failed(at(secs(0)), Reason::Disconnected, LATEST))
    });
    assert_eq!(waits, [5, 10, 20, 40, 60, 60, 60]);
    assert_eq!(reconnect.failures(), 7);
    assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), Next::Wait(Duration::ZERO));
}

/// W-114: the count of failures saturates, and the wait with it.
#[test]
fn the_last_failure_that_can_be_counted_waits_like_the_one_before() {
    let mut reconnect = Reconnect::new(Policy::websocket());
    reconnect.failures = u32::MAX;
    assert_eq!(waited(reconnect.failed(at(Duration::MAX), Reason::Disconnected, LATEST)), 60);
    assert_eq!(reconnect.failures(), u32::MAX);
    reconnect.set_reconnection_time(Duration::MAX);
    assert_eq!(
        reconnect.failed(at(Duration::MAX), Reason::Disconnected, LATEST),
        Next::Wait(Duration::MAX),
        "a minimum without end saturates"
    );
}

/// A connection that opens is not a success; one that lives or is useful is.
#[test]
fn waits_start_anew_after_a_healthy_time_or_progress() {
    let mut reconnect = Reconnect::new(Policy::websocket());
    for _ in 0..3 {
        let _ = reconnect.failed(at(secs(0)), Reason::Disconnected, 0);
    }
    reconnect.connected(at(secs(100)));
    let short_of_healthy = secs(160) - Duration::from_nanos(1);
    assert_eq!(waited(reconnect.failed(at(short_of_healthy), Reason::Disconnected, LATEST)), 40);
    reconnect.connected(at(secs(200)));
    assert_eq!(waited(reconnect.failed(at(secs(260)), Reason::Disconnected, LATEST)), 5);
    assert_eq!(reconnect.failures(), 1);
    // The health of a connection is not counted twice.
    assert_eq!(waited(reconnect.failed(at(secs(999)), Reason::Disconnected, LATEST)), 10);
    reconnect.connected(at(secs(1000)));
    reconnect.progressed();
    assert_eq!(waited(reconnect.failed(at(secs(1000)), Reason::Disconnected, LATEST)), 5);
}

/// A clock that runs backwards makes no connection healthy.
#[test]
fn a_clock_that_goes_back_is_not_healthy_time() {
    let mut reconnect = Reconnect::new(Policy::websocket());
    let _ = reconnect.failed(at(secs(100)), Reason::Disconnected, 0);
    reconnect.connected(at(secs(100)));
    assert_eq!(waited(reconnect.failed(at(secs(0)), Reason::Disconnected, LATEST)), 10);
}

/// RFC 9110, 10.2.3: a server's own time is obeyed, with little spread, up to the policy's limit.
#[test]
fn a_server_is_asked_again_at_the_time_it_gave() {
    let refused = |seconds| Reason::Refused { status: 503, retry_after: Some(secs(seconds)) };
    for (asked, first, last) in [
        (0, 1000, 1125),
        (1, 1000, 1125),
        (120, 120_000, 135_000),
        (3500, 3_500_000, 3_600_000),
        (3600, 3_600_000, 3_600_000),
        // More than the policy lets a server ask for: nobody waits longer, nor do all come together.
        (99_999, 3_600_000, 3_150_000),
    ] {
        let (first, last) = (Duration::from_millis(first), Duration::from_millis(last));
        let mut reconnect = Reconnect::new(Policy::websocket());
        assert_eq!(reconnect.failed(at(secs(0)), refused(asked), 0), Next::Wait(first));
        let mut reconnect = Reconnect::new(Policy::websocket());
        let Next::Wait(wait) = reconnect.failed(at(secs(0)), refused(asked), LATEST) else {
            panic!("{asked}")
        };
        assert!(wait.abs_diff(last) <= Duration::from_nanos(1), "{asked}: {wait:?}");
        assert!(wait <= Policy::websocket().max_server_wait, "{asked}: {wait:?}");
    }
    let moved = Reason::Refused { status: 502, retry_after: Some(secs(7)) };
    let mut reconnect = Reconnect::new(Policy::websocket());
    assert_eq!(reconnect.failed(at(secs(0)), moved, 0), Next::Wait(secs(7)));
    let mut policy = Policy::websocket();
    policy.max_server_wait = Duration::ZERO;
    let next = Reconnect::new(policy).failed(at(secs(0)), refused(120), 0);
    assert_eq!(next, Next::Wait(secs(5)), "the header is ignored");
}

/// WHATWG HTML, 9.2.3: after a clean end exactly the reconnection time, spread after a failure.
#[test]
fn after_a_clean_end_nothing_is_random() {
    let mut reconnect = Reconnect::new(Policy::event_source());
    for _ in 0..3 {
        reconnect.progressed();
        assert_eq!(reconnect.failed(at(secs(0)), Reason::Ended, LATEST), Next::Wait(secs(3)));
    }
    assert_eq!(waited(reconnect.failed(at(secs(0)), Reason::Disconnected, LATEST)), 3 + 6);
    // A server that answers and ends without an event is left alone for longer and longer.
    assert_eq!(waited(reconnect.failed(at(secs(0)), Reason::Ended, LATEST)), 3 + 12);
}

/// Each count is the number of attempts that fail, however the row of them began.
#[test]
fn as_many_attempts_are_made_as_the_policy_says() {
    let exhausted = Next::GiveUp(GiveUp::AttemptsExhausted);
    for attempts in 1..4 {
        let mut policy = Policy::websocket();
        policy.max_attempts = attempts;
        let mut reconnect = Reconnect::new(policy);
        for _ in 1..attempts {
            let next = reconnect.failed(at(secs(0)), Reason::Disconnected, 0);
            assert!(matches!(next, Next::Wait(_)), "{attempts}");
        }
        assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), exhausted);

        let mut reconnect = Reconnect::new(policy);
        reconnect.progressed();
        for _ in 0..attempts {
            let next = reconnect.failed(at(secs(0)), Reason::Disconnected, 0);
            assert!(matches!(next, Next::Wait(_)), "{attempts} after a success");
        }
        assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), exhausted);
    }
}

#[test]
fn a_caller_may_try_again_against_the_advice() {
    let mut reconnect = Reconnect::new(Policy::websocket());
    let gone = Reason::Refused { status: 404, retry_after: Some(secs(7)) };
    assert_eq!(reconnect.retry(at(secs(0)), gone, 0), Next::Wait(secs(7)));
    assert_eq!(reconnect.failed(at(secs(0)), gone, 0), Next::GiveUp(GiveUp::Forbidden));
}

/// 1012 and 1013, and the statuses that say the same, are never followed at once.
#[test]
fn a_busy_server_is_left_alone_for_a_while() {
    let refused = |status| Reason::Refused { status, retry_after: None };
    for reason in [Reason::Closed(1012), Reason::Closed(1013), refused(429), refused(503)] {
        let mut reconnect = Reconnect::new(Policy::websocket());
        assert_eq!(reconnect.failed(at(secs(0)), reason, 0), Next::Wait(secs(5)), "{reason:?}");
        let mut reconnect = Reconnect::new(Policy::websocket());
        assert_eq!(waited(reconnect.failed(at(secs(0)), reason, LATEST)), 30, "{reason:?}");
        reconnect.failures = 9;
        assert_eq!(waited(reconnect.failed(at(secs(0)), reason, LATEST)), 65, "{reason:?}");
    }
}

#[test]
fn giving_up_says_why() {
    let mut policy = Policy::websocket();
    policy.max_attempts = 2;
    let mut reconnect = Reconnect::new(policy);
    assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), Next::Wait(secs(0)));
    let exhausted = Next::GiveUp(GiveUp::AttemptsExhausted);
    assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), exhausted);
    assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), exhausted);
    reconnect.progressed();
    assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), Next::Wait(secs(0)));
    for reason in [Reason::Closed(1008), Reason::Refused { status: 404, retry_after: None }] {
        assert_eq!(reconnect.failed(at(secs(0)), reason, 0), Next::GiveUp(GiveUp::Forbidden));
    }
}

#[test]
fn the_end_of_all_attempts_is_told_in_words() {
    for (why, text) in [
        (GiveUp::Forbidden, "the server does not want another attempt"),
        (GiveUp::AttemptsExhausted, "as many attempts as allowed have failed in a row"),
    ] {
        assert_eq!(why.to_string(), text);
    }
}

#[test]
fn no_attempt_at_all_is_a_policy_too() {
    let mut policy = Policy::websocket();
    policy.max_attempts = 0;
    let exhausted = Next::GiveUp(GiveUp::AttemptsExhausted);
    assert_eq!(Reconnect::new(policy).failed(at(secs(0)), Reason::Disconnected, 0), exhausted);
}

/// WHATWG HTML, 9.2.3: at least the reconnection time, and some more after failures.
#[test]
fn an_event_source_waits_for_its_reconnection_time() {
    let mut reconnect = Reconnect::new(Policy::event_source());
    assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), Next::Wait(secs(3)));
    reconnect.set_reconnection_time(Duration::from_millis(500));
    reconnect.progressed();
    let half = Next::Wait(Duration::from_millis(500));
    assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), half);
    assert_eq!(reconnect.failed(at(secs(0)), Reason::Disconnected, 0), half);
    assert_eq!(
        reconnect.failed(at(secs(0)), Reason::Disconnected, 1 << 63),
        Next::Wait(Duration::from_millis(500 + 1000)),
        "half of 500 ms * 2^2"
    );
}
