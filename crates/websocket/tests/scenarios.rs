//! The exchanges of two connections: RFC 6455, sections 5 to 7, as a table. Each row runs with side
//! A as client and as server, whole, in small chunks and split at every byte; an independent reader
//! checks every byte that either side writes (W-059 to W-061, W-063 to W-068, W-073, W-082 to
//! W-086, W-099, W-115).

use std::time::Duration;

use proptest::prelude::*;
use tidings_testkit::Side::{A, B};
use tidings_testkit::{Ending, Random, Scenario, Step, for_seeds, steps};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The lengths at which a header changes its form, and a character of each length.
fn messages() -> Vec<Scenario> {
    let binary = |len| Step::binary(A, &vec![0xA5; len]);
    vec![
        Scenario::new("nothing is said", [], Ending::Open),
        Scenario::new("5.6: an empty text is a message", [Step::text(A, "")], Ending::Open),
        Scenario::new("5.6: an empty binary is a message", [Step::binary(A, b"")], Ending::Open),
        Scenario::new("5.6: text arrives as text", [Step::text(A, "Hello")], Ending::Open),
        Scenario::new(
            "5.6: binary that is text arrives as binary",
            [Step::binary(A, b"Hello")],
            Ending::Open,
        ),
        Scenario::new(
            "8.1: characters of one to four bytes",
            [Step::text(A, "aé漢😀\0\u{10FFFF}")],
            Ending::Open,
        ),
        Scenario::new("5.2: 125 bytes have a short header", [binary(125)], Ending::Open),
        Scenario::new(
            "5.2: 126 bytes have a header with 16 bits of length",
            [binary(126)],
            Ending::Open,
        ),
        Scenario::new(
            "6.2: messages arrive in order, both ways",
            [
                Step::text(A, "one"),
                Step::text(B, "two"),
                Step::text(A, "three"),
                Step::Settle,
                Step::binary(B, b"four"),
                Step::binary(B, b""),
                Step::text(B, "six"),
            ],
            Ending::Open,
        ),
    ]
}

fn fragments() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "5.4: a message in fragments",
            [Step::text_more(A, "Hel"), Step::text_more(A, "lo"), Step::text(A, "!")],
            Ending::Open,
        ),
        Scenario::new(
            "5.4: empty fragments first, between and last",
            [
                Step::binary_more(A, b""),
                Step::binary_more(A, b"a"),
                Step::binary_more(A, b""),
                Step::binary_more(A, b"b"),
                Step::binary(A, b""),
                Step::text_more(A, ""),
                Step::text(A, ""),
                Step::text(A, "next"),
            ],
            Ending::Open,
        ),
        Scenario::new(
            "5.4: control frames between fragments are handled at once",
            [
                Step::text_more(A, "frag"),
                Step::ping(A, b"now"),
                Step::Settle,
                Step::pong(A, b"beat"),
                Step::text_more(A, "ment"),
                Step::Settle,
                Step::ping(B, b"you?"),
                Step::Settle,
                Step::text(A, "ed"),
            ],
            Ending::Open,
        ),
        Scenario::new(
            "5.4: both sides send fragments at once",
            [
                Step::text_more(A, "a1"),
                Step::binary_more(B, b"b1"),
                Step::Settle,
                Step::text(A, "a2"),
                Step::binary(B, b"b2"),
            ],
            Ending::Open,
        ),
        Scenario::new(
            "5.4: a message of the other type is refused until the open one ends",
            [
                Step::text_more(A, "text"),
                Step::binary(A, b"refused"),
                Step::text(A, "end"),
                Step::binary(A, b"taken"),
            ],
            Ending::Open,
        ),
    ]
}

fn pings() -> Vec<Scenario> {
    vec![
        Scenario::new("5.5.2: an empty ping is answered", [Step::ping(A, b"")], Ending::Open),
        Scenario::new(
            "5.5.3: a pong has all 125 bytes of its ping",
            [Step::ping(A, &[7; 125])],
            Ending::Open,
        ),
        Scenario::new(
            "5.5.3: an unasked pong is not answered",
            [Step::pong(A, b"beat")],
            Ending::Open,
        ),
        Scenario::new(
            "5.5.3: the last of several pings is answered",
            [Step::ping(A, b"1"), Step::ping(A, b"2"), Step::ping(A, b"3")],
            Ending::Open,
        ),
        Scenario::new(
            "5.5.2: both sides ping at once",
            [Step::ping(A, b"a"), Step::ping(B, b"b"), Step::text(A, "after")],
            Ending::Open,
        ),
        Scenario::new(
            "5.5.2: a ping before a close is answered before it",
            [Step::ping(A, b"?"), Step::close(A, 1000, "")],
            Ending::Clean(1000, 1000),
        ),
        Scenario::new(
            "the connection pings by itself and lives on answers alone",
            [Step::Advance(secs(120)), Step::text(A, "still here")],
            Ending::Open,
        ),
        Scenario::new(
            "a suspended host asks once more and hears the answer",
            [
                Step::Advance(secs(10)),
                Step::Leap(secs(3600)),
                Step::Settle,
                Step::Advance(secs(60)),
            ],
            Ending::Open,
        ),
    ]
}

fn closes() -> Vec<Scenario> {
    let long = "é".repeat(100);
    vec![
        Scenario::new(
            "7.1.5: a close without a code is 1005",
            [Step::Close(A, None)],
            Ending::Clean(1005, 1005),
        ),
        Scenario::new(
            "5.5.1: a code is echoed",
            [Step::close(A, 1001, "")],
            Ending::Clean(1001, 1001),
        ),
        Scenario::new(
            "7.1.6: a reason arrives",
            [Step::close(A, 4000, "grün")],
            Ending::Clean(4000, 4000),
        ),
        Scenario::new(
            "5.5.1: a long reason is cut between characters",
            [Step::close(A, 1000, &long)],
            Ending::Clean(1000, 1000),
        ),
        Scenario::new(
            "5.5.1: both close at once, each hears the other",
            [Step::close(A, 1000, "a"), Step::close(B, 1001, "b")],
            Ending::Clean(1001, 1000),
        ),
        Scenario::new(
            "5.5.1: what was sent before a close arrives before it",
            [Step::text(A, "first"), Step::binary(A, b"second"), Step::close(A, 1000, "")],
            Ending::Clean(1000, 1000),
        ),
        Scenario::new(
            "5.5.1: what the peer sent before it saw the close arrives",
            [
                Step::close(A, 1000, ""),
                Step::text(B, "crossed"),
                Step::ping(B, b"late"),
                Step::text(A, "refused"),
            ],
            Ending::Clean(1000, 1000),
        ),
        Scenario::new(
            "6.1: a close ends a message that was not finished",
            [
                Step::text_more(A, "never to be "),
                Step::close(A, 1000, ""),
                Step::text(A, "continued"),
            ],
            Ending::Clean(1000, 1000),
        ),
        Scenario::new(
            "5.5.1: a close while the peer is inside a message",
            [
                Step::text_more(B, "half"),
                Step::Settle,
                Step::close(A, 1001, ""),
                Step::text_more(B, "way"),
                Step::Settle,
                Step::text(B, "refused"),
            ],
            Ending::Clean(1001, 1001),
        ),
        Scenario::new(
            "a second close has no effect",
            [
                Step::close(A, 1000, "first"),
                Step::close(A, 1001, "second"),
                Step::Settle,
                Step::close(B, 1002, ""),
            ],
            Ending::Clean(1000, 1000),
        ),
        Scenario::new(
            "7.4.1: a server says 1011 where a client may say 1010",
            [Step::close(A, 1011, "no extension")],
            Ending::Clean(1011, 1011),
        ),
        Scenario::new(
            "7.1.1: after the close nothing is due, however long it takes",
            [Step::close(A, 1000, ""), Step::Advance(secs(1000)), Step::ping(A, b"refused")],
            Ending::Clean(1000, 1000),
        ),
    ]
}

/// The transport ends or is lost: 7.1.5, 7.1.7, 7.2.1.
fn ends() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "7.2.1: the end of the transport without a close is 1006",
            [Step::Eof(A)],
            Ending::Abnormal(1006, 1006),
        ),
        Scenario::new(
            "7.2.1: a reset is 1006 on both sides",
            [Step::text(A, "lost"), Step::Reset],
            Ending::Abnormal(1006, 1006),
        ),
        Scenario::new(
            "an end inside a message loses the message",
            [Step::text_more(A, "half"), Step::Eof(A)],
            Ending::Abnormal(1006, 1006),
        ),
        Scenario::new(
            "what came before the end arrives",
            [Step::text(A, "whole"), Step::Eof(A)],
            Ending::Abnormal(1006, 1006),
        ),
        Scenario::new(
            "a half-closed peer still gets its answer",
            [Step::ping(A, b"last"), Step::Eof(A), Step::text(B, "and this")],
            Ending::Abnormal(1006, 1006),
        ),
        Scenario::new(
            "a reset between both closes leaves one side unanswered",
            [Step::close(A, 1000, ""), Step::Deliver(B, 1000), Step::Reset],
            Ending::Abnormal(1006, 1000),
        ),
        Scenario::new(
            "an end after a close is a half-closed peer that said goodbye",
            [Step::close(A, 1000, ""), Step::Eof(A)],
            Ending::Clean(1000, 1000),
        ),
        Scenario::new(
            "both ends at once",
            [Step::Eof(A), Step::Eof(B), Step::text(A, "nowhere")],
            Ending::Abnormal(1006, 1006),
        ),
    ]
}

fn all() -> Vec<Scenario> {
    [messages(), fragments(), pings(), closes(), ends()].concat()
}

/// W-059, W-061, W-065 to W-069, W-071, W-073 to W-080, W-082, W-084, W-086 to W-095, W-098,
/// W-099, W-101 to W-107, W-115: every row, at every cut, for both roles.
#[test]
fn every_scenario_ends_the_same_however_it_is_cut() {
    for scenario in all() {
        scenario.check();
    }
}

/// Every row in random pieces, with another seed each.
#[test]
fn every_scenario_ends_the_same_in_random_pieces() {
    for_seeds(0..20, |random| {
        for scenario in all() {
            scenario.check_random(random);
        }
    });
}

/// W-111: the end of either direction at every byte, and the loss of both. No message is
/// reported that was not complete, and both sides come to an end.
#[test]
fn every_scenario_survives_an_end_and_a_reset_at_every_byte() {
    for scenario in all() {
        scenario.check_every_end();
    }
}

/// W-090: closes that cross each other, messages and pings in every order of frames.
#[test]
fn closes_that_cross_are_clean_in_every_order() {
    let rows = [
        Scenario::new(
            "both close",
            [Step::close(A, 1000, "a"), Step::close(B, 1001, "b")],
            Ending::Clean(0, 0),
        ),
        Scenario::new(
            "both close without a code",
            [Step::Close(A, None), Step::Close(B, None)],
            Ending::Clean(0, 0),
        ),
        Scenario::new(
            "both close, with a message and a ping before",
            [
                Step::text(A, "a"),
                Step::close(A, 1000, ""),
                Step::ping(B, b"?"),
                Step::close(B, 1000, ""),
            ],
            Ending::Clean(0, 0),
        ),
        Scenario::new(
            "a close inside the peer's message",
            [
                Step::binary_more(A, b"1"),
                Step::close(B, 1001, ""),
                Step::binary_more(A, b"2"),
                Step::binary(A, b"3"),
            ],
            Ending::Clean(0, 0),
        ),
        Scenario::new(
            "pings both ways and a close",
            [Step::ping(A, b"a"), Step::ping(B, b"b"), Step::close(A, 1000, "")],
            Ending::Clean(0, 0),
        ),
        Scenario::new(
            "messages and pings without a close",
            [
                Step::text_more(A, "a"),
                Step::ping(A, b"?"),
                Step::binary(B, b"b"),
                Step::text(A, "c"),
            ],
            Ending::Open,
        ),
    ];
    for row in rows {
        let orders = row.check_every_order();
        assert!(orders > 10, "{}: {orders}", row.name);
    }
}

/// W-065, W-066: around the length whose header has 64 bits of length.
#[test]
fn long_messages_arrive_in_random_pieces() {
    for len in [65_535, 65_536] {
        let steps =
            [Step::binary_more(A, &vec![1; len]), Step::ping(A, b"?"), Step::binary(A, b"")];
        let scenario = Scenario::new("5.2: around 64 KiB", steps, Ending::Open);
        for_seeds(0..3, |random| scenario.check_random(random));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// W-078: any messages in any fragmentation, with control frames between, partly
    /// delivered.
    #[test]
    fn any_conversation_arrives_as_it_was_said(steps in steps(6), seed in any::<u64>()) {
        let scenario = Scenario::new("a random conversation", steps, Ending::Open);
        scenario.check_random(&Random::new(seed));
    }

    /// The same, with a close somewhere.
    #[test]
    fn any_conversation_can_be_closed(
        mut steps in steps(6),
        at in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        steps.insert(at.index(steps.len() + 1), Step::close(A, 1000, "enough"));
        let scenario = Scenario::new("a random conversation with a close", steps, Ending::Clean(1000, 1000));
        scenario.check_random(&Random::new(seed));
    }
}
