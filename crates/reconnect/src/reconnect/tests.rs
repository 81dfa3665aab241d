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

/// A connection that opens is no success; one that lives or is of use is.
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

/// F-10: a clock that runs backwards makes no connection healthy.
#[test]
fn a_clock_that_goes_back_is_no_healthy_time() {
    let mut reconnect = Reconnect::new(Policy::websocket());
    let _ = reconnect.failed(at(secs(100)), Reason::Disconnected, 0);
    reconnect.connected(at(secs(100)));
    assert_eq!(waited(reconnect.failed(at(secs(0)), Reason::Disconnected, LATEST)), 10);
}

/// `Retry-After` is a minimum, up to what the policy lets a server ask for.
#[test]
fn a_server_is_not_asked_before_the_time_it_gave() {
    let refused = |seconds| Reason::Refused { status: 503, retry_after: Some(secs(seconds)) };
    for (asked, first, last) in
        [(0, 5, 30), (120, 120, 145), (3600, 3600, 3625), (9999, 3600, 3625)]
    {
        let mut reconnect = Reconnect::new(Policy::websocket());
        assert_eq!(reconnect.failed(at(secs(0)), refused(asked), 0), Next::Wait(secs(first)));
        let mut reconnect = Reconnect::new(Policy::websocket());
        assert_eq!(waited(reconnect.failed(at(secs(0)), refused(asked), LATEST)), last);
    }
    let moved = Reason::Refused { status: 502, retry_after: Some(secs(7)) };
    let mut reconnect = Reconnect::new(Policy::websocket());
    assert_eq!(reconnect.failed(at(secs(0)), moved, 0), Next::Wait(secs(7)));
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
