//! The requests that an EventSource repeats, and how.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod event_source_scene;

use event_source_scene::{EARLIEST, Source, assert_closed, at, hear, open, secs, source, status};
use tidings_sse::event_source::{
    Config, Disconnect, DisconnectReason, End, GiveUp, Next, Repeat, Response, ResponseOutcome,
};

/// A POST is not made twice, however its attempt ended.
#[test]
fn a_request_that_must_not_be_repeated_is_not() {
    let mut config = Config::client();
    config.repeat = Repeat::Never;
    let expected = Next::GiveUp(GiveUp::NotRepeatable);

    for end in [End::Unreachable, End::Unprocessed, End::EndOfBody, End::Broken] {
        let mut unanswered = source(config);
        assert!(unanswered.poll_attempt(at(0)).is_some());
        assert_eq!(unanswered.handle_end(at(0), end, EARLIEST).next, expected);
        assert_closed(&mut unanswered, GiveUp::NotRepeatable);

        let mut answered = open(config, at(0));
        assert_eq!(hear(&mut answered, at(0), b"id: 1\ndata: 1\n\n"), ["1"]);
        assert_eq!(answered.handle_end(at(0), end, EARLIEST).next, expected);
        assert_closed(&mut answered, GiveUp::NotRepeatable);
    }

    let mut silent = source(config);
    assert!(silent.poll_attempt(at(0)).is_some());
    assert_eq!(silent.handle_timeout(at(30), EARLIEST).unwrap().next, expected);

    for (number, expected) in
        [(503, GiveUp::NotRepeatable), (404, GiveUp::Failed), (204, GiveUp::Failed)]
    {
        let mut source = source(config);
        assert!(source.poll_attempt(at(0)).is_some());
        let ResponseOutcome::Disconnect(disconnect) =
            source.handle_response(at(0), &status(number), EARLIEST)
        else {
            panic!("{number}")
        };
        assert_eq!(disconnect.next, Next::GiveUp(expected), "{number}");
    }
}

/// Returns whether there is another attempt after this, for each policy.
fn repeats(repeat: Repeat, end: &dyn Fn(&mut Source) -> Disconnect) -> bool {
    let mut config = Config::client();
    config.repeat = repeat;
    let mut source = source(config);
    assert!(source.poll_attempt(at(0)).is_some());
    match end(&mut source).next {
        Next::Wait(_) => true,
        Next::GiveUp(why) => {
            assert_eq!(why, GiveUp::NotRepeatable, "{repeat:?}");
            false
        }
    }
}

fn answered(source: &mut Source, response: &Response<'_>) -> Disconnect {
    match source.handle_response(at(0), response, EARLIEST) {
        ResponseOutcome::Disconnect(disconnect) => disconnect,
        outcome => panic!("{outcome:?}"),
    }
}

/// RFC 9110, 9.2.2: a request that is not idempotent is repeated only if it was certainly not
/// processed, or if the caller knows that it is safe; and a completed one is not repeated.
#[test]
fn a_request_is_repeated_as_far_as_its_policy_goes() {
    use Repeat::{Always, Never, Unprocessed, UntilEnd, UntilOpen};
    let ended = |body: &'static str, end| {
        move |source: &mut Source| {
            assert_eq!(
                source.handle_response(at(0), &status(200), EARLIEST),
                ResponseOutcome::Open
            );
            hear(source, at(0), body.as_bytes());
            source.handle_end(at(0), end, EARLIEST)
        }
    };
    let before = |end| move |source: &mut Source| source.handle_end(at(0), end, EARLIEST);
    type Ending<'a> = &'a dyn Fn(&mut Source) -> Disconnect;
    let cases: [(&str, Ending<'_>, &[Repeat]); 8] = [
        ("refused unseen", &before(End::Unprocessed), &[Unprocessed, UntilOpen, UntilEnd, Always]),
        ("no response", &before(End::Unreachable), &[UntilOpen, UntilEnd, Always]),
        (
            "429 with a time",
            &|source| answered(source, &Response { retry_after: Some(secs(1)), ..status(429) }),
            &[Unprocessed, UntilOpen, UntilEnd, Always],
        ),
        (
            "503 without a time",
            &|source| answered(source, &status(503)),
            &[UntilOpen, UntilEnd, Always],
        ),
        (
            "502 with a time",
            &|source| answered(source, &Response { retry_after: Some(secs(1)), ..status(502) }),
            &[UntilOpen, UntilEnd, Always],
        ),
        ("a stream that broke", &ended("data: 1\n\n", End::Broken), &[UntilEnd, Always]),
        ("an end inside an event", &ended("data: 1", End::EndOfBody), &[UntilEnd, Always]),
        ("a clean end", &ended("data: 1\n\n", End::EndOfBody), &[Always]),
    ];
    for (what, end, expected) in cases {
        for repeat in [Never, Unprocessed, UntilOpen, UntilEnd, Always] {
            assert_eq!(repeats(repeat, end), expected.contains(&repeat), "{what}, {repeat:?}");
        }
    }
}

/// A caller that repeats unprocessed requests need not know the statuses that say so.
#[test]
fn a_time_that_the_server_sets_is_enough_to_repeat_what_it_did_not_process() {
    for (repeat, number, retry_after, again) in [
        (Repeat::Unprocessed, 429, Some(secs(1)), true),
        (Repeat::Unprocessed, 503, Some(secs(1)), true),
        (Repeat::UntilOpen, 503, Some(secs(1)), true),
        (Repeat::UntilEnd, 503, Some(secs(1)), true),
        (Repeat::Unprocessed, 503, None, false),
        (Repeat::Unprocessed, 502, Some(secs(1)), false),
        // As the standard has it.
        (Repeat::Always, 503, Some(secs(1)), false),
        (Repeat::Never, 503, Some(secs(1)), false),
    ] {
        let mut config = Config::event_source();
        config.repeat = repeat;
        let mut source = source(config);
        assert!(source.poll_attempt(at(0)).is_some());
        let disconnect = answered(&mut source, &Response { retry_after, ..status(number) });
        let is_again = matches!(disconnect.next, Next::Wait(_));
        assert_eq!(is_again, again, "{repeat:?}, {number}, {retry_after:?}");
    }
}

#[test]
fn a_stream_is_resumed_by_get_once_it_was_open_and_gave_an_id() {
    let mut config = Config::event_source();
    config.repeat = Repeat::UntilOpen;
    config.resume_by_get = true;
    let mut source = source(config);
    assert!(!source.poll_attempt(at(0)).unwrap().resumes_by_get());
    let _ = source.handle_end(at(0), End::Unreachable, EARLIEST);
    assert!(!source.poll_attempt(at(3)).unwrap().resumes_by_get(), "nothing was open");
    assert_eq!(source.handle_response(at(3), &status(200), EARLIEST), ResponseOutcome::Open);
    hear(&mut source, at(3), b"id: 7\ndata: 1\n\n");
    let disconnect = source.handle_end(at(3), End::EndOfBody, EARLIEST);
    assert_eq!(disconnect.next, Next::Wait(secs(3)), "what a GET does, it may do twice");
    let attempt = source.poll_attempt(at(6)).unwrap();
    assert!(attempt.resumes_by_get());
    assert_eq!(attempt.last_event_id(), Some(&b"7"[..]));

    let mut without_id = open(config, at(0));
    hear(&mut without_id, at(0), b"data: 1\n\n");
    let disconnect = without_id.handle_end(at(0), End::Broken, EARLIEST);
    assert_eq!(disconnect.next, Next::GiveUp(GiveUp::NotRepeatable));
}

#[test]
fn the_client_decides_about_answers_if_it_wants_to() {
    for (number, retry, again) in [
        (404, Some(true), true),
        (204, Some(true), true),
        (503, Some(false), false),
        (503, None, true),
        (404, None, false),
    ] {
        let mut source = source(Config::client());
        assert!(source.poll_attempt(at(0)).is_some());
        let disconnect = answered(&mut source, &Response { retry, ..status(number) });
        assert_eq!(matches!(disconnect.next, Next::Wait(_)), again, "{number}, {retry:?}");
    }
    let mut source = source(Config::event_source());
    assert!(source.poll_attempt(at(0)).is_some());
    let maintenance =
        Response { content_type: Some(b"text/html"), retry: Some(true), ..status(200) };
    let disconnect = answered(&mut source, &maintenance);
    assert_eq!(disconnect.reason, DisconnectReason::ContentType);
    assert!(matches!(disconnect.next, Next::Wait(_)));
}
