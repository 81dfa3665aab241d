//! The vectors of data/event-stream-vectors.json: the examples of the standard, the web platform
//! tests, and cases derived from the standard's text. Each whole, at every cut, and byte by byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use serde::Deserialize;
use support::decode;
use tidings_sse::Limits;
use tidings_testkit::event_stream::Heard;

#[derive(Deserialize)]
struct Vector {
    name: String,
    input_hex: String,
    expected: Vec<Expected>,
    retry: Option<u64>,
    last_event_id: String,
}

#[derive(Deserialize)]
struct Expected {
    event: String,
    data: String,
    id: String,
}

fn vectors() -> Vec<Vector> {
    let json = include_str!("data/event-stream-vectors.json");
    let vectors: Vec<Vector> = serde_json::from_str(json).expect("the file is as it was");
    assert_eq!(vectors.len(), 96);
    vectors
}

impl Vector {
    fn stream(&self) -> Vec<u8> {
        let hex = self.input_hex.as_bytes().chunks(2);
        hex.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn check<'a>(&self, slices: impl IntoIterator<Item = &'a [u8]> + Clone, cuts: &str) {
        let outcome = decode(Limits::DEFAULT, slices);
        let expected: Vec<Heard> = self
            .expected
            .iter()
            .map(|said| Heard::event(&said.event, &said.data, &said.id))
            .collect();
        let name = &self.name;
        assert_eq!(outcome.events(), expected.iter().collect::<Vec<_>>(), "{name}, {cuts}");
        assert_eq!(outcome.reconnection_time_ms, self.retry, "{name}, {cuts}");
        assert_eq!(outcome.last_event_id, self.last_event_id, "{name}, {cuts}");
    }
}

/// E-001 to E-019
#[test]
fn every_vector_holds_whole_and_byte_by_byte() {
    for vector in vectors() {
        let stream = vector.stream();
        vector.check([&stream[..]], "whole");
        vector.check(stream.chunks(1), "byte by byte");
    }
}

/// E-001 to E-019
#[test]
fn every_vector_holds_at_every_cut() {
    for vector in vectors() {
        let stream = vector.stream();
        // The one long vector is a run of one letter: only its ends matter.
        let long = stream.len() > 4096;
        for cut in (0..=stream.len()).filter(|cut| !long || cut.min(&(stream.len() - cut)) < &32) {
            let (head, tail) = stream.split_at(cut);
            vector.check([head, tail], &format!("cut at {cut}"));
        }
    }
}

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_every_vector_holds_at_every_cut() {
    for vector in vectors() {
        let stream = vector.stream();
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            vector.check([head, tail], &format!("cut at {cut}"));
        }
    }
}
