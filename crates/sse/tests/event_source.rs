//! The rules of WHATWG HTML 9.2.2 and 9.2.3 for responses, IDs and closing, and the additions of
//! this client.

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
    BETWEEN, EARLIEST, ENDS, LATEST, Source, assert_closed, at, decoder, hear, ms, next_header,
    open, reopen, secs, source, status,
};
use tidings_sse::event_source::{
    Config, Disconnect, DisconnectReason, End, EventSource, GiveUp, Next, ReadyState, Repeat,
    Response, ResponseOutcome,
};
use tidings_sse::{Decoder, EndOfStream, EventId, FixedStorage, Item, RetryClamp, Timestamp};

/// E-020, E-028: data after the event that made the client close is not dispatched, though it came
/// in the same read.
#[test]
fn nothing_is_dispatched_once_closed() {
    let mut source = open(Config::event_source(), at(0));
    let mut input: &[u8] = b"data: one\n\nid: 2\ndata: two\n\ndata: three\n\n";
    let Some(Item::Event(event)) = source.receive(at(0), &mut input) else { panic!() };
    assert_eq!(event.data, "one");
    assert_eq!(source.close(), BETWEEN);
    assert_eq!(source.receive(at(0), &mut input), None);
    assert_eq!(input, b"", "the rest is consumed");
    assert_eq!(source.last_event_id(), "");
    assert_closed(&mut source, GiveUp::Closed);
}

/// E-020: nor is data that arrives late from a lost connection.
#[test]
fn nothing_is_dispatched_from_a_lost_connection() {
    let mut source = open(Config::event_source(), at(0));
    assert_eq!(hear(&mut source, at(0), b"data: one\n\ndata: t"), ["one"]);
    let _ = source.handle_end(at(0), End::Broken, EARLIEST);
    assert_eq!(hear(&mut source, at(1), b"wo\n\ndata: three\n\n"), [""; 0]);
    assert!(source.poll_attempt(at(3)).is_some());
    assert_eq!(hear(&mut source, at(3), b"data: four\n\n"), [""; 0], "there is no response yet");
    assert_eq!(source.handle_response(at(3), &status(200), EARLIEST), ResponseOutcome::Open);
    assert_eq!(hear(&mut source, at(3), b"data: five\n\n"), ["five"]);
}

/// E-023: every status but 200 fails the connection permanently; 204 is how a server stops a
/// client.
#[test]
fn any_status_but_200_fails_the_connection() {
    for number in (0..=999).filter(|number| *number != 200) {
        for retry_after in [None, Some(secs(1))] {
            let mut source = source(Config::event_source());
            assert!(source.poll_attempt(at(0)).is_some());
            let response = Response { retry_after, ..status(number) };
            let expected = Disconnect {
                reason: DisconnectReason::Status(number),
                next: Next::GiveUp(GiveUp::Failed),
            };
            let outcome = source.handle_response(at(0), &response, EARLIEST);
            assert_eq!(outcome, ResponseOutcome::Disconnect(expected), "{number}");
            assert_closed(&mut source, GiveUp::Failed);
        }
    }
}

/// E-023: after a stream that worked, too.
#[test]
fn a_204_ends_a_stream_that_worked() {
    let mut source = open(Config::client(), at(0));
    assert_eq!(hear(&mut source, at(0), b"id: 9\ndata: last\n\n"), ["last"]);
    let disconnect = source.handle_end(at(0), End::EndOfBody, EARLIEST);
    assert_eq!(disconnect.reason, DisconnectReason::Ended(BETWEEN));
    assert_eq!(next_header(&mut source).as_deref(), Some(&b"9"[..]));
    let ResponseOutcome::Disconnect(disconnect) =
        source.handle_response(at(3), &status(204), EARLIEST)
    else {
        panic!()
    };
    assert_eq!(disconnect.next, Next::GiveUp(GiveUp::Failed));
    assert_closed(&mut source, GiveUp::Failed);
    assert_eq!(source.last_event_id(), "9");
}

/// E-023: those that say "not now" are tried again if that is asked for, all others are not.
#[test]
fn statuses_that_say_not_now_can_be_tried_again() {
    for number in (0..=999).filter(|number| *number != 200) {
        let mut source = source(Config::client());
        assert!(source.poll_attempt(at(0)).is_some());
        let ResponseOutcome::Disconnect(disconnect) =
            source.handle_response(at(0), &status(number), EARLIEST)
        else {
            panic!("{number}")
        };
        assert_eq!(disconnect.reason, DisconnectReason::Status(number));
        let expected = match number {
            429 | 503 => Next::Wait(secs(5)), // a busy server
            408 | 425 | 500..=599 => Next::Wait(secs(3)),
            _ => Next::GiveUp(GiveUp::Failed),
        };
        assert_eq!(disconnect.next, expected, "{number}");
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
        (Some("text/event-stream, text/event-stream"), true),
        (Some("text/plain"), false),
        (Some("x bogus"), false),
        (Some("text/x-bogus"), false),
        (Some(""), false),
        (None, false),
    ] {
        for config in [Config::event_source(), Config::client()] {
            let mut source = source(config);
            assert!(source.poll_attempt(at(0)).is_some());
            let content_type = content_type.map(str::as_bytes);
            let response = Response { content_type, ..status(200) };
            let outcome = source.handle_response(at(0), &response, EARLIEST);
            if opens {
                assert_eq!(outcome, ResponseOutcome::Open, "{response:?}");
                assert_eq!(source.ready_state(), ReadyState::Open);
            } else {
                let next = Next::GiveUp(GiveUp::Failed);
                let disconnect = Disconnect { reason: DisconnectReason::ContentType, next };
                assert_eq!(outcome, ResponseOutcome::Disconnect(disconnect), "{response:?}");
                assert_closed(&mut source, GiveUp::Failed);
            }
        }
    }
}

/// A decoder that has read a stream before keeps its state, and drops the event that it has begun.
#[test]
fn a_decoder_brings_its_reconnection_time_and_last_event_id() {
    let mut decoder = decoder();
    let mut input: &[u8] = b"id: 7\nretry: 700\n\ndata: cut";
    while decoder.decode(&mut input).is_some() {}
    let mut source = EventSource::new(decoder, Config::event_source());
    assert_eq!(next_header(&mut source).as_deref(), Some(&b"7"[..]));
    assert_eq!(source.handle_response(at(0), &status(200), EARLIEST), ResponseOutcome::Open);
    assert_eq!(hear(&mut source, at(0), b" off\n\ndata: new\n\n"), ["new"]);
    assert_eq!(source.handle_end(at(0), End::EndOfBody, EARLIEST).next, Next::Wait(ms(700)));
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
        // A value that a header cannot carry unchanged is not sent.
        ("id:  a\n\n", " a", None),
        ("id: a \n\n", "a ", None),
        ("id: a\u{1}b\n\n", "a\u{1}b", None),
        ("id: 1\n\nid: a\0b\ndata\n\n", "1", Some("1")),
        ("\u{FEFF}id: 1\n\n", "1", Some("1")),
    ];
    for (stream, id, header) in cases {
        let mut source = open(Config::event_source(), at(0));
        hear(&mut source, at(0), stream.as_bytes());
        assert_eq!(source.last_event_id(), id, "{stream:?}");
        let _ = source.handle_end(at(0), End::Broken, EARLIEST);
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
        assert_eq!(source.handle_response(now, &status(200), EARLIEST), ResponseOutcome::Open);
        hear(&mut source, now, body.as_bytes());
        let _ = source.handle_end(now, End::Broken, EARLIEST);
        assert_eq!(source.last_event_id(), "start", "after {body:?}");
        // Attempts without a stream.
        assert_eq!(next_header(&mut source).as_deref(), Some(&b"start"[..]));
        let ResponseOutcome::Disconnect(_) = source.handle_response(now, &status(503), EARLIEST)
        else {
            panic!()
        };
    }
    source.close();
    assert_eq!(source.last_event_id(), "start");
    let too_long = "x".repeat(65);
    assert!(source.set_last_event_id(EventId::new(&too_long).unwrap()).is_err());
    assert_eq!(source.last_event_id(), "start");
}

/// E-029: the defaults of a source, and the improvements of a program over a browser.
#[test]
fn the_defaults_are_those_of_the_standard() {
    let standard = Config::event_source();
    assert_eq!(Config::default(), standard);
    assert_eq!((standard.policy.base, standard.policy.minimum), (secs(3), secs(3)));
    assert_eq!(standard.policy.max_attempts, u32::MAX);
    assert_eq!(standard.retry_clamp, RetryClamp::DEFAULT);
    assert_eq!(standard.response_timeout, secs(30));
    assert_eq!(standard.idle_timeout, Config::NEVER);
    assert_eq!(standard.max_redirects, 20);
    assert!(!standard.retry_statuses && standard.reconnect && standard.repeat == Repeat::Always);

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
    assert!(requesting.poll_attempt(at(0)).is_some());
    assert_eq!(requesting.close(), BETWEEN);
    assert_closed(&mut requesting, GiveUp::Closed);

    let mut within_an_event = open(Config::client(), at(0));
    hear(&mut within_an_event, at(0), b"id: 1\ndata: 1\n\nid: 2\ndata");
    assert_eq!(within_an_event.close(), EndOfStream::InsideEvent { dropped_len: 10 });
    assert_eq!(within_an_event.last_event_id(), "1");
    assert_closed(&mut within_an_event, GiveUp::Closed);

    let mut waiting_again = open(Config::client(), at(0));
    let _ = waiting_again.handle_end(at(0), End::Broken, EARLIEST);
    assert_eq!(waiting_again.close(), BETWEEN);
    assert_closed(&mut waiting_again, GiveUp::Closed);
}

/// E-022: as many redirects as allowed, in each attempt; those without `Location` lead nowhere.
#[test]
fn redirects_are_followed_and_counted() {
    for number in [301, 302, 303, 307, 308] {
        for max_redirects in [0, 1, 20] {
            let mut config = Config::event_source();
            config.max_redirects = max_redirects;
            let mut source = source(config);
            let redirect = Response { has_location: true, content_type: None, ..status(number) };
            for round in 0..2 {
                let now = source.poll_timeout().unwrap();
                assert!(source.poll_attempt(now).is_some());
                for _ in 0..max_redirects {
                    let outcome = source.handle_response(now, &redirect, EARLIEST);
                    assert_eq!(outcome, ResponseOutcome::Redirect);
                    assert_eq!(source.ready_state(), ReadyState::Connecting);
                    assert_eq!(source.poll_attempt(now), None, "it is the same attempt");
                }
                if round == 0 {
                    let disconnect = source.handle_end(now, End::Unreachable, EARLIEST);
                    assert_eq!(disconnect.next, Next::Wait(secs(3)));
                } else {
                    let next = Next::GiveUp(GiveUp::Failed);
                    let disconnect =
                        Disconnect { reason: DisconnectReason::TooManyRedirects, next };
                    let outcome = source.handle_response(now, &redirect, EARLIEST);
                    assert_eq!(outcome, ResponseOutcome::Disconnect(disconnect));
                    assert_closed(&mut source, GiveUp::Failed);
                }
            }
        }
    }
    for number in [300, 304, 305, 306, 309] {
        let mut source = source(Config::event_source());
        assert!(source.poll_attempt(at(0)).is_some());
        let response = Response { has_location: true, ..status(number) };
        let ResponseOutcome::Disconnect(disconnect) =
            source.handle_response(at(0), &response, EARLIEST)
        else {
            panic!("{number} is not a redirect to follow")
        };
        assert_eq!(disconnect.reason, DisconnectReason::Status(number));
    }
}

/// Reports out of turn change nothing.
#[test]
fn reports_out_of_turn_are_harmless() {
    let nothing = |next| Disconnect { reason: DisconnectReason::NoAttempt, next };
    let mut source = source(Config::client());
    let early = nothing(Next::Wait(secs(0)));
    assert_eq!(
        source.handle_response(at(0), &status(404), LATEST),
        ResponseOutcome::Disconnect(early)
    );
    for end in ENDS {
        assert_eq!(source.handle_end(at(0), end, LATEST), early);
    }
    assert_eq!(hear(&mut source, at(0), b"id: 1\ndata: 1\n\n"), [""; 0]);
    assert_eq!(source.failures(), 0);

    reopen(&mut source, at(0));
    assert_eq!(source.handle_response(at(0), &status(404), LATEST), ResponseOutcome::Open);
    assert_eq!(source.poll_attempt(Timestamp::from_epoch(Duration::MAX)), None);
    assert_eq!(hear(&mut source, at(0), b"data: 1\n\n"), ["1"]);

    let _ = source.handle_end(at(10), End::EndOfBody, EARLIEST);
    let rest = nothing(Next::Wait(secs(2)));
    for end in ENDS {
        assert_eq!(source.handle_end(at(11), end, LATEST), rest);
    }
    assert_eq!(
        source.handle_response(at(11), &status(200), LATEST),
        ResponseOutcome::Disconnect(rest)
    );
    assert_eq!(source.failures(), 1);
    assert_eq!(source.poll_timeout(), Some(at(13)));
}

#[test]
fn a_loss_says_in_words_why_and_what_is_next() {
    let cut = EndOfStream::InsideEvent { dropped_len: 11 };
    for (reason, text, end) in [
        (DisconnectReason::Unreachable, "there was no response", None),
        (DisconnectReason::ResponseTimeout, "the response did not come in time", None),
        (DisconnectReason::Status(404), "the server answered 404; an event stream needs 200", None),
        (DisconnectReason::Status(204), "the server answered 204: there are no more events", None),
        (DisconnectReason::ContentType, "the response's media type is not text/event-stream", None),
        (
            DisconnectReason::TooManyRedirects,
            "there were more redirects than one attempt may follow",
            None,
        ),
        (DisconnectReason::Unusable, "the request cannot lead to an event stream", None),
        (DisconnectReason::Ended(BETWEEN), "the event stream ended", Some(BETWEEN)),
        (DisconnectReason::Broken(cut), "the connection broke, 11 bytes into an event", Some(cut)),
        (
            DisconnectReason::Idle(cut),
            "the server was silent for too long, 11 bytes into an event",
            Some(cut),
        ),
        (DisconnectReason::NoAttempt, "no attempt was under way", None),
    ] {
        assert_eq!(reason.to_string(), text);
        assert_eq!(reason.end_of_stream(), end, "{text}");
        let again = Disconnect { reason, next: Next::Wait(ms(3_240)) };
        assert_eq!(again.to_string(), format!("{text}; trying again in 3.2s"));
        for (why, final_words) in [
            (GiveUp::Failed, "another attempt would fail as well"),
            (GiveUp::AttemptsExhausted, "as many attempts as allowed have failed in a row"),
            (GiveUp::NotRepeatable, "the request must not be made twice"),
            (GiveUp::Once, "reconnecting is turned off"),
            (GiveUp::Closed, "the event source was closed"),
        ] {
            let disconnect = Disconnect { reason, next: Next::GiveUp(why) };
            assert_eq!(disconnect.to_string(), format!("{text}; giving up: {final_words}"));
        }
    }
}

#[test]
fn a_204_and_an_end_between_events_are_not_failures() {
    assert!(DisconnectReason::Status(204).is_clean_end());
    assert!(DisconnectReason::Ended(BETWEEN).is_clean_end());
    let inside = EndOfStream::InsideEvent { dropped_len: 1 };
    for failure in [
        DisconnectReason::Status(200),
        DisconnectReason::Status(500),
        DisconnectReason::ContentType,
        DisconnectReason::Unreachable,
        DisconnectReason::Ended(inside),
        DisconnectReason::Broken(BETWEEN),
        DisconnectReason::Idle(inside),
    ] {
        assert!(!failure.is_clean_end(), "{failure:?}");
    }
}

/// The `Debug` output for a log shows the state of the source, and none of the data.
#[test]
fn a_source_is_printed_without_its_data() {
    let mut source = open(Config::event_source(), at(0));
    assert_eq!(hear(&mut source, at(9), b"id: 7\n\ndata: secret"), [""; 0]);
    let printed = format!("{source:?}");
    for part in ["EventSource", "heard: 9s", "failures: 0", "last_event_id: \"7\""] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    assert!(!printed.contains("secret") && !printed.contains("115, 101, 99"), "{printed}");
}

/// Besides its decoder, a source is a few hundred bytes: mostly the policy.
#[test]
fn a_source_is_small() {
    let decoder = size_of::<Decoder<FixedStorage<'static>>>();
    let source = size_of::<Source>();
    assert!(source - decoder <= 400, "{source} with a decoder of {decoder}");
    #[cfg(feature = "alloc")]
    assert!(size_of::<EventSource<tidings_sse::GrowableStorage>>() <= 768);
}
